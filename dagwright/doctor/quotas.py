"""Whether the account may have the machines that the pipelines ask for. Quotas of GPU types often begin with 0."""

from __future__ import annotations

from collections.abc import Mapping

from dagwright.doctor.findings import Said, Sayings, not_seen, ok, problem
from dagwright.doctor.ward import Ward, count_of

_MORE = "Ask for more: Service Quotas, Amazon SageMaker; or choose another type."


def machines(ward: Ward) -> Sayings:
    """Each instance type, by the quota of its kind of job."""
    asked = ward.workload.quotas
    if not asked:
        return
    allowed = _allowed(ward, set(asked))
    for quota, (instances, who) in asked.items():
        yield _said(quota, allowed.get(quota), instances, who)


def _said(quota: str, allowed: float | None, count: int, who: str) -> Said:
    if allowed is None:
        return not_seen(f"{quota}: this account is told of no such quota ({who})", "Is the type in this Region?")
    if allowed >= count:
        return ok(f"{quota}: {count} of {allowed:g}")
    asks = f"{who} asks for {count_of(count, 'instance')}"
    return problem(f"{quota} is {allowed:g}, and {asks}", _MORE)


def _allowed(ward: Ward, wanted: set[str]) -> Mapping[str, float]:
    """The quotas of these names. There are thousands, a hundred a page: the last that is wanted ends the looking."""
    found: dict[str, float] = {}
    for page in ward.pages("service-quotas", "list_service_quotas", ServiceCode="sagemaker", MaxResults=100):
        found.update((one["QuotaName"], one["Value"]) for one in page["Quotas"] if one["QuotaName"] in wanted)
        if wanted <= found.keys():
            break
    return found
