"""What people may do, by policies for roles that are there: those who run pipelines, and those who approve models."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dagwright.infra.site import Site
    from dagwright.infra.template import Template


def add_people(template: Template, site: Site) -> None:
    """Add the policies, attached to the roles that the configuration names."""
