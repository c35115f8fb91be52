"""What the inputs of a job shall read: `NAME=PATH_OR_S3` words come in, S3 addresses and the files to put there go out.

A local file or folder gets an address that follows from its content, so that the same data are put there once.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dagwright.cli.local import local_store
from dagwright.cli.sources import has_project, project_of
from dagwright.cli.upload import bucket_put
from dagwright.code import SourceFile, content_hash
from dagwright.engines.addresses import split_uri
from dagwright.engines.uploads import files_below
from dagwright.errors import Problem, StorageError, UsageError

_WITHOUT_PROJECT = "s3://local-inputs"


@dataclass(frozen=True)
class GivenInput:
    """An input's address, and the files that have to be at theirs first: none where an S3 address was given."""

    name: str
    uri: str
    files: Sequence[tuple[Path, str]] = ()


def given_inputs(arguments: Namespace) -> dict[str, GivenInput]:
    """The inputs that the words name. Raises UsageError for words that are no input, StorageError."""
    found: dict[str, GivenInput] = {}
    problems = []
    for text in arguments.input:
        name, equals, value = text.partition("=")
        if not (name and equals and value):
            problems.append(Problem("bad-input", f"'{text:.80}' is no input", "write --input NAME=PATH_OR_S3"))
        elif name in found:
            problems.append(Problem("bad-input", f"the input '{name}' is given twice", "keep one of the two"))
        else:
            found[name] = _given(name, value, arguments)
    if problems:
        raise UsageError("The inputs cannot be read", problems)
    return found


def put_inputs(inputs: Sequence[GivenInput], arguments: Namespace) -> None:
    """Put the files where they belong, those that are not there yet. Raises StorageError, AWSError."""
    pairs = [pair for one in inputs for pair in one.files]
    if not pairs:
        return
    if arguments.env == "local":
        store = local_store(arguments)
        with store.group() as group:
            for path, uri in pairs:
                if not store.path(uri).exists():
                    group.put(path, uri)
        return
    from dagwright.engines.aws.clients import Clients
    from dagwright.engines.aws.objects import Objects

    put = bucket_put(arguments)
    objects = Objects(Clients(project_of(arguments).region))
    for path, uri in pairs:
        if not objects.exists(uri):
            put(path, uri)


def _given(name: str, value: str, arguments: Namespace) -> GivenInput:
    if value.startswith("s3://"):
        split_uri(value)
        return GivenInput(name, value)
    top = Path(value)
    if top.is_file():
        base = f"{_prefix(arguments)}/{content_hash((_data(top.name, top),))}"
        return GivenInput(name, f"{base}/{top.name}", [(top, f"{base}/{top.name}")])
    if not top.is_dir():
        what = f"--input {name}: there is no file or folder {value}"
        raise StorageError(what, hint="What is in S3 is named by its whole address: s3://bucket/prefix.")
    files = tuple(_data(path.relative_to(top).as_posix(), path) for path in sorted(files_below(top)))
    if not files:
        raise StorageError(f"--input {name}: the folder {value} holds no files")
    base = f"{_prefix(arguments)}/{content_hash(files)}"
    return GivenInput(name, base, [(one.path, f"{base}/{one.name}") for one in files])


def _data(name: str, path: Path) -> SourceFile:
    """A file that nobody starts: its executable bit does not count."""
    return SourceFile(name, path, executable=False)


def _prefix(arguments: Namespace) -> str:
    """Below which the inputs of jobs lie: where steps write, so that no pipeline takes them for new raw data."""
    return project_of(arguments).processed("inputs") if has_project(arguments) else _WITHOUT_PROJECT
