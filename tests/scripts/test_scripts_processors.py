"""The script that holds the processors' splits against each other."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType


def test_splits_that_differ_are_refused_by_name(tmp_path: Path, load_script: Callable[[str], ModuleType]) -> None:
    for job, text in (("base", "a"), ("script", "b")):
        for name in ("train", "validation", "test"):
            (tmp_path / "in" / job / name).mkdir(parents=True)
            (tmp_path / "in" / job / name / f"{name}.csv").write_text(text if name == "test" else "same")
        (tmp_path / "in" / job / "report").mkdir()
        (tmp_path / "in" / job / "report/report.json").write_text(json.dumps({"processor": job}))
    words = ["--splits", str(tmp_path / "in"), "--agreement", str(tmp_path), "--message-folder", str(tmp_path)]
    assert load_script("compare_splits").main(words) == 1
    assert (tmp_path / "message").read_text() == "script/test/test.csv is another than that of base"
