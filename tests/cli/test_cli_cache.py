"""`--explain` and `--no-cache`: what the command line says of the step cache, here and on AWS."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from aws import AWS
from scripted import ID, NOON, PIPELINE, Scripted, State, execution_arn, job_step

DEV = ("--env", "dev")
OLD = "older1234567"


@pytest.fixture
def asking(definition_file: Callable[..., Path]) -> str:
    """A definition of one step that asks for the cache."""
    path = definition_file(First="print('hello')")
    definition = json.loads(path.read_text())
    definition["Steps"][0]["CacheConfig"] = {"Enabled": True, "ExpireAfter": "P30D"}
    path.write_text(json.dumps(definition))
    return str(path)


def test_it_is_told_with_the_run_at_its_end_and_afterwards(deploy: Any, asking: str) -> None:
    first = deploy.json("run", "--file", asking)
    (step,) = first["PipelineExecutionSteps"]
    assert step["Cache"] == {"Outcome": "miss", "Reason": "no earlier success"}
    again = deploy("run", "--file", asking, "--explain")
    hit = f"the result of execution {first['PipelineExecutionArn']}, less than a minute old"
    assert f"First: cache hit: {hit}" in again.stderr
    assert again.stdout.endswith(f"  step   cache  why\n  First  hit    {hit}\n")
    assert deploy("status", "--explain").stdout.endswith(f"  First  hit    {hit}\n")
    assert deploy("logs").stdout == "hello\n"
    assert f"First  cache hit: {hit}" in deploy("run", "--file", asking, "--check").stdout
    whole = deploy("run", "--file", asking, "--no-cache", "--explain")
    assert whole.stdout.endswith("  First  miss   --no-cache is given\n")


def test_without_a_step_that_asks_a_line_says_so(deploy: Any, definition_file: Callable[..., Path]) -> None:
    done = deploy("run", "--file", str(definition_file(First="pass")), "--explain")
    assert done.stdout.endswith("  cache   no step that was started asks for it (CacheConfig)\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("run", "training", "--no-cache", *DEV), "--no-cache is for runs on this machine"),
        (("run", "training", "--explain", "--detach", *DEV), "status --explain"),
    ],
)
def test_what_cannot_be_told_is_refused(deploy: Any, words: tuple[str, ...], said: str) -> None:
    done = deploy(*words)
    assert done.returncode == 64
    assert said in done.stderr


@pytest.fixture
def service(aws: AWS) -> Iterator[Scripted]:
    with Scripted(aws) as scripted:
        yield scripted


def test_on_aws_it_is_found_out_from_the_jobs(deploy: Any, service: Scripted) -> None:
    cached = {"CacheConfig": {"Enabled": True, "ExpireAfter": "P30D"}, "Arguments": {}}
    steps = [{"Name": name, "Type": "Processing", **cached} for name in ("Preprocess", "Evaluate")]
    service.deploy(json.dumps({"Version": "2020-12-01", "Steps": steps}))
    hit = {"SourcePipelineExecutionArn": execution_arn(identity=OLD)}
    now = [job_step("Preprocess", "Succeeded", CacheHitResult=hit), job_step("Evaluate", "Succeeded")]
    service.execution(State("Succeeded", now))
    service.ran(PIPELINE, (ID, "Succeeded"), (OLD, "Succeeded"))
    earlier = json.loads(json.dumps(now[1]).replace(ID, OLD))
    both = service.answers["ListPipelineExecutionSteps"]

    def listed(asked: Mapping[str, Any]) -> Any:
        is_old = asked["PipelineExecutionArn"].endswith(OLD)
        return {"PipelineExecutionSteps": [earlier]} if is_old else both(asked)

    def described(asked: Mapping[str, Any]) -> Any:
        image = "acme/sklearn:1" if OLD in asked["ProcessingJobName"] else "acme/sklearn:2"
        return {**asked, "CreationTime": NOON, "AppSpecification": {"ImageUri": image}}

    service.answers |= {"ListPipelineExecutionSteps": listed, "DescribeProcessingJob": described}
    one = service.answers["ListPipelineExecutions"]

    def a_day_before(asked: Mapping[str, Any]) -> Any:
        answer = one(asked)
        for item in answer["PipelineExecutionSummaries"]:
            if item["PipelineExecutionArn"].endswith(OLD):
                item["StartTime"] = NOON - 86400
        return answer

    service.answers["ListPipelineExecutions"] = a_day_before
    done = deploy("status", "--explain", *DEV)
    assert done.returncode == 0, done.stderr
    differs = f"AppSpecification.ImageUri differs from execution {OLD}: acme/sklearn:1 → acme/sklearn:2"
    assert f"  Preprocess  hit    the result of execution {OLD}\n  Evaluate    miss   {differs}\n" in done.stdout
