"""Input that cannot be used: one sentence, exit code 1, and the reason where SageMaker reads it."""

from __future__ import annotations

import ast
import importlib
import io
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"
LoadScript = Callable[[str], ModuleType]
Fails = Callable[..., str]


@pytest.fixture
def fails(load_script: LoadScript, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Fails:
    """Run a script with these words; the sentence it ends with."""

    def run(name: str, *words: object) -> str:
        folder = tmp_path / "reason"
        option, file = ("--output-dir", "failure") if name == "train" else ("--message-folder", "message")
        assert load_script(name).main([*map(str, words), option, str(folder)]) == 1
        sentence = capsys.readouterr().err.strip()
        assert "\n" not in sentence
        assert sentence == f"{Path(name).name}: {(folder / file).read_text()}"
        return sentence.split(": ", 1)[1]

    return run


@pytest.fixture
def embedding(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """embedding.py, with a stand-in for the library that its requirements.txt brings."""
    monkeypatch.setitem(sys.modules, "safetensors", ModuleType("safetensors"))
    monkeypatch.setitem(sys.modules, "safetensors.numpy", SimpleNamespace(save_file=None))
    monkeypatch.syspath_prepend(SCRIPTS / "embedding")
    monkeypatch.delitem(sys.modules, "embedding", raising=False)
    return importlib.import_module("embedding")


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path.parent


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "a.csv has no header"),
        (",x,diagnosis\n0,1,B\n", "a.csv has a column without name"),
        ("x,diagnosis\n1,B,9\n2,M,8\n", "a.csv is not a readable CSV: Error tokenizing data. C error: {}"),
        ("x,x,diagnosis\n1,2,B\n", "a.csv has more than one column 'x'"),
        ("x,y\n1,2\n", "there is no label column 'diagnosis'; the columns are 'x', 'y'"),
        ("x,diagnosis\n1,B\n2,B\n", "the label 'diagnosis' needs two classes and has 1: 'B'"),
        ("x,diagnosis\n1,\n2, \n", "the label 'diagnosis' needs two classes and has 0: all empty"),
        ("x,diagnosis\n1,0\n2,1\n3,2\n", "the label 'diagnosis' needs two classes and has 3: 0, 1, 2"),
        ("x,diagnosis\n?,B\nabc,M\n", "nothing is left after cleaning: of 2 rows none has a label and a measurement"),
        ("x,diagnosis\n1,B\n2,M\n", "class 0 has 1 rows, too few for three splits with these shares"),
    ],
)
def test_raw_files_that_cannot_be_used(fails: Fails, tmp_path: Path, text: str, sentence: str) -> None:
    found = fails("preprocess", "--input", write(tmp_path / "raw/a.csv", text))
    assert found == sentence.format("Expected 2 fields in line 2, saw 3")


def test_raw_folder_without_csv_files(fails: Fails, tmp_path: Path) -> None:
    write(tmp_path / "raw/a.txt", "x")
    assert fails("preprocess", "--input", tmp_path / "raw") == f"no *.csv file below {tmp_path / 'raw'}"
    assert fails("preprocess", "--input", tmp_path / "none") == f"no *.csv file below {tmp_path / 'none'}"


def test_raw_headers_that_differ(fails: Fails, tmp_path: Path) -> None:
    write(tmp_path / "raw/a.csv", "x,diagnosis\n1,B\n")
    write(tmp_path / "raw/b.csv", "y,diagnosis\n1,B\n")
    assert fails("preprocess", "--input", tmp_path / "raw") == "the headers of a.csv and b.csv differ in 'x', 'y'"


def test_raw_file_that_is_no_text(fails: Fails, tmp_path: Path) -> None:
    (write(tmp_path / "raw/a.csv", "") / "a.csv").write_bytes(b"x,diagnosis\n\xff\xfe,B\n")
    assert fails("preprocess", "--input", tmp_path / "raw").startswith("a.csv is not a readable CSV: ")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--test-share", 0.9), "the validation and test shares 0.2 and 0.9 leave no room for three splits"),
        (("--validation-share", 0), "the validation and test shares 0.0 and 0.2 leave no room for three splits"),
        (("--seed", -1), "the seed -1 is not between 0 and 4294967295"),
    ],
)
def test_numbers_out_of_range(
    load_script: LoadScript, capsys: pytest.CaptureFixture[str], words: tuple[object, ...], sentence: str
) -> None:
    assert load_script("preprocess").main(list(map(str, words))) == 1
    assert capsys.readouterr().err == f"preprocess: {sentence}\n"


def test_words_that_are_not_understood(load_script: LoadScript, capsys: pytest.CaptureFixture[str]) -> None:
    assert load_script("train").main(["--max_depth", "deep"]) == 1
    assert capsys.readouterr().err == "train: argument --max_depth: invalid int value: 'deep'\n"
    assert load_script("evaluate").main(["--modle", "x"]) == 1
    assert capsys.readouterr().err == "evaluate: unrecognized arguments: --modle x\n"


