"""What the check of the flights refuses, and how a row that Spark refuses is told."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

Load = Callable[[str], ModuleType]
FOLDER = Path(__file__).parents[2] / "scripts"
TABLES = {
    "flights": (
        "year,month,day,dep_time,sched_dep_time,dep_delay,arr_time,sched_arr_time,arr_delay,carrier,flight,tailnum,"
        "origin,dest,air_time,distance,hour,minute,time_hour\n"
        "2013,1,1,517,515,2,830,819,11,UA,1545,N14228,EWR,IAH,227,1400,5,15,2013-01-01T10:00:00Z\n"
    ),
    "weather": (
        "origin,year,month,day,hour,temp,dewp,humid,wind_dir,wind_speed,wind_gust,precip,pressure,visib,time_hour\n"
        "EWR,2013,1,1,5,39.02,26.06,59.37,270,10.35702,NA,0,1012,10,2013-01-01T10:00:00Z\n"
    ),
    "airlines": "carrier,name\nUA,United Air Lines Inc.\n",
    "airports": "faa,name,lat,lon,alt,tz,dst,tzone\nIAH,George Bush,29.98,-95.34,97,-6,A,America/Chicago\n",
}
SUMMARY = {"nulls": {"airline": 0, "carrier_delay_7d": 1}, "sums": {"arr_delay": 11.0, "carrier_delay_7d": None}}


def write_tables(folder: Path, **changed: str) -> Path:
    folder.mkdir()
    for name, text in {**TABLES, **changed}.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8", errors="surrogateescape")
    return folder


@pytest.fixture
def refused(load_script: Load, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Check these tables against this summary; the sentence that it ends with."""

    def check(summary: str = json.dumps(SUMMARY), **tables: str) -> str:
        (tmp_path / "summary").mkdir()
        (tmp_path / "summary/summary.json").write_text(summary)
        folders = {"input": write_tables(tmp_path / "raw", **tables), "summary": tmp_path / "summary"}
        given = [str(word) for name, path in folders.items() for word in (f"--{name}", path)]
        given += ["--features", str(tmp_path), "--output", str(tmp_path), "--message-folder", str(tmp_path)]
        assert load_script("check_features").main(given) == 1
        said = (tmp_path / "message").read_text()
        assert capsys.readouterr().err == f"check_features: {said}\n"
        return said.replace(str(tmp_path), "")

    return check


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "{}.csv is not a readable CSV: No columns to parse from file"),
        ("\udcff\udcfe\n", "{}.csv is not a readable CSV: 'utf-8' codec can't decode"),
        ("a,b\n1,2\n", "{}.csv has no column "),
        ("a\n1\n1,2\n", "{}.csv is not a readable CSV: Error tokenizing data."),
    ],
)
def test_a_file_that_is_no_such_table_is_named(refused: Callable[..., str], name: str, text: str, said: str) -> None:
    assert refused(**{name: text}).startswith(said.format(name))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (",1400,", ",far,", "the column distance of flights.csv is not numeric: "),
        (",11,UA", ",NA,UA", "of 1 flights in flights.csv none has a date and an arrival delay"),
        ("2013,1,1,", "2013,13,1,", "year, month and day in flights.csv are no date: "),
        ("2013,1,1,", "NA,NA,NA,", "of 1 flights in flights.csv none has a date and an arrival delay"),
    ],
)
def test_flights_that_are_none_are_told(refused: Callable[..., str], old: str, new: str, said: str) -> None:
    assert refused(flights=TABLES["flights"].replace(old, new)).startswith(said)


@pytest.mark.parametrize(
    ("summary", "said"),
    [
        ("", "/summary/summary.json is no JSON: "),
        ("[]", "/summary/summary.json is no summary of spark_features.py"),
        ('{"nulls": {}}', "/summary/summary.json is no summary of spark_features.py"),
        ('{"nulls": [], "sums": []}', "/summary/summary.json is no summary of spark_features.py"),
        ('{"nulls": {"x": 1}, "sums": {"carrier": 1}}', "the summary has features that are not known here: carrier, x"),
    ],
)
def test_a_summary_that_is_none_is_told(refused: Callable[..., str], summary: str, said: str) -> None:
    assert refused(summary).startswith(said)


def test_a_tolerance_is_a_number(load_script: Load, capsys: pytest.CaptureFixture[str]) -> None:
    assert load_script("check_features").main(["--tolerance", "inf"]) == 1
    assert capsys.readouterr().err == "check_features: --tolerance inf is not a number from 0 on\n"


def test_the_sum_of_no_number_is_none(load_script: Load, tmp_path: Path) -> None:
    script = load_script("check_features")
    features, read = script.make_features(write_tables(tmp_path / "raw"))
    ours = script.summarize(features, read, list(SUMMARY["nulls"]), list(SUMMARY["sums"]))
    assert {name: ours[name] for name in SUMMARY} == SUMMARY


@pytest.mark.spark
@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"flights": TABLES["flights"].replace("2013,1,1,", "twenty,1,1,")}, "Spark ends with [MALFORMED_RECORD_IN_"),
        ({"airports": "\udcff\n"}, "airports.csv is no text: "),
        ({"airlines": ""}, "the header of airlines.csv is ; it must be carrier,name"),
    ],
)
def test_a_table_that_spark_refuses_is_a_sentence(tmp_path: Path, changed: dict[str, str], said: str) -> None:
    words = ["--input", write_tables(tmp_path / "raw", **changed), "--message-folder", tmp_path]
    words += ["--features", tmp_path / "features", "--summary", tmp_path / "summary"]
    command = [sys.executable, FOLDER / "spark_features.py", *words]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    message = (tmp_path / "message").read_text()
    assert message.startswith(said)
    assert done.stderr.splitlines()[-1] == f"spark_features: {message}"
    assert "Traceback" not in done.stderr
