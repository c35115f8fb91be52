"""`upload`: puts files where pipelines read them: into the local store, or into the bucket of an AWS environment."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Callable, Iterator
from pathlib import Path

from dagwright.cli import DONE
from dagwright.cli.local import local_store
from dagwright.cli.sources import has_project, project_of
from dagwright.cli.text import as_json, size
from dagwright.engines.addresses import split_uri
from dagwright.errors import StorageError, UsageError

Put = Callable[[Path, str], None]


def run(arguments: Namespace) -> int:
    """Print what was put where."""
    prefix = _address(arguments)
    split_uri(prefix)
    pairs = list(_pairs(arguments.paths, prefix))
    _refuse_collisions(pairs)
    put = local_store(arguments).put if arguments.env == "local" else bucket_put(arguments)
    total = 0
    for path, uri in pairs:
        put(path, uri)
        total += path.stat().st_size
        if not arguments.json:
            print(uri)
    if arguments.json:
        print(as_json({"objects": [uri for _, uri in pairs], "bytes": total}))
    else:
        print(f"{len(pairs)} object{'s' if len(pairs) != 1 else ''}, {size(total)}", file=sys.stderr)
    return DONE


def _address(arguments: Namespace) -> str:
    if not arguments.to.strip("/"):
        raise UsageError("--to names no place", hint="Give a prefix such as raw/uploads, or s3://bucket/prefix.")
    if arguments.to.startswith("s3://"):
        return str(arguments.to)
    if not has_project(arguments):
        hint = "Give --to a whole address, s3://bucket/prefix, or add config/project.yaml."
        raise UsageError(
            f"'{arguments.to}' is a prefix in the project's bucket, and there is no project here", hint=hint
        )
    return f"s3://{project_of(arguments).bucket}/{arguments.to.strip('/')}"


def _pairs(names: list[str], prefix: str) -> Iterator[tuple[Path, str]]:
    """(file, its address): a file lands below the prefix under its name, unless the prefix ends in a file's name
    itself; a folder's files land below it under their names in it."""
    missing = [name for name in names if not Path(name).exists()]
    if missing:
        raise StorageError(f"There is no file or folder {', '.join(missing)}")
    base = prefix.rstrip("/")
    for name in names:
        path = Path(name)
        if path.is_file():
            whole = len(names) == 1 and not prefix.endswith("/") and _is_file_name(base.rpartition("/")[2], path)
            yield path, base if whole else f"{base}/{path.name}"
            continue
        if not path.is_dir():
            raise StorageError(f"{name} is neither a file nor a folder")
        files = sorted(files_below(path))
        if not files:
            raise StorageError(f"The folder {name} holds no files")
        for file in files:
            yield file, f"{base}/{file.relative_to(path).as_posix()}"


def _is_file_name(last: str, path: Path) -> bool:
    return last == path.name or (Path(last).suffix == path.suffix != "")


def files_below(top: Path) -> Iterator[Path]:
    """Every file below a folder. Raises StorageError for what would be left out or could not be read."""
    for folder, folders, names in os.walk(top):
        for name in folders:
            if Path(folder, name).is_symlink():
                raise StorageError(f"{folder}/{name} is a link to a folder", hint="Upload what it points to by itself.")
        for name in names:
            path = Path(folder, name)
            if not path.is_file():
                raise StorageError(
                    f"{path} is no regular file, or a link to nothing", hint="Take it out of the folder."
                )
            yield path


def _refuse_collisions(pairs: list[tuple[Path, str]]) -> None:
    first: dict[str, Path] = {}
    for path, uri in pairs:
        if uri in first:
            raise StorageError(f"{first[uri]} and {path} would both become {uri}", hint="Upload them to two prefixes.")
        first[uri] = path


def bucket_put(arguments: Namespace) -> Put:
    """Puts into S3, encrypted with the project's key if it has one."""
    from dagwright.engines.aws.clients import Clients, check_account
    from dagwright.engines.aws.objects import Objects

    project = project_of(arguments)
    clients = Clients(project.region)
    check_account(clients, project.account_id, project.environment)
    return Objects(clients, project.output_key).put_file