@pytest.mark.parametrize(
    ("train", "test", "sentence"),
    [
        ("x,y\n1,0\n", "x,diagnosis\n1,0\n", "the CSV below {train} has no label column 'diagnosis'"),
        ("x,diagnosis\n", "x,diagnosis\n1,0\n", "the CSV below {train} has no rows"),
        ("x,diagnosis\n1,M\n", "", "the column 'diagnosis' below {train} is not numeric: "),
        ("x,diagnosis\n1,2\n", "", "the label 'diagnosis' below {train} is not 0 or 1 everywhere"),
        ("x,diagnosis\n1,0\n1,1\n", "x,diagnosis\n1,0\n", "no feature is left: every column of train is constant"),
        ("x,y,diagnosis\n1,9,0\n2,3,1\n", "x,diagnosis\n1,0\n", "test lacks columns that train has: 'y'"),
    ],
)
def test_splits_that_give_no_features(fails: Fails, tmp_path: Path, train: str, test: str, sentence: str) -> None:
    folder = write(tmp_path / "train/a.csv", train)
    words = ["--train", folder, "--validation", folder, "--test", write(tmp_path / "test/a.csv", test)]
    assert fails("feature_engineering", *words).startswith(sentence.format(train=folder))


def test_a_feature_version_is_a_name(load_script: LoadScript, capsys: pytest.CaptureFixture[str]) -> None:
    assert load_script("feature_engineering").main(["--feature-version", "../2"]) == 1
    assert "the feature version '../2' is not made of letters" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("validation", "sentence"),
    [
        ("y,a\n0,1\n0,2\n", "the label 'y' below {folder} needs both classes, 0 and 1, and no other value"),
        ("y,a\n0,\n1,2\n", "a CSV below {folder} has empty cells or no feature column beside the label"),
        ("y,a\n0,x\n1,2\n", "a CSV below {folder} is not a table of numbers: could not convert string to float: 'x'"),
        ("y,b\n0,1\n1,2\n", "train and validation differ in their columns: 'a', 'b'"),
    ],
)
def test_channels_that_cannot_be_trained_on(fails: Fails, tmp_path: Path, validation: str, sentence: str) -> None:
    train = write(tmp_path / "train/a.csv", "y,a\n0,1\n1,2\n")
    folder = write(tmp_path / "validation/a.csv", validation)
    assert fails("train", "--train", train, "--validation", folder) == sentence.format(folder=folder)


def test_all_hyperparameters_out_of_range_are_named_together(fails: Fails) -> None:
    sentence = fails("train", "--n_estimators", 0, "--learning_rate", -1, "--subsample", 1.5)
    assert sentence == (
        "n_estimators is 0 and must be at least 1; learning_rate is -1.0 and must be above 0; "
        "subsample is 1.5 and must be above 0 and at most 1"
    )


def test_features_of_another_run(fails: Fails, tmp_path: Path) -> None:
    train = write(tmp_path / "train/a.csv", "y,a\n0,1\n1,2\n")
    features = write(tmp_path / "features/features.json", json.dumps({"features": [{"name": "b"}]}))
    sentence = fails("train", "--train", train, "--validation", train, "--features", features)
    assert sentence.endswith("describes other features than the channel train has: use those of one run")
    write(tmp_path / "features/features.json", "[]")
    assert "was not written by" in fails("train", "--train", train, "--validation", train, "--features", features)


def add_file(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))


def test_models_that_cannot_be_read(fails: Fails, tmp_path: Path) -> None:
    model = tmp_path / "model"
    model.mkdir()
    assert (
        fails("evaluate", "--model", model)
        == f"{model} lacks model.json and model.joblib: it was not written by train.py"
    )
    (model / "model.tar.gz").write_bytes(b"no archive")
    assert fails("evaluate", "--model", model).startswith(f"{model}/model.tar.gz is not a readable .tar.gz: ")
    with tarfile.open(model / "model.tar.gz", "w:gz") as archive:
        add_file(archive, "./model.json", b"{}")
        add_file(archive, "./model.joblib", b"")
    assert fails("evaluate", "--model", model) == "model.json was not written by train.py: KeyError('label')"
    card = json.dumps({"versions": {"sklearn": "0.1"}, "label": "y", "features": ["a"]}).encode()
    with tarfile.open(model / "model.tar.gz", "w:gz") as archive:
        add_file(archive, "model.json", card)
        add_file(archive, "model.joblib", b"no model")
    assert "written with scikit-learn 0.1, cannot be loaded with" in fails("evaluate", "--model", model)


