"""Reads a Dockerfile as far as it can be followed without building: what the image's program is, and what it finds.

What comes in: a Dockerfile; its folder is the build's context. What goes out: a `Recipe`. Nothing of it is executed:
RUN lines are kept as text, to be told. What cannot be followed and would change the job is refused, with its line.

The grammar is Docker's Dockerfile reference; the meaning of ENTRYPOINT and CMD is in `Recipe.command`.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from dagwright.errors import ConfigurationError

_LARGEST_BYTES = 1 << 20
_MOST_INSTRUCTIONS = 10_000  # an image has 127 layers
_MOST_WRITTEN = 4 << 20  # what variables come to; sixty that each say the one before twice fill any memory
_FLAG = re.compile(r"--([a-z-]+)(?:=(\S*))?\s+")
_VARIABLE = re.compile(r"\\(.)|\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)(?::([-+])([^}]*))?\}|(.?))")
_WORD = re.compile(r"""(?:[^\s"'\\]|\\.|"(?:[^"\\]|\\.)*"|'[^']*')+""")
_QUOTED = re.compile(r"""\\(.)|"((?:[^"\\]|\\.)*)"|'([^']*)'""")
_HEREDOC = re.compile(r"""\d*<<-?["']?[A-Za-z_]""")
_GOES_ON = re.compile(r"(?:(?<=[^\\])|^)\\[ \t\r]*$")
_PLATFORM = {f"{side}{what}" for side in ("TARGET", "BUILD") for what in ("PLATFORM", "OS", "ARCH", "VARIANT")}
_HARMLESS = {"LABEL", "EXPOSE", "MAINTAINER", "HEALTHCHECK", "STOPSIGNAL", "SHELL", "VOLUME"}


@dataclass(frozen=True)
class Copy:
    """A COPY or ADD: sources as they are written, below the context; where they go; the permissions they get."""

    line: int
    sources: tuple[str, ...]
    target: str
    """With a `/` at its end if it is a folder."""
    mode: int | None = None
    unpacks: bool = False
    """ADD, which unpacks an archive."""


@dataclass(frozen=True)
class Recipe:
    """What the last stage of a Dockerfile says."""

    path: Path
    base: str = ""
    entrypoint: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    """CMD."""
    variables: Mapping[str, str] = field(default_factory=dict)
    directory: str = "/"
    directory_line: int = 0
    user: str = ""
    copies: tuple[Copy, ...] = ()
    runs: tuple[str, ...] = ()

    def command(self, arguments: tuple[str, ...]) -> tuple[str, ...]:
        """ENTRYPOINT, then what a job's ContainerArguments or else CMD says: the rule of Docker and of SageMaker.

        Raises ConfigurationError if there is no program.
        """
        words = (*self.entrypoint, *(arguments or self.arguments))
        if not words:
            raise ConfigurationError(f"{self.path}: it has neither ENTRYPOINT nor CMD: the image starts nothing")
        return words


def read_dockerfile(path: Path, search_path: str) -> Recipe:
    """The recipe; `search_path` is the PATH that its base brings. Raises ConfigurationError."""
    try:
        with open(path, encoding="utf-8-sig", newline="\n") as file:
            text = file.read(_LARGEST_BYTES + 1)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigurationError(f"{path} cannot be read: {reason}") from error
    if len(text) > _LARGEST_BYTES:
        raise ConfigurationError(f"{path} is no Dockerfile: it has more than {_LARGEST_BYTES >> 20} MiB")
    return _Reader(path, search_path).read(text)


class _Reader:
    """Goes through the instructions; `_stage` is what the current stage has come to."""

    def __init__(self, path: Path, search_path: str) -> None:
        self._path = path
        self._empty = Recipe(path, variables={"PATH": search_path})
        self._stage: Recipe | None = None
        self._stages: dict[str, Recipe] = {}
        self._global: dict[str, str] = {}
        self._given: dict[str, str] = {}
        self._line, self._instruction, self._written = 0, "", 0
        self._name = ""
        self._has_command = False
        self._readers: dict[str, Callable[[str], None]] = {
            "ARG": self._arg, "ENV": self._env, "WORKDIR": self._workdir, "USER": self._user, "COPY": self._copy,
            "ADD": self._copy, "ENTRYPOINT": self._entrypoint, "CMD": self._cmd, "RUN": self._run,
        }  # fmt: skip

    def read(self, text: str) -> Recipe:
        if re.match(r"\s*#\s*escape\s*=\s*`", text):
            raise ConfigurationError(f"{self._path}: another escape character than the backslash is not followed here")
        for number, (self._line, self._instruction, rest) in enumerate(_instructions(text)):
            if number == _MOST_INSTRUCTIONS:
                raise self._refusal(f"no image has more than {_MOST_INSTRUCTIONS:,} instructions")
            if "\0" in rest:
                raise self._refusal("a NUL is in it")
            if self._instruction == "FROM":
                self._from(rest)
            elif self._instruction not in {*self._readers, *_HARMLESS}:
                raise self._refusal(f"{self._instruction[:40]!r} is not followed here")
            elif self._stage is None and self._instruction != "ARG":
                raise self._refusal(f"{self._instruction} stands before FROM")
            elif self._instruction in self._readers:
                self._readers[self._instruction](rest)
        if self._stage is None:
            raise ConfigurationError(f"{self._path} has no FROM: it is no Dockerfile")
        return self._stage

    @property
    def _here(self) -> Recipe:
        return self._stage or self._empty

    def _refusal(self, what: str, hint: str = "") -> ConfigurationError:
        return ConfigurationError(f"{self._path}, line {self._line}: {what}", hint=hint)

    # ---- instructions ----

    def _from(self, rest: str) -> None:
        words = self._expand(_FLAG.sub("", rest), self._global).split()
        named = words[2].lower() if len(words) == 3 and words[1].upper() == "AS" else ""
        if not words or (len(words) != 1 and not named):
            raise self._refusal("FROM names an image, and AS a stage")
        before = self._stages.get(words[0].lower())
        self._stage = before or replace(self._empty, base=words[0])
        self._given, self._has_command, self._name = {}, False, named
        self._change()

    def _change(self, **values: Any) -> None:
        """Later stages may go on from this one, which grows until the next FROM."""
        self._stage = replace(self._here, **values)
        if self._name:
            self._stages[self._name] = self._stage

    def _arg(self, rest: str) -> None:
        for word in _words(rest):
            name, is_given, value = word.partition("=")
            known = self._global if self._stage is None else self._given
            if is_given:
                known[name] = self._unquoted(value, known)
            elif name in self._global:
                known[name] = self._global[name]

    def _env(self, rest: str) -> None:
        words = _words(rest)
        if words and "=" not in words[0]:  # the old form: ENV NAME the rest of the line
            name, *value = rest.split(None, 1)
            if not value:
                raise self._refusal(f"'{name}' has no value")
            pairs = [(name, self._unquoted(value[0]))]
        else:
            for word in words:
                if "=" not in word:
                    raise self._refusal(f"'{word}' has no value")
            pairs = [(name, self._unquoted(value)) for name, _, value in (word.partition("=") for word in words)]
        self._change(variables={**self._here.variables, **dict(pairs)})

    def _workdir(self, rest: str) -> None:
        self._change(directory=self._place(self._unquoted(rest)), directory_line=self._line)

    def _user(self, rest: str) -> None:
        self._change(user=self._unquoted(rest))

    def _copy(self, rest: str) -> None:
        mode = None
        while flag := _FLAG.match(rest):
            name, value = flag[1], flag[2] or ""
            if name == "from":
                raise self._refusal(
                    f"COPY --from={value} takes files from another image, which is not built here",
                    hint="Copy them from the build's folder, or run the image itself: deploy.py run --runtime docker",
                )
            if name not in ("chmod", "chown", "link"):
                raise self._refusal(f"--{name} is not followed here")
            mode = self._mode(value) if name == "chmod" else mode
            rest = rest[flag.end() :]
        if _has_heredoc(rest):
            raise self._refusal("a here-document is not followed here: put the text into a file")
        words = tuple(self._unquoted(word) for word in self._list(rest) or _words(rest))
        if len(words) < 2:
            raise self._refusal("COPY names files of the build's folder, and where they go")
        *sources, target = words
        if any("://" in source or source.startswith("git@") for source in sources):
            raise self._refusal("ADD from an address is not followed here: nothing is fetched")
        folder = len(sources) > 1 or target.endswith(("/", "/.")) or target == "."
        place = self._place(target)
        folder = folder or place == self._here.directory
        target = f"{place.rstrip('/')}/" if folder else place
        copied = Copy(self._line, tuple(sources), target, mode, unpacks=self._instruction == "ADD")
        self._change(copies=(*self._here.copies, copied))

    def _mode(self, text: str) -> int:
        if not re.fullmatch(r"0?[0-7]{3}", text):
            raise self._refusal(f"--chmod={text} is not followed here: three octal digits are")
        return int(text, 8)

    def _entrypoint(self, rest: str) -> None:
        """A new ENTRYPOINT takes back the CMD of the image it goes on from."""
        arguments = self._here.arguments if self._has_command else ()
        self._change(entrypoint=self._program("ENTRYPOINT", rest), arguments=arguments)

    def _cmd(self, rest: str) -> None:
        self._has_command = True
        self._change(arguments=self._program("CMD", rest))

    def _program(self, instruction: str, rest: str) -> tuple[str, ...]:
        words = self._list(rest)
        if words is None:
            raise self._refusal(
                f"{instruction} is a line for a shell, which keeps the signal that stops a job from the program",
                hint=f'Write it as a list: {instruction} ["/opt/program/run.sh"]',
            )
        return words

    def _run(self, rest: str) -> None:
        if _has_heredoc(rest):
            raise self._refusal("a here-document is not followed here: put the commands into a file")
        self._change(runs=(*self._here.runs, " ".join(rest.split())))

    # ---- words ----

    def _list(self, rest: str) -> tuple[str, ...] | None:
        """The JSON list of an instruction; None if it is none."""
        try:
            words = json.loads(rest)
        except (ValueError, RecursionError):
            return None
        if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
            return None
        for word in words:
            if "\0" in word or not _is_unicode(word):
                raise self._refusal(f"no file and no argument can be called {word!a}")
        return tuple(words)

    def _place(self, path: str) -> str:
        """A path of the container, from its working folder."""
        place = os.path.normpath(os.path.join(self._here.directory, path))
        return f"/{place.lstrip('/')}"

    def _unquoted(self, text: str, known: Mapping[str, str] | None = None) -> str:
        """Variables replaced except in single quotes, and the quotes taken away."""
        parts: list[str] = []
        end = 0
        for quoted in _QUOTED.finditer(text):
            parts.append(self._expand(text[end : quoted.start()], known))
            escaped, double, single = quoted.groups()
            parts.append(self._expand(double, known) if double is not None else single or escaped or "")
            end = quoted.end()
        return "".join([*parts, self._expand(text[end:], known)])

    def _expand(self, text: str, known: Mapping[str, str] | None = None) -> str:
        values = {**self._given, **self._here.variables} if known is None else known

        def value(found: re.Match[str]) -> str:
            escaped, plain, braced, operator, other, odd = found.groups()
            if escaped is not None:
                return escaped if escaped in '$"\\' else f"\\{escaped}"
            if odd == "{" or "$" in (other or ""):
                raise self._refusal(f"'{text}' has a form of variable that is not followed here")
            if odd is not None:
                return found[0]
            name = plain or braced
            if name in _PLATFORM and name not in values:
                raise self._refusal(f"{name} is a builder's to say: give ARG {name} a default")
            held = values.get(name, "")
            said = (other if held else "") if operator == "+" else held or (other if operator == "-" else "")
            self._written += len(said)
            if self._written > _MOST_WRITTEN:
                raise self._refusal(f"its variables come to more than {_MOST_WRITTEN >> 20} MiB")
            return said

        return _VARIABLE.sub(value, text)


def _instructions(text: str) -> Iterator[tuple[int, str, str]]:
    """(its first line, the instruction in capitals, what follows), with continued lines joined."""
    began = 0
    parts: list[str] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if line.lstrip().startswith("#") or not line.strip():
            continue
        began = began if parts else number
        goes_on = _GOES_ON.search(line)
        parts.append(line[: goes_on.start()] if goes_on else line)
        if not goes_on:
            yield _instruction(began, parts)
            parts = []
    if "".join(parts).strip():
        yield _instruction(began, parts)


def _instruction(line: int, parts: list[str]) -> tuple[int, str, str]:
    """Between continued lines there is no blank but their own."""
    instruction, *rest = "".join(parts).split(None, 1)
    return line, instruction.upper(), "".join(rest).strip()


def _has_heredoc(text: str) -> bool:
    """A word of its own: `<<EOF`; not the shift in a quoted program, nor a shell's `<<<`."""
    return any(_HEREDOC.match(word) for word in _words(text))


def _is_unicode(word: str) -> bool:
    try:
        word.encode()
    except UnicodeEncodeError:
        return False
    return True


def _words(text: str) -> list[str]:
    """As a shell would cut them; quotes are still there."""
    return _WORD.findall(text)
