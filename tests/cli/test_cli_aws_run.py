"""`run`, `status`, `logs`, `stop`, `history` of executions on SageMaker, against a service on the loopback.

Most commands are called in this process, which saves a second each; `start` and `command` are the real program.
"""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aws import AWS
from cli.listening import read_all, until
from scripted import (
    EXPIRED,
    ID,
    NOON,
    PIPELINE,
    THROTTLED,
    Scripted,
    State,
    execution_arn,
    job_name,
    job_step,
    sagemaker_arn,
    step,
)

from dagwright.cli import main

DEV = ("--env", "dev")
GENERIC = "Step failure: One or multiple steps failed"
BUCKET = "acme-sm-rc-churn"


class Here:
    """The command line of one project folder, called in this process."""

    def __init__(self, real: Any, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self.start, self.command, self.real = real.folder, real.start, real.command, real
        self._capsys = capsys

    def __call__(self, *words: str) -> subprocess.CompletedProcess[str]:
        code = main(words, self.folder)
        output, errors = self._capsys.readouterr()
        return subprocess.CompletedProcess(words, code, output, errors)

    def json(self, *words: str) -> Any:
        done = self(*words, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture
def deploy(deploy: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Here:
    monkeypatch.setattr(sys, "argv", ["deploy.py"])
    monkeypatch.setattr(sys, "path", [*sys.path])  # building a pipeline puts its project's folder there
    return Here(deploy, capsys)


@pytest.fixture
def service(aws: AWS) -> Iterator[Scripted]:
    with Scripted(aws) as scripted:
        yield scripted


@pytest.fixture
def deployed(service: Scripted, deploy: Any) -> Scripted:
    """The training pipeline of the example is on AWS as it is here."""
    done = deploy("render", "training", *DEV)
    assert done.returncode == 0, done.stderr
    service.deploy(done.stdout)
    return service


def finished() -> list[dict[str, Any]]:
    """The steps of a run that registered its model."""
    good = {"Metadata": {"Condition": {"Outcome": "True"}}}
    package = {"Metadata": {"RegisterModel": {"Arn": sagemaker_arn("model-package/rc-churn/7")}}}
    return [
        job_step("Preprocess", "Succeeded"),
        job_step("Train", "Succeeded", "training", AttemptCount=2),
        job_step("Evaluate", "Succeeded"),
        step("GoodEnough", "Succeeded", **good),
        step("Register", "Succeeded", **package),
    ]


def describe_jobs(service: Scripted) -> None:
    """What the Describe calls say of those steps' jobs."""
    evaluation = {"OutputName": "evaluation", "S3Output": {"S3Uri": f"s3://{BUCKET}/metrics/x"}}
    common = {"CreationTime": NOON}
    service.answers["DescribeProcessingJob"] = lambda asked: {
        **common,
        **asked,
        "ProcessingOutputConfig": {"Outputs": [evaluation] if "Evaluate" in asked["ProcessingJobName"] else []},
    }
    service.answers["DescribeTrainingJob"] = lambda asked: {
        **common,
        **asked,
        "ModelArtifacts": {"S3ModelArtifacts": f"s3://{BUCKET}/models/model.tar.gz"},
        "FinalMetricDataList": [{"MetricName": "validation:auc", "Value": 0.987, "Timestamp": NOON}],
    }
    service.answers["DescribeModelPackage"] = lambda asked: {
        **common,
        "ModelPackageArn": asked["ModelPackageName"],
        "ModelPackageGroupName": "rc-churn",
        "ModelPackageVersion": 7,
        "ModelApprovalStatus": "PendingManualApproval",
    }
    s3 = service.aws.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    report = {"binary_classification_metrics": {"auc": {"value": 0.97}}}
    s3.put_object(Bucket=BUCKET, Key="metrics/x/evaluation.json", Body=json.dumps(report))


# ---- run ----


def test_a_run_is_followed_to_its_end_and_says_what_came_out(deploy: Any, deployed: Scripted) -> None:
    deployed.execution(State("Succeeded", finished()))
    describe_jobs(deployed)
    done = deploy.real("run", "training", *DEV, "-p", "Trees=50")
    assert done.returncode == 0, done.stderr
    for part in (
        f"{PIPELINE}: execution {ID} started, 7 steps",
        "Train               succeeded  1 min 25 s  attempt 2",
        "GoodEnough          succeeded  1 min 25 s  it is True",
        "TooWeak will not run: 'GoodEnough' took the other branch",
    ):
        assert part in done.stderr
    for part in (
        "Succeeded after 2 min 00 s",
        "metric  Train validation:auc  0.987",
        "metric  Evaluate auc          0.97",
        "model   rc-churn/7            PendingManualApproval",
        f"output  Train model           s3://{BUCKET}/models/model.tar.gz",
        f"deploy.py status {PIPELINE}/{ID} --env dev",
    ):
        assert part in done.stdout
    (asked,) = deployed.aws.of("StartPipelineExecution")
    assert asked["PipelineParameters"] == [{"Name": "Trees", "Value": "50"}], "only what is given"
    assert "differ" not in done.stderr


def test_a_commit_is_given_as_in_a_local_run(deploy: Any, deployed: Scripted) -> None:
    for words in (["init", "-q"], ["-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "x", "--allow-empty"]):
        subprocess.run(["git", *words], cwd=deploy.folder, check=True)
    deployed.execution(State("Succeeded"))
    assert deploy("run", "training", *DEV).returncode == 0
    (parameter,) = deployed.aws.of("StartPipelineExecution")[0]["PipelineParameters"]
    assert parameter["Name"] == "Commit"
    assert parameter["Value"].endswith("-modified")


def test_a_program_gets_the_words_of_the_service(deploy: Any, deployed: Scripted) -> None:
    deployed.execution(State("Succeeded", finished()))
    describe_jobs(deployed)
    done = deploy("run", "training", *DEV, "--json")
    execution = json.loads(done.stdout)
    assert execution["PipelineExecutionArn"] == execution_arn()
    assert (execution["PipelineName"], execution["PipelineExecutionStatus"]) == (PIPELINE, "Succeeded")
    train = execution["PipelineExecutionSteps"][1]
    assert train["Output"]["FinalMetricDataList"][0]["Value"] == 0.987
    assert (train["AttemptCount"], train["Metadata"]["TrainingJob"]["Arn"][-len(job_name("Train")) :]) == (
        2,
        job_name("Train"),
    )
    assert "Succeeded after" in done.stderr


def test_a_failure_names_the_steps_with_their_reasons_and_last_lines(deploy: Any, deployed: Scripted) -> None:
    steps = [
        job_step("Preprocess", "Failed", FailureReason="AlgorithmError: see the log, exit code: 1"),
        job_step("Train", "Failed", "training", FailureReason="ClientError: no data"),
    ]
    deployed.execution(State("Failed", steps, GENERIC))
    deployed.log("Preprocess", "algo-1", *(f"line {number}" for number in range(40)))
    deployed.log("Preprocess", "algo-2", "KeyError: 'diagnosis'")
    done = deploy("run", "training", *DEV)
    assert done.returncode == 3
    for part in (
        "step    Preprocess\n  reason  AlgorithmError: see the log, exit code: 1\n  log     algo-1, its last lines:",
        "    line 30\n",
        "    line 39\n",
        "  log     algo-2, its last lines:\n    KeyError: 'diagnosis'\n",
        "step    Train\n  reason  ClientError: no data\n",
        f"logs {PIPELINE}/{ID} --step Preprocess --env dev",
        f"go on:        python deploy.py run --resume {PIPELINE}/{ID} --env dev",
    ):
        assert part in done.stdout
    assert "line 29" not in done.stdout


def test_a_failure_before_any_step_gives_the_executions_reason(deploy: Any, deployed: Scripted) -> None:
    deployed.execution(State("Failed", [], "The role cannot be assumed"))
    done = deploy("run", "training", *DEV)
    assert done.returncode == 3
    assert "reason  The role cannot be assumed" in done.stdout


@pytest.mark.parametrize("status", ["Stopped", "CompletedWithFailures"])
def test_what_did_not_succeed_is_exit_code_3(deploy: Any, deployed: Scripted, status: str) -> None:
    deployed.execution(State(status, [step("Preprocess", "Stopped")]))
    done = deploy("run", "training", *DEV)
    assert done.returncode == 3
    assert f"{status} after 2 min 00 s" in done.stdout


def test_detached_it_is_started_and_left(deploy: Any, deployed: Scripted) -> None:
    deployed.execution(State("Executing"))
    done = deploy("run", "training", *DEV, "--detach")
    assert done.returncode == 0, done.stderr
    assert f"Execution {execution_arn()} goes on." in done.stdout
    for words in (f"logs {PIPELINE}/{ID} --follow --env dev", f"status {PIPELINE}/{ID} --env dev"):
        assert f"python deploy.py {words}" in done.stdout
    assert "DescribePipelineExecution" not in deployed.aws.operations
    done = deploy("run", "training", *DEV, "--detach", "--json")
    assert json.loads(done.stdout)["PipelineExecutionStatus"] == "Executing"
    assert "goes on" in done.stderr


def test_ctrl_c_leaves_it_running_and_says_so(deploy: Any, deployed: Scripted) -> None:
    deployed.execution(State("Executing", [job_step("Preprocess", "Executing")]))
    run = deploy.start("run", "training", *DEV)
    until(run, "Preprocess")
    run.send_signal(signal.SIGINT)
    output, errors = run.communicate(timeout=30)
    assert run.returncode == 1, "its end is not known"
    assert f"Execution {execution_arn()} goes on." in output
    assert f"python deploy.py stop {PIPELINE}/{ID} --env dev" in output
    assert "Traceback" not in errors
    assert "StopPipelineExecution" not in deployed.aws.operations


def test_throttling_and_expired_credentials_while_following(
    deploy: Any, deployed: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "2")
    deployed.execution(State("Executing"), THROTTLED, State("Executing"), EXPIRED)
    done = deploy("run", "training", *DEV)
    assert done.returncode == 1
    assert f"{PIPELINE}/{ID} goes on, but it could not be followed to its end." in done.stderr
    assert "is expired (ExpiredTokenException)" in done.stderr
    assert f"Look again: deploy.py status {PIPELINE}/{ID} --env dev" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_pipeline_that_is_not_deployed_or_not_the_same(deploy: Any, service: Scripted) -> None:
    done = deploy("run", "training", *DEV)
    assert done.returncode == 1
    assert done.stderr == (
        f"Pipeline {PIPELINE} is not deployed in dev (123456789012)\ndeploy.py upsert training --env dev\n"
    )
    definition = json.loads(deploy("render", "training", *DEV).stdout)
    definition["Parameters"] = [item for item in definition["Parameters"] if item["Name"] != "Commit"]
    service.deploy(json.dumps(definition))
    service.execution(State("Succeeded"))
    done = deploy("run", "training", *DEV)
    assert done.returncode == 0, done.stderr
    assert "runs as it is deployed, which is not as it is here: see deploy.py plan training --env dev" in done.stderr


def test_a_definition_in_a_file_is_the_pipeline_named_after_it(
    deploy: Any, service: Scripted, definition_file: Callable[..., Path]
) -> None:
    path = definition_file("scoring.json", Only="pass")
    service.deploy(path.read_text(), "rc-churn-scoring-dev")
    service.execution(State("Succeeded"))
    done = deploy("run", "--file", str(path), *DEV)
    assert done.returncode == 0, done.stderr
    assert service.aws.of("StartPipelineExecution")[0]["PipelineName"] == "rc-churn-scoring-dev"


def test_wrong_parameters_are_said_before_anything_starts(deploy: Any, deployed: Scripted) -> None:
    done = deploy("run", "training", *DEV, "-p", "Tress=5", "-p", "Seed=x")
    assert done.returncode == 1
    assert "did you mean 'Trees'?" in done.stderr
    assert "'x' is not a value of 'Seed'" in done.stderr
    assert deployed.aws.writes == []


def test_without_credentials_one_sentence_says_what_to_do(deploy: Any, aws: AWS, monkeypatch: Any) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    for words in (["run", "training"], ["status"]):
        done = deploy.real(*words, *DEV)
        assert done.returncode == 1
        assert "Unable to locate credentials\nSign in (aws sso login" in done.stderr
        assert "Traceback" not in done.stderr


def test_a_failed_execution_goes_on_and_is_followed(deploy: Any, deployed: Scripted) -> None:
    failed = State("Failed", [job_step("Train", "Failed", "training")], GENERIC, modified=NOON + 60)
    deployed.execution(failed, State("Succeeded", [job_step("Train", "Succeeded", "training")]))
    done = deploy("run", "--resume", f"{PIPELINE}/{ID}", *DEV)
    assert done.returncode == 0, done.stderr
    assert "Succeeded after" in done.stdout
    assert deployed.aws.writes == ["RetryPipelineExecution"]


def test_a_part_is_run_on_the_results_of_an_execution(deploy: Any, deployed: Scripted) -> None:
    deployed.execution(State("Succeeded"))
    deployed.ran(PIPELINE, ("hhhhhhhhhhhh", "Succeeded"))
    done = deploy("run", "training", *DEV, "--from", "Train", "--to", "Evaluate")
    assert done.returncode == 0, done.stderr
    config = deployed.aws.of("StartPipelineExecution")[0]["SelectiveExecutionConfig"]
    assert [item["StepName"] for item in config["SelectedSteps"]] == ["Train", "Evaluate"]
    assert config["SourcePipelineExecutionArn"] == execution_arn(identity="hhhhhhhhhhhh")
    assert f"taken from execution {PIPELINE}/hhhhhhhhhhhh" in done.stderr
    assert "started, 2 steps" in done.stderr
    done = deploy("run", "training", *DEV, "--only", "Trian")
    assert done.returncode == 64
    assert "did you mean 'Train'?" in done.stderr


def test_on_a_terminal_the_steps_are_a_table(deploy: Any, deployed: Scripted) -> None:
    deployed.execution(State("Succeeded", finished()))
    primary, secondary = pty.openpty()
    run = subprocess.Popen(
        deploy.command("run", "training", *DEV),
        cwd=deploy.folder,
        stdout=secondary,
        stderr=secondary,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "160"},
    )
    os.close(secondary)
    shown = read_all(primary)
    assert run.wait(timeout=30) == 0
    for part in ("Preprocess", "attempt 2", "will not run", "Succeeded after"):
        assert part in shown


# ---- status, history, stop ----


def test_status_shows_what_is_special_of_each_step(deploy: Any, service: Scripted) -> None:
    old = {"SourcePipelineExecutionArn": execution_arn(identity="older1234567")}
    callback = {"Metadata": {"Callback": {"CallbackToken": "abcdefghij", "SqsQueueUrl": "https://sqs/q"}}}
    steps = [
        job_step("Preprocess", "Succeeded", CacheHitResult=old),
        step("FeatureEngineering", "Succeeded", SelectiveExecutionResult=old),
        job_step("Train", "Failed", "training", AttemptCount=3, FailureReason="CapacityError: none left"),
        step("Approve", "Executing", **callback),
    ]
    service.execution(State("Executing", steps), Trees="50")
    service.ran(PIPELINE, (ID, "Executing"))
    done = deploy("status", *DEV)
    assert done.returncode == 0, done.stderr
    for part in (
        f"{PIPELINE}  execution {ID}  Executing",
        "in Studio: https://us-east-1.console.aws.amazon.com/",
        "Trees  = 50",
        "from the cache, of execution older1234567",
        "taken from execution older1234567",
        "CapacityError: none left; attempt 3",
        "waits for an answer with token abcdefghij",
    ):
        assert part in done.stdout
    assert not any(name.endswith("Job") for name in service.aws.operations), "only --json describes jobs"


def test_status_for_programs_has_the_outputs(deploy: Any, service: Scripted) -> None:
    service.execution(State("Succeeded", finished()))
    describe_jobs(service)
    execution = deploy.json("status", execution_arn(), *DEV)
    outputs = {item["StepName"]: item.get("Output") for item in execution["PipelineExecutionSteps"]}
    assert outputs["Register"]["ModelPackageVersion"] == 7
    assert outputs["Train"]["ModelArtifacts"]["S3ModelArtifacts"].endswith("model.tar.gz")
    assert outputs["GoodEnough"] is None


def test_an_execution_that_is_not_there(deploy: Any, service: Scripted) -> None:
    service.execution(State("Executing"))
    service.ran(PIPELINE, ("abaaaaaaaaaa", "Failed"), ("abbbbbbbbbbb", "Failed"))
    for words, part in (("zz", "is no execution of this project in dev"), ("ab", "the beginning of several")):
        done = deploy("status", words, *DEV)
        assert done.returncode == 64
        assert part in done.stderr


def test_history_of_an_environment(deploy: Any, service: Scripted) -> None:
    done = deploy("history", *DEV)
    other = "For state machines add --engine stepfunctions."
    assert (done.returncode, done.stdout) == (0, f"No pipeline of SageMaker has run in dev yet. {other}\n")
    stopping = deploy("stop", *DEV)
    assert (stopping.returncode, stopping.stderr) == (64, f"No pipeline of SageMaker is running in dev\n{other}\n")
    service.ran(PIPELINE, ("bbbbbbbbbbbb", "Executing"), ("aaaaaaaaaaaa", "Failed"))
    done = deploy("history", "training", *DEV)
    assert [line.split()[:3] for line in done.stdout.splitlines()[1:]] == [
        ["bbbbbbbbbbbb", PIPELINE, "Executing"],
        ["aaaaaaaaaaaa", PIPELINE, "Failed"],
    ]
    (summary,) = deploy.json("history", "--limit", "1", *DEV)["PipelineExecutionSummaries"]
    assert summary["PipelineExecutionArn"] == execution_arn(identity="bbbbbbbbbbbb")


def test_stop_means_the_one_that_runs(deploy: Any, service: Scripted) -> None:
    service.execution(State("Executing"), State("Stopped"))
    service.ran(PIPELINE, ("bbbbbbbbbbbb", "Succeeded"), ("aaaaaaaaaaaa", "Executing"))
    done = deploy("stop", *DEV)
    first, second = done.stdout.splitlines()
    assert (done.returncode, first) == (0, "Execution aaaaaaaaaaaa: Stopped")
    assert re.fullmatch(r"go on: \S+ \S+ run --resume \S+/aaaaaaaaaaaa --env dev", second)
    (asked,) = service.aws.of("StopPipelineExecution")
    assert asked["PipelineExecutionArn"] == execution_arn(identity="aaaaaaaaaaaa")


def test_what_others_wrote_does_not_reach_the_terminal_as_commands(deploy: Any, service: Scripted) -> None:
    service.execution(State("Failed", [job_step("Train", "Failed", "training", FailureReason="a\x1b[2J")], "b\x1b[2J"))
    service.log("Train", "algo-1", "c\x1b[2J", kind="training")
    shown = deploy("status", execution_arn(), *DEV).stdout
    assert r"a\x1b[2J" in shown
    assert r"reason: b\x1b[2J" in shown
    assert deploy("logs", execution_arn(), *DEV).stdout == "c\x1b[2J\n", "into a file it is what was printed"
    controller, terminal = pty.openpty()
    subprocess.run(deploy.command("logs", execution_arn(), *DEV), cwd=deploy.folder, stdout=terminal, check=True)
    os.close(terminal)
    assert os.read(controller, 1000) == b"c\\x1b[2J\r\n"
    os.close(controller)


# ---- logs ----


def test_logs_of_two_hosts_stand_apart(deploy: Any, service: Scripted) -> None:
    service.execution(State("Succeeded", [job_step("Preprocess", "Succeeded"), job_step("Train", "Succeeded")]))
    service.log("Preprocess", "algo-1", "one", "two", "three")
    service.log("Preprocess", "algo-2", "other")
    done = deploy("logs", execution_arn(), *DEV, "--tail", "2")
    assert done.stdout == "==> Preprocess algo-1 <==\ntwo\nthree\n==> Preprocess algo-2 <==\nother\n"
    (_, second) = deploy.json("logs", execution_arn(), *DEV, "--step", "Preprocess")["logs"]
    assert (second["step"], second["host"], second["text"]) == ("Preprocess", "algo-2", "other\n")
    assert second["path"].startswith(f"/aws/sagemaker/ProcessingJobs/{job_name('Preprocess')}/algo-2-")
    done = deploy("logs", execution_arn(), *DEV, "--step", "Preproces")
    assert done.returncode == 64
    assert "did you mean 'Preprocess'?" in done.stderr


def test_a_job_without_a_log_yet_is_no_error(deploy: Any, service: Scripted) -> None:
    service.execution(State("Executing", [job_step("Train", "Executing", "training")]))
    done = deploy("logs", execution_arn(), *DEV)
    assert (done.returncode, done.stdout) == (0, "")
    assert "Nothing was printed there yet: a job's log begins when its machine has started (Train)." in done.stderr


def test_logs_are_followed_until_the_execution_ends(deploy: Any, service: Scripted) -> None:
    running = State("Executing", [job_step("Train", "Executing", "training")])
    service.execution(running, running, State("Succeeded", [job_step("Train", "Succeeded", "training")]))
    service.log("Train", "algo-1", "epoch 1", kind="training")
    follow = deploy.start("logs", execution_arn(), *DEV, "--step", "Train", "--follow")
    assert follow.stdout.readline() == "==> Train algo-1 <==\n"
    assert follow.stdout.readline() == "epoch 1\n"
    service.log("Train", "algo-1", "epoch 2", kind="training")
    output, errors = follow.communicate(timeout=30)
    assert (output, follow.returncode) == ("epoch 2\n", 0), errors


# ---- the same words here ----


def test_local_logs_are_followed_too(deploy: Any, definition_file: Callable[..., Path]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as door:
        wait = f"import socket; socket.create_connection({door.getsockname()!r}).recv(1)"
        path = definition_file(Waits=f"print('first', flush=True); {wait}; print('last')")
        run = deploy.start("run", "--file", str(path))
        guest, _ = door.accept()
        with guest:
            follow = deploy.start("logs", "--follow")
            assert follow.stdout.readline() == "==> Waits algo-1 <==\n"
            assert follow.stdout.readline() == "first\n"
        output, errors = follow.communicate(timeout=30)
    assert (output, follow.returncode) == ("last\n", 0), errors
    run.communicate(timeout=30)
    assert run.returncode == 0


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["run", "training", "--with-current-code"], "--with-current-code goes with --resume"),
        (["run", "training", "--detach"], "only as long as this program does"),
        (["run", "training", "--source", "x"], "--source goes with --from, --to or --only"),
        (["run", "training", "--resume", "x"], "--resume goes on with an execution as it was started: PIPELINE"),
        (["logs", "--follow", "--json"], "--follow prints lines as they come"),
    ],
)
def test_words_that_do_not_go_here_are_refused(deploy: Any, words: list[str], part: str) -> None:
    done = deploy(*words)
    assert done.returncode == 64
    assert part in done.stderr
    assert not (deploy.folder / ".dagwright/runs").exists()
