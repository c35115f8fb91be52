"""What two pipeline definitions differ in, step by step and field by field.

In: two definitions as parsed JSON. Out: a `Difference`, in words that people read; empty if the service would do the
same with both. What only looks like a change is listed in `diff_noise`. Works on anybody's definition: what the reader
would refuse is compared as well. Time grows with the size of the two; nothing recurses over their depth.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from dagwright.definition.declaration import BRANCHES, IF_STEPS, branch_steps
from dagwright.definition.diff_noise import ABSENT, Named, Pair, pairs, says_nothing
from dagwright.definition.diff_values import exact, readable
from dagwright.definition.expression import Place, is_expression
from dagwright.definition.path import write_path

Kind = Literal["added", "removed", "changed", "moved", "code"]

# A part of an address, so not the digest of an image.
_CONTENT_HASH = re.compile(r"(?<=/)[0-9a-f]{64}(?=/)")
# What these steps hand on is the data of the user's own program: to it, null and nothing are two things.
_OWN_DATA = ("Lambda", "Callback")


@dataclass(frozen=True)
class Change:
    """A field that differs: its path below the step or the pipeline, and its values as `diff_values.readable` has them.

    `moved` is the branch that a step stands in; `code` is an address that differs only in the SHA-256 of its content.
    """

    kind: Kind
    path: str
    old: Any = None
    new: Any = None

    @property
    def hashes(self) -> tuple[str, str]:
        """The first seven digits of the content's hash before and after; for `code` only."""
        old, new = (_CONTENT_HASH.findall(text) for text in (self.old, self.new))
        return next((one[:7], other[:7]) for one, other in zip(old, new, strict=True) if one != other)

    def as_json(self) -> dict[str, Any]:
        """kind, path, and old and new where there is one."""
        values = {name: value for name, value in (("old", self.old), ("new", self.new)) if value is not None}
        return {"kind": self.kind, "path": self.path, **values}


