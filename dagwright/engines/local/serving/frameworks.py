"""What the images of the frameworks do where the user has written no function: AWS's published inference toolkits.

What comes in: a body, its type, a model. What goes out: arrays, predictions, a body. Libraries are the image's, and
imported when they are needed.
"""

from __future__ import annotations

import csv
import importlib
import os
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dagwright.engines.local.serving.encodings import CSV, JSON, NPY, UnsupportedError, decode, encode, numpy

SCIKIT_LEARN, XGBOOST, XGBOOST_PROGRAM, PYTORCH, PROGRAM = "scikit-learn", "xgboost", "xgboost-program", "pytorch", ""
LIBSVM = ("text/libsvm", "text/x-libsvm")
if TYPE_CHECKING:
    Body = str | bytes


@dataclass(frozen=True)
class Framework:
    """The default functions of an image, and the types it takes if a request names none."""

    model_fn: Callable[[str], Any]
    input_fn: Callable[[Any, str], Any]
    predict_fn: Callable[[Any, Any], Any]
    output_fn: Callable[[Any, str], Any]
    content_type: str = JSON
    accept: str = JSON
    takes_bytes: bool = False
    """Whether bodies of text reach the functions as bytes."""


def _no_model_fn(folder: str) -> Any:
    raise NotImplementedError("the image loads no model by itself: define model_fn(model_dir) in the program")


def _no_predict_fn(data: Any, model: Any) -> Any:
    raise NotImplementedError("define predict_fn(data, model) in the program")


def _predict(data: Any, model: Any) -> Any:
    return model.predict(data)


# ---- scikit-learn: text becomes numbers of 32 bits ----


def _as_floats(body: Body, content_type: str) -> Any:
    array = decode(body, content_type)
    return array if content_type == NPY else array.astype(numpy().float32)


# ---- XGBoost ----


def _load_boosters(folder: str) -> list[tuple[Any, bool]]:
    """(booster, whether it was pickled) of every file of the model: several are an ensemble."""
    xgboost = importlib.import_module("xgboost")
    names = [name for name in sorted(os.listdir(folder)) if os.path.isfile(os.path.join(folder, name))]
    loaded = [_load_booster(os.path.join(folder, name), xgboost) for name in names if not name.startswith(".")]
    if not loaded:
        raise FileNotFoundError("the model's archive holds no file, such as xgboost-model")
    return loaded


def _load_booster(path: str, xgboost: Any) -> tuple[Any, bool]:
    try:
        with open(path, "rb") as file:
            booster, pickled = pickle.load(file), True  # noqa: S301 - in the job's own process, as in the image
    except Exception:
        booster, pickled = xgboost.Booster(), False
        try:
            booster.load_model(path)
        except Exception as error:
            what = str(error).strip().splitlines()[0]
            raise ValueError(
                f"{os.path.basename(path)} is no model of XGBoost {xgboost.__version__}: {what}"
            ) from error
    booster.set_param({"nthread": 1})
    return booster, pickled


def as_matrix(body: Body, content_type: str) -> Any:
    """A DMatrix. Raises UnsupportedError."""
    xgboost = importlib.import_module("xgboost")
    text = (body.decode("utf-8") if isinstance(body, bytes) else body).strip()
    kind = content_type.partition(";")[0].strip().lower()
    if kind == CSV:
        return xgboost.DMatrix(_csv_matrix(text))
    if kind in LIBSVM:
        return xgboost.DMatrix(_sparse_matrix(text))
    raise UnsupportedError(f"the algorithm reads {CSV} and {LIBSVM[0]} here, not {content_type}")


def _csv_matrix(text: str) -> Any:
    """Numbers without a label; an empty cell is a missing value."""
    lines = text.replace("\r", "").split("\n")
    delimiter = ","
    if "," not in lines[0]:  # as the image does, whatever separates the first line
        try:
            found = csv.Sniffer().sniff(lines[0][:512]).delimiter
            delimiter = "," if found.isalnum() or found in ".-+" else found
        except csv.Error:
            delimiter = ","
    cells = delimiter.join(lines).split(delimiter)
    try:
        values = [float(cell) for cell in cells]
    except ValueError:
        values = [float(cell) if cell.strip() else float("nan") for cell in cells]
    width = lines[0].count(delimiter)
    if any(line.count(delimiter) != width for line in lines):
        raise ValueError("the rows have different numbers of columns")
    return numpy().array(values).reshape(len(lines), -1)


