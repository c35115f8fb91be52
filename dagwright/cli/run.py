"""`run`: starts a pipeline where `--env` says and follows it to its end."""

from __future__ import annotations

import shlex
import sys
from argparse import Namespace
from contextlib import closing
from typing import TYPE_CHECKING

from dagwright.cli import DONE, EXECUTION_FAILED, FAILED
from dagwright.cli.commit import PARAMETER, current_commit
from dagwright.cli.ending import ending
from dagwright.cli.engines import command, engine_of, source_words
from dagwright.cli.explain import explanation, refuse_cache_words
from dagwright.cli.local import begun_here
from dagwright.cli.local_words import OfThisMachine, words_of_this_machine
from dagwright.cli.progress import Lines
from dagwright.cli.sources import source_of
from dagwright.cli.text import as_json, columns
from dagwright.definition.parameters import read_assignments
from dagwright.definition.slices import Slice
from dagwright.engines.engine import Start
from dagwright.engines.execution import SUCCEEDED, Execution, Observer
from dagwright.errors import UsageError

if TYPE_CHECKING:
    from dagwright.cli.table import LiveTable


def run(arguments: Namespace) -> int:
    """0 if it succeeded or is left on purpose, 1 if its end was not waited for, 3 if it failed or was stopped."""
    if arguments.runtime and arguments.env != "local":
        raise UsageError("--runtime is for runs on this machine", hint="Leave it out: AWS runs the images themselves.")
    refuse_libraries_on_aws(arguments)
    refuse_cache_words(arguments)
    if arguments.check:
        from dagwright.cli.run_check import run_check

        return run_check(arguments, start_of)
    if arguments.resume:
        _refuse_what_is_settled(arguments)
    with closing(engine_of(arguments)) as engine:
        with closing(observer_of(arguments)) as observer:
            if arguments.resume:
                execution = engine.resume(arguments.resume, observer, _current(arguments, observer))
            elif arguments.detach:
                execution = engine.start(start_of(arguments, observer), observer)
            else:
                execution = engine.run(start_of(arguments, observer), observer)
        if execution.ended:
            engine.complete(execution)
        said = ending(engine, execution, arguments) if execution.ended else _left(execution, arguments)
        if arguments.explain and execution.ended:
            said = f"{said}\n{explanation(engine, execution)}"
    print(said, file=sys.stderr if arguments.json else sys.stdout)
    if arguments.json:
        print(as_json(execution.as_json()))
    if not execution.ended:
        return DONE if arguments.detach else FAILED
    return DONE if execution.status == SUCCEEDED else EXECUTION_FAILED


def _current(arguments: Namespace, observer: Observer) -> Start | None:
    """The pipeline of the execution to be resumed as it is now, if that is asked for."""
    if not arguments.with_current_code:
        return None
    if arguments.env != "local":
        what = "--with-current-code: on AWS an execution goes on with the code that it was started with"
        raise UsageError(what, hint="Upsert the pipeline, and run it: from where it failed with --from STEP.")
    if not (arguments.pipeline or arguments.file):
        begun = begun_here(arguments)
        word, _, file = begun.words.partition(" ")
        arguments.pipeline, arguments.file = (None, shlex.split(file)[0]) if word == "--file" else (begun.words, None)
    return start_of(arguments, observer)


def refuse_libraries_on_aws(arguments: Namespace) -> None:
    """Raises UsageError: there jobs have the libraries of their images."""
    if arguments.libraries and arguments.env != "local":
        raise UsageError(
            "--libraries is for runs on this machine", hint="Leave it out: AWS runs the images themselves."
        )


def start_of(arguments: Namespace, observer: Observer) -> Start:
    """What the words of the command line ask for. What an input is sized to is noted.

    Raises UsageError, ParameterError, DefinitionError.
    """
    if arguments.with_current_code and not arguments.resume:
        raise UsageError("--with-current-code goes with --resume", hint="A new run has the current code anyway.")
    part = Slice(tuple(arguments.from_steps), tuple(arguments.to_steps), tuple(arguments.only_steps))
    _refuse_what_is_local(arguments)
    if arguments.source and not part:
        raise UsageError("--source goes with --from, --to or --only", hint="To go on with one that failed: --resume.")
    source = source_of(arguments)
    here = OfThisMachine(arguments, source.graph)
    offered: dict[str, str | int] = {}
    given = read_assignments(arguments.parameter)
    if PARAMETER in source.graph.parameters and PARAMETER not in given and arguments.pipeline:
        commit = current_commit(arguments.root)
        offered = {PARAMETER: commit} if commit else {}
    if source.input_sizes:
        from dagwright.cli.sizes import offered_sizes

        offered |= offered_sizes(source.input_sizes, given, arguments, observer.noted)
    return Start(
        pipeline=source.name,
        graph=source.graph,
        given=given,
        offered=offered,
        measured=frozenset(one.name for size in source.input_sizes for one in size.parameters),
        assets=source.assets,
        deployed_name=source.deployed_name,
        words=source_words(arguments, source.name),
        part=part,
        source=arguments.source or "",
        interruptions=tuple(arguments.interrupt),
        failures=tuple(arguments.fail),
        stand_ins=here.stand_ins,
        maps=here.maps,
        expected=here.expected,
        uses_cache=not arguments.no_cache,
        explains=arguments.explain,
    )


def _refuse_what_is_local(arguments: Namespace) -> None:
    """Raises UsageError for what only a run on this machine can be told."""
    if arguments.env == "local":
        return
    if arguments.interrupt:
        what = "--interrupt: on AWS only Spot itself interrupts a training"
        raise UsageError(what, hint="Leave it out, or run on this machine: without --env.")
    here = {"--fail": arguments.fail, **words_of_this_machine(arguments)}
    given = [word for word, value in here.items() if value]
    if given:
        what = f"{', '.join(given)}: only a run on this machine can be told"
        raise UsageError(what, hint="Leave it out, or run on this machine: without --env.")


def _refuse_what_is_settled(arguments: Namespace) -> None:
    """An execution goes on as it was started."""
    which = {} if arguments.with_current_code else {"PIPELINE": arguments.pipeline, "--file": arguments.file}
    words = {
        **which,
        "-p": arguments.parameter,
        "--from": arguments.from_steps,
        "--to": arguments.to_steps,
        "--only": arguments.only_steps,
        "--source": arguments.source,
        "--interrupt": arguments.interrupt,
        "--no-cache": arguments.no_cache,
        "--fail": arguments.fail,
        **words_of_this_machine(arguments),
        "--detach": arguments.detach,
    }
    if arguments.env == "local":
        del words["--limit"]  # of the machine, not of the execution
    given = [word for word, value in words.items() if value]
    if given:
        what = f"--resume goes on with an execution as it was started: {', '.join(given)} cannot be given with it"
        raise UsageError(what, hint="Name the execution only.")


def _left(execution: Execution, arguments: Namespace) -> str:
    """What to say of an execution that goes on without us."""
    name = execution.address
    ways = {"follow": f"logs {name} --follow", "look": f"status {name}", "stop": f"stop {name}"}
    rows = [[word, command(arguments, words)] for word, words in ways.items()]
    return "\n".join([f"Execution {execution.arn} goes on.", columns(rows, indent="  ")])


def observer_of(arguments: Namespace) -> Lines | LiveTable:
    """Who shows the progress: a live table on a terminal, else lines on standard error."""
    if sys.stderr.isatty() and sys.stdout.isatty() and not arguments.json:
        from dagwright.cli.table import LiveTable

        return LiveTable()
    return Lines(sys.stderr)
