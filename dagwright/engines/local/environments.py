"""Which interpreter a job gets: the libraries of an image decide whether its scripts run.

What comes in: an image's address and the rules of the configuration's `local` section. What goes out: an `Environment`:
the folders that lead its PATH, and what the image's Dockerfile says if the rule names one. An environment of pinned
requirements is made once, below `.dagwright/environments/`, in a folder named by the hash of what it is made from, and
appears by a rename.
"""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import shutil
import stat
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from dagwright.engines.local.dockerfile import Recipe, read_dockerfile
from dagwright.engines.local.image_content import content_of, is_of_sagemaker
from dagwright.engines.local.image_layer import Layer, make_layer
from dagwright.engines.local.job import Job
from dagwright.engines.local.spark import check_pyspark, submit_folder, submits_spark, with_spark
from dagwright.engines.local.store import storage_errors
from dagwright.errors import ConfigurationError, ExecutionError

if TYPE_CHECKING:
    import subprocess

# What the published sources of the images say they hold (aws/sagemaker-scikit-learn-container,
# aws/sagemaker-xgboost-container), for the line that tells what may differ. Only what was looked up is named.
_CONTENTS = {
    "sagemaker-scikit-learn:1.2-1": "Python 3.9, scikit-learn 1.2.1, numpy 1.24, pandas 1.1",
    "sagemaker-scikit-learn:1.4-2": "Python 3.10, scikit-learn 1.4.2, numpy 2.1",
}
_OWN_PROGRAM = (
    "A local run has no image. Let a rule of local.environments name its Dockerfile (docs/containers.md), name the "
    "program in ContainerEntrypoint, use script mode in a training job (entry_point=), or run the image itself: "
    "--runtime docker"
)
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_NAMES = ("python", "python3")
_CURRENT = f"{sys.version_info[0]}.{sys.version_info[1]}"
_REQUIREMENTS_BYTES = 1 << 20
_ANSWER_SECONDS = 30
_TELL_MODULE = "import sys; from importlib.util import find_spec; sys.exit(find_spec(sys.argv[1]) is None)"
_TELL_VERSION = "import sys; print('Python %d.%d' % sys.version_info[:2])"
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


class Images(Protocol):
    """What a run asks about the images of its jobs."""

    def check(self, image: str) -> None:
        """Raises ConfigurationError for what `of` would; makes nothing."""

    def of(self, image: str) -> Environment:
        """What its jobs get; made now if it is the first time."""

    def describe(self, image: str) -> str:
        """What its jobs would run in, in some words; makes nothing."""

    def with_program(self, job: Job) -> Job:
        """The job with the program of its image, if it has none of its own."""


