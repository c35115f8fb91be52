"""A plan that was saved, and whether it still holds: neither AWS nor what is wanted may have moved since."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from dagwright.engines.aws.plan import VERSION, Plan
from dagwright.engines.aws.wanted import THINGS, EngineName
from dagwright.errors import Problem, UserError

_AGAIN = "Make the plan again, and read it again."


def engine_in(saved: str) -> EngineName | None:
    """The engine that a saved plan is for; None if it names none that there is. Raises UserError for no plan."""
    named = _read(saved).get("engine")
    return next((engine for engine in THINGS if engine == named), None)


def refuse_if_moved(saved: str, fresh: Plan) -> None:
    """Raises UserError with every reason why the saved plan (the text of its file) is not the plan of this moment."""
    plan = _read(saved)
    problems = [*_elsewhere(plan, fresh)] or [*_moved(plan, fresh)]
    if problems:
        raise UserError("The saved plan does not hold any more; nothing was changed", problems, _AGAIN)


def _read(saved: str) -> dict[str, Any]:
    try:
        plan = json.loads(saved)
    except (ValueError, RecursionError):
        plan = None
    if not isinstance(plan, dict) or not (_are_objects(plan.get("pipelines")) and _are_objects(plan.get("prune", []))):
        raise UserError("This is not a saved plan", hint="plan --out FILE writes one.")
    if plan.get("version") != VERSION:
        what = f"The saved plan has version {plan.get('version')!r}, and this program makes version {VERSION}"
        raise UserError(what, hint=_AGAIN)
    return plan


def _are_objects(items: Any) -> bool:
    return isinstance(items, list) and all(isinstance(one, dict) for one in items)


def _elsewhere(plan: dict[str, Any], fresh: Plan) -> Iterator[Problem]:
    now = fresh.as_json()
    for name in ("engine", "environment", "account", "region"):
        if plan.get(name) != now[name]:
            hint = "leave --engine out: the plan says it" if name == "engine" else ""
            yield Problem("other-place", f"it is for the {name} {plan.get(name)}, and this is {now[name]}", hint)


def _moved(plan: dict[str, Any], fresh: Plan) -> Iterator[Problem]:
    then = {str(one.get("deployed_name")): one for one in plan["pipelines"]}
    now = {one.deployed_name: one for one in fresh.pipelines}
    for name in sorted({*then, *now}):
        if name not in then or name not in now:
            what = "is not in it" if name not in then else "is in it, and not among those to deploy now"
            yield Problem("other-pipelines", f"the pipeline {name} {what}", "name the same pipelines as for the plan")
            continue
        if then[name].get("wanted") != now[name].wanted:
            yield Problem("definition-moved", f"what is to be deployed as {name} has changed here since")
        if then[name].get("seen") != now[name].seen:
            yield Problem("aws-moved", f"{name} has changed on AWS since")
    before = {(str(one.get("name")), str(one.get("seen"))) for one in plan.get("prune", [])}
    if before != {(one.name, one.seen) for one in fresh.orphans}:
        yield Problem("orphans-moved", "what --prune would delete is not the same any more")
