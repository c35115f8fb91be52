"""`run`: runs a pipeline here and follows it to its end."""

from __future__ import annotations

import sys
from argparse import Namespace
from contextlib import closing
from typing import TYPE_CHECKING

from dagwright.cli import DONE, EXECUTION_FAILED
from dagwright.cli.commit import PARAMETER, current_commit
from dagwright.cli.ending import ending
from dagwright.cli.local import local_engine
from dagwright.cli.progress import Lines
from dagwright.cli.sources import Source, source_of
from dagwright.cli.text import as_json
from dagwright.definition.parameters import read_assignments
from dagwright.engines.execution import SUCCEEDED

if TYPE_CHECKING:
    from dagwright.cli.table import LiveTable
    from dagwright.engines.local.engine import LocalEngine
    from dagwright.engines.local.store import Store


def run(arguments: Namespace) -> int:
    """0 if it succeeded, 3 if it failed or was stopped."""
    with closing(local_engine(arguments)) as engine:
        return _run(engine, arguments)


def _run(engine: LocalEngine, arguments: Namespace) -> int:
    source = source_of(arguments)
    given = read_assignments(arguments.parameter)
    if PARAMETER in source.graph.parameters and PARAMETER not in given and arguments.pipeline:
        commit = current_commit(arguments.root)
        given |= {PARAMETER: commit} if commit else {}
    _provide(source, engine.home.store)
    with closing(_observer(arguments)) as observer:
        execution = engine.run(source.graph, source.name, given, observer)
    print(ending(engine, execution, source.graph), file=sys.stderr if arguments.json else sys.stdout)
    if arguments.json:
        print(as_json(execution.as_json()))
    return DONE if execution.status == SUCCEEDED else EXECUTION_FAILED


def _provide(source: Source, store: Store) -> None:
    """Put the pipeline's code where its definition says it is: under the hash of its content, so once."""
    for asset in source.assets:
        if not store.path(asset.uri).exists():
            store.put_bytes(asset.content(), asset.uri)


def _observer(arguments: Namespace) -> Lines | LiveTable:
    if sys.stderr.isatty() and sys.stdout.isatty() and not arguments.json:
        from dagwright.cli.table import LiveTable

        return LiveTable()
    return Lines(sys.stderr)
