"""Inputs and outputs of a job that would need one place in its folders.

What comes in: a job that has not started, and the store. What goes out: a sentence for each two that collide, which on
SageMaker would meet in the container too.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from pathlib import PurePosixPath
from typing import NamedTuple

from dagwright.engines.local.job import PREFIX, Input, Job, normal
from dagwright.engines.local.store import Store


class _Place(NamedTuple):
    """What an input or output makes in a job's folder."""

    label: str
    path: str
    is_folder: bool
    filled_by: Input | None = None


def collisions(job: Job, store: Store) -> list[str]:
    """One sentence for each two of the job's inputs and outputs that cannot be beside each other."""
    return list(
        dict.fromkeys(said for one, other in combinations(_places(job), 2) for said in _between(one, other, store))
    )


def _places(job: Job) -> Iterator[_Place]:
    for given in job.inputs:
        label, target = f"input '{given.name}'", normal(given.target)
        if given.pipe is None:
            yield _Place(label, target, is_folder=True, filled_by=given)
        else:  # the second epoch's FIFO is there as soon as the first is read
            yield from (_Place(label, f"{target}_{epoch}", is_folder=False) for epoch in range(2))
        if given.manifest_target:
            yield _Place(label, normal(given.manifest_target), is_folder=False)
    for output in job.outputs:
        yield _Place(f"the output to {output.uri}", normal(output.source), is_folder=True)


def _between(one: _Place, other: _Place, store: Store) -> Iterator[str]:
    upper, lower = (one, other) if len(one.path) <= len(other.path) else (other, one)
    if upper.path == lower.path:
        if not (upper.is_folder and lower.is_folder):
            yield f"{one.label} and {other.label} both need {upper.path}"
    elif lower.path.startswith(f"{upper.path}/"):
        if not upper.is_folder:
            yield f"{lower.label} needs the folder {lower.path}, and {upper.label} makes {upper.path} a file"
        elif upper.filled_by:
            below = lower.path.removeprefix(f"{upper.path}/")
            for name in _names(upper.filled_by, store):
                if _collide(name, below, lower.is_folder):
                    yield f"{upper.label} puts its object '{name}' where {lower.label} needs {lower.path}"
                    return


def _names(given: Input, store: Store) -> Iterator[str]:
    """Of an input's objects, as far as they are there already."""
    if given.kind == PREFIX and given.uri.startswith("s3://"):
        yield from (item.name for item in store.objects(given.uri))


def _collide(name: str, place: str, is_folder: bool) -> bool:
    """Whether a file of this name is where the place, or a folder above it, has to be."""
    above = [str(parent) for parent in PurePosixPath(place).parents]
    return name == place or name in above or (not is_folder and name.startswith(f"{place}/"))
