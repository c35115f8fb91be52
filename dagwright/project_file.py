"""config/project.yaml read, checked and reduced to one environment.

In: a path and the name of an environment. Out: the file's values by dotted key, with their lines. Every problem of
the file, of all its environments, is collected and raised together; what several keys make together is checked once
for each environment that has a section, and for the one asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from dagwright import project_keys as keys
from dagwright.errors import ConfigurationError, Problem, did_you_mean
from dagwright.project_forms import GROUP, Form
from dagwright.project_keys import Table
from dagwright.yaml_source import Node, read_yaml

_EXPECTED = {
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping of names to values",
}


class Settings:
    """The values of one environment: texts, numbers, booleans and lists by the path of their key.

    A key that is not there has no value; defaults are the reader's business.
    """

    def __init__(self, values: dict[keys.Path, Node], environment: str, where: str) -> None:
        self.values = values
        self.environment = environment
        self.where = where

    def node(self, dotted: str) -> Node | None:
        """The value of a key, unless the file leaves it open."""
        return self.values.get(tuple(dotted.split(".")))

    def value(self, dotted: str) -> Any:
        """The value of a key, else the table's default for it; a list becomes a tuple."""
        node = self.node(dotted)
        if node is None:
            return keys.table(local=True).rows[tuple(dotted.split("."))].default
        return tuple(item.value for item in node.value) if isinstance(node.value, list) else node.value

    def below(self, dotted: str) -> dict[str, Any]:
        """The values whose keys are directly below a key, in the file's order: the base's first."""
        parent = tuple(dotted.split("."))
        return {path[-1]: node.value for path, node in self.values.items() if path[:-1] == parent}

    def problem(self, code: str, dotted: str, what: str, hint: str = "") -> Problem:
        """A problem at a key's line; without one at the first line below the nearest key above it, or the file's."""
        path = tuple(dotted.split("."))
        line = 1
        for length in range(len(path), 0, -1):
            lines = [node.line for one, node in self.values.items() if one[:length] == path[:length]]
            if lines:
                line = lines[0]
                break
        return Problem(code, what, hint, field=dotted, where=f"{self.where}:{line}")

    def overridden_by(self, section: Settings) -> Settings:
        """These values with a section's in their place; a null of the section takes away what the key held."""
        back = {path for path, node in section.values.items() if node.value is None}
        kept = {
            path: node
            for path, node in self.values.items()
            if not any(path[:length] in back for length in range(1, len(path) + 1))
        }
        own = {path: node for path, node in section.values.items() if node.value is not None}
        return Settings(kept | own, section.environment, self.where)


def read_settings(path: Path, environment: str) -> tuple[Settings, list[Settings], list[Problem]]:
    """The settings of the asked environment, of all environments to be checked, and what is wrong with single keys.

    Raises ConfigurationError when the file cannot be understood at all.
    """
    where = f"{path.parent.name}/{path.name}"
    root, problems = read_yaml(path, where)
    if not isinstance(root.value, dict):
        what = "the file is empty" if root.value is None else f"the file holds {_found(root)}, not a mapping"
        needed = ", ".join(keys.table(local=False).required(()))
        problem = Problem("not-a-mapping", what, f"keys such as 'region: eu-west-1'; needed: {needed}", where=where)
        raise ConfigurationError(f"{where} cannot be understood", [problem])
    if environment not in keys.ENVIRONMENTS:
        hint = _nearest(environment, keys.ENVIRONMENTS)
        problems.append(Problem("unknown-environment", f"'{environment}' is no environment", hint, where=where))
    sections = {name: node for name, node in root.value.items() if name in keys.ENVIRONMENTS}
    own = Node({name: node for name, node in root.value.items() if name not in sections}, root.line)
    base = Settings({}, "", where).overridden_by(_section(own, "", where, problems))
    merged = {
        name: base.overridden_by(_section(sections.get(name, Node({}, 1)), name, where, problems))
        for name in dict.fromkeys([*sections, environment])
    }
    return merged[environment], list(merged.values()), problems


