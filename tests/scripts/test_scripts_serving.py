"""The inference code that train.py packs with the model, called as the scikit-learn serving container calls it."""

from __future__ import annotations

import importlib.util
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

Chain = tuple[Path, dict[str, str]]


@pytest.fixture(scope="module")
def inference(chain: Chain) -> ModuleType:
    """code/inference.py of the model folder."""
    spec = importlib.util.spec_from_file_location("job_inference", chain[0] / "model/code/inference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def answer(inference: ModuleType, chain: Chain) -> Callable[..., str]:
    """The body of the endpoint's answer to a request."""
    served = inference.model_fn(str(chain[0] / "model"))

    def ask(body: str | bytes, content_type: str = "text/csv", accept: str = "text/csv") -> str:
        prediction = inference.predict_fn(inference.input_fn(body, content_type), served)
        text, kind = inference.output_fn(prediction, accept)
        assert kind == ("text/csv" if accept == "text/csv" else "application/json")
        return str(text)

    return ask


def read_rows(path: Path) -> tuple[list[str], list[list[str]]]:
    header, *rows = (line.split(",") for line in path.read_text().splitlines())
    return header, rows


@pytest.fixture(scope="module")
def expected(inference: ModuleType, chain: Chain) -> list[float]:
    """The probabilities of the test split, from the features that feature_engineering.py computed."""
    served = inference.model_fn(str(chain[0] / "model"))
    header, rows = read_rows(chain[0] / "features/test/test.csv")
    table = inference.build_table([[float(cell) for cell in row[1:]] for row in rows], header[1:])
    return [float(value) for value in served.model.predict_proba(table)[:, 1]]


def test_raw_rows_give_what_the_engineered_features_give(
    answer: Callable[..., str], chain: Chain, expected: list[float]
) -> None:
    with_header = (chain[0] / "processed/test/test.csv").read_text()
    assert [float(line) for line in answer(with_header).split()] == pytest.approx(expected, abs=1e-12)
    _, rows = read_rows(chain[0] / "processed/test/test.csv")
    bare = "\n".join(",".join(row[1:-1]) for row in rows)
    assert answer(bare.encode(), "text/csv; charset=utf-8") == answer(with_header)


def test_json_rows_are_mappings_or_lists(answer: Callable[..., str], chain: Chain, expected: list[float]) -> None:
    header, rows = read_rows(chain[0] / "processed/test/test.csv")
    mapping: dict[str, Any] = {name: float(rows[0][place]) for place, name in enumerate(header) if place}
    numbers = [float(cell) for cell in rows[0][1:-1]]
    for body in ([mapping, numbers], {"instances": [mapping, numbers]}):
        predictions = json.loads(answer(json.dumps(body), "application/json", "*/*"))["predictions"]
        assert [item["probability"] for item in predictions] == pytest.approx([expected[0]] * 2, abs=1e-12)
        assert [item["label"] for item in predictions] == [int(expected[0] >= 0.5)] * 2


def test_a_missing_measurement_is_filled_in(answer: Callable[..., str], chain: Chain) -> None:
    header, rows = read_rows(chain[0] / "processed/test/test.csv")
    mapping: dict[str, Any] = {name: float(rows[0][place]) for place, name in enumerate(header) if place}
    mapping["worst_texture"] = None
    predictions = json.loads(answer(json.dumps([mapping]), "application/json", "application/json"))["predictions"]
    assert 0 < predictions[0]["probability"] < 1


def test_without_features_json_the_model_takes_engineered_rows(
    inference: ModuleType, chain: Chain, expected: list[float], tmp_path: Path
) -> None:
    for name in ("model.json", "model.joblib"):
        shutil.copy(chain[0] / "model" / name, tmp_path)
    rows = inference.input_fn((chain[0] / "features/test/test.csv").read_text(), "text/csv")
    probabilities = inference.predict_fn(rows, inference.model_fn(str(tmp_path)))
    assert probabilities.tolist() == pytest.approx(expected)


@pytest.mark.parametrize(
    ("body", "content_type", "sentence"),
    [
        ("x", "image/png", "the content type 'image/png' is neither text/csv nor application/json"),
        ("1,2\n", "text/csv", "row 1 has 2 values and the model takes 30"),
        ("mean_radius\n1\n", "text/csv", "row 1 lacks mean_texture, "),
        ("[]", "application/json", "the request has no rows"),
    ],
)
def test_requests_that_do_not_fit(answer: Callable[..., str], body: str, content_type: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        answer(body, content_type)
