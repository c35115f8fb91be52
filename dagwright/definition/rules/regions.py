"""Regions: a graph and the project's Region come in, a Region that does not exist and images of another one go out.

Which Regions there are is read from botocore's data file. That a job takes no image of another Region, the service says
when it is created: "Cross region ECR image pulls are not allowed."
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from dagwright.definition.graph import Graph
from dagwright.definition.rules.models import images
from dagwright.errors import Problem, did_you_mean
from dagwright.shapes import partitions

_REGISTRY = re.compile(r"[0-9]{12}\.dkr[.-]ecr(-fips)?\.([a-z0-9-]{1,40})\.")


def region_problems(region: str) -> Iterator[Problem]:
    """A Region that AWS does not have, or not yet when botocore was made."""
    names = {name for partition in partitions() for name in partition["regions"] if not name.endswith("-global")}
    if not region or region in names:
        return
    hint = did_you_mean(region, names)
    if any(re.fullmatch(partition["regionRegex"], region) for partition in partitions()):
        what = f"the Region {region!r:.80} is not known to the installed botocore"
        yield Problem("unknown-region", what, hint, "warning", field="region")
    else:
        yield Problem("unknown-region", f"there is no Region {region!r:.80}", hint, field="region")


def image_region_problems(graph: Graph, region: str) -> Iterator[Problem]:
    """Images that lie in another Region than the project's."""
    for image in images(graph) if region else ():
        found = _REGISTRY.match(image.address)
        if found is not None and found[2] != region:
            what = f"the image lies in {found[2]}, the job runs in {region}: the service does not pull across Regions"
            hint = f"take the image of {region}, or copy it there"
            yield Problem("image-in-other-region", what, hint, step=image.step, field=image.field)
