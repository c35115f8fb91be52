"""What of a stack only an administrator changes."""

from __future__ import annotations

from dagwright.infra.boundary import BOUNDARY
from dagwright.infra.deploying.github import PROVIDER
from dagwright.infra.names import DEPLOYER_ROLE, PLAN_ROLE
from dagwright.infra.roles.people import APPROVER_POLICY, SUBMIT_POLICY

#: Who deploys, and what people are given: logical ids, and the last words of the names.
DEPLOYING = (DEPLOYER_ROLE, PLAN_ROLE)
OF_PEOPLE = (SUBMIT_POLICY, APPROVER_POLICY)
# A role or policy over IAM's limits is several managed policies (`roles/role.py`).
_MOST_PARTS = 10

#: Who deploys, what bounds all others, and what people are given. A workflow may not change them: with a wider
#: boundary, or a policy of people that is its to write, a workflow could make itself an administrator.
ADMINISTRATORS: frozenset[str] = frozenset(
    {
        BOUNDARY,
        PROVIDER,
        *DEPLOYING,
        *OF_PEOPLE,
        *(f"{role}Policy{number}" for role in DEPLOYING for number in range(1, _MOST_PARTS + 1)),
        *(f"{policy}{number}" for policy in OF_PEOPLE for number in range(2, _MOST_PARTS + 1)),
    }
)
