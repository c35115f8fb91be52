"""What a Dockerfile brings into an image: which file of the build's folder goes where.

What comes in: a `Recipe`. What goes out: its `Content`. What cannot be done, or would be done otherwise by a build, is
refused with its line.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from dagwright.engines.local.build_context import BuildContext, read_context
from dagwright.engines.local.dockerfile import Copy, Recipe
from dagwright.engines.local.job import ML
from dagwright.errors import ConfigurationError

_KERNELS = ("/proc", "/sys", "/dev")
_MOST_FILES = 10_000


@dataclass(frozen=True)
class File:
    """A file of the build's folder, where it is in the image, and its permissions there."""

    source: Path
    target: str
    mode: int


@dataclass
class Content:
    """Files by their place in the image, and folders: those that are copied, and those above a file."""

    files: dict[str, File] = field(default_factory=dict)
    folders: set[str] = field(default_factory=set)

    def add_file(self, file: File) -> None:
        """Of several for one place the last counts. Raises ValueError if that is a folder."""
        if file.target in self.folders or os.path.isdir(file.target):
            raise ValueError(f"{file.target} is a folder: end it with a slash to copy into it")
        self.add_folder(os.path.dirname(file.target))
        self.files[file.target] = file

    def add_folder(self, place: str) -> None:
        """Raises ValueError if it, or one above it, is a file."""
        while place != "/" and place not in self.folders:
            if place in self.files or (os.path.lexists(place) and not os.path.isdir(place)):
                raise ValueError(f"{place} is a file: nothing can be below it")
            self.folders.add(place)
            place = os.path.dirname(place)

    def folders_of_its_own(self) -> list[str]:
        """Those that this machine does not have."""
        return sorted(place for place in self.folders if not os.path.isdir(place))


def content_of(recipe: Recipe) -> Content:
    """Every file and folder that the Dockerfile copies, and its working folder unless that is SageMaker's.

    Raises ConfigurationError, with the line, for a file that is not there, or not inside the build's folder, and for a
    place where nothing can be.
    """
    context = read_context(recipe.path)
    content = Content()
    for copied in recipe.copies:
        try:
            for found in _found(recipe, copied, context):
                _add(recipe, copied.line, content, found)
                if len(content.files) > _MOST_FILES:
                    raise _refusal(recipe, copied.line, f"it copies more than {_MOST_FILES} files")
        except OSError as error:
            raise _refusal(recipe, copied.line, f"{error.filename} cannot be read: {error.strerror}") from error
    if not is_of_sagemaker(recipe.directory):
        _add(recipe, recipe.directory_line, content, recipe.directory)
    return content


def is_of_sagemaker(place: str) -> bool:
    """Whether it lies in the folder that is a job's own, whatever its image has there."""
    return f"{place}/".startswith(f"{ML}/")


def _refusal(recipe: Recipe, line: int, what: str, hint: str = "") -> ConfigurationError:
    return ConfigurationError(f"{recipe.path}, line {line}: {what}", hint=hint)


# ---- what is copied ----


def _sources(recipe: Recipe, copied: Copy, context: BuildContext) -> Iterator[str]:
    """Paths below the build's folder; it is `.` itself."""
    for name in copied.sources:
        path = os.path.normpath(f"/{name}").lstrip("/")  # as in a build, a path cannot climb out of its folder
        if os.path.normpath(name).startswith(".."):
            raise _refusal(recipe, copied.line, f"'{name}' is outside of the build's folder {context.folder}")
        if not any(sign in name for sign in "*?["):
            yield path or "."
            continue
        try:
            names = context.matching(path)
        except ValueError as error:
            raise _refusal(recipe, copied.line, str(error)) from error
        yield from names
        if not names:
            raise _refusal(recipe, copied.line, f"nothing is named like '{name}' in {context.folder}")


def _found(recipe: Recipe, copied: Copy, context: BuildContext) -> Iterator[File | str]:
    for source in _sources(recipe, copied, context):
        yield from _found_at(recipe, copied, source, context)


