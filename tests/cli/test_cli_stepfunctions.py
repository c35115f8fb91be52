"""State machines on the command line: render, validate, plan, upsert, and executions with `--engine stepfunctions`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from cli.deploying import DEPLOYED, SCHEDULE, Site, site
from cli.hints import commands
from engines.stepfunctions.histories import Told
from scripted import NOON, Scripted

from dagwright.errors import DefinitionError

__all__ = ["site"]

ENGINE = ("--engine", "stepfunctions")
PLACE = "arn:aws:states:us-east-1:123456789012"
MACHINE = f"{PLACE}:stateMachine:{DEPLOYED}"
EXECUTION = f"{PLACE}:execution:{DEPLOYED}:20261121T120000-0a1b2c3d"
CHECK_STEP = {
    "Name": "Check",
    "Type": "ClarifyCheck",
    "Arguments": {},
}


# ---- render and validate ----


def test_the_machine_is_printed_and_what_is_lost_is_said_beside_it(site: Site) -> None:
    said = site("render", "training", "--target", "stepfunctions")
    assert said.code == 0
    machine = said.json
    assert machine["States"]["Train"]["Resource"].endswith("sagemaker:createTrainingJob.sync")
    assert machine["Comment"].startswith(f"{DEPLOYED}, ")
    assert "s3://acme-sm-rc-churn/pipelines/rc-churn-training-dev/" in machine["Comment"]
    assert "does not carry over: SageMaker records no lineage" in said.err
    out = site.folder / "machine.json"
    assert site("render", "training", "--target", "stepfunctions", "--out", str(out)).out == ""
    assert out.read_text(encoding="utf-8") == said.out


def _file(site: Site, *steps: dict[str, Any]) -> str:
    path = site.folder / "small.json"
    path.write_text(json.dumps({"Version": "2020-12-01", "Steps": steps}), encoding="utf-8")
    return str(path)


def test_a_file_needs_no_project_to_be_rendered(site: Site) -> None:
    stop = {"Name": "Stop", "Type": "Fail", "Arguments": {"ErrorMessage": "no"}}
    path = _file(site, stop)
    (site.folder / "config/project.yaml").unlink()
    said = site("render", "--file", path, "--target", "stepfunctions", env="local")
    assert said.code == 0, said.err
    assert said.json["Comment"].startswith("small, ")


def test_what_no_machine_can_carry_is_a_problem_and_what_is_lost_a_warning(site: Site) -> None:
    good = site("validate", "training", "--target", "stepfunctions", "--json")
    assert good.code == 0
    assert {problem["severity"] for problem in good.json["problems"]} == {"warning"}
    assert "Register" in {problem["step"] for problem in good.json["problems"]}
    bad = site("validate", "--file", _file(site, CHECK_STEP), "--target", "stepfunctions", "--json")
    assert bad.code == 1
    assert any(problem["step"] == "Check" and problem["severity"] == "error" for problem in bad.json["problems"])
    assert site("validate", "--file", _file(site, CHECK_STEP), "--target", "stepfunctions", env="local").code == 1


def test_validating_asks_nobody_for_the_commit(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("subprocess.run", lambda *_, **__: pytest.fail("git was asked"))
    assert site("validate", "training", "--target", "stepfunctions").code == 0


def test_a_default_that_is_none_is_told_once(site: Site) -> None:
    fail = {"Name": "Stop", "Type": "Fail", "Arguments": {"ErrorMessage": {"Get": "Parameters.Count"}}}
    parameter = {"Name": "Count", "Type": "Integer", "DefaultValue": "many"}
    path = site.folder / "small.json"
    definition = {"Version": "2020-12-01", "Parameters": [parameter], "Steps": [fail]}
    path.write_text(json.dumps(definition), encoding="utf-8")
    words = ("validate", "--file", str(path), "--target", "stepfunctions", "--json")
    assert [one["code"] for one in errors(site(*words))] == ["default-not-of-type"]
    checks(site, "default-not-of-type: warning")
    assert [one["field"] for one in errors(site(*words))] == ["Parameters"]


def test_a_refusal_without_problems_is_one(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise DefinitionError("lists are nested too deep", hint="write them out")

    monkeypatch.setattr("dagwright.cli.machines.compile_machine", refuse)
    said = site("validate", "training", "--target", "stepfunctions", "--json")
    assert said.code == 1
    (problem,) = errors(said)
    told = {"code": "not-a-machine", "what": "lists are nested too deep", "hint": "write them out"}
    assert told.items() <= problem.items()


def errors(said: Any) -> list[dict[str, Any]]:
    return [problem for problem in said.json["problems"] if problem["severity"] == "error"]


# ---- what a project wants to know of ----


def checks(site: Site, *lines: str) -> None:
    added = "\n  ".join(["environment_suffix: false", "checks:", *lines]).replace("\n  checks:", "\nchecks:", 1)
    site.edit("config/project.yaml", "environment_suffix: false", added)


def test_what_does_not_carry_over_need_not_be_told(site: Site) -> None:
    every = {
        one["code"] for one in site("validate", "training", "--target", "stepfunctions", "--json").json["problems"]
    }
    assert {"lineage", "package-group"} <= every
    checks(site, 'lineage: "off"', 'package-group: "off"')
    told = {one["code"] for one in site("validate", "training", "--target", "stepfunctions", "--json").json["problems"]}
    assert told == every - {"lineage", "package-group"}
    there = site("validate", "training", "--json").json["problems"]
    assert {one["code"] for one in there} == {"image-by-tag"}, "the codes are known, whatever the target is"
    planned = site("plan", "training", *ENGINE).out
    assert "does not carry over: " in planned
    assert "lineage" not in planned
    assert "lineage" in site("render", "training", "--target", "stepfunctions").err, "which tells everything"


def test_what_does_not_carry_over_may_be_an_error(site: Site) -> None:
    checks(site, "package-group: error")
    said = site("validate", "training", "--target", "stepfunctions", "--json")
    assert (said.code, [one["code"] for one in errors(said)]) == (1, ["package-group"])
    assert site("plan", "training", *ENGINE).code == 1
    refused = site("upsert", "training", *ENGINE)
    assert refused.code == 1
    assert "Register: a model package group that does not exist" in refused.err
    assert site.aws.calls == []


# ---- plan and upsert ----


def test_problems_are_looked_at_closer_for_the_same_engine(site: Site) -> None:
    look = ["validate", "training", "--target", "stepfunctions", "--env", "dev"]
    assert commands(site("plan", "training", *ENGINE).err) == [look]
    assert commands(site("plan", "training").err) == [["validate", "training", "--env", "dev"]]
    checks(site, "image-by-tag: error")
    assert look in commands(site("plan", "training", *ENGINE, "--markdown").out)
    assert ["validate", *look[2:]] in commands(site("plan", *ENGINE, "--markdown").out)
    site.edit("config/project.yaml", "environment_suffix: false", "environment_suffix: false\nengine: stepfunctions")
    assert look in commands(site("plan", "training").err)


def test_a_plan_says_what_is_made_and_what_is_lost(site: Site) -> None:
    site.schedule(SCHEDULE)
    said = site("plan", "training", *ENGINE)
    assert said.code == 2, said.err
    for part in (
        "dev: account 123456789012, us-east-1, state machines of Step Functions",
        f"+ training  {DEPLOYED}",
        "    + step Register ",
        f"    + schedule {DEPLOYED}.nightly ",
        "  cron(0 2 * * ? *) Asia/Shanghai",
        '"arn:aws:logs:us-east-1:123456789012:log-group:/aws/vendedlogs/states/rc-churn-dev:*"}}]\n',
        "    + loggingConfiguration.level ",
        "    + upload the definition, ",
        "    ! does not carry over: ",
        "1 to create",
    ):
        assert part in said.out, said.out
    assert site.aws.writes == []
    found = site("plan", "training", *ENGINE, "--json").json
    assert found["engine"] == "stepfunctions"
    (pipeline,) = found["pipelines"]
    assert pipeline["arn"] == MACHINE
    assert {"code", "what"} <= set(pipeline["losses"][0])
    assert "! does not carry over" in site("plan", "training", *ENGINE, "--markdown").out.replace("!     ", "! ")


def test_the_first_and_the_second_time(site: Site) -> None:
    site.schedule(SCHEDULE)
    said = site("upsert", "training", *ENGINE)
    assert said.code == 0, said.err
    lines = said.out.splitlines()
    assert f"CreateStateMachine   {MACHINE}" in "\n".join(lines)
    assert lines[-1].endswith("run training --env dev --engine stepfunctions")
    states = site.aws.client("stepfunctions")
    found = states.describe_state_machine(stateMachineArn=MACHINE)
    assert found["roleArn"].endswith("role/SageMaker-Rc-Churn-Dev-StepFunctionsRole")
    rendered = site("render", "training", "--target", "stepfunctions")
    assert found["definition"] == rendered.out
    tags = states.list_tags_for_resource(resourceArn=MACHINE)["tags"]
    assert {"key": "dagwright:pipeline", "value": "training"} in tags
    schedule = site.aws.client("scheduler").get_schedule(GroupName="rc-churn-dev", Name=f"{DEPLOYED}.nightly")
    assert schedule["Target"]["Arn"] == MACHINE
    assert json.loads(schedule["Target"]["Input"]) == {"Seed": 7}
    again = site("upsert", "training", *ENGINE)
    assert again.out.splitlines()[-1] == "nothing to change"
    assert site.aws.writes == []


def test_a_change_is_said_in_the_words_of_the_pipeline(site: Site) -> None:
    site("upsert", "training", *ENGINE)
    site.edit("steps/train.py", '"n_estimators": trees', '"n_estimators": 5')
    said = site("plan", "training", *ENGINE)
    assert "        ~ Arguments.HyperParameters.n_estimators  ${Parameters.Trees} -> " in said.out
    upserted = site("upsert", "training", *ENGINE)
    assert f"UpdateStateMachine   {MACHINE}" in upserted.out
    assert site.aws.writes == ["PutObject", "UpdateStateMachine"]


def test_what_was_changed_by_hand_is_said_by_step_without_values(site: Site) -> None:
    site("upsert", "training", *ENGINE)
    states = site.aws.client("stepfunctions")
    machine = json.loads(states.describe_state_machine(stateMachineArn=MACHINE)["definition"])
    machine["States"]["Train"]["TimeoutSeconds"] = 77
    states.update_state_machine(stateMachineArn=MACHINE, definition=json.dumps(machine))
    said = site("plan", "training", *ENGINE)
    assert said.code == 2
    assert "    ~ step Train" in said.out
    assert "        ~ States[Train].TimeoutSeconds\n" in said.out


def test_a_machine_takes_the_schedules_of_its_pipeline_over(site: Site) -> None:
    site.schedule(SCHEDULE)
    site("upsert", "training")
    said = site("plan", "training", *ENGINE)
    assert f"    ~ schedule {DEPLOYED}.nightly" in said.out
    assert "        ~ Target.Arn " in said.out
    site("upsert", "training", *ENGINE)
    schedule = site.aws.client("scheduler").get_schedule(GroupName="rc-churn-dev", Name=f"{DEPLOYED}.nightly")
    assert schedule["Target"]["Arn"] == MACHINE
    assert "SageMakerPipelineParameters" not in schedule["Target"]
    assert site("plan", "training", *ENGINE).out.splitlines()[-1] == "nothing to change"


def test_the_environment_may_say_which_engine(site: Site) -> None:
    site.edit("config/project.yaml", "environment_suffix: false", "environment_suffix: false\nengine: stepfunctions")
    said = site("upsert", "training")
    assert "CreateStateMachine" in said.out
    assert said.out.splitlines()[-1].endswith("run training --env dev")
    assert site("plan", "training", "--engine", "sagemaker").out.splitlines()[-1] == "1 to create"


def test_validate_takes_the_engine_of_the_environment(site: Site) -> None:
    site.edit("config/project.yaml", "environment_suffix: false", "environment_suffix: false\nengine: stepfunctions")
    codes = {one["code"] for one in site("validate", "training", "--json").json["problems"]}
    assert "lineage" in codes
    for words, env in (((), "local"), (("--target", "sagemaker"), "dev")):
        found = site("validate", "training", *words, "--json", env=env).json["problems"]
        assert "lineage" not in {one["code"] for one in found}
    look = ["validate", "training", "--target", "sagemaker", "--env", "dev"]
    assert commands(site("plan", "training", "--engine", "sagemaker").err) == [look]


def test_a_saved_plan_says_its_engine(site: Site) -> None:
    path = str(site.folder / "plan.json")
    assert site("plan", "training", *ENGINE, "--out", path).code == 2
    other = site("upsert", "training", "--plan", path, "--engine", "sagemaker")
    assert other.code == 1
    assert (
        "it is for the engine stepfunctions, and this is sagemaker (leave --engine out: the plan says it)" in other.err
    )
    assert "has changed" not in other.err
    said = site("upsert", "training", "--plan", path)
    assert said.code == 0, said.err
    assert "CreateStateMachine" in said.out
    assert said.out.splitlines()[-1].endswith("run training --env dev --engine stepfunctions")


@pytest.mark.parametrize("command", ["render", "validate", "plan"])
def test_a_state_machine_is_no_pipeline(site: Site, command: str) -> None:
    path = site.folder / "machine.json"
    path.write_text(site("render", "training", "--target", "stepfunctions").out, encoding="utf-8")
    said = site(command, "--file", str(path), *(("--target", "sagemaker") if command != "plan" else ()))
    assert said.code == 1
    told = " ".join((said.out + said.err).split())
    assert "this is a state machine, not a pipeline definition" in told


def test_a_pipeline_that_cannot_be_a_machine_is_not_planned(site: Site) -> None:
    path = _file(site, CHECK_STEP)
    said = site("plan", "--file", path, *ENGINE)
    assert said.code == 1
    assert "Check" in said.err
    assert site.aws.calls == []


def test_a_name_that_is_too_long_for_a_machine_is_said_offline(site: Site) -> None:
    module = """\
