"""`job run`, `job list`, `job describe` and `job stop` on SageMaker, against a service on the loopback."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from aws import AWS
from cli.deploying import Said, Site, site
from scripted import ID, NOON, PIPELINE, Refusal, Scripted, State, execution_arn, job_step, sagemaker_arn

from dagwright.engines.aws.following import Clock

__all__ = ["site"]

BUCKET = "acme-sm-rc-churn"
RAW = f"s3://{BUCKET}/raw/uploads/breast-cancer"
OURS = "rc-churn-train-20261121-115900"
OF_A_PIPELINE = f"pipelines-{ID}-Train-Xy12345678"


def waits(monkeypatch: pytest.MonkeyPatch, wait: Callable[[float], None]) -> None:
    """Whoever waits for the next look does this."""
    monkeypatch.setattr(Clock.__init__, "__defaults__", (time.monotonic, wait))


@pytest.fixture
def service(aws: AWS, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scripted]:
    """Nobody waits for anything: the tests tell what is found at each look."""
    waits(monkeypatch, lambda _: None)
    with Scripted(aws) as scripted:
        yield scripted


class Job:
    """A job in the account of the test, looked at again and again: each look finds the next of its states."""

    def __init__(self, service: Scripted, kind: str, *states: str, **members: Any) -> None:
        self.thing = f"{kind.title()}Job"
        self.request: Mapping[str, Any] = {}
        self._left, self._members = list(states), members
        service.answers[f"Create{self.thing}"] = self._create
        service.answers[f"Describe{self.thing}"] = self._describe

    def _create(self, asked: Mapping[str, Any]) -> Any:
        self.request = asked
        return {f"{self.thing}Arn": sagemaker_arn(f"{self.thing[:-3].lower()}-job/{asked[f'{self.thing}Name']}")}

    def _describe(self, asked: Mapping[str, Any]) -> Any:
        state = self._left.pop(0) if len(self._left) > 1 else self._left[0]
        name = asked[f"{self.thing}Name"]
        ended = {f"{self.thing[:-3]}EndTime": NOON + 95} if state not in ("InProgress", "Stopping") else {}
        return {
            **self.request,
            f"{self.thing}Name": name,
            f"{self.thing}Arn": sagemaker_arn(f"{self.thing[:-3].lower()}-job/{name}"),
            f"{self.thing}Status": state,
            "CreationTime": NOON,
            **ended,
            **self._members,
        }


def objects(aws: AWS) -> list[str]:
    return [item["Key"] for item in aws.client("s3").list_objects_v2(Bucket=BUCKET).get("Contents", [])]


# ---- run ----


def test_a_step_becomes_a_processing_job(site: Site, service: Scripted) -> None:
    job = Job(service, "processing", "InProgress", "InProgress", "Completed")
    said = site("job", "run", "Preprocess", "-p", "Seed=7")
    assert said.code == 0, said.err
    request = job.request
    name = request["ProcessingJobName"]
    assert re.fullmatch(r"rc-churn-preprocess-\d{8}-\d{6}", name)
    assert request["AppSpecification"]["ContainerArguments"][-1] == "7"
    assert request["RoleArn"].endswith(":role/SageMaker-Rc-Churn-Dev-ExecutionRole")
    inputs = {one["InputName"]: one["S3Input"]["S3Uri"] for one in request["ProcessingInputs"]}
    assert inputs["raw"] == RAW
    assert objects(site.aws) == [inputs["code"].removeprefix(f"s3://{BUCKET}/")], "the code of this step, and no other"
    outputs = request["ProcessingOutputConfig"]["Outputs"]
    assert all(f"/{name}/" in one["S3Output"]["S3Uri"] for one in outputs), "the job's name is the execution's id"
    tags = {tag["Key"]: tag["Value"] for tag in request["Tags"]}
    assert (tags["Environment"], tags["dagwright:project"], tags["dagwright:environment"]) == ("dev", "rc-churn", "dev")
    assert "Preprocess  succeeded" in said.err
    assert "Succeeded after 1 min 35 s\n" in said.out
    assert "output  Preprocess train" in said.out
    assert f"deploy.py job describe {name} --env dev" in said.out


def test_code_that_is_there_is_not_put_again(site: Site, service: Scripted) -> None:
    Job(service, "processing", "Completed")
    assert site("job", "run", "Preprocess").code == 0
    assert site.aws.operations.count("PutObject") == 1
    assert site("job", "run", "Preprocess").code == 0
    assert site.aws.operations.count("PutObject") == 0


def test_an_input_of_this_machine_is_put_into_the_bucket_once(site: Site, service: Scripted, tmp_path: Path) -> None:
    job = Job(service, "processing", "Completed")
    (tmp_path / "mine.csv").write_text("a,b\n1,2\n")
    words = ("job", "run", "Preprocess", "--input", f"raw={tmp_path / 'mine.csv'}")
    assert site(*words).code == 0
    uri = job.request["ProcessingInputs"][0]["S3Input"]["S3Uri"]
    assert re.fullmatch(rf"s3://{BUCKET}/processed/inputs/[0-9a-f]{{64}}/mine.csv", uri)
    stored = site.aws.client("s3").get_object(Bucket=BUCKET, Key=uri.removeprefix(f"s3://{BUCKET}/"))
    assert stored["Body"].read() == b"a,b\n1,2\n"
    assert site(*words).code == 0
    assert "PutObject" not in site.aws.operations


def test_a_training_job_goes_on_from_an_execution_and_says_its_metrics(site: Site, service: Scripted) -> None:
    steps = [job_step("FeatureEngineering", "Succeeded")]
    service.execution(State("Succeeded", steps))
    service.ran(PIPELINE, (ID, "Succeeded"))
    made = [
        {"OutputName": name, "S3Output": {"S3Uri": f"s3://{BUCKET}/features/v1/{name}"}}
        for name in ("train", "validation", "metadata")
    ]
    Job(service, "processing", "Completed", ProcessingOutputConfig={"Outputs": made})
    metric = {"MetricName": "validation:auc", "Value": 0.987, "Timestamp": NOON}
    job = Job(service, "training", "InProgress", "Completed", FinalMetricDataList=[metric])
    for source in (f"{PIPELINE}/{ID}", "latest"):
        said = site("job", "run", "Train", "--source", source, "-p", "Trees=5")
        assert said.code == 0, said.err
        channels = {
            one["ChannelName"]: one["DataSource"]["S3DataSource"]["S3Uri"] for one in job.request["InputDataConfig"]
        }
        assert channels == {
            "train": f"s3://{BUCKET}/features/v1/train",
            "validation": f"s3://{BUCKET}/features/v1/validation",
            "features": f"s3://{BUCKET}/features/v1/metadata",
        }
        assert job.request["HyperParameters"]["n_estimators"] == "5"
        assert "metric  Train validation:auc  0.987" in said.out
    assert site("job", "run", "Train", "--source", "latest", "--json").json["TrainingJobStatus"] == "Completed"


@pytest.mark.foreign("pipeline/rc-churn-training-dev-other/execution/a1b2c3d4e5f6")
def test_an_execution_of_another_pipeline_is_no_source(site: Site, service: Scripted) -> None:
    service.execution(State("Succeeded", [job_step("FeatureEngineering", "Succeeded")]))
    other = execution_arn(f"{PIPELINE}-other")
    said = site("job", "run", "Train", "--source", other)
    assert said.code == 64
    assert f"is of {PIPELINE}-other, and 'Train' would run as a step of training" in said.err
    assert site.aws.writes == []


def test_a_source_without_what_is_needed_says_so(site: Site, service: Scripted) -> None:
    service.execution(State("Failed", [job_step("FeatureEngineering", "Failed")]))
    said = site("job", "run", "Train", "--source", f"{PIPELINE}/{ID}")
    assert said.code == 64
    assert f"is what 'FeatureEngineering' gives, and in execution {PIPELINE}/{ID} it is Failed" in said.err
    assert site.aws.writes == []


def test_a_failure_has_its_reason_and_its_last_lines(site: Site, service: Scripted) -> None:
    job = Job(service, "processing", "Failed", FailureReason="AlgorithmError: no data, exit code: 1")
    logs = site.aws.client("logs")
    logs.create_log_group(logGroupName="/aws/sagemaker/ProcessingJobs")
    create = job._create

    def create_and_log(asked: Mapping[str, Any]) -> Any:
        stream = {
            "logGroupName": "/aws/sagemaker/ProcessingJobs",
            "logStreamName": f"{asked['ProcessingJobName']}/algo-1-{NOON}",
        }
        logs.create_log_stream(**stream)
        logs.put_log_events(**stream, logEvents=[{"timestamp": int(time.time() * 1000), "message": "KeyError: 'x'"}])
        return create(asked)

    service.answers["CreateProcessingJob"] = create_and_log
    said = site("job", "run", "Preprocess")
    assert said.code == 3
    assert "reason  AlgorithmError: no data, exit code: 1" in said.out
    assert "KeyError: 'x'" in said.out
    name = job.request["ProcessingJobName"]
    listed(service, "processing", summary(name, "processing", "Failed"))
    assert "==> algo-1 <==\nKeyError: 'x'\n" in site("job", "describe", name, "--tail", "5").out


def test_what_is_left_running_is_said(site: Site, service: Scripted) -> None:
    job = Job(service, "processing", "InProgress")
    said = site("job", "run", "Preprocess", "--detach")
    assert said.code == 0, said.err
    name = job.request["ProcessingJobName"]
    assert f"Job {name} goes on." in said.out
    assert f"deploy.py job stop {name} --env dev" in said.out
    assert "DescribeProcessingJob" not in site.aws.operations


def test_ctrl_c_leaves_it_running(site: Site, service: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    job = Job(service, "processing", "InProgress")

    def interrupted(_: float) -> None:
        raise KeyboardInterrupt

    waits(monkeypatch, interrupted)
    said = site("job", "run", "Preprocess")
    assert said.code == 1
    assert f"Job {job.request['ProcessingJobName']} goes on." in said.out
    assert "StopProcessingJob" not in site.aws.operations


def test_a_name_that_another_job_has_gives_way_to_the_next(site: Site, service: Scripted) -> None:
    job = Job(service, "processing", "Completed")
    create, refused = job._create, []

    def taken_once(asked: Mapping[str, Any]) -> Any:
        if not refused:
            refused.append(asked["ProcessingJobName"])
            return Refusal("ResourceInUse", "Job name must be unique")
        return create(asked)

    service.answers["CreateProcessingJob"] = taken_once
    assert site("job", "run", "Preprocess").code == 0
    assert job.request["ProcessingJobName"] > refused[0]


def test_a_job_whose_answer_is_lost_is_not_started_twice(
    site: Site, service: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "2")
    made: list[str] = []

    def create(asked: Mapping[str, Any]) -> Any:
        made.append(asked["ProcessingJobName"])
        return Refusal("InternalFailure", status=500) if len(made) == 1 else Refusal("ResourceInUse", "it is there")

    service.answers["CreateProcessingJob"] = create
    said = site("job", "run", "Preprocess")
    assert said.code == 1
    assert made == [made[0]] * 2
    assert f"deploy.py job describe {made[0]} --env dev" in said.err


def test_what_aws_would_refuse_is_said_before_anything_is_put_there(site: Site, service: Scripted) -> None:
    site.edit("config/project.yaml", "instance_type: ml.t3.medium", "instance_type: ml.m9.large")
    said = site("job", "run", "Preprocess")
    assert said.code == 1
    assert "ml.m9.large" in said.err
    assert site.aws.calls == []


def test_lambda_steps_and_others_are_no_jobs_there(site: Site) -> None:
    said = site("job", "run", "GoodEnough")
    assert said.code == 64
    assert "'GoodEnough' is a Condition step, which is no job that runs by itself" in said.err
    assert "in dev: Processing, Training." in said.err


def test_an_execution_that_there_is_not_has_no_arn(site: Site, service: Scripted) -> None:
    """The pipeline's own variables mean what they mean there; that of an execution is refused."""
    job = Job(service, "processing", "Completed")
    site.edit(
        "steps/preprocess.py",
        'arguments=["--input"',
        'environment={"ABOUT": ExecutionVariables.PIPELINE_NAME},\n        arguments=["--input"',
    )
    site.edit("steps/preprocess.py", "from dagwright import ", "from dagwright import ExecutionVariables, ")
    assert site("job", "run", "Preprocess").code == 0
    assert job.request["Environment"] == {"ABOUT": PIPELINE}
    site.edit("steps/preprocess.py", "PIPELINE_NAME", "PIPELINE_EXECUTION_ARN")
    said = site("job", "run", "Preprocess")
    assert said.code == 1
    assert "Execution.PipelineExecutionArn has no value: the job belongs to no execution of a pipeline" in said.err
    assert site.aws.writes == []


