"""Python source as `ruff format` lays it out: nested brackets and atoms come in, lines of at most 120 columns go out.

What stands in a text of the definition stays inside the quotes of a literal, whatever it is.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

WIDTH = 120
_STEP = 4
# Scripts whose letters nobody takes for those of ASCII: Latin with accents, Japanese, Chinese, Korean. What looks like
# something else, or turns the direction of a line, is written as an escape.
_PLAIN = re.compile(
    "[ -~\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u0130\u0132-\u017e\u3041-\u3096\u30a1-\u30cd\u30cf-\u30fa"
    "\u4e00-\u4e35\u4e37-\u4e3e\u4e40-\u9fef\uac00-\ud7a3]"
)


class Item(NamedTuple):
    """What stands between two commas: `prefix` is `name=`, `"key": ` or nothing, `comment` the line above."""

    node: Node
    prefix: str = ""
    comment: str = ""


@dataclass(frozen=True)
class Group:
    """Something in brackets: a call, a list, a map."""

    opening: str
    items: tuple[Item, ...]
    closing: str

    @property
    def flat(self) -> str | None:
        """It on one line; None if that cannot be, or would be too long anyway."""
        return None if self.inside is None else f"{self.opening}{self.inside}{self.closing}"

    @cached_property
    def inside(self) -> str | None:
        """What is in its brackets on one line; None as for `flat`."""
        parts = []
        room = WIDTH
        for item in self.items:
            inner = flat(item.node)
            if inner is None or item.comment:
                return None
            parts.append(item.prefix + inner)
            room -= len(parts[-1]) + 2
            if room < -2:
                return None
        return ", ".join(parts)

    @cached_property
    def depth(self) -> int:
        """How many brackets stand in one another."""
        return 1 + max((depth_of(item.node) for item in self.items), default=0)


Node = str | Group


def depth_of(node: Node) -> int:
    """How many brackets stand in one another; none in an atom."""
    return node.depth if isinstance(node, Group) else 0


def flat(node: Node) -> str | None:
    """A node on one line, if it can be."""
    return node.flat if isinstance(node, Group) else node


def call(name: str, *positional: Node, **named: Node | None) -> Group:
    """`name(positional, keyword=named)`; what is None is left out."""
    items = [Item(node) for node in positional]
    items += [Item(node, f"{keyword}=") for keyword, node in named.items() if node is not None]
    return Group(f"{name}(", tuple(items), ")")


def row(nodes: Iterable[Node]) -> Group:
    """`[a, b]`."""
    return Group("[", tuple(Item(node) for node in nodes), "]")


def table(members: Iterable[tuple[str, Node]]) -> Group:
    """`{"a": b}`."""
    return Group("{", tuple(Item(node, f"{quoted(name)}: ") for name, node in members), "}")


def followed(node: Node, tail: str) -> Node:
    """The node with something right behind it, such as `.to_string()`."""
    return f"{node}{tail}" if isinstance(node, str) else Group(node.opening, node.items, node.closing + tail)


def quoted(text: str) -> str:
    """The literal of a text: in double quotes, unless it has more of those than of single ones."""
    quote = '"' if text.count('"') <= text.count("'") else "'"
    return f"{quote}{''.join(_escaped(text, quote))}{quote}"


def _escaped(text: str, quote: str) -> Iterator[str]:
    """Its characters as they stand between these quotes."""
    for one in text:
        if one in (quote, "\\"):
            yield f"\\{one}"
        elif _PLAIN.fullmatch(one):
            yield one
        else:
            yield ascii(one)[1:-1]


def lines_of(node: Node, prefix: str = "", suffix: str = "", indent: int = 0, comment: str = "") -> Iterator[str]:
    """The lines of `prefix`, node and `suffix`, at an indentation, below their comment."""
    blank = " " * indent
    if comment:
        yield f"{blank}# {comment}"
    on_one_line = flat(node)
    if on_one_line is not None and _fits(f"{blank}{prefix}{on_one_line}{suffix}"):
        yield f"{blank}{prefix}{on_one_line}{suffix}"
    elif isinstance(node, Group):
        yield f"{blank}{prefix}{node.opening}"
        inside = node.inside if node.opening.endswith("(") else None
        if inside is not None and _fits(f"{blank}{' ' * _STEP}{inside}"):
            yield f"{blank}{' ' * _STEP}{inside}"
        else:
            for item in node.items:
                yield from lines_of(item.node, item.prefix, ",", indent + _STEP, item.comment)
        yield f"{blank}{node.closing}{suffix}"
    elif node.startswith(('"', "'")) and node.endswith(node[0]):
        yield f"{blank}{prefix}("
        for piece in _pieces(node, WIDTH - indent - _STEP):
            yield f"{blank}{' ' * _STEP}{piece}"
        yield f"{blank}){suffix}"
    else:
        yield f"{blank}{prefix}{node}{suffix}"


def _fits(line: str) -> bool:
    return len(line) <= WIDTH and (line.isascii() or sum(map(_columns, line)) <= WIDTH)


def _columns(one: str) -> int:
    return 2 if unicodedata.east_asian_width(one) in "WF" else 1


def _pieces(literal: str, room: int) -> Iterator[str]:
    """A literal that is too long in several, cut behind blanks and slashes where there are any."""
    quote, inner = literal[0], re.findall(r"\\(?:x..|u....|U.{8}|.)|.", literal[1:-1])
    start = 0
    while start < len(inner):
        end, used, cut = start, 2, 0
        while end < len(inner) and used + sum(map(_columns, inner[end])) <= room:
            used += sum(map(_columns, inner[end]))
            end += 1
            if inner[end - 1] in (" ", "/", "\\n"):
                cut = end
        if end < len(inner) and cut > start:
            end = cut
        yield _balanced("".join(inner[start:end]), quote)
        start = end


def _balanced(inner: str, quote: str) -> str:
    """A piece in the quotes that `ruff format` would give it."""
    wanted = '"' if inner.count('"') <= inner.count("'") else "'"
    if wanted != quote:
        inner = inner.replace(f"\\{quote}", quote).replace(wanted, f"\\{wanted}")
    return f"{wanted}{inner}{wanted}"