class Theirs:
    name = "N" * 81
    def definition(self):
        return '{"Version": "2020-12-01", "Steps": [{"Name": "A", "Type": "Fail"}]}'
def build(project):
    return Theirs()
"""
    (site.folder / "pipelines/theirs.py").write_text(module, encoding="utf-8")
    said = site("plan", "theirs", *ENGINE)
    assert said.code == 1
    assert "which has 81 characters; AWS takes 80" in said.err
    assert "AWS takes 80" in site("validate", "theirs", "--target", "stepfunctions").out


# ---- executions ----


def test_what_is_not_there_is_to_be_looked_for_on_the_same_engine(site: Site) -> None:
    here = ["--env", "dev", *ENGINE]
    assert commands(site("status", "20991231", *ENGINE).err) == [["history", *here]]
    assert commands(site("status", *ENGINE).err) == [["run", "PIPELINE", *here]]
    assert commands(site("run", "training", *ENGINE).err) == [["upsert", "training", *here]]


@pytest.fixture
def service(site: Site) -> Iterator[Scripted]:
    """A deployed machine with one execution, of which a test tells the history."""
    assert site("upsert", "training", *ENGINE).code == 0
    definition = site.aws.client("stepfunctions").describe_state_machine(stateMachineArn=MACHINE)["definition"]
    with Scripted(site.aws) as scripted:
        scripted.answers["DescribeStateMachineForExecution"] = lambda _: {
            "stateMachineArn": MACHINE, "name": DEPLOYED, "definition": definition, "roleArn": "r", "updateDate": NOON,
        }  # fmt: skip
        scripted.answers["StartExecution"] = lambda _: {"executionArn": EXECUTION, "startDate": NOON}
        yield scripted


def _tell(service: Scripted, told: Told, status: str, **more: Any) -> None:
    described = {"executionArn": EXECUTION, "stateMachineArn": MACHINE, "name": EXECUTION.rpartition(":")[2]}
    times = {"startDate": NOON, **({} if status == "RUNNING" else {"stopDate": NOON + 120})}
    service.answer("DescribeExecution", {**described, **times, "status": status, "input": "{}", **more})
    service.answer("GetExecutionHistory", {"events": told.events[::-1]})


def _good() -> Told:
    told = Told()
    for name, kind in (("Preprocess", "processing"), ("Train", "training"), ("Evaluate", "processing")):
        told.job(name, kind)
    told.enter("GoodEnough: read evaluation.json")
    told.leave("GoodEnough: read evaluation.json")
    told.enter("GoodEnough", "Choice")
    told.leave("GoodEnough", "Choice")
    told.enter("Register")
    told.schedule()
    told.succeed(ModelPackageArn="arn:aws:sagemaker:us-east-1:123456789012:model-package/rc-churn/7")
    told.leave("Register")
    told.end()
    return told


def test_a_run_is_followed_step_by_step(site: Site, service: Scripted) -> None:
    _tell(service, _good(), "SUCCEEDED")
    said = site("run", "training", *ENGINE, "-p", "Trees=50")
    assert said.code == 0, said.err
    (asked,) = site.aws.of("StartExecution")
    assert json.loads(asked["input"]) == {"Trees": 50}
    for part in ("execution 20261121T120000-0a1b2c3d started, 7 steps", "Train ", "it is True", "TooWeak will not run"):
        assert part in said.err
    assert "Succeeded after 2 min 00 s" in said.out
    assert f"status {DEPLOYED}/20261121T120000-0a1b2c3d --env dev --engine stepfunctions" in said.out


def test_a_failure_says_the_jobs_reason_and_how_to_go_on(site: Site, service: Scripted) -> None:
    told = Told()
    told.job("Preprocess")
    told.failed_job("Train", "AlgorithmError: out of memory", "training")
    _tell(service, told, "FAILED", error="Train", cause='{"FailureReason": "AlgorithmError: out of memory"}')
    said = site("run", "training", *ENGINE)
    assert said.code == 3
    assert "reason  AlgorithmError: out of memory" in said.out
    assert f"run --resume {DEPLOYED}/20261121T120000-0a1b2c3d --env dev --engine stepfunctions" in said.out


def test_status_history_and_json(site: Site, service: Scripted) -> None:
    _tell(service, _good(), "SUCCEEDED")
    said = site("status", EXECUTION, *ENGINE)
    assert said.code == 0, said.err
    assert f"{DEPLOYED}  execution 20261121T120000-0a1b2c3d  Succeeded" in said.out
    assert "in the console: https://us-east-1.console.aws.amazon.com/states/" in said.out
    found = site("status", EXECUTION, *ENGINE, "--json").json
    assert found["PipelineExecutionArn"] == EXECUTION
    steps = {step["StepName"]: step for step in found["PipelineExecutionSteps"]}
    assert steps["GoodEnough"]["Metadata"] == {"Condition": {"Outcome": "True"}}
    assert steps["Register"]["Metadata"]["RegisterModel"]["Arn"].endswith("model-package/rc-churn/7")
    del service.answers["StartExecution"]
    assert site("run", "training", *ENGINE, "--detach").code == 0
    (listed,) = site("history", *ENGINE, "--json").json["PipelineExecutionSummaries"]
    assert (listed["PipelineName"], listed["PipelineExecutionStatus"]) == (DEPLOYED, "Executing")


def test_an_arn_says_which_engine_it_is_of(site: Site, service: Scripted) -> None:
    _tell(service, _good(), "SUCCEEDED")
    assert site("status", EXECUTION).code == 0
    assert site("logs", EXECUTION).code == 0
    assert "is not running: it is Succeeded" in site("stop", EXECUTION).err
    assert "is Succeeded" in site("run", "--resume", EXECUTION).err
    theirs = "arn:aws:sagemaker:us-east-1:123456789012:pipeline/rc-churn-training-dev/execution/a1b2c3d4e5f6"
    service.refuse("DescribePipelineExecution", "ResourceNotFound")
    assert "There is no execution" in site("status", theirs, *ENGINE).err
    assert site.aws.operations[-1] == "DescribePipelineExecution"


def test_what_is_told_goes_on_at_the_engine_of_the_arn(site: Site, service: Scripted) -> None:
    told = Told()
    told.failed_job("Preprocess", "AlgorithmError: no")
    _tell(service, told, "FAILED", error="Preprocess", cause="no", redriveStatus="NOT_REDRIVABLE")
    service.refuse("RedriveExecution", "ExecutionNotRedrivable")
    said = site("run", "--resume", EXECUTION)
    assert said.code == 3, said.err
    assert f"status {DEPLOYED}/20261121T120000-0a1b2c3d --env dev --engine stepfunctions" in said.out


def test_nothing_runs_and_nothing_ran_is_said_of_the_engine_that_was_asked(site: Site, service: Scripted) -> None:
    other = "For pipelines of SageMaker add --engine sagemaker."
    assert site("history", *ENGINE).out == f"No state machine has run in dev yet. {other}\n"
    assert site("stop", *ENGINE).err == f"No state machine is running in dev\n{other}\n"


def test_status_says_why_it_knows_less(site: Site, service: Scripted) -> None:
    _tell(service, _good(), "SUCCEEDED")
    bucket = "acme-sm-rc-churn"
    s3 = site.aws.client("s3")
    (found,) = s3.list_objects_v2(Bucket=bucket, Prefix="pipelines/")["Contents"]
    s3.delete_object(Bucket=bucket, Key=found["Key"])
    said = site("status", EXECUTION, *ENGINE)
    assert said.code == 0, said.err
    assert f"note: The pipeline definition this machine was made of is gone: s3://{bucket}/{found['Key']}. " in said.out
    assert "Register" in said.out


def test_a_part_runs_as_a_machine_beside_the_other(site: Site, service: Scripted) -> None:
    said = site("run", "training", *ENGINE, "--to", "Preprocess", "--detach", "--json")
    assert said.code == 0, said.err
    assert said.json["SelectiveExecutionConfig"] == {"SelectedSteps": [{"StepName": "Preprocess"}]}
    made = site.aws.of("CreateStateMachine")[-1]
    assert made["name"] == "rc-churn-training-part-dev"
    assert [name for name in json.loads(made["definition"])["States"] if " " not in name] == ["Preprocess"]
    later = site("plan", *ENGINE)
    assert later.out.endswith("\nnothing to change\n"), "it is no orphan"
    alone = site("run", "training", *ENGINE, "--only", "Train")
    assert alone.code == 64
    assert f"Train cannot run alone: no execution of {DEPLOYED} has the results of FeatureEngineering" in alone.err
