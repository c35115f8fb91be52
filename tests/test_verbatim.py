"""What the vocabulary has no word for: written as it stands, and read back like everything else."""

from __future__ import annotations

from typing import Any

import pytest

from dagwright import (
    ConditionEquals,
    DefinitionError,
    FailStep,
    Join,
    ParameterString,
    Pipeline,
    Verbatim,
    VerbatimParameter,
    VerbatimStep,
)


def entries(*steps: Any, **options: Any) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = Pipeline("p", steps=steps, **options).to_dict()["Steps"]
    return made


def codes(*steps: Any, **options: Any) -> set[str]:
    with pytest.raises(DefinitionError) as caught:
        entries(*steps, **options)
    return {problem.code for problem in caught.value.problems}


def test_a_step_of_any_type_with_its_nulls() -> None:
    role = ParameterString("Role")
    check = VerbatimStep(
        "Check", "QualityCheck", {"RoleArn": role}, members={"CheckType": "DATA_QUALITY", "SuppliedBaseline": None}
    )
    (made,) = entries(check, parameters=[role])
    assert made == {
        "Name": "Check",
        "Type": "QualityCheck",
        "Arguments": {"RoleArn": {"Get": "Parameters.Role"}},
        "CheckType": "DATA_QUALITY",
        "SuppliedBaseline": None,
    }


def test_what_it_refers_to_has_to_be_there() -> None:
    assert codes(VerbatimStep("A", "New", {"x": ParameterString("Lost")})) == {"unknown-parameter"}
    assert codes(VerbatimStep("A", "New", {"x": {"Get": "Steps.Lost.Thing"}})) == {"unknown-step"}
    assert codes(VerbatimStep("A", "New", {"x": Verbatim({"Std:Joyn": {}})})) == {"malformed-expression"}


def test_it_is_waited_for() -> None:
    check = VerbatimStep("Check", "QualityCheck", {})
    stop = FailStep("Stop", Join("", ["see ", check.properties.CalculatedBaselineStatistics]))
    from dagwright.emit import Emission

    assert Emission(Pipeline("p", steps=[stop, check])).graph.order() == ("Check", "Stop")


def test_its_properties_are_those_of_its_type() -> None:
    answer = VerbatimStep("Ask", "Callback", {}, members={"OutputParameters": [{"OutputName": "answer"}]})
    assert answer.properties.Outputs["answer"].expr == {"Get": "Steps.Ask.OutputParameters['answer']"}
    with pytest.raises(DefinitionError, match="did you mean"):
        VerbatimStep("Check", "QualityCheck").properties.CalculatedBaselineStatistic  # noqa: B018
    with pytest.raises(DefinitionError, match="a New step has no properties"):
        VerbatimStep("A", "New").properties  # noqa: B018


def test_the_steps_in_its_branches_are_steps() -> None:
    stop = FailStep("Stop", "no")
    gate = VerbatimStep("Gate", "Condition", {"Conditions": [ConditionEquals(1, 1)], "IfSteps": [stop]})
    (made,) = entries(gate)
    assert made["Arguments"]["IfSteps"] == [{"Name": "Stop", "Type": "Fail", "Arguments": {"ErrorMessage": "no"}}]
    assert gate.children == (stop,)


def test_members_of_a_step_take_the_place_of_its_own() -> None:
    (made,) = entries(FailStep("Stop", "no", description="a", members={"Description": "b", "More": {"x": None}}))
    assert made == {
        "Name": "Stop",
        "Type": "Fail",
        "Description": "b",
        "Arguments": {"ErrorMessage": "no"},
        "More": {"x": None},
    }


def test_a_step_is_what_its_name_and_type_say() -> None:
    with pytest.raises(DefinitionError, match="Type is what the step is"):
        FailStep("Stop", "no", members={"Type": "Lambda"})


def test_a_parameter_of_any_kind() -> None:
    bare, empty = VerbatimParameter("Bare", {}), VerbatimParameter("Empty", {"Type": "String", "DefaultValue": ""})
    made = Pipeline("p", steps=[FailStep("Stop", empty)], parameters=[bare, empty]).to_dict()
    assert made["Parameters"] == [{"Name": "Bare"}, {"Name": "Empty", "Type": "String", "DefaultValue": ""}]
    assert made["Steps"][0]["Arguments"] == {"ErrorMessage": {"Get": "Parameters.Empty"}}, "a text already"
    with pytest.raises(DefinitionError, match="the name is said twice"):
        VerbatimParameter("A", {"Name": "B"})


def test_members_of_a_pipeline_are_all_that_it_has_besides() -> None:
    stop = FailStep("Stop", "no")
    made = Pipeline("p", steps=[stop], members={"Version": "2020-12-01", "MlflowConfig": None}).to_dict()
    assert [*made] == ["Version", "MlflowConfig", "Steps"]


def test_members_of_a_pipeline_leave_its_parts_alone() -> None:
    stop, name = FailStep("Stop", "no"), ParameterString("Name")
    with pytest.raises(DefinitionError) as caught:
        Pipeline(
            "p",
            steps=[stop],
            parameters=[name],
            pipeline_experiment_config={"ExperimentName": "e"},
            members={"Steps": [], "Parameters": []},
        )
    assert [problem.code for problem in caught.value.problems] == ["bad-members"] * 3


def test_an_expression_is_an_object() -> None:
    with pytest.raises(DefinitionError, match="is not an expression"):
        Verbatim("Steps.A.B")  # type: ignore[arg-type]
