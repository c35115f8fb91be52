"""The signals' scripts: what they make of a real recording, how it is divided, and what they refuse."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scripts.conftest import run_script
from sklearn.decomposition import PCA

Load = Callable[[str], ModuleType]


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample, cut into eight."""
    folder = tmp_path_factory.mktemp("ecg") / "objects"
    run_script("sample_ecg", "--out", folder, "--objects", 8)
    return folder


def reduce_to(folder: Path, source: Path, *words: object) -> dict[str, Any]:
    """The report of a run whose outputs go below the folder."""
    outputs = ("--components-output", folder / "components", "--report-output", folder / "reports")
    run_script("ecg_pca", "--input", source, *outputs, *words)
    (report,) = (folder / "reports").iterdir()
    found: dict[str, Any] = json.loads(report.read_text())
    return found


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def refusal(load_script: Load, folder: Path, source: Path, *words: str) -> str:
    """The message of a run that ends with exit code 1."""
    outputs = ["--components-output", str(folder / "components"), "--report-output", str(folder / "reports")]
    main = load_script("ecg_pca").main
    assert main(["--input", str(source), *outputs, "--message-folder", str(folder), *words]) == 1
    return (folder / "message").read_text()


def test_the_sample_is_the_recording_in_order_and_whole(recording: Path) -> None:
    from pydicom import dcmread
    from pydicom.data import get_testdata_file

    tables = [pd.read_csv(path) for path in sorted(recording.iterdir())]
    whole = pd.concat(tables)
    assert list(whole.columns) == ["time", *["I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6"]]
    assert {len(table) for table in tables} == {1250}
    assert whole["time"].to_numpy() == pytest.approx(np.arange(10_000) / 1000)
    samples = dcmread(str(get_testdata_file("waveform_ecg.dcm", download=False))).waveform_array(0)
    assert (whole.iloc[:, 1:].to_numpy() == samples).all()


def test_the_components_are_those_of_scikit_learn(recording: Path, tmp_path: Path) -> None:
    report = reduce_to(tmp_path, recording)
    for line in report["objects"]:
        signal = pd.read_csv(recording / line["name"]).iloc[:, 1:].to_numpy()
        model = PCA(4, svd_solver="full")
        wanted = model.fit_transform(signal)
        heaviest = model.components_[np.arange(4), np.abs(model.components_).argmax(axis=1)]
        found = np.loadtxt(tmp_path / "components" / f"pca_{line['name']}", delimiter=",")
        assert found == pytest.approx(wanted * np.sign(heaviest), abs=1e-6)
        assert line["explained_variance_ratio"] == pytest.approx(model.explained_variance_ratio_, abs=1e-8)
    assert (report["files"], report["rows"], report["missing"]) == (8, 10_000, 0)


def test_columns_may_be_chosen_as_the_first_four_leads(recording: Path, tmp_path: Path) -> None:
    report = reduce_to(tmp_path, recording, "--columns", "1,2,3,4", "--components", "2")
    signal = pd.read_csv(recording / "ecg_001.csv", usecols=[1, 2, 3, 4]).to_numpy()
    explained = PCA(2, svd_solver="full").fit(signal).explained_variance_ratio_
    assert report["objects"][0]["explained_variance_ratio"] == pytest.approx(explained, abs=1e-8)


def test_any_number_of_processes_makes_the_same_bytes(recording: Path, tmp_path: Path) -> None:
    for workers in (1, 3):
        reduce_to(tmp_path / str(workers), recording, "--workers", workers)
    assert contents(tmp_path / "1") == contents(tmp_path / "3")


def test_the_images_versions_make_the_same_bytes(recording: Path, tmp_path: Path) -> None:
    python = os.environ.get("DAGWRIGHT_OLD_PYTHON")
    if not python:
        pytest.skip("DAGWRIGHT_OLD_PYTHON names no interpreter with the image's libraries")
    for place, interpreter in (("old", python), ("new", sys.executable)):
        folders = ("--components-output", tmp_path / place, "--report-output", tmp_path / place / "reports")
        run_script("ecg_pca", "--input", recording, *folders, python=interpreter)
    assert contents(tmp_path / "old") == contents(tmp_path / "new")


def test_folders_below_the_input_are_kept_apart(recording: Path, tmp_path: Path) -> None:
    for ward in ("a", "b"):
        (tmp_path / "in" / ward).mkdir(parents=True)
        (tmp_path / "in" / ward / "x.csv").write_bytes((recording / "ecg_001.csv").read_bytes())
    report = reduce_to(tmp_path, tmp_path / "in")
    assert [line["name"] for line in report["objects"]] == ["a/x.csv", "b/x.csv"]
    assert set(contents(tmp_path / "components")) == {"a/pca_x.csv", "b/pca_x.csv"}


