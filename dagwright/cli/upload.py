"""`upload`: puts files where pipelines read them: into the local store, or into the bucket of an AWS environment."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Callable, Iterable
from pathlib import Path

from dagwright.cli import DONE
from dagwright.cli.local import local_gate, local_store
from dagwright.cli.sources import has_project, project_of
from dagwright.cli.text import as_json, size
from dagwright.engines.addresses import split_uri
from dagwright.engines.uploads import uploads
from dagwright.errors import UsageError

Put = Callable[[Path, str], None]


def run(arguments: Namespace) -> int:
    """Print what was put where."""
    prefix = _address(arguments)
    split_uri(prefix)
    pairs = uploads(arguments.paths, prefix)
    total = 0
    for path, uri in _putting(arguments, pairs):
        total += path.stat().st_size
        if not arguments.json:
            print(uri)
    if arguments.json:
        print(as_json({"objects": [uri for _, uri in pairs], "bytes": total}))
    else:
        print(f"{len(pairs)} object{'s' if len(pairs) != 1 else ''}, {size(total)}", file=sys.stderr)
    return DONE


def _putting(arguments: Namespace, pairs: list[tuple[Path, str]]) -> Iterable[tuple[Path, str]]:
    """Each when it has been put: here all together, into a bucket one after the other."""
    if arguments.env != "local":
        put = bucket_put(arguments)
        return (pair for pair in pairs if put(*pair) is None)
    store = local_store(arguments)
    store.require_room(path for path, _ in pairs)
    store.settle()
    with local_gate(arguments).passing(), store.group() as group:
        for path, uri in pairs:
            group.put(path, uri)
    return pairs


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


def bucket_put(arguments: Namespace) -> Put:
    """Puts into S3, encrypted with the project's key if it has one."""
    from dagwright.engines.aws.clients import Clients, check_account
    from dagwright.engines.aws.objects import Objects

    project = project_of(arguments)
    clients = Clients(project.region)
    check_account(clients, project.account_id, project.environment)
    return Objects(clients, project.output_key).put_file
