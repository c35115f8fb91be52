from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from dagwright.engines.local import version_gap as module
from dagwright.engines.local.environments import Environment
from dagwright.engines.local.image_libraries import Libraries
from dagwright.engines.local.job import Host
from dagwright.engines.local.version_gap import last_traceback, version_gap

HELD = Libraries("3.9", {"scikit-learn": "1.2.1", "pandas": "1.1.3", "numpy": "1.24.1"})
ENVIRONMENT = Environment((str(Path(sys.executable).parent),), (), held=HELD, advice="--libraries image")
HERE = {"scikit-learn": "1.9.0", "pandas": "3.0.1", "numpy": "1.24.1"}
OF_SKLEARN = "the image holds scikit-learn 1.2.1, this ran with 1.9.0: --libraries image"
OF_PANDAS = "the image holds pandas 1.1.3, this ran with 3.0.1: --libraries image"
SCRIPT = "/opt/ml/processing/input/code/work.py"


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    (tmp_path / "ml/processing/input/code").mkdir(parents=True)
    monkeypatch.setattr(module, "installed_versions", lambda python, names: {n: HERE[n] for n in names if n in HERE})
    return Host("algo-1", tmp_path, tmp_path / "log")


def failed(host: Host, error: str, *frames: tuple[str, str]) -> str:
    lines = [f'  File "{file}", line 3, in <module>\n    {source}' for file, source in frames]
    host.log.write_text("\n".join(["starting", "Traceback (most recent call last):", *lines, error, ""]))
    return version_gap(host, ENVIRONMENT)


def script(host: Host, text: str) -> None:
    (host.folder / "ml/processing/input/code/work.py").write_text(text)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        ("ImportError: cannot import name 'joblib' from 'sklearn.externals' (/x/__init__.py)", OF_SKLEARN),
        ("ModuleNotFoundError: No module named 'sklearn.externals.six'", OF_SKLEARN),
        ("AttributeError: module 'pandas' has no attribute 'Int64Index'", OF_PANDAS),
        ("sklearn.utils._param_validation.InvalidParameterError: The 'criterion' parameter …", OF_SKLEARN),
        ("AttributeError: module 'numpy' has no attribute 'float'.", ""),  # the same version: that is not why
        ("ModuleNotFoundError: No module named 'nobody'", ""),
        ("ValueError: could not convert string to float: 'x'", ""),
        ("KeyError: 'sklearn'", ""),
    ],
)
def test_the_error_names_the_library(host: Host, error: str, said: str) -> None:
    assert failed(host, error, (SCRIPT, "import something")) == said


def test_a_frame_names_the_library(host: Host) -> None:
    inside = (
        "/envs/x/lib/python3.9/site-packages/pandas/core/generic.py",
        "return object.__getattribute__(self, name)",
    )
    error = "AttributeError: 'DataFrame' object has no attribute 'append'"
    assert failed(host, error, (SCRIPT, "f.append(g)"), inside) == OF_PANDAS


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        (
            "from sklearn.preprocessing import (\n  OneHotEncoder,\n  Other)\n",
            "OneHotEncoder(sparse=False)",
            OF_SKLEARN,
        ),
        ("import sklearn.preprocessing as p\nimport pandas\n", "p.OneHotEncoder(sparse=False)", OF_SKLEARN),
        ("import os\nimport pandas as pd\n", "estimator(sparse=False)", OF_PANDAS),  # what it imports, and has another
        ("import os\n", "OneHotEncoder(sparse=False)", ""),
    ],
)
def test_the_scripts_imports_name_the_library(host: Host, text: str, line: str, said: str) -> None:
    script(host, text)
    error = "TypeError: __init__() got an unexpected keyword argument 'sparse'"
    assert failed(host, error, (SCRIPT, line)) == said
    assert failed(host, error, (str(host.folder / "ml/processing/input/code/work.py"), line)) == said


def test_a_script_that_is_a_link_is_not_followed(host: Host, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("import pandas as pd\n")
    (host.folder / "ml/processing/input/code/work.py").symlink_to(tmp_path / "secret")
    assert failed(host, "TypeError: f() got an unexpected keyword argument 'x'", (SCRIPT, "pd.f(x=1)")) == ""


def test_several_are_named_together_and_what_is_missing_is_none(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "installed_versions", lambda python, names: {"pandas": "3.0.1"})
    inside = ("/x/site-packages/pandas/io.py", "from sklearn import x")
    said = failed(host, "ModuleNotFoundError: No module named 'sklearn'", inside)
    assert (
        said == "the image holds scikit-learn 1.2.1 and pandas 1.1.3, this ran with none and 3.0.1: --libraries image"
    )


def test_nothing_is_said_of_an_image_that_nobody_knows(host: Host) -> None:
    host.log.write_text("Traceback (most recent call last):\n  File\nImportError: x from 'sklearn'\n")
    assert version_gap(host, Environment((), ())) == ""


def test_the_last_traceback_is_the_one_that_counts(tmp_path: Path) -> None:
    program = "try:\n  import nobody\nexcept ImportError as e:\n  raise TypeError('no') from e\n"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    traceback = last_traceback(done.stderr.splitlines())
    assert traceback
    assert traceback.error == "TypeError: no"
    assert last_traceback(["Traceback (most recent call last):", '  File "x", line 1, in y']) is None
    assert last_traceback(["all is well"]) is None
