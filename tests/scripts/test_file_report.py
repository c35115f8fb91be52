"""The program of the file-report image: real and bad files, how it ends, its metrics; what its Dockerfile promises."""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[2] / "scripts/file_report"
PROGRAM = FOLDER / "process_data.sh"
NAME_LIMIT, DIMENSION_LIMIT, METRIC_LIMIT = 1024, 30, 100
UNITS = {"Seconds", "Bytes", "Count", "Percent", "None"}


@dataclass(frozen=True)
class Report:
    """One host's folders, and its program run in them."""

    folder: Path

    def put(self, name: str, content: str | bytes) -> None:
        path = self.folder / "input" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)

    def words(self) -> list[str]:
        options = ("input", "clean", "rejected", "report", "config", "message-folder")
        return [str(PROGRAM), *(word for name in options for word in (f"--{name}", str(self.folder / name)))]

    def run(self, *words: str, variables: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self.words(), *words],
            env={"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", **(variables or {})},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def fails(self, *words: str) -> str:
        """The sentence it ends with: on standard error, and in the message."""
        done = self.run(*words)
        assert done.returncode == 1, done.stdout + done.stderr
        said = (self.folder / "message-folder/message").read_text()
        assert done.stderr.splitlines()[-1] == f"process_data.sh: {said}"
        assert "\n" not in said
        return said

    def succeeds(self, **variables: str) -> str:
        done = self.run(variables=variables)
        assert (done.returncode, done.stderr) == (0, "")
        assert not list(self.folder.rglob(".part-*"))
        return done.stdout

    def report(self) -> Any:
        (path,) = (self.folder / "report").iterdir()
        return json.loads(path.read_text())

    def clean(self, name: str) -> str:
        return gzip.decompress((self.folder / "clean" / f"{name}.gz").read_bytes()).decode()


@pytest.fixture
def host(tmp_path: Path) -> Report:
    return host_of(tmp_path, ["algo-1"])


def host_of(folder: Path, hosts: list[str]) -> Report:
    (folder / "input").mkdir(parents=True)
    (folder / "config").mkdir()
    job = {"ProcessingJobName": "job-1", "Environment": {"ProcessingJobName": "another"}}
    (folder / "config/processingjobconfig.json").write_text(json.dumps(job, indent=2))
    resources = {"current_host": hosts[-1], "hosts": hosts}
    (folder / "config/resourceconfig.json").write_text(json.dumps(resources))
    return Report(folder)


# ---- what it makes of files ----


def test_records_are_cleaned_and_those_of_another_width_put_aside(host: Report) -> None:
    host.put("a.csv", '\ufeffx,y,z\r\n1,2,3\r\n\r\n  \n4,"a, b\nsays ""c""",6\n7,8\n9,10,11,12\n13,14,15')
    printed = host.succeeds()
    assert host.clean("a.csv") == 'x,y,z\n1,2,3\n4,"a, b\nsays ""c""",6\n13,14,15\n'
    assert (host.folder / "rejected/a.csv").read_text() == "7:7,8\n8:9,10,11,12\n"
    assert "a.csv: 3 rows in 3 columns kept, 2 rejected, 2 blank lines dropped" in printed
    (file,) = host.report()["files"]
    assert file == {
        "name": "a.csv", "bytes": (host.folder / "input/a.csv").stat().st_size,
        "clean_bytes": (host.folder / "clean/a.csv.gz").stat().st_size,
        "rows": 3, "rejected": 2, "blank_lines": 2, "columns": 3,
    }  # fmt: skip


def test_names_may_hold_anything(host: Report) -> None:
    names = ["with space.csv", "line\nend.csv", "deep/er/-n.csv", "é=1.csv", "quote'\"$(id).csv", "*.csv"]
    for name in names:
        host.put(name, "x\n1\n")
    printed = host.succeeds()
    assert {file["name"] for file in host.report()["files"]} == set(names)
    assert all(host.clean(name) == "x\n1\n" for name in names)
    assert "line?end.csv: 1 rows" in printed


def test_a_huge_line_is_a_line(host: Report) -> None:
    wide = ",".join(["1234567"] * 500_000)
    host.put("a.csv", f"{wide}\n{wide}\n1,2\n")
    host.succeeds()
    (file,) = host.report()["files"]
    assert (file["rows"], file["rejected"], file["columns"]) == (1, 1, 500_000)


