"""Which interpreter a job gets: the libraries of an image decide whether its scripts run.

What comes in: an image's address and the rules of the configuration's `local` section. What goes out: an `Environment`:
the folders that lead its PATH, and what the image's Dockerfile says if the rule names one. Without a rule it is this
Python, or an environment of what the image is known to hold; environments of requirements are made once, below
`.dagwright/environments/`.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import stat
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Protocol

from dagwright.engines.local.dockerfile import Recipe, read_dockerfile
from dagwright.engines.local.image_content import content_of, is_of_sagemaker
from dagwright.engines.local.image_layer import Layer, make_layer
from dagwright.engines.local.image_libraries import Libraries, libraries_of, pythons
from dagwright.engines.local.interpreters import CURRENT, Interpreters
from dagwright.engines.local.job import Job
from dagwright.engines.local.known_programs import with_known_program
from dagwright.engines.local.pinned import Pinned
from dagwright.engines.local.programs import program_folder
from dagwright.engines.local.spark import submit_folder
from dagwright.errors import ConfigurationError

HERE, IMAGE = "here", "image"
"""Whose libraries the jobs of an image get that no rule is for: those of this Python, or its own."""
_CANNOT_BE_MADE = (
    "The package registry may not have these versions for this machine: let a rule of local.environments say what runs "
    "the image, or leave --libraries image out (docs/libraries.md)."
)
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_NAMES = ("python", "python3")
_REQUIREMENTS_BYTES = 1 << 20
SANDBOX_FOLDERS = ("/tmp/", "/run/", "/dev/", "/proc/", "/var/tmp/")  # noqa: S108 - folders a sandbox has as its own


class Rule(Protocol):
    """A row of `local.environments` of the configuration."""

    @property
    def image(self) -> str: ...
    @property
    def interpreter(self) -> str | None: ...
    @property
    def requirements(self) -> str | None: ...
    @property
    def python(self) -> str | None: ...
    @property
    def dockerfile(self) -> str | None: ...


@dataclass(frozen=True)
class Environment:
    """Where `python`, `python3` and `smspark-submit` are: folders for PATH, folders a sandbox must show, and what to
    tell the user. Of an image whose Dockerfile is known, also its variables and the files that it copies."""

    folders: tuple[str, ...]
    visible: tuple[Path, ...]
    note: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)
    layer: Layer | None = None
    held: Libraries | None = None
    """What the image is known to hold."""
    advice: str = ""
    """What to do for more of that than there is here."""
    image_id: str = ""
    """What tells a container's image from others that had its address."""

    @property
    def interpreter_folder(self) -> str:
        """Where its Python really is: behind a folder that gives it a name, before what it needs for Spark."""
        return self.folders[-2]


class Images(Protocol):
    """What a run asks about the images of its jobs."""

    def check(self, image: str) -> None:
        """Raises ConfigurationError for what `of` would; makes nothing."""

    def describe(self, image: str) -> str:
        """What its jobs get, in a line; makes nothing. Raises ConfigurationError."""

    def of(self, image: str) -> Environment:
        """What its jobs get; made now if it is the first time."""

    def is_made(self, image: str) -> bool:
        """Whether `of` finds it made. Raises ConfigurationError."""

    def with_program(self, job: Job) -> Job:
        """The job with the program of its image, if it has none of its own."""


