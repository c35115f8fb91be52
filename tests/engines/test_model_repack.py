"""Jobs that put inference code into a model: with programs of the archive, and with ours where it has none."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
from engines.place import Place, get, join

from dagwright.errors import DefinitionError

REPOSITORY = Path(__file__).parents[2]
LAUNCHER = '\n#!/bin/bash\nword="${SM_HP_INFERENCE_SCRIPT}"\npython _repack_model.py --inference_script "${word}"\n'
REPACK = """
import argparse, os, shutil, tarfile
parser = argparse.ArgumentParser()
parser.add_argument("--inference_script")
told = parser.parse_known_args()[0]
with tarfile.open("/opt/ml/input/data/training/model.tar.gz") as model:
    model.extractall("/opt/ml/model")
os.makedirs("/opt/ml/model/code")
shutil.copy("/opt/ml/code/" + told.inference_script, "/opt/ml/model/code")
"""
TRAIN = 'open(ML + "/model/weights.json", "w").write("[1]")'
INFERENCE = "def model_fn(folder): ...\n"


def repack(place: Place, files: dict[str, str], program: str = "_repack_script_launcher.sh", **others: str) -> Any:
    """A repack step as the SDK makes it, of the model of the step `Train`."""
    model = get("Steps.Train.ModelArtifacts.S3ModelArtifacts")
    hyperparameters = {
        "inference_script": '"inference.py"',
        "model_archive": join(model),
        "dependencies": "null",
        "source_dir": "null",
        "sagemaker_program": json.dumps(program),
        "sagemaker_submit_directory": json.dumps(place.put_archive("code/sourcedir.tar.gz", files)),
        "sagemaker_container_log_level": "20",
        **others,
    }
    return place.training("M-RepackModel-0", hyperparameters=hyperparameters, channels={"training": {"S3Uri": model}})


def repacked(place: Place, files: dict[str, str], *words: str, **others: str) -> dict[str, bytes]:
    execution = place.run(place.training("Train", TRAIN), repack(place, files, *words, **others))
    assert execution.status == "Succeeded", execution.failure_reason + place.log(execution, "M-RepackModel-0")
    return place.archive(place.output(execution, "M-RepackModel-0")["ModelArtifacts"]["S3ModelArtifacts"])


@pytest.mark.parametrize("program", ["_repack_script_launcher.sh", "_repack_model.py"])
def test_by_the_programs_of_the_archive(place_with: Any, each_way: str, program: str) -> None:
    """Which name /opt/ml themselves; the first line of the SDK's launcher is empty, so it names no shell."""
    files = {"inference.py": INFERENCE, "_repack_model.py": REPACK, "_repack_script_launcher.sh": LAUNCHER}
    found = repacked(place_with(sandbox=each_way), files, program)
    assert found == {"weights.json": b"[1]", "code/inference.py": INFERENCE.encode()}


@pytest.mark.sdk
def test_by_the_programs_of_amazons_sdk(place: Place) -> None:
    sdk = REPOSITORY / ".sdk/v2/lib"
    folder = next(sdk.glob("python*/site-packages/sagemaker/workflow"), None)
    if folder is None:
        pytest.skip("there is no .sdk/v2: make test-sdk makes it")
    text = (folder / "_utils.py").read_text()
    launcher = text.partition('LAUNCH_REPACK_SCRIPT_CMD = """')[2].partition('"""')[0].replace("\\\n", "")
    programs = {"_repack_script_launcher.sh": launcher, "_repack_model.py": (folder / "_repack_model.py").read_text()}
    found = repacked(place, {"inference.py": INFERENCE, **programs})
    assert found == {"weights.json": b"[1]", "code/inference.py": INFERENCE.encode()}


@pytest.mark.parametrize("program", ["_repack_script_launcher.sh", "_repack_model.py"])
def test_an_archive_of_the_inference_code_alone_is_enough(place_with: Any, each_way: str, program: str) -> None:
    found = repacked(place_with(sandbox=each_way), {"inference.py": INFERENCE, "beside.py": ""}, program)
    assert found == {"weights.json": b"[1]", "code/inference.py": INFERENCE.encode()}


def test_a_source_folder_and_dependencies(place: Place) -> None:
    files = {"inference.py": INFERENCE, "beside.py": "", "lib.py": "1"}
    found = repacked(place, files, source_dir='"src"', dependencies='"lib.py"')
    assert sorted(found) == ["code/beside.py", "code/inference.py", "code/lib.py", "code/lib/lib.py", "weights.json"]


def test_of_a_folder_among_the_dependencies_all_is_taken(place: Place) -> None:
    found = repacked(place, {"inference.py": INFERENCE, "a.py": "1"}, dependencies='"folder lib.py"')
    assert sorted(found) == ["code/inference.py", "code/lib/a.py", "code/lib/inference.py", "weights.json"]


def test_the_models_own_programs_and_empty_folders_stay_what_they_are(place: Place) -> None:
    train = (
        "for folder in ('/model/1/assets', '/model/bin', '/model/code/lib'): os.makedirs(ML + folder)\n"
        "for name in ('bin/tool', 'code/lib/own.py'): open(f'{ML}/model/{name}', 'w').close()\n"
        "os.chmod(ML + '/model/bin/tool', 0o755)\n"
    )
    step = repack(place, {"inference.py": INFERENCE}, dependencies='"folder"')
    execution = place.run(place.training("Train", train), step)
    assert execution.status == "Succeeded", execution.failure_reason
    model = place.output(execution, "M-RepackModel-0")["ModelArtifacts"]["S3ModelArtifacts"]
    with tarfile.open(place.engine.home.store.path(model)) as archive:
        found = {member.name.removeprefix("./"): member for member in archive}
    assert found["bin/tool"].mode & 0o111
    assert found["1/assets"].isdir()
    assert {"code/lib/own.py", "code/lib/inference.py"} <= found.keys()


def test_an_archive_without_the_inference_script_is_a_sentence(place: Place) -> None:
    execution = place.run(place.training("Train", TRAIN), repack(place, {"other.py": ""}))
    assert "AlgorithmError: the source archive has no inference.py; it holds other.py" in execution.failure_reason


def test_a_model_with_a_way_out_is_refused(place: Place) -> None:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    place.put("models/model.tar.gz", content.getvalue())
    step = repack(place, {"inference.py": INFERENCE}, model_archive="s3://bucket/models/model.tar.gz")
    step["Arguments"]["InputDataConfig"][0]["DataSource"]["S3DataSource"]["S3Uri"] = "s3://bucket/models/model.tar.gz"
    assert "model.tar.gz holds 'link', which is refused" in place.run(step).failure_reason


def test_what_to_upload_is_said_before_the_start(place: Place) -> None:
    step = repack(place, {"inference.py": INFERENCE}, sagemaker_submit_directory='"s3://bucket/no/sourcedir.tar.gz"')
    with pytest.raises(DefinitionError, match=r"'source code' is not there(?s:.*)tar -czf sourcedir\.tar\.gz"):
        place.run(place.training("Train", TRAIN), step)
