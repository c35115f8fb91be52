"""The streaming scripts alone: from a folder, from a FIFO, and on tables that are not as they should be."""

from __future__ import annotations

import json
import math
import os
import random
import statistics
import threading
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

HEADER = "id,size,weight,diagnosis\n"


def table(rows: int, seed: int = 0) -> str:
    """Rows of two measurements, some missing; `M` is larger."""
    draw = random.Random(seed)
    lines = []
    for number in range(rows):
        label = draw.choice("BM")
        size = draw.gauss(3 if label == "M" else 0, 1)
        weight = "?" if draw.random() < 0.1 else repr(draw.gauss(1e6, 1))
        lines.append(f"P{seed}-{number},{size!r},{weight},{label}\n")
    return HEADER + "".join(lines)


@pytest.fixture
def totals(load_script: Callable[[str], ModuleType], tmp_path: Path) -> Callable[..., Any]:
    """Run stream_totals.py on `<tmp_path>/in`; the content of totals.json, or the message of a failure."""

    def run(*words: str) -> Any:
        script = load_script("stream_totals")
        folders = ["--input", tmp_path / "in", "--totals", tmp_path / "totals", "--message-folder", tmp_path]
        code = script.main([str(word) for word in [*folders, *words]])
        if code:
            return (tmp_path / "message").read_text()
        return json.loads((tmp_path / "totals/totals.json").read_text())

    return run


def pour(fifo: Path, content: str) -> threading.Thread:
    os.mkfifo(fifo)
    thread = threading.Thread(target=fifo.write_text, args=(content,))
    thread.start()
    return thread


def test_totals_of_a_stream_of_several_files(totals: Any, tmp_path: Path) -> None:
    """4,500 rows: more than two blocks."""
    parts = [table(1500, seed) for seed in range(3)]
    writer = pour(tmp_path / "in_0", "".join(parts))
    found = totals()
    writer.join()
    rows = [line.split(",") for part in parts for line in part.splitlines()[1:]]
    weights = [float(row[2]) for row in rows if row[2] != "?"]
    assert found["rows"] == 4500
    assert found["classes"] == {name: sum(row[3] == name for row in rows) for name in "BM"}
    weight = found["columns"]["weight"]
    assert (weight["count"], weight["missing"]) == (len(weights), 4500 - len(weights))
    assert weight["mean"] == pytest.approx(statistics.fmean(weights), rel=1e-13)
    assert weight["standard_deviation"] == pytest.approx(statistics.stdev(weights), rel=1e-6)
    assert weight["quartiles"] == pytest.approx(statistics.quantiles(weights, n=4, method="inclusive"), rel=1e-12)


def test_quartiles_of_a_longer_table_are_those_of_a_fair_sample(totals: Any, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/x.csv").write_text(HEADER + "".join(f"{n},{n},1,B\n" for n in range(20_000)))
    size = totals("--sample-rows", "1000")["columns"]["size"]
    assert size["quartiles"] == pytest.approx([5000, 10_000, 15_000], abs=1500)
    assert totals("--sample-rows", "1000")["columns"]["size"] == size, "the same seed, the same sample"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "there is neither a FIFO"),
        ("", "nothing came through"),
        (HEADER, "the table has no rows"),
        ("id,size\n1,2\n", "there is no label column 'diagnosis'; the columns are id, size"),
        (HEADER + "1,2,3,B" + HEADER + "2,3,4,M\n", "does every file have this header, and a newline at its end?"),
        (HEADER + "1,1e300,3,B\n2,-1e300,4,M\n", "the numbers of the column 'size' are too large to add up"),
        (HEADER + "".join(f"{n},1,1,class-{n}\n" for n in range(101)), "has more than 100 values: it is no class"),
    ],
)
def test_a_table_that_cannot_be_used_is_a_sentence(totals: Any, tmp_path: Path, content: str | None, said: str) -> None:
    if content is not None:
        (tmp_path / "in").mkdir()
        (tmp_path / "in/x.csv").write_text(content)
    assert said in totals()


@pytest.fixture
def trained(
    load_script: Callable[[str], ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Any]:
    """Run train_stream.py on the channels below `tmp_path`; the content of model.json, or the reason of a failure."""

    monkeypatch.setenv("SM_OUTPUT_DIR", str(tmp_path))

    def run(*words: str) -> Any:
        folders = ["--train", tmp_path / "in", "--totals", tmp_path / "totals", "--model-dir", tmp_path / "model"]
        if load_script("train_stream").main([str(word) for word in [*folders, *words]]):
            return (tmp_path / "failure").read_text()
        return json.loads((tmp_path / "model/model.json").read_text())

    return run


def test_a_model_of_fifos_is_that_of_the_files(totals: Any, trained: Any, tmp_path: Path) -> None:
    parts = [table(200, seed) for seed in range(2)]
    (tmp_path / "in").mkdir()
    for number, part in enumerate(parts):
        (tmp_path / f"in/{number}.csv").write_text(part)
    totals()
    from_files = trained("--epochs", "3")
    assert from_files["metrics"]["accuracy"] > 0.85
    assert math.isfinite(from_files["metrics"]["logloss"])
    writers = [pour(tmp_path / f"in_{epoch}", "".join(parts)) for epoch in range(4)]
    assert trained("--epochs", "3") == from_files
    for writer in writers:
        writer.join()


@pytest.mark.parametrize(
    ("words", "changed", "said"),
    [
        (["--epochs", "0"], {}, "epochs and batch_rows must be at least 1"),
        (["--epochs", "many"], {}, "invalid int value: 'many'"),
        ([], {"classes": {"B": 1}}, "the label 'diagnosis' needs two classes and has 1"),
        ([], {"columns": {"size": {"count": 0}}}, "no column has two different numbers"),
        ([], {"columns": {"height": {"mean": 1, "standard_deviation": 2}}}, "lacks the column 'height'"),
        ([], {"columns": {"size": {"mean": "x", "standard_deviation": 1}}}, "was not written by stream_totals.py"),
        ([], {"columns": {"size": {"mean": math.nan, "standard_deviation": 1}}}, "a mean or standard deviation is no"),
        ([], {"columns": {"size": {"mean": 1e300, "standard_deviation": 1e-300}}}, "the model cannot be fitted: "),
        ([], {"columns": [1]}, "was not written by stream_totals.py"),
    ],
)
def test_what_cannot_be_learned_from_is_a_sentence(
    totals: Any, trained: Any, tmp_path: Path, words: list[str], changed: dict[str, Any], said: str
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/x.csv").write_text(table(50))
    found = totals()
    (tmp_path / "totals/totals.json").write_text(json.dumps(found | changed))
    assert said in trained(*words)
