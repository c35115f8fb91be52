"""A CloudFormation that tells what a test has written down: changes with their values, failures, drift.

moto has change sets, but none that fails, replaces or tells values. A test declares what is there and what will happen;
every request and every answer is checked against botocore's model. All other services are the account's of the fixture
`aws`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from functools import cache
from typing import Any

from aws import flaws_of
from botocore.exceptions import ClientError
from botocore.session import get_session
from botocore.validate import ParamValidator

from dagwright.engines.aws.clients import Clients
from dagwright.engines.aws.following import Clock
from dagwright.engines.aws.ownership import Owner
from dagwright.stacks.events import Event
from dagwright.stacks.plan import StackPlan
from dagwright.stacks.wanted import InfraStack

NAME = "acme-sm-rc-churn-dev"
BUCKET = "acme-sm-rc-churn"
OWNER = Owner("rc-churn", "dev")
ARN = f"arn:aws:cloudformation:us-east-1:123456789012:stack/{NAME}/1234abcd"
START = datetime(2026, 11, 22, 10, 0, tzinfo=timezone.utc)
TEMPLATE = {
    "Resources": {
        "Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": BUCKET}},
        "Topic": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "rc-churn-dev"}},
        "ExecutionRole": {"Type": "AWS::IAM::Role", "Properties": {"RoleName": "SageMaker-Rc-Churn-ExecutionRole"}},
    },
    "Outputs": {"BucketArn": {"Value": {"Fn::GetAtt": ["Bucket", "Arn"]}}},
}
GROUND = {"Resources": {"Bucket": TEMPLATE["Resources"]["Bucket"]}}


def wanted(**others: Any) -> InfraStack:
    """A stack of three resources, one of which is protected."""
    members: dict[str, Any] = {
        "name": NAME,
        "owner": OWNER,
        "account_id": "123456789012",
        "region": "us-east-1",
        "template": TEMPLATE,
        "bucket": BUCKET,
        "key_prefix": "code/infra",
        "tags": {"Team": "rc", "Empty": ""},
        "protected": frozenset({"Bucket"}),
    }
    return InfraStack(**(members | others))


def change(action: str, logical_id: str, **others: Any) -> dict[str, Any]:
    """A change of one resource, as CloudFormation describes it."""
    kind = TEMPLATE["Resources"].get(logical_id, {"Type": "AWS::SQS::Queue"})["Type"]
    return {
        "Type": "Resource",
        "ResourceChange": {"Action": action, "LogicalResourceId": logical_id, "ResourceType": kind, **others},
    }


def detail(
    path: str, before: str | None, after: str | None, recreation: str = "Never", **others: Any
) -> dict[str, Any]:
    """A change of one property, with its values."""
    target = {"Attribute": "Properties", "Path": f"/Properties/{path}", "RequiresRecreation": recreation}
    target |= {name: value for name, value in (("BeforeValue", before), ("AfterValue", after)) if value is not None}
    return {"Target": target, "Evaluation": "Static", "ChangeSource": "DirectModification", **others}


def happens(logical_id: str, status: str, reason: str = "") -> tuple[str, str, str]:
    """Something that will happen; of the stack itself if it is called `stack`."""
    return NAME if logical_id == "stack" else logical_id, status, reason


MADE = [
    happens("stack", "CREATE_IN_PROGRESS"),
    happens("Bucket", "CREATE_COMPLETE"),
    happens("stack", "CREATE_COMPLETE"),
]
CHANGED = [happens("stack", "UPDATE_IN_PROGRESS"), happens("stack", "UPDATE_COMPLETE")]


@dataclass
class CloudFormation:
    """One stack, or none (no `status`). `stories` are what happens with each change set that is executed, in order."""

    status: str = ""
    tags: Mapping[str, str] = field(default_factory=OWNER.stack_tags)
    changes: Sequence[Mapping[str, Any]] = ()
    stories: list[list[tuple[str, str, str]]] = field(default_factory=list)
    outputs: Mapping[str, str] = field(default_factory=dict)
    refuses: str = ""
    drift: Sequence[Mapping[str, Any]] = ()
    page: int = 100
    more: dict[str, Any] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)
    change_sets: dict[str, dict[str, Any]] = field(default_factory=dict)
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    faults: list[tuple[str, str, str]] = field(default_factory=list)
    waiting: list[tuple[str, str, str]] = field(default_factory=list)
    at_each_look: Callable[[], None] = lambda: None
    updated: int = 0
    looked: int = 0

    @property
    def operations(self) -> list[str]:
        return [name for name, _ in self.calls]

    @property
    def writes(self) -> list[str]:
        """Those that change something, apart from change sets that nobody executes."""
        harmless = ("Describe", "Detect", "CreateChangeSet", "DeleteChangeSet")
        return [name for name in self.operations if not name.startswith(harmless)]

    def of(self, operation: str) -> list[dict[str, Any]]:
        return [arguments for name, arguments in self.calls if name == operation]

    def fail(self, operation: str, code: str, message: str = "as the test wants it") -> None:
        """The next call of this operation is refused."""
        self.faults.append((operation, code, message))

    def call(self, operation: str, arguments: dict[str, Any]) -> Any:
        assert flaws_of("cloudformation", operation, arguments) == []
        self.calls.append((operation, arguments))
        for fault in self.faults:
            if fault[0] == operation:
                self.faults.remove(fault)
                raise _error(*fault)
        answer = getattr(self, f"_{_snake(operation)}")(**arguments) or {}
        shape = _model().operation_model(operation).output_shape
        if shape is not None:
            assert not ParamValidator().validate(answer, shape).has_errors()
        return answer

    def _describe_stacks(self, StackName: str) -> dict[str, Any]:  # noqa: N803 - AWS names them
        if self.status == "DELETE_IN_PROGRESS":
            self.status = ""
            return {"Stacks": [self._stack("DELETE_IN_PROGRESS")]}
        if not self.status:
            raise _error("DescribeStacks", "ValidationError", f"Stack with id {StackName} does not exist")
        return {"Stacks": [self._stack(self.status)]}

    def _stack(self, status: str) -> dict[str, Any]:
        return {
            "StackId": ARN,
            "StackName": NAME,
            "CreationTime": START,
            "LastUpdatedTime": START + timedelta(minutes=self.updated),
            "StackStatus": status,
            "Tags": [{"Key": key, "Value": value} for key, value in self.tags.items()],
            "Outputs": [{"OutputKey": key, "OutputValue": value} for key, value in self.outputs.items()],
            **self.more,
        }

    def _create_change_set(self, ChangeSetName: str, ChangeSetType: str, **others: Any) -> dict[str, Any]:  # noqa: N803
        arn = f"arn:aws:cloudformation:us-east-1:123456789012:changeSet/{ChangeSetName}/1"
        if ChangeSetType == "CREATE":
            self.status = "REVIEW_IN_PROGRESS"
            self._happens(happens("stack", "REVIEW_IN_PROGRESS"))
        self.change_sets[arn] = {"Status": "CREATE_PENDING"}
        return {"Id": arn, "StackId": ARN}

    def _describe_change_set(
        self,
        ChangeSetName: str,  # noqa: N803
        IncludePropertyValues: bool = False,  # noqa: N803
        NextToken: str = "0",  # noqa: N803
    ) -> dict[str, Any]:
        if ChangeSetName not in self.change_sets:
            raise _error("DescribeChangeSet", "ChangeSetNotFound", "ChangeSet [x] does not exist")
        state = self.change_sets[ChangeSetName]
        answer = {"ChangeSetId": ChangeSetName, "StackId": ARN, "StackName": NAME, **state}
        if state["Status"] == "CREATE_PENDING":
            state.update(self._prepared())
            return answer
        start = int(NextToken)
        answer["Changes"] = [*self.changes[start : start + self.page]]
        if start + self.page < len(self.changes):
            answer["NextToken"] = str(start + self.page)
        return answer

    def _prepared(self) -> dict[str, Any]:
        if self.refuses:
            return {"Status": "FAILED", "ExecutionStatus": "UNAVAILABLE", "StatusReason": self.refuses}
        return {"Status": "CREATE_COMPLETE", "ExecutionStatus": "AVAILABLE"}

    def _execute_change_set(self, ChangeSetName: str, ClientRequestToken: str) -> None:  # noqa: N803
        self.change_sets.clear()
        self.waiting = self.stories.pop(0)
        self.status = "UPDATE_IN_PROGRESS" if self.status != "REVIEW_IN_PROGRESS" else "CREATE_IN_PROGRESS"
        self.updated += 1

    def _delete_change_set(self, ChangeSetName: str) -> None:  # noqa: N803
        self.change_sets.pop(ChangeSetName, None)

    def _delete_stack(self, StackName: str) -> None:  # noqa: N803
        self.status = "DELETE_IN_PROGRESS"
        self.change_sets.clear()

    def _describe_stack_events(self, StackName: str) -> dict[str, Any]:  # noqa: N803
        self.at_each_look()
        if self.waiting:
            self._happens(self.waiting.pop(0))
        return {"StackEvents": self.events[::-1]}

    def _describe_events(self, **_: Any) -> dict[str, Any]:
        return {"OperationEvents": self.more.pop("OperationEvents", [])}

    def _update_termination_protection(self, EnableTerminationProtection: bool, **_: Any) -> None:  # noqa: N803
        self.more["EnableTerminationProtection"] = EnableTerminationProtection

    def _detect_stack_drift(self, StackName: str) -> dict[str, Any]:  # noqa: N803
        return {"StackDriftDetectionId": "detection-1"}

    def _describe_stack_drift_detection_status(self, **_: Any) -> dict[str, Any]:
        self.looked += 1
        state = "DETECTION_IN_PROGRESS" if self.looked < 3 else "DETECTION_COMPLETE"
        drifted = any(one["StackResourceDriftStatus"] in ("MODIFIED", "DELETED") for one in self.drift)
        answer = {"StackId": ARN, "StackDriftDetectionId": "detection-1", "DetectionStatus": state, "Timestamp": START}
        return answer | {"StackDriftStatus": "DRIFTED" if drifted else "IN_SYNC"}

    def _describe_stack_resource_drifts(self, StackName: str, NextToken: str = "0") -> dict[str, Any]:  # noqa: N803
        start = int(NextToken)
        more = {"NextToken": str(start + self.page)} if start + self.page < len(self.drift) else {}
        return {"StackResourceDrifts": [*self.drift[start : start + self.page]], **more}

    def _happens(self, event: tuple[str, str, str]) -> None:
        logical_id, status, reason = event
        is_whole = logical_id == NAME
        kind = "AWS::CloudFormation::Stack" if is_whole else TEMPLATE["Resources"][logical_id]["Type"]
        self.events.append(
            {
                "StackId": ARN,
                "StackName": NAME,
                "EventId": str(len(self.events)),
                "Timestamp": START + timedelta(seconds=len(self.events)),
                "LogicalResourceId": logical_id,
                "PhysicalResourceId": ARN if is_whole else logical_id.lower(),
                "ResourceType": kind,
                "ResourceStatus": status,
                "ResourceStatusReason": reason,
            }
        )
        if is_whole:
            self.status = status


class ScriptedClients(Clients):
    """The account's clients, with this CloudFormation in the place of its own."""

    def __init__(self, cloudformation: CloudFormation) -> None:
        super().__init__("us-east-1")
        self._scripted = _Client(cloudformation)

    def __call__(self, service: str) -> Any:
        return self._scripted if service == "cloudformation" else super().__call__(service)


