"""What of a stack only an administrator changes."""

from __future__ import annotations

_ROLES = ("DeployerRole", "PlanRole")
_POLICIES = ("SubmitPolicy", "ApproverPolicy")
# A role or policy over IAM's limits is several managed policies (`roles/role.py`).
_MOST_PARTS = 10

#: Who deploys, what bounds all others, and what people are given. A workflow may not change them: with a wider
#: boundary, or a policy of people that is its to write, a workflow could make itself an administrator.
ADMINISTRATORS: frozenset[str] = frozenset(
    {
        "Boundary",
        "GitHubProvider",
        *_ROLES,
        *_POLICIES,
        *(f"{role}Policy{number}" for role in _ROLES for number in range(1, _MOST_PARTS + 1)),
        *(f"{policy}{number}" for policy in _POLICIES for number in range(2, _MOST_PARTS + 1)),
    }
)
