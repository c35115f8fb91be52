"""AWS's own description of its responses, read from botocore's data files without importing botocore.

In: a service and the name of a shape. Out: a Shape that knows its kind and its members. A model is read once, when
the first property is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from dagwright.errors import InternalError, UserError


@cache
def model(service: str) -> dict[str, Any]:
    """All shapes of a service by name, from the newest version folder that botocore has.

    Raises UserError when botocore is not installed, InternalError when it has no model of the service.
    """
    import gzip
    import json
    from importlib.util import find_spec
    from pathlib import Path

    found = find_spec("botocore")
    if found is None or not found.submodule_search_locations:
        what = "botocore, which carries AWS's description of its services, is not installed in this environment"
        raise UserError(what, hint="pip install boto3")
    versions = sorted((Path(next(iter(found.submodule_search_locations))) / "data" / service).glob("*/service-2.json*"))
    if not versions:
        raise InternalError(f"the installed botocore has no model of {service}")
    newest = versions[-1]
    content = gzip.decompress(newest.read_bytes()) if newest.suffix == ".gz" else newest.read_bytes()
    shapes: dict[str, Any] = json.loads(content)["shapes"]
    return shapes


@dataclass(frozen=True)
class Shape:
    """One shape of a service's model.

    >>> Shape("sagemaker", "ModelArtifacts").members
    ('S3ModelArtifacts',)
    """

    service: str
    name: str

    @property
    def kind(self) -> str:
        """`structure`, `list`, `map`, or the name of a scalar such as `string`."""
        return str(model(self.service)[self.name]["type"])

    @property
    def members(self) -> tuple[str, ...]:
        """The names of a structure's members, in the model's order."""
        return tuple(model(self.service)[self.name].get("members", ()))

    def member(self, name: str) -> Shape:
        """The shape of one member of a structure; KeyError if there is none of that name."""
        return Shape(self.service, model(self.service)[self.name]["members"][name]["shape"])

    @property
    def element(self) -> Shape:
        """The shape of a list's elements or a map's values."""
        own = model(self.service)[self.name]
        return Shape(self.service, (own.get("member") or own["value"])["shape"])
