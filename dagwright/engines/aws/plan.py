"""The plan: what is wanted and what AWS has come in, what an upsert would change goes out, as a value.

Printing, saving and executing all take this value. It holds what was seen on AWS and what was wanted as fingerprints,
so that whoever executes it can tell whether either has moved.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from dagwright.definition.diff import Change, Difference, field_changes
from dagwright.engines.aws.remote import Deployed, Remote
from dagwright.engines.aws.schedules import (
    comparable,
    declared,
    is_over,
    request,
    schedule_fingerprint,
    switched_off,
    when,
)
from dagwright.engines.aws.wanted import Destination, Wanted, WantedObject
from dagwright.marks import PROJECT

if TYPE_CHECKING:
    from dagwright.engines.losses import Loss

VERSION = 1


@dataclass(frozen=True)
class SchedulePlan:
    """What becomes of a schedule, by its name on AWS; `when` it starts its pipeline, after the plan.

    `disable`: the pipeline does not declare it any more. It is switched off, and only `--prune` deletes it.
    """

    name: str
    action: Literal["create", "update", "disable"]
    when: str
    fields: tuple[Change, ...] = ()


@dataclass(frozen=True)
class PipelinePlan:
    """What becomes of a pipeline: `definition` against the deployed one, `settings` that go with it, its tags,
    schedules, and the objects that are not in S3 yet.

    `action` is what becomes of the pipeline itself. `adopts`: it is there, and nobody's yet; `belongs_to`: it is
    another project's or environment's, so that nothing may be done. `losses` are what the pipeline says and that place
    does not do. `notes` are for whoever reads the plan.
    """

    name: str
    deployed_name: str
    arn: str
    action: Literal["create", "update", "keep"]
    wanted: str
    seen: str
    definition: Difference = field(default_factory=Difference)
    settings: tuple[Change, ...] = ()
    tags: tuple[Change, ...] = ()
    schedules: tuple[SchedulePlan, ...] = ()
    code: tuple[WantedObject, ...] = ()
    losses: tuple[Loss, ...] = ()
    adopts: bool = False
    belongs_to: str = ""
    notes: tuple[str, ...] = ()

    @property
    def has_changes(self) -> bool:
        return bool(self.action != "keep" or self.tags or self.schedules or self.code)


@dataclass(frozen=True)
class Orphan:
    """What is ours on AWS and not defined any more: deleted with `--prune` only. `starts` says when its schedules still
    start a pipeline that is defined nowhere. `kind` is schedule, or what a pipeline is called there."""

    kind: str
    name: str
    pipeline: str
    seen: str
    starts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """What an upsert would do in one environment. `new_group` is the schedule group to be made, if it is not there."""

    destination: Destination
    pipelines: tuple[PipelinePlan, ...]
    orphans: tuple[Orphan, ...] = ()
    new_group: str = ""

    @property
    def has_changes(self) -> bool:
        """Whether an upsert without `--prune` would write anything."""
        return any(one.has_changes for one in self.pipelines)

    def as_json(self) -> dict[str, Any]:
        """What `plan --json` prints and `plan --out` saves. Members with nothing in them are left out."""
        return {
            "version": VERSION,
            "engine": self.destination.engine,
            "environment": self.destination.owner.environment,
            "account": self.destination.account_id,
            "region": self.destination.region,
            "changes": self.has_changes,
            "new_group": self.new_group,
            "pipelines": [_pipeline_json(one) for one in self.pipelines],
            "prune": [_said(vars(one)) for one in self.orphans],
        }


def make_plan(wanted: Sequence[Wanted], destination: Destination, remote: Remote, *, complete: bool) -> Plan:
    """The plan for these pipelines; if they are `complete`, all that the project has, also for what is there besides.

    Reads only. Raises AWSError.
    """
    pipelines: list[PipelinePlan] = []
    orphans: list[Orphan] = []
    for one in wanted:
        deployed = remote.pipeline(one.deployed_name)
        pipelines.append(_pipeline_plan(one, deployed, destination, remote))
        orphans.extend(_undeclared(one, deployed, destination))
    if complete:
        for other in remote.owned(but=frozenset(one.deployed_name for one in wanted)):
            starts = [when(members) for members in other.schedules.values() if members.get("State") != "DISABLED"]
            orphans.append(Orphan(destination.thing, other.name, other.name, other.fingerprint, tuple(starts)))
    creates = any(schedule.action == "create" for one in pipelines for schedule in one.schedules)
    new_group = destination.schedule_group if creates and not remote.has_schedule_group() else ""
    return Plan(destination, tuple(pipelines), tuple(orphans), new_group)


def _pipeline_plan(wanted: Wanted, deployed: Deployed, destination: Destination, remote: Remote) -> PipelinePlan:
    arn = deployed.arn or destination.arn(wanted.deployed_name)
    differs, difference = wanted.compare(deployed, remote.read)
    settings = tuple(_settings(wanted, deployed))
    changed: Literal["update", "keep"] = "update" if differs or settings else "keep"
    action: Literal["create", "update", "keep"] = changed if deployed.arn else "create"
    stored = wanted.stored_definition(destination) if action != "keep" else None
    objects = (*wanted.code, *((stored,) if stored else ()))
    return PipelinePlan(
        wanted.name,
        wanted.deployed_name,
        arn,
        action,
        wanted.fingerprint_in(destination),
        deployed.fingerprint,
        difference,
        settings,
        tuple(_tag_changes(wanted.tags, deployed.tags)),
        tuple(_schedule_plans(wanted, deployed, arn, destination)),
        tuple(one for one in objects if not remote.has_object(one.uri)),
        losses=wanted.losses,
        adopts=bool(deployed.arn) and PROJECT not in deployed.tags,
        belongs_to=destination.owner.other_owner(deployed.tags),
        notes=tuple(_notes(wanted, deployed, destination)),
    )


def _settings(wanted: Wanted, deployed: Deployed) -> Iterator[Change]:
    for name, value in wanted.settings.items():
        before = deployed.settings.get(name, {} if isinstance(value, dict) else None)
        for change in field_changes({name: before}, {name: value}):
            if change.kind != "removed":  # what is not said stays
                yield change


def _tag_changes(wanted: Mapping[str, str], deployed: Mapping[str, str]) -> Iterator[Change]:
    """Tags to add or change; those that are not ours stay."""
    for key, value in wanted.items():
        if deployed.get(key) != value:
            yield Change("changed" if key in deployed else "added", key, deployed.get(key), value)


def _schedule_plans(wanted: Wanted, deployed: Deployed, arn: str, destination: Destination) -> Iterator[SchedulePlan]:
    for name, schedule in declared(wanted).items():
        members = request(schedule, arn, destination)
        found = deployed.schedules.get(name)
        fields = tuple(field_changes(comparable(found or {}), comparable(members)))
        if is_over(members) and (found is None or is_over(found)):
            continue
        if found is None:
            yield SchedulePlan(name, "create", when(members))
        elif fields:
            yield SchedulePlan(name, "update", when(members), fields)
    for name, running in _undeclared_schedules(wanted, deployed, destination):
        if running.get("State") != "DISABLED" and not is_over(running):
            off = switched_off(running)
            yield SchedulePlan(name, "disable", when(off), tuple(field_changes(comparable(running), comparable(off))))


def _undeclared(wanted: Wanted, deployed: Deployed, destination: Destination) -> Iterator[Orphan]:
    for name, members in _undeclared_schedules(wanted, deployed, destination):
        yield Orphan("schedule", name, wanted.deployed_name, schedule_fingerprint(members))


def _undeclared_schedules(
    wanted: Wanted, deployed: Deployed, destination: Destination
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    names = declared(wanted)
    for name, members in deployed.schedules.items():
        if name not in names and destination.owner.has_signed(members.get("Description", "")):
            yield name, members


def _notes(wanted: Wanted, deployed: Deployed, destination: Destination) -> Iterator[str]:
    own = declared(wanted)
    for name, asked in own.items():
        if name not in deployed.schedules and is_over(asked.members):
            yield f"the schedule {name} ({when(asked.members)}) would start nothing any more, and is not made"
    for name, members in deployed.schedules.items():
        if name not in own and not destination.owner.has_signed(members.get("Description", "")):
            yield f"the schedule {name} ({when(members)}) is not ours and stays as it is"


def _pipeline_json(plan: PipelinePlan) -> dict[str, Any]:
    members = vars(plan) | {
        "definition": plan.definition.as_json() if plan.definition else None,
        "settings": [one.as_json() for one in plan.settings],
        "tags": [one.as_json() for one in plan.tags],
        "schedules": [
            _said(vars(one) | {"fields": [change.as_json() for change in one.fields]}) for one in plan.schedules
        ],
        "losses": [one.as_json() for one in plan.losses],
        "code": [_said({"uri": one.uri, "origin": one.origin}) for one in plan.code],
    }
    return _said(members)


def _said(members: Mapping[str, Any]) -> dict[str, Any]:
    """The members that say something."""
    return {name: value for name, value in members.items() if value}