# ---- list, describe, stop ----


def summary(name: str, kind: str, status: str, created: int = NOON) -> dict[str, Any]:
    thing = f"{kind.title()}Job"
    ended = {f"{thing[:-3]}EndTime": created + 60} if status != "InProgress" else {}
    return {
        f"{thing}Name": name,
        f"{thing}Arn": sagemaker_arn(f"{kind}-job/{name}"),
        f"{thing}Status": status,
        "CreationTime": created,
        **ended,
    }


def listed(service: Scripted, kind: str, *summaries: dict[str, Any], page_size: int = 100) -> None:
    """The jobs of a kind in the account, newest first; the other kinds have none unless they are told."""
    thing = f"{kind.title()}Job"

    def answer(asked: Mapping[str, Any]) -> Any:
        assert (asked["SortBy"], asked["SortOrder"]) == ("CreationTime", "Descending")
        found = [one for one in summaries if asked["NameContains"] in one[f"{thing}Name"]]
        found = [one for one in found if asked.get("StatusEquals") in (None, one[f"{thing}Status"])]
        start = int(asked.get("NextToken", "0"))
        more = {"NextToken": str(start + page_size)} if start + page_size < len(found) else {}
        return {f"{thing}Summaries": found[start : start + page_size], **more}

    service.answers[f"List{thing}s"] = answer
    for other in ("Processing", "Training", "Transform"):
        service.answers.setdefault(f"List{other}Jobs", lambda _, other=other: {f"{other}JobSummaries": []})