class Environments:
    """The environments of one project. `libraries` says what an image gets that no rule is for: HERE or IMAGE."""

    def __init__(
        self,
        root: Path,
        rules: Iterable[Rule],
        project: Path,
        say: Callable[[str], None] = lambda line: None,
        libraries: str = HERE,
    ) -> None:
        self._root = Path(os.path.realpath(root))  # a sandbox shows an environment there, and no link that leads to it
        self._rules = tuple(rules)
        self._project = project
        self._say = say
        self._libraries = libraries
        self._known: dict[str, Environment] = {}
        self._recipes: dict[str, Recipe] = {}
        self._interpreters = Interpreters()
        self._lock = threading.Lock()

    def of(self, image: str) -> Environment:
        """The environment of `image`; made now if it is the first time. Raises ConfigurationError, ExecutionError."""
        with self._lock:
            if image not in self._known:
                self._known[image] = self._find(image)
                if self._known[image].note:
                    self._say(self._known[image].note)
            return self._known[image]

    def check(self, image: str) -> None:
        """Raises ConfigurationError if the rule for `image` cannot be followed; makes nothing."""
        self.describe(image)

    def describe(self, image: str) -> str:
        """What the jobs of `image` get, in a line: which Python, which libraries, and how they differ from the image's.

        Makes nothing. Raises ConfigurationError if the rule for `image` cannot be followed.
        """
        rule = self._rule(image)
        if rule and rule.dockerfile:
            content_of(self._recipe(rule))
            return self._copied_note(image, self._recipe(rule))
        if rule and rule.interpreter:
            return _mapped(image, rule.interpreter, self._interpreter(rule)[1])
        if rule:
            return _mapped(image, self._pinned(rule).name, rule.python or CURRENT)
        plan = self._plan(image)
        return plan.note if plan else self._current_note(image)

    def is_made(self, image: str) -> bool:
        """Whether `of` finds it made, as far as that takes time. Raises ConfigurationError."""
        rule, plan = self._rule(image), self._plan(image)
        if rule and rule.requirements:
            return self._pinned(rule).is_made
        return plan.pinned.is_made if plan else True

    def with_program(self, job: Job) -> Job:
        """The job with the program of its image, if it has none of its own, and in its image's working folder; one for
        Spark with what Spark needs here.

        Raises ExecutionError if nothing says which program that is, or Spark lacks something; ConfigurationError if the
        Dockerfile does not say it.
        """
        rule = self._rule(job.image)
        if rule and rule.dockerfile:
            recipe = self._recipe(rule)
            job = replace(
                job,
                command=job.command or recipe.command(job.arguments),
                directory=recipe.directory if job.directory == "/" else job.directory,
                folders=(*job.folders, recipe.directory) if is_of_sagemaker(recipe.directory) else job.folders,
            )
        return with_known_program(job, self)

    def python_of(self, image: str) -> str:
        """The version of the Python that its jobs get: `3.9`. Raises ConfigurationError."""
        rule = self._rule(image)
        if rule and rule.interpreter:
            return self._interpreter(rule)[1]
        plan = self._plan(image)
        return plan.python if plan else (rule.python if rule else None) or CURRENT

    def in_use(self, images: Iterable[str]) -> set[Path]:
        """The folders of the environments that the rules name, and of those that these images get; made or not."""
        found = set()
        for rule in self._rules:
            with suppress(ConfigurationError):
                if rule.requirements:
                    found.add(self._pinned(rule).folder)
        plans = (self._plan(image) for image in images)
        return found | {plan.pinned.folder for plan in plans if plan}

    def lacks(self, image: str, module: str) -> bool:
        """Whether the Python for `image` has no such module; False if that is not known: it is yet to be made."""
        from importlib.util import find_spec

        rule = self._rule(image)
        if rule and rule.interpreter:
            return self._interpreters.lacks(str(self._interpreter(rule)[0]), module)
        if (rule and rule.requirements) or self._plan(image):
            return False
        return find_spec(module) is None

    def _rule(self, image: str) -> Rule | None:
        return next((rule for rule in self._rules if matches(image, rule.image)), None)

    def _find(self, image: str) -> Environment:
        rule = self._rule(image)
        plan = self._plan(image)
        if rule and rule.dockerfile:
            return self._copied(image, self._recipe(rule))
        if rule and rule.interpreter:
            found = self._environment(self._interpreter(rule)[0], self.describe(image))
        elif rule:
            source, _ = self._requirements(rule)
            pinned = self._pinned(rule)
            pinned.make(source, self._say)
            found = self._environment(pinned.interpreter, self.describe(image))
        elif plan:
            plan.pinned.make(None, self._say, _CANNOT_BE_MADE)
            return replace(self._environment(plan.pinned.interpreter, plan.note), held=plan.held)
        else:
            found = self._environment(Path(sys.executable), self._current_note(image))
        advice = f"--libraries {IMAGE}" if self._libraries == HERE else ""
        if rule:
            advice = f"its rule '{rule.image}' of local.environments decides"
        return replace(found, held=libraries_of(image), advice=advice)

    def _recipe(self, rule: Rule) -> Recipe:
        """What the Dockerfile of a rule says, read once. Raises ConfigurationError."""
        path = rule.dockerfile or ""
        if path not in self._recipes:
            self._recipes[path] = read_dockerfile(self._project / path, SYSTEM_PATH)
        return self._recipes[path]

    def _copied(self, image: str, recipe: Recipe) -> Environment:
        layer = make_layer(content_of(recipe), self._root)
        found = self._environment(Path(sys.executable), self._copied_note(image, recipe))
        return replace(found, variables=dict(recipe.variables), layer=layer)

    def _copied_note(self, image: str, recipe: Recipe) -> str:
        name = os.path.relpath(recipe.path, self._project)
        left = [f"RUN {line if len(line) <= 60 else line[:59] + '…'}" for line in recipe.runs]
        left += [f"USER {recipe.user}"] if recipe.user else []
        unlike = f"; not followed: {', '.join(left)}" if left else ""
        return f"image {_shown(image)} is what {name} copies, on this machine instead of {_shown(recipe.base)}{unlike}"

    def _interpreter(self, rule: Rule) -> tuple[Path, str]:
        """(its path, its version). Raises ConfigurationError if it is no Python."""
        # a `~` that means nobody stays as it is: there is no such file
        interpreter = os.path.abspath(self._project / os.path.expanduser(rule.interpreter or ""))
        version = self._interpreters.version(interpreter)
        if not version:
            what = "Python" if os.path.isfile(interpreter) and os.access(interpreter, os.X_OK) else "program"
            raise ConfigurationError(
                f"local.environments: '{rule.interpreter}' for image '{rule.image}' is no {what}",
                hint="Name an interpreter, for example /usr/bin/python3.9 or envs/sklearn/bin/python.",
            )
        return Path(interpreter), version

    def _pinned(self, rule: Rule) -> Pinned:
        """Raises ConfigurationError if there is no such list, or no such Python."""
        source, content = self._requirements(rule)
        return Pinned(self._root, source.stem, content, self._interpreters.find(rule.python))

    def _requirements(self, rule: Rule) -> tuple[Path, bytes]:
        source = self._project / (rule.requirements or "")
        try:
            content = _read_small(source)
        except OSError as error:
            raise ConfigurationError(
                f"local.environments: {rule.requirements} for image '{rule.image}' cannot be read: {error.strerror}"
            ) from error
        if content is None:
            raise ConfigurationError(
                f"local.environments: {rule.requirements} for image '{rule.image}' is no list of requirements",
                hint=f"It is a text file of at most {_REQUIREMENTS_BYTES >> 20} MiB, one requirement a line.",
            )
        return source, content

    def _plan(self, image: str) -> _Plan | None:
        """The environment of the image's own libraries, if that is asked for and they are known; nothing is made."""
        held = libraries_of(image) if self._libraries == IMAGE and self._rule(image) is None else None
        if held is None:
            return None
        # the image's own Python often is there, and asking for all others takes a moment
        own = held.nearest([held.python] if self._interpreters.program(held.python) else [])
        here = own if own and not held.unlike(own) else held.nearest(filter(self._interpreters.program, pythons()))
        if here is None:
            return None
        program = self._interpreters.find(here.python)
        pinned = Pinned(self._root, str(here) or _short(image), here.requirements().encode(), program)
        unlike = held.unlike(here)
        differs = f"; the image holds {unlike}" if unlike else ""
        return _Plan(held, pinned, here.python, _mapped(image, str(here) or "boto3", here.python) + differs)

    def _current_note(self, image: str) -> str:
        if not image:
            return ""
        held = libraries_of(image)
        would = ""
        if held:
            python = "" if "Python" in held.unsaid else f"Python {held.python}"
            names = ", ".join(filter(None, (python, str(held))))
            would = f"; the image holds {names}" + (f": --libraries {IMAGE}" if self._libraries == HERE else "")
        elif self._libraries == IMAGE:
            by_digest = "@" in _short(image) and ":" not in _short(image).partition("@")[0]
            would = "; its digest does not tell its libraries" if by_digest else "; its libraries are not known"
        version = ".".join(str(part) for part in sys.version_info[:3])
        return f"image {_shown(image)} is not mapped: its jobs run on this Python {version}{would}"

    def _environment(self, interpreter: Path, note: str) -> Environment:
        folder = Path(os.path.realpath(interpreter.parent))  # as for the root: a `.venv` may be a link to a larger disk
        interpreter = folder / interpreter.name
        folders = [str(folder)]
        others = [name for name in _NAMES if not _is_same_program(folder / name, interpreter)]
        if others:
            folders.insert(0, str(self._alias(interpreter, others)))
        submit = submit_folder(self._root)
        roots = (folder.parent, Path(os.path.realpath(interpreter)).parent.parent, Path(folders[0]), submit)
        return Environment((*folders, str(submit)), roots, note)

    def _alias(self, interpreter: Path, names: Iterable[str]) -> Path:
        """A folder with `python` and `python3`, if these names beside the interpreter mean nothing or another one."""
        folder = self._root / ("alias-" + hashlib.sha256(str(interpreter).encode()).hexdigest()[:16])
        # not a link: a virtual environment knows itself by the place its program is started from
        text = f'#!/bin/sh\nexec {shlex.quote(str(interpreter))} "$@"\n'
        return program_folder(folder, dict.fromkeys(names, text))


