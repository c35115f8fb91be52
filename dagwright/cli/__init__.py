"""The command line: words in, an exit code out. One file per command; this one knows the exit codes, `words` the words.

0   done, or nothing to change        3   the pipeline execution failed or was stopped
1   failed                            64  wrong usage
2   the plan has changes
"""

from __future__ import annotations

import errno
import gc
import json
import os
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from dagwright.cli.words import ENVIRONMENTS, parser
from dagwright.errors import DagwrightError, InternalError, StorageError, UsageError, did_you_mean

DONE, FAILED, CHANGES, EXECUTION_FAILED, USAGE = 0, 1, 2, 3, 64


def main(argv: Sequence[str] | None = None, root: Path | None = None) -> int:
    """Run one command in the project folder `root` (default: the nearest folder above with a `config/`)."""
    words = list(sys.argv[1:] if argv is None else argv)
    _open_streams()
    try:
        return _answered(words, root)
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - the reader has gone: nobody is left
        return FAILED


def _answered(words: list[str], root: Path | None) -> int:
    """The exit code, after an error that is not the reader's having gone has been reported."""
    try:
        return _run(words, root)
    except BrokenPipeError:
        raise
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
    arguments = parser().parse_args(words)
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
        print(json.dumps({"error": error.message, "hint": error.hint, "problems": problems}, indent=2), flush=True)
    return USAGE if isinstance(error, UsageError) else FAILED


def _project_folder() -> Path:
    here = Path.cwd()
    return next((folder for folder in (here, *here.parents) if (folder / "config" / "project.yaml").is_file()), here)
