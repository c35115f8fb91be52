"""Patterns as AWS's models write them (Java's dialect), matched by Python's `re`.

In: a pattern and a text. Out: whether the whole text matches. Java's classes are ASCII (`\\d`, `\\w`), except the
categories of Unicode (`\\p{L}`), which `re` does not know.
"""

from __future__ import annotations

import re
from functools import cache
from unicodedata import category

# Of the characters outside ASCII only the category counts, so one stands in for all others of its category.
_STAND_INS = {"L": "\ue000", "M": "\ue001", "N": "\ue002", "P": "\ue003", "S": "\ue004", "Z": "\ue005"}
_CATEGORY = re.compile(r"\\p\{(Alnum|[LMNPSZ])\}")
_PAIR = re.compile(r"\\u(D[89AB][0-9A-F]{2})\\u(D[C-F][0-9A-F]{2})", re.IGNORECASE)
# An end that is repeated means nothing; `re` refuses it.
_REPEATED_END = re.compile(r"\$\{\d+,\d+\}")


def matches(pattern: str, text: str) -> bool:
    """Whether the whole text is what the pattern says."""
    if "\\p{" in pattern and not text.isascii():
        text = "".join(letter if letter.isascii() else _stand_in(letter) for letter in text)
    return compiled(pattern).fullmatch(text) is not None


@cache
def compiled(pattern: str) -> re.Pattern[str]:
    """A pattern of Java's dialect as one of Python's; categories hold their ASCII members and their stand-in."""
    translated = _PAIR.sub(_code_point, _REPEATED_END.sub("$", pattern))
    # DOTALL: without it `.*\S.*` takes time in the square of a text's length when the text has several lines.
    return re.compile(_CATEGORY.sub(lambda found: _members(found[1]), translated), re.ASCII | re.DOTALL)


def _members(name: str) -> str:
    """The members of a category, as they stand between the brackets of a class."""
    if name == "Alnum":
        return "A-Za-z0-9"
    ascii_members = (chr(code) for code in range(128) if category(chr(code))[0] == name)
    return "".join(map(re.escape, ascii_members)) + _STAND_INS[name]


def _stand_in(letter: str) -> str:
    return _STAND_INS.get(category(letter)[0], letter)


def _code_point(pair: re.Match[str]) -> str:
    """A surrogate pair as the one character it stands for."""
    return chr(0x10000 + (int(pair[1], 16) - 0xD800) * 0x400 + int(pair[2], 16) - 0xDC00)
