"""Steps that only an S3 address links: a graph comes in, the reads that nothing puts after their write go out.

Waiting comes from references and DependsOn alone. A step that reads the address another writes, as a text of its own,
may start before it. Addresses are compared piece by piece: texts as texts, expressions by what they say.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from dagwright.definition.expression import JOIN, function_of
from dagwright.definition.graph import Graph, Links
from dagwright.definition.rules.branches import Branches, needed_branches
from dagwright.definition.rules.jobs import Job, containers, jobs
from dagwright.errors import Problem

#: The pieces of an address between its slashes; a piece is a text, or a tuple with expressions in it.
Address = tuple[Any, ...]
_SCHEME = ("s3:", "")
#: What has more pieces is compared with nothing: an address has at most 1024 characters.
_MOST_PIECES = 100


class _Use(NamedTuple):
    """An address that a step reads or writes; `exact` says that nothing known lies below it."""

    step: str
    field: str
    address: Address
    exact: bool = False


def path_problems(graph: Graph) -> Iterator[Problem]:
    """Reads of an address that another step writes while neither waits for the other."""
    reads, writes = [*_reads(graph)], [*_writes(graph)]
    bits = {name: 1 << index for index, name in enumerate(dict.fromkeys(write.step for write in writes))}
    at, above = _writers(writes, bits)
    candidates = [(read, found) for read in reads if (found := _writers_of(read.address, at, above))]
    if not candidates:
        return
    order = graph.order()
    before = _reached(order, graph.predecessors, bits)
    after = _reached(order[::-1], graph.successors, bits)
    names, branches = [*bits], needed_branches(graph)
    for read, found in candidates:
        ordered = bits.get(read.step, 0) | before.get(read.step, 0) | after.get(read.step, 0)
        writer = _first(found & ~ordered, names, branches[read.step], branches)
        if writer is not None:
            what = f"it reads what '{writer}' writes, and nothing makes it wait for '{writer}'"
            hint = f"refer to the output of '{writer}', or name it in DependsOn"
            yield Problem("path-without-order", what, hint, "warning", read.step, read.field)


def _reads(graph: Graph) -> Iterator[_Use]:
    for job in jobs(graph, "Processing", "Training", "Transform", "AutoML"):
        for path, item in _items(job, "ProcessingInputs"):
            yield from _use(job, f"{path}.S3Input.S3Uri", item, "S3Input", "S3Uri")
        for path, item in _items(job, "InputDataConfig"):
            yield from _use(job, f"{path}.DataSource.S3DataSource.S3Uri", item, "DataSource", "S3DataSource", "S3Uri")
        yield from _use(job, "TransformInput.DataSource.S3DataSource.S3Uri")
    for container in containers(graph):
        yield from _use(container, "ModelDataUrl")


def _writes(graph: Graph) -> Iterator[_Use]:
    for job in jobs(graph, "Processing", "Training", "Transform", "AutoML"):
        for path, item in _items(job, "ProcessingOutputConfig.Outputs"):
            yield from _use(job, f"{path}.S3Output.S3Uri", item, "S3Output", "S3Uri")
        yield from _use(job, "TransformOutput.S3OutputPath")
        for use in _use(job, "OutputDataConfig.S3OutputPath"):  # what is below it begins with the job's name
            yield use._replace(exact=True)


def _items(job: Job, path: str) -> Iterator[tuple[str, Any]]:
    found = job.raw(path)
    for index, item in enumerate(found if isinstance(found, list) else []):
        yield f"{path}[{index}]", item


def _use(job: Job, path: str, item: Any = None, *keys: str) -> Iterator[_Use]:
    """The address at `path` of the request, which is that under `keys` of one item of a list."""
    value = item if keys else job.raw(path)
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    address = address_of(value)
    if address:
        yield _Use(job.step, job.field(path), address)


def address_of(value: Any) -> Address:
    """An S3 address as its pieces, `s3://b/run-<expression>/x` -> ("s3:", "", "b", ("run-", …), "x"); else empty."""
    components: list[list[Any]] = [[]]
    pending: list[Any] = [value]
    while pending:
        here = pending.pop()
        function = function_of(here)
        if function == JOIN:
            pending.extend(reversed(_joined(here[JOIN])))
        elif function is not None:
            components[-1].append((json.dumps(here, sort_keys=True),))
        elif isinstance(here, (str, int, float)):
            first, *others = str(here).split("/", _MOST_PIECES)
            components[-1].append(first)
            components.extend([other] for other in others)
        else:
            return ()
        if len(components) > _MOST_PIECES:
            return ()
    address = tuple(_piece(component) for component in components)
    while address and address[-1] == "":
        address = address[:-1]
    return address if address[:2] == _SCHEME or (address and isinstance(address[0], tuple)) else ()


def _joined(body: Any) -> list[Any]:
    values, on = (body.get("Values"), body.get("On", "")) if isinstance(body, dict) else (None, "")
    pieces: list[Any] = []
    for value in values if isinstance(values, list) else []:
        pieces.extend((value, on))
    return pieces[:-1]


def _piece(component: list[Any]) -> Any:
    """A text if it is made of texts alone, else a tuple of its texts and expressions."""
    merged: list[Any] = []
    for part in component:
        if isinstance(part, str) and merged and isinstance(merged[-1], str):
            merged[-1] += part
        elif part != "":
            merged.append(part)
    if all(isinstance(part, str) for part in merged):
        return "".join(merged)
    return tuple(merged)


def _writers(writes: list[_Use], bits: Mapping[str, int]) -> tuple[Mapping[Address, int], Mapping[Address, int]]:
    """Who writes to an address, and who writes somewhere below it; each as a set of bits."""
    at: dict[Address, int] = defaultdict(int)
    above: dict[Address, int] = defaultdict(int)
    for write in writes:
        at[write.address] |= bits[write.step]
        if not write.exact:
            at[_below(write.address)] |= bits[write.step]
        for length in range(_shortest(write.address), len(write.address)):
            above[write.address[:length]] |= bits[write.step]
    return at, above


def _writers_of(address: Address, at: Mapping[Address, int], above: Mapping[Address, int]) -> int:
    """The steps that write to this address, below it, or to a folder above it."""
    found = at.get(address, 0) | above.get(address, 0)
    for length in range(_shortest(address), len(address)):
        found |= at.get(_below(address[:length]), 0)
    return found


def _below(address: Address) -> Address:
    """Stands for whatever lies below an address."""
    return (*address, ...)


def _shortest(address: Address) -> int:
    """How many pieces make a folder: a whole bucket, or what a parameter says, is too much to be one."""
    return 4 if address[:2] == _SCHEME else 2


def _reached(order: tuple[str, ...], links: Links, bits: Mapping[str, int]) -> Mapping[str, int]:
    """For each step the writers that lie somewhere behind its links."""
    reached: dict[str, int] = {}
    for name in order:
        found = 0
        for other in links[name]:
            found |= reached.get(other, 0) | bits.get(other, 0)
        reached[name] = found
    return reached


def _first(found: int, names: list[str], own: Branches, branches: Mapping[str, Branches]) -> str | None:
    """The first of these writers that can run in one execution with the reader."""
    while found:
        lowest = found & -found
        name = names[lowest.bit_length() - 1]
        if not (own | branches[name]).in_both:
            return name
        found ^= lowest
    return None
