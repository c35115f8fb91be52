"""Why SageMaker took a step from its cache or not, found out from what it shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from dagwright.definition.graph import read_definition
from dagwright.engines.execution import Execution, StepRun
from dagwright.engines.sagemaker.cache_reasons import CacheReasons

ARN = "arn:aws:sagemaker:us-east-1:123456789012:"


def training(trees: str = "1", **members: Any) -> dict[str, Any]:
    return {"HyperParameters": {"trees": trees}, "AlgorithmSpecification": {"TrainingImage": "i"}, **members}


def step_run(job: str, started: str = "2026-11-21T10:00:00Z", status: str = "Succeeded", **more: Any) -> StepRun:
    metadata = {"TrainingJob": {"Arn": f"{ARN}training-job/{job}"}} if job else {}
    return StepRun("T", "Training", status, started=started, ended=started, metadata=metadata, more=more)


def execution(name: str, run: StepRun | None = None) -> Execution:
    found = Execution(name, "p", {}, arn=f"{ARN}pipeline/p/execution/{name}")
    if run:
        found.steps["T"] = run
    return found


def why(now: StepRun, earlier: list[Execution], jobs: Mapping[str, Any], config: Any = None) -> str:
    config = {"Enabled": True, "ExpireAfter": "P30D"} if config is None else config
    step = {"Name": "T", "Type": "Training", "Arguments": {}, "CacheConfig": config}
    graph = read_definition({"Version": "2020-12-01", "Steps": [step]})
    current = execution("now", now)

    def describe(run: StepRun) -> Any:
        arn = run.metadata.get("TrainingJob", {}).get("Arn", "")
        return jobs.get(arn.rpartition("/")[2])

    CacheReasons(iter(earlier), lambda one: one, describe).add(current, graph)
    said = current.steps["T"].more["Cache"]
    return f"{said['Outcome']}: {said['Reason']}"


def test_a_hit_names_where_it_is_from() -> None:
    hit = step_run("", CacheHitResult={"SourcePipelineExecutionArn": f"{ARN}pipeline/p/execution/old"})
    assert why(hit, [], {}) == "hit: the result of execution old"


def test_off_is_off() -> None:
    assert why(step_run("a"), [], {}, {"Enabled": False}) == "off: CacheConfig is off"


def test_a_miss_names_what_differs_from_the_nearest() -> None:
    jobs = {"a": training("2"), "b": training("1", Environment={"X": "1"}), "c": training("1")}
    earlier = [execution("e2", step_run("b")), execution("e1", step_run("c"))]
    assert why(step_run("a"), earlier, jobs) == "miss: HyperParameters.trees differs from execution e1: 1 → 2"


def test_what_the_service_does_not_compare_is_not_named() -> None:
    jobs = {"a": training(RoleArn="x"), "b": training(RoleArn="y")}
    said = why(step_run("a"), [execution("e", step_run("b"))], jobs)
    assert said.startswith("unknown: nothing that the service compares and shows is another than in execution e")


def test_too_old() -> None:
    old = execution("e", step_run("b", "2026-10-01T10:00:00Z"))
    said = why(step_run("a"), [old], {"a": training(), "b": training()})
    assert said == "miss: the last success is 51 days old, ExpireAfter is P30D"


MADE = {"a": training()}


@pytest.mark.parametrize(
    ("earlier", "jobs", "said"),
    [
        ([], MADE, "miss: no earlier success"),
        ([execution("e", step_run("b", status="Failed"))], MADE, "miss: no earlier success"),
        ([execution("e", step_run("b"))], {}, "unknown: what its job was made of cannot be read"),
        ([execution("e", step_run("b"))], MADE, "unknown: what its earlier jobs were made of cannot be read"),
        ([execution(str(n)) for n in range(30)], MADE, "miss: no earlier success in the 10 executions before"),
    ],
)
def test_what_cannot_be_known_is_said(earlier: list[Execution], jobs: Mapping[str, Any], said: str) -> None:
    assert why(step_run("a"), earlier, jobs) == said
