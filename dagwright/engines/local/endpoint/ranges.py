"""The part of an object that a client asks for."""

from __future__ import annotations

import re

_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")


class OutOfRangeError(ValueError):
    """Nothing of the object lies in the range."""


def range_of(header: str, size: int) -> range | None:
    """`bytes=0-9`, `bytes=5-` or `bytes=-5` of so many bytes; None for all of them, which a header that means nothing
    gives as well. Raises OutOfRangeError."""
    found = _RANGE.fullmatch(header.strip())
    if not found or found.groups() == ("", ""):
        return None
    first, last = found.groups()
    if not first:
        part = range(max(0, size - int(last)), size)
    elif last and int(last) < int(first):
        return None
    else:
        part = range(int(first), min(int(last) + 1, size) if last else size)
    if not part:
        raise OutOfRangeError
    return part
