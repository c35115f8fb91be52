"""The built-in XGBoost for real: its models against the package's own, its files, its sentences."""

from __future__ import annotations

import io
import pickle
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pytest
import xgboost
from engines.place import Place, Watcher
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris

from dagwright.definition.graph import read_definition
from dagwright.engines.engine import Start
from dagwright.engines.local.algorithms import algorithm_of, metric_definitions, model_form
from dagwright.engines.local.metrics import metric_expressions
from dagwright.errors import DefinitionError

REGISTRY = "683313688378.dkr.ecr.us-east-1.amazonaws.com"
FOREIGN = Path(__file__).parents[1] / "foreign" / "built-in-algorithm.json"
ROUNDS = {"num_round": "4", "max_depth": "2"}


def table(source: Callable[..., Any]) -> Any:
    """Label first, in 32 bits as the text of CSV is read."""
    features, labels = source(return_X_y=True)
    return numpy.column_stack([labels, features]).astype("float32")


def csv_text(rows: Any) -> str:
    text = io.StringIO()
    numpy.savetxt(text, rows, delimiter=",", fmt="%.9g")
    return text.getvalue()


def libsvm_text(rows: Any) -> str:
    lines = (f"{row[0]:g} " + " ".join(f"{n}:{cell:.9g}" for n, cell in enumerate(row[1:])) for row in rows)
    return "\n".join(lines) + "\n"


def parquet_bytes(rows: Any) -> bytes:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    file = io.BytesIO()
    parquet.write_table(pyarrow.table({str(n): rows[:, n] for n in range(rows.shape[1])}), file)
    return file.getvalue()


def matrix(rows: Any) -> xgboost.DMatrix:
    return xgboost.DMatrix(rows[:, 1:], label=rows[:, 0])


def csv_channels(place: Place, train: Any, validation: Any = None) -> dict[str, Any]:
    channels = {"train": {"S3Uri": place.put("data/train/a.csv", csv_text(train)), "ContentType": "text/csv"}}
    if validation is not None:
        uri = place.put("data/validation/a.csv", csv_text(validation))
        channels["validation"] = {"S3Uri": uri, "ContentType": "text/csv"}
    return channels


def training(place: Place, channels: dict[str, Any], tag: str = "1.7-1", **others: Any) -> dict[str, Any]:
    hyperparameters = others.pop("hyperparameters", ROUNDS)
    specification = {"TrainingImage": f"{REGISTRY}/sagemaker-xgboost:{tag}", **others.pop("specification", {})}
    return place.training(
        "T", channels=channels, hyperparameters=hyperparameters, AlgorithmSpecification=specification, **others
    )


def files_of(place: Place, execution: Any, step: str = "T") -> dict[str, bytes]:
    assert execution.steps[step].status == "Succeeded", execution.failure_reason + place.log(execution, step)
    return place.archive(place.output(execution, step)["ModelArtifacts"]["S3ModelArtifacts"])


def native(content: bytes) -> xgboost.Booster:
    booster = xgboost.Booster()
    with warnings.catch_warnings():  # the algorithm's name of the file tells no format
        warnings.simplefilter("ignore")
        booster.load_model(bytearray(content))
    return booster


def metrics_of(place: Place, execution: Any, step: str = "T") -> dict[str, float]:
    return {item["MetricName"]: item["Value"] for item in place.output(execution, step)["FinalMetricDataList"]}


@pytest.fixture
def here(place_with: Callable[..., Place]) -> Place:
    """A place whose images run on this Python."""
    return place_with(environments=())


