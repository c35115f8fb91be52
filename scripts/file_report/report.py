"""The JSON of `process_data.sh`: what the shell cannot read and write safely. Standard library only.

    identity CONFIG               the job's name, this host and the number of hosts, each ended by a NUL, from
                                  processingjobconfig.json and resourceconfig.json in the folder CONFIG
    write COUNTS FOLDER           report-<host>.json from the counts of each file (fields ended by NUL); the totals go
                                  to standard output, one line in CloudWatch's embedded metric format
    merge --input --output        the reports of all hosts as summary.json, which stays small, and files.json

The metrics' dimensions are the variables PIPELINE, STEP and ENVIRONMENT of the job: the same in every run, so that each
stays one metric. The job's name is a property beside them: as a dimension it would be a new, billed metric every run.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

PROCESSING = Path("/opt/ml/processing")
OUTPUT = Path("/opt/ml/output")
NAMESPACE = "FileReport"
DIMENSIONS = {"Pipeline": "PIPELINE", "Step": "STEP", "Environment": "ENVIRONMENT"}
FIELDS = ("bytes", "clean_bytes", "rows", "rejected", "blank_lines", "columns")
METRICS = {"Files": "Count", "Rows": "Count", "RejectedRows": "Count", "InputBytes": "Bytes", "Duration": "Seconds"}


class InputError(Exception):
    """What came in cannot be used; the text is the sentence that the person sees."""


class Parser(argparse.ArgumentParser):
    """Wrong words end like every other bad input: one sentence."""

    def error(self, message: str) -> NoReturn:
        raise InputError(message)


def read_arguments(words: Sequence[str] | None) -> argparse.Namespace:
    """What to do and with which folders."""
    parser = Parser(description="The JSON of process_data.sh.", allow_abbrev=False)
    parser.set_defaults(message_folder=None)
    tasks = parser.add_subparsers(required=True, parser_class=Parser)
    identity = tasks.add_parser("identity", help="which job and host this is")
    identity.add_argument("config", type=Path)
    identity.set_defaults(run=identify)
    writing = tasks.add_parser("write", help="the report of one host")
    writing.add_argument("counts", type=Path)
    writing.add_argument("folder", type=Path)
    writing.add_argument("--job", required=True)
    writing.add_argument("--host", required=True)
    writing.add_argument("--seconds", type=float, required=True)
    writing.set_defaults(run=write)
    merging = tasks.add_parser("merge", help="one summary of all reports")
    merging.add_argument("--input", type=Path, default=PROCESSING / "input/report", help="folder with report-*.json")
    merging.add_argument("--output", type=Path, default=PROCESSING / "output/summary", help="folder for summary.json")
    merging.add_argument("--message-folder", type=Path, default=OUTPUT, help="where a failure leaves its reason")
    merging.set_defaults(run=merge)
    return parser.parse_args(words)


def read_object(path: Path) -> dict[str, Any]:
    """A JSON object. Raises InputError."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise InputError(f"{path} holds no JSON object")
    return content


def identify(arguments: argparse.Namespace) -> None:
    """SageMaker tells a processing job who it is in these two files, and in no variable."""
    job = read_object(arguments.config / "processingjobconfig.json").get("ProcessingJobName")
    resources = read_object(arguments.config / "resourceconfig.json")
    host, hosts = resources.get("current_host"), resources.get("hosts")
    if not (isinstance(job, str) and isinstance(host, str) and isinstance(hosts, list) and host in hosts):
        raise InputError(f"{arguments.config} does not say which job and host this is")
    for word in (job, host, str(len(hosts))):
        sys.stdout.write(f"{word}\0")


def read_counts(path: Path) -> Iterator[dict[str, Any]]:
    """One entry for each file, from NUL-ended fields: a name may hold anything else."""
    words = path.read_bytes().split(b"\0")[:-1]
    for start in range(0, len(words), 1 + len(FIELDS)):
        name, *numbers = words[start : start + 1 + len(FIELDS)]
        try:
            counts = dict(zip(FIELDS, map(int, numbers), strict=True))
        except ValueError as error:
            raise InputError(f"{path} was not written by process_data.sh: {error}") from error
        # a key of S3 is UTF-8; a file of another place may not be
        yield {"name": name.decode("utf-8", errors="backslashreplace"), **counts}


