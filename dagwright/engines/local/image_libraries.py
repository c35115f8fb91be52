"""What AWS's framework images hold, and the nearest to it that can be had here.

What comes in: an image's address, and a Python of this machine. What goes out: `Libraries`, the image's Python and its
libraries by version as its published source says; and a list of requirements, with the versions that work on that
Python. Which do is a table (`image_libraries.json`, which names the sources), not a trial.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

_REGISTRY = re.compile(r"[0-9]+\.dkr\.ecr\.[^/]+/|public\.ecr\.aws/")
_SHOWN = 4


@dataclass(frozen=True)
class Libraries:
    """A Python (`3.9`) and libraries by version, the image's own framework first."""

    python: str
    versions: Mapping[str, str]
    unsaid: frozenset[str] = frozenset()
    """Those whose version no source says, `Python` among them: the one here is of the others' time."""

    @property
    def said(self) -> dict[str, str]:
        """What the image is known to hold."""
        return {name: version for name, version in self.versions.items() if name not in self.unsaid}

    def on(self, python: str) -> Libraries:
        """The nearest on another Python: of each library the same version if it works there, else the first or last."""
        works = _table()["works"][python]
        return replace(
            self,
            python=python,
            versions={name: _nearest(version, works.get(name)) for name, version in self.versions.items()},
        )

    def nearest(self, pythons: Iterable[str]) -> Libraries | None:
        """On that of `pythons` where the fewest versions differ, then the closest one; None if no library is known to
        work on any."""
        known = [self.on(python) for python in pythons if python in _table()["works"]]
        return min(known, key=self._distance, default=None)

    def _distance(self, other: Libraries) -> tuple[int, int, int]:
        steps = _key(other.python)[1] - _key(self.python)[1]
        return len(self._other_versions(other)), abs(steps), -steps

    def _other_versions(self, other: Libraries) -> list[str]:
        return [name for name, version in self.said.items() if other.versions[name] != version]

    def unlike(self, other: Libraries) -> str:
        """What of this differs from `other`: `Python 3.8, numpy 1.19.5`; empty if nothing does."""
        python = [f"Python {self.python}"] if self.python != other.python and "Python" not in self.unsaid else []
        return ", ".join([*python, *(f"{name} {self.versions[name]}" for name in self._other_versions(other))])

    def requirements(self) -> str:
        """A requirements file of them, for uv and pip: they come as wheels, since nobody waits for a compiler."""
        small = _table()["small"] if _has_small_builds() else {}
        wanted = [_requirement(name, version, small.get(name)) for name, version in self.versions.items()]
        lines = [f"--only-binary {text.partition('==')[0]}" for text in wanted if not text.startswith(_sources())]
        indices = {small[name]["index"] for name in self.versions if "index" in small.get(name, ())}
        lines += [f"--extra-index-url {index}" for index in sorted(indices)]
        return "\n".join([*lines, *wanted, *_table()["beside"], ""])

    def __str__(self) -> str:
        """The first of those that are said: `scikit-learn 1.2.1, numpy 1.24.1`."""
        return ", ".join(f"{name} {version}" for name, version in list(self.said.items())[:_SHOWN])


def libraries_of(image: str) -> Libraries | None:
    """What an image holds, by its repository and tag in any registry of Amazon's; None if it is not known."""
    name = image.rpartition("/")[2].partition("@")[0]
    if not _REGISTRY.match(image):
        return None
    for row in _table()["images"]:
        if found := re.fullmatch(row["image"], name):
            parts = found.groupdict()
            python = f"3.{parts['python']}" if parts.get("python") else row["python"]
            version = parts.get("version", "")
            versions = {key: value.format(version=version) for key, value in row["libraries"].items()}
            return Libraries(python, versions, frozenset(row["unsaid"]))
    return None


def pythons() -> list[str]:
    """The Pythons that libraries are known to work on."""
    return list(_table()["works"])


def distributions(module: str) -> tuple[str, ...]:
    """The names by which a module's library may be installed: `sklearn` is scikit-learn."""
    name = _table()["modules"].get(module, module)
    small = _table()["small"].get(name, {}).get("requirement", name)
    return tuple(dict.fromkeys((name, re.split("[=+]", small)[0])))


def _nearest(version: str, bounds: tuple[str, str] | None) -> str:
    first, last = bounds or ("", "")
    if first and _key(version) < _key(first):
        return first
    return last if last and _key(version) > _key(last) else version


def _requirement(name: str, version: str, small: Mapping[str, str] | None) -> str:
    if small and _key(version) >= _key(small["since"]):
        return small["requirement"].format(version)
    return f"{name}=={version}"


def _sources() -> tuple[str, ...]:
    return tuple(f"{name}==" for name in _table()["sources"])


def _key(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def _has_small_builds() -> bool:
    return sys.platform == "linux" and os.uname().machine == "x86_64"


@lru_cache(maxsize=1)
def _table() -> dict[str, Any]:
    path = Path(__file__).with_name("image_libraries.json")
    table: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return table
