"""The Lambda trigger, called as Lambda calls it: real objects, real requests, moto behind them."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from aws import ACCOUNT, AWS
from botocore.exceptions import ClientError
from scripted import PIPELINE, Refusal, Scripted, execution_arn, sagemaker_arn

from dagwright.input_sizes import InputSize
from dagwright.parameters import ParameterString
from dagwright.sizing import RULES, Row, Rule, TooLargeError
from dagwright.trigger.handler import handler
from dagwright.trigger.package import trigger_environment, trigger_zip

BUCKET = "acme-sm-rc-churn"
RAW = f"s3://{BUCKET}/raw/uploads"
TARGET = sagemaker_arn(f"pipeline/{PIPELINE}")
MACHINE = f"arn:aws:states:us-east-1:{ACCOUNT}:stateMachine:{PIPELINE}"
EVENT = {"id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa", "parameters": {"Seed": 7, "Fast": True, "Rate": 0.5}}
# Two rows that a test's own objects reach: what is sized are GB, and nobody puts them into moto.
SMALL = Rule("small", (Row("ml.m5.large", 1, volume_size_in_gb=10), Row("ml.m5.xlarge", 2)))
DEFINITION = json.dumps({"Version": "2020-12-01", "Steps": []})


def context(request: str = "8f507cfc-xmpl-4697-b07a-ac58fc914c95") -> Any:
    return SimpleNamespace(aws_request_id=request)


def put(aws: AWS, *names: str, size: int = 1000, folder: str = "raw/uploads") -> None:
    for name in names:
        aws.client("s3").put_object(Bucket=BUCKET, Key=f"{folder}/{name}", Body=b"x" * size)


def started(aws: AWS) -> list[dict[str, Any]]:
    """The parameters of each StartPipelineExecution."""
    return [
        {one["Name"]: one["Value"] for one in call["PipelineParameters"]} for call in aws.of("StartPipelineExecution")
    ]


@pytest.fixture
def configure(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """The function's environment, for sizes and a target."""

    def set_environment(*sizes: InputSize, target: str = TARGET, parameters: dict[str, Any] | None = None) -> None:
        variables = trigger_environment(target, sizes)
        for name, value in {**variables, "PARAMETERS": json.dumps(parameters or {})}.items():
            monkeypatch.setenv(name, value)

    return set_environment


@pytest.fixture
def account(aws: AWS) -> Iterator[Scripted]:
    """A bucket, a pipeline and a state machine of the same name."""
    aws.client("s3").create_bucket(Bucket=BUCKET)
    aws.client("stepfunctions").create_state_machine(
        name=PIPELINE,
        definition=json.dumps({"StartAt": "A", "States": {"A": {"Type": "Wait", "Seconds": 600, "End": True}}}),
        roleArn=f"arn:aws:iam::{ACCOUNT}:role/SageMaker-Rc-Churn-StepFunctionsRole",
    )
    with Scripted(aws) as scripted:
        scripted.deploy(DEFINITION)
        yield scripted


def raw(rule: Rule = SMALL, **words: Any) -> InputSize:
    return InputSize("Raw", **{"of": ParameterString("RawData", RAW), "rule": rule, **words})


def notification(kind: str = "ObjectCreated:Put", **members: str) -> dict[str, Any]:
    """What a bucket says of an object; members are the object's."""
    told = {"bucket": {"name": BUCKET}, "object": {"key": "raw/uploads/1.csv", **members}}
    return {"Records": [{"eventName": kind, "eventTime": "2026-11-21T21:10:00.000Z", "s3": told}]}


# --- what is started ----------------------------------------------------------------------------------------------


