"""What the Lambda functions do that size the inputs of pipelines and start these: one role for those of a project."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from dagwright.infra.names import TRIGGER_ROLE
from dagwright.infra.policy import Statement, trust
from dagwright.infra.roles import keys, storage
from dagwright.infra.roles.role import add_role

if TYPE_CHECKING:
    from dagwright.infra.site import Site
    from dagwright.infra.template import Template
    from dagwright.input_sizes import InputSize


def add_trigger_role(template: Template, site: Site) -> None:
    """Add the role of the triggers, if a pipeline has one."""
    if site.workloads.triggered:
        trusted = trust("lambda", site.project.account_id)
        purpose = f"What the triggers of {site.names.stem} may do: measure inputs, and start pipelines"
        add_role(template, site, TRIGGER_ROLE, site.names.trigger_role, trusted, [*_statements(site)], purpose)


def _statements(site: Site) -> Iterator[Statement]:
    triggered = site.workloads.triggered
    pipelines = [arn for one in triggered for arn in site.names.pipeline(one.deployed_name)]
    start = ("sagemaker:StartPipelineExecution", "sagemaker:ListPipelineExecutions")
    yield Statement("StartPipelines", start, pipelines)
    machines = [site.names.machine(one.deployed_name) for one in triggered if one.machine]
    yield Statement("StartMachines", ("states:StartExecution",), machines)
    yield from storage.listing(site, "Measure", (), measured(site))
    logs = [site.names.arn("logs", f"log-group:{site.names.trigger_logs(one.deployed_name)}") for one in triggered]
    streams = [f"{arn}:log-stream:*" for arn in logs]
    yield Statement("Log", ("logs:CreateLogStream", "logs:PutLogEvents"), streams)
    queue = site.names.arn("sqs", site.names.trigger_queue)
    yield Statement("TellOfFailures", ("sqs:SendMessage",), (queue,))
    yield from keys.message_statements(site)
    yield from keys.settings_statements(site)


def measured(site: Site) -> list[str]:
    """The addresses of the inputs that decide on machines."""
    return [_address(site, size) for one in site.workloads.triggered for size in one.sizes]


def _address(site: Site, size: InputSize) -> str:
    """Where an input is that is measured: exactly, or anywhere in the bucket, where a start may say another address."""
    if isinstance(size.of, str):
        return size.of
    default = str(size.of.default_value or f"s3://{site.project.bucket}")
    return f"s3://{default.removeprefix('s3://').partition('/')[0]}/"
