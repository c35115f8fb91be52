"""A world that a test declares: what is wanted, and what AWS has after it was deployed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from dagwright.engines.aws.ownership import Owner
from dagwright.engines.aws.remote import Deployed
from dagwright.engines.aws.schedules import request
from dagwright.engines.aws.wanted import Destination, WantedSchedule
from dagwright.engines.sagemaker.pipelines import WantedPipeline

OWNER = Owner("rc-churn", "dev")
ROLE = "arn:aws:iam::123456789012:role/pipelines"
DESTINATION = Destination(
    owner=OWNER,
    account_id="123456789012",
    region="us-east-1",
    partition="aws",
    prefix="rc-churn-",
    role=ROLE,
    scheduler_role="arn:aws:iam::123456789012:role/scheduler",
    schedule_group="rc-churn",
    definitions="s3://bucket/pipelines",
    tags={"Team": "rc"},
)
ARN = DESTINATION.arn("rc-churn-training")
NIGHTLY = WantedSchedule(
    "nightly",
    {
        "ScheduleExpression": "cron(0 2 * * ? *)",
        "ScheduleExpressionTimezone": "UTC",
        "State": "ENABLED",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": {"RetryPolicy": {"MaximumRetryAttempts": 3, "MaximumEventAgeInSeconds": 3600}},
    },
)


@dataclass
class World:
    """What a Remote would find on AWS."""

    pipelines: Mapping[str, Deployed] = field(default_factory=dict)
    objects: tuple[str, ...] = ()
    group: bool = True

    def pipeline(self, name: str) -> Deployed:
        return self.pipelines.get(name, Deployed(name, ""))

    def owned(self, but: frozenset[str]) -> list[Deployed]:
        return [one for one in self.pipelines.values() if OWNER.owns(one.tags) and one.name not in but]

    def has_schedule_group(self) -> bool:
        return self.group

    def has_object(self, uri: str) -> bool:
        return uri in self.objects

    def read(self, uri: str) -> str:
        return ""


def text(*steps: str) -> str:
    return json.dumps({"Version": "2020-12-01", "Steps": [{"Name": name, "Type": "Fail"} for name in steps]})


def wanted(**more: Any) -> WantedPipeline:
    tags = {"Team": "rc", **OWNER.tags("training")}
    return WantedPipeline(
        **{
            "name": "training",
            "deployed_name": "rc-churn-training",
            "text": text("A"),
            "role": ROLE,
            "tags": tags,
            **more,
        }
    )


def deployed(one: WantedPipeline, **more: Any) -> Deployed:
    """What AWS has after the upsert of a wanted pipeline."""
    schedules = {
        f"{one.deployed_name}.{schedule.name}": request(schedule, ARN, DESTINATION) for schedule in one.schedules
    }
    found = Deployed(one.deployed_name, ARN, one.text, one.settings, one.tags, schedules)
    return replace(found, **more)