def test_a_pipeline_is_started_on_machines_for_what_lies_there(
    aws: AWS, account: Scripted, configure: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    put(aws, "1.csv", "2.csv", "deeper/3.csv")
    put(aws, "other.csv", folder="elsewhere")
    configure(raw(), parameters={"Seed": 1, "Kind": "nightly"})
    arn = handler(EVENT, context())
    (call,) = aws.of("StartPipelineExecution")
    assert call["PipelineName"] == PIPELINE
    assert len(call["ClientRequestToken"]) == 64
    assert started(aws) == [
        {
            "RawInstanceType": "ml.m5.large",
            "RawInstanceCount": "1",
            "RawVolumeSizeInGB": "10",
            "Seed": "7",
            "Kind": "nightly",
            "Fast": "true",
            "Rate": "0.5",
        }
    ]
    said = capsys.readouterr().out
    assert said.count("\n") == 1, "one line"
    line = json.loads(said)
    assert isinstance(line.pop("seconds"), float)
    assert line == {
        "event": EVENT["id"],
        "target": TARGET,
        "execution": arn,
        "repeated": False,
        "sizes": [
            {
                "name": "Raw",
                "address": RAW,
                "bytes": 3000,
                "objects": 3,
                "instance_type": "ml.m5.large",
                "instance_count": 1,
                "volume_size_in_gb": 10,
            }
        ],
    }
    executions = aws.client("sagemaker").list_pipeline_executions(PipelineName=PIPELINE)["PipelineExecutionSummaries"]
    assert [one["PipelineExecutionArn"] for one in executions] == [arn]


def test_a_state_machine_is_started_with_typed_values(
    aws: AWS, account: Scripted, configure: Callable[..., None]
) -> None:
    put(aws, "1.csv")
    configure(raw(), target=MACHINE)
    arn = handler(EVENT, context())
    (call,) = aws.of("StartExecution")
    assert call["stateMachineArn"] == MACHINE
    assert json.loads(call["input"]) == {
        "RawInstanceType": "ml.m5.large",
        "RawInstanceCount": 1,
        "RawVolumeSizeInGB": 10,
        **EVENT["parameters"],  # type: ignore[dict-item]
    }
    assert aws.client("stepfunctions").describe_execution(executionArn=arn)["name"] == call["name"]


def test_every_page_counts(
    aws: AWS,
    account: Scripted,
    configure: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    put(aws, "1.csv", "2.csv", "3.csv", size=1)
    configure(raw())
    client = boto3.client

    def paging_by_two(*words: Any, **named: Any) -> Any:
        """A client whose answers have two objects at most."""
        made = client(*words, **named)
        made.meta.events.register(
            "provide-client-params.s3.ListObjectsV2", lambda params, **_: {**params, "MaxKeys": 2}
        )
        return made

    monkeypatch.setattr(boto3, "client", paging_by_two)
    handler(EVENT, context())
    assert aws.operations.count("ListBucket") == 2
    assert json.loads(capsys.readouterr().out)["sizes"][0]["objects"] == 3


@pytest.mark.parametrize(
    ("gigabytes", "machines"),
    [(0.9, ("ml.m5.large", "1", "10")), (1.9, ("ml.m5.xlarge", "1", "30"))],
)
def test_the_row_that_holds_the_input_counts(
    aws: AWS,
    account: Scripted,
    configure: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    gigabytes: float,
    machines: tuple[str, ...],
) -> None:
    put(aws, "1.csv", "2.csv", size=int(gigabytes * 500))
    monkeypatch.setattr("dagwright.sizing.GB", 1000)
    configure(raw())
    handler(EVENT, context())
    assert (
        tuple(started(aws)[0][f"Raw{name}"] for name in ("InstanceType", "InstanceCount", "VolumeSizeInGB")) == machines
    )


@pytest.mark.parametrize(("words", "volume"), [({}, "150"), ({"sharded": True}, "30"), ({"spark": True}, "30")])
def test_an_input_that_machines_share_has_smaller_volumes(
    aws: AWS,
    account: Scripted,
    configure: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    words: dict[str, Any],
    volume: str,
) -> None:
    put(aws, "1.csv", size=60_000)
    monkeypatch.setattr("dagwright.sizing.GB", 1000)
    configure(raw(Rule("own", (Row("ml.m5.large", instance_count=8),)), **words))
    handler({"id": "1"}, context())
    assert started(aws)[0]["RawVolumeSizeInGB"] == volume


def test_a_spark_step_gets_the_rows_for_spark(
    aws: AWS, account: Scripted, configure: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    put(aws, "1.csv", size=1_000_000)
    monkeypatch.setattr("dagwright.sizing.GB", 1000)
    configure(raw(RULES["standard"], spark=True))
    handler({"id": "1"}, context())
    assert started(aws)[0]["RawInstanceCount"] == "4"
    configure(raw(RULES["standard"]))
    with pytest.raises(TooLargeError, match="is for Spark steps only"):
        handler({"id": "2"}, context())


@pytest.mark.parametrize("where", ["event", "settings"])
def test_a_given_address_is_the_one_that_is_measured(
    aws: AWS, account: Scripted, configure: Callable[..., None], capsys: pytest.CaptureFixture[str], where: str
) -> None:
    put(aws, "1.csv", folder="raw/mine")
    mine = {"RawData": f"s3://{BUCKET}/raw/mine"}
    configure(raw(), parameters=mine if where == "settings" else {})
    handler({"id": "1", "detail": {"parameters": mine}} if where == "event" else {"id": "1"}, context())
    (sized,) = json.loads(capsys.readouterr().out)["sizes"]
    assert (sized["address"], sized["objects"]) == (mine["RawData"], 1)
    assert started(aws)[0]["RawData"] == mine["RawData"]


def test_machines_that_are_given_are_not_replaced(aws: AWS, account: Scripted, configure: Callable[..., None]) -> None:
    put(aws, "1.csv")
    configure(raw())
    handler({"id": "1", "parameters": {"RawInstanceType": "ml.r5.large"}}, context())
    own = {"RawInstanceType": "ml.r5.large", "RawInstanceCount": 2, "RawVolumeSizeInGB": 40}
    handler({"id": "2", "parameters": own}, context())
    assert [one["RawInstanceType"] for one in started(aws)] == ["ml.r5.large"] * 2
    assert [one["RawVolumeSizeInGB"] for one in started(aws)] == ["10", "40"]
    assert aws.operations.count("ListBucket") == 1, "there was nothing left to measure for"


def test_an_input_that_is_not_there_leaves_the_pipelines_defaults(
    aws: AWS, account: Scripted, configure: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    configure(raw())
    handler({"id": "1"}, context())
    assert started(aws) == [{}]
    assert json.loads(capsys.readouterr().out)["sizes"] == [{"name": "Raw", "address": RAW, "bytes": 0, "objects": 0}]


# --- once and only once -------------------------------------------------------------------------------------------


def once_per_token(account: Scripted) -> list[str]:
    """SageMaker as its model says it: a token is started once. What is asked for first is kept."""
    tokens: list[str] = []

    def answer(asked: Any) -> Any:
        if asked["ClientRequestToken"] not in tokens:
            tokens.append(asked["ClientRequestToken"])
        return {"PipelineExecutionArn": execution_arn(identity=f"{tokens.index(asked['ClientRequestToken']):012}")}

    account.answers["StartPipelineExecution"] = answer
    return tokens


@pytest.mark.parametrize(
    ("first", "again"),
    [
        ({"id": "a"}, {"id": "a"}),
        ({"id": "a", "time": "1"}, {"id": "a", "time": "2"}),
        ({"parameters": {}}, {"parameters": {}}),
        (notification(sequencer="1"), notification(sequencer="1")),
        (notification(), notification()),
    ],
)
def test_an_event_that_comes_again_starts_nothing_new(
    aws: AWS, account: Scripted, configure: Callable[..., None], first: Any, again: Any
) -> None:
    tokens = once_per_token(account)
    put(aws, "1.csv")
    configure(raw())
    own_request = context("another") if "Records" in first or "id" in first else context()
    assert handler(first, context()) == handler(again, own_request)
    assert len(tokens) == 1
    handler({"id": "b"}, context())
    assert len(tokens) == 2


def test_an_answer_that_is_lost_is_an_error_and_the_next_attempt_the_same_start(
    aws: AWS, account: Scripted, configure: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    tokens = once_per_token(account)
    put(aws, "1.csv")
    configure(raw())
    aws.fail("broken", "StartPipelineExecution", after=True)
    with pytest.raises(ClientError):
        handler(EVENT, context())
    assert capsys.readouterr().out == "", "a line is for what has been started"
    put(aws, "2.csv")
    assert handler(EVENT, context()) == execution_arn(identity="0" * 12)
    assert len(tokens) == 1


def refusing(account: Scripted, code: str) -> None:
    """A service that minds other parameters under the same token."""
    started: dict[str, Any] = {}

    def answer(asked: Any) -> Any:
        if started.setdefault(asked["ClientRequestToken"], asked) != asked:
            return Refusal(code, "Idempotency token is reused with other parameters")
        return {"PipelineExecutionArn": execution_arn()}

    account.answers["StartPipelineExecution"] = answer
    account.answers["ListPipelineExecutions"] = lambda _: {
        "PipelineExecutionSummaries": [
            {"PipelineExecutionArn": execution_arn(identity="b" * 12), "PipelineExecutionDisplayName": "by-hand"},
            *(
                {
                    "PipelineExecutionArn": execution_arn(),
                    "PipelineExecutionDisplayName": one["PipelineExecutionDisplayName"],
                }
                for one in started.values()
            ),
        ]
    }


@pytest.mark.parametrize("code", ["ConflictException", "ValidationException"])
def test_an_input_that_has_grown_meanwhile_starts_nothing_new(
    aws: AWS,
    account: Scripted,
    configure: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    code: str,
) -> None:
    refusing(account, code)
    monkeypatch.setattr("dagwright.sizing.GB", 1000)
    configure(raw())
    put(aws, "1.csv", size=500)
    first = handler(EVENT, context())
    put(aws, "2.csv", size=900)
    assert handler(EVENT, context()) == first == execution_arn()
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["repeated"] for line in lines] == [False, True]


@pytest.mark.parametrize("hidden", [False, True])
def test_a_start_that_is_refused_for_another_reason_is_an_error(
    aws: AWS, account: Scripted, configure: Callable[..., None], hidden: bool
) -> None:
    account.refuse("StartPipelineExecution", "ValidationException", "there is no parameter Seed")
    if hidden:
        account.refuse("ListPipelineExecutions", "AccessDeniedException")
    put(aws, "1.csv")
    configure(raw())
    with pytest.raises(ClientError, match="there is no parameter Seed"):
        handler(EVENT, context())


def test_a_machine_is_started_once_even_if_the_input_has_grown(
    aws: AWS,
    account: Scripted,
    configure: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("dagwright.sizing.GB", 1000)
    configure(raw(), target=MACHINE)
    put(aws, "1.csv", size=500)
    first = handler(EVENT, context())
    assert handler(EVENT, context("another")) == first
    put(aws, "2.csv", size=900)
    assert handler(EVENT, context()) == first
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["repeated"] for line in lines] == [False, False, True]
    executions = aws.client("stepfunctions").list_executions(stateMachineArn=MACHINE)["executions"]
    assert [one["executionArn"] for one in executions] == [first]


def test_two_writings_of_an_object_are_two_events(aws: AWS, account: Scripted, configure: Callable[..., None]) -> None:
    tokens = once_per_token(account)
    configure(raw())
    later = notification()
    later["Records"][0]["eventTime"] = "2026-11-21T21:10:01.000Z"
    for event in (notification(), later, notification(sequencer="1"), notification(sequencer="2")):
        handler(event, context())
    assert len(tokens) == 4


@pytest.mark.parametrize("event", [{"Event": "s3:TestEvent", "Bucket": BUCKET}, notification("ObjectRemoved:Delete")])
def test_a_notification_of_nothing_new_is_one_line_and_no_start(
    aws: AWS, account: Scripted, configure: Callable[..., None], capsys: pytest.CaptureFixture[str], event: Any
) -> None:
    configure(raw())
    assert handler(event, context()) == ""
    assert json.loads(capsys.readouterr().out) == {"ignored": event, "target": TARGET}
    assert started(aws) == []


@pytest.mark.parametrize(
    ("event", "said"),
    [
        ({}, "no event that starts something: it has no id, no parameters and no S3 records: nothing"),
        ({"version": "2.0", "body": "{}"}, "no S3 records: version, body"),
        ([], "this is no event: a list"),
        ({"Records": [{"eventSource": "aws:sqs", "body": "{}"}]}, "not those of a bucket's notification"),
        ({"Records": [{"EventSource": "aws:sns", "Sns": {}}]}, "not those of a bucket's notification"),
        ({"Records": {"a": 1}}, "not those of a bucket's notification"),
        ({"Records": []}, "not those of a bucket's notification"),
        ({"Records": [{"eventName": "ObjectCreated:Put", "s3": {}}]}, "does not say which object"),
    ],
)
def test_what_is_no_event_of_a_known_kind_starts_nothing(
    aws: AWS, account: Scripted, configure: Callable[..., None], event: Any, said: str
) -> None:
    configure(raw())
    with pytest.raises(ValueError, match=said):
        handler(event, context())
    assert started(aws) == []


@pytest.mark.parametrize("value", [[7], {"a": 1}, None, float("nan"), float("inf")])
@pytest.mark.parametrize("where", ["event", "settings"])
def test_start_values_are_single_wherever_they_come_from(
    aws: AWS, account: Scripted, configure: Callable[..., None], where: str, value: Any
) -> None:
    configure(raw(), parameters={"Seed": value} if where == "settings" else {})
    with pytest.raises(ValueError, match="not names with texts, numbers, true or false"):
        handler({"id": "1", "parameters": {"Seed": value} if where == "event" else {}}, context())
    assert started(aws) == []


def test_parameters_that_are_null_do_not_hide_those_of_the_detail(
    aws: AWS, account: Scripted, configure: Callable[..., None]
) -> None:
    configure(raw())
    handler({"id": "1", "parameters": None, "detail": {"parameters": {"Seed": 7}}}, context())
    assert started(aws) == [{"Seed": "7"}]


def test_an_address_without_a_value_leaves_the_pipelines_defaults(
    aws: AWS, account: Scripted, configure: Callable[..., None]
) -> None:
    configure(raw(of=ParameterString("Day")))
    handler({"id": "1"}, context())
    assert started(aws) == [{}]
    assert "ListBucket" not in aws.operations


# --- errors are Lambda's business ---------------------------------------------------------------------------------


def test_what_goes_wrong_is_raised_and_nothing_is_started(
    aws: AWS,
    account: Scripted,
    configure: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    put(aws, "1.csv", size=3000)
    configure(raw())
    aws.fail("denied", "ListBucket")
    with pytest.raises(ClientError, match="AccessDenied"):
        handler(EVENT, context())
    with pytest.raises(ValueError, match="parameters are not names with texts"):
        handler({"id": "1", "parameters": {"Seed": [7]}}, context())
    with pytest.raises(ValueError, match="parameters are not names with texts"):
        handler({"id": "1", "parameters": ["Seed"]}, context())
    with pytest.raises(ValueError, match="the input Raw has no S3 address: 'raw/mine'"):
        handler({"id": "1", "parameters": {"RawData": "raw/mine"}}, context())
    monkeypatch.setattr("dagwright.sizing.GB", 1000)
    with pytest.raises(TooLargeError, match="the rule small ends below 2 GB"):
        handler(EVENT, context())
    assert started(aws) == []
    assert capsys.readouterr().out == ""


# --- the zip by itself --------------------------------------------------------------------------------------------


def test_the_unpacked_zip_runs_without_anything_else_of_ours(aws: AWS, account: Scripted, tmp_path: Path) -> None:
    put(aws, "1.csv", "2.csv")
    (tmp_path / "trigger.zip").write_bytes(trigger_zip())
    zipfile.ZipFile(tmp_path / "trigger.zip").extractall(tmp_path / "task")
    libraries = str(Path(boto3.__file__).parents[1])
    program = (
        "import json, sys; from importlib import import_module; from types import SimpleNamespace\n"
        f"sys.path += [{str(tmp_path / 'task')!r}, {libraries!r}]\n"
        "handler = import_module('dagwright.trigger.handler').handler\n"
        f"print(handler({EVENT!r}, SimpleNamespace(aws_request_id='r')), file=sys.stderr)\n"
        "print(sorted(name for name in sys.modules if name.startswith('dagwright')), file=sys.stderr)\n"
        "try: import dagwright.project\n"
        "except ModuleNotFoundError as error: print(error, file=sys.stderr)\n"
    )
    variables = {**aws.variables, **trigger_environment(TARGET, [raw(RULES["standard"])])}
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, check=True, env=variables
    )
    line = json.loads(done.stdout)
    assert line["sizes"][0]["instance_type"] == "ml.m5.xlarge"
    arn, modules, missing = done.stderr.splitlines()[-3:]
    assert arn == line["execution"]
    assert modules == "['dagwright', 'dagwright.sizing', 'dagwright.trigger', 'dagwright.trigger.handler']"
    assert missing == "No module named 'dagwright.project'"
    assert started(aws)[0]["RawVolumeSizeInGB"] == "30"
