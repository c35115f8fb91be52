"""The S3 addresses that a JSON value names: a definition, a request, a response, a model package.

What comes in: the value, and what is known of the run it belongs to. What goes out: addresses `s3://bucket/key`, each
standing for all that lies at it and below; of one that only a run can complete, the part that is known. An address
inside a longer text counts, and one that may go on is cut short rather than taken too far: shorter names more.

Left out is where a training or tuning job puts its model (`OutputDataConfig`), since every job has a folder of its own
there; and an output that is not known to its end, for the same reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dagwright.definition.expression import function_of
from dagwright.definition.uses import UNKNOWN, known_text

_BELOW_THE_JOB = "OutputDataConfig"
_WRITING = ("S3Output", "TransformOutput", "CheckpointConfig", "DebugHookConfig")
_ADDRESS = re.compile(r"(?:s3[an]?://|arn:aws[a-z-]*:s3:::|https://)([A-Za-z0-9._/=+@~:-]*)")
_HOSTED = re.compile(r"([a-z0-9][a-z0-9.-]+)\.s3[.-][a-z0-9.-]*amazonaws\.com(?:\.cn)?/(.*)")
_BY_PATH = re.compile(r"s3[.-][a-z0-9.-]*amazonaws\.com(?:\.cn)?/(.*)")
_LISTS = ("ManifestFile", "AugmentedManifestFile")


@dataclass(frozen=True)
class Named:
    """An address, without a slash at its end. `is_list`: the object there lists further addresses."""

    uri: str
    is_list: bool = False


def places(value: Any) -> list[tuple[Any, bool, bool]]:
    """(a text or an expression in which an address may stand, whether it is written to, whether it is a list's), for
    the whole of a JSON value."""
    found: list[tuple[Any, bool, bool]] = []
    waiting: list[tuple[Any, bool, bool]] = [(value, False, False)]
    while waiting:
        here, written, lists = waiting.pop()
        if isinstance(here, str) or function_of(here) is not None:
            found.append((here, written, lists))
        elif isinstance(here, dict):
            lists = here.get("S3DataType") in _LISTS
            below = here.items()
            waiting.extend((item, written or key in _WRITING, lists) for key, item in below if key != _BELOW_THE_JOB)
        elif isinstance(here, list):
            waiting.extend((item, written, False) for item in here)
    return found


def named(
    found: list[tuple[Any, bool, bool]], parameters: Mapping[str, Any], execution: Mapping[str, Any]
) -> Iterator[Named]:
    """The addresses at such places, once parameters and execution variables have their values."""
    for value, written, lists in found:
        text = value if isinstance(value, str) else known_text(value, parameters, execution)
        if not isinstance(value, str) and UNKNOWN in text:
            if written:
                continue
            text = text.partition(UNKNOWN)[0]
        yield from (Named(uri, lists) for uri in addresses_in(text))


def outputs(value: Any, parameters: Mapping[str, Any], execution: Mapping[str, Any]) -> set[str]:
    """The addresses that a definition's outputs have, as far as they are known to their end."""
    written = [one for one in places(value) if one[1]]
    return {one.uri for one in named(written, parameters, execution)}


def addresses_in(text: str) -> Iterator[str]:
    """The addresses in a text: `s3://`, `s3a://`, the ARNs of objects, and their `https://` forms."""
    for match in _ADDRESS.finditer(text):
        path = match[1]
        if match[0].startswith("https:"):
            path = _path_of_https(path)
            if not path:
                continue
        yield "s3://" + "/".join(part for part in path.split("/") if part).rstrip(".:")


def _path_of_https(rest: str) -> str:
    hosted = _HOSTED.fullmatch(rest)
    by_path = None if hosted else _BY_PATH.fullmatch(rest)
    return f"{hosted[1]}/{hosted[2]}" if hosted else by_path[1] if by_path else ""