def test_a_definition_of_others_trains_what_the_package_trains(here: Place) -> None:
    diabetes, cancer, iris = table(load_diabetes), table(load_breast_cancer), table(load_iris)
    store = here.engine.home.store
    for key, content in {
        "regression/train/a.csv": csv_text(diabetes[:200]),
        "regression/train/more/b.csv": csv_text(diabetes[200:300]),
        "regression/train/_SUCCESS": "",
        "regression/validation/a.csv": csv_text(diabetes[300:]),
        "classification/train/a.libsvm": libsvm_text(cancer[:400]),
        "classification/validation/a.libsvm": libsvm_text(cancer[400:]),
        "columns/train/a.parquet": parquet_bytes(iris),
    }.items():
        store.put_bytes(content.encode() if isinstance(content, str) else content, f"s3://acme-ml/algorithm/{key}")
    execution = here.engine.run(Start("p", read_definition(FOREIGN.read_text())), Watcher())

    told = {"max_depth": 3, "eta": 0.2, "gamma": 4, "min_child_weight": 6, "subsample": 0.7}
    expected = xgboost.train({"objective": "reg:squarederror", **told}, matrix(diabetes[:300]), 20)
    model = pickle.loads(files_of(here, execution, "Regression")["xgboost-model"])  # noqa: S301 - our own
    unseen = matrix(diabetes[300:])
    numpy.testing.assert_allclose(model.predict(unseen), expected.predict(unseen), rtol=1e-6)
    error = float(numpy.sqrt(((model.predict(unseen) - diabetes[300:, 0]) ** 2).mean()))
    assert metrics_of(here, execution, "Regression")["validation:rmse"] == pytest.approx(error, abs=1e-4)

    expected = xgboost.train({"objective": "binary:logistic", "max_depth": 4}, matrix(cancer[:400]), 15)
    model = pickle.loads(files_of(here, execution, "Classification")["xgboost-model"])  # noqa: S301 - our own
    unseen = matrix(cancer[400:])
    numpy.testing.assert_allclose(model.predict(unseen), expected.predict(unseen), rtol=1e-6)
    names = {"train:auc", "train:error", "validation:auc", "validation:error"}
    assert set(metrics_of(here, execution, "Classification")) == names

    expected = xgboost.train({"objective": "multi:softprob", "num_class": 3}, matrix(iris), 5)
    model = native(files_of(here, execution, "Columns")["xgboost-model"])
    numpy.testing.assert_allclose(model.predict(matrix(iris)), expected.predict(matrix(iris)), rtol=1e-6)
    assert set(metrics_of(here, execution, "Columns")) == {"train:mlogloss"}
    assert "objective reg:linear is reg:squarederror now" in here.log(execution, "Regression")


def test_a_training_goes_on_from_its_checkpoints_and_a_requests_own_metric_wins(
    place_with: Callable[..., Place],
) -> None:
    """In substituted paths, as the definition above is in a sandbox. `xgboost.train` made the first rounds."""
    place, rows = place_with(sandbox="paths", environments=()), table(load_diabetes)
    earlier = xgboost.train({}, matrix(rows[:300]), 7)
    for name in ("xgboost-checkpoint.2", "xgboost-checkpoint.5", "xgboost-checkpoint.6"):
        rounds = int(name.rpartition(".")[2]) + 1
        place.put(f"checkpoints/{name}", bytes(earlier[:rounds].save_raw("ubj")))
    own = {"MetricDefinitions": [{"Name": "validation:rmse", "Regex": r"\[7\]#011.*#011validation-rmse:(\S+)"}]}
    kept = {"CheckpointConfig": {"S3Uri": "s3://bucket/checkpoints"}}
    channels = csv_channels(place, rows[:300], rows[300:])
    step = training(place, channels, hyperparameters={"num_round": "10"}, specification=own, **kept)
    execution = place.run(step)
    files = files_of(place, execution)
    assert set(files) == {"xgboost-model"}
    expected = xgboost.train({}, matrix(rows[:300]), 10)
    model = native(files["xgboost-model"])
    numpy.testing.assert_allclose(model.predict(matrix(rows)), expected.predict(matrix(rows)), rtol=1e-4)
    assert place.keys("checkpoints") == [f"checkpoints/xgboost-checkpoint.{number}" for number in range(5, 10)]
    log = place.log(execution, "T").splitlines()
    lines = log[log.index("goes on from the checkpoint of 7 rounds") + 1 :]
    assert [line.partition("#011")[0] for line in lines] == ["[7]", "[8]", "[9]"]
    assert metrics_of(place, execution)["validation:rmse"] == float(lines[0].rpartition(":")[2])
    assert metrics_of(place, execution)["train:rmse"] == float(lines[2].split("#011")[1].partition(":")[2])


