"""What two definitions differ in: nothing is missed, and nothing is shown that is no change."""

from __future__ import annotations

import copy
import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagwright.definition.diff import Change, Difference, compare, field_changes
from dagwright.definition.diff_values import Expression, exact, readable

GOLDEN = Path(__file__).parents[1] / "golden"


def step(name: str, kind: str = "Processing", **more: Any) -> dict[str, Any]:
    return {"Name": name, "Type": kind, "Arguments": {}, **more}


def condition(name: str, if_steps: Any = (), else_steps: Any = ()) -> dict[str, Any]:
    arguments = {"Conditions": [], "IfSteps": list(if_steps), "ElseSteps": list(else_steps)}
    return {"Name": name, "Type": "Condition", "Arguments": arguments}


def definition(*steps: Any, **more: Any) -> dict[str, Any]:
    return {"Version": "2020-12-01", "Steps": list(steps), **more}


def changes(old: Any, new: Any) -> list[tuple[str, str, Any, Any]]:
    """The fields in which the arguments of the one step differ."""
    before, after = (definition(step("A", Arguments=arguments)) for arguments in (old, new))
    found = compare(before, after)
    assert not found.fields
    fields = found.steps[0].fields if found.steps else ()
    return [(one.kind, one.path.removeprefix("Arguments."), one.old, one.new) for one in fields]


# --- what is a change ---------------------------------------------------------------------------------------------


def test_steps_are_added_removed_and_changed_by_name() -> None:
    old = definition(step("A"), step("B"), step("C", Description="x"))
    new = definition(step("C", Description="y"), step("A"), step("D", "Lambda"))
    found = compare(old, new)
    assert [(one.kind, one.name, one.type) for one in found.steps] == [
        ("changed", "C", "Processing"),
        ("added", "D", "Lambda"),
        ("removed", "B", "Processing"),
    ]
    assert found.steps[0].fields == (Change("changed", "Description", "x", "y"),)


def test_a_step_that_moves_in_or_out_of_a_branch_is_said_to_move() -> None:
    old = definition(condition("If", [step("A")]), step("B"))
    new = definition(condition("If", [], [step("A"), step("B"), step("C")]))
    found = {one.name: one for one in compare(old, new).steps}
    assert found["A"].fields == (Change("moved", "", "if branch of If", "else branch of If"),)
    assert found["B"].fields == (Change("moved", "", "outside of conditions", "else branch of If"),)
    assert (found["C"].kind, found["C"].branch) == ("added", "else branch of If")
    assert "If" not in found


def test_a_field_is_named_by_its_whole_path() -> None:
    old = {"Environment": {"A": "1", "a b": "x"}, "Resources": {"Count": 1}}
    new = {"Environment": {"a b": "y", "B": "2"}, "Resources": {"Count": 2}}
    assert changes(old, new) == [
        ("changed", "Environment['a b']", "x", "y"),
        ("added", "Environment.B", None, "2"),
        ("removed", "Environment.A", "1", None),
        ("changed", "Resources.Count", 1, 2),
    ]


@pytest.mark.parametrize(
    ("member", "label"),
    [
        ("ProcessingInputs", "InputName"),
        ("Outputs", "OutputName"),
        ("InputDataConfig", "ChannelName"),
        ("MetricDefinitions", "Name"),
        ("Tags", "Key"),
    ],
)
def test_elements_with_names_are_found_by_name(member: str, label: str) -> None:
    old = {member: [{label: "a", "X": 1}, {label: "b", "X": 1}]}
    new = {member: [{label: "new", "X": 1}, {label: "b", "X": 2}, {label: "a", "X": 1}]}
    assert changes(old, new) == [
        ("added", f"{member}[new]", None, {label: "new", "X": 1}),
        ("changed", f"{member}[b].X", 1, 2),
    ]


def test_elements_of_which_two_have_one_name_are_found_by_number() -> None:
    old = {"MetricDefinitions": [{"Name": "a", "Regex": "1"}, {"Name": "a", "Regex": "2"}]}
    new = {"MetricDefinitions": [{"Name": "a", "Regex": "1"}, {"Name": "a", "Regex": "3"}]}
    assert changes(old, new) == [("changed", "MetricDefinitions[1].Regex", "2", "3")]


