"""The metrics that AWS has of what a project runs: a thing comes in, its metric goes out.

Nothing here is made up: an alarm on a metric that does not exist waits for ever. Names and dimensions: SageMaker
developer guide, "Monitor with CloudWatch"; Step Functions, "Monitoring metrics"; EventBridge Scheduler, "Monitoring
with CloudWatch"; EventBridge, SQS, SNS and Lambda, their pages of the same name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dagwright.infra.names import JOB_LOG_GROUPS

if TYPE_CHECKING:
    from dagwright.infra.site import Site
    from dagwright.infra.workload import Workload

PIPELINES = "AWS/Sagemaker/ModelBuildingPipeline"  # with this m
MACHINES = "AWS/States"
#: What the machines of jobs tell of themselves is in namespaces that are called as the log groups are.
JOBS = JOB_LOG_GROUPS


@dataclass(frozen=True)
class Metric:
    """One metric of one thing."""

    namespace: str
    name: str
    dimensions: Mapping[str, str]
    statistic: str = "Sum"

    def as_json(self) -> dict[str, Any]:
        """As an alarm takes it."""
        dimensions = [{"Name": name, "Value": value} for name, value in self.dimensions.items()]
        return {"Namespace": self.namespace, "MetricName": self.name, "Dimensions": dimensions}

    def row(self, **options: Any) -> list[Any]:
        """As a dashboard's graph takes it."""
        dimensions = [part for pair in self.dimensions.items() for part in pair]
        return [self.namespace, self.name, *dimensions, {"stat": self.statistic, **options}]


def is_machine(site: Site, workload: Workload) -> bool:
    """Whether a pipeline runs as a state machine in this environment."""
    return site.project.engine == "stepfunctions" and bool(workload.machine)


def target(site: Site, workload: Workload) -> str:
    """The ARN of what starts: the pipeline, or its state machine."""
    if is_machine(site, workload):
        return site.names.arn("states", f"stateMachine:{workload.deployed_name}")
    return site.names.arn("sagemaker", f"pipeline/{workload.deployed_name}")


@dataclass(frozen=True)
class Executions:
    """The metrics of a pipeline's executions, on either engine. A machine's that was stopped is aborted: it counts as
    failed."""

    started: Metric
    succeeded: Metric
    failed: tuple[Metric, ...]
    stopped: tuple[Metric, ...]
    duration: Metric


def executions(site: Site, workload: Workload) -> Executions:
    if is_machine(site, workload):
        machine = {"StateMachineArn": target(site, workload)}
        failed = tuple(Metric(MACHINES, f"Executions{how}", machine) for how in ("Failed", "TimedOut", "Aborted"))
        started, succeeded = (Metric(MACHINES, f"Executions{how}", machine) for how in ("Started", "Succeeded"))
        return Executions(started, succeeded, failed, (), Metric(MACHINES, "ExecutionTime", machine, "Maximum"))
    pipeline = {"PipelineName": workload.deployed_name}
    started, succeeded, failure, stopped = (
        Metric(PIPELINES, f"Execution{how}", pipeline) for how in ("Started", "Succeeded", "Failed", "Stopped")
    )
    duration = Metric(PIPELINES, "ExecutionDuration", pipeline, "Maximum")
    return Executions(started, succeeded, (failure,), (stopped,), duration)


def of_schedules(site: Site, name: str) -> Metric:
    return Metric("AWS/Scheduler", name, {"ScheduleGroup": site.project.schedule_group})


def waiting(queue: str) -> Metric:
    """How many messages a queue holds, by its name."""
    return Metric("AWS/SQS", "ApproximateNumberOfMessagesVisible", {"QueueName": queue}, "Maximum")


def undelivered(rule: str) -> Metric:
    """How often a rule of EventBridge has not reached its target."""
    return Metric("AWS/Events", "FailedInvocations", {"RuleName": rule})


def unsent(topic: str) -> Metric:
    """How many messages of a topic have not reached a subscriber."""
    return Metric("AWS/SNS", "NumberOfNotificationsFailed", {"TopicName": topic})


def of_function(function: str, name: str) -> Metric:
    return Metric("AWS/Lambda", name, {"FunctionName": function})