def test_a_quote_that_nobody_closes_does_not_swallow_the_file(host: Report) -> None:
    rows = "".join(f"{number},value\n" for number in range(200_000))
    host.put("a.csv", f'x,y\n1,"open\n{rows}')
    host.succeeds()
    (file,) = host.report()["files"]
    assert (file["rejected"], file["rows"]) == (1, 200_000 - 10_000)


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    made = []
    for name in ("one", "two"):
        host = host_of(tmp_path / name, ["algo-1"])
        host.put("a.csv", "x,y\n1,2\n")
        host.succeeds()
        made.append((host.folder / "clean/a.csv.gz").read_bytes())
    assert made[0] == made[1]


@pytest.mark.parametrize("program", ["mawk", "gawk", "original-awk", "busybox"])
def test_every_awk_gives_the_same(host: Report, tmp_path: Path, program: str) -> None:
    found = shutil.which(program)
    if not found:
        pytest.skip(f"{program} is not on this machine")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/awk").write_text(f'#!/bin/sh\nexec {found}{" awk" if program == "busybox" else ""} "$@"\n')
    (tmp_path / "bin/awk").chmod(0o755)
    host.put("a.csv", '\ufeffü,y\n1,"a\n,b"\n3\n')
    done = host.run(variables={"PATH": f"{tmp_path}/bin:{Path(sys.executable).parent}:{os.environ['PATH']}"})
    assert done.returncode == 0, done.stderr
    assert host.clean("a.csv") == 'ü,y\n1,"a\n,b"\n'


# ---- input that cannot be used ----


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "'a b.csv' is empty: it has no header"),
        (" \n\r\n", "'a b.csv' is blank: it has no header"),
        (b"x,y\n1,\0\n", "'a b.csv' is no text: it has NUL bytes"),
        (b"x,y\n1,\xff\n", "'a b.csv' is not UTF-8"),
        (gzip.compress(b"x,y\n" * 99, mtime=0), "'a b.csv' is no text: it has NUL bytes"),
    ],
)
def test_a_file_that_is_no_csv_is_named(host: Report, content: str | bytes, said: str) -> None:
    host.put("a b.csv", content)
    assert host.fails() == said
    assert list((host.folder / "clean").iterdir()) == []


def test_what_is_not_there_is_named(host: Report) -> None:
    assert host.fails() == f"no *.csv file below {host.folder}/input"
    assert host.fails("--input", "/no/such") == "the folder /no/such is not there"
    assert host.fails("--wrong", "x").startswith("'--wrong' is no argument")
    assert host.fails("--input") == "'--input' has no value"
    assert host.fails("--clean", "/proc/clean") == f"user {os.getuid()} cannot write to /proc/clean"
    (host.folder / "input/a.csv").symlink_to("/no/such")
    assert host.fails() == "'a.csv' is no regular file"


def test_a_pipe_is_not_waited_for(host: Report) -> None:
    os.mkfifo(host.folder / "input/a.csv")
    assert host.fails() == "'a.csv' is no regular file"


@pytest.mark.skipif(os.getuid() == 0, reason="nothing is unreadable to root")
def test_a_file_that_cannot_be_read_is_named(host: Report) -> None:
    host.put("a.csv", "x\n1\n")
    (host.folder / "input/a.csv").chmod(0)
    assert host.fails() == "'a.csv' cannot be read"


def test_one_of_several_hosts_may_have_no_file(tmp_path: Path) -> None:
    host = host_of(tmp_path, ["algo-1", "algo-2"])
    host.succeeds()
    report = host.report()
    assert (report["host"], report["files"], report["totals"]["files"]) == ("algo-2", [], 0)


@pytest.mark.parametrize(
    ("name", "text"),
    [("processingjobconfig.json", "{"), ("processingjobconfig.json", "{}"), ("resourceconfig.json", '{"hosts": []}')],
)
def test_without_its_identity_it_does_not_start(host: Report, name: str, text: str) -> None:
    (host.folder / "config" / name).write_text(text)
    assert host.fails() == f"{host.folder}/config does not say which job and host this is"


