"""Real models of the frameworks: what a transform job makes is what they predict."""

from __future__ import annotations

import io
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from engines.place import IMAGE, Place
from engines.transforms import model, transform
from sklearn.linear_model import LinearRegression

from dagwright.engines.local.serving import toolkits
from dagwright.engines.local.serving.encodings import decode, encode
from dagwright.project import EnvironmentRule

LINES = {"SplitType": "Line"}
SKLEARN = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
BOOSTED = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
ONLY_MODEL_FN = "import joblib, os\ndef model_fn(folder): return joblib.load(os.path.join(folder, 'model.joblib'))\n"
PROGRAM = {"SAGEMAKER_PROGRAM": "inference.py"}
NUMBERS = np.random.default_rng(7)
DATA = NUMBERS.normal(size=(50, 4))
TARGET = DATA @ [1.0, -2.0, 0.5, 3.0] + 1
AS_CSV = "\n".join(",".join(map(repr, row)) for row in DATA.tolist())


def made_by(place: Place, *steps: dict[str, Any]) -> str:
    execution = place.run(*steps)
    assert execution.status == "Succeeded", execution.failure_reason
    (key,) = place.keys("out")
    return place.text(key)


def failed(place: Place, *steps: dict[str, Any]) -> str:
    return place.run(*steps).steps["T"].failure_reason


# ---- scikit-learn ----


@pytest.fixture
def regression(place: Place) -> tuple[str, Any]:
    """The address of a fitted model that has only a model_fn, and what it predicts."""
    fitted = LinearRegression().fit(DATA, TARGET)
    file = io.BytesIO()
    joblib.dump(fitted, file)
    data = place.put_archive("model.tar.gz", {"model.joblib": file.getvalue(), "code/inference.py": ONLY_MODEL_FN})
    return data, fitted.predict(DATA.astype(np.float32))


@pytest.mark.parametrize("accept", ["text/csv", "application/json", ""])
def test_the_default_functions_of_scikit_learn(place: Place, regression: tuple[str, Any], accept: str) -> None:
    data, expected = regression
    source = place.put("in/a.csv", AS_CSV)
    made = made_by(place, model(data, SKLEARN, PROGRAM), transform(source, LINES, {"Accept": accept}))
    found = json.loads(made) if accept != "text/csv" else [float(line) for line in made.splitlines()]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_joined_to_the_rows_it_is_of(place: Place, regression: tuple[str, Any]) -> None:
    data, expected = regression
    source = place.put("in/a.csv", "\n".join(f"id-{n},{row}" for n, row in enumerate(AS_CSV.split("\n"))))
    processing = {"InputFilter": "$[1:]", "JoinSource": "Input", "OutputFilter": "$[0,-1]"}
    made = made_by(place, model(data, SKLEARN, PROGRAM), transform(source, LINES, DataProcessing=processing))
    rows = [line.split(",") for line in made.splitlines()]
    assert [row[0] for row in rows] == [f"id-{number}" for number in range(len(DATA))]
    np.testing.assert_allclose([float(row[1]) for row in rows], expected, rtol=1e-6)


def test_arrays_of_numpy_go_through_whole(place: Place, regression: tuple[str, Any]) -> None:
    data, _ = regression
    buffer = io.BytesIO()
    np.save(buffer, DATA)
    source = place.put("in/a.npy", buffer.getvalue())
    types = {"ContentType": "application/x-npy"}, {"Accept": "application/x-npy"}
    assert place.run(model(data, SKLEARN, PROGRAM), transform(source, *types)).status == "Succeeded"
    found = np.load(place.engine.home.store.path("s3://bucket/out/a.npy.out"))
    np.testing.assert_allclose(found, LinearRegression().fit(DATA, TARGET).predict(DATA))


def test_one_row_at_a_time_has_no_rows_as_in_the_image(place: Place, regression: tuple[str, Any]) -> None:
    data, _ = regression
    step = transform(place.put("in/a.csv", AS_CSV), LINES, BatchStrategy="SingleRecord")
    assert "Expected 2D array, got 1D array" in failed(place, model(data, SKLEARN, PROGRAM), step)


# ---- XGBoost ----


@pytest.fixture
def booster() -> Any:
    xgboost = pytest.importorskip("xgboost")
    matrix = xgboost.DMatrix(DATA, label=TARGET)
    return xgboost.train({"objective": "reg:squarederror", "max_depth": 3}, matrix, 9)


