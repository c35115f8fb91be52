"""An account of moto's AWS, and upserts into it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engines.sagemaker.world import DESTINATION

from dagwright.engines.aws import remote
from dagwright.engines.aws.clients import Clients
from dagwright.engines.aws.objects import Objects
from dagwright.engines.aws.plan import Plan, make_plan
from dagwright.engines.aws.service import Done
from dagwright.engines.aws.upsert import Upsert
from dagwright.engines.aws.wanted import WantedObject
from dagwright.engines.sagemaker.pipelines import Pipelines, WantedPipeline

if TYPE_CHECKING:
    from aws import AWS


class Account:
    """What a test does with it: plan, upsert, look at what is there past everything of ours."""

    def __init__(self, aws: AWS) -> None:
        self.aws = aws
        self.clients = Clients("us-east-1")
        self.service = Pipelines(self.clients, DESTINATION)
        self.remote = remote.AWS(self.clients, DESTINATION, self.service)
        aws.client("s3").create_bucket(Bucket="bucket")

    def code(self, content: str) -> tuple[WantedObject, ...]:
        """One script."""
        return (WantedObject(f"s3://bucket/code/{content}.py", content.encode, f"scripts/{content}.py"),)

    def plan(self, *wanted: WantedPipeline, complete: bool = False) -> Plan:
        return make_plan(wanted, DESTINATION, self.remote, complete=complete)

    def upsert(self, *wanted: WantedPipeline, complete: bool = False, prune: bool = False) -> list[str]:
        """Plan and carry out; the operations that changed something."""
        return self.carry_out(self.plan(*wanted, complete=complete), *wanted, prune=prune)

    def carry_out(self, plan: Plan, *wanted: WantedPipeline, prune: bool = False) -> list[str]:
        done: list[Done] = []
        objects = Objects(self.clients, "alias/key")
        Upsert(DESTINATION, self.clients, self.service, self.remote, objects, done.append).run(
            plan, wanted, prune=prune
        )
        return [one.operation for one in done]

    def described(self, name: str = "rc-churn-training") -> dict[str, Any]:
        found: dict[str, Any] = self.aws.client("sagemaker").describe_pipeline(PipelineName=name)
        return found

    def tags(self) -> dict[str, str]:
        listed = self.aws.client("sagemaker").list_tags(ResourceArn=self.described()["PipelineArn"])["Tags"]
        return {tag["Key"]: tag["Value"] for tag in listed}

    def schedules(self) -> dict[str, dict[str, Any]]:
        client = self.aws.client("scheduler")
        listed = client.list_schedules(GroupName="rc-churn")["Schedules"]
        return {one["Name"]: client.get_schedule(Name=one["Name"], GroupName="rc-churn") for one in listed}
