"""The Lambda functions that size a pipeline's inputs and start it: a site comes in, resources go out.

What calls them is not made here: docs/alerts.md says how a schedule or a bucket does.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any

from dagwright.infra.logs import trigger_group_id
from dagwright.infra.metrics import target
from dagwright.infra.names import TRIGGER_ROLE, TRIGGERS
from dagwright.infra.queues import add_queue
from dagwright.infra.template import logical_id, ref
from dagwright.trigger.package import HANDLER, trigger_environment, trigger_zip

if TYPE_CHECKING:
    from dagwright.infra.site import Site
    from dagwright.infra.template import Template
    from dagwright.infra.workload import Workload

QUEUE = "TriggerQueue"
#: The newest that Lambda runs (Lambda developer guide, "Lambda runtimes").
RUNTIME = "python3.14"
_SECONDS, _MIB = 300, 512
# So many starts at the same time: one measures its inputs in seconds, and events come one by one.
_AT_ONCE = 2


def add_triggers(template: Template, site: Site) -> None:
    if not site.workloads.triggered:
        return
    queue = add_queue(template, site, QUEUE, site.names.trigger_queue)
    for workload in site.workloads.triggered:
        _add_trigger(template, site, workload, queue)


def assets_of(site: Site) -> list[tuple[str, bytes]]:
    """What has to be in the project's bucket before the stack is made: keys with their bytes."""
    return [(_code_key(site, trigger_zip()), trigger_zip())] if site.workloads.triggered else []


def _code_key(site: Site, content: bytes) -> str:
    return f"{site.project.layout.code}/{TRIGGERS}/{sha256(content).hexdigest()}.zip"


def _add_trigger(template: Template, site: Site, workload: Workload, queue: Any) -> None:
    function_id = logical_id("Trigger", workload.name)
    template.add(
        function_id,
        "AWS::Lambda::Function",
        {
            "FunctionName": site.names.trigger(workload.deployed_name),
            "Description": f"Measures the inputs of {workload.deployed_name} and starts it on machines that fit",
            "Runtime": RUNTIME,
            "Handler": HANDLER,
            "Role": site.names.trigger_role,
            "Code": {"S3Bucket": site.project.bucket, "S3Key": _code_key(site, trigger_zip())},
            "Environment": {"Variables": trigger_environment(target(site, workload), workload.sizes)},
            "KmsKeyArn": site.key,
            "Timeout": _SECONDS,
            "MemorySize": _MIB,
            "ReservedConcurrentExecutions": _AT_ONCE,
            "Tags": site.tags,
        },
        after=(TRIGGER_ROLE, trigger_group_id(workload)),
    )
    template.add(
        f"{function_id}Retries",
        "AWS::Lambda::EventInvokeConfig",
        {
            "FunctionName": ref(function_id),
            "Qualifier": "$LATEST",
            "MaximumRetryAttempts": 2,
            "MaximumEventAgeInSeconds": 3600,
            "DestinationConfig": {"OnFailure": {"Destination": queue}},
        },
    )