class _Client:
    def __init__(self, cloudformation: CloudFormation) -> None:
        self._cloudformation = cloudformation

    def __getattr__(self, name: str) -> Callable[..., Any]:
        operation = "".join(word.capitalize() for word in name.split("_"))
        return lambda **arguments: self._cloudformation.call(operation, arguments)

    def get_paginator(self, name: str) -> Any:
        return _Paginator(getattr(self, name))


class _Paginator:
    def __init__(self, call: Callable[..., Any]) -> None:
        self._call = call

    def paginate(self, **arguments: Any) -> Iterator[Any]:
        token: dict[str, str] = {}
        while True:
            page = self._call(**arguments, **token)
            yield page
            if not page.get("NextToken"):
                return
            token = {"NextToken": page["NextToken"]}


class Hands:
    """A clock that goes on only when somebody waits."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.clock = Clock(now=lambda: self.seconds, wait=self._wait)

    def _wait(self, seconds: float) -> None:
        self.seconds += seconds


class Witness:
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.plans: list[StackPlan] = []
        self.notes: list[str] = []
        self.events: list[Event] = []

    def planned(self, plan: StackPlan) -> None:
        self.plans.append(plan)

    def noted(self, line: str) -> None:
        self.notes.append(line)

    def happened(self, event: Event) -> None:
        self.events.append(event)


@cache
def _model() -> Any:
    return get_session().get_service_model("cloudformation")


def _error(operation: str, code: str, message: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, operation)


def _snake(name: str) -> str:
    return "".join(f"_{char.lower()}" if char.isupper() else char for char in name).lstrip("_")
