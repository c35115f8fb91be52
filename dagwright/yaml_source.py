"""One YAML file as values that remember their lines.

In: a path. Out: a Node, and the keys that were written twice. Read from the parser's events rather than with
`yaml.safe_load`, which keeps no lines, lets the last of two equal keys win in silence, and expands aliases without
bound. Nothing in a file can construct an object: tags are refused, and only text, numbers, booleans and null remain.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, NoReturn, TypeAlias

from dagwright.errors import ConfigurationError, Problem

MAX_BYTES = 1 << 20
MAX_DEPTH = 32
MAX_VALUES = 20_000

Value: TypeAlias = "str | int | float | bool | list[Node] | dict[str, Node] | None"


@dataclass(frozen=True)
class Node:
    """A value, the line (from 1) where a reader looks for it, its text as written, and how many values it holds."""

    value: Value
    line: int
    text: str = ""
    size: int = 1


@dataclass
class _Open:
    """A mapping or list whose end has not come yet."""

    value: list[Node] | dict[str, Node]
    line: int
    anchor: str | None
    size: int = 1
    key: str | None = None
    key_line: int = 0


@dataclass
class _Tree:
    """The document while it grows: the collections that are open, the anchors that are closed."""

    where: str
    open: list[_Open] = field(default_factory=list)
    anchors: dict[str, Node] = field(default_factory=dict)
    root: Node | None = None
    problems: list[Problem] = field(default_factory=list)

    def document(self, event: Any) -> None:
        if self.root is not None:
            self.stop("bad-yaml", event.start_mark.line + 1, "a second document begins here", "remove the line ---")

    def begin(self, event: Any, empty: list[Node] | dict[str, Node]) -> None:
        line = event.start_mark.line + 1
        if self._wants_key():
            self.stop("bad-yaml", line, "a key must be a plain text, not a list or a mapping")
        self._refuse_tag(event, line)
        if len(self.open) == MAX_DEPTH:
            self.stop("too-large", line, f"values are nested more than {MAX_DEPTH} deep")
        self.open.append(_Open(empty, line, event.anchor))

    def end(self) -> None:
        done = self.open.pop()
        self._put(Node(done.value, done.line, size=done.size), done.anchor)

    def scalar(self, event: Any, kind: str, construct: Callable[[], Any]) -> None:
        line = event.start_mark.line + 1
        self._refuse_tag(event, line)
        if self._wants_key():
            self._key(event.value, line, kind)
            return
        self._put(Node(self._scalar_value(event.value, line, kind, construct), line, event.value), event.anchor)

    def alias(self, event: Any) -> None:
        line = event.start_mark.line + 1
        if self._wants_key():
            self.stop("bad-yaml", line, "a key must be a plain text, not an alias")
        if event.anchor not in self.anchors:
            self.stop("bad-yaml", line, f"the alias *{event.anchor} has no finished anchor &{event.anchor} before it")
        self._put(replace(self.anchors[event.anchor], line=line), None)

    def stop(self, code: str, line: int, what: str, hint: str = "") -> NoReturn:
        """Raises ConfigurationError: what follows could not be understood."""
        raise _failure(self.where, [*self.problems, Problem(code, what, hint, where=f"{self.where}:{line}")])

    def _wants_key(self) -> bool:
        return bool(self.open) and isinstance(self.open[-1].value, dict) and self.open[-1].key is None

    def _refuse_tag(self, event: Any, line: int) -> None:
        if event.tag is not None:
            self.stop("bad-yaml", line, f"the tag {event.tag} is not read here", "write the value without a tag")

    def _key(self, text: str, line: int, kind: str) -> None:
        if kind == "merge":
            self.stop("bad-yaml", line, "merge keys (<<) are not read here", "write the keys out")
        inner = self.open[-1]
        inner.key, inner.key_line = text, line
        dotted = ".".join(one.key for one in self.open if one.key is not None)
        where = f"{self.where}:{line}"
        if kind != "str":
            what = f"the key {text} is not a text: YAML reads it as {kind}"
            self.problems.append(Problem("wrong-type", what, f'quote it: "{text}"', field=dotted, where=where))
        if isinstance(inner.value, dict) and text in inner.value:
            what = f"'{text}' stands here twice: on line {inner.value[text].line} and on line {line}"
            self.problems.append(Problem("duplicate-key", what, "keep one of the two", field=dotted, where=where))

    def _scalar_value(self, text: str, line: int, kind: str, construct: Callable[[], Any]) -> Value:
        if kind not in ("null", "bool", "int", "float"):  # a date is a text to us
            return text
        try:
            value: Value = construct()
        except ValueError:
            self.stop("bad-yaml", line, f"{text[:40]} looks like a number and cannot be read as one", "quote it")
        return value

    def _put(self, node: Node, anchor: str | None) -> None:
        if anchor is not None:
            self.anchors[anchor] = node
        if not self.open:
            self.root = node
            return
        inner = self.open[-1]
        inner.size += node.size
        if inner.size > MAX_VALUES:
            what = f"there are more than {MAX_VALUES:,} values here, once aliases are written out"
            self.stop("too-large", node.line, what, "a configuration is small: leave the data elsewhere")
        if isinstance(inner.value, list):
            inner.value.append(node)
        elif inner.key is not None:
            inner.value.setdefault(inner.key, replace(node, line=inner.key_line))
            inner.key = None


def read_yaml(path: Path, where: str) -> tuple[Node, list[Problem]]:
    """The one document of a file, and problems that do not hinder reading on: keys written twice or not as text.

    `where` is the file's name in messages. A mapping's value has the line of its key. A file without any value is a
    Node of None. Raises ConfigurationError if the file cannot be read: missing, not UTF-8, not YAML (with line and
    column), over 1 MiB, more than 20,000 values once its aliases are written out, nested deeper than 32.
    """
    text = _text(path, where)
    import yaml

    tree = _Tree(where)
    try:
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(text)
        _grow(tree, loader)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        tree.stop("bad-yaml", line, f"the character {error.character:#04x} is not allowed in YAML", "remove it")
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        context = f"{error.context}, " if error.context else ""
        what = f"this is not YAML: {context}{error.problem} in column {column}"
        tree.stop("bad-yaml", line, what, "look for an indentation, a quote or a bracket")
    return tree.root or Node(None, 1), tree.problems


def _grow(tree: _Tree, loader: Any) -> None:
    from yaml import ScalarNode, events

    while loader.check_event():
        event = loader.get_event()
        if isinstance(event, events.ScalarEvent):
            tag = loader.resolve(ScalarNode, event.value, event.implicit)
            node = ScalarNode(tag, event.value)
            tree.scalar(event, tag.rpartition(":")[2], partial(loader.construct_object, node))
        elif isinstance(event, events.AliasEvent):
            tree.alias(event)
        elif isinstance(event, events.MappingStartEvent):
            tree.begin(event, {})
        elif isinstance(event, events.SequenceStartEvent):
            tree.begin(event, [])
        elif isinstance(event, events.CollectionEndEvent):
            tree.end()
        elif isinstance(event, events.DocumentStartEvent):
            tree.document(event)


def _text(path: Path, where: str) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        hint = "this file is where a project's names, roles and sizes are written down; see docs/configuration.md"
        what = f"cannot be read: {(error.strerror or str(error)).lower()}"
        raise _failure(where, [Problem("unreadable-file", what, hint, where=where)]) from None
    if len(content) > MAX_BYTES:
        problem = Problem("too-large", "the file is larger than 1 MiB", "a configuration is small", where=where)
        raise _failure(where, [problem])
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        what = f"the byte {content[error.start]:#04x} is not UTF-8"
        hint = "save the file as UTF-8"
        raise _failure(where, [Problem("bad-encoding", what, hint, where=f"{where}:{line}")]) from None


def _failure(where: str, problems: list[Problem]) -> ConfigurationError:
    return ConfigurationError(f"{where} cannot be understood", problems)
