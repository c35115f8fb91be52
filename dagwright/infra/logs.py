"""Log groups with how long they keep what is written to them: a site comes in, resources go out.

Whatever writes a log makes its group if there is none, which then keeps everything for ever and in a key of AWS's own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dagwright.infra.names import JOB_LOG_GROUPS
from dagwright.infra.template import logical_id

if TYPE_CHECKING:
    from dagwright.infra.site import Site
    from dagwright.infra.template import Template
    from dagwright.infra.workload import Workload

STATES = "LogGroupStates"


def add_logs(template: Template, site: Site) -> None:
    if site.infra.platform:
        for kind, name in JOB_LOG_GROUPS.items():
            _add_group(template, site, logical_id("LogGroup", kind), name, kind)
    if not site.made_before("state_machine_log_group"):
        _add_group(template, site, STATES, site.project.state_machine_log_group, "states")
    for workload in site.workloads.triggered:
        group = site.names.trigger_logs(workload.deployed_name)
        _add_group(template, site, trigger_group_id(workload), group, "trigger")


def trigger_group_id(workload: Workload) -> str:
    return logical_id("LogGroupTrigger", workload.name)


def _add_group(template: Template, site: Site, group_id: str, name: str, kind: str) -> None:
    template.add(
        group_id,
        "AWS::Logs::LogGroup",
        {
            "LogGroupName": name,
            "RetentionInDays": site.infra.retention[kind],
            "KmsKeyId": site.key,
            "Tags": site.tags,
        },
        kept=True,
    )