def test_hosts_train_one_model_and_one_without_data_looks_on(sandboxed: Place) -> None:
    rows = table(load_diabetes)
    sandboxed.put("s/train/a.csv", csv_text(rows[:150]))
    sandboxed.put("s/train/b.csv", csv_text(rows[150:300]))
    train = {"S3Uri": "s3://bucket/s/train", "S3DataDistributionType": "ShardedByS3Key", "ContentType": "text/csv"}
    validation = csv_channels(sandboxed, rows[:1], rows[300:])["validation"]
    execution = sandboxed.run(training(sandboxed, {"train": train, "validation": validation}, count=3))
    model = native(files_of(sandboxed, execution)["xgboost-model"])
    alone = xgboost.train({"max_depth": 2}, matrix(rows[:300]), 4)
    unseen = matrix(rows[300:])
    numpy.testing.assert_allclose(model.predict(unseen), alone.predict(unseen), rtol=0.2)
    log = sandboxed.log(execution, "T")
    assert "algo-3 takes no part" in log
    assert log.count("[3]#011") == 1


def test_script_mode_in_the_same_image_is_the_scripts(here: Place) -> None:
    archive = here.put_archive("code/sourcedir.tar.gz", {"train.py": SCRIPT})
    hyperparameters = {
        "sagemaker_program": '"train.py"',
        "sagemaker_submit_directory": f'"{archive}"',
        "scale_pos_weight": '"29"',
        "objective": '"binary:logistic"',
    }
    execution = here.run(training(here, csv_channels(here, numpy.ones((3, 3))), hyperparameters=hyperparameters))
    assert set(files_of(here, execution)) == {"model"}
    assert metrics_of(here, execution) == {"train:logloss": 0.25}


SCRIPT = """
import argparse, os
parser = argparse.ArgumentParser()
parser.add_argument("--scale_pos_weight", type=int)
parser.add_argument("--objective")
told = vars(parser.parse_args())
assert told == {"scale_pos_weight": 29, "objective": "binary:logistic"}, told
assert os.listdir(os.environ["SM_CHANNEL_TRAIN"]) == ["a.csv"]
open(os.environ["SM_MODEL_DIR"] + "/model", "w").close()
print("[1]\\ttrain-logloss:0.25000")
"""


@pytest.mark.parametrize(
    ("hyperparameters", "said"),
    [
        ({}, "num_round is missing"),
        ({"num_round": "0"}, "num_round must be a whole number in [1, inf), it is '0'"),
        ({"num_round": "2", "depth": "3"}, "there is no hyperparameter depth"),
        ({"num_round": "2", "eta": "fast"}, "eta must be a number, it is 'fast'"),
        ({"num_round": "2", "subsample": "0"}, "subsample must be a number in (0, 1], it is '0'"),
        ({"num_round": "2", "objective": "squares"}, "objective must be one of binary:hinge"),
        ({"num_round": "2", "objective": "multi:softmax"}, "needs the hyperparameter num_class"),
        ({"num_round": "2", "eval_metric": "rmse,best"}, "eval_metric must be a list of accuracy"),
        ({"num_round": "2", "eval_metric": "auc"}, "auc is for objectives of classification"),
        ({"num_round": "2", "monotone_constraints": "(1, 2)"}, "must be a tuple of -1, 0 and 1"),
        ({"num_round": "2", "monotone_constraints": "(1, 0)"}, "needs the hyperparameter tree_method: exact or hist"),
        ({"num_round": "2", "updater": "grow_moss"}, "updater must be made of"),
        ({"num_round": "2", "_kfold": "5"}, "cross-validation inside of the algorithm, which is not done here"),
        ({"num_round": "2", "use_dask_gpu_training": "true"}, "needs GPUs"),
    ],
)
def test_wrong_hyperparameters_are_sentences_before_anything_starts(
    here: Place, hyperparameters: dict[str, str], said: str
) -> None:
    with pytest.raises(DefinitionError) as refused:
        here.run(training(here, csv_channels(here, numpy.ones((3, 3))), hyperparameters=hyperparameters))
    assert said in str(refused.value)


def test_all_that_is_wrong_is_said_at_once(here: Place) -> None:
    uri = here.put("d/a.csv", "1,2\n")
    channels = {
        "validation": {"S3Uri": uri, "ContentType": "text/csv", "InputMode": "Pipe"},
        "test": {"S3Uri": uri, "ContentType": "text/csv"},
    }
    with pytest.raises(DefinitionError) as refused:
        here.run(training(here, channels, hyperparameters={"eta": "2", "depth": "3"}))
    for said in (
        "there is no hyperparameter depth", "eta must be", "num_round is missing", "no channel train",
        "there is a channel test", "channel validation is streamed",
    ):  # fmt: skip
        assert said in str(refused.value)