def test_an_archive_writes_nothing(fails: Fails, tmp_path: Path) -> None:
    """Neither a path that climbs out nor a link in place of the model is followed."""
    model = tmp_path / "model"
    model.mkdir()
    with tarfile.open(model / "model.tar.gz", "w:gz") as archive:
        add_file(archive, "../climbed", b"out")
        add_file(archive, "model.json", b"{}")
        link = tarfile.TarInfo("model.joblib")
        link.type, link.linkname = tarfile.SYMTYPE, "model.json"
        archive.addfile(link)
    before = set(tmp_path.rglob("*"))
    assert "model.tar.gz lacks model.joblib" in fails("evaluate", "--model", model)
    assert set(tmp_path.rglob("*")) - before == {tmp_path / "reason", tmp_path / "reason/message"}


@pytest.mark.parametrize(
    ("test", "sentence"),
    [
        ("diagnosis,b\n0,1\n", "the CSV below {folder} lacks columns of the model: 'mean_radius', 'mean_texture', "),
        (None, "the label 'diagnosis' below {folder} needs both classes, 0 and 1, and no other value"),
    ],
)
def test_test_splits_that_cannot_judge(
    fails: Fails, chain: tuple[Path, object], tmp_path: Path, test: str | None, sentence: str
) -> None:
    if test is None:
        header, *rows = (chain[0] / "features/test/test.csv").read_text().splitlines()
        test = "\n".join([header, *(row for row in rows if row.startswith("1,"))])
    folder = write(tmp_path / "test/a.csv", test)
    assert fails("evaluate", "--model", chain[0] / "model", "--test", folder).startswith(sentence.format(folder=folder))


