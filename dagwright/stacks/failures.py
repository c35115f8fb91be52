"""Why CloudFormation could not make something, and what to do: for the reasons that come up most.

In: the sentence that a service said. Out: a hint, or nothing where the sentence has to speak for itself.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from dagwright.errors import AWSError, Problem
from dagwright.stacks.events import Event, first_failure
from dagwright.stacks.wanted import InfraStack

_EXISTS = (
    "Something of this name is there already and is not this stack's. Name it in config/project.yaml, so that it is "
    "used as it is{bucket}, or delete it."
)
_BUCKET = " (for the bucket: infra.bucket: existing)"
_ACTION = re.compile(r"not authorized to perform:? ([A-Za-z0-9-]+:[A-Za-z0-9]+)")
_HINTS = (
    (r"(service|quota|account).{0,40}limit|limit ?exceeded|TooMany|maximum number|quota", (
        "The account has no more of these: delete what is not used, or ask for more in Service Quotas."
    )),
    (r"MalformedPolicy.{0,80}principal|invalid principal|principal.{0,60}(not valid|does not exist)", (
        "A policy names a role, user or account that does not exist (any more): make it first, or take it out of "
        "config/project.yaml."
    )),
    (r"must not (lock|leave).{0,20}|new key policy will not allow you to update", (
        "The key's policy would lock out whoever deploys: these credentials need "
        "kms:PutKeyPolicy."
    )),
    (r"PendingDeletion|pending deletion|is disabled", (
        "This KMS key is disabled or about to be deleted: enable it, or take it out of config/project.yaml."
    )),
    (r"kms|CMK", (
        "Look at the key: it has to be in this Region, enabled, and its policy has to let the service use it."
    )),
    (r"custom-named resource requires replacing|cannot update a stack when a custom-named", (
        "What changed takes a new resource, and two cannot have one name: take the change back, or rename it."
    )),
    (r"not empty|BucketNotEmpty", "Empty it first, or let it be: delete nothing that holds data by way of the stack."),
    (r"throttl|rate exceeded", "AWS slows this account down; the same command again does the rest."),
    (r"does not exist|not found|NoSuch|InvalidParameterValue.{0,40}(subnet|vpc|group)", (
        "It refers to something that is not there in this account and Region: correct it in config/project.yaml."
    )),
)  # fmt: skip


def hint_for(reason: str, bucket: str = "") -> str:
    """What to do about a reason; empty if that is not known. `bucket` is the name of the stack's own."""
    if re.search(
        r"already (exists|owned)|AlreadyExists|AlreadyOwned|BucketAlready|EntityAlready", reason, re.IGNORECASE
    ):
        return _EXISTS.format(bucket=_BUCKET if "bucket" in reason.lower() or (bucket and bucket in reason) else "")
    action = _ACTION.search(reason)
    if action or re.search("access ?denied|not authorized|UnauthorizedOperation|Forbidden", reason, re.IGNORECASE):
        which = action[1] if action else "this (the sentence above says what)"
        return f"Allow {which} to these credentials."
    return next((hint for pattern, hint in _HINTS if re.search(pattern, reason, re.IGNORECASE)), "")


def explained(stack: InfraStack, events: Sequence[Event], during: str) -> AWSError:
    """What to say of a deployment that failed: the resource that began it, why, and what to do.

    `during` is what was being done, as a sentence's beginning.
    """
    end = events[-1].status if events else "unknown"
    failed = first_failure(events)
    if failed is None:
        return AWSError(f"{during} failed: {stack.name} is {end}", hint="Look at its events in the console.")
    problem = Problem(
        "resource-failed",
        failed.reason or f"it is {failed.status}, and CloudFormation gives no reason",
        hint_for(failed.reason, stack.bucket),
        step=f"{failed.logical_id} ({failed.type})" if not failed.is_whole else stack.name,
        field=failed.physical_id if not failed.is_whole else "",
    )
    others = {event.logical_id for event in events if event.is_failure and not event.is_whole} - {failed.logical_id}
    more = f"; then also {', '.join(sorted(others))}" if others else ""
    return AWSError(
        f"{during} failed, and {stack.name} is {end}{more}. What failed first:", [problem], _AFTER.get(end, "")
    )


_TAKEN_BACK = "What was there before is there again. Correct it, and the same command again."
_AFTER = {
    "ROLLBACK_COMPLETE": "What had been made was deleted again. Correct it, and the same command again begins anew.",
    "UPDATE_ROLLBACK_COMPLETE": _TAKEN_BACK,
    "ROLLBACK_FAILED": "Not everything could be deleted again: the next `infra plan` says what to do.",
    "UPDATE_ROLLBACK_FAILED": "Not everything could be taken back: the next `infra plan` says what to do.",
}
