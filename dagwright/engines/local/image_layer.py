"""What a Dockerfile puts into an image, as a folder of this machine.

What comes in: a `Recipe`. What goes out: a `Layer`: a folder that holds the copied files at their places below it,
named by the hash of its content, and how a job gets to see them.
"""

from __future__ import annotations

import glob
import hashlib
import os
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dagwright.engines.local.dockerfile import Copy, Recipe
from dagwright.engines.local.job import ML
from dagwright.engines.local.launcher import Bind
from dagwright.engines.local.removal import remove_tree
from dagwright.engines.local.store import storage_errors
from dagwright.errors import ConfigurationError

_KERNELS = ("/proc", "/sys", "/dev")
_MOST_FILES = 10_000
_ARCHIVES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")


@dataclass(frozen=True)
class File:
    """A file of the build's folder, where it is in the image, and its permissions there."""

    source: Path
    target: str
    mode: int


@dataclass(frozen=True)
class Layer:
    """The files of an image that its Dockerfile copied, below `folder`."""

    folder: Path
    tops: tuple[str, ...]
    """The highest places in the image that are the layer's alone: nothing of the machine is there."""

    def binds(self) -> list[Bind]:
        """How a sandbox shows them; no link is on the way to a target."""
        return [
            Bind(Path(self.place(top)), os.path.join(os.path.realpath(os.path.dirname(top)), os.path.basename(top)))
            for top in self.tops
        ]

    def place(self, top: str) -> str:
        """Where one of `tops` lies on the machine."""
        return str(self.folder / top.lstrip("/"))


def files_of(recipe: Recipe) -> list[File]:
    """Every file that the Dockerfile copies; of several for one place the last.

    Raises ConfigurationError, with the line, for a file that is not there, or not inside the build's folder.
    """
    context = recipe.path.parent.resolve()
    found: dict[str, File] = {}
    for copied in recipe.copies:
        for source in _sources(recipe, copied, context):
            for file in _files(recipe, copied, source, context):
                _check_place(recipe, copied, file.target)
                found[file.target] = file
        if len(found) > _MOST_FILES:
            raise _refusal(recipe, copied, f"it copies more than {_MOST_FILES} files")
    return list(found.values())


def _refusal(recipe: Recipe, copied: Copy, what: str, hint: str = "") -> ConfigurationError:
    return ConfigurationError(f"{recipe.path}, line {copied.line}: {what}", hint=hint)


def _sources(recipe: Recipe, copied: Copy, context: Path) -> Iterator[Path]:
    for name in copied.sources:
        if name.endswith(_ARCHIVES):
            raise _refusal(recipe, copied, f"'{name}' is an archive, which ADD unpacks: it is not followed here")
        pattern = os.path.normpath(f"/{name}").lstrip("/")  # as in a build, a path cannot climb out of its folder
        if os.path.normpath(name).startswith(".."):
            raise _refusal(recipe, copied, f"'{name}' is outside of the build's folder {context}")
        is_pattern = any(sign in name for sign in "*?[")
        names = sorted(glob.glob(pattern, root_dir=context)) if is_pattern else [pattern or "."]
        for each in names:
            yield _inside(recipe, copied, context / each, context)
        if not names:
            raise _refusal(recipe, copied, f"nothing is named like '{name}' in {context}")


def _inside(recipe: Recipe, copied: Copy, path: Path, context: Path) -> Path:
    """The path itself, if it is there and no link leads out of the build's folder."""
    real = Path(os.path.realpath(path))
    if real != context and context not in real.parents:
        raise _refusal(recipe, copied, f"'{path.relative_to(context)}' is a link that leads out of {context}")
    if not path.exists():
        raise _refusal(recipe, copied, f"there is no '{path.relative_to(context)}' in {context}")
    return path


def _files(recipe: Recipe, copied: Copy, source: Path, context: Path) -> Iterator[File]:
    """A folder's content goes to the target, a file into it if it is a folder."""
    if source.is_file():
        target = copied.target + source.name if copied.target.endswith("/") else copied.target
        yield _file(copied, source, target)
        return
    for folder, folders, names in os.walk(source):
        folders.sort()
        for name in sorted(names):
            path = _inside(recipe, copied, Path(folder) / name, context)
            if path.is_file():
                yield _file(copied, path, f"{copied.target.rstrip('/')}/{path.relative_to(source).as_posix()}")


def _file(copied: Copy, source: Path, target: str) -> File:
    return File(source, target, copied.mode or stat.S_IMODE(source.stat().st_mode))


def _check_place(recipe: Recipe, copied: Copy, target: str) -> None:
    if is_of_sagemaker(target):
        raise _refusal(
            recipe,
            copied,
            f"{target} would not be there: SageMaker lays its own folders over {ML}",
            hint="Put the program into another folder: /opt/program.",
        )
    if f"{target}/".startswith(tuple(f"{place}/" for place in _KERNELS)):
        raise _refusal(recipe, copied, f"{target} belongs to the kernel")


def is_of_sagemaker(place: str) -> bool:
    """Whether it lies in the folder that is a job's own, whatever its image has there."""
    return f"{place}/".startswith(f"{ML}/")


def make_layer(files: list[File], directory: str, root: Path) -> Layer:
    """The layer of these files and the working folder in a folder of `root`, made if it is not there yet.

    Raises StorageError.
    """
    directories = [] if is_of_sagemaker(directory) or os.path.isdir(directory) else [directory]
    with storage_errors(f"{root} cannot be written"):
        folder = root / f"layer-{_digest(files, directories)}"
        if not folder.is_dir():
            aside = root / f".{folder.name}-{os.getpid()}"
            remove_tree(aside)  # of a run that was killed, whose process had our number
            for place in directories:
                (aside / place.lstrip("/")).mkdir(parents=True)
            for file in files:
                path = aside / file.target.lstrip("/")
                path.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file.source, path)
                path.chmod(file.mode | stat.S_IRUSR | stat.S_IWUSR)
            aside.mkdir(parents=True, exist_ok=True)
            try:
                aside.rename(folder)
            except OSError:  # another run has made the same one
                remove_tree(aside)
    return Layer(folder, tuple(sorted({_top(place) for place in [*directories, *(file.target for file in files)]})))


def _digest(files: list[File], directories: list[str]) -> str:
    digest = hashlib.sha256("\0".join([*directories, "\n"]).encode())
    for file in sorted(files, key=lambda file: file.target):
        content = hashlib.sha256(file.source.read_bytes()).hexdigest()
        digest.update(f"{file.target}\0{file.mode:o}\0{content}\n".encode())
    return digest.hexdigest()[:16]


def _top(target: str) -> str:
    """The highest folder above `target` that the machine does not have, or `target` itself."""
    here = "/"
    for name in target.split("/")[1:]:
        here = os.path.join(here, name)
        if not os.path.isdir(here):
            return here
    return here
