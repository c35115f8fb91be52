#!/usr/bin/env python3
"""Runs the notebook of a notebook job, as the program `amazon_sagemaker_scheduler` of Amazon's images does.

What comes in: the `SM_*` variables of the request, the notebook in its channel, its parameters as hyperparameters. What
goes out, in `/opt/ml/output/data`: the notebook as it was, the executed one, and the log; a reason in
`/opt/ml/output/failure` if a cell fails. Names and order of the steps are those of sagemaker-headless-execution-driver,
whose shell script has `/opt/ml` written into it and asks for sudo.

It runs on the Python of the job's image, which may be 3.8, and needs papermill there; all else is the standard library.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

BASE = Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"))
OUTPUT, FAILURE = BASE / "output/data", BASE / "output/failure"
LOG = "sagemaker_job_execution.log"
DEFINITION_VERSION = "1.0"
EXECUTE = "--execute"
_VARIABLE = re.compile(r"[^\W\d][\w.]*")  # with the dots of R
# A script for the start is read by the shell that starts the notebook: what it exports is there for the cells.
SOURCED = 'set -e; . "$1"; shift; exec "$@"'


class NotebookError(Exception):
    """The notebook cannot be run; the text is the sentence that the person sees."""


def main(words: list[str]) -> int:
    """Without words the whole job; with `--execute`, started by that, the notebook itself."""
    if words == [EXECUTE]:
        return execute()
    try:
        folder, notebook = staged()
        OUTPUT.mkdir(parents=True, exist_ok=True)
        shutil.copy(folder / notebook, OUTPUT)
        run_start_script(folder)
        code = logged(command(folder), folder)
    except (NotebookError, OSError) as error:
        return fail(str(error))
    if code and not FAILURE.exists():
        return fail(f"the notebook ended with exit code {code}")
    return code


def staged() -> tuple[Path, str]:
    """(the folder of the channel, the notebook's name in it)."""
    version = os.environ.get("SM_JOB_DEF_VERSION", "")
    if version != DEFINITION_VERSION:
        raise NotebookError(f"SM_JOB_DEF_VERSION is {version!r}; {DEFINITION_VERSION} is known here")
    folder = Path(os.environ.get("SM_EXECUTION_INPUT_PATH") or BASE / "input/data/sagemaker_headless_execution")
    notebook = os.environ.get("SM_INPUT_NOTEBOOK_NAME", "")
    if not notebook or not (folder / notebook).is_file():
        there = ", ".join(sorted(path.name for path in folder.glob("*"))) or "nothing"
        raise NotebookError(f"the notebook {notebook!r} is not in its channel, which holds {there}")
    return folder, notebook


def run_start_script(folder: Path) -> None:
    """The life-cycle script, in a shell of its own."""
    script = os.environ.get("SM_LCC_INIT_SCRIPT")
    if script and subprocess.call(["sh", str(folder / script)], cwd=folder):
        raise NotebookError(f"the life-cycle script {script} has failed")


def command(folder: Path) -> list[str]:
    """What runs the notebook: this program, after the job's own script for the start if it has one."""
    own = [sys.executable, os.path.abspath(__file__), EXECUTE]
    script = os.environ.get("SM_INIT_SCRIPT")
    if not script:
        return own
    if not (folder / script).is_file():
        raise NotebookError(f"the script for the start, {script}, is not in the notebook's channel")
    return [shutil.which("bash") or "sh", "-c", SOURCED, "start", str(folder / script), *own]


def logged(words: list[str], folder: Path) -> int:
    """The exit code of a command that runs in `folder` and whose output is the job's, and a file of its output."""
    with open(OUTPUT / LOG, "wb") as log:
        with subprocess.Popen(words, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
            for line in process.stdout or ():
                log.write(line)
                sys.stdout.buffer.write(line)
                sys.stdout.buffer.flush()
        return process.returncode


def execute() -> int:
    """Run the notebook in the current folder; the cells before a failing one have their output in what is written."""
    import papermill
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    notebook, kernel = os.environ["SM_INPUT_NOTEBOOK_NAME"], os.environ.get("SM_KERNEL_NAME") or "python3"
    try:
        language = None if has_language(notebook) else KernelSpecManager().get_kernel_spec(kernel).language
        papermill.execute_notebook(
            notebook, str(OUTPUT / output_name()), parameters(), kernel_name=kernel, language=language,
            progress_bar=False, stdout_file=sys.stdout, stderr_file=sys.stderr,
        )  # fmt: skip
    except NoSuchKernel:
        there = ", ".join(sorted(KernelSpecManager().find_kernel_specs())) or "none"
        return fail(f"there is no kernel {kernel!r} in this job's environment; its kernels: {there}")
    except papermill.PapermillExecutionError as error:
        return fail(f"cell {error.exec_count} of {notebook}: {error.ename}: {error.evalue}")
    except (papermill.PapermillException, OSError, ValueError) as error:
        return fail(f"{notebook}: {error}")
    return convert()


def has_language(notebook: str) -> bool:
    """Whether a notebook says which language it is in; if not, its kernel does."""
    with open(notebook, encoding="utf-8") as file:
        content = json.load(file)
    metadata = content.get("metadata", {}) if isinstance(content, dict) else None
    if not isinstance(metadata, dict) or not ({"cells", "worksheets"} & content.keys()):
        raise ValueError("this is no notebook: it has no cells, or no metadata")
    language = metadata.get("language_info", {})
    return isinstance(language, dict) and bool(language.get("name"))


def parameters() -> dict[str, str]:
    """The hyperparameters: all are texts, which the notebook finds below its cell tagged `parameters`.

    Raises ValueError for a name that would be more than a variable's there.
    """
    found = dict(json.loads((BASE / "input/config/hyperparameters.json").read_text(encoding="utf-8")))
    for name in found:
        if not _VARIABLE.fullmatch(name):
            raise ValueError(f"the parameter {name!r} has no name that a variable can have")
    return found


def output_name() -> str:
    """A pipeline variable may have put a time into the name: `-` for `.` and `:`, but before `ipynb`."""
    name = os.environ.get("SM_OUTPUT_NOTEBOOK_NAME") or "output.ipynb"
    return re.sub(r"-*ipynb$", ".ipynb", re.sub("[.:/]", "-", name))


def convert() -> int:
    """The other formats that the job asks for, by nbconvert."""
    for form in filter(None, os.environ.get("SM_OUTPUT_FORMATS", "").split(",")):
        words = [sys.executable, "-m", "nbconvert", "--to", form, str(OUTPUT / output_name())]
        if subprocess.call(words):
            return fail(f"the notebook ran, and cannot be converted to {form}: is nbconvert in this environment?")
    return 0


def fail(reason: str) -> int:
    """Say why, to who reads the log and to the service; the exit code."""
    sys.stderr.write(f"{reason}\n")
    FAILURE.parent.mkdir(parents=True, exist_ok=True)
    FAILURE.write_text(reason, encoding="utf-8", errors="replace")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