@pytest.fixture
def account(service: Scripted) -> Scripted:
    """Jobs of ours, of a pipeline of ours, and of others."""
    service.ran(PIPELINE, (ID, "Succeeded"))
    listed(
        service,
        "training",
        summary("pipelines-zzzzzzzzzzzz-Train-Aa", "training", "InProgress", NOON + 9),
        summary(OF_A_PIPELINE, "training", "Completed", NOON + 2),
        summary("xrc-churn-train", "training", "Completed", NOON + 1),
        summary(OURS, "training", "Failed"),
    )
    listed(service, "processing", summary("rc-churn-preprocess-20261121-120005", "processing", "InProgress", NOON + 5))
    service.answers["ListTags"] = lambda _: {"Tags": []}
    return service


def names(said: Said) -> list[str]:
    return [line.split()[0] for line in said.out.splitlines()[1:]]


def test_the_jobs_of_the_project_and_of_its_pipelines_newest_first(site: Site, account: Scripted) -> None:
    assert names(site("job", "list")) == ["rc-churn-preprocess-20261121-120005", OF_A_PIPELINE, OURS]
    calls = site.aws.operations
    assert (calls.count("ListPipelines"), calls.count("ListPipelineExecutions")) == (1, 1)
    assert [calls.count(f"List{kind}Jobs") for kind in ("Processing", "Training", "Transform")] == [2, 2, 2]
    assert names(site("job", "list", "--type", "training", "--status", "Completed")) == [OF_A_PIPELINE]
    assert names(site("job", "list", "--limit", "1")) == ["rc-churn-preprocess-20261121-120005"]
    found = site("job", "list", "--json").json
    assert [one["TrainingJobName"] for one in found["TrainingJobSummaries"]] == [OF_A_PIPELINE, OURS]
    assert found["TransformJobSummaries"] == []


