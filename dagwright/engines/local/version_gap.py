"""Why a script fails here and not in its image: a library that has another version here.

What comes in: the log of a host whose job has failed, and the environment it ran in. What goes out: a sentence, if its
last traceback is about a name or an argument that is not there, and the image is known to hold another version of a
library which that traceback names. What it says is what is installed; that this is the cause is for the reader to tell.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from dagwright.engines.local.environments import Environment
from dagwright.engines.local.image_libraries import distributions
from dagwright.engines.local.interpreters import installed_versions
from dagwright.engines.local.job import ML, Host
from dagwright.engines.local.log_file import LogFile
from dagwright.engines.local.publishing import read_start
from dagwright.errors import DagwrightError

_LINES_READ = 400
_SCRIPT_BYTES = 1 << 18
_NEAREST_FRAMES = 3
_BEGINNING = "Traceback (most recent call last):"
_FRAME = re.compile(r'\s+File "([^"]+)", line \d+')
_ERROR = re.compile(r"((?:\w+\.)*(?:ImportError|ModuleNotFoundError|AttributeError|TypeError|InvalidParameterError))\b")
_IN_LIBRARY = re.compile(r"/(?:site|dist)-packages/(\w+)")
_NAMED = re.compile(r"\b(?:module|named|from) '(\w+)")
_IMPORT = re.compile(r"^[ \t]*(?:from[ \t]+(\w+)[\w.]*[ \t]+)?import[ \t]+(\([^)]*\)|[^\n#]+)", re.MULTILINE)
_WORD = re.compile(r"\w+")
_ARGUMENT = "unexpected keyword argument"


@dataclass(frozen=True)
class Traceback:
    """The last traceback of a log: the files of its frames, the last line of source it shows, and its error."""

    files: tuple[str, ...]
    source: str
    error: str


def version_gap(host: Host, environment: Environment) -> str:
    """`the image holds scikit-learn 1.2.1, this ran with 1.9.0: --libraries image`; empty if there is no such thing."""
    held = environment.held.said if environment.held else {}
    traceback = last_traceback(LogFile(host.log).lines(_LINES_READ)) if held else None
    if traceback is None:
        return ""
    suspects = {name: held[name] for name in map(_distribution, _modules(traceback, host)) if name in held}
    python = shutil.which("python", path=os.pathsep.join(environment.folders))
    if not suspects or python is None:
        return ""
    found = installed_versions(python, [way for name in suspects for way in distributions(name)])
    here = {name: next((found[way] for way in distributions(name) if way in found), "none") for name in suspects}
    unlike = [name for name, version in suspects.items() if here[name].partition("+")[0] != version]
    if not unlike:
        return ""
    holds = " and ".join(f"{name} {suspects[name]}" for name in unlike)
    said = f"the image holds {holds}, this ran with {' and '.join(here[name] for name in unlike)}"
    return f"{said}: {environment.advice}" if environment.advice else said


def last_traceback(lines: Iterable[str]) -> Traceback | None:
    """The last one, if its error is about something that is not there."""
    said = list(lines)
    beginnings = [number for number, line in enumerate(said) if line.strip() == _BEGINNING]
    if not beginnings:
        return None
    files: list[str] = []
    source = ""
    for line in said[beginnings[-1] + 1 :]:
        if frame := _FRAME.match(line):
            files.append(frame[1])
        elif not line.startswith(" "):
            return Traceback(tuple(files), source, line) if _ERROR.match(line) else None
        elif line.strip(" ^~"):
            source = line.strip()
    return None


def _modules(traceback: Traceback, host: Host) -> Iterator[str]:
    """The top modules of the libraries that it is about: named by the error, by the nearest frames, or imported by the
    script under the names that its last line and the error have."""
    yield from _NAMED.findall(traceback.error)
    if "." in (kind := _ERROR.match(traceback.error)[1]):  # type: ignore[index]
        yield kind.partition(".")[0]
    for file in traceback.files[-_NEAREST_FRAMES:]:
        yield from _IN_LIBRARY.findall(file)[:1]
    if traceback.files and not _IN_LIBRARY.search(traceback.files[-1]):
        imported = _imports(_script(traceback.files[-1], host))
        used = set(_WORD.findall(f"{traceback.source} {traceback.error}"))
        named = [module for name, module in imported if name in used]
        yield from named or ([module for _, module in imported] if _ARGUMENT in traceback.error else [])


def _imports(script: str) -> list[tuple[str, str]]:
    """(the name that a script knows something by, the top module it is from), for each of its imports."""
    found = []
    for module, names in _IMPORT.findall(script):
        for part in names.strip("()").split(","):
            words = part.split()
            if words:
                found.append((words[-1].partition(".")[0], module or words[0].partition(".")[0]))
    return found


def _script(file: str, host: Host) -> str:
    """The beginning of a file of the job, by the name its Python gives it; empty if it is not the job's."""
    own = f"{host.folder / 'ml'}/"
    place = f"{ML}/{file.removeprefix(own)}" if file.startswith(own) else file
    try:
        return read_start(host.written(place), _SCRIPT_BYTES).decode("utf-8", errors="replace")
    except (DagwrightError, OSError):
        return ""


def _distribution(module: str) -> str:
    return distributions(module)[0]
