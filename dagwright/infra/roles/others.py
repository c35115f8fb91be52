"""What is another project's although its name begins with this one's: actions and ARNs come in, statements go out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from dagwright.infra.policy import Statement
from dagwright.marks import ENVIRONMENT, PROJECT

if TYPE_CHECKING:
    from dagwright.infra.site import Site


def not_others(site: Site, actions: Sequence[str], arns: Sequence[str]) -> Iterator[Statement]:
    """Names begin with the project's, and another project's may begin so too: its tags say that it is not ours."""
    for mark, value in {PROJECT: site.project.model_package_group, ENVIRONMENT: site.project.environment}.items():
        key = f"aws:ResourceTag/{mark}"
        condition = {"StringNotEquals": {key: value}, "Null": {key: "false"}}
        word = mark.rpartition(":")[2].title()
        yield Statement(f"NotOfOther{word}", actions, arns, condition, effect="Deny")
