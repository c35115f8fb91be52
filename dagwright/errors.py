"""Every error this package raises on purpose.

    DagwrightError
    ├── UserError                what somebody wrote is wrong: nothing has happened yet
    │   ├── UsageError           the words on the command line
    │   ├── ConfigurationError   config/project.yaml
    │   ├── DefinitionError      a pipeline module, or a pipeline-definition JSON
    │   ├── ParameterError       the values a run was started with
    │   └── StorageError         an S3 address, or a file that cannot be read or written
    ├── ExecutionError           a run, a step or a job came to a bad end
    │   └── EvaluationError      an expression of the definition has no value at run time
    ├── AWSError                 the service said no
    └── InternalError            our bug

Anything else that reaches the command line is our bug as well and is reported as one. This file imports nothing of
the project: it is the floor that every room stands on.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

# A name of megabytes is quoted by whoever complains of it; nobody reads on after this.
_LONGEST_TEXT = 4000


def _brief(text: str) -> str:
    """Without its middle, if it is too long: what it says of a name stands before and behind it."""
    half = _LONGEST_TEXT // 2
    return text if len(text) <= _LONGEST_TEXT else f"{text[:half]}… ({len(text):,} characters) …{text[-half:]}"


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: where, what, and what to do now.

    `code` names the rule (`unknown-parameter`), `severity` is `error` or `warning`, `where` is a file with its line,
    `step` and `field` are the place inside a definition (`Train`, `Arguments.RoleArn`).
    """

    code: str
    what: str
    hint: str = ""
    severity: Literal["error", "warning"] = "error"
    step: str = ""
    field: str = ""
    where: str = ""

    def __str__(self) -> str:
        place = ": ".join(_brief(part) for part in (self.where, self.step, self.field) if part)
        text = f"{place}: {_brief(self.what)}" if place else _brief(self.what)
        return f"{text} ({_brief(self.hint)})" if self.hint else text

    def as_json(self) -> dict[str, Any]:
        """The members `validate --json` prints: code, severity, step, field, what, hint, and where if there is one."""
        order = ("code", "severity", "step", "field", "what", "hint")
        members = {name: getattr(self, name) for name in order}
        return {**members, "where": self.where} if self.where else members


class DagwrightError(Exception):
    """The base: a sentence, and all the problems behind it when there is more than one."""

    def __init__(self, message: str, problems: Iterable[Problem] = (), hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.problems: Sequence[Problem] = tuple(problems)
        self.hint = hint

    def __str__(self) -> str:
        lines = [_brief(self.message), *(f"  - {problem}" for problem in self.problems)]
        return "\n".join([*lines, _brief(self.hint)] if self.hint else lines)


class UserError(DagwrightError):
    """What somebody wrote is wrong; nothing has been started or changed."""


class UsageError(UserError):
    """The words on the command line are wrong."""


class ConfigurationError(UserError):
    """The project's configuration is wrong."""


class DefinitionError(UserError):
    """A pipeline module or a pipeline definition is wrong."""


class ParameterError(UserError):
    """The parameters a run was started with are wrong."""


class StorageError(UserError):
    """An S3 address is wrong, or a file cannot be read or written."""


class ExecutionError(DagwrightError):
    """A run, a step or a job came to a bad end."""


class EvaluationError(ExecutionError):
    """An expression of the definition has no value at run time."""


class AWSError(DagwrightError):
    """The service refused a call."""


class InternalError(DagwrightError):
    """A bug of this package."""


# Finding the nearest of many names to a word of megabytes would take minutes; nobody has misspelled such a name.
_LONGEST_WORD = 100


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The nearest known words as a hint: `did you mean 'Train'?`, else the list of what is known, else nothing."""
    from difflib import get_close_matches

    names = sorted(set(known))
    near = get_close_matches(word[:_LONGEST_WORD], names, n=1, cutoff=0.6)
    if near:
        return f"did you mean '{near[0]}'?"
    if not names:
        return ""
    shown = ", ".join(names[:12])
    return f"known: {shown}" + (f" and {len(names) - 12} more" if len(names) > 12 else "")
