"""Names of variables, and what branches hand on."""

from __future__ import annotations

from dagwright.engines.stepfunctions.compiler.dynamic import ParameterValue, Produced
from dagwright.engines.stepfunctions.compiler.flow import Flow, Run, Scope
from dagwright.engines.stepfunctions.compiler.variables import Variables

TOP = Scope()
LEFT = Scope(TOP, 1)
INNER = Scope(LEFT, 2)
RIGHT = Scope(TOP, 1)
SCOPES = {"Top": TOP, "Left": LEFT, "Inner": INNER, "Right": RIGHT}
ARN = ("TrainingJobArn",)


def variables(*reads: tuple[Produced, Scope]) -> Variables:
    TOP.body = Run("Top", TOP)
    return Variables(Flow(TOP, SCOPES, []), reads)


def test_what_is_read_where_it_is_made_is_handed_to_nobody() -> None:
    value = Produced("Inner", ARN)
    found = variables((value, INNER))
    assert found.exports(INNER) == []
    assert found.seen_from(value, INNER) == "Inner_TrainingJobArn__2"


def test_a_value_is_handed_on_until_its_reader_can_see_it() -> None:
    value = Produced("Inner", ARN)
    found = variables((value, TOP))
    assert (found.exports(INNER), found.exports(LEFT), found.exports(TOP)) == ([value], [value], [])
    assert found.seen_from(value, RIGHT) == "Inner_TrainingJobArn"
    assert [found.name(value, scope) for scope in (INNER, LEFT, TOP)] == [
        "Inner_TrainingJobArn__2",
        "Inner_TrainingJobArn__1",
        "Inner_TrainingJobArn",
    ]


def test_an_inner_scope_sees_what_is_around_it() -> None:
    value = Produced("Top", ARN)
    found = variables((value, INNER))
    assert found.exports(TOP) == []
    assert found.seen_from(value, INNER) == "Top_TrainingJobArn"


def test_of_a_list_one_item_is_meant() -> None:
    value = Produced("Left", ("FinalMetricDataList", "auc", "Value"))
    found = variables((value, LEFT))
    found.hold_lists({value: 0})
    assert found.name(value, LEFT) == "Left_auc_Value__1"
    assert found.seen_from(value, LEFT) == "Left_auc_Value__1[0]"


def test_names_are_identifiers_that_never_collide() -> None:
    values = [
        ParameterValue("a-b", "String"),
        ParameterValue("a_b", "String"),
        ParameterValue("a__1", "String"),
        ParameterValue("1st", "String"),
        ParameterValue("Failures", "String"),
        ParameterValue("Started", "String"),
        ParameterValue("x" * 200, "String"),
        ParameterValue("é", "String"),
        Produced("Left", ARN),
        Produced("Left-TrainingJobArn", ("x", ARN[0])),
    ]
    found = variables()
    names = [found.key(value) for value in values]
    assert len(set(names)) == len(names)
    assert all(name.isidentifier() and name.isascii() and len(name) <= 72 and "__" not in name for name in names)
    assert not {"Failures", "Started"} & set(names)