@dataclass(frozen=True)
class _Plan:
    """An environment of what an image is known to hold, or the nearest to it."""

    held: Libraries
    pinned: Pinned
    python: str
    note: str


def _is_same_program(path: Path, interpreter: Path) -> bool:
    return path.exists() and path.samefile(interpreter)


def _short(image: str) -> str:
    """Its name with its tag, without the registry."""
    return image.rpartition("/")[2]


def _shown(image: str) -> str:
    """The same for people, who know a digest by its beginning."""
    name, at, digest = _short(image).partition("@")
    return f"{name}{at}{digest[:19]}…" if len(digest) > 19 else name + at + digest


def _mapped(image: str, environment: str, version: str) -> str:
    return f"image {_short(image)} runs in its environment: {environment} (Python {version})" if image else ""


def _read_small(path: Path) -> bytes | None:
    """A whole file; None if it is none, or longer than a list of requirements. Raises OSError."""
    if not stat.S_ISREG(path.stat().st_mode):
        return None  # a device has no end, a pipe may have no writer
    with open(path, "rb") as file:
        content = file.read(_REQUIREMENTS_BYTES + 1)
    return content if len(content) <= _REQUIREMENTS_BYTES else None


def matches(image: str, pattern: str) -> bool:
    """Whether a glob of the configuration names this image, by its whole address or by its last part."""
    return fnmatchcase(image, pattern) or fnmatchcase(_short(image), pattern)


def out_of_sight(paths: Iterable[Path], covered: Iterable[str]) -> list[Path]:
    """Where those of `paths` really are that a sandbox has to show on purpose, because they lie in folders that it has
    as its own, or finds empty."""
    folders = (*SANDBOX_FOLDERS, *(f"{folder}/" for folder in covered))
    real = {Path(os.path.realpath(path)) for path in paths}
    return sorted(path for path in real if f"{path}/".startswith(folders))