def test_a_cell_without_a_number_counts_as_the_resting_line(recording: Path, tmp_path: Path) -> None:
    table = pd.read_csv(recording / "ecg_001.csv")
    for folder, gap in (("empty", np.nan), ("zero", 0.0), ("infinite", np.inf)):
        table.iloc[5:9, 3] = gap
        (tmp_path / folder).mkdir()
        table.to_csv(tmp_path / folder / "x.csv", index=False)
        report = reduce_to(tmp_path / f"{folder}-out", tmp_path / folder)
        assert report["missing"] == (0 if folder == "zero" else 4)
    found = [(tmp_path / f"{name}-out/components/pca_x.csv").read_bytes() for name in ("empty", "zero", "infinite")]
    assert found[0] == found[1] == found[2]


def test_a_flat_line_has_no_variance_to_explain(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/flat.csv").write_text("time,a,b\n" + "0,5,5\n" * 9)
    report = reduce_to(tmp_path, tmp_path / "in", "--components", 1)
    assert report["objects"][0]["explained_variance_ratio"] == [0.0]
    assert (tmp_path / "components/pca_flat.csv").read_text() == "0.000000\n" * 9


def test_a_host_without_objects_has_nothing_to_do(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    assert reduce_to(tmp_path, tmp_path / "in")["files"] == 0


BAD = {
    "no number": ("time,a,b\n0,1,2\n1,x,3\n", "it is no table of numbers: "),
    "empty": ("", "it is empty"),
    "time only": ("time\n0\n", "it has no column beside the time"),
    "too short": ("time,a,b\n0,1,2\n", "its 1 samples of 2 leads have no 2 components"),
    "header only": ("time,a,b\n", "it is no table of numbers: "),
    "one longer row": ("time,a,b\n0,1,2\n0,1,2,3,4\n", "it is no table of numbers: "),
    "longer rows": ("time,a,b\n0,1,2,3\n0,1,2,3\n", "its header has 3 columns, and its rows have 4"),
    "too large": ("time,a,b\n" + "0,1e300,2\n0,-1e300,1\n", "its numbers are too large"),
    "no text": ("time,a,b\n\udcff\udcfe,1,2\n", "it is no table of numbers: "),
}


@pytest.mark.parametrize("case", BAD)
def test_a_file_that_is_no_signal_is_named_with_its_host(case: str, load_script: Load, tmp_path: Path) -> None:
    text, sentence = BAD[case]
    (tmp_path / "in").mkdir()
    (tmp_path / "in/odd.csv").write_text(text, encoding="utf-8", errors="surrogateescape")
    config = tmp_path / "resourceconfig.json"
    config.write_text('{"current_host": "algo-3", "hosts": ["algo-1", "algo-2", "algo-3"]}')
    words = ("--components", "2", "--resource-config", str(config))
    said = refusal(load_script, tmp_path, tmp_path / "in", *words)
    assert said.startswith(f"algo-3: odd.csv: {sentence}")
    assert not (tmp_path / "reports").exists()


def test_all_bad_files_of_a_host_are_named(load_script: Load, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for number in range(7):
        (tmp_path / f"in/{number}.csv").write_text("")
    said = refusal(load_script, tmp_path, tmp_path / "in")
    assert said == "; ".join(f"{number}.csv: it is empty" for number in range(5)) + "; and 2 more"


WRONG_WORDS = {
    "components": (["--components", "0"], "--components 0 is not 1 or more"),
    "workers": (["--workers", "-1"], "--workers -1 is not 0 or more"),
    "columns": (["--columns", "1,x"], "'1,x' is no list of column numbers such as 1,2,5"),
    "columns twice": (["--columns", "1,1"], "'1,1' is no list of column numbers"),
    "column not there": (["--columns", "40"], "it has 13 columns and no number 40"),
}


@pytest.mark.parametrize("case", WRONG_WORDS)
def test_wrong_words_are_explained(
    case: str, load_script: Load, recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words, sentence = WRONG_WORDS[case]
    outputs = ["--components-output", str(tmp_path / "components"), "--report-output", str(tmp_path / "reports")]
    assert load_script("ecg_pca").main(["--input", str(recording), *outputs, *words]) == 1
    assert sentence in capsys.readouterr().err


def test_a_host_has_its_own_cores_unless_all_share_a_machine(
    load_script: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = load_script("ecg_pca").count_workers
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(16)))
    large = [64 << 20] * 100
    assert (count(0, large, 1), count(0, large, 8), count(0, large, 64)) == (16, 2, 1)
    assert (count(0, large[:3], 1), count(5, large, 8), count(0, [], 1)) == (3, 5, 1)
    assert count(0, [1000] * 64, 1) == 1, "another process would cost more than it takes over"


def test_hosts_on_the_loopback_interface_share_a_machine(load_script: Load, tmp_path: Path) -> None:
    read = load_script("ecg_pca").read_hosts
    config = tmp_path / "resourceconfig.json"
    for interface, shared in (("lo", True), ("eth0", False)):
        hosts = {"current_host": "algo-2", "hosts": ["algo-1", "algo-2"], "network_interface_name": interface}
        config.write_text(json.dumps(hosts))
        assert read(config) == ("algo-2", ["algo-1", "algo-2"], shared)
    assert read(tmp_path / "absent.json") == ("algo-1", ["algo-1"], False)


def report(host: str, *names: str, hosts: tuple[str, ...] = ("algo-1", "algo-2")) -> dict[str, Any]:
    lines = [{"name": name, "rows": 10, "missing": 1, "explained_variance_ratio": [0.5, 0.25]} for name in names]
    return {"host": host, "hosts": list(hosts), "components": 2, "files": len(names), "objects": lines}


def collect(load_script: Load, folder: Path, reports: list[dict[str, Any]], expected: int = 0) -> tuple[int, str]:
    """(the exit code, what the script wrote: its summary or its message)."""
    (folder / "reports").mkdir()
    for one in reports:
        (folder / "reports" / f"{one['host']}.json").write_text(json.dumps(one))
    words = ["--reports", str(folder / "reports"), "--summary", str(folder), "--message-folder", str(folder)]
    code = load_script("ecg_collect").main([*words, "--expected", str(expected)])
    return code, (folder / ("message" if code else "summary.json")).read_text()


def test_the_reports_add_up(load_script: Load, tmp_path: Path) -> None:
    reports = [report("algo-1", "a.csv", "c.csv"), report("algo-2", "b.csv")]
    code, text = collect(load_script, tmp_path, reports, expected=3)
    assert (code, json.loads(text)) == (
        0,
        {
            "hosts": {"algo-1": 2, "algo-2": 1},
            "objects": 3,
            "rows": 30,
            "missing": 3,
            "components": 2,
            "explained_variance": {"mean": 0.75, "least": 0.75},
        },
    )


UNEVEN: dict[str, tuple[list[dict[str, Any]], int, str]] = {
    "a silent host": ([report("algo-1", "a.csv")], 0, "no report of algo-2"),
    "twice": ([report("algo-1", "a.csv"), report("algo-2", "a.csv")], 0, "a.csv reduced more than once"),
    "one short": ([report("algo-1", "a.csv"), report("algo-2")], 2, "1 objects reduced, and there are 2"),
    "nothing": ([report("algo-1"), report("algo-2")], 0, "there was no object to reduce"),
    "no report": ([], 0, "no report below"),
}


@pytest.mark.parametrize("case", UNEVEN)
def test_objects_that_were_not_reduced_once_are_a_failure(case: str, load_script: Load, tmp_path: Path) -> None:
    reports, expected, sentence = UNEVEN[case]
    code, text = collect(load_script, tmp_path, reports, expected)
    assert code == 1
    assert sentence in text


@pytest.mark.parametrize(
    "changed",
    [{"hosts": [1]}, {"host": None}, {"components": "2"}, {"objects": [{}]}, {"objects": [1]}, {"files": None}],
)
def test_json_that_is_no_report_is_named(load_script: Load, tmp_path: Path, changed: dict[str, Any]) -> None:
    path = tmp_path / "reports/algo-1.json"
    path.parent.mkdir()
    words = ["--reports", str(path.parent), "--summary", str(tmp_path), "--message-folder", str(tmp_path)]
    for content in (report("algo-1", "a.csv") | changed, [], 1, None):
        path.write_text(json.dumps(content))
        assert load_script("ecg_collect").main(words) == 1
        assert (tmp_path / "message").read_text() == "algo-1.json is no report of ecg_pca.py"
    path.write_text("{")
    assert load_script("ecg_collect").main(words) == 1
    assert (tmp_path / "message").read_text().startswith("algo-1.json is no JSON: ")


@pytest.mark.parametrize("hosts", ["[]", '["algo-2"]', "null"])
def test_a_host_that_is_not_among_the_hosts_is_told(load_script: Load, tmp_path: Path, hosts: str) -> None:
    config = tmp_path / "resourceconfig.json"
    config.write_text(f'{{"current_host": "algo-1", "hosts": {hosts}, "network_interface_name": "lo"}}')
    assert str(config) in refusal(load_script, tmp_path, tmp_path, "--resource-config", str(config))
