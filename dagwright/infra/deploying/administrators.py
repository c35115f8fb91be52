"""What of a stack only an administrator changes: logical ids come in, what to say of them goes out."""

from __future__ import annotations

from collections.abc import Iterable

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


def administrators_changes(changes: Iterable[str]) -> list[str]:
    """Sentences about those of the changed resources, by logical id, that a workflow may not change.

    >>> administrators_changes(["Bucket", "Boundary"])
    ['Boundary is changed by an administrator only: an upsert of the deployer fails at it, and undoes the rest']
    """
    return [
        f"{name} is changed by an administrator only: an upsert of the deployer fails at it, and undoes the rest"
        for name in dict.fromkeys(changes)
        if name in ADMINISTRATORS
    ]