def test_many_jobs_are_on_many_pages(site: Site, account: Scripted) -> None:
    many = [summary(f"rc-churn-train-{number:03}", "training", "Completed", NOON - number) for number in range(25)]
    listed(account, "training", *many, page_size=10)
    assert len(names(site("job", "list", "--type", "training", "--limit", "15"))) == 15
    assert site.aws.operations.count("ListTrainingJobs") == 3, "two pages by the prefix, one of pipelines' jobs"


def test_a_job_is_described_by_the_beginning_of_its_name(site: Site, account: Scripted) -> None:
    Job(
        account,
        "training",
        "Failed",
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 30},
    )
    said = site("job", "describe", OURS[:20])
    assert said.code == 0, said.err
    for part in (f"{OURS}  training job  Failed", "instances  2 x ml.m5.large", "in /aws/sagemaker/TrainingJobs"):
        assert part in said.out
    assert site("job", "describe", OF_A_PIPELINE, "--json").json["TrainingJobName"] == OF_A_PIPELINE
    assert "is the beginning of several jobs" in site("job", "describe", "rc-churn-").err
    assert "is no job of this project" in site("job", "describe", "xrc").err
    assert "cannot be the name of a job" in site("job", "describe", "a b").err


def test_a_job_is_stopped_and_waited_for(site: Site, account: Scripted) -> None:
    Job(account, "training", "InProgress", "Stopping", "Stopping", "Stopped")
    account.answers["StopTrainingJob"] = lambda _: {}
    said = site("job", "stop", OF_A_PIPELINE)
    assert (said.code, said.out) == (0, f"Job {OF_A_PIPELINE}: Stopped\n"), said.err
    assert site.aws.of("StopTrainingJob") == [{"TrainingJobName": OF_A_PIPELINE}]