def test_parameters_are_found_by_name() -> None:
    one, other = {"Name": "Seed", "Type": "Integer", "DefaultValue": 7}, {"Name": "Rate", "Type": "Float"}
    found = compare(definition(Parameters=[one]), definition(Parameters=[other, {**one, "DefaultValue": 8}]))
    assert [(one.kind, one.path, one.old, one.new) for one in found.fields] == [
        ("added", "Parameters[Rate]", None, other),
        ("changed", "Parameters[Seed].DefaultValue", 7, 8),
    ]


def test_an_argument_more_does_not_change_those_after_it() -> None:
    old = {"ContainerArguments": ["--a", "1", "--b", "2"]}
    assert changes(old, {"ContainerArguments": ["--a", "1", "--new", "--b", "2"]}) == [
        ("added", "ContainerArguments[2]", None, "--new")
    ]
    assert changes(old, {"ContainerArguments": ["--a", "3", "--b", "2"]}) == [
        ("changed", "ContainerArguments[1]", "1", "3")
    ]
    assert changes(old, {"ContainerArguments": ["--b", "2"]}) == [
        ("removed", "ContainerArguments[0]", "--a", None),
        ("removed", "ContainerArguments[1]", "1", None),
    ]


def test_the_order_of_arguments_and_of_containers_counts() -> None:
    assert changes({"ContainerArguments": ["a", "b"]}, {"ContainerArguments": ["b", "a"]})
    assert changes({"Containers": [{"Image": "a"}, {"Image": "b"}]}, {"Containers": [{"Image": "b"}, {"Image": "a"}]})


def test_one_and_one_point_zero_are_two_texts_to_a_join() -> None:
    assert changes({"A": 1}, {"A": 1.0})
    assert changes({"A": 1}, {"A": True})
    assert changes({"A": 1}, {"A": "1"})


@pytest.mark.parametrize("kind", ["Lambda", "Callback"])
def test_what_a_program_is_handed_is_compared_to_the_letter(kind: str) -> None:
    for old, new in (({"A": None}, {}), ({"A": []}, {}), ({"Subnets": ["a", "b"]}, {"Subnets": ["b", "a"]})):
        before, after = definition(step("L", kind, Arguments=old)), definition(step("L", kind, Arguments=new))
        assert compare(before, after), (old, new)
        assert not compare(before, copy.deepcopy(before))


def test_code_that_differs_only_in_its_hash_is_code_that_changed() -> None:
    old, new = (f"s3://bucket/code/training/{digit * 64}/train.py" for digit in "ab")
    (found,) = field_changes({"Uri": old}, {"Uri": new})
    assert (found.kind, found.hashes) == ("code", ("a" * 7, "b" * 7))
    (joined,) = field_changes({"Uri": json.dumps(old)}, {"Uri": json.dumps(new)})
    assert joined.kind == "code"
    (moved,) = field_changes({"Uri": old}, {"Uri": new.replace("bucket", "other")})
    assert moved.kind == "changed"
    digests = (f"registry/image@sha256:{digit * 64}" for digit in "ab")
    (image,) = field_changes(*({"ImageUri": uri} for uri in digests))
    assert image.kind == "changed", "an image is no code of ours"


# --- what is none -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"A": 1, "B": 2}, {"B": 2, "A": 1}),
        ({"A": None}, {}),
        ({"Environment": {}}, {}),
        ({"Environment": None}, {"Environment": {}}),
        ({"VpcConfig": {"Subnets": ["a", "b"]}}, {"VpcConfig": {"Subnets": ["b", "a"]}}),
        ({"VpcConfig": {"SecurityGroupIds": ["a", "b"]}}, {"VpcConfig": {"SecurityGroupIds": ["b", "a"]}}),
        ({"InputDataConfig": [{"ChannelName": "a"}, {"ChannelName": "b"}]},) * 2,
        (
            {"InputDataConfig": [{"ChannelName": "a"}, {"ChannelName": "b"}]},
            {"InputDataConfig": [{"ChannelName": "b"}, {"ChannelName": "a"}]},
        ),
    ],
)
def test_noise_is_no_change(old: Any, new: Any) -> None:
    assert changes(old, new) == []