class Environments:
    """The environments of one project."""

    def __init__(
        self, root: Path, rules: Iterable[Rule], project: Path, say: Callable[[str], None] = lambda line: None
    ) -> None:
        self._root = Path(os.path.realpath(root))  # a sandbox shows an environment there, and no link that leads to it
        self._rules = tuple(rules)
        self._project = project
        self._say = say
        self._known: dict[str, Environment] = {}
        self._versions: dict[str, str] = {}
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
        rule = self._rule(image)
        if rule and rule.interpreter:
            self._interpreter(rule)
        elif rule and rule.dockerfile:
            content_of(self._recipe(rule))
        elif rule:
            self._requirements(rule)
            find_python(rule.python)

    def describe(self, image: str) -> str:
        """What the jobs of `image` would run in; makes nothing. Raises ConfigurationError."""
        rule = self._rule(image)
        if rule is None:
            return f"this Python {_CURRENT}"
        return rule.interpreter or rule.dockerfile or rule.requirements or ""

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
        elif not job.command:
            raise ExecutionError(f"The job starts the program built into its image '{job.image}'", hint=_OWN_PROGRAM)
        if submits_spark(job):
            ready = with_spark(job)
            check_pyspark(self._lacks, job.image)
            return ready
        self._require_modules(job)
        return job

    def _require_modules(self, job: Job) -> None:
        missing = [module for module in job.modules if self._lacks(job.image, module)]
        if missing:
            raise ExecutionError(
                f"The Python for the image '{_short(job.image)}' lacks what the image holds: {', '.join(missing)}",
                hint="Map the image to an environment that has it (local.environments), or install it: docs/running.md",
            )

    def _lacks(self, image: str, module: str) -> bool:
        """Whether the Python for `image` has no such module; False if that is not known: it is yet to be made."""
        from importlib.util import find_spec

        rule = self._rule(image)
        if rule is None or rule.dockerfile:
            return find_spec(module) is None
        if not rule.interpreter:
            return False
        done = _answer([str(self._interpreter(rule)[0]), "-c", _TELL_MODULE, module])
        return done is None or done.returncode != 0

    def _rule(self, image: str) -> Rule | None:
        return next((rule for rule in self._rules if matches(image, rule.image)), None)

    def _find(self, image: str) -> Environment:
        rule = self._rule(image)
        if rule is None:
            return self._current(image)
        if rule.dockerfile:
            return self._copied(image, self._recipe(rule))
        if not rule.interpreter:
            return self._pinned(rule, image)
        interpreter, version = self._interpreter(rule)
        return self._environment(interpreter, _mapped(image, rule.interpreter, version))

    def _recipe(self, rule: Rule) -> Recipe:
        """What the Dockerfile of a rule says. Raises ConfigurationError."""
        return read_dockerfile(self._project / (rule.dockerfile or ""), SYSTEM_PATH)

    def _copied(self, image: str, recipe: Recipe) -> Environment:
        layer = make_layer(content_of(recipe), self._root)
        name = os.path.relpath(recipe.path, self._project)
        left = [f"RUN {line if len(line) <= 60 else line[:59] + '…'}" for line in recipe.runs]
        left += [f"USER {recipe.user}"] if recipe.user else []
        unlike = f"; not followed: {', '.join(left)}" if left else ""
        note = f"image {_shown(image)} is what {name} copies, on this machine instead of {_shown(recipe.base)}{unlike}"
        return replace(self._environment(Path(sys.executable), note), variables=dict(recipe.variables), layer=layer)

    def _interpreter(self, rule: Rule) -> tuple[Path, str]:
        """(its path, its version). Raises ConfigurationError if it is no Python."""
        # a `~` that means nobody stays as it is: there is no such file
        interpreter = os.path.abspath(self._project / os.path.expanduser(rule.interpreter or ""))
        if interpreter not in self._versions:
            self._versions[interpreter] = _version(interpreter)
        if not self._versions[interpreter]:
            what = "Python" if os.path.isfile(interpreter) and os.access(interpreter, os.X_OK) else "program"
            raise ConfigurationError(
                f"local.environments: '{rule.interpreter}' for image '{rule.image}' is no {what}",
                hint="Name an interpreter, for example /usr/bin/python3.9 or envs/sklearn/bin/python.",
            )
        return Path(interpreter), self._versions[interpreter]

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

    def _current(self, image: str) -> Environment:
        name = _short(image)
        held = next((text for start, text in _CONTENTS.items() if name.startswith(start)), "")
        version = ".".join(str(part) for part in sys.version_info[:3])
        would = f"; the image holds {held}" if held else ""
        note = f"image {name} is not mapped: its jobs run on this Python {version}{would}" if name else ""
        return self._environment(Path(sys.executable), note)

    def _environment(self, interpreter: Path, note: str) -> Environment:
        folder = interpreter.parent
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
        with storage_errors(f"{folder} cannot be made"):
            folder.mkdir(parents=True, exist_ok=True)
            for name in names:
                if not (folder / name).exists():
                    aside = folder / f".{name}-{os.getpid()}"
                    # not a link: a virtual environment knows itself by the place its program is started from
                    aside.write_text(f'#!/bin/sh\nexec {shlex.quote(str(interpreter))} "$@"\n', encoding="utf-8")
                    aside.chmod(0o755)
                    aside.rename(folder / name)
        return folder

    def _pinned(self, rule: Rule, image: str) -> Environment:
        source, requirements = self._requirements(rule)
        python = find_python(rule.python)
        key = hashlib.sha256(requirements + b"\0" + str(python).encode()).hexdigest()[:16]
        folder = self._root / key
        with _only_one(folder.with_suffix(".lock")):
            if not (folder / ".complete").exists():
                self._say(f"making the environment of {source.name} with {python} (once)")
                self._make(folder, source, python)
        return self._environment(folder / "bin" / "python", _mapped(image, source.stem, rule.python or _CURRENT))

    def _make(self, folder: Path, requirements: Path, python: str) -> None:
        """A virtual environment cannot be moved, so the mark inside it says that it is whole."""
        shutil.rmtree(folder, ignore_errors=True)
        uv = shutil.which("uv")
        if uv:
            _call([uv, "venv", "--quiet", "--python", python, str(folder)])
            _call(
                [uv, "pip", "install", "--quiet", "--python", str(folder / "bin" / "python"), "-r", str(requirements)]
            )
        else:
            _call([python, "-m", "venv", str(folder)])
            _call([str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "-r", str(requirements)])
        with storage_errors(f"{folder} cannot be made"):
            (folder / ".complete").touch()


@contextmanager
def _only_one(path: Path) -> Iterator[None]:
    """Two runs that need the same environment: the second waits until the first has made it."""
    import fcntl

    with storage_errors(f"{path} cannot be written"):
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = open(path, "w", encoding="utf-8")  # noqa: SIM115 - it is closed below
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


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


def find_python(version: str | None) -> str:
    """A program for Python `version` (`3.9`): this one, one on PATH, or one that pyenv or uv keeps.

    Raises ConfigurationError if there is none.
    """
    if version in (None, _CURRENT):
        return sys.executable
    home = Path(os.path.expanduser("~"))
    kept = [
        *sorted((home / ".pyenv/versions").glob(f"{version}.*/bin/python")),
        *sorted((home / ".local/share/uv/python").glob(f"cpython-{version}.*/bin/python")),
    ]
    on_path = shutil.which(f"python{version}")
    for candidate in ([on_path] if on_path else []) + [str(path) for path in kept]:
        if _version(candidate):
            return candidate
    raise ConfigurationError(
        f"local.environments: Python {version} is not on this machine",
        hint=f"Install python{version}, or take the rule out to run on Python {_CURRENT}.",
    )


def _version(program: str) -> str:
    """`3.9`; empty if it is no interpreter: another program, or a version manager's stand-in for one."""
    if program == sys.executable:
        return _CURRENT
    done = _answer([program, "-c", _TELL_VERSION])
    said = re.fullmatch(rb"Python (\d+\.\d+)\s*", done.stdout) if done and done.returncode == 0 else None
    return said[1].decode() if said else ""


def _answer(words: list[str]) -> subprocess.CompletedProcess[bytes] | None:
    """What a program says; None if it cannot be run, or does not end soon."""
    import subprocess

    try:
        return subprocess.run(
            words, stdin=subprocess.DEVNULL, capture_output=True, timeout=_ANSWER_SECONDS, check=False
        )
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None


def _call(command: list[str]) -> None:
    import subprocess

    with storage_errors(f"{command[0]} cannot be run"):
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode:
        last = "\n".join((done.stderr or done.stdout).strip().splitlines()[-8:])
        raise ExecutionError(f"{' '.join(command[:4])} … failed:\n{last}")
