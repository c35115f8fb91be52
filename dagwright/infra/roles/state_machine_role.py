"""What Step Functions does for the project's machines: the calls that stand in their text, and the events by which it
hears that a job has ended.

A machine creates jobs itself, so what holds for the pipeline role holds here: only in the project's VPC, no approval.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from dagwright.errors import InternalError
from dagwright.infra.policy import Statement, pass_role, trust
from dagwright.infra.roles import arns, keys, storage
from dagwright.infra.roles.integrations import INTEGRATIONS, Integration
from dagwright.infra.roles.machine_calls import integrations, name_starts
from dagwright.infra.roles.network import only_in_vpc
from dagwright.infra.roles.pipeline_role import FILES, no_self_approval
from dagwright.infra.roles.role import add_role
from dagwright.infra.template import logical_id
from dagwright.infra.workload import Workloads

if TYPE_CHECKING:
    from dagwright.infra.site import Site
    from dagwright.infra.template import Template

STATE_MACHINE_ROLE = "StateMachineRole"
#: Log delivery and tracing are about no resource (Step Functions developer guide, "CloudWatch Logs", "X-Ray").
LOG_DELIVERY = (
    "logs:CreateLogDelivery",
    "logs:GetLogDelivery",
    "logs:UpdateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:DescribeResourcePolicies",
    "logs:DescribeLogGroups",
)
TRACING = (
    "xray:PutTraceSegments",
    "xray:PutTelemetryRecords",
    "xray:GetSamplingRules",
    "xray:GetSamplingTargets",
)


def add_state_machine_role(template: Template, site: Site) -> None:
    """Add the role of the state machines, unless the configuration names one.

    Raises InternalError for a machine that calls what INTEGRATIONS does not know.
    """
    if not site.infra.makes("state_machines.role"):
        return
    machines = [one for one in site.workloads if one.machine]
    place = replace(site, workloads=Workloads(tuple(machines)))
    trusted = trust("states", site.project.account_id, sources=arns.machine_arns(site))
    purpose = f"What the state machines of {site.names.stem} may do: what their states call"
    arn = site.project.state_machine_role
    add_role(template, site, STATE_MACHINE_ROLE, arn, trusted, [*_statements(place)], purpose)


def integrations_of(site: Site) -> list[Integration]:
    """What the machines call. Raises InternalError for what is not in INTEGRATIONS."""
    names = dict.fromkeys(name for one in site.workloads for name in integrations(one.machine))
    unknown = [name for name in names if name not in INTEGRATIONS]
    if unknown:
        raise InternalError(f"no role knows the rights for a task that calls {', '.join(unknown)}")
    return [INTEGRATIONS[name] for name in names]


def _statements(site: Site) -> Iterator[Statement]:
    found = integrations_of(site)
    for about in dict.fromkeys(one.about for one in found):
        yield from _calls(site, about, [one for one in found if one.about == about])
    rules = [site.names.arn("events", f"rule/{one.rule}") for one in found if one.rule]
    yield Statement("HearOfEnds", ("events:PutTargets", "events:PutRule", "events:DescribeRule"), rules)
    for service in dict.fromkeys(one.passes for one in found if one.passes):
        yield pass_role(logical_id("pass", "roles", "to", service), arns.role_arns(site), service)
    yield Statement("DeliverLogs", LOG_DELIVERY, ("*",))
    yield Statement("Trace", TRACING, ("*",))


def _calls(site: Site, about: str, found: list[Integration]) -> Iterator[Statement]:
    sid, resources = logical_id(about), _resources(site, about)
    created = [action for one in found for action in one.creates]
    yield Statement(f"Create{sid}", created, resources, only_in_vpc(site))
    yield Statement(f"{sid}s", [action for one in found for action in one.calls], resources)
    if about == "package":
        yield from no_self_approval(site)
    elif about == "queue":
        yield from keys.message_statements(site)
    elif about == "file":
        yield from storage.reading(site, FILES, site.workloads.all("writes"))


def _resources(site: Site, about: str) -> list[str]:
    return _ABOUT[about](site) if about in _ABOUT else _named_things(site, about)


def _named_things(site: Site, thing: str) -> list[str]:
    """What machines give names to: they begin with the project's, with the machine's, or as its text says."""
    own = f"{site.project.model_package_group}-"
    starts: dict[str, None] = {own: None}
    for one in site.workloads:
        machine = f"{one.deployed_name.lower()}-"
        made = [f"{start}-" for name in _creating(thing) for start in name_starts(one.machine, name)]
        starts |= dict.fromkeys(machine if start.startswith(machine) else start for start in made)
    wide = [start for start in starts if start == own or not start.startswith(own)]
    return [site.names.arn("sagemaker", f"{thing}/{start}*") for start in wide]


def _creating(thing: str) -> list[str]:
    return [name for name, one in INTEGRATIONS.items() if one.about == thing]


def _packages(site: Site) -> list[str]:
    groups, packages = arns.package_arns(site)
    return [*groups, *packages]


def _endpoints(site: Site) -> list[str]:
    things = ("endpoint", "endpoint-config")
    return [arn for thing in things for arn in (*arns.named_endpoints(site, thing), *_named_things(site, thing))]


def _applications(site: Site) -> list[str]:
    return [form for arn in arns.application_arns(site) for form in (arn, f"{arn}/jobruns/*")]


_ABOUT: Mapping[str, Callable[[Site], list[str]]] = {
    "package": _packages,
    "endpoint": _endpoints,
    "function": lambda site: [*site.workloads.all("functions")],
    "queue": lambda site: arns.queue_arns(site, site.workloads.all("queues")),
    "cluster": arns.cluster_arns,
    "application": _applications,
    "file": lambda site: [],
}
