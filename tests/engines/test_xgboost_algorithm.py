"""The parts of the built-in XGBoost's program: data as they are read, metrics, hyperparameters, checkpoints."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy
import pytest
import xgboost
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris

from dagwright.engines.local.xgboost_algorithm import CustomerError
from dagwright.engines.local.xgboost_algorithm.callbacks import Checkpoints, last_checkpoint
from dagwright.engines.local.xgboost_algorithm.data import content_kind, read_matrix
from dagwright.engines.local.xgboost_algorithm.hyperparameters import is_maximized, read_hyperparameters
from dagwright.engines.local.xgboost_algorithm.metrics import OwnMetrics, metric_line
from dagwright.engines.local.xgboost_algorithm.model_file import NATIVE
from dagwright.engines.local.xgboost_algorithm.settings import read_settings
from dagwright.engines.local.xgboost_algorithm.training import Training, train

PROGRAM = Path(__file__).parents[2] / "dagwright/engines/local/xgboost_algorithm"


def read(folder: Path, content: str | bytes, kind: str = "csv", weighted: bool = False) -> xgboost.DMatrix | None:
    path = folder / "train" / "data"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_matrix(str(path.parent), kind, weighted)


def cells(matrix: xgboost.DMatrix | None) -> list[list[float]]:
    """Of each row; what is missing is left out."""
    assert matrix is not None
    rows = matrix.get_data()
    return [rows.data[rows.indptr[n] : rows.indptr[n + 1]].tolist() for n in range(matrix.num_row())]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", " "])
def test_csv_is_read_whatever_stands_between_its_columns(tmp_path: Path, delimiter: str) -> None:
    matrix = read(tmp_path, f"1{delimiter}2{delimiter}0.5\n0{delimiter}-3{delimiter}1e2\n")
    assert matrix is not None
    assert matrix.get_label().tolist() == [1, 0]
    assert cells(matrix) == [[2, 0.5], [-3, 100]]


def test_weights_missing_values_and_quotes_are_read(tmp_path: Path) -> None:
    matrix = read(tmp_path, '\ufeff1,10,2,\n\n0,20,,"0.5"\n1,30,nan,4\n', weighted=True)
    assert matrix is not None
    assert matrix.get_label().tolist() == [1, 0, 1]
    assert matrix.get_weight().tolist() == [10, 20, 30]
    assert cells(matrix) == [[2], [0.5], [4]]


def test_all_files_of_a_channel_are_read_but_marks(tmp_path: Path) -> None:
    for name in ("b/2.csv", "a.csv", "_SUCCESS", ".hidden", "empty.csv"):
        path = tmp_path / "train" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text({"b/2.csv": "3,4\n", "a.csv": "1,2", "empty.csv": ""}.get(name, "no data"))
    assert cells(read_matrix(str(tmp_path / "train"), "csv", False)) == [[2], [4]]
    assert read_matrix(str(tmp_path / "none"), "csv", False) is None


def test_libsvm_counts_columns_from_0_and_knows_weights_and_queries(tmp_path: Path) -> None:
    matrix = read(tmp_path, "1:0.5 qid:7 0:2 3:4 # a remark\n\n0:1 qid:7\n2:3 qid:8 1:9\n", "libsvm")
    assert matrix is not None
    assert (matrix.num_row(), matrix.num_col()) == (3, 4)
    assert matrix.get_label().tolist() == [1, 0, 2]
    assert matrix.get_weight().tolist() == [0.5, 1, 3]
    assert matrix.get_uint_info("group_ptr").tolist() == [0, 2, 3]
    assert cells(matrix) == [[2, 4], [], [9]]


def test_columns_of_parquet_are_numbers_of_any_kind(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    columns = {"label": [1, 0], "whole": [2, None], "true": [True, False], "real": [0.5, 1.5]}
    (tmp_path / "train").mkdir()
    parquet.write_table(pyarrow.table(columns), tmp_path / "train" / "data")
    assert cells(read_matrix(str(tmp_path / "train"), "parquet", False)) == [[2, 1, 0.5], [0, 1.5]]
    parquet.write_table(pyarrow.table({"label": [1], "name": ["x"]}), tmp_path / "train" / "data")
    with pytest.raises(CustomerError, match="train/data cannot be read as Parquet of numbers"):
        read_matrix(str(tmp_path / "train"), "parquet", False)


@pytest.mark.parametrize(
    ("content", "kind", "said"),
    [
        (
            "label,feature\n1,2\n",
            "csv",
            "train/data, line 1: could not convert string to float: 'label'; is it a header",
        ),
        ("1,2\n1,NA\n", "csv", "train/data, line 2: could not convert string to float: 'NA'"),
        ("1,2\n1,2,3\n", "csv", "train/data, line 2: 3 columns instead of 2"),
        ("1\n2\n", "csv", "no feature is left beside the label"),
        ("1 0:1\n1 one\n", "libsvm", "train/data, line 2 is not LIBSVM: 'one' is not column:value"),
        ("1 -1:1\n", "libsvm", "'-1:1' has no column number"),
        ("1,2\n", "libsvm", "train/data, line 1 is not LIBSVM: could not convert string to float: '1,2'"),
        ("1 qid:1 0:1\n1 0:1\n", "libsvm", "some lines of the data have a qid"),
        ("1,2\n", "parquet", "train/data cannot be read as Parquet"),
        (",2\n1,3\n", "csv", "XGBoost refuses: Check failed: valid: Label contains NaN"),
        ("1,1e39\n", "csv", "XGBoost refuses: Check failed: valid: Input data contains `inf`"),
        ('1,"' + "x" * 200_000, "csv", "train/data, line 1: field larger than field limit"),
        ("1 qid:2 0:1\n1 qid:1 0:1\n", "libsvm", "`qid` must be sorted"),
        ("1 4294967296:1\n", "libsvm", "'4294967296:1' has no column number"),
        ("1 99999999999999999999:1\n", "libsvm", "has no column number"),
        ("1 qid:99999999999999999999 0:1\n", "libsvm", "line 1 is not LIBSVM: int too big"),
    ],
)
def test_data_that_cannot_be_read_are_a_sentence(tmp_path: Path, content: str, kind: str, said: str) -> None:
    with pytest.raises(CustomerError) as refused:
        read(tmp_path, content, kind)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("content", "kind"), [("\n", "csv"), (" \r\n\r\n", "csv"), ("\n\n", "libsvm"), ("# nothing\n", "libsvm")]
)
def test_a_file_without_records_has_no_data(tmp_path: Path, content: str, kind: str) -> None:
    assert read(tmp_path, content, kind) is None
    if kind == "csv":
        (tmp_path / "train" / "more").write_text("1,2,3\n")
        assert cells(read_matrix(str(tmp_path / "train"), kind, False)) == [[2, 3]]


def test_lines_before_the_first_row_tell_nothing_of_the_columns(tmp_path: Path) -> None:
    assert cells(read(tmp_path, "\n\n1;2\n3;4\n")) == [[2], [4]]


def test_files_of_different_widths_are_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "other").write_text("1,2,3\n")
    (tmp_path / "one").write_text("1,2\n")
    with pytest.raises(CustomerError, match="different numbers of columns: 2, 3"):
        read_matrix(str(tmp_path), "csv", False)


@pytest.mark.parametrize(
    ("content_type", "kind"),
    [
        (None, "libsvm"),
        ("text/libsvm", "libsvm"),
        ("text/x-libsvm ;charset=utf8", "libsvm"),
        ("CSV", "csv"),
        ("text/csv; label_size=1; charset=utf8", "csv"),
        ("application/x-parquet", "parquet"),
    ],
)
def test_content_types_are_the_algorithms(content_type: str | None, kind: str) -> None:
    assert content_kind(content_type) == kind


def test_texts_become_what_the_package_wants() -> None:
    read = read_hyperparameters(
        {
            "num_round": '"29"', "learning_rate": "0.3", "eval_metric": "error@0.7,auc",
            "updater": "grow_histmaker,prune",
            "objective": "reg:linear", "silent": "1", "tree_method": "gpu_hist", "predictor": "gpu_predictor",
            "reg_lambda": "2", "sagemaker_region": "us-east-1", "dsplit": "row",
        }
    )  # fmt: skip
    assert read.problems == ["the eval_metric auc is for objectives of classification and ranking"]
    assert read.values == {
        "num_round": 29, "eta": 0.3, "eval_metric": ["error@0.7", "auc"], "updater": "grow_histmaker,prune",
        "objective": "reg:squarederror", "verbosity": 0, "tree_method": "hist", "lambda": 2.0,
    }  # fmt: skip
    assert len(read.notes) == 5


def test_what_is_yet_unknown_is_not_held_against_it() -> None:
    texts = {
        "num_round": "?",
        "objective": "?",
        "eval_metric": "auc",
        "tree_method": "?",
        "monotone_constraints": "(1,)",
    }
    assert read_hyperparameters(texts, ["num_round", "objective", "tree_method"]).problems == []


def test_metrics_that_the_package_does_not_have_are_scikit_learns() -> None:
    from sklearn import metrics

    names = [
        "accuracy",
        "balanced_accuracy",
        "f1",
        "precision_macro",
        "precision_micro",
        "recall_macro",
        "recall_micro",
    ]
    for source, objective in ((load_breast_cancer, "binary:logistic"), (load_iris, "multi:softprob")):
        features, truth = source(return_X_y=True)
        data = xgboost.DMatrix(features, label=truth)
        told = {"objective": objective, "max_depth": 1} | ({"num_class": 3} if objective != "binary:logistic" else {})
        predictions = xgboost.train(told, data, 1).predict(data)
        predicted = predictions.argmax(axis=1) if predictions.ndim > 1 else predictions > 0.5
        expected = {
            "accuracy": metrics.accuracy_score(truth, predicted),
            "balanced_accuracy": metrics.balanced_accuracy_score(truth, predicted),
            "f1": metrics.f1_score(truth, predicted, average="macro"),
            "precision_macro": metrics.precision_score(truth, predicted, average="macro", zero_division=0),
            "precision_micro": metrics.precision_score(truth, predicted, average="micro"),
            "recall_macro": metrics.recall_score(truth, predicted, average="macro"),
            "recall_micro": metrics.recall_score(truth, predicted, average="micro"),
        }
        assert dict(OwnMetrics(names, objective)(predictions, data)) == pytest.approx(expected)
        if objective == "binary:logistic":
            binary = dict(OwnMetrics(["f1_binary", "precision", "recall", "r2", "mse"], objective)(predictions, data))
            assert binary == pytest.approx(
                {
                    "f1_binary": metrics.f1_score(truth, predicted),
                    "precision": metrics.precision_score(truth, predicted),
                    "recall": metrics.recall_score(truth, predicted),
                    "r2": metrics.r2_score(truth, predictions),
                    "mse": metrics.mean_squared_error(truth, predictions),
                }
            )


def test_lines_are_the_services() -> None:
    line = metric_line(7, [("train-rmse", 0.5), ("validation-rmse", 2 / 3)])
    assert line == "[7]#011train-rmse:0.50000#011validation-rmse:0.66667"
    assert is_maximized("ndcg@3")
    assert not is_maximized("error@0.7")


def test_a_damaged_checkpoint_is_passed_over(tmp_path: Path) -> None:
    assert last_checkpoint(str(tmp_path)) == (None, 0)
    data = xgboost.DMatrix(numpy.ones((4, 2)), label=[0, 1, 0, 1])
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    callback: Any = Checkpoints(str(tmp_path), 3, str(scratch))
    xgboost.train({}, data, 7, callbacks=[callback])
    assert sorted(path.name for path in tmp_path.glob("xgboost*")) == [f"xgboost-checkpoint.{n}" for n in range(5, 10)]
    (tmp_path / "xgboost-checkpoint.9").write_bytes(b"{L half of it")
    booster, rounds = last_checkpoint(str(tmp_path))
    assert booster is not None
    assert (booster.num_boosted_rounds(), rounds) == (6, 9)


def test_a_program_that_is_ended_leaves_the_model_so_far_if_asked_to(tmp_path: Path) -> None:
    told = {"num_round": "1000000", "nthread": "1", "save_model_on_termination": "true"}
    config = {
        "hyperparameters": told,
        "inputdataconfig": {"train": {"ContentType": "text/csv", "TrainingInputMode": "File"}},
        "resourceconfig": {"hosts": ["algo-1"], "current_host": "algo-1"},
    }
    for folder in ("input/config", "input/data/train", "model", "output", "scratch"):
        (tmp_path / folder).mkdir(parents=True)
    for name, content in config.items():
        (tmp_path / f"input/config/{name}.json").write_text(json.dumps(content))
    (tmp_path / "input/data/train/a.csv").write_text("1,2\n3,4\n5,5\n")
    words = [sys.executable, "-m", "dagwright.engines.local.xgboost_algorithm", str(tmp_path), "native", "image:1"]
    variables = {**os.environ, "PYTHONPATH": str(PROGRAM.parents[3])}
    with subprocess.Popen(words, cwd=tmp_path / "scratch", env=variables, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        assert any(line.startswith("[2]#011train-rmse:") for line in program.stdout)
        program.terminate()
    assert program.returncode == 0
    assert [path.name for path in (tmp_path / "model").iterdir()] == ["xgboost-model"]


def trained(folder: Path, told: dict[str, str], **files: str) -> None:
    """What the program does with channels of one file each; its model comes to be in the folder."""
    for channel, content in files.items():
        (folder / channel).mkdir()
        (folder / channel / "data").write_text(content)
    settings = read_settings(told, {channel: {"ContentType": "text/csv"} for channel in files})
    assert not settings.problems
    train(Training(settings, str(folder), str(folder), "", str(folder / "train"), NATIVE, ["algo-1"], "algo-1"))


def test_what_training_refuses_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(CustomerError, match="XGBoost refuses: Check failed") as refused:
        trained(tmp_path, {"num_round": "2", "objective": "binary:logistic"}, train="7,1\n8,2\n")
    assert "Stack trace" not in str(refused.value)


@pytest.mark.filterwarnings("ignore::UserWarning")  # the algorithm's name of the file tells no format
def test_early_stopping_keeps_the_best_round(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    features, labels = load_diabetes(return_X_y=True)
    rows = [",".join(map(str, (label, *row))) for label, row in zip(labels, features, strict=True)]
    early = {"num_round": "200", "eta": "0.9", "early_stopping_rounds": "3", "eval_metric": "mae,rmse"}
    trained(tmp_path, early, train="\n".join(rows[:300]), validation="\n".join(rows[300:]))
    errors = [float(line.rpartition(":")[2]) for line in capsys.readouterr().out.splitlines() if line[0] == "["]
    best = errors.index(min(errors))
    assert len(errors) == best + 4 < 200
    assert xgboost.Booster(model_file=tmp_path / "xgboost-model").num_boosted_rounds() == best + 1


def test_the_program_is_of_the_oldest_python_of_an_image() -> None:
    for path in PROGRAM.glob("*.py"):
        ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 8))
