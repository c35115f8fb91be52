"""Sizes of inputs as they are declared with a pipeline."""

from __future__ import annotations

from typing import Any

import pytest
from vocabulary_example import bare, project

import dagwright as dw
from dagwright.sizing import RULES, Machines, Row, Rule

RAW = "s3://acme-sm-ml-churn/raw"


def refused(**words: Any) -> list[str]:
    with pytest.raises(dw.DefinitionError) as caught:
        dw.InputSize(**{"name": "Raw", "of": RAW, "rule": RULES["standard"], **words})
    assert all("test_input_sizes.py:" in problem.where for problem in caught.value.problems)
    return [str(problem).split(": ", 1)[1] for problem in caught.value.problems]


def test_a_step_takes_three_parameters_whose_defaults_are_the_first_row() -> None:
    data = dw.ParameterString("RawData", RAW)
    raw = dw.InputSize("Raw", of=data, rule=project().sizing_rule("economy"))
    step = bare("Count", **raw.options)
    definition = dw.Pipeline("p", steps=[step], parameters=[data], input_sizes=[raw]).to_dict()
    assert definition["Parameters"] == [
        {"Name": "RawData", "Type": "String", "DefaultValue": RAW},
        {"Name": "RawInstanceType", "Type": "String", "DefaultValue": "ml.t3.medium"},
        {"Name": "RawInstanceCount", "Type": "Integer", "DefaultValue": 1},
        {"Name": "RawVolumeSizeInGB", "Type": "Integer", "DefaultValue": 10},
    ]
    assert definition["Steps"][0]["Arguments"]["ProcessingResources"]["ClusterConfig"] == {
        "InstanceType": {"Get": "Parameters.RawInstanceType"},
        "InstanceCount": {"Get": "Parameters.RawInstanceCount"},
        "VolumeSizeInGB": {"Get": "Parameters.RawVolumeSizeInGB"},
    }


def test_a_training_step_takes_them_too() -> None:
    raw = dw.InputSize("Raw", of=RAW, rule=RULES["standard"])
    step = dw.TrainingStep("Train", image="image", role="arn:aws:iam::123456789012:role/r", **raw.options)
    definition = dw.Pipeline("p", steps=[step], input_sizes=[raw], project=project()).to_dict()
    resources = definition["Steps"][0]["Arguments"]["ResourceConfig"]
    assert resources["VolumeSizeInGB"] == {"Get": "Parameters.RawVolumeSizeInGB"}


def test_machines_become_values_of_the_parameters() -> None:
    raw = dw.InputSize("Raw", of=RAW, rule=RULES["standard"])
    machines = raw.machines(34_200_000_000)
    assert machines == Machines("ml.m5.4xlarge", 1, 80)
    assert raw.values(machines) == {
        "RawInstanceType": "ml.m5.4xlarge",
        "RawInstanceCount": 1,
        "RawVolumeSizeInGB": 80,
    }


def test_an_input_above_the_rule_is_our_error_with_the_way_out() -> None:
    with pytest.raises(dw.UserError, match="is for Spark steps only") as caught:
        dw.InputSize("Raw", of=RAW, rule=RULES["standard"]).machines(2 * 10**12)
    assert caught.value.hint == "Use Spark: docs/spark.md."


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"name": "R w"}, "'R w' is not a size name"),
        ({"of": "s3://"}, "'s3://' names no possible bucket: ''"),
        ({"of": "s3://b"}, "'s3://b' names no possible bucket: 'b'"),
        ({"of": "raw/uploads"}, "'raw/uploads' is not an S3 address"),
        ({"of": dw.Join("/", [RAW, "a"])}, "is not an input's address"),
        ({"of": dw.ParameterInteger("Seed", 1)}, "is not an input's address"),
        ({"rule": "standard"}, "'standard' is not a rule (such as project.sizing_rule(\"standard\"))"),
        ({"sharded": 1}, "1 is not True or False"),
        ({"spork": True}, "InputSize has no spork (did you mean 'spark'?)"),
        ({"rule": Rule("own", (Row("ml.m5.large", spark=True),))}, "begins with a row for Spark steps"),
        ({"rule": Rule("own", ())}, "the rule own has no rows"),
        ({"rule": Rule("own", (1,))}, "the rule own has no rows"),  # type: ignore[arg-type]
        ({"rule": Rule("own", 5)}, "the rule own has no rows"),  # type: ignore[arg-type]
    ],
)
def test_what_is_wrong_is_refused_where_it_is_written(words: dict[str, Any], said: str) -> None:
    (problem,) = refused(**words)
    assert said in problem


def test_a_pipeline_refuses_sizes_that_do_not_fit_it() -> None:
    raw = dw.InputSize("Raw", of=dw.ParameterString("RawData", RAW), rule=RULES["standard"])
    with pytest.raises(dw.DefinitionError) as caught:
        dw.Pipeline("p", steps=[bare()], input_sizes=[raw, raw])
    assert [problem.code for problem in caught.value.problems] == [
        "unknown-parameter",
        "duplicate-size",
        "unknown-parameter",
    ]
    with pytest.raises(dw.DefinitionError, match="is not an input's size"):
        dw.Pipeline("p", steps=[bare()], input_sizes=["Raw"])  # type: ignore[list-item]
    with pytest.raises(dw.DefinitionError, match="is not a list"):
        dw.Pipeline("p", steps=[bare()], input_sizes=0)  # type: ignore[arg-type]


def test_two_rules_of_one_name_are_refused_unless_they_are_the_same() -> None:
    def size(name: str, *rows: Row) -> dw.InputSize:
        return dw.InputSize(name, of=RAW, rule=Rule("own", rows))

    same, other = size("A", Row("ml.m5.large")), size("C", Row("ml.m5.xlarge"))
    assert dw.Pipeline("p", steps=[bare()], input_sizes=[same, size("B", Row("ml.m5.large"))]).input_sizes
    with pytest.raises(dw.DefinitionError) as caught:
        dw.Pipeline("p", steps=[bare()], input_sizes=[same, other])
    (problem,) = caught.value.problems
    assert (problem.code, problem.field) == ("duplicate-rule", "InputSizes.C.rule")
    assert problem.what == "two rules are named 'own', with other rows"


def test_a_size_that_the_pipeline_is_not_given_is_named_where_its_parameters_are_missed() -> None:
    raw = dw.InputSize("Raw", of=RAW, rule=RULES["standard"])
    with pytest.raises(dw.DefinitionError) as caught:
        dw.Pipeline("p", steps=[bare("Count", **raw.options)]).to_dict()
    assert [(problem.code, problem.step) for problem in caught.value.problems] == [("unknown-parameter", "Count")] * 3
    assert {problem.hint for problem in caught.value.problems} == {
        "give the pipeline input_sizes=[…] with the InputSize 'Raw', which declares it"
    }
