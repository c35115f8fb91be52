"""The plan of a stack: what an upsert would change, and what of that it would refuse.

In: the wanted stack, the stack that is there, and a change set if there is one. Out: a `StackPlan`, a value that
printing, saving and carrying out all read. It comes from AWS's own comparison; where nothing is there yet, from the
template alone, and nothing is written to find it out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from dagwright.engines.aws.clients import Clients
from dagwright.engines.aws.following import Clock
from dagwright.errors import AWSError, Problem, UserError
from dagwright.marks import ENVIRONMENT, PROJECT
from dagwright.stacks.change_sets import ChangeSet, ChangeSets
from dagwright.stacks.changes import PropertyChange, ResourceChange, additions
from dagwright.stacks.remote import RemoteStack, find_stack
from dagwright.stacks.wanted import InfraStack

VERSION = 1
# The environment whose stack nobody shall delete by mistake.
PROTECTED = "production"
_TAKE_BACK = "take back what config/project.yaml says differently now; what holds data is never replaced by an upsert"
_READ_FIRST = "if it is meant: infra plan --out FILE, read it, then infra upsert --plan FILE"


@dataclass(frozen=True)
class Refusal:
    """A change that an upsert does not carry out; `unless_read`: except with a saved plan."""

    logical_id: str
    what: str
    hint: str
    unless_read: bool = False

    def as_problem(self) -> Problem:
        return Problem("protected-resource", self.what, self.hint, step=self.logical_id)


@dataclass(frozen=True)
class StackPlan:
    """What would change. `change_set` is there to be executed; a plan that is only read has none.

    `has_changes` without any `changes` is a change of what the stack itself is: its outputs, its tags.
    """

    stack: InfraStack
    remote: RemoteStack
    changes: tuple[ResourceChange, ...]
    refusals: tuple[Refusal, ...] = ()
    change_set: ChangeSet | None = None
    has_changes: bool = False

    @property
    def gains_protection(self) -> bool:
        """Whether the stack is to be protected against being deleted, and is not yet."""
        return self.stack.owner.environment == PROTECTED and not self.remote.termination_protection

    @property
    def is_new(self) -> bool:
        """Whether nothing is there yet."""
        return self.remote.state in ("absent", "leftover")

    def as_json(self) -> dict[str, Any]:
        """The plan for programs, and for the file of a saved one."""
        stack = self.stack
        return {
            "version": VERSION,
            "kind": "infra",
            "environment": stack.owner.environment,
            "account": stack.account_id,
            "region": stack.region,
            "stack": stack.name,
            "stack_status": self.remote.status,
            "drift": {"status": self.remote.drift, "checked": self.remote.drift_checked},
            "wanted": wanted_parts(stack),
            "seen": self.remote.seen,
            "change_set": self.change_set.arn if self.change_set else "",
            "has_changes": self.has_changes,
            "termination_protection": self.remote.termination_protection or self.gains_protection,
            "changes": [one.as_json() for one in self.changes],
            "refused": [one.as_problem().as_json() for one in self.refusals],
        }


def wanted_parts(stack: InfraStack) -> dict[str, Any]:
    """What makes two stacks the same wish."""
    return {
        "template": stack.template_hash,
        "tags": stack.all_tags,
        "assets": sorted(asset.key for asset in stack.assets),
    }


def make_plan(stack: InfraStack, clients: Clients, clock: Clock, *, keep: bool) -> StackPlan:
    """The plan of this moment; `keep` leaves its change set on AWS, to be executed later.

    Raises UserError for a stack that is not ours or cannot be changed now, AWSError.
    """
    remote = find_stack(clients, stack.name)
    refuse_other(stack, remote)
    if remote.state in ("absent", "leftover"):
        return plan_of_all(stack, remote)
    change_sets = ChangeSets(clients, stack, clock)
    found = change_sets.make("UPDATE")
    plan = plan_of(stack, remote, found)
    if keep and plan.change_set:
        return plan
    change_sets.delete(found)
    return replace(plan, change_set=None)


def plan_of_all(stack: InfraStack, remote: RemoteStack) -> StackPlan:
    """The plan of a stack of which nothing is there."""
    return StackPlan(stack, remote, additions(stack.template), has_changes=True)


def plan_of(stack: InfraStack, remote: RemoteStack, found: ChangeSet) -> StackPlan:
    """The plan that a change set is."""
    if found.is_empty:
        plan = StackPlan(stack, remote, ())
        return replace(plan, has_changes=plan.gains_protection)
    refusals = tuple(refusal for one in found.changes for refusal in _refusals(one, stack))
    return StackPlan(stack, remote, found.changes, refusals, found, has_changes=True)


def refuse_other(stack: InfraStack, remote: RemoteStack) -> None:
    """Raises UserError for a stack that is another's or nobody's, AWSError for one that cannot be changed now."""
    if remote.state == "absent":
        return
    if not stack.owner.owns(remote.tags) and not (remote.state == "leftover" and PROJECT not in remote.tags):
        whose = stack.owner.other_owner(remote.tags)
        what = f"belongs to {whose}" if whose else "has no tags that say that it is this project's"
        hint = f"Choose another name (infra.stack), or tag it {PROJECT}={stack.owner.project} and "
        hint += f"{ENVIRONMENT}={stack.owner.environment} if it is."
        raise UserError(f"The stack {stack.name} is on AWS already and {what}; nothing was changed", hint=hint)
    if remote.state == "busy":
        what = f"The stack {stack.name} is {remote.status}: somebody is at it, or AWS is still clearing up"
        raise AWSError(what, hint="Try again when that has ended.")
    if remote.state == "stuck":
        raise AWSError(f"The stack {stack.name} is {remote.status}, and cannot be changed", hint=remote.remedy)


def _refusals(change: ResourceChange, stack: InfraStack) -> Iterator[Refusal]:
    protected = change.logical_id in stack.protected or change.is_kept_by_aws
    if change.is_removal:
        if protected:
            yield _removal(change)
    elif change.replacement == "True":
        causes = [one for one in change.properties if one.recreation == "Always"]
        why = _because(causes or [*change.properties])
        if protected:
            yield Refusal(change.logical_id, f"this {change.type} holds data and would be replaced{why}", _TAKE_BACK)
        elif _keeps_its_name(change, stack.template):
            what = f"this {change.type} would be replaced{why}, and CloudFormation cannot make a second one of its name"
            yield Refusal(change.logical_id, what, "take that change back, or change its name as well")
    elif change.replacement == "Conditional" and protected:
        causes = [one for one in change.properties if one.recreation != "Never"]
        what = f"this {change.type} holds data and may be replaced{_because(causes)}"
        yield Refusal(change.logical_id, what, _READ_FIRST, unless_read=True)


def _removal(change: ResourceChange) -> Refusal:
    if change.is_kept_by_aws:
        what = f"this {change.type} holds data and would leave the stack; {change.physical_id} itself stays on AWS"
        return Refusal(change.logical_id, what, _READ_FIRST, unless_read=True)
    return Refusal(change.logical_id, f"this {change.type} holds data and would be deleted", _TAKE_BACK)


def _because(properties: list[PropertyChange]) -> str:
    return f", because of {', '.join(one.path for one in properties)}" if properties else ""


def _keeps_its_name(change: ResourceChange, template: Mapping[str, Any]) -> bool:
    """Whether the resource is called what the template says, and goes on to be called so."""
    properties = template["Resources"].get(change.logical_id, {}).get("Properties", {})
    last = re.split("[:/|]", change.physical_id)[-1]
    named = {key for key, value in properties.items() if key.endswith("Name") and value in (last, change.physical_id)}
    return bool(named) and not any(one.path.partition(".")[0] in named for one in change.properties)