def test_a_job_that_is_over_is_not_stopped(site: Site, account: Scripted) -> None:
    Job(account, "training", "Failed")
    said = site("job", "stop", OURS)
    assert (said.code, said.err.strip()) == (64, f"Job {OURS} is not running: it is Failed")


@pytest.mark.foreign("training-job/xrc-churn-train")
@pytest.mark.parametrize(
    ("name", "tags", "why"),
    [
        ("pipelines-zzzzzzzzzzzz-Train-Aa", {}, "neither its name nor its tags say that it is of rc-churn"),
        ("xrc-churn-train", {}, "neither its name nor its tags say that it is of rc-churn"),
        (OURS, {"Environment": "staging"}, "its tag Environment is staging"),
        (OURS, {"dagwright:project": "rc-churn-train"}, "its tag dagwright:project is rc-churn-train"),
        (OF_A_PIPELINE, {"Project": "other"}, "its tag Project is other"),
    ],
)
def test_a_job_of_others_is_not_stopped(
    site: Site, account: Scripted, name: str, tags: dict[str, str], why: str
) -> None:
    Job(account, "training", "InProgress")
    account.answers["ListTags"] = lambda _: {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}
    said = site("job", "stop", name)
    assert said.code == 64
    assert why in said.err
    assert site.aws.writes == []