def totals(files: list[dict[str, Any]]) -> dict[str, int]:
    """How many files, and the sums of what was counted in them."""
    counted = {field: sum(file[field] for file in files) for field in FIELDS if field != "columns"}
    return {"files": len(files), **counted}


def metric_line(sums: dict[str, int], job: str, host: str, seconds: float) -> str:
    """One document of the embedded metric format, whose timestamp is in milliseconds."""
    dimensions = {name: os.environ.get(variable) or "none" for name, variable in DIMENSIONS.items()}
    values = (sums["files"], sums["rows"], sums["rejected"], sums["bytes"], seconds)
    directive = {
        "Namespace": NAMESPACE,
        "Dimensions": [list(dimensions)],
        "Metrics": [{"Name": name, "Unit": unit} for name, unit in METRICS.items()],
    }
    about = {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [directive]}
    return json.dumps(
        {"_aws": about, **dimensions, **dict(zip(METRICS, values, strict=True)), "JobName": job, "Host": host},
        allow_nan=False,
    )


def write(arguments: argparse.Namespace) -> None:
    """The report of one host; the totals as metrics."""
    files = list(read_counts(arguments.counts))
    sums = totals(files)
    content = {"job": arguments.job, "host": arguments.host, "totals": sums, "files": files}
    write_object(content, arguments.folder / f"report-{arguments.host}.json")
    print(metric_line(sums, arguments.job, arguments.host, arguments.seconds), flush=True)


def read_files(path: Path) -> list[dict[str, Any]]:
    """What one report says of each file. Raises InputError."""
    files = read_object(path).get("files")
    if not isinstance(files, list) or not all(isinstance(file, dict) for file in files):
        raise InputError(f"{path.name} is a report without files")
    for file in files:
        wrong = [name for name in FIELDS if type(file.get(name)) is not int]
        if not isinstance(file.get("name"), str) or wrong:
            raise InputError(f"{path.name} holds a file without {', '.join(wrong) or 'name'}")
    return [{name: file[name] for name in ("name", *FIELDS)} for file in files]


def merge(arguments: argparse.Namespace) -> None:
    """The reports of all hosts as one, with the share of records that were rejected."""
    paths = sorted(arguments.input.glob("report-*.json"))
    if not paths:
        raise InputError(f"no report-*.json in {arguments.input}")
    files = sorted((file for path in paths for file in read_files(path)), key=lambda file: str(file["name"]))
    sums = totals(files)
    if not files:
        raise InputError("no host found a *.csv file")
    records = sums["rows"] + sums["rejected"]
    share = sums["rejected"] / records if records else 0.0
    arguments.output.mkdir(parents=True, exist_ok=True)
    write_object({"files": files}, arguments.output / "files.json")
    summary = {"hosts": len(paths), "totals": sums, "rejected_share": share}
    write_object(summary, arguments.output / "summary.json")
    print(f"{len(files)} files of {len(paths)} hosts: {sums['rows']} rows, {sums['rejected']} rejected ({share:.2%})")


def write_object(content: dict[str, Any], path: Path) -> None:
    """Whole, or not at all."""
    aside = path.with_name(f".part-{path.name}")
    aside.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    aside.replace(path)


def leave_message(reason: str, folder: Path) -> None:
    """Write the reason where SageMaker reads a job's ExitMessage: 1 KB of UTF-8. Outside a container only if asked."""
    if folder != OUTPUT or OUTPUT.parent.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "message").write_bytes(reason.encode()[:1024].decode(errors="ignore").encode())


def main(words: Sequence[str] | None = None) -> int:
    """Run with these words; the exit code is 0, or 1 when the input cannot be used."""
    folder = None
    try:
        arguments = read_arguments(words)
        folder = arguments.message_folder
        arguments.run(arguments)
    except (InputError, OSError) as error:
        print(f"report: {error}", file=sys.stderr)
        if folder:
            leave_message(str(error), folder)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
