"""How the vocabulary says no: in goes what is wrong with a declaration, out comes a DefinitionError with the line.

The line is the one the user wrote: the nearest caller outside this package. A constructor collects its Findings and
raises them together.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable
from dataclasses import replace
from typing import NoReturn

from dagwright.errors import DefinitionError, Problem

_PACKAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "")
_ITEM_NAME = re.compile(r"[A-Za-z0-9\-_]{1,64}")
_PIPELINE_NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,255}")


def caller() -> tuple[str, int]:
    """File and line of the nearest caller outside this package; ("", 0) when there is none."""
    frame = sys._getframe(1)
    while frame is not None:
        name = frame.f_code.co_filename
        if not name.startswith((_PACKAGE, "<")):
            return name, frame.f_lineno
        if frame.f_back is None:
            break
        frame = frame.f_back
    return "", 0


def shown(place: tuple[str, int]) -> str:
    """`pipelines/abalone.py:12`, relative to the current folder where it lies inside it; "" for no place."""
    name, line = place
    if not name:
        return ""
    here = os.path.join(os.getcwd(), "")
    return f"{name[len(here) :] if name.startswith(here) else name}:{line}"


def refusal(problems: Iterable[Problem]) -> DefinitionError:
    """All problems in one error."""
    found = tuple(problems)
    count = "1 problem" if len(found) == 1 else f"{len(found)} problems"
    return DefinitionError(f"{count} in the pipeline's definition:", found)


def refuse(code: str, what: str, hint: str = "", step: str = "", field: str = "") -> NoReturn:
    """Raise a DefinitionError with one problem at the line that wrote it."""
    raise refusal([Problem(code, what, hint, step=step, field=field, where=shown(caller()))])


class Findings:
    """What is wrong with one declaration: noted one by one, raised together. `step` is the step it is about, if any."""

    def __init__(self, step: str = "") -> None:
        self.step = step
        self._problems: list[Problem] = []

    def add(self, code: str, what: str, hint: str = "", field: str = "") -> None:
        """Note a problem at the line that the user wrote."""
        self._problems.append(Problem(code, what, hint, field=field, where=shown(caller())))

    def raise_any(self) -> None:
        """Raise one DefinitionError with every problem, if there is one."""
        if self._problems:
            raise refusal(replace(problem, step=self.step) for problem in self._problems)


def item_name(kind: str, name: object, found: Findings) -> str:
    """The name of a step or a parameter: 1 to 64 of letters, digits, `-`, `_` (AWS's definition schema)."""
    if not isinstance(name, str) or not _ITEM_NAME.fullmatch(name):
        suggestion = re.sub(r"[^A-Za-z0-9\-_]+", "-", name).strip("-")[:64] if isinstance(name, str) else ""
        hint = "1 to 64 letters, digits, '-' and '_'" + (f", such as '{suggestion}'" if suggestion else "")
        found.add("bad-name", f"{name!r} is not a {kind} name", hint, "Name")
    return name if isinstance(name, str) else repr(name)


def pipeline_name(name: object, found: Findings) -> str:
    """The name of a pipeline: 1 to 256 letters, digits and inner hyphens (botocore, shape PipelineName)."""
    if not isinstance(name, str) or not _PIPELINE_NAME.fullmatch(name):
        hint = "1 to 256 letters, digits and hyphens; it begins and ends with a letter or digit"
        found.add("bad-name", f"{name!r} is not a pipeline name", hint, "Name")
    return name if isinstance(name, str) else repr(name)