def test_a_command_that_fails_is_named_with_its_file(host: Report, tmp_path: Path) -> None:
    """No later command makes a success of it: the middle of a pipe counts."""
    host.put("a.csv", "x\n1\n")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/gzip").write_text("#!/bin/sh\ncat > /dev/null\nexit 7\n")
    (tmp_path / "bin/gzip").chmod(0o755)
    done = host.run(variables={"PATH": f"{tmp_path}/bin:{Path(sys.executable).parent}:{os.environ['PATH']}"})
    assert done.returncode == 7
    said = (host.folder / "message-folder/message").read_text()
    assert said.startswith("'gzip -n -6")
    assert said.endswith("failed with exit code 7 while reading 'a.csv'")
    assert list((host.folder / "clean").iterdir()) == []


def test_a_long_message_is_cut_between_characters(host: Report) -> None:
    for _ in range(2):
        host.put("/".join(["ü" * 100] * 7) + "/" + "x" * _ + ".csv", "")
    host.run()
    message = (host.folder / "message-folder/message").read_bytes()
    assert 1000 < len(message) <= 1024
    assert message.decode().startswith("'üü")


def test_a_stop_ends_it_while_it_works_and_leaves_nothing_half_done(host: Report, tmp_path: Path) -> None:
    host.put("a.csv", "x\n1\n")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/gzip").write_text(f"#!/bin/sh\necho began > {tmp_path}/began\nexec sleep 600\n")
    (tmp_path / "bin/gzip").chmod(0o755)
    os.mkfifo(tmp_path / "began")
    path = f"{tmp_path}/bin:{Path(sys.executable).parent}:{os.environ['PATH']}"
    process = subprocess.Popen(
        host.words(), env={"PATH": path}, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    with process:
        assert (tmp_path / "began").read_text() == "began\n"
        began = time.monotonic()
        process.terminate()  # process 1 alone, as in a container
        assert process.wait(30) == 143
        assert time.monotonic() - began < 10
        os.killpg(process.pid, signal.SIGKILL)
    assert (host.folder / "message-folder/message").read_text() == "stopped by SIGTERM while reading 'a.csv'"
    assert not list(host.folder.rglob(".part-records"))


# ---- the reports of all hosts ----


def merge(folder: Path) -> subprocess.CompletedProcess[str]:
    words = ("--input", folder / "all", "--output", folder / "summary", "--message-folder", folder / "message-folder")
    command = [sys.executable, FOLDER / "report.py", "merge", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_reports_are_merged(tmp_path: Path) -> None:
    (tmp_path / "all").mkdir()
    for number in (1, 2):
        host = host_of(tmp_path / str(number), [f"algo-{n}" for n in range(1, number + 1)])
        host.put(f"{number}.csv", "x,y\n1,2\n3\n")
        host.succeeds()
        shutil.copy(next((host.folder / "report").iterdir()), tmp_path / "all")
    done = merge(tmp_path)
    assert done.returncode == 0, done.stderr
    summary = json.loads((tmp_path / "summary/summary.json").read_text())
    assert (summary["hosts"], summary["totals"]["files"], summary["rejected_share"]) == (2, 2, 0.5)
    files = json.loads((tmp_path / "summary/files.json").read_text())["files"]
    assert [file["name"] for file in files] == ["1.csv", "2.csv"]


@pytest.mark.parametrize(
    ("reports", "said"),
    [
        ({}, "no report-*.json in"),
        ({"report-a.json": "["}, "cannot be read"),
        ({"report-a.json": "[]"}, "holds no JSON object"),
        ({"report-a.json": "{}"}, "report-a.json is a report without files"),
        (
            {"report-a.json": '{"files": [{"name": "a"}]}'},
            "report-a.json holds a file without bytes, clean_bytes",
        ),
        ({"report-a.json": '{"files": [1]}'}, "report-a.json is a report without files"),
        ({"report-a.json": '{"files": []}'}, "no host found a *.csv file"),
    ],
)
def test_reports_that_cannot_be_merged_are_a_sentence(tmp_path: Path, reports: dict[str, str], said: str) -> None:
    (tmp_path / "all").mkdir()
    for name, text in reports.items():
        (tmp_path / "all" / name).write_text(text)
    done = merge(tmp_path)
    assert done.returncode == 1
    assert said in done.stderr
    assert said in (tmp_path / "message-folder/message").read_text()


# ---- metrics ----


def test_metrics_are_in_the_embedded_metric_format(host: Report) -> None:
    """By its specification: what the directive names stands at the root, dimensions as texts, values as numbers."""
    host.put("a.csv", "x\n1\n2,3\n")
    before = time.time() * 1000
    printed = host.succeeds(PIPELINE="file-report", STEP="CheckFiles", ENVIRONMENT="dev")
    document = json.loads(printed.splitlines()[-1])  # a log event is nothing but the document
    about = document["_aws"]
    assert set(about) == {"Timestamp", "CloudWatchMetrics"}
    assert isinstance(about["Timestamp"], int)
    assert before - 1000 <= about["Timestamp"] <= time.time() * 1000
    (directive,) = about["CloudWatchMetrics"]
    assert set(directive) == {"Namespace", "Dimensions", "Metrics"}
    assert 1 <= len(directive["Namespace"]) <= NAME_LIMIT
    assert directive["Dimensions"] == [["Pipeline", "Step", "Environment"]]
    assert len(directive["Dimensions"][0]) <= DIMENSION_LIMIT
    assert len(directive["Metrics"]) <= METRIC_LIMIT
    for metric in directive["Metrics"]:
        assert set(metric) == {"Name", "Unit"}
        assert metric["Unit"] in UNITS
        assert isinstance(document[metric["Name"]], (int, float))
        assert not isinstance(document[metric["Name"]], bool)
    assert [document[name] for name in directive["Dimensions"][0]] == ["file-report", "CheckFiles", "dev"]
    assert (document["Files"], document["Rows"], document["RejectedRows"]) == (1, 1, 1)
    assert document["JobName"] == "job-1", "a property, by which logs are searched"
    assert "JobName" not in directive["Dimensions"][0], "every run would be another metric, and billed as one"


def test_metrics_without_their_variables_have_the_same_dimensions(host: Report) -> None:
    host.put("a.csv", "x\n1\n")
    document = json.loads(host.succeeds().splitlines()[-1])
    assert (document["Pipeline"], document["Step"], document["Environment"]) == ("none", "none", "none")


# ---- the image ----


def test_the_dockerfile_keeps_its_promises() -> None:
    text = (FOLDER / "Dockerfile").read_text()
    lines = [line for line in text.replace("\\\n", " ").splitlines() if line.strip() and not line.startswith("#")]
    by_word: dict[str, list[str]] = {}
    for line in lines:
        by_word.setdefault(line.split()[0], []).append(line)
    (base,) = by_word["FROM"]
    assert re.fullmatch(r"FROM [a-z]+:[0-9.]+-slim@sha256:[0-9a-f]{64}", base), "by digest, not by a tag that moves"
    (user,) = by_word["USER"]
    (given,) = by_word["ARG"]
    assert (user, given) == ("USER ${JOB_USER}", "ARG JOB_USER=10001:10001"), "numbers, and not those of root"
    assert lines.index(user) > lines.index(by_word["COPY"][-1])
    for word in ("ENTRYPOINT", "CMD"):
        assert isinstance(json.loads(by_word[word][0].removeprefix(word)), list), f"{word} is for no shell"
    assert "RUN" not in by_word, "nothing is fetched or installed"
    assert not any("/opt/ml" in line for line in [*by_word["COPY"], *by_word["WORKDIR"]])
    for name in ("process_data.sh", "report.py"):
        assert name in by_word["COPY"][0]
        assert os.access(FOLDER / name, os.X_OK)


def test_the_script_stops_at_its_first_failure_and_shellcheck_finds_nothing() -> None:
    text = PROGRAM.read_text()
    assert text.startswith("#!/bin/bash\n")
    assert "\nset -Eeuo pipefail\n" in text
    assert "SAGEMAKER_JOB_NAME" not in text
    checker = shutil.which("shellcheck", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if not checker:
        pytest.skip("shellcheck is not installed (extra: dev)")
    done = subprocess.run([checker, "--severity=style", str(PROGRAM)], capture_output=True, text=True, check=False)
    assert done.stdout == ""
