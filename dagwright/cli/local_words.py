"""What only a run on this machine is told: what stands in for steps, which data it brings, what programs will write."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence

from dagwright.definition.graph import Graph
from dagwright.engines.addresses import split_uri
from dagwright.errors import UsageError, did_you_mean


class OfThisMachine:
    """The words, read. Raises UsageError."""

    def __init__(self, arguments: Namespace, graph: Graph) -> None:
        self.stand_ins = _pairs("--stand-in", arguments.stand_in, "STEP=outputs.json or STEP=file.py:function")
        for name in self.stand_ins:
            if name not in graph.steps:
                raise UsageError(f"--stand-in: there is no step '{name}'", hint=did_you_mean(name, graph.steps))
        self.maps = _pairs("--map", arguments.map, "s3://bucket/prefix=folder", _at_what_is_there)
        self.expected = tuple(arguments.expect)
        for uri in (*self.maps, *self.expected):
            split_uri(uri)
        _refuse_limits_of_nothing(arguments.limits, graph)


def words_of_this_machine(arguments: Namespace) -> dict[str, object]:
    """The words and what they were given."""
    return {
        "--check": arguments.check,
        "--stand-in": arguments.stand_in,
        "--map": arguments.map,
        "--expect": arguments.expect,
        "--limit": arguments.limits,
    }


def _refuse_limits_of_nothing(values: Sequence[str], graph: Graph) -> None:
    """Raises UsageError for a limit of a step that is none. A pattern may fit any number of them."""
    for value in values:
        name = value.partition("=")[0].rpartition("/")[2]
        if name not in graph.steps and not set("*?") & set(name):
            raise UsageError(f"--limit: there is no step '{name}'", hint=did_you_mean(name, graph.steps))


def _at_what_is_there(value: str) -> tuple[str, str, str]:
    """Keys have equals signs as well (`year=2026/`): the one that is meant stands before a file or folder that is
    there; if none does, the last."""
    ends = [at for at, one in enumerate(value) if one == "="]
    meant = next((at for at in ends if os.path.exists(value[at + 1 :])), ends[-1] if ends else len(value))
    return value[:meant], value[meant : meant + 1], value[meant + 1 :]


def _pairs(
    word: str,
    values: Sequence[str],
    form: str,
    split: Callable[[str], tuple[str, str, str]] = lambda value: value.partition("="),
) -> Mapping[str, str]:
    pairs: dict[str, str] = {}
    for value in values:
        name, equals, place = split(value)
        if not (name and equals and place):
            raise UsageError(f"{word} {value}: it has another form", hint=f"It is {word} {form}.")
        if name in pairs:
            raise UsageError(f"{word}: '{name}' is given twice")
        pairs[name] = place
    return pairs
