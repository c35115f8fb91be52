"""The Pythons of this machine: which there are, which versions they are, and what is installed in one.

What comes in: a version such as `3.9`, or a program. What goes out: a program, or what it says of itself. Starting an
interpreter takes a moment, so `Interpreters` keeps the answers.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from dagwright.errors import ConfigurationError

if TYPE_CHECKING:
    import subprocess

CURRENT = f"{sys.version_info[0]}.{sys.version_info[1]}"
_ANSWER_SECONDS = 30
_TELL_MODULE = "import sys; from importlib.util import find_spec; sys.exit(find_spec(sys.argv[1]) is None)"
_TELL_VERSION = "import sys; print('Python %d.%d' % sys.version_info[:2])"
_TELL_INSTALLED = """
import json, sys
try:
    from importlib import metadata
except ImportError:  # Python 3.7
    metadata = None
found = {}
for name in sys.argv[1:]:
    try:
        if metadata:
            found[name] = metadata.version(name)
        else:
            import pkg_resources
            found[name] = pkg_resources.get_distribution(name).version
    except Exception:
        pass
print(json.dumps(found))
"""
_Answer = TypeVar("_Answer")


class Interpreters:
    """What the Pythons of this machine say, each asked once."""

    def __init__(self) -> None:
        self._said: dict[tuple[str, ...], object] = {}

    def version(self, program: str) -> str:
        """`3.9`; empty if it is no interpreter: another program, or a version manager's stand-in for one."""
        return self._once(("version", program), lambda: _version(program))

    def find(self, version: str | None) -> str:
        """A program for Python `version` (`3.9`): one on PATH, or one that pyenv or uv keeps; without one, this Python.

        Raises ConfigurationError if there is none.
        """
        program = self.program(version)
        if not program:
            raise ConfigurationError(
                f"local.environments: Python {version} is not on this machine",
                hint=f"Install python{version}, or take the rule out to run on Python {CURRENT}.",
            )
        return program

    def program(self, version: str | None) -> str:
        """The same; empty if there is none."""
        if version in (None, CURRENT):
            return sys.executable
        return self._once(("program", str(version)), lambda: next(filter(self.version, _candidates(str(version))), ""))

    def lacks(self, program: str, module: str) -> bool:
        """Whether it finds no such module."""
        return self._once(("lacks", program, module), lambda: _lacks(program, module))

    def _once(self, question: tuple[str, ...], ask: Callable[[], _Answer]) -> _Answer:
        if question not in self._said:
            self._said[question] = ask()
        return self._said[question]  # type: ignore[return-value]


def installed_versions(program: str, names: Iterable[str]) -> dict[str, str]:
    """The versions of those distributions that are installed for `program`; none if it cannot say."""
    done = _answer([program, "-c", _TELL_INSTALLED, *names])
    try:
        return dict(json.loads(done.stdout)) if done and done.returncode == 0 else {}
    except ValueError:
        return {}


def _candidates(version: str) -> Iterator[str]:
    on_path = shutil.which(f"python{version}")
    if on_path:
        yield on_path
    home = Path(os.path.expanduser("~"))
    for pattern in (
        f".pyenv/versions/{version}.*/bin/python",
        f".local/share/uv/python/cpython-{version}.*/bin/python",
    ):
        yield from (str(path) for path in sorted(home.glob(pattern)))


def _version(program: str) -> str:
    if program == sys.executable:
        return CURRENT
    done = _answer([program, "-c", _TELL_VERSION])
    said = re.fullmatch(rb"Python (\d+\.\d+)\s*", done.stdout) if done and done.returncode == 0 else None
    return said[1].decode() if said else ""


def _lacks(program: str, module: str) -> bool:
    done = _answer([program, "-c", _TELL_MODULE, module])
    return done is None or done.returncode != 0


def _answer(words: list[str]) -> subprocess.CompletedProcess[bytes] | None:
    """What a program says; None if it cannot be run, or does not end soon."""
    import subprocess

    try:
        return subprocess.run(
            words, stdin=subprocess.DEVNULL, capture_output=True, timeout=_ANSWER_SECONDS, check=False
        )
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