def test_what_the_sdk_writes_beside_the_steps_is_no_change() -> None:
    theirs = definition(step("A"), Metadata={}, MlflowConfig=None, PipelineExperimentConfig=None, Parameters=[])
    assert not compare(theirs, definition(step("A")))
    assert not compare(definition(step("A")), theirs)


def test_the_order_of_steps_and_of_what_they_wait_for_is_no_change() -> None:
    old = definition(step("A"), step("B"), step("C", DependsOn=["A", "B"]))
    new = definition(step("C", DependsOn=["B", "A"]), step("B"), step("A"))
    assert not compare(old, new)
    more = compare(old, definition(step("A"), step("B"), step("C", DependsOn=["B", "D"])))
    assert [(one.kind, one.path, one.old, one.new) for one in more.steps[0].fields] == [
        ("added", "DependsOn", None, "D"),
        ("removed", "DependsOn", "A", None),
    ]


@pytest.mark.parametrize("name", ["example/training.json", "vocabulary/everything.json"])
def test_a_definition_does_not_differ_from_itself(name: str) -> None:
    whole = json.loads((GOLDEN / name).read_text(encoding="utf-8"))
    assert compare(whole, copy.deepcopy(whole)) == Difference()


# --- values -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"Get": "Parameters.Seed"}, "${Parameters.Seed}"),
        (
            {"Std:Join": {"On": "/", "Values": ["s3://bucket", {"Get": "Execution.PipelineExecutionId"}, "x"]}},
            "s3://bucket/${Execution.PipelineExecutionId}/x",
        ),
        ({"Std:Join": {"On": "", "Values": [1, True, 0.5]}}, "1true0.5"),
        (
            {"Std:JsonGet": {"PropertyFile": {"Get": "Steps.E.PropertyFiles.R"}, "Path": "a.b"}},
            "${Steps.E.PropertyFiles.R at a.b}",
        ),
        ({"Std:JsonGet": {"S3Uri": "s3://b/x.json", "Path": "a"}}, "${s3://b/x.json at a}"),
        ({"Std:Later": [1]}, '{"Std:Later": [1]}'),
        ({"Std:Join": "nonsense"}, '{"Std:Join": "nonsense"}'),
        ({"Get": 3}, '{"Get": 3}'),
    ],
)
def test_expressions_are_read_as_what_they_come_to(value: Any, text: str) -> None:
    found = readable(value)
    assert isinstance(found, Expression)
    assert found == text
    assert readable({"A": [value]}) == {"A": [text]}


def test_a_text_that_only_looks_like_a_reference_is_told_from_one() -> None:
    reference = {"Get": "Parameters.Seed"}
    assert changes({"A": "${Parameters.Seed}"}, {"A": reference}) == [("changed", "A", "${Parameters.Seed}", reference)]


def test_what_changes_is_said_in_readable_values() -> None:
    assert changes({"A": "42"}, {"A": {"Get": "Parameters.Seed"}}) == [("changed", "A", "42", "${Parameters.Seed}")]
    assert compare(definition(), definition(step("A"), Parameters=[{"Name": "P"}])).as_json() == {
        "fields": [{"kind": "added", "path": "Parameters", "new": [{"Name": "P"}]}],
        "steps": [{"kind": "added", "name": "A", "type": "Processing"}],
    }


