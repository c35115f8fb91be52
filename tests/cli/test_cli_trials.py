"""The trials of a tuning job as `run` and `status` print them."""

from __future__ import annotations

from typing import Any

from dagwright.cli.trials import best_model, trials
from dagwright.engines.execution import StepRun


def summary(number: int, value: float | None, status: str = "Completed") -> dict[str, Any]:
    metric = {"FinalHyperParameterTuningJobObjectiveMetric": {"MetricName": "auc", "Value": value}}
    tuned = {"alpha": "0.123456789012", "loss": '"log"'}
    said = metric if value is not None else {}
    return {"TrainingJobName": f"t-{number:03}", "TrainingJobStatus": status, "TunedHyperParameters": tuned, **said}


def test_a_line_for_each_trial_and_a_count_of_the_rest() -> None:
    summaries = [summary(2, 0.9), summary(1, 0.5, "Stopped"), summary(3, None, "Failed")]
    step = StepRun("Tune", "Tuning", output={"TrainingJobSummaries": summaries})
    assert [*trials(step)] == [
        ["trial", "Tune t-002", 'auc 0.9  alpha=0.123457 loss="log"'],
        ["trial", "Tune t-001", 'auc 0.5 Stopped  alpha=0.123457 loss="log"'],
        ["trial", "Tune t-003", 'Failed  alpha=0.123457 loss="log"'],
    ]
    many = StepRun("Tune", "Tuning", output={"TrainingJobSummaries": summaries * 10})
    assert [*trials(many)][-1] == ["trial", "Tune and 10 more", ""]
    assert [*trials(StepRun("Train", "Training"))] == []


def test_the_best_model_lies_below_the_output_of_its_definition() -> None:
    definitions = [
        {"DefinitionName": name, "OutputDataConfig": {"S3OutputPath": f"s3://bucket/{name}/"}} for name in "ab"
    ]
    best = {**summary(4, 1.0), "TrainingJobDefinitionName": "b"}
    output = {"TrainingJobDefinitions": definitions, "BestTrainingJob": best}
    assert best_model(output) == "s3://bucket/b/t-004/output/model.tar.gz"
    single = {"TrainingJobDefinition": {"OutputDataConfig": {"S3OutputPath": "s3://bucket/m"}}}
    assert best_model(single) == ""
    assert best_model({**single, "BestTrainingJob": summary(1, 1.0)}) == "s3://bucket/m/t-001/output/model.tar.gz"


def test_a_best_model_that_is_not_to_be_compressed_is_a_folder() -> None:
    definition = {"OutputDataConfig": {"S3OutputPath": "s3://bucket/m", "CompressionType": "NONE"}}
    output = {"TrainingJobDefinition": definition, "BestTrainingJob": summary(1, 1.0)}
    assert best_model(output) == "s3://bucket/m/t-001/output/model/"
