"""The command line: words in, an exit code out. One file per command; this one knows the words and the exit codes.

0   done, or nothing to change        3   the pipeline execution failed or was stopped
1   failed                            64  wrong usage
2   the plan has changes
"""

from __future__ import annotations

import argparse
import errno
import gc
import json
import os
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import NoReturn

from dagwright.errors import DagwrightError, InternalError, StorageError, UsageError, did_you_mean

ENVIRONMENTS = ("local", "dev", "staging", "production")
DONE, FAILED, CHANGES, EXECUTION_FAILED, USAGE = 0, 1, 2, 3, 64


class _Parser(argparse.ArgumentParser):
    """Wrong words are an error like any other: one place prints it and chooses the exit code."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(message, hint=f"See: {self.prog} --help")


def main(argv: Sequence[str] | None = None, root: Path | None = None) -> int:
    """Run one command in the project folder `root` (default: the nearest folder above with a `config/`)."""
    words = list(sys.argv[1:] if argv is None else argv)
    _open_streams()
    try:
        return _run(words, root)
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - the reader has gone: nobody is left
        return FAILED
    except DagwrightError as error:
        return _report(error, words)
    except KeyboardInterrupt:
        return _report(DagwrightError("interrupted"), words)
    except Exception as error:
        return _report(_explained(error), words)


def _explained(error: Exception) -> DagwrightError:
    """What nobody expected: the machine could not take our output, or we have a bug."""
    if isinstance(error, OSError) and error.filename is None and error.errno in (errno.ENOSPC, errno.EIO, errno.EBADF):
        return StorageError(f"The output cannot be written: {error.strerror}")
    what = f"This is a bug of dagwright: {type(error).__name__}: {error}"
    bug = InternalError(what, hint="Run it again with --debug for the traceback.")
    bug.__cause__ = error
    return bug


def _open_streams() -> None:
    """Every standard stream is there and takes any text, however this program was started."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115 - it stays open to the end
        elif mode == "w" and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _run(words: list[str], root: Path | None) -> int:
    # A command builds its objects and ends: looking for cycles among them all the while is a third of a long render.
    gc.set_threshold(100_000, 50, 100)
    arguments = _parser().parse_args(words)
    if arguments.env not in ENVIRONMENTS:
        hint = did_you_mean(arguments.env, ENVIRONMENTS)
        raise UsageError(f"--env {arguments.env}: there is no such environment", hint=hint)
    arguments.root = root or _project_folder()
    code: int = import_module(f"dagwright.cli.{arguments.module}").run(arguments)
    sys.stdout.flush()
    return code


def _report(error: DagwrightError, words: list[str]) -> int:
    from dagwright.cli.text import shown

    if "--debug" in words:
        traceback.print_exception(error)
    print("\n".join(shown(line) for line in str(error).splitlines()), file=sys.stderr)
    if "--json" in words:
        problems = [problem.as_json() for problem in error.problems]
        print(json.dumps({"error": error.message, "hint": error.hint, "problems": problems}, indent=2))
    return USAGE if isinstance(error, UsageError) else FAILED


def _project_folder() -> Path:
    here = Path.cwd()
    return next((folder for folder in (here, *here.parents) if (folder / "config" / "project.yaml").is_file()), here)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        description="One ML pipeline definition in Python: run it here, render it for SageMaker Pipelines.",
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True, parser_class=_Parser)

    def command(name: str, what: str, module: str = "", *, json_too: bool = True) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=what, description=what, allow_abbrev=False)
        added.set_defaults(module=module or name, command=name, json=False)
        added.add_argument("--env", default="local", metavar="E", help="local (default), dev, staging or production")
        added.add_argument("--debug", action="store_true", help="show the traceback of an error")
        if json_too:
            added.add_argument("--json", action="store_true", help="one JSON object on standard output")
        return added

    def which(added: argparse.ArgumentParser) -> None:
        added.add_argument("pipeline", nargs="?", metavar="PIPELINE", help="a pipeline of pipelines/")
        added.add_argument("--file", metavar="F", help="a pipeline-definition JSON instead; - for standard input")

    command("list", "the pipelines here, with their parameters", "list_pipelines")
    render = command("render", "print what a pipeline becomes", json_too=False)
    which(render)
    render.add_argument("--target", choices=("sagemaker", "mermaid"), default="sagemaker", help="default: sagemaker")
    render.add_argument("--out", metavar="FILE", help="write there instead of standard output")
    run = command("run", "run a pipeline and follow it")
    which(run)
    run.add_argument("-p", "--parameter", action="append", default=[], metavar="NAME=VALUE", help="a start value")
    upload = command("upload", "put data where pipelines read it")
    upload.add_argument("paths", nargs="+", metavar="PATH", help="files or folders")
    upload.add_argument("--to", required=True, metavar="PREFIX", help="raw/uploads, or a whole s3://bucket/prefix")
    status = command("status", "how an execution went, step by step")
    status.add_argument("execution", nargs="?", default="", metavar="EXECUTION", help="its id; default: the newest")
    logs = command("logs", "what the jobs of an execution printed")
    logs.add_argument("execution", nargs="?", default="", metavar="EXECUTION", help="its id; default: the newest")
    logs.add_argument("--step", metavar="STEP", help="of this step only")
    logs.add_argument("--tail", type=_count, metavar="N", help="the last N lines of each log")
    stop = command("stop", "stop a running execution")
    stop.add_argument(
        "execution", nargs="?", default="", metavar="EXECUTION", help="its id; default: the one that runs"
    )
    history = command("history", "the executions, newest first")
    history.add_argument("pipeline", nargs="?", default="", metavar="PIPELINE", help="of this pipeline only")
    history.add_argument("--limit", type=_count, default=20, metavar="N", help="at most N (default 20)")
    return parser


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text)):
        raise argparse.ArgumentTypeError(f"'{text:.40}' is not a number of 1 or more")
    return int(text)
