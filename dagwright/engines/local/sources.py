"""Which objects an input consists of: all below a prefix, or those that a manifest lists.

What comes in: an `Input` and the store. What goes out: its objects in order, or the lines of an augmented manifest.
The forms of both manifests are the API's, in its text on S3DataSource and the developer guide's on augmented manifests.
"""

from __future__ import annotations

import json
import os
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from dagwright.engines.addresses import split_uri
from dagwright.engines.local.job import MANIFEST, Input
from dagwright.engines.local.store import Store, StoredObject, storage_errors
from dagwright.errors import DagwrightError, ExecutionError

Item = TypeVar("Item")
Part: TypeAlias = "Path | bytes"
"""What is streamed: the content of an object, or a value that stands in an augmented manifest."""
_REFERENCE = "-ref"  # how the name of an attribute ends whose value is the address of an object


def objects_of(given: Input, store: Store) -> list[StoredObject]:
    """The objects of an input that is a prefix, sorted by key, or a manifest, in its order.

    Raises ExecutionError if there is none, or one that the manifest lists is missing; StorageError for an address that
    is none.
    """
    if given.kind == MANIFEST:
        return _listed_objects(given, store)
    found = store.objects(given.uri)
    if not found and not given.optional:
        raise ExecutionError(
            f"Input '{given.name}' finds no object at {given.uri}",
            hint="The step before that should write it left its output folder empty; see the notes of this run.",
        )
    return found


def share_of(items: list[Item], given: Input, number: int, hosts: int) -> list[Item]:
    """What the host of this number gets of an input's objects: all, or every N-th."""
    return items[number::hosts] if given.sharded else items


# ---- manifests ----


def listed(given: Input, store: Store) -> list[tuple[str, str]]:
    """(the object's address, its name in the folder of the input) for each that a manifest lists.

    Raises ExecutionError for what is no manifest, or one that lists a way out of that folder.
    """
    elements = _elements(given, store)
    first = elements[0] if elements else None
    prefix = first.get("prefix") if isinstance(first, dict) else None
    if not isinstance(prefix, str) or not prefix.startswith("s3://"):
        raise _no_manifest(given, 'its first element is not {"prefix": "s3://…"}')
    names = elements[1:]
    if not names:
        raise _no_manifest(given, "it lists no object after its prefix")
    for name in names:
        if not isinstance(name, str) or not _stays_inside(name):
            shown = json.dumps(name)
            raise _no_manifest(given, f"{shown[:100]} is not the rest of an object's key")
    return [(f"{prefix}{name}", name) for name in names]


def _elements(given: Input, store: Store) -> list[Any]:
    if os.path.isdir(store.path(given.uri)):
        raise _no_manifest(given, "it is a folder; name the object in it")
    try:
        elements = json.loads(store.read_text(given.uri))
    except (ValueError, RecursionError) as error:
        raise _no_manifest(given, f"it is not JSON: {error}") from error
    if not isinstance(elements, list):
        raise _no_manifest(given, "it is not a JSON list")
    return elements


def _stays_inside(name: str) -> bool:
    parts = name.split("/")
    return all(part not in ("", ".", "..") and "\0" not in part for part in parts)


def _no_manifest(given: Input, why: str) -> ExecutionError:
    return ExecutionError(
        f"The manifest {given.uri} of input '{given.name}' cannot be used: {why}",
        hint='Its form is [{"prefix": "s3://bucket/folder/"}, "a.csv", "deep/b.csv"].',
    )


def missing_objects(given: Input, addresses: list[str]) -> ExecutionError:
    """The failure of an input whose manifest names objects that are not there."""
    more = f" and {len(addresses) - 1} more" if len(addresses) > 1 else ""
    return ExecutionError(
        f"The manifest {given.uri} of input '{given.name}' lists {addresses[0]}{more}, which is not there",
        hint=f"Put it there: deploy.py upload FILE --to {addresses[0]}; or take it out of the manifest.",
    )


def _listed_objects(given: Input, store: Store) -> list[StoredObject]:
    found = [StoredObject(store.path(uri), name) for uri, name in listed(given, store)]
    missing = [store.uri(item.path) for item in found if not os.path.isfile(item.path)]
    if missing:
        raise missing_objects(given, missing)
    return found


# ---- augmented manifests ----


@dataclass(frozen=True)
class AugmentedManifest:
    """The lines of an augmented manifest, each a JSON object; read one by one, however many there are."""

    given: Input
    store: Store
    attributes: tuple[str, ...]
    numbers: array[int]
    """Of each line that says something: its number in the file."""
    offsets: array[int]
    """Where it begins."""

    def __len__(self) -> int:
        return len(self.offsets)

    def parts(self, place: int) -> Iterator[Part]:
        """What is streamed of the line at `place`. Raises ExecutionError for a line that does not have it."""
        for name, value in self._values(place):
            if not name.endswith(_REFERENCE):
                text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
                yield text.encode(errors="replace")
                continue
            path = self.store.path(self._address(place, name, value))
            if not os.path.isfile(path):
                raise self._unusable(place, f"names {value}, which is not there")
            yield path

    def references(self) -> Iterator[str]:
        """The addresses that are streamed from. Raises ExecutionError for a line that is of no use."""
        for place in range(len(self)):
            for name, value in self._values(place):
                if name.endswith(_REFERENCE):
                    yield self._address(place, name, value)

    def _values(self, place: int) -> Iterator[tuple[str, Any]]:
        with open(self.store.path(self.given.uri), "rb") as file:
            file.seek(self.offsets[place])
            line = file.readline()
        try:
            values = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise self._unusable(place, f"is not JSON: {error}") from error
        for name in self.attributes:
            if not isinstance(values, dict) or name not in values:
                raise self._unusable(place, f"has no '{name}', which AttributeNames lists")
            yield name, values[name]

    def _address(self, place: int, name: str, value: Any) -> str:
        try:
            split_uri(str(value))
        except DagwrightError as error:
            raise self._unusable(place, f"has no address at '{name}': {error.message}") from error
        return str(value)

    def _unusable(self, place: int, why: str) -> ExecutionError:
        where = f"Line {self.numbers[place]} of the manifest {self.given.uri} of input '{self.given.name}'"
        return ExecutionError(f"{where} {why}")


def augmented_manifest(given: Input, store: Store, attributes: tuple[str, ...]) -> AugmentedManifest:
    """Raises ExecutionError if the manifest is not there or has no line."""
    path = store.path(given.uri)
    if not os.path.isfile(path):
        raise ExecutionError(f"The manifest {given.uri} of input '{given.name}' is not there")
    with storage_errors(f"{given.uri} cannot be read"):
        numbers, offsets = _lines(path)
    if not offsets:
        raise ExecutionError(f"The manifest {given.uri} of input '{given.name}' has no lines")
    return AugmentedManifest(given, store, attributes, numbers, offsets)


def _lines(path: Path) -> tuple[array[int], array[int]]:
    """(the numbers of the lines that say something, where they begin)."""
    numbers, offsets, place = array("Q"), array("Q"), 0
    with open(path, "rb") as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                numbers.append(number)
                offsets.append(place)
            place += len(line)
    return numbers, offsets