def archived(place: Place, booster: Any, form: str) -> str:
    content = pickle.dumps(booster) if form == "pickle" else bytes(booster.save_raw(form))
    return place.put_archive("model.tar.gz", {"xgboost-model": content})


def predicted(booster: Any, data: Any) -> Any:
    import xgboost

    return booster.predict(xgboost.DMatrix(data))


@pytest.mark.parametrize("form", ["pickle", "json", "ubj"])
@pytest.mark.parametrize("content_type", ["text/csv", ""])
def test_the_algorithm_answers_a_line_for_each_row(place: Place, booster: Any, form: str, content_type: str) -> None:
    source = place.put("in/a.csv", AS_CSV)
    step = transform(source, {**LINES, "ContentType": content_type}, {"Accept": "", "AssembleWith": "Line"})
    made = made_by(place, model(archived(place, booster, form), BOOSTED, {}), step)
    np.testing.assert_allclose([float(line) for line in made.splitlines()], predicted(booster, DATA), rtol=1e-6)


def test_missing_values_sparse_rows_and_json(place: Place, booster: Any) -> None:
    holes = DATA.copy()
    holes[::3, 1] = np.nan
    rows = "\n".join(",".join("" if np.isnan(x) else repr(x) for x in row) for row in holes.tolist())
    sparse = "\n".join(
        " ".join(["0", *(f"{n}:{x!r}" for n, x in enumerate(row) if not np.isnan(x))]) for row in holes.tolist()
    )
    step = model(archived(place, booster, "json"), BOOSTED, {})
    as_json = {"Accept": "application/json"}
    from_rows = json.loads(made_by(place, step, transform(place.put("in/a", rows), LINES, as_json)))
    given = {**LINES, "ContentType": "text/libsvm"}
    from_sparse = json.loads(made_by(place, step, transform(place.put("in/a", sparse), given, as_json)))
    np.testing.assert_allclose(from_rows, predicted(booster, holes), rtol=1e-6)
    np.testing.assert_allclose(from_sparse, from_rows, rtol=1e-6)


def test_probabilities_of_classes_are_lists_as_in_the_image(place: Place) -> None:
    xgboost = pytest.importorskip("xgboost")
    matrix = xgboost.DMatrix(DATA, label=np.arange(len(DATA)) % 3)
    classifier = xgboost.train({"objective": "multi:softprob", "num_class": 3}, matrix, 3)
    step = transform(place.put("in/a.csv", AS_CSV), LINES)
    made = made_by(place, model(archived(place, classifier, "json"), BOOSTED, {}), step)
    found = [json.loads(line) for line in made.splitlines()]
    np.testing.assert_allclose(found, predicted(classifier, DATA), rtol=1e-6)


def test_early_stopping_counts_the_trees_up_to_the_best(place: Place) -> None:
    xgboost = pytest.importorskip("xgboost")
    train, test = (xgboost.DMatrix(DATA[part], label=NUMBERS.normal(size=25)) for part in (slice(25), slice(25, 50)))
    stopped = xgboost.train({}, train, 50, evals=[(test, "validation")], early_stopping_rounds=3, verbose_eval=False)
    made = made_by(
        place,
        model(archived(place, stopped, "json"), BOOSTED, {}),
        transform(place.put("in/a.csv", AS_CSV), LINES),
    )
    best = stopped.predict(xgboost.DMatrix(DATA), iteration_range=(0, stopped.best_iteration + 1))
    np.testing.assert_allclose([float(line) for line in made.splitlines()], best, rtol=1e-6)
    assert stopped.best_iteration + 1 < stopped.num_boosted_rounds()


def test_several_models_are_an_ensemble(place: Place, booster: Any) -> None:
    xgboost = pytest.importorskip("xgboost")
    other = xgboost.train({"max_depth": 1}, xgboost.DMatrix(DATA, label=-TARGET), 5)
    files = {"xgboost-model-0": bytes(booster.save_raw("ubj")), "xgboost-model-1": bytes(other.save_raw("ubj"))}
    data = place.put_archive("model.tar.gz", files)
    made = made_by(place, model(data, BOOSTED, {}), transform(place.put("in/a.csv", AS_CSV), LINES))
    expected = np.mean([predicted(booster, DATA), predicted(other, DATA)], axis=0)
    np.testing.assert_allclose([float(line) for line in made.splitlines()], expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("content", "content_type", "said"),
    [
        ("1,2,3,4,5\n", "text/csv", "was trained on 4 columns, and the data has 5"),
        ("1,2,3,4\n1,2\n", "text/csv", "the rows have different numbers of columns"),
        ("1,2,3,x\n", "text/csv", "could not convert string to float: 'x'"),
        ("[1, 2]", "application/json", "the algorithm reads text/csv and text/libsvm"),
    ],
)
def test_data_that_the_algorithm_refuses(
    place: Place, booster: Any, content: str, content_type: str, said: str
) -> None:
    step = transform(place.put("in/a", content), {**LINES, "ContentType": content_type})
    assert said in failed(place, model(archived(place, booster, "pickle"), BOOSTED, {}), step)


