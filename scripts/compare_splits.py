"""Make sure that several jobs have split a table the same way, byte for byte.

In:  `--splits`: a folder with one folder for each job, in which lie `train/train.csv`, `validation/validation.csv`,
     `test/test.csv` and `report/report.json`.
Out: `--agreement`: `agreement.json`: the jobs and the SHA-256 of what they all wrote.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

PROCESSING = Path("/opt/ml/processing")
OUTPUT = Path("/opt/ml/output")
FILES = ("train/train.csv", "validation/validation.csv", "test/test.csv")


class InputError(Exception):
    """What came in cannot be used; the text is the sentence that the person sees."""


class Parser(argparse.ArgumentParser):
    """Wrong words end like every other bad input: one sentence, in the message file too."""

    def error(self, message: str) -> NoReturn:
        raise InputError(message)


def read_arguments(words: Sequence[str] | None) -> argparse.Namespace:
    """The folders of this run; they default to the container's."""
    parser = Parser(description="Compare the splits of several jobs.", allow_abbrev=False)
    parser.add_argument("--splits", type=Path, default=PROCESSING / "input/splits", help="with a folder for each job")
    parser.add_argument("--agreement", type=Path, default=PROCESSING / "output/agreement", help="for agreement.json")
    parser.add_argument("--message-folder", type=Path, default=OUTPUT, help="where a failure leaves its reason")
    return parser.parse_args(words)


def compare(folders: Sequence[Path]) -> dict[str, str]:
    """The SHA-256 of each file. Raises InputError for every file that is not the first job's."""
    wanted: dict[str, str] = {}
    problems = []
    for folder in folders:
        for name in FILES:
            path = folder / name
            if not path.is_file():
                problems.append(f"{folder.name} has no {name}")
                continue
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            if wanted.setdefault(name, digest) != digest:
                problems.append(f"{folder.name}/{name} is another than that of {folders[0].name}")
    if problems:
        raise InputError("; ".join(problems))
    return wanted


def read_processor(path: Path) -> str:
    """The processor that a report names. Raises InputError."""
    try:
        processor = json.loads(path.read_text(encoding="utf-8"))["processor"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} was not written by split.py: {error!r}") from error
    if not isinstance(processor, str):
        raise InputError(f"{path} was not written by split.py: its processor is {processor!r}")
    return processor


def run(arguments: argparse.Namespace) -> None:
    """Compare, write."""
    folders = sorted(path for path in arguments.splits.iterdir() if path.is_dir())
    if len(folders) < 2:
        raise InputError(f"{len(folders)} jobs below {arguments.splits}: there is nothing to compare")
    digests = compare(folders)
    processors = [read_processor(folder / "report/report.json") for folder in folders]
    arguments.agreement.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"processors": processors, "sha256": digests}, indent=2)
    (arguments.agreement / "agreement.json").write_text(text + "\n", encoding="utf-8")
    print(f"the same bytes from {', '.join(processors)}", flush=True)


def leave_message(reason: str, folder: Path) -> None:
    """Write the reason where SageMaker reads a job's ExitMessage: 1 KB of UTF-8. Outside a container only if asked."""
    if folder != OUTPUT or OUTPUT.parent.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "message").write_bytes(reason.encode()[:1024].decode(errors="ignore").encode())


def main(words: Sequence[str] | None = None) -> int:
    """Run with these words; the exit code is 0, or 1 when the input cannot be used."""
    folder = OUTPUT
    try:
        arguments = read_arguments(words)
        folder = arguments.message_folder
        run(arguments)
    except (InputError, OSError) as error:
        print(f"compare_splits: {error}", file=sys.stderr)
        leave_message(str(error), folder)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
