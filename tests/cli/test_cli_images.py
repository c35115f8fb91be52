"""`deploy.py images`: addresses, what there is, and a table refreshed from an installed SDK."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from cli.conftest import REPOSITORY, Deploy

SKLEARN = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
NAMES = ("huggingface", "pytorch", "pytorch-neuron", "spark", "tensorflow", "xgboost")


def configure(deploy: Deploy, images: str, dev: str = "") -> None:
    path = deploy.folder / "config" / "project.yaml"
    text = path.read_text()
    own = "images:" + text.split("images:", 1)[1].split("\n\n", 1)[0]
    path.write_text(text.replace(own, f"images: {images}").replace("\ndev:", f"\ndev:\n  {dev}" if dev else "\ndev:"))


@pytest.fixture
def sdk(tmp_path: Path) -> Path:
    """A folder to import from, in which a small SDK is installed."""
    folder = tmp_path / "packages" / "sagemaker" / "core" / "image_uri_config"
    folder.mkdir(parents=True)
    image = {
        "processors": ["cpu"],
        "py_versions": ["py3"],
        "repository": "learn",
        "registries": {"us-east-1": "1" * 12},
    }
    for name in ("sklearn", *NAMES):
        versions = {"1.2-1": image}
        if name == "huggingface":
            versions = {"4.49.0": {"pytorch2.5.1": {**image, "container_version": {"cpu": "cu124"}}}}
        (folder / f"{name}.json").write_text(json.dumps({"training": {"processors": ["cpu"], "versions": versions}}))
    return tmp_path / "packages"


def test_names_are_listed_with_their_addresses(deploy: Deploy) -> None:
    configure(deploy, "{sklearn: {framework: sklearn, version: 1.2-1}}")
    assert deploy("images").stdout == f"sklearn  {SKLEARN}\n"
    assert deploy.json("images") == {"region": "us-east-1", "images": [{"name": "sklearn", "image": SKLEARN}]}


def test_an_environment_has_its_own_region_and_images(deploy: Deploy) -> None:
    configure(deploy, "{a: {framework: xgboost, version: 1.7-1}, b: localhost:5000/b:1}", "region: eu-west-1")

    assert deploy("images", "--env", "dev").stdout.splitlines() == [
        "a  141502667606.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-xgboost:1.7-1",
        "b  localhost:5000/b:1",
    ]


def test_a_machine_without_an_image_is_said_beside_the_others(deploy: Deploy) -> None:
    configure(deploy, "{a: {framework: huggingface-pytorch, version: 2.9.0-transformers5.3.0}, b: localhost:5000/b:1}")
    gpu_only = deploy("images")
    assert gpu_only.returncode == 0
    assert "huggingface-pytorch-training:2.9.0-transformers5.3.0-gpu-py312" in gpu_only.stdout

    configure(deploy, '{a: {framework: pytorch, version: "2.3", use: inference}, b: localhost:5000/b:1}')
    path = deploy.folder / "config" / "project.yaml"
    path.write_text(path.read_text().replace("instance_type: ml.m5.xlarge", "instance_type: ml.inf2.xlarge"))
    done = deploy("images", "--json")
    assert done.returncode == 1
    first, second = json.loads(done.stdout)["images"]
    assert "pytorch 2.3 for inference has no image for ml.inf2.xlarge (inf)" in first["problem"]
    assert second["image"] == "localhost:5000/b:1"


def test_the_versions_of_a_framework_are_listed_newest_last(deploy: Deploy) -> None:
    done = deploy("images", "--framework", "spark")

    assert done.returncode == 0
    assert done.stdout == (
        "use         version  python       processor\n"
        "processing  2.4      py37         cpu\n"
        "processing  3.0      py37         cpu\n"
        "processing  3.1      py37         cpu\n"
        "processing  3.2      py39         cpu\n"
        "processing  3.3      py39         cpu\n"
        "processing  3.5      py39, py312  cpu\n"
    )
    assert "in us-east-1, as sagemaker-core " in done.stderr
    versions = [one["version"] for one in deploy.json("images", "--framework", "pytorch")["images"]]
    assert versions.index("2.9.0") < versions.index("2.10")


def test_a_framework_that_there_is_not(deploy: Deploy) -> None:
    done = deploy("images", "--framework", "pytroch")

    assert done.returncode == 64
    assert "there are pytorch, huggingface-pytorch" in done.stderr


def test_a_refreshed_table_takes_precedence_and_is_written_once(deploy: Deploy, sdk: Path) -> None:
    variables = {"PYTHONPATH": f"{sdk}{os.pathsep}{REPOSITORY}"}
    own = deploy.folder / "config" / "image_table.json"
    configure(deploy, "{sklearn: {framework: sklearn, version: 1.2-1}}")

    first = deploy("images", "--refresh", variables=variables)
    assert (first.returncode, first.stderr) == (0, "")
    assert first.stdout == f"{own} is written: sagemaker-core\n"
    assert deploy("images").stdout == f"sklearn  {'1' * 12}.dkr.ecr.us-east-1.amazonaws.com/learn:1.2-1-cpu-py3\n"

    older = own.read_text().replace(json.loads(own.read_text())["date"], "2020-01-02")
    own.write_text(older)
    again = deploy("images", "--refresh", "--json", variables=variables)
    assert json.loads(again.stdout) == {"table": str(own), "sdk": "sagemaker-core", "written": False}
    assert own.read_text() == older, "only the day would be another"

    own.write_text("broken")
    assert "is no table of images" in deploy("images").stderr
    assert deploy("images", "--refresh", variables=variables).returncode == 0
    assert deploy("images").returncode == 0


def test_a_table_is_written_elsewhere(deploy: Deploy, sdk: Path, tmp_path: Path) -> None:
    variables = {"PYTHONPATH": f"{sdk}{os.pathsep}{REPOSITORY}"}
    assert deploy("images", "--refresh", "--out", str(tmp_path / "t.json"), variables=variables).returncode == 0
    assert not (deploy.folder / "config" / "image_table.json").exists()
    assert '"learn"' in (tmp_path / "t.json").read_text()

    nowhere = deploy("images", "--refresh", "--out", str(tmp_path / "no" / "t.json"), variables=variables)
    assert nowhere.returncode == 1
    assert "cannot be written" in nowhere.stderr


def test_no_file_but_a_table_is_overwritten(deploy: Deploy, sdk: Path, tmp_path: Path) -> None:
    variables = {"PYTHONPATH": f"{sdk}{os.pathsep}{REPOSITORY}"}
    configuration = deploy.folder / "config" / "project.yaml"
    before = configuration.read_text()
    done = deploy("images", "--refresh", "--out", str(configuration), variables=variables)
    assert (done.returncode, configuration.read_text()) == (1, before)
    assert "is no table of images: it stays as it is" in done.stderr

    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert "is no file" in deploy("images", "--refresh", "--out", str(pipe), variables=variables).stderr
    (deploy.folder / "config" / "image_table.json").symlink_to("/dev/zero")
    assert "is no file" in deploy("images", "--refresh", variables=variables).stderr


def test_what_a_table_says_of_itself_does_not_reach_the_terminal(deploy: Deploy) -> None:
    own = deploy.folder / "config" / "image_table.json"
    table = json.loads((REPOSITORY / "dagwright" / "image_table.json").read_text())
    own.write_text(json.dumps({**table, "sdk": "\x1b]0;a\x07", "date": "\x1b[2J"}))

    assert deploy("images", "--framework", "spark").stderr == ("in us-east-1, as \\x1b]0;a\\x07 knew it on \\x1b[2J\n")


def test_a_framework_without_a_name_is_one_that_there_is_not(deploy: Deploy) -> None:
    done = deploy("images", "--framework", "")

    assert done.returncode == 64
    assert "no images of a framework ''" in done.stderr


@pytest.mark.parametrize("words", [("--out", "t.json"), ("--out", ""), ("--refresh", "--framework", "sklearn")])
def test_words_that_do_not_go_together(deploy: Deploy, words: tuple[str, ...]) -> None:
    assert deploy("images", *words).returncode == 64
