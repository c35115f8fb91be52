"""The images of AWS's below `images` of config/project.yaml: mappings of the file come in, images and problems go out.

Which members a mapping has is the table's business (`project_keys.py`); here is what they come to in a Region.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from dagwright.errors import Problem, did_you_mean
from dagwright.images import FrameworkImage, Missing, matching, table_of
from dagwright.project_forms import REGION

if TYPE_CHECKING:
    from dagwright.project_file import Settings
    from dagwright.yaml_source import Node


def framework_image(members: Mapping[str, Node]) -> FrameworkImage:
    """What the members of an image's mapping come to; one that is null is as if it were not there."""
    given = {name: node.value for name, node in members.items() if isinstance(node.value, str)}
    return FrameworkImage(**given)


def image_problems(settings: Settings, root: Path) -> Iterator[Problem]:
    """The images of one environment's configuration that do not exist in its Region, whatever the machine."""
    region = settings.value("region")
    if not isinstance(region, str) or not re.fullmatch(REGION.pattern, region):
        return
    table = table_of(root)
    images = [(path, node.value, node.line) for path, node in settings.values.items() if path[0] == "images"]
    named = [(path, members, line) for path, members, line in images if isinstance(members, dict)]
    if named and region not in table.regions:
        what = f"no Region {region} is known to have images of AWS's"
        yield settings.problem("unknown-region", "region", what, did_you_mean(region, table.regions))
        return
    for path, members, line in named:
        found = matching(table, framework_image(members), region)
        if isinstance(found, Missing):
            field = f"images.{path[1]}.{found.member}".rstrip(".")
            at = members[found.member].line if found.member in members else line
            what = f"in {settings.environment} {found.what}" if not found.member else found.what
            yield Problem("unknown-image", what, found.hint, field=field, where=f"{settings.where}:{at}")
