"""The one reader: what a definition says, and everything that can be wrong with its structure."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagwright.definition.graph import Graph, Parameter, read_definition
from dagwright.errors import DefinitionError, Problem


def step(name: str, *after: Any, kind: str = "Processing", reads: Any = None, **more: Any) -> dict[str, Any]:
    """A step that waits for `after` and refers to the text, or texts, `reads`."""
    texts = [reads] if isinstance(reads, str) else reads or []
    arguments = {"Environment": {f"E{number}": {"Get": text} for number, text in enumerate(texts)}}
    envelope: dict[str, Any] = {"Name": name, "Type": kind, "Arguments": arguments, **more}
    return {**envelope, "DependsOn": list(after)} if after else envelope


def condition(name: str, if_steps: Any = (), else_steps: Any = (), reads: str = "", **more: Any) -> dict[str, Any]:
    left: Any = {"Get": reads} if reads else 1
    conditions = [{"Type": "Equals", "LeftValue": left, "RightValue": 1}]
    arguments = {"Conditions": conditions, "IfSteps": list(if_steps), "ElseSteps": list(else_steps)}
    return {"Name": name, "Type": "Condition", "Arguments": arguments, **more}


def evaluator(file: str = "Report", output: str = "evaluation", **more: Any) -> dict[str, Any]:
    outputs = {"ProcessingOutputConfig": {"Outputs": [{"OutputName": "evaluation"}]}}
    files = [{"PropertyFileName": file, "OutputName": output, "FilePath": "evaluation.json"}]
    return {"Name": "Evaluate", "Type": "Processing", "Arguments": outputs, "PropertyFiles": files, **more}


def report(name: str = "Evaluate", file: str = "Report") -> dict[str, Any]:
    source = {"PropertyFile": {"Get": f"Steps.{name}.PropertyFiles.{file}"}, "Path": "a.b"}
    return {"Name": "Reader", "Type": "Lambda", "Arguments": {"value": {"Std:JsonGet": source}}}


def graph_of(*steps: dict[str, Any], parameters: Any = ()) -> Graph:
    return read_definition({"Version": "2020-12-01", "Parameters": list(parameters), "Steps": list(steps)})


def problems_of(definition: Any) -> list[Problem]:
    with pytest.raises(DefinitionError) as caught:
        read_definition(definition)
    return list(caught.value.problems)


# --- what is read -------------------------------------------------------------------------------------------------


def test_a_definition_is_read_from_text_bytes_or_object() -> None:
    definition = {"Steps": [step("A"), step("B", "A")]}
    text = json.dumps(definition)
    for source in (definition, text, text.encode(), text.encode("utf-16"), "\ufeff" + text):
        assert read_definition(source).order() == ("A", "B")
    assert read_definition(definition).definition is definition


def test_data_order_and_branch_all_make_a_step_wait() -> None:
    graph = graph_of(
        step(
            "Train", reads=["Steps.Prepare.ProcessingOutputConfig.Outputs['train'].S3Output.S3Uri", "Steps.Prepare.X"]
        ),
        step("Prepare"),
        step("Notify", "Train", kind="Lambda"),
        condition(
            "Check",
            [step("Register", "Notify", reads="Steps.Train.ModelArtifacts.S3ModelArtifacts")],
            [],
            "Steps.Train.A",
        ),
    )
    assert dict(graph.predecessors) == {
        "Train": ("Prepare",),
        "Prepare": (),
        "Notify": ("Train",),
        "Check": ("Train",),
        "Register": ("Check", "Notify", "Train"),
    }
    assert graph.successors["Train"] == ("Notify", "Check", "Register")
    assert graph.order() == ("Prepare", "Train", "Notify", "Check", "Register")
    assert list(graph.steps) == ["Train", "Prepare", "Notify", "Check", "Register"]


def test_references_count_wherever_they_stand_in_a_step() -> None:
    beside = step("Call", kind="Lambda", FunctionArn={"Get": "Steps.Create.FunctionArn"})
    joined = {"Std:Join": {"On": "", "Values": ["x", {"Std:Join": {"On": "", "Values": [{"Get": "Steps.Call.A"}]}}]}}
    nested = {"Name": "Last", "Type": "Model", "Arguments": {"a": [{"b": joined}]}}
    graph = graph_of(nested, beside, step("Create"))
    assert graph.order() == ("Create", "Call", "Last")


def test_the_s3_form_of_json_get_waits_only_for_what_its_address_reads() -> None:
    def reader(address: Any) -> dict[str, Any]:
        return {"Name": "R", "Type": "Lambda", "Arguments": {"v": {"Std:JsonGet": {"S3Uri": address, "Path": "a"}}}}

    address = {"Std:Join": {"On": "/", "Values": [{"Get": "Steps.Train.OutputDataConfig.S3OutputPath"}, "r.json"]}}
    assert graph_of(step("Train"), reader(address)).predecessors["R"] == ("Train",)
    assert graph_of(step("Train"), reader("s3://bucket/r.json")).predecessors["R"] == ()


def test_a_property_file_makes_a_step_wait_and_is_declared_on_the_step() -> None:
    graph = graph_of(report(), evaluator())
    assert graph.predecessors["Reader"] == ("Evaluate",)
    assert dict(graph.steps["Evaluate"].property_files) == {"Report": ("evaluation", "evaluation.json")}


def test_steps_in_branches_know_their_condition() -> None:
    graph = graph_of(condition("Check", [step("A"), step("B")], [step("C", kind="Fail")]), step("D"))
    where = {name: (found.condition, found.branch) for name, found in graph.steps.items()}
    assert where == {
        "Check": (None, None),
        "A": ("Check", "IfSteps"),
        "B": ("Check", "IfSteps"),
        "C": ("Check", "ElseSteps"),
        "D": (None, None),
    }
    check = graph.steps["Check"]
    assert (check.if_steps, check.else_steps) == (("A", "B"), ("C",))
    assert check.conditions == [{"Type": "Equals", "LeftValue": 1, "RightValue": 1}]


def test_nested_conditions_are_read() -> None:
    graph = graph_of(
        step("A"),
        condition(
            "B",
            [condition("C", [step("E")], [step("F")], reads="Steps.A.X")],
            [step("D")],
            reads="Steps.A.X",
        ),
        step("G", "E", "I"),
        step("H", reads="Steps.G.X"),
        step("I", "D"),
    )
    assert graph.predecessors["E"] == ("C",)
    assert graph.predecessors["C"] == ("B", "A")
    assert graph.predecessors["G"] == ("E", "I")
    assert graph.order() == ("A", "B", "C", "E", "F", "D", "I", "G", "H")


def test_the_outcome_of_a_condition_can_be_read_and_its_name_depended_on() -> None:
    graph = graph_of(
        step("Tell", kind="Fail", reads="Steps.Check.Outcome"),
        condition("Check", [step("Inside", "Check")]),
        step("After", "Check"),
    )
    assert graph.predecessors["Tell"] == ("Check",)
    assert graph.predecessors["After"] == ("Check",)
    assert graph.predecessors["Inside"] == ("Check",)


def test_triggers_are_kept() -> None:
    graph = graph_of(step("A"), step("B", {"Step": "A", "Trigger": "Failed"}), step("C", "A", {"Step": "B"}))
    assert graph.steps["B"].depends_on == (("A", "Failed"),)
    assert graph.steps["C"].depends_on == (("A", "Completed"), ("B", "Completed"))
    assert [(edge.source, edge.target, edge.label) for edge in graph.edges()] == [
        ("A", "B", "Failed"),
        ("A", "C", ""),
        ("B", "C", ""),
    ]


def test_a_pair_of_steps_has_one_edge() -> None:
    graph = graph_of(
        step("A"),
        step("B", "A", reads="Steps.A.X"),
        condition("C", [step("D", "C", "B")], [step("E", reads="Steps.C.Outcome")]),
    )
    assert [(edge.source, edge.target, edge.kind, edge.label) for edge in graph.edges()] == [
        ("A", "B", "data", ""),
        ("C", "D", "branch", "if"),
        ("B", "D", "order", ""),
        ("C", "E", "branch", "else"),
    ]


def test_order_keeps_the_document_where_it_can() -> None:
    assert graph_of(step("C"), step("B"), step("A")).order() == ("C", "B", "A")
    assert graph_of(step("C", "A"), step("B"), step("A")).order() == ("B", "A", "C")
    assert graph_of(step("X", "Z"), step("Y"), step("Z"), step("W")).order() == ("Y", "Z", "X", "W")


def test_unknown_types_and_keys_pass_through() -> None:
    graph = graph_of(step("A", kind="Quantum", Flavour="charm"), step("B", reads="Steps.A.Spin"))
    assert graph.steps["A"].type == "Quantum"
    assert graph.steps["A"].envelope["Flavour"] == "charm"
    assert graph.order() == ("A", "B")


def test_a_for_each_step_is_read_as_one_step() -> None:
    body = [
        step("Train", reads=["ForEach.CurrentItem.uri", "Steps.Prepare.X"]),
        step("Use", reads="IterationOutput.Train.Y"),
    ]
    arguments = {"IterableItems": ["a"], "MaxConcurrency": 2, "ForEachBody": body}
    each = {"Name": "Each", "Type": "ForEach", "Arguments": arguments}
    graph = graph_of(each, step("Prepare"), step("Last", reads="Steps.Each.IterationOutputs[0].Train.Y"))
    assert list(graph.steps) == ["Each", "Prepare", "Last"]
    assert graph.order() == ("Prepare", "Each", "Last")


def test_a_step_needs_no_arguments() -> None:
    graph = read_definition({"Steps": [{"Name": "A", "Type": "Fail"}, {"Name": "B", "Type": "X", "Arguments": None}]})
    assert graph.steps["A"].arguments == {}
    assert graph.steps["B"].conditions == []


def test_an_empty_pipeline_is_a_pipeline() -> None:
    graph = read_definition('{"Steps": []}')
    assert (graph.order(), list(graph.edges()), dict(graph.parameters)) == ((), [], {})


def test_parameters_are_read_and_a_missing_type_is_inferred() -> None:
    described = {"Name": "S", "Type": "String", "DefaultValue": "a", "EnumValues": ["a", "b"], "Description": "which"}
    defaults = {"I": 5, "F": 0.5, "B": False, "T": "text"}
    untyped = [{"Name": name, "DefaultValue": default} for name, default in defaults.items()]
    graph = graph_of(parameters=[described, {"Name": "N", "Type": "Integer"}, *untyped, {"Name": "Z"}])
    assert graph.parameters["S"] == Parameter("S", "String", "a", True, ("a", "b"), "which")
    assert graph.parameters["N"] == Parameter("N", "Integer")
    assert [graph.parameters[name].type for name in "IFBTZ"] == ["Integer", "Float", "Boolean", "String", "String"]
    assert not graph.parameters["Z"].has_default


# --- what is refused ----------------------------------------------------------------------------------------------

BROKEN: list[tuple[str, Any, str, str]] = [
    ("not-json", "", "Expecting value", "line 1, column 1"),
    ("not-json", '{\n  "Steps": [,]\n}', "Expecting value", "line 2, column 13"),
    ("not-json", "[]", "not an object", ""),
    ("not-json", '"Steps"', "not an object", ""),
    ("not-json", '{"Steps": [], "Metadata": {"a": NaN}}', "NaN is not a JSON value", ""),
    ("not-json", '{"Steps": [], "Metadata": {"a": -Infinity}}', "-Infinity is not a JSON value", ""),
    ("not-json", "[" * 100_000, "nested too deeply", ""),
    ("not-json", '{"Steps": [], "Extra": ' + "[" * 600 + "]" * 600 + "}", "nested more than 400 deep", ""),
    ("not-json", '{"Steps": [{"Name": "a\\ud800", "Type": "Fail"}]}', "half of a surrogate pair", ""),
    ("not-json", '{"a": ' + "9" * 5_000 + "}", "digits", ""),
    ("not-json", b'{"Steps": "\xff"}', "utf-8", ""),
    ("no-steps", {}, "Steps is missing", "Steps"),
    ("no-steps", {"Steps": {"A": {}}}, "Steps is not a list", "Steps"),
    ("step-shape", {"Steps": ["A"]}, "a step is an object", "Steps[0]"),
    ("step-without-name", {"Steps": [step("A"), {"Type": "Fail"}]}, "no Name", "Steps[1]"),
    ("step-without-name", {"Steps": [{"Name": 7, "Type": "Fail"}]}, "no Name", "Steps[0]"),
    (
        "step-without-name",
        {"Steps": [condition("C", [], [step("A"), {"Type": "Fail"}])]},
        "no Name",
        "Steps[0].Arguments.ElseSteps[1]",
    ),
    ("step-without-type", {"Steps": [{"Name": "A"}]}, "no Type", "A: Type"),
    ("arguments-shape", {"Steps": [step("A", Arguments=[])]}, "not an object", "A: Arguments"),
    (
        "condition-shape",
        {"Steps": [{"Name": "C", "Type": "Condition", "Arguments": {"Conditions": [], "IfSteps": {}}}]},
        "IfSteps is not a list",
        "C: Arguments.IfSteps",
    ),
    ("duplicate-step", {"Steps": [step("A"), step("A")]}, "two steps are named 'A'", "Steps[1]"),
    (
        "duplicate-step",
        {"Steps": [step("A"), condition("C", [step("A")])]},
        "two steps are named 'A'",
        "Steps[1].Arguments.IfSteps[0]",
    ),
    ("duplicate-step", {"Steps": [condition("C", [step("A")], [step("A")])]}, "both branches of 'C'", "ElseSteps[0]"),
    ("depends-on-shape", {"Steps": [step("A"), step("B", DependsOn="A")]}, "not a list", "B: DependsOn"),
    ("depends-on-shape", {"Steps": [step("A"), step("B", 5)]}, "a step name", "B: DependsOn[0]"),
    ("depends-on-shape", {"Steps": [step("A"), step("B", {"Trigger": "Any"})]}, "a step name", "B: DependsOn[0]"),
    ("unknown-step", {"Steps": [step("Train"), step("B", "Trian")]}, "did you mean 'Train'?", "B: DependsOn[0]"),
    (
        "unknown-step",
        {"Steps": [step("Train"), step("B", reads="Steps.Trian.ModelName")]},
        "did you mean 'Train'?",
        "B: Arguments.Environment.E0",
    ),
    (
        "unknown-step",
        {"Steps": [], "PipelineExperimentConfig": {"TrialName": {"Get": "Steps.A.B"}}},
        "'A'",
        "TrialName",
    ),
    (
        "unknown-parameter",
        {"Parameters": [{"Name": "Rate", "Type": "Float"}], "Steps": [step("A", reads="Parameters.rate")]},
        "did you mean 'Rate'?",
        "A: Arguments.Environment.E0",
    ),
    ("unknown-parameter", {"Steps": [step("A", reads="Parameters.P")]}, "declare it under Parameters", "A: "),
    ("parameters-shape", {"Parameters": {}, "Steps": []}, "not a list", "Parameters"),
    ("parameter-shape", {"Parameters": ["P"], "Steps": []}, "a parameter is an object", "Parameters[0]"),
    ("parameter-without-name", {"Parameters": [{"Type": "String"}], "Steps": []}, "no Name", "Parameters[0]"),
    (
        "unknown-parameter-type",
        {"Parameters": [{"Name": "P", "Type": "Int"}], "Steps": []},
        "'Int'",
        "Parameters[0]",
    ),
    (
        "duplicate-parameter",
        {"Parameters": [{"Name": "P", "Type": "String"}] * 2, "Steps": []},
        "declared twice",
        "Parameters[1]",
    ),
    (
        "unknown-property-file",
        {"Steps": [evaluator(), report(file="Raport")]},
        "did you mean 'Report'?",
        "PropertyFile",
    ),
    ("unknown-property-file", {"Steps": [step("Evaluate"), report()]}, "declare it", "PropertyFile"),
    ("unknown-output", {"Steps": [evaluator(output="evaluatoin")]}, "did you mean 'evaluation'?", "PropertyFiles[0]"),
    (
        "unknown-output",
        {"Steps": [evaluator(Arguments={"ProcessingOutputConfig": {"Outputs": 1}})]},
        "names none",
        "PropertyFiles[0]",
    ),
    ("unknown-output", {"Steps": [evaluator(Arguments={})]}, "names none", "PropertyFiles[0]"),
    ("property-file-shape", {"Steps": [evaluator(PropertyFiles=[{"FilePath": "a"}])]}, "has the texts", "[0]"),
    (
        "duplicate-property-file",
        {"Steps": [evaluator(PropertyFiles=evaluator()["PropertyFiles"] * 2)]},
        "declared twice",
        "PropertyFiles[1]",
    ),
    ("malformed-expression", {"Steps": [step("A", reads="Stepz.A.B")]}, "did you mean 'Steps'?", "A: Arguments"),
    (
        "malformed-expression",
        {"Steps": [step("A", Arguments={"x": {"Std:Join": {"On": "/"}}})]},
        "needs a list of Values",
        "A: Arguments.x",
    ),
    ("malformed-expression", {"Steps": [], "MlflowConfig": {"Get": "Nothing"}}, "known root", "MlflowConfig"),
    ("cycle", {"Steps": [step("A", "B"), step("B", "A")]}, "A -> B -> A", "A: "),
    ("cycle", {"Steps": [step("A", reads="Steps.A.X")]}, "A -> A", "A: "),
    ("cycle", {"Steps": [step("S"), step("A", "C", "S"), step("B", "A"), step("C", "B")]}, "A -> B -> C -> A", "A: "),
    ("cycle", {"Steps": [condition("C", [step("A")], [], "Steps.A.X")]}, "C -> A -> C", "C: "),
    ("depends-on-fail", {"Steps": [step("F", kind="Fail"), step("A", "F")]}, "ends the execution", "A: DependsOn[0]"),
    (
        "depends-on-fail",
        {"Steps": [step("F", kind="Fail"), step("A", reads="Steps.F.ErrorMessage")]},
        "ends the execution",
        "A: Arguments.Environment.E0",
    ),
]


@pytest.mark.parametrize(
    ("code", "definition", "says", "where"), BROKEN, ids=[f"{index}-{entry[0]}" for index, entry in enumerate(BROKEN)]
)
def test_one_broken_definition_for_each_rule(code: str, definition: Any, says: str, where: str) -> None:
    (problem,) = problems_of(definition)
    assert problem.code == code
    assert says in str(problem)
    assert where in str(problem)


def test_all_problems_are_told_at_once() -> None:
    problems = problems_of(
        {
            "Parameters": [{"Name": "P", "Type": "String"}, {"Name": "P", "Type": "String"}],
            "Steps": [
                step("A", "B", "Nobody", reads=["Parameters.Q", "Nonsense"]),
                step("B", "A"),
                {"Name": "C"},
                step("D", "E"),
                step("E", "D"),
            ],
        }
    )
    assert sorted(problem.code for problem in problems) == [
        "cycle",
        "cycle",
        "duplicate-parameter",
        "malformed-expression",
        "step-without-type",
        "unknown-parameter",
        "unknown-step",
    ]


def test_the_error_counts_its_problems() -> None:
    with pytest.raises(DefinitionError, match="has a problem\n"):
        read_definition({"Steps": [{"Name": "A"}]})
    with pytest.raises(DefinitionError, match="has 2 problems\n"):
        read_definition({"Steps": [{"Name": "A"}, {"Name": "B"}]})


def test_a_long_cycle_is_told_in_short() -> None:
    (problem,) = problems_of({"Steps": [step(f"S{n}", f"S{(n - 1) % 5000}") for n in range(5000)]})
    assert "S0 -> S1" in problem.what
    assert "-> (4990 more) ->" in problem.what
    assert problem.what.endswith("S4999 -> S0")


# --- properties ---------------------------------------------------------------------------------------------------

JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)
KEYS = [
    *("Name", "Type", "Arguments", "DependsOn", "Step", "Trigger", "Steps", "Parameters"),
    *("Conditions", "IfSteps", "ElseSteps", "Get", "Std:Join", "On", "Values", "Std:JsonGet", "Path", "S3Uri"),
    *(
        "PropertyFile",
        "PropertyFiles",
        "PropertyFileName",
        "OutputName",
        "FilePath",
        "ProcessingOutputConfig",
        "Outputs",
    ),
]
WORDS = st.sampled_from(["A", "B", "Condition", "Fail", "Steps.A.X", "Parameters.A", "Steps.A.PropertyFiles.B", ""])
SHAPED: st.SearchStrategy[Any] = st.recursive(
    WORDS | st.none() | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5),
    max_leaves=25,
)


@given(JSON | SHAPED | st.fixed_dictionaries({"Steps": st.lists(SHAPED, max_size=4), "Parameters": SHAPED}))
def test_any_json_is_a_graph_or_a_definition_error(value: Any) -> None:
    for source in (json.dumps(value), value if isinstance(value, dict) else {"Steps": value}):
        try:
            graph = read_definition(source)
        except DefinitionError as error:
            told = len(error.problems) > 0
        else:
            told = sorted(graph.order()) == sorted(graph.steps)
        assert told


@given(st.text() | st.binary())
def test_any_text_is_a_graph_or_a_definition_error(source: str | bytes) -> None:
    with pytest.raises(DefinitionError):
        read_definition(source)


@given(
    st.integers(1, 12).flatmap(
        lambda n: st.tuples(st.permutations(range(n)), st.sets(st.tuples(*[st.integers(0, n - 1)] * 2)))
    )
)
def test_order_respects_every_edge_of_a_random_graph(shape: tuple[list[int], set[tuple[int, int]]]) -> None:
    document, pairs = shape
    before: dict[int, list[int]] = {number: [] for number in document}
    for one, other in pairs:
        if one != other:
            before[max(one, other)].append(min(one, other))
    steps = [step(f"S{number}", *(f"S{source}" for source in before[number])) for number in document]
    graph = graph_of(*steps)
    position = {name: index for index, name in enumerate(graph.order())}
    assert sorted(position) == sorted(graph.steps)
    assert all(position[edge.source] < position[edge.target] for edge in graph.edges())


# --- size ---------------------------------------------------------------------------------------------------------


def row(length: int) -> list[dict[str, Any]]:
    return [step(f"S{n}", reads=f"Steps.S{n - 1}.X" if n else None) for n in range(length)]


def diamonds(count: int) -> list[dict[str, Any]]:
    steps = [step("J0")]
    for n in range(count):
        steps += [step(f"L{n}", f"J{n}"), step(f"R{n}", f"J{n}"), step(f"J{n + 1}", f"L{n}", f"R{n}")]
    return steps


def fan(width: int) -> list[dict[str, Any]]:
    return [step("A"), *(step(f"B{n}", "A") for n in range(width)), step("Z", *(f"B{n}" for n in range(width)))]


@pytest.mark.parametrize(
    ("steps", "count"),
    [(lambda: row(10_000), 10_000), (lambda: diamonds(1_000), 3_001), (lambda: fan(2_000), 2_002)],
    ids=["row", "diamonds", "fan"],
)
def test_large_pipelines_are_read_at_once(steps: Callable[[], list[dict[str, Any]]], count: int) -> None:
    definition = {"Steps": steps()[::-1]}
    begun = time.process_time()
    graph = read_definition(definition)
    edges = sum(1 for _ in graph.edges())
    assert time.process_time() - begun < 1.5
    assert len(graph.order()) == count
    assert edges >= count - 1


def test_many_mistakes_are_told_at_once_too() -> None:
    steps = [step(f"Step{n}", f"Stop{n}", reads=f"Parameters.P{n}") for n in range(3_000)]
    begun = time.process_time()
    assert len(problems_of({"Steps": steps})) == 6_000
    assert time.process_time() - begun < 5


def test_depth_costs_no_stack() -> None:
    nested: Any = {"Get": "Steps.Last.X"}
    inner = step("Last")
    for number in range(3_000):
        nested = [nested, number]
        inner = condition(f"C{number}", [inner])
    graph = graph_of(step("Deep", Arguments={"a": nested}), inner)
    assert graph.predecessors["Deep"] == ("Last",)
    assert graph.order()[-2:] == ("Last", "Deep")