@dataclass(frozen=True)
class StepChange:
    """A step that was added, removed or changed; `branch` says where it stands, empty for outside of conditions."""

    kind: Literal["added", "removed", "changed"]
    name: str
    type: str
    branch: str = ""
    fields: tuple[Change, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """kind, name, type, and branch and fields where there are any."""
        more: dict[str, Any] = {"branch": self.branch} if self.branch else {}
        if self.fields:
            more["fields"] = [one.as_json() for one in self.fields]
        return {"kind": self.kind, "name": self.name, "type": self.type, **more}


@dataclass(frozen=True)
class Difference:
    """`fields` outside the steps, parameters among them; `steps` in the new document's order, then those removed."""

    fields: tuple[Change, ...] = ()
    steps: tuple[StepChange, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.fields or self.steps)

    def as_json(self) -> dict[str, Any]:
        """fields and steps."""
        return {"fields": [one.as_json() for one in self.fields], "steps": [one.as_json() for one in self.steps]}


class _Step(NamedTuple):
    """A step as written, without the steps in its branches."""

    raw: Any
    branch: str

    @property
    def type(self) -> str:
        return str(self.raw.get("Type") or "") if isinstance(self.raw, dict) else ""


def compare(old: Mapping[str, Any], new: Mapping[str, Any]) -> Difference:
    """What a change from `old` to `new` does."""
    fields = tuple(field_changes(_outside(old), _outside(new)))
    before, after = _steps(old), _steps(new)
    steps = []
    for name, step in after.items():
        if name not in before:
            steps.append(StepChange("added", name, step.type, step.branch))
            continue
        changes = tuple(_step_changes(before[name], step))
        if changes:
            steps.append(StepChange("changed", name, step.type, step.branch, changes))
    gone = (StepChange("removed", name, step.type, step.branch) for name, step in before.items() if name not in after)
    return Difference(fields, (*steps, *gone))


def field_changes(old: Any, new: Any, *, own_data: bool = False) -> Iterator[Change]:
    """Every field in which two JSON values differ. `own_data`: null and empty are not nothing."""
    pending: list[Pair] = [Pair(None, old, new)]
    while pending:
        pair = pending.pop()
        if _opens(pair.old) and _opens(pair.new) and type(pair.old) is type(pair.new):
            pending.extend(reversed([*pairs(pair, own_data)]))
            continue
        if not own_data and says_nothing(pair.old) and says_nothing(pair.new):
            continue
        if not _same(pair.old, pair.new):
            yield _change(pair, own_data)


def _same(old: Any, new: Any) -> bool:
    if type(old) is type(new) is str:
        return bool(old == new)
    return old is not ABSENT and new is not ABSENT and exact(old) == exact(new)


def _opens(value: Any) -> bool:
    """Whether to look inside: an expression is one value."""
    return isinstance(value, (dict, list)) and not is_expression(value)


def _change(pair: Pair, own_data: bool) -> Change:
    path = _spelled(pair.place)
    nothing = (ABSENT,) if own_data else (ABSENT, None)
    if any(pair.old is one for one in nothing):
        return Change("added", path, None, readable(pair.new))
    if any(pair.new is one for one in nothing):
        return Change("removed", path, readable(pair.old))
    old, new = readable(pair.old), readable(pair.new)
    if exact(old) == exact(new):  # a text that reads like the other's expression
        old, new = pair.old, pair.new
    return Change("code" if _is_code(old, new) else "changed", path, old, new)


def _is_code(old: Any, new: Any) -> bool:
    if not isinstance(old, str) or not isinstance(new, str):
        return False
    return old != new and _CONTENT_HASH.split(old) == _CONTENT_HASH.split(new)


def _spelled(place: Place) -> str:
    keys: list[str | int] = []
    while place is not None:
        place, key = place
        keys.append(key)
    text = ""
    for key in reversed(keys):
        part = f"[{key}]" if isinstance(key, Named) else write_path((key,))
        text += part if part.startswith("[") or not text else f".{part}"
    return text


def _outside(definition: Mapping[str, Any]) -> dict[str, Any]:
    """All but the steps, if they are steps."""
    return {key: value for key, value in definition.items() if key != "Steps" or not isinstance(value, list)}


def _step_changes(old: _Step, new: _Step) -> Iterator[Change]:
    if old.branch != new.branch:
        yield Change("moved", "", old.branch or "outside of conditions", new.branch or "outside of conditions")
    apart = ("Arguments",) if new.type in _OWN_DATA and isinstance(old.raw, dict) else ()
    yield from field_changes(_without(old.raw, apart), _without(new.raw, apart))
    for key in apart:
        yield from field_changes(*({key: step.raw.get(key) or {}} for step in (old, new)), own_data=True)


def _without(raw: Any, keys: tuple[str, ...]) -> Any:
    return {key: value for key, value in raw.items() if key not in keys} if keys else raw


def _steps(definition: Mapping[str, Any]) -> dict[str, _Step]:
    """Every step by name, in document order, those in branches after their condition. A step without a name, or with
    another's, gets one, so that nothing is lost."""
    found: dict[str, _Step] = {}
    seen: Counter[str] = Counter()
    top = definition.get("Steps")
    pending = [(raw, "") for raw in reversed(top)] if isinstance(top, list) else []
    while pending:
        raw, branch = pending.pop()
        name = _name(raw, seen)
        inner = {key: branch_steps(raw, key) for key in BRANCHES} if isinstance(raw, dict) else {}
        for key in reversed(BRANCHES):
            where = f"{'if' if key == IF_STEPS else 'else'} branch of {name}"
            pending.extend((step, where) for step in reversed(inner.get(key, [])))
        if any(inner.values()):
            arguments = {key: value for key, value in raw["Arguments"].items() if not inner.get(key)}
            raw = {**raw, "Arguments": arguments}
        found[name] = _Step(raw, branch)
    return found


def _name(raw: Any, seen: Counter[str]) -> str:
    name = raw.get("Name") if isinstance(raw, dict) else None
    base = name if isinstance(name, str) and name else "a step without a name"
    seen[base] += 1
    return base if seen[base] == 1 else f"{base} ({seen[base]})"
