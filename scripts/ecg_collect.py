"""Put the reports of all hosts together, and make sure that every signal was reduced once.

In:  `--reports`: a folder with `<host>.json` of each host of ecg_pca.py.
Out: `--summary`: `summary.json`: hosts, objects, rows, cells without a number, and the mean share of the variance that
     the components explain.

It fails if a host has not reported, if two hosts have worked on one object, if there was nothing to work on, and, when
`--expected` says how many objects there are, if there were more or fewer.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

PROCESSING = Path("/opt/ml/processing")
OUTPUT = Path("/opt/ml/output")
REPORT = {"host": str, "hosts": list, "components": int, "files": int, "objects": list}
OBJECT = {"name": str, "rows": int, "missing": int, "explained_variance_ratio": list}


class InputError(Exception):
    """What came in cannot be used; the text is the sentence that the person sees."""


class Parser(argparse.ArgumentParser):
    """Wrong words end like every other bad input: one sentence, in the message file too."""

    def error(self, message: str) -> NoReturn:
        raise InputError(message)


def read_arguments(words: Sequence[str] | None) -> argparse.Namespace:
    """The folders and the number of this run; the folders default to the container's."""
    parser = Parser(description="Put the reports of all hosts together.", allow_abbrev=False)
    parser.add_argument("--reports", type=Path, default=PROCESSING / "input/reports", help="folder with <host>.json")
    parser.add_argument("--summary", type=Path, default=PROCESSING / "output/summary", help="folder for summary.json")
    parser.add_argument("--message-folder", type=Path, default=OUTPUT, help="where a failure leaves its reason")
    parser.add_argument("--expected", type=int, default=0, help="how many objects there are; 0: not known")
    return parser.parse_args(words)


def read_reports(folder: Path) -> list[dict[str, Any]]:
    """The reports, by the names of their hosts. Raises InputError with the file that is none."""
    reports = []
    for path in sorted(folder.glob("*.json")):
        try:
            report = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise InputError(f"{path.name} is no JSON: {error}") from error
        if not is_report(report):
            raise InputError(f"{path.name} is no report of ecg_pca.py")
        reports.append(report)
    if not reports:
        raise InputError(f"no report below {folder}")
    return reports


def has_members(value: Any, members: Mapping[str, type]) -> bool:
    """Whether it is a JSON object with these members of these types."""
    return isinstance(value, dict) and all(isinstance(value.get(name), kind) for name, kind in members.items())


def is_report(value: Any) -> bool:
    """Whether it has all that is read of a report here."""
    if not has_members(value, REPORT) or not all(isinstance(host, str) for host in value["hosts"]):
        return False
    if not all(has_members(line, OBJECT) for line in value["objects"]):
        return False
    shares = [share for line in value["objects"] for share in line["explained_variance_ratio"]]
    return all(isinstance(share, (int, float)) and math.isfinite(share) for share in shares)


def list_names(names: Sequence[str]) -> str:
    """The first five of the names, and how many more there are."""
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def check_reports(reports: Sequence[dict[str, Any]], expected: int) -> None:
    """Raises InputError with everything that is wrong."""
    problems = []
    silent = sorted(set(reports[0]["hosts"]) - {report["host"] for report in reports})
    if silent:
        problems.append(f"no report of {list_names(silent)}")
    counted = Counter(line["name"] for report in reports for line in report["objects"])
    twice = sorted(name for name, count in counted.items() if count > 1)
    if twice:
        problems.append(f"{list_names(twice)} reduced more than once; is the input divided by ShardedByS3Key?")
    if not counted:
        problems.append("there was no object to reduce")
    elif expected not in (0, len(counted)):
        problems.append(f"{len(counted)} objects reduced, and there are {expected}")
    if problems:
        raise InputError("; ".join(problems))


def summarise(reports: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The content of summary.json."""
    lines = [line for report in reports for line in report["objects"]]
    shares = [sum(line["explained_variance_ratio"]) for line in lines]
    return {
        "hosts": {report["host"]: report["files"] for report in reports},
        "objects": len(lines),
        "rows": sum(line["rows"] for line in lines),
        "missing": sum(line["missing"] for line in lines),
        "components": reports[0]["components"],
        "explained_variance": {"mean": round(sum(shares) / len(shares), 6), "least": round(min(shares), 6)},
    }


def run(arguments: argparse.Namespace) -> None:
    """Read, check, write."""
    reports = read_reports(arguments.reports)
    check_reports(reports, arguments.expected)
    summary = summarise(reports)
    arguments.summary.mkdir(parents=True, exist_ok=True)
    text = json.dumps(summary, indent=2, allow_nan=False)
    (arguments.summary / "summary.json").write_text(text + "\n", encoding="utf-8")
    print(f"{summary['objects']} objects with {summary['rows']} rows on {len(reports)} host(s), each once", flush=True)


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
        print(f"ecg_collect: {error}", file=sys.stderr)
        leave_message(str(error), folder)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
