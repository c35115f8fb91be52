"""What DescribeHyperParameterTuningJob says of a tuning job here, with the summaries of its training jobs.

`TrainingJobSummaries` is what the pipeline service adds to that response: the best training job first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from dagwright.engines.local.scope import Account
from dagwright.engines.local.tuning import Tuning
from dagwright.engines.local.tuning_names import SUMMARIES
from dagwright.engines.local.tuning_trials import COMPLETED, Trial, Trials

OBJECTIVE = "FinalHyperParameterTuningJobObjectiveMetric"
_LONGEST_REASON = 1024


def tuning_response(
    name: str,
    request: Mapping[str, Any],
    tuning: Tuning,
    seed: int,
    done: Trials,
    ending: tuple[str, str],
    times: Mapping[str, str],
    account: Account,
    earlier: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """The members of the response. `ending` is (HyperParameterTuningJobStatus, reason of a failure), `times` has
    `created`, `ended` and `seconds`, and `earlier` are the summaries of the parents' training jobs."""
    status, reason = ending
    ranked = [_summary(trial, tuning, done, account) for trial in done.ranked()]
    config = {**request["HyperParameterTuningJobConfig"], "RandomSeed": seed}
    response: dict[str, Any] = {
        **request,
        "HyperParameterTuningJobName": name,
        "HyperParameterTuningJobArn": account.arn(f"hyper-parameter-tuning-job/{name}"),
        "HyperParameterTuningJobConfig": config,
        "HyperParameterTuningJobStatus": status,
        "CreationTime": times["created"],
        "HyperParameterTuningEndTime": times["ended"],
        "LastModifiedTime": times["ended"],
        "TrainingJobStatusCounters": _counted(ranked),
        "ObjectiveStatusCounters": _objectives(ranked),
        "TuningJobCompletionDetails": _completion(done, times["ended"]),
        "ConsumedResources": {"RuntimeInSeconds": round(float(times["seconds"]))},
        SUMMARIES: ranked,
    }
    if ranked and OBJECTIVE in ranked[0]:
        response["BestTrainingJob"] = ranked[0]
        response["OverallBestTrainingJob"] = _best_of([ranked[0], *earlier], tuning)
    return response | ({"FailureReason": reason[:_LONGEST_REASON]} if reason else {})


def _summary(trial: Trial, tuning: Tuning, done: Trials, account: Account) -> dict[str, Any]:
    definition = tuning.definitions[trial.definition]
    value = done.objective(trial)
    summary: dict[str, Any] = {"TrainingJobDefinitionName": definition.name} if definition.name else {}
    summary |= {
        "TrainingJobName": trial.name,
        "TrainingJobArn": account.arn(f"training-job/{trial.name}"),
        "CreationTime": trial.created,
        **{key: trial.output[key] for key in ("TrainingStartTime", "TrainingEndTime") if key in trial.output},
        "TrainingJobStatus": trial.status,
        "TunedHyperParameters": dict(trial.tuned),
        "ObjectiveStatus": "Failed" if value is None else "Succeeded",
    }
    if value is not None:
        summary[OBJECTIVE] = {"Type": tuning.kind, "MetricName": definition.metric, "Value": value}
    elif done.failure(trial):
        summary["FailureReason"] = done.failure(trial)[:_LONGEST_REASON]
    return summary


def _counted(summaries: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    count = Counter(summary["TrainingJobStatus"] for summary in summaries)
    return {
        "Completed": count[COMPLETED], "InProgress": 0, "RetryableError": 0, "NonRetryableError": count["Failed"],
        "Stopped": count["Stopped"],
    }  # fmt: skip


def _objectives(summaries: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    count = Counter(summary["ObjectiveStatus"] for summary in summaries)
    return {"Succeeded": count["Succeeded"], "Pending": 0, "Failed": count["Failed"]}


def _completion(done: Trials, ended: str) -> dict[str, Any]:
    details: dict[str, Any] = {"NumberOfTrainingJobsObjectiveNotImproving": done.completion.not_improving}
    return details | ({"ConvergenceDetectedTime": ended} if done.completion.converged else {})


def _best_of(summaries: Sequence[Mapping[str, Any]], tuning: Tuning) -> Mapping[str, Any]:
    sign = -1 if tuning.maximize else 1
    return min(summaries, key=lambda summary: sign * summary[OBJECTIVE]["Value"])