@pytest.mark.parametrize(("files", "said"), [({"xgboost-model": "no model"}, "no model of XGBoost"), ({}, "no file")])
def test_an_archive_without_a_model(place: Place, files: dict[str, str], said: str) -> None:
    data = place.put_archive("model.tar.gz", files)
    assert said in failed(place, model(data, BOOSTED, {}), transform(place.put("in/a", "1"), LINES))


def test_a_program_for_xgboost_with_the_names_of_its_image(place: Place, booster: Any) -> None:
    program = (
        "import os, xgboost\n"
        "from sagemaker_xgboost_container import encoder\n"
        "def model_fn(folder):\n"
        "    model = xgboost.Booster()\n"
        "    model.load_model(os.path.join(folder, 'model.json'))\n"
        "    return model\n"
        "def input_fn(body, content_type): return encoder.csv_to_dmatrix(body)\n"
    )
    data = place.put_archive("m.tar.gz", {"model.json": bytes(booster.save_raw("json")), "code/inference.py": program})
    step = transform(place.put("in/a.csv", AS_CSV), LINES)
    made = made_by(place, model(data, BOOSTED, PROGRAM), step)
    np.testing.assert_allclose([float(line) for line in made.splitlines()], predicted(booster, DATA), rtol=1e-6)


# ---- what they share ----


def test_bodies_are_read_and_written_as_the_toolkits_do() -> None:
    assert decode("1,2\n3,4\n", "text/csv").tolist() == [["1", "2"], ["3", "4"]]
    assert decode('"a,b",2\n', "text/csv").tolist() == ["a,b", "2"]
    assert decode("[[1, 2]]", "application/json").tolist() == [[1, 2]]
    assert encode(np.array([0.5, 1.0]), "text/csv") == b"0.5\n1.0\n"
    assert encode(np.array([[1, 2], [3, 4]]), "text/csv; charset=utf-8") == b"1,2\n3,4\n"
    assert encode({"a": np.float32(0.5)}, "application/json") == b'{"a": 0.5}'
    assert np.load(io.BytesIO(encode([1, 2], "application/x-npy"))).tolist() == [1, 2]
    with pytest.raises(ValueError, match="not image/png"):
        encode([1], "image/png")


def test_installed_toolkits_are_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    monkeypatch.setattr(toolkits, "find_spec", lambda name: object())
    monkeypatch.setattr(toolkits, "_module", lambda name, **members: made.append(name))
    toolkits.provide()
    assert made == []


# ---- PyTorch ----

SCRIPTED = """
import torch
from torch import nn
torch.manual_seed(1)
model = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 1))
torch.jit.script(model).save(ML + "/processing/out/model.pth")
write("expected", model(torch.tensor(json.loads(os.environ["DATA"]))).tolist())
"""


@pytest.mark.frameworks
def test_torch_script_by_the_default_functions_of_pytorch(place_with: Callable[..., Place]) -> None:
    requirements = Path(__file__).parents[2] / "config/environments/pytorch.txt"
    rules = (
        EnvironmentRule(IMAGE, requirements=str(requirements)),
        EnvironmentRule("*", requirements=str(requirements)),
    )
    place: Place = place_with(environments=rules)
    makes = place.writing("Makes", SCRIPTED, variables={"DATA": json.dumps(DATA.tolist())})
    assert place.run(makes).status == "Succeeded"
    data = place.put_archive(
        "model.tar.gz", {"model.pth": place.engine.home.store.path("s3://bucket/Makes/model.pth").read_bytes()}
    )
    step = transform(place.put("in/a.csv", AS_CSV), LINES)
    made = made_by(place, model(data, "a/pytorch-inference:2.6-cpu-py312", {}), step)
    expected = np.array(place.json("Makes/expected")).ravel()
    np.testing.assert_allclose([float(line) for line in made.splitlines()], expected, rtol=1e-5)
