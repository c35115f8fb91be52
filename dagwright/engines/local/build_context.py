"""The folder that a Dockerfile copies from: what is in it, without what `.dockerignore` keeps out.

What comes in: the folder and the Dockerfile's name. What goes out: paths of it, for a name or a pattern of COPY. The
patterns are those of Go's `filepath.Match`, in `.dockerignore` with `**` for any number of folders.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dagwright.errors import ConfigurationError

_PIECE = re.compile(
    r"(?P<deep>\*\*/?)|(?P<any>\*)|(?P<one>\?)|(?P<set>\[(?:\\.|[^\]\\])+\])|\\(?P<escaped>.)", re.DOTALL
)
_LARGEST_BYTES = 1 << 20


@dataclass(frozen=True)
class BuildContext:
    """`rules` are the lines of `.dockerignore` in order: what they match, and whether that is kept out."""

    folder: Path
    ignore_file: str = ""
    rules: tuple[tuple[re.Pattern[str], bool], ...] = ()

    def keeps(self, path: str) -> bool:
        """Whether a path below the folder is in the build: not left out, or a folder that something is kept of."""
        if path == "." or not self._leaves_out(path):
            return True
        if all(keeps_out for _, keeps_out in self.rules):
            return False
        for folder, _, names in os.walk(self.folder / path):
            if not all(self._leaves_out(os.path.relpath(os.path.join(folder, name), self.folder)) for name in names):
                return True
        return False

    def _leaves_out(self, path: str) -> bool:
        """The last rule that matches it, or a folder above it, says so."""
        parts = path.split("/")
        above = ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]
        left = False
        for pattern, keeps_out in self.rules:
            if left != keeps_out and any(map(pattern.fullmatch, above)):
                left = keeps_out
        return left

    def matching(self, pattern: str) -> list[str]:
        """The paths that a pattern of COPY names, sorted; `*` does not take `/`. Raises ValueError if it is none."""
        *above, last = (_compiled(re.sub(r"\*+", "*", part)) for part in pattern.split("/"))
        folders = [""]
        for part in above:
            folders = [f"{path}/" for path in self._children(folders, part) if os.path.isdir(self.folder / path)]
        return sorted(path for path in self._children(folders, last) if self.keeps(path))

    def _children(self, folders: list[str], pattern: re.Pattern[str]) -> Iterator[str]:
        for folder in folders:
            for name in os.listdir(self.folder / folder):
                if pattern.fullmatch(name):
                    yield folder + name


def read_context(dockerfile: Path) -> BuildContext:
    """The context of a Dockerfile; `<its name>.dockerignore` takes the place of `.dockerignore`.

    Raises ConfigurationError, with the line, for what is no pattern.
    """
    folder = dockerfile.parent.resolve()
    for name in (f"{dockerfile.name}.dockerignore", ".dockerignore"):
        path = folder / name
        if os.path.lexists(path):
            return BuildContext(folder, name, tuple(_rules(path)))
    return BuildContext(folder)


def _rules(path: Path) -> Iterator[tuple[re.Pattern[str], bool]]:
    for number, line in enumerate(_text(path).split("\n"), start=1):
        if line.startswith("#"):
            continue
        excepted = line.strip().startswith("!")
        pattern = os.path.normpath(line.strip().removeprefix("!").strip()).lstrip("/")
        if pattern in ("", "."):
            continue
        try:
            yield _compiled(pattern), not excepted
        except ValueError as error:
            raise ConfigurationError(f"{path}, line {number}: {error}") from error


def _text(path: Path) -> str:
    if not os.path.isfile(path) or path.stat().st_size > _LARGEST_BYTES:
        raise ConfigurationError(f"{path} is no list of patterns: a file of at most {_LARGEST_BYTES >> 20} MiB is")
    try:
        with open(path, encoding="utf-8-sig", newline="\n") as file:
            return file.read()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigurationError(f"{path} cannot be read: {reason}") from error


def _compiled(pattern: str) -> re.Pattern[str]:
    """Raises ValueError if it is no pattern."""
    parts = []
    end = 0
    for found in _PIECE.finditer(pattern):
        parts += [re.escape(pattern[end : found.start()]), _expression(found)]
        end = found.end()
    parts.append(re.escape(pattern[end:]))
    try:
        return re.compile("".join(parts), re.DOTALL)
    except re.error as error:
        raise ValueError(f"'{pattern}' is no pattern: {error}") from error


def _expression(found: re.Match[str]) -> str:
    """One sign of a pattern as a regular expression."""
    if found["deep"]:
        return "(?:.*/)?" if found["deep"].endswith("/") else ".*"
    if found["set"]:
        return found["set"][0] + found["set"][1:-1].replace("[", r"\[") + "]"
    if found["escaped"]:
        return re.escape(found["escaped"])
    return "[^/]*" if found["any"] else "[^/]"