def _section(node: Node, name: str, where: str, problems: list[Problem]) -> Settings:
    checker = _Checker(keys.table(local=name == "local"), name, where)
    checker.check(node)
    problems.extend(checker.problems)
    return Settings(checker.values, name, where)


class _Checker:
    """Walks one section: what fits the table becomes a value, what does not becomes a problem."""

    def __init__(self, table: Table, section: str, where: str) -> None:
        self.table = table
        self.section = section
        self.where = where
        self.values: dict[keys.Path, Node] = {}
        self.problems: list[Problem] = []

    def check(self, root: Node) -> None:
        """Fills `values` and `problems`. The paths on the stack are the key's own and that of its row."""
        if root.value is None:
            return
        stack: list[tuple[keys.Path, keys.Path, Node]] = [((), (), root)]
        while stack:
            path, row, node = stack.pop()
            stack.extend(reversed(list(self._inner(path, row, node))))

    def _inner(self, path: keys.Path, row: keys.Path, node: Node) -> Iterator[tuple[keys.Path, keys.Path, Node]]:
        """Checks one value, keeps it if it is a leaf, and gives the values inside it that are to be checked next."""
        form = self.table.rows[row].form if row else GROUP
        if node.value is None and row and row[-1] != "[]":
            self._taken_back(path, row, node)
        elif not _is_of_type(node, form):
            self._wrong_type(path, node, form)
        elif isinstance(node.value, dict):
            yield from self._members(path, row, node.value, form, node)
            if form.or_mapping or (len(path) == 1 and not node.value):  # that it is there may say something
                self._keep(path, row, node)
        elif isinstance(node.value, list):
            self._count(path, node, len(node.value), form)
            self._keep(path, row, node)
            for number, item in enumerate(node.value):
                yield from self._item(path, row, number, item, form)
        else:
            self._value(path, node, form)
            self._keep(path, row, node)

    def _item(
        self, path: keys.Path, row: keys.Path, number: int, item: Node, form: Form
    ) -> Iterator[tuple[keys.Path, keys.Path, Node]]:
        at = (*path[:-1], f"{path[-1]}[{number}]")
        if form.items is None:
            yield at, (*row, "[]"), item
        elif not _is_of_type(item, form.items):
            self._wrong_type(at, item, form.items)
        else:
            self._value(at, item, form.items)

    def _members(
        self, path: keys.Path, row: keys.Path, members: dict[str, Node], form: Form, node: Node
    ) -> Iterator[tuple[keys.Path, keys.Path, Node]]:
        self._count(path, node, len(members), form)
        for name, member in members.items():
            inner = self.table.step(row, name)
            if inner is None:
                self._unknown(path, row, name, member)
                continue
            if form.names is not None:
                self._value((*path, name), Node(name, member.line), form.names)
            yield (*path, name), inner, member
        if "[]" in row or form.or_mapping or not (row or self.section):
            for name in self.table.required(row):
                if name not in members:
                    self._missing((*path, name), (*row, name), node.line)
        if form.one_of and sum(name in members for name in form.one_of) != 1:
            choice = " or ".join(form.one_of)
            self._problem("missing-key", path, node.line, f"exactly one of {choice} is needed", f"write {choice}")

    def _keep(self, path: keys.Path, row: keys.Path, node: Node) -> None:
        if not self.table.is_part(row):
            self.values[path] = node

    def _taken_back(self, path: keys.Path, row: keys.Path, node: Node) -> None:
        if self.table.is_needed(row):
            self._missing(path, row, node.line)
        else:
            self._keep(path, row, node)

    def _value(self, path: keys.Path, node: Node, form: Form) -> None:
        value = node.value
        fits = True
        if isinstance(value, str):
            fits = not form.pattern or re.fullmatch(form.pattern, value) is not None
            fits = fits and (not form.choices or value in form.choices)
            fits = fits and (form.at_most is None or len(value) <= form.at_most)
        elif isinstance(value, (int, float)) and form.at_least is not None:
            fits = form.at_least <= value and (form.at_most is None or value <= form.at_most)
        if fits:
            return
        hint = did_you_mean(value, form.choices) if isinstance(value, str) and form.choices else ""
        hint = hint or (f"for example {form.example}" if form.example else "")
        self._problem("bad-value", path, node.line, f"{_found(node)} is not {form.allowed}", hint)

    def _count(self, path: keys.Path, node: Node, count: int, form: Form) -> None:
        if form.at_least is not None and count < form.at_least:
            what, hint = f"there is no entry; {form.allowed} is needed", "add one, or leave the key out"
            self._problem("bad-value", path, node.line, what, hint)
        if form.at_most is not None and count > form.at_most:
            self._problem("bad-value", path, node.line, f"{count} entries; AWS takes at most {form.at_most}", "")

    def _wrong_type(self, path: keys.Path, node: Node, form: Form) -> None:
        what = f"{_found(node)} stands where {form.allowed or _EXPECTED[form.type]} is needed"
        hint = f"for example {form.example}" if form.example else ""
        if form.type == "string" and node.text and not isinstance(node.value, str):
            hint = f'quote it: "{node.text}"'
        elif form.type == "array" and not isinstance(node.value, dict | list):
            hint = f"write [{node.text}]"
        elif form.type in ("integer", "number", "boolean") and isinstance(node.value, str):
            hint = f"{hint}, without quotes"
        self._problem("wrong-type", path, node.line, what, hint)

    def _missing(self, path: keys.Path, row: keys.Path, line: int) -> None:
        key = self.table.rows[row]
        hint = f"{key.form.allowed}, for example {path[-1]}: {key.form.example}"
        self._problem("missing-key", path, line, "this key is needed and has no value", hint)

    def _unknown(self, path: keys.Path, row: keys.Path, name: str, node: Node) -> None:
        siblings = self.table.below.get(row, ())
        if not path and not self.section:
            siblings = (*siblings, *keys.ENVIRONMENTS)
        hint = (not path and self._elsewhere(name)) or _nearest(name, siblings)
        self._problem("unknown-key", (*path, name), node.line, f"there is no key '{name}' here", hint)

    def _elsewhere(self, name: str) -> str:
        """Where a key belongs that stands at the margin, if there is one of this name."""
        if any(key.path == name for key in keys.LOCAL_KEYS):
            return f"'{name}' belongs below 'local'"
        return next((f"did you mean '{key.path}'?" for key in keys.KEYS if key.parts[-1] == name), "")

    def _problem(self, code: str, path: keys.Path, line: int, what: str, hint: str) -> None:
        dotted = ".".join((self.section, *path) if self.section else path)
        self.problems.append(Problem(code, what, hint, field=dotted, where=f"{self.where}:{line}"))


def _nearest(name: str, known: Iterable[str]) -> str:
    longer = [one for one in known if len(name) > 2 and one.startswith(name)]
    return f"did you mean '{longer[0]}'?" if len(longer) == 1 else did_you_mean(name, known)


def _is_of_type(node: Node, form: Form) -> bool:
    value = node.value
    if form.or_mapping and isinstance(value, dict):
        return True
    if form.type in ("integer", "number"):
        return isinstance(value, int if form.type == "integer" else (int, float)) and not isinstance(value, bool)
    return isinstance(value, {"string": str, "boolean": bool, "array": list, "object": dict}[form.type])


def _found(node: Node) -> str:
    """What stands there, in words: `the number 12`, `a list`."""
    value = node.value
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "a mapping"
    if value is None:
        return "nothing"
    if isinstance(value, str):
        return repr(value if len(value) <= 80 else f"{value[:77]}...")
    return f"the {'value' if isinstance(value, bool) else 'number'} {node.text[:80]}"