@pytest.mark.parametrize("name", ["preprocess", "feature_engineering", "train", "evaluate"])
def test_a_process_ends_with_one_sentence_and_exit_code_1(name: str, tmp_path: Path) -> None:
    option, file = ("--output-dir", "failure") if name == "train" else ("--message-folder", "message")
    first = {"preprocess": "--input", "evaluate": "--model"}.get(name, "--train")
    words = [first, str(tmp_path / "none"), option, str(tmp_path / "reason")]
    done = subprocess.run(
        [sys.executable, str(SCRIPTS / f"{name}.py"), *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith(f"{name}: ")
    assert done.stderr.count("\n") == 1
    assert (tmp_path / "reason" / file).read_text() in done.stderr


def test_the_sample_needs_a_place(load_script: LoadScript, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert load_script("sample_data").main(["--out", str(tmp_path)]) == 1
    assert capsys.readouterr().err == f"sample_data: {tmp_path} cannot be written: {os.strerror(21)}\n"


def test_a_long_reason_is_cut_between_characters(load_script: LoadScript, tmp_path: Path) -> None:
    load_script("preprocess").leave_message("x" + "é" * 800, tmp_path)
    assert (tmp_path / "message").read_text(encoding="utf-8") == "x" + "é" * 511


# ---- the copies ----


def definitions(name: str) -> dict[str, str]:
    """The source of what is called so, without its docstring if it is a class; by the scripts that have it."""
    found = {}
    for path in sorted(SCRIPTS.rglob("*.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, (ast.ClassDef, ast.FunctionDef)) and node.name == name:
                alike = ast.Module(node.body[1:], []) if isinstance(node, ast.ClassDef) else node
                found[str(path.relative_to(SCRIPTS))] = ast.unparse(alike)
    return found


@pytest.mark.parametrize(
    ("name", "copies"), [("leave_message", 13), ("leave_failure", 3), ("InputError", 16), ("Parser", 16)]
)
def test_every_script_fails_by_the_same_words(name: str, copies: int) -> None:
    """A script imports none of the others, so each has a copy: of a class only the docstring may be its own."""
    found = definitions(name)
    assert len(found) == copies, "one more script: count it here"
    for path, text in found.items():
        assert text == next(iter(found.values())), path


def test_every_script_that_runs_in_a_job_has_the_words() -> None:
    written = {*definitions("leave_message"), *definitions("leave_failure")}
    assert written == {*definitions("InputError")} == {*definitions("Parser")}


# ---- files of other jobs ----

NO_JSON = ("", "{", "[]", "1", "null", "{}")


@pytest.mark.parametrize("text", [*NO_JSON, '{"processor": 1}'])
def test_a_report_that_names_no_processor(fails: Fails, tmp_path: Path, text: str) -> None:
    for job in ("a", "b"):
        for name in ("train", "validation", "test"):
            write(tmp_path / "splits" / job / name / f"{name}.csv", "x\n1\n")
        write(tmp_path / "splits" / job / "report/report.json", text)
    sentence = fails("compare_splits", "--splits", tmp_path / "splits", "--agreement", tmp_path)
    assert sentence.startswith(f"{tmp_path}/splits/a/report/report.json was not written by split.py: ")


def test_splits_are_compared_before_their_reports_are_read(fails: Fails, tmp_path: Path) -> None:
    for job in ("a", "b"):
        for name in ("train", "validation", "test"):
            write(tmp_path / "splits" / job / name / f"{name}.csv", job)
    sentence = fails("compare_splits", "--splits", tmp_path / "splits", "--agreement", tmp_path)
    assert sentence.startswith("b/train/train.csv is another than that of a; ")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "a.csv has no rows"),
        ("id,x\n", "a.csv has no rows"),
        ("id,y\n1,2\n", "a.csv has no x"),
        ("id,x\n1,2\n1,2,3\n", "row 2 of a.csv has more or fewer cells than the header"),
        ("id,x\n1\n", "row 1 of a.csv has more or fewer cells than the header"),
        ("id,x\n" + "x" * 200_000 + ",1\n", "a.csv is not a readable CSV: field larger than field limit (131072)"),
    ],
)
def test_a_table_that_cannot_be_split(fails: Fails, tmp_path: Path, text: str, sentence: str) -> None:
    words = ["--table", write(tmp_path / "table/a.csv", text)]
    words += ["--summary", write(tmp_path / "summary/summary.json", '{"columns": ["id", "x"]}')]
    assert fails("split_source/split", *words) == sentence


@pytest.mark.parametrize("text", [*NO_JSON, '{"columns": [1]}', '{"columns": []}', '{"columns": "id"}'])
def test_a_summary_that_lists_no_columns(fails: Fails, tmp_path: Path, text: str) -> None:
    folder = write(tmp_path / "summary/summary.json", text)
    sentence = fails("split_source/split", "--table", tmp_path, "--summary", folder)
    assert sentence.startswith("summary.json does not list the columns: ")


# ---- digits ----

LAYERS = {"mean": (2,), "deviation": (2,), "first": (2, 3), "first_bias": (3,), "second": (3, 4), "second_bias": (4,)}


def write_digit_model(folder: Path, **changed: object) -> Path:
    folder.mkdir(parents=True)
    np.savez(folder / "model.npz", **{**{name: np.ones(shape) for name, shape in LAYERS.items()}, **changed})
    return folder


@pytest.mark.parametrize("changed", [{"mean": np.ones(3)}, {"first": 1}, {"second": np.ones(3)}, {"mean": ["x", "y"]}])
def test_digit_models_whose_layers_do_not_fit(fails: Fails, tmp_path: Path, changed: dict[str, object]) -> None:
    model = write_digit_model(tmp_path / "model", **changed)
    assert fails("evaluate_digits", "--model", model).startswith("model.npz was not written by distributed/train.py: ")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "the CSV below {folder} has no rows"),
        ("digit,a,b\n", "the CSV below {folder} has no rows"),
        ("digit,a\n1,2\n", "the CSV below {folder} has 1 features and the model takes 2"),
        ("digit,a,b\n1,2,x\n", "a CSV below {folder} is not a table of numbers: "),
        ("digit,a,b\n1,2,NaN\n", "a CSV below {folder} has cells without a number, or digits that are not 0 to 3"),
        ("digit,a,b\n4,2,2\n", "a CSV below {folder} has cells without a number, or digits that are not 0 to 3"),
    ],
)
def test_digits_that_cannot_judge(fails: Fails, tmp_path: Path, text: str, sentence: str) -> None:
    folder = write(tmp_path / "test/a.csv", text)
    words = ["--model", write_digit_model(tmp_path / "model"), "--test", folder, "--output", tmp_path]
    assert fails("evaluate_digits", *words).startswith(sentence.format(folder=folder))


# ---- embedding ----


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "a.csv has no rows, rows unlike its header, or cells without a number"),
        ("y\n\n\n", "a.csv has no rows, rows unlike its header, or cells without a number"),
        ("y,a,b\n1,NaN,2\n", "a.csv has no rows, rows unlike its header, or cells without a number"),
        ("y,a,b\n1,1,2,3\n", "a.csv has no rows, rows unlike its header, or cells without a number"),
        ("y,a,b\n1,x,2\n", "a.csv is no table of numbers: could not convert string to float: 'x'"),
        ("y,a,b\n1,1,2\n", "every row of test is the mean of train: there is nothing to explain"),
    ],
)
def test_splits_that_cannot_be_embedded(
    embedding: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, sentence: str
) -> None:
    folder = write(tmp_path / "split/a.csv", text)
    words = ["--train", folder, "--test", folder, "--width", "1", "--message-folder", tmp_path]
    same = embedding.Autoencoder("none", lambda rows: rows, lambda rows: rows, {})
    assert embedding.main(lambda *_: same, [str(word) for word in words]) == 1
    assert capsys.readouterr().err == f"embedding: {sentence}\n"
    assert (tmp_path / "message").read_text() == sentence