@pytest.mark.parametrize(
    ("content_type", "said"),
    [
        ("application/x-recordio-protobuf", "is not read here"),
        ("text/csv;label_size=2", "label_size that is not 1"),
        ("text/plain", "is none of XGBoost's"),
    ],
)
def test_a_content_type_that_is_not_read_is_a_sentence(here: Place, content_type: str, said: str) -> None:
    with pytest.raises(DefinitionError) as refused:
        here.run(training(here, {"train": {"S3Uri": here.put("d/a", "1,2\n"), "ContentType": content_type}}))
    assert said in str(refused.value)


def test_what_the_job_finds_wrong_is_the_clients_error_as_at_the_service(here: Place) -> None:
    channels = {"train": {"S3Uri": here.put("d/data", "7,1\n8\n"), "ContentType": "text/csv"}}
    execution = here.run(training(here, channels))
    said = "ClientError: train/data, line 2: 1 columns instead of 2, exit code 1"
    assert execution.steps["T"].failure_reason == said, here.log(execution, "T")
    assert here.output(execution, "T")["FailureReason"] == said
    assert "Traceback" not in here.log(execution, "T")


def test_a_value_that_a_step_gives_is_looked_at_when_it_is_known(here: Place) -> None:
    first = here.writing("A", "pass")
    step = training(here, csv_channels(here, numpy.ones((3, 3))))
    given = {"Get": "Steps.A.ProcessingJobName"}
    step["Arguments"]["HyperParameters"] = {"num_round": "2", "objective": given}
    execution = here.run(first, step)
    assert "the hyperparameter objective must be one of" in execution.steps["T"].failure_reason


def test_without_the_package_nothing_starts(place_with: Callable[..., Place], monkeypatch: pytest.MonkeyPatch) -> None:
    place = place_with(environments=())
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(DefinitionError) as refused:
        place.run(training(place, csv_channels(place, numpy.ones((3, 3)))))
    assert "xgboost is not installed in the Python of its image" in str(refused.value)
    assert "pip install 'dagwright[xgboost]'" in str(refused.value)


def test_another_built_in_algorithm_is_a_sentence(here: Place) -> None:
    step = training(here, csv_channels(here, numpy.ones((3, 3))))
    image = "522234722520.dkr.ecr.us-east-1.amazonaws.com/forecasting-deepar:1"
    step["Arguments"]["AlgorithmSpecification"]["TrainingImage"] = image
    with pytest.raises(DefinitionError) as refused:
        here.run(step)
    assert "Amazon's built-in algorithm forecasting-deepar, whose program is in its image alone" in str(refused.value)
    assert "--stand-in STEP=outputs.json, or run the image itself: --runtime docker" in str(refused.value)


@pytest.mark.parametrize(
    ("image", "algorithm", "form"),
    [
        (f"{REGISTRY}/sagemaker-xgboost:1.0-1-cpu-py3", "xgboost", "pickled"),
        (f"{REGISTRY}/sagemaker-xgboost:0.90-2-cpu-py3", "xgboost", "pickled"),
        (f"{REGISTRY}/sagemaker-xgboost:1.2-2", "xgboost", "pickled"),
        (f"{REGISTRY}/sagemaker-xgboost:1.3-1", "xgboost", "native"),
        (f"{REGISTRY}/sagemaker-xgboost:3.0-5", "xgboost", "native"),
        (f"{REGISTRY}/sagemaker-xgboost@sha256:00", "xgboost", "native"),
        ("811284229777.dkr.ecr.us-east-1.amazonaws.com/xgboost:latest", "xgboost", "pickled"),
        ("390780980154.dkr.ecr.cn-north-1.amazonaws.com.cn/linear-learner:1", "linear-learner", ""),
        (f"{REGISTRY}/sagemaker-scikit-learn:1.2-1-cpu-py3", "", ""),
        ("registry/xgboost:1", "", ""),
    ],
)
def test_an_algorithm_and_its_version_are_known_by_the_image(image: str, algorithm: str, form: str) -> None:
    assert algorithm_of(image) == algorithm
    assert not form or model_form(image) == form
    assert bool(metric_definitions(image)) == (algorithm == "xgboost")
    request = {"AlgorithmSpecification": {"TrainingImage": image}}
    assert metric_expressions(request) == metric_definitions(image)
