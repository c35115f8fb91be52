"""`approve` and `reject`: whether a model package may be deployed, and why."""

from __future__ import annotations

from argparse import Namespace

from dagwright.cli import DONE
from dagwright.cli.models import registry_of, wanted_package
from dagwright.cli.text import as_json, shown
from dagwright.engines.registry import APPROVED, REJECTED, ModelPackage, check_reason

_DECISIONS = {"approve": APPROVED, "reject": REJECTED}


def run(arguments: Namespace) -> int:
    """Decide, unless it has been decided so for the same reason; print what was and what is."""
    decision = _DECISIONS[arguments.command]
    check_reason(arguments.reason)
    with registry_of(arguments) as registry:
        before = wanted_package(arguments, registry)
        changed = (before.approval, before.reason) != (decision, arguments.reason)
        after = registry.decide(before, decision, arguments.reason) if changed else before
    if arguments.json:
        print(as_json({"Changed": changed, "Before": _decision(before), **after.as_json()}))
    elif changed:
        print(f"{after.name}: {_said(before)} -> {_said(after)}")
    else:
        print(f"{after.name} is {_said(after)} already; nothing was changed.")
    return DONE


def _decision(package: ModelPackage) -> dict[str, str]:
    return {"ModelApprovalStatus": package.approval, "ApprovalDescription": package.reason}


def _said(package: ModelPackage) -> str:
    return shown(f"{package.approval} ({package.reason})" if package.reason else package.approval)