def _found_at(recipe: Recipe, copied: Copy, source: str, context: BuildContext) -> Iterator[File | str]:
    """A folder's content goes to the target, a file into it if it is a folder."""
    path = _inside(recipe, copied, source, context)
    if not context.keeps(source):
        raise _refusal(recipe, copied.line, f"'{source}' is kept out by {context.ignore_file}")
    if path.is_dir():
        yield from _content(recipe, copied, source, context)
    elif copied.unpacks and path.is_file() and _is_archive(path):
        raise _refusal(
            recipe,
            copied.line,
            f"'{source}' is an archive, which ADD unpacks: it is not followed here",
            hint="COPY leaves it as it is; or unpack it, and copy the folder.",
        )
    else:
        target = copied.target + path.name if copied.target.endswith("/") else copied.target
        yield _file(recipe, copied, source, target, context)


def _content(recipe: Recipe, copied: Copy, source: str, context: BuildContext) -> Iterator[File | str]:
    top = context.folder / source
    target = copied.target.rstrip("/")
    yield target or "/"
    for folder, folders, names in os.walk(top, onerror=_raise):
        below = {name: os.path.relpath(os.path.join(folder, name), context.folder) for name in (*folders, *names)}
        for name in sorted(folders):
            if os.path.islink(os.path.join(folder, name)) and context.keeps(below[name]):
                raise _refusal(
                    recipe, copied.line, f"'{below[name]}' is a link to a folder, which is not followed here"
                )
        folders[:] = sorted(name for name in folders if context.keeps(below[name]))
        for name in folders:
            yield f"{target}/{os.path.relpath(os.path.join(folder, name), top)}"
        for name in sorted(names):
            if context.keeps(below[name]):
                place = os.path.relpath(os.path.join(folder, name), top)
                yield _file(recipe, copied, below[name], f"{target}/{place}", context)


def _file(recipe: Recipe, copied: Copy, source: str, target: str, context: BuildContext) -> File:
    path = _inside(recipe, copied, source, context)
    if not path.is_file():
        raise _refusal(recipe, copied.line, f"'{source}' is neither a file nor a folder")
    return File(path, target, stat.S_IMODE(path.stat().st_mode) if copied.mode is None else copied.mode)


def _inside(recipe: Recipe, copied: Copy, source: str, context: BuildContext) -> Path:
    """The path itself, if it is there and no link leads out of the build's folder."""
    path = context.folder / source
    real = Path(os.path.realpath(path))
    if real != context.folder and context.folder not in real.parents:
        raise _refusal(recipe, copied.line, f"'{source}' is a link that leads out of {context.folder}")
    if not os.path.exists(path):  # also of a name that is too long to be one
        raise _refusal(recipe, copied.line, f"there is no '{source}' in {context.folder}")
    return path


def _raise(error: OSError) -> None:
    raise error


def _is_archive(path: Path) -> bool:
    import tarfile

    try:
        return tarfile.is_tarfile(path)
    except OSError:  # it cannot be read, which is said where it is
        return False


# ---- where it goes ----


def _add(recipe: Recipe, line: int, content: Content, found: File | str) -> None:
    _check_place(recipe, line, found if isinstance(found, str) else found.target)
    try:
        if isinstance(found, str):
            content.add_folder(found)
        else:
            content.add_file(found)
    except ValueError as error:
        raise _refusal(recipe, line, str(error)) from error


def _check_place(recipe: Recipe, line: int, target: str) -> None:
    if is_of_sagemaker(target):
        raise _refusal(
            recipe,
            line,
            f"{target} would not be there: SageMaker lays its own folders over {ML}",
            hint="Put the program into another folder: /opt/program.",
        )
    if f"{target}/".startswith(tuple(f"{place}/" for place in _KERNELS)):
        raise _refusal(recipe, line, f"{target} belongs to the kernel")
