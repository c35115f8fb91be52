"""The example's job scripts, run one after the other as the pipeline would: each as its own process."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tarfile
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from types import ModuleType

import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"


def run_script(name: str, *words: object, python: str = sys.executable) -> str:
    """Standard output of the script; the test fails with its standard error unless it exits with 0."""
    surroundings = {key: value for key, value in os.environ.items() if not key.startswith("SM_")}
    command = [python, str(SCRIPTS / f"{name}.py"), *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=surroundings)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def run_chain(folder: Path, python: str = sys.executable) -> dict[str, str]:
    """Sample data to evaluation below the folder; what each script printed."""
    splits = ("train", "validation", "test")
    printed = {
        "sample_data": run_script("sample_data", "--out", folder / "raw/sample.csv", python=python),
        "preprocess": run_script(
            *("preprocess", "--input", folder / "raw", "--summary", folder / "processed/summary"),
            *(word for name in splits for word in (f"--{name}", folder / "processed" / name)),
            python=python,
        ),
        "feature_engineering": run_script(
            *("feature_engineering", "--feature-version", "7", "--metadata-output", folder / "features/metadata"),
            *(word for name in splits for word in (f"--{name}", folder / "processed" / name)),
            *(word for name in splits for word in (f"--{name}-output", folder / "features" / name)),
            python=python,
        ),
        "train": run_script(
            *("train", "--n_estimators", 60, "--features", folder / "features/metadata"),
            *("--train", folder / "features/train", "--validation", folder / "features/validation"),
            *("--model-dir", folder / "model", "--output-data-dir", folder / "data"),
            python=python,
        ),
    }
    (folder / "artifact").mkdir()
    with tarfile.open(folder / "artifact/model.tar.gz", "w:gz") as archive:
        archive.add(folder / "model", arcname=".")
    printed["evaluate"] = run_script(
        *("evaluate", "--model", folder / "artifact", "--test", folder / "features/test"),
        *("--output", folder / "evaluation"),
        python=python,
    )
    return printed


@pytest.fixture(scope="session")
def chain(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """The folder of one run from the raw data to the evaluation, and what each script printed."""
    folder = tmp_path_factory.mktemp("chain")
    return folder, run_chain(folder)


@pytest.fixture
def run_again() -> Callable[..., dict[str, str]]:
    """`run_chain`, for the tests that want a second run."""
    return run_chain


@pytest.fixture(scope="session")
def load_script() -> Callable[[str], ModuleType]:
    """A script as a module, by its path: for the many small cases that are not worth a process each."""

    @lru_cache
    def load(name: str) -> ModuleType:
        spec = importlib.util.spec_from_file_location(f"job_{name}", SCRIPTS / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load