def _sparse_matrix(text: str) -> Any:
    """What stands before the first `column:value` of a line is its label, and not read."""
    sparse = importlib.import_module("scipy.sparse")
    lines = text.split("\n")
    places, columns, values = [], [], []
    for number, line in enumerate(lines):
        for cell in line.split():
            column, colon, value = cell.partition(":")
            if colon:
                places.append(number)
                columns.append(int(column))
                values.append(float(value))
    width = max(columns, default=0) + 1
    return sparse.csr_matrix((values, (places, columns)), shape=(len(lines), width))


def _algorithm_input(body: Body, content_type: str) -> tuple[Any, bool]:
    return as_matrix(body, content_type), content_type.partition(";")[0].strip().lower() == CSV


def _algorithm_predict(data: tuple[Any, bool], models: list[tuple[Any, bool]]) -> Any:
    matrix, is_csv = data
    predictions = [_boosted(booster, matrix) for booster, pickled in models if _fits(booster, pickled, matrix, is_csv)]
    return predictions[0] if len(predictions) == 1 else numpy().mean(predictions, axis=0)


def _fits(booster: Any, pickled: bool, matrix: Any, is_csv: bool) -> bool:
    """The image looks at the columns for pickled models only; XGBoost itself for all."""
    trained, given = booster.num_features(), matrix.num_col()
    if pickled and (given not in (trained - 1, trained) if is_csv else given > trained + 1):
        raise ValueError(f"the model was trained on {trained} columns, and the data has {given}")
    return True


def _boosted(booster: Any, matrix: Any) -> Any:
    """By the trees up to the best, if training was stopped early."""
    best = booster.attr("best_iteration")
    trees = {"iteration_range": (0, int(best) + 1)} if best is not None else {}
    return booster.predict(matrix, validate_features=False, **trees)


def _algorithm_output(prediction: Any, accept: str) -> bytes:
    """In a transform job one prediction a line."""
    if accept.lower() in (CSV, "csv"):
        return ("\n".join(map(str, prediction.tolist())) + "\n").encode()
    if accept.lower() in (JSON, "json"):
        return encode(prediction, JSON)
    raise UnsupportedError(f"the algorithm answers in {CSV} and {JSON}, not {accept}")


def _boosted_by_program(data: Any, model: Any) -> Any:
    return model.predict(data, validate_features=False)


# ---- PyTorch ----


def _load_script_module(folder: str) -> Any:
    torch = importlib.import_module("torch")
    path = os.path.join(folder, "model.pt")
    if not os.path.exists(path):
        names = [name for name in sorted(os.listdir(folder)) if name.endswith((".pt", ".pth"))]
        if len(names) != 1:
            raise ValueError(f"the model's archive must hold exactly one .pt or .pth file, it holds {names}")
        path = os.path.join(folder, names[0])
    try:
        return torch.jit.load(path, map_location="cpu").eval()
    except RuntimeError as error:
        raise ValueError(
            f"{os.path.basename(path)} is no TorchScript: define model_fn(model_dir), or save it by torch.jit.save"
        ) from error


def _as_tensor(body: Body, content_type: str) -> Any:
    torch = importlib.import_module("torch")
    array = decode(body, content_type)
    return torch.from_numpy(array) if content_type == NPY else torch.from_numpy(array.astype(numpy().float32))


def _forward(data: Any, model: Any) -> Any:
    torch = importlib.import_module("torch")
    with torch.no_grad():
        return model.to("cpu").eval()(data)


def _tensor_output(prediction: Any, accept: str) -> bytes:
    values = prediction.detach().cpu().numpy().tolist() if hasattr(prediction, "detach") else prediction
    return encode(values, accept)


FRAMEWORKS: dict[str, Framework] = {
    SCIKIT_LEARN: Framework(_no_model_fn, _as_floats, _predict, encode),
    XGBOOST: Framework(
        _load_boosters, _algorithm_input, _algorithm_predict, _algorithm_output, CSV, CSV, takes_bytes=True
    ),
    XGBOOST_PROGRAM: Framework(_no_model_fn, as_matrix, _boosted_by_program, encode),
    PYTORCH: Framework(_load_script_module, _as_tensor, _forward, _tensor_output),
    PROGRAM: Framework(_no_model_fn, decode, _no_predict_fn, encode),
}
