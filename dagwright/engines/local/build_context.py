"""The folder that a Dockerfile copies from: what is in it, without what `.dockerignore` keeps out.

What comes in: the folder and the Dockerfile's name. What goes out: paths of it, for a name or a pattern of COPY, and a
hash of all that a build can see. The patterns are those of Go's `filepath.Match`, in `.dockerignore` with `**` for any
number of folders.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import NoReturn

from dagwright.errors import ConfigurationError

_PIECE = re.compile(
    r"(?P<deep>\*\*/?)|(?P<any>\*)|(?P<one>\?)|(?P<set>\[(?:\\.|[^\]\\])+\])|\\(?P<escaped>.)", re.DOTALL
)
_LARGEST_BYTES = 1 << 20
_CHUNK = 1 << 20


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

    def files(self) -> list[str]:
        """The files and links that a build is given, sorted; a link to a folder is a link, not a folder."""
        found = []
        for here, folders, names in os.walk(self.folder, onerror=_unreadable):
            below = os.path.relpath(here, self.folder)
            places = {name: os.path.normpath(os.path.join(below, name)) for name in (*folders, *names)}
            links = [name for name in folders if os.path.islink(os.path.join(here, name))]
            found += [places[name] for name in (*names, *links) if not self._leaves_out(places[name])]
            folders[:] = [name for name in folders if name not in links and self.keeps(places[name])]
        return sorted(found)

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


def context_hash(dockerfile: Path) -> str:
    """SHA-256 over all that a build of this Dockerfile can see, 64 hexadecimal digits: the Dockerfile, and of each file
    of its folder that no `.dockerignore` keeps out the name, whether it may be executed, and the bytes.

    It is the same from any checkout. Raises ConfigurationError for what cannot be read, is no file, or is a link that
    leads out of the folder: the image would hold a link to something else.
    """
    context = read_context(dockerfile)
    whole = sha256()
    itself = os.path.relpath(os.path.realpath(dockerfile), context.folder)
    for path in dict.fromkeys([dockerfile.name, itself, *context.files()]):
        name, kind, content = os.fsencode(path), *_content(context.folder, path)
        whole.update(b"%d:%s%s%s" % (len(name), name, kind, content))
    return whole.hexdigest()


def _content(folder: Path, path: str) -> tuple[bytes, bytes]:
    """What a file of the build is, a letter, and the hash of what it holds: a link holds where it leads."""
    place = folder / path
    try:
        mode = place.lstat().st_mode
        if stat.S_ISLNK(mode):
            return b"l", sha256(os.fsencode(_target(folder, place))).digest()
        if not stat.S_ISREG(mode):
            raise ConfigurationError(
                f"{place} is no file: no image can hold it", hint="Remove it, or name it in .dockerignore."
            )
        whole = sha256()
        with open(place, "rb") as file:
            while piece := file.read(_CHUNK):
                whole.update(piece)
    except OSError as error:
        raise ConfigurationError(f"{place} cannot be read: {error.strerror}") from error
    return b"x" if mode & 0o100 else b"f", whole.digest()


def _target(folder: Path, link: Path) -> str:
    target = os.readlink(link)
    if os.path.isabs(target) or not Path(os.path.realpath(link)).is_relative_to(folder):
        raise ConfigurationError(
            f"{link} is a link that leads out of the folder of the Dockerfile",
            hint="Put the file there itself, or name the link in .dockerignore.",
        )
    return target


def _unreadable(error: OSError) -> NoReturn:
    raise ConfigurationError(f"{error.filename} cannot be read: {error.strerror}") from error


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
