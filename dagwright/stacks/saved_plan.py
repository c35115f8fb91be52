"""A plan of a stack that was saved, and whether it still holds: neither AWS nor what is wanted may have moved since."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from dagwright.engines.aws.clients import Clients
from dagwright.engines.aws.following import Clock
from dagwright.errors import Problem, UserError
from dagwright.stacks.change_sets import ChangeSet, ChangeSets
from dagwright.stacks.plan import VERSION, StackPlan, plan_of, plan_of_all, refuse_other, wanted_parts
from dagwright.stacks.remote import RemoteStack, find_stack
from dagwright.stacks.wanted import InfraStack

_AGAIN = "Make the plan again, and read it again."
_PARTS = {
    "template": "the template here is another one than the plan's",
    "tags": "the tags here are others than the plan's",
    "assets": "the code of the stack's functions here is another one than the plan's",
}


def open_plan(text: str, stack: InfraStack, clients: Clients, clock: Clock) -> StackPlan:
    """The plan that was saved (the text of its file), as long as it holds. Raises UserError with every reason why it
    does not, AWSError."""
    saved = _read(text)
    problems = [*_elsewhere(saved, stack)]
    if not problems:
        remote = find_stack(clients, stack.name)
        refuse_other(stack, remote)
        found = ChangeSets(clients, stack, clock).find(saved["change_set"]) if saved["change_set"] else None
        problems = [*_moved(saved, stack, remote, found)]
    if problems:
        raise UserError("The saved plan does not hold any more; nothing was changed", problems, _AGAIN)
    if found is not None:
        return plan_of(stack, remote, found)
    if not saved["seen"]:
        return plan_of_all(stack, remote)
    plan = StackPlan(stack, remote, ())
    return replace(plan, has_changes=plan.gains_protection)


def _read(text: str) -> dict[str, Any]:
    try:
        saved = json.loads(text)
    except (ValueError, RecursionError):
        saved = None
    if not isinstance(saved, dict) or saved.get("kind") != "infra":
        raise UserError("This is not a saved plan of the infrastructure", hint="infra plan --out FILE writes one.")
    if saved.get("version") != VERSION:
        what = f"The saved plan has version {saved.get('version')!r}, and this program makes version {VERSION}"
        raise UserError(what, hint=_AGAIN)
    forms = {"wanted": dict, "seen": str, "change_set": str}
    if not all(isinstance(saved.get(name), form) for name, form in forms.items()):
        raise UserError("The saved plan has lost something", hint=_AGAIN)
    return saved


def _elsewhere(saved: Mapping[str, Any], stack: InfraStack) -> Iterator[Problem]:
    here = {
        "environment": stack.owner.environment,
        "account": stack.account_id,
        "region": stack.region,
        "stack": stack.name,
    }
    for name, value in here.items():
        if saved.get(name) != value:
            yield Problem("other-place", f"it is for the {name} {saved.get(name)}, and this is {value}")


def _moved(
    saved: Mapping[str, Any], stack: InfraStack, remote: RemoteStack, found: ChangeSet | None
) -> Iterator[Problem]:
    now = wanted_parts(stack)
    for part, what in _PARTS.items():
        if saved["wanted"].get(part) != now[part]:
            yield Problem(f"{part}-moved", what)
    if saved["seen"] != remote.seen:
        what = "has been changed on AWS since" if saved["seen"] and remote.seen else "has been made or deleted since"
        yield Problem("aws-moved", f"the stack {stack.name} {what}")
    elif saved["change_set"] and found is None:
        yield Problem("no-change-set", "its change set is not on AWS any more")
    elif found is not None and found.stack_id != remote.id:
        yield Problem("other-place", f"its change set is of another stack, {found.stack_id}")
    elif found is not None and found.execution != "AVAILABLE":
        yield Problem("no-change-set", f"its change set cannot be executed any more: it is {found.execution}")