# --- anything -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "odd",
    [
        {},
        {"Steps": None},
        {"Steps": {"A": 1}},
        {"Steps": [None, 3, "x", [], {}, {"Name": 3}, {"Name": "A"}, {"Name": "A"}]},
        {"Steps": [{"Name": "If", "Type": "Condition", "Arguments": {"IfSteps": "x", "ElseSteps": [None]}}]},
        {"Steps": [{"Name": "L", "Type": "Lambda", "Arguments": [1]}]},
        {"Steps": [{"Name": "U", "Type": "Unheard", "Arguments": {"X": [[[]]]}, "More": {"Std:Join": 1}}]},
        {"Parameters": 3, "Steps": []},
    ],
)
def test_what_the_reader_would_refuse_is_compared_as_well(odd: dict[str, Any]) -> None:
    assert not compare(odd, copy.deepcopy(odd))
    assert compare({"Steps": [step("Other")]}, odd)
    assert compare(odd, {"Steps": [step("Other")]})


_SCALARS = st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from(["", "a", "b", "${Parameters.A}"])
_KEYS = st.sampled_from(["A", "B", "Get", "Std:Join", "Outputs", "DependsOn", "OutputName"])
_VALUES = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=3), max_leaves=8
)


@settings(max_examples=400, deadline=None)
@given(_VALUES, _VALUES)
def test_values_differ_if_and_only_if_a_change_is_found(old: Any, new: Any) -> None:
    wrapped = ({"X": old}, {"X": new})
    found = [*field_changes(*wrapped)]
    if exact(old) == exact(new):
        assert not found
    if not found and "DependsOn" not in exact(wrapped) and "Outputs" not in exact(wrapped):
        assert _squeezed(old) == _squeezed(new)
    assert bool(found) == bool([*field_changes(*reversed(wrapped))]), "whichever is the old one"


def _squeezed(value: Any) -> Any:
    """The value without anything that says nothing, wherever it stands."""
    if isinstance(value, dict) and not (len(value) == 1 and ("Get" in value or "Std:Join" in value)):
        members = {key: _squeezed(one) for key, one in value.items()}
        return {key: one for key, one in members.items() if one not in ("null", {}, [])} or "null"
    if isinstance(value, list):
        return [one for one in map(_squeezed, value) if one not in ("null", {}, [])] or "null"
    return exact(value)


def _deep(levels: int, leaf: Any) -> Any:
    for _ in range(levels):
        leaf = {"A": [leaf]}
    return leaf


def test_depth_costs_no_recursion() -> None:
    assert changes(_deep(190, 1), _deep(190, 2))[0][2:] == (1, 2)
    nested_old, nested_new = ({"Get": f"Parameters.{name}"} for name in "AB")
    for _ in range(190):
        nested_old, nested_new = ({"Std:Join": {"On": "", "Values": [one]}} for one in (nested_old, nested_new))
    assert changes({"X": nested_old}, {"X": nested_new}) == [("changed", "X", "${Parameters.A}", "${Parameters.B}")]
    inner_old, inner_new = step("Leaf", Description="x"), step("Leaf", Description="y")
    for number in range(190):
        inner_old, inner_new = (condition(f"If{number}", [one]) for one in (inner_old, inner_new))
    assert [one.name for one in compare(definition(inner_old), definition(inner_new)).steps] == ["Leaf"]


def test_two_thousand_steps_take_ten_times_as_long_as_two_hundred() -> None:
    def seconds(count: int) -> float:
        text = json.dumps(
            definition(*(step(f"S{n}", Arguments={"E": {f"K{k}": "v" for k in range(10)}}) for n in range(count)))
        )
        old, new = json.loads(text), json.loads(text.replace('"v"', '"w"'))
        start = time.process_time()
        assert len(compare(old, new).steps) == count
        return time.process_time() - start

    small = min(seconds(200) for _ in range(3))
    assert seconds(2000) < 30 * small + 0.2


def test_a_hash_that_comes_or_goes_is_no_change_of_code() -> None:
    address = f"s3://bucket/{'a' * 64}/train.py"
    assert changes({"S3Uri": "s3://bucket/#/train.py"}, {"S3Uri": address}) == [
        ("changed", "S3Uri", "s3://bucket/#/train.py", address)
    ]


def test_what_is_no_step_is_compared_with_one_that_is() -> None:
    (found,) = compare(definition(None), definition(step("a step without a name", "Lambda"))).steps
    assert (found.kind, [one.kind for one in found.fields]) == ("changed", ["added"])
