"""A stack's plan, its deployment, its drift and its outputs, as people read them.

In: values of `dagwright.stacks`. Out: lines in the style of `plan_text`: `+` is added, `-` removed, `~` changed, and
`!` worth a second look, as is whatever AWS would replace by a new one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TextIO

from dagwright.cli.plan_text import BLANK, Line, Page, print_page, short_texts
from dagwright.cli.text import clock, day_and_clock, shown
from dagwright.outputs import Outputs
from dagwright.stacks.changes import PropertyChange, ResourceChange
from dagwright.stacks.drift import Drift, DriftedResource
from dagwright.stacks.events import Event
from dagwright.stacks.plan import Refusal, StackPlan

_REPLACED = {
    "True": "is replaced by a new one",
    "Conditional": "may be replaced by a new one: AWS knows when it does it",
}
_RECREATED = {"Always": "takes a new one", "Conditionally": "may take a new one"}


def stack_page(plan: StackPlan, drift: Drift | None = None) -> Page:
    """The plan as a page."""
    stack = plan.stack
    refusals = {one.logical_id: one for one in plan.refusals}
    lines = [Line(0, "!", (note,)) for note in _notes(plan)]
    for one in plan.changes:
        lines += _change_lines(one, refusals.get(one.logical_id), is_reserved=one.logical_id in stack.reserved)
    if plan.gains_protection:
        lines.append(Line(0, "~", ("termination protection", "is switched on")))
    if drift is not None:
        lines += [BLANK, *drift_lines(drift)]
    elif plan.remote.drift and not plan.is_new:
        lines += [BLANK, Line(0, "!" if plan.remote.drift == "DRIFTED" else "", (_known_drift(plan),))]
    where = f"account {stack.account_id}, {stack.region}, stack {stack.name}"
    return Page(f"{stack.owner.environment}: {where}", lines, _total(plan))


def _notes(plan: StackPlan) -> Iterator[str]:
    remote, stack = plan.remote, plan.stack
    if remote.state == "leftover":
        yield f"{remote.name} is {remote.status}: {remote.why}; upsert deletes it first"
    if plan.is_new and stack.needs_bucket and stack.ground is not None:
        ids = ", ".join(stack.ground["Resources"])
        yield f"unless {stack.bucket} is there, it is made in two steps: first {ids}, then all"


def _known_drift(plan: StackPlan) -> str:
    words = {"DRIFTED": "it has drifted", "IN_SYNC": "there was no drift", "NOT_CHECKED": "drift was never looked for"}
    known = words.get(plan.remote.drift, f"drift is {plan.remote.drift}")
    when = f" on {day_and_clock(plan.remote.drift_checked)}" if plan.remote.drift_checked else ""
    return f"{known}{when}; --drift looks again"


def _total(plan: StackPlan) -> str:
    if not plan.has_changes:
        return "nothing to change"
    changed = [one for one in plan.changes if not (one.is_addition or one.is_import or one.is_removal)]
    counts = {
        "to create": sum(one.is_addition for one in plan.changes),
        "to take over": sum(one.is_import for one in plan.changes),
        "to change": sum(one.replacement == "False" for one in changed),
        "to replace": sum(one.replacement != "False" for one in changed),
        "to remove": sum(one.is_removal for one in plan.changes),
    }
    words = [f"{count} {word}" for word, count in counts.items() if count]
    if not words:
        words = [
            "only its protection" if plan.change_set is None and plan.gains_protection else "only its outputs or tags"
        ]
    refused = f"; upsert refuses {len(plan.refusals)} of it" if plan.refusals else ""
    return ", ".join(words) + refused


def _change_lines(change: ResourceChange, refusal: Refusal | None, *, is_reserved: bool) -> Iterator[Line]:
    is_new = change.is_addition or change.is_import
    is_replaced = not is_new and not change.is_removal and change.replacement in _REPLACED
    sign = "+" if is_new else "-" if change.is_removal else "!" if is_replaced else "~"
    fate = _REPLACED[change.replacement] if is_replaced else ""
    if change.is_removal:
        fate = "leaves the stack; it stays on AWS" if change.is_kept_by_aws else "is deleted"
    elif change.is_import:
        fate = "is there already, and is taken over"
    if is_reserved:
        fate = f"{fate}; an administrator's to change".removeprefix("; ")
    yield Line(0, sign, (change.logical_id, change.type, shown(change.physical_id), fate))
    for one in change.properties:
        yield _property_line(one)
    if refusal is not None:
        again = "unless with a saved plan" if refusal.unless_read else "always"
        yield Line(1, "!", (f"upsert refuses ({again}): {shown(refusal.what)}",))
        yield Line(1, "!", (refusal.hint,))


def _property_line(one: PropertyChange) -> Line:
    before, after = (_compact(value) for value in (one.before, one.after))
    values = short_texts(shown(text) for text in (before or "(nothing)", after or "(nothing)"))
    told = " -> ".join(values) if before or after else ""
    if one.cause:
        told = f"{values[0]} -> " * bool(before) + f"(known when {shown(one.cause)} is made)"
    word = _RECREATED.get(one.recreation, "")
    return Line(1, "!" if word else "~", tuple(cell for cell in (shown(one.path), told, word) if cell))


def _compact(value: str | None) -> str:
    """A value as CloudFormation tells it: a text; one that is JSON without its blanks."""
    if value is None:
        return ""
    try:
        return json.dumps(json.loads(value), ensure_ascii=False)
    except (ValueError, RecursionError):
        return json.dumps(value, ensure_ascii=False)


def drift_lines(drift: Drift) -> list[Line]:
    """What drifted, resource by resource."""
    lines = [line for one in drift.resources for line in _drifted_lines(one)]
    if not drift.has_drifted:
        lines.append(Line(0, "", (f"no drift: {drift.checked} resources are as the stack made them",)))
    if drift.unchecked:
        lines.append(Line(0, "!", (f"AWS could not compare {drift.unchecked} resources",)))
    return lines


def _drifted_lines(one: DriftedResource) -> Iterator[Line]:
    if one.status == "DELETED":
        yield Line(0, "-", (one.logical_id, one.type, shown(one.physical_id), "was deleted past the stack"))
        return
    yield Line(0, "~", (one.logical_id, one.type, shown(one.physical_id), "was changed past the stack"))
    for each in one.differences:
        values = short_texts(shown(_compact(text)) for text in (each.expected, each.actual))
        yield Line(1, {"ADD": "+", "REMOVE": "-"}.get(each.kind, "~"), (shown(each.path), " -> ".join(values)))


def print_drift(title: str, drift: Drift) -> None:
    """The drift by itself."""
    count = len(drift.resources)
    total = f"{count} drifted" if count else "drifted" if drift.has_drifted else "nothing drifted"
    print_page(Page(title, drift_lines(drift), total))


class Lines:
    """Writes a deployment to `stream` line by line, as it happens."""

    def __init__(self, stream: TextIO, *, plan_too: bool) -> None:
        self._stream = stream
        self._plan_too = plan_too

    def planned(self, plan: StackPlan) -> None:
        if self._plan_too:
            print_page(stack_page(plan))

    def noted(self, line: str) -> None:
        self._write(f"  {line}")

    def happened(self, event: Event) -> None:
        words = [clock(event.time), event.logical_id.ljust(32), event.status.lower().replace("_", " ")]
        if event.reason and event.status.endswith("_FAILED"):
            words.append(event.reason)
        self._write("  " + "  ".join(words))

    def _write(self, line: str) -> None:
        print(shown(line), file=self._stream, flush=True)


def outputs_changes(before: Outputs, after: Outputs) -> list[str]:
    """What is different, a line each."""
    old, new = (_flat(outputs.as_json()) for outputs in (before, after))
    return [
        f"  {name}: {old.get(name, '(nothing)')} -> {new.get(name, '(nothing)')}"
        for name in dict.fromkeys([*old, *new])
        if old.get(name) != new.get(name)
    ]


def _flat(members: Mapping[str, object], at: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in members.items():
        if isinstance(value, dict):
            found |= _flat(value, f"{at}{name}.")
        else:
            found[f"{at}{name}"] = ", ".join(value) if isinstance(value, list) else str(value)
    return found
