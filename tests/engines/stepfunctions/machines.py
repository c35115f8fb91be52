"""State machines as a project wants them, and upserts of them into an account of moto's."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from engines.sagemaker.world import DESTINATION as SAGEMAKER
from engines.sagemaker.world import OWNER, text

from dagwright.engines.aws import remote
from dagwright.engines.aws.clients import Clients
from dagwright.engines.aws.objects import Objects
from dagwright.engines.aws.plan import Plan, make_plan
from dagwright.engines.aws.service import Done
from dagwright.engines.aws.upsert import Upsert
from dagwright.engines.aws.wanted import WantedSchedule, definition_object
from dagwright.engines.losses import Loss
from dagwright.engines.stepfunctions.state_machines import StateMachines, WantedMachine

if TYPE_CHECKING:
    from aws import AWS

ROLE = "arn:aws:iam::123456789012:role/SageMaker-Rc-Churn-StepFunctionsRole"
DESTINATION = replace(SAGEMAKER, engine="stepfunctions", role=ROLE)
NAME = "rc-churn-training"
ARN = DESTINATION.arn(NAME)
GROUP = "arn:aws:logs:us-east-1:123456789012:log-group:/aws/vendedlogs/states/rc-churn"
NIGHTLY = WantedSchedule(
    "nightly",
    {
        "ScheduleExpression": "cron(0 2 * * ? *)",
        "ScheduleExpressionTimezone": "UTC",
        "State": "ENABLED",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": {"RetryPolicy": {"MaximumRetryAttempts": 3}, "Input": '{"Trees": 7}'},
    },
)


def machine(*steps: str, comment: str = "", **members: Any) -> str:
    """A state machine in which these steps run one by one; `members` are those of every state."""
    states: dict[str, Any] = {}
    for index, name in enumerate(steps):
        onward = {"Next": steps[index + 1]} if index + 1 < len(steps) else {"End": True}
        states[name] = {"Type": "Pass", **members, **onward}
    return json.dumps({"Comment": comment, "StartAt": steps[0], "States": states})


def wanted(*steps: str, name: str = "training", commit: str = "", **more: Any) -> WantedMachine:
    """A pipeline with these steps, as a machine; `more` are members of WantedMachine, and `states` those of states."""
    steps = steps or ("A",)
    deployed_name = f"rc-churn-{name}"
    definition = more.pop("text", text(*steps))
    stored = definition_object(definition, deployed_name, DESTINATION)
    members = more.pop("states", {})
    return WantedMachine(
        name=name,
        deployed_name=deployed_name,
        text=definition,
        role=more.pop("role", ROLE),
        tags=more.pop("tags", {"Team": "rc", **OWNER.tags(name)}),
        code=(*more.pop("code", ()), stored),
        machine=machine(*steps, comment=f"made, commit {commit}, {stored.uri}", **members),
        log_group=more.pop("log_group", GROUP),
        losses=(Loss("no-lineage", "SageMaker records no lineage"),),
        commit=commit,
        **more,
    )


class Account:
    """What a test does with an account: plan, upsert, look at what is there past everything of ours."""

    def __init__(self, aws: AWS) -> None:
        self.aws = aws
        self.clients = Clients("us-east-1")
        self.service = StateMachines(self.clients, DESTINATION)
        self.remote = remote.AWS(self.clients, DESTINATION, self.service)
        aws.client("s3").create_bucket(Bucket="bucket")

    def plan(self, *machines: WantedMachine, complete: bool = False) -> Plan:
        return make_plan(machines, DESTINATION, self.remote, complete=complete)

    def upsert(self, *machines: WantedMachine, complete: bool = False, prune: bool = False) -> list[str]:
        """Plan and carry out; the operations that changed something."""
        return self.carry_out(self.plan(*machines, complete=complete), *machines, prune=prune)

    def carry_out(self, plan: Plan, *machines: WantedMachine, prune: bool = False) -> list[str]:
        done: list[Done] = []
        objects = Objects(self.clients, "alias/key")
        upsert = Upsert(DESTINATION, self.clients, self.service, self.remote, objects, done.append)
        upsert.run(plan, machines, prune=prune)
        return [one.operation for one in done]

    @property
    def states(self) -> Any:
        return self.aws.client("stepfunctions")

    def described(self, name: str = NAME) -> dict[str, Any]:
        found: dict[str, Any] = self.states.describe_state_machine(stateMachineArn=DESTINATION.arn(name))
        return found

    def names(self) -> list[str]:
        return [one["name"] for one in self.states.list_state_machines()["stateMachines"]]

    def tags(self, name: str = NAME) -> dict[str, str]:
        listed = self.states.list_tags_for_resource(resourceArn=DESTINATION.arn(name))["tags"]
        return {tag["key"]: tag["value"] for tag in listed}

    def schedules(self) -> dict[str, dict[str, Any]]:
        client = self.aws.client("scheduler")
        listed = client.list_schedules(GroupName="rc-churn")["Schedules"]
        return {one["Name"]: client.get_schedule(Name=one["Name"], GroupName="rc-churn") for one in listed}
