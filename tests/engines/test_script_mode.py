from __future__ import annotations

import io
import json
import tarfile
import zipfile
from typing import Any

import pytest
from engines.place import Place

from dagwright.engines.local.script_mode import decoded, script_mode, variable_text
from dagwright.errors import DefinitionError, ExecutionError

TRAIN = """
import json, os, sys
out = os.environ["SM_MODEL_DIR"] + "/seen.json"
json.dump({"arguments": sys.argv[1:], "directory": os.getcwd(), "variables": dict(os.environ)}, open(out, "w"))
"""


def submit(place: Place, files: dict[str, Any], **hyperparameters: str) -> dict[str, str]:
    archive = place.put_archive("code/sourcedir.tar.gz", files)
    program = next(iter(files))
    return {
        "sagemaker_program": json.dumps(program),
        "sagemaker_submit_directory": json.dumps(archive),
        **hyperparameters,
    }


def seen_by(place: Place, step: dict[str, Any]) -> dict[str, Any]:
    execution = place.run(step)
    assert execution.status == "Succeeded", place.log(execution, step["Name"]) + execution.failure_reason
    model = place.output(execution, step["Name"])["ModelArtifacts"]["S3ModelArtifacts"]
    seen: dict[str, Any] = json.loads(place.archive(model)["seen.json"])
    return seen


def test_the_script_gets_its_hyperparameters_as_the_toolkit_gives_them(place: Place) -> None:
    hyperparameters = submit(
        place, {"train.py": TRAIN}, rate="0.1", name='"quoted"', plain="un quoted", n="3", flag="true", empty='""',
        layers="[1, 2]", grid='{"b": 2, "a": "x"}', broken="{not json", none="null",
    )  # fmt: skip
    seen = seen_by(place, place.training("T", hyperparameters=hyperparameters))
    assert seen["arguments"] == [
        "--broken", "{not json", "--empty", "", "--flag", "True", "--grid", "a=x,b=2", "--layers", "[1, 2]",
        "-n", "3", "--name", "quoted", "--none", "None", "--plain", "un quoted", "--rate", "0.1",
    ]  # fmt: skip
    assert seen["directory"].endswith("/code" if not place.sandboxed else "/opt/ml/code")
    variables = seen["variables"]
    assert variables["SM_HP_RATE"] == "0.1"
    assert variables["SM_HP_NAME"] == "quoted"
    assert variables["SM_HP_GRID"] == '{"a":"x","b":2}'
    assert variables["SM_HP_FLAG"] == "true"
    assert variables["SM_HP_NONE"] == ""
    assert json.loads(variables["SM_HPS"])["layers"] == [1, 2]
    assert "sagemaker_program" not in json.loads(variables["SM_HPS"])


def test_the_variables_describe_the_job(place: Place) -> None:
    place.put("data/a", "a")
    step = place.training(
        "T", hyperparameters=submit(place, {"train.py": TRAIN}), channels={"train": "s3://bucket/data"}
    )
    variables = seen_by(place, step)["variables"]
    ml = variables["ML"]
    expected = {
        "SM_CHANNELS": '["train"]',
        "SM_CHANNEL_TRAIN": f"{ml}/input/data/train",
        "SM_CURRENT_HOST": "algo-1",
        "SM_HOSTS": '["algo-1"]',
        "SM_MODEL_DIR": f"{ml}/model",
        "SM_OUTPUT_DATA_DIR": f"{ml}/output/data",
        "SM_INPUT_DIR": f"{ml}/input",
        "SM_INPUT_CONFIG_DIR": f"{ml}/input/config",
        "SM_MODULE_NAME": "train",
        "SM_USER_ENTRY_POINT": "train.py",
        "SM_NUM_GPUS": "0",
        "SM_LOG_LEVEL": "20",
        "SM_IS_HETERO": "false",
        "SM_USER_ARGS": "[]",
    }
    assert {name: variables[name] for name in expected} == expected
    summary = json.loads(variables["SM_TRAINING_ENV"])
    assert summary["job_name"] == variables["TRAINING_JOB_NAME"]
    assert summary["channel_input_dirs"] == {"train": f"{ml}/input/data/train"}
    assert summary["is_master"] is True


def test_a_shell_program_and_modules_beside_the_script(place: Place) -> None:
    files = {"run.sh": "python train.py $@\n", "train.py": "import beside\n" + TRAIN, "beside.py": ""}
    seen = seen_by(place, place.training("T", hyperparameters=submit(place, files, a="1")))
    assert seen["arguments"] == ["-a", "1"]


@pytest.mark.parametrize("first", ["#!/usr/bin/env python3", "#!/bin/bash"])
def test_a_shell_program_is_started_by_its_first_line(place: Place, first: str) -> None:
    rest = "exec python train.py $@" if "bash" in first else TRAIN
    files = {"run.sh": f"{first}\n{rest}\n", "train.py": TRAIN, "requirements.txt": "./absent.whl\n"}
    seen = seen_by(place, place.training("T", hyperparameters=submit(place, files, a="1")))
    assert seen["arguments"] == ["-a", "1"], "requirements are for Python programs, as at the toolkit"


def test_a_shell_program_with_the_ends_of_lines_of_windows_is_a_sentence(place: Place) -> None:
    files = {"my train.sh": '#!/bin/sh\r\necho 1 > "$SM_MODEL_DIR/ok"\r\n'}
    execution = place.run(place.training("T", hyperparameters=submit(place, files)))
    assert "my train.sh ends its first line with CR LF" in execution.failure_reason


def test_a_module_of_the_archive(place: Place) -> None:
    files = {"-m tool.train": "", "tool/__init__.py": "", "tool/train.py": TRAIN}
    assert seen_by(place, place.training("T", hyperparameters=submit(place, files, a="1")))["arguments"] == ["-a", "1"]


def test_a_folder_with_a_setup_is_a_package(place: Place) -> None:
    backend = f"""
import pathlib
def build_wheel(folder, *others):
    pathlib.Path(folder, "tool-1.0-py3-none-any.whl").write_bytes({wheel("tool", "WORD = 'hello'")!r})
    return "tool-1.0-py3-none-any.whl"
"""
    files = {
        "train.py": "import tool; assert tool.WORD == 'hello'\n" + TRAIN,
        "setup.py": "",
        # a builder of its own, so that pip needs no package registry
        "pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n',
        "backend.py": backend,
    }
    seen = seen_by(place, place.training("T", hyperparameters=submit(place, files, a="1")))
    assert seen["arguments"] == ["-a", "1"]


def test_under_network_isolation_the_source_is_in_a_channel(place: Place) -> None:
    hyperparameters = submit(place, {"train.py": TRAIN})
    hyperparameters["sagemaker_submit_directory"] = '"/opt/ml/input/data/code/sourcedir.tar.gz"'
    step = place.training(
        "T", hyperparameters=hyperparameters, channels={"code": "s3://bucket/code"}, EnableNetworkIsolation=True
    )
    seen = seen_by(place, step)
    assert seen["variables"]["SM_MODULE_DIR"].endswith("/input/data/code/sourcedir.tar.gz")


def test_the_source_in_a_channel_may_be_a_folder(place: Place) -> None:
    place.put("unpacked/train.py", TRAIN)
    hyperparameters = {"sagemaker_program": "train.py", "sagemaker_submit_directory": "/opt/ml/input/data/code/"}
    step = place.training("T", hyperparameters=hyperparameters, channels={"code": "s3://bucket/unpacked"})
    assert seen_by(place, step)["variables"]["SM_MODULE_NAME"] == "train"


def test_an_archive_that_is_in_no_channel_is_a_sentence(place: Place) -> None:
    hyperparameters = {"sagemaker_program": "t.py", "sagemaker_submit_directory": "/opt/ml/input/data/code/s.tar.gz"}
    reason = place.run(place.training("T", hyperparameters=hyperparameters)).failure_reason
    assert "The source archive /opt/ml/input/data/code/s.tar.gz does not exist" in reason


def wheel(name: str, content: str) -> bytes:
    """A package that pip installs without a network and without building it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        info = f"{name}-1.0.dist-info"
        archive.writestr(f"{name}.py", content)
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    return buffer.getvalue()


def test_requirements_beside_the_script_are_installed_for_this_job_only(place: Place) -> None:
    files = {
        "train.py": "import tiny_stranger; assert tiny_stranger.WORD == 'hello'\n" + TRAIN,
        "requirements.txt": "./tiny_stranger-1.0-py3-none-any.whl\n",
        "tiny_stranger-1.0-py3-none-any.whl": wheel("tiny_stranger", "WORD = 'hello'"),
    }
    seen_by(place, place.training("T", hyperparameters=submit(place, files)))
    other = place.processing("P", "import tiny_stranger")
    assert "No module named 'tiny_stranger'" in place.run(other).failure_reason


def test_requirements_that_cannot_be_installed_fail_the_job(place: Place) -> None:
    files = {"train.py": TRAIN, "requirements.txt": "./absent.whl\n"}
    execution = place.run(place.training("T", hyperparameters=submit(place, files)))
    assert "exit code 1" in execution.failure_reason
    assert "absent.whl" in place.log(execution, "T")


@pytest.mark.parametrize(
    ("member", "kind"),
    [
        ("../out.py", tarfile.REGTYPE),
        ("/abs.py", tarfile.REGTYPE),
        ("link", tarfile.SYMTYPE),
        ("hard", tarfile.LNKTYPE),
        ("pipe", tarfile.FIFOTYPE),
        ("../", tarfile.DIRTYPE),
        ("a/../../b", tarfile.DIRTYPE),
        ("/tmp/abs", tarfile.DIRTYPE),
    ],
)
def test_an_archive_that_would_leave_its_folder_is_refused(place: Place, member: str, kind: bytes) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        info = tarfile.TarInfo(member)
        info.type, info.linkname = kind, "/etc/passwd"
        archive.addfile(info)
    place.put("code/bad.tar.gz", buffer.getvalue())
    hyperparameters = {"sagemaker_program": "t.py", "sagemaker_submit_directory": "s3://bucket/code/bad.tar.gz"}
    reason = place.run(place.training("T", hyperparameters=hyperparameters)).failure_reason
    assert f"bad.tar.gz holds '{member.rstrip('/')}', which is refused" in reason
    assert str(place.folder) not in reason


@pytest.mark.parametrize("content", [b"", b"not a tar", b"\x1f\x8b\x08\x00broken"])
def test_an_archive_that_is_none_is_a_sentence(place: Place, content: bytes) -> None:
    place.put("code/bad.tar.gz", content)
    hyperparameters = {"sagemaker_program": "t.py", "sagemaker_submit_directory": "s3://bucket/code/bad.tar.gz"}
    reason = place.run(place.training("T", hyperparameters=hyperparameters)).failure_reason
    assert "bad.tar.gz is no readable tar archive" in reason


def test_a_missing_archive_is_said_before_anything_starts(place: Place) -> None:
    hyperparameters = {"sagemaker_program": "t.py", "sagemaker_submit_directory": "s3://bucket/code/absent.tar.gz"}
    with pytest.raises(
        DefinitionError, match=r"its input 'source code' is not there: s3://bucket/code/absent\.tar\.gz"
    ):
        place.run(place.training("T", hyperparameters=hyperparameters))


@pytest.mark.parametrize(
    "values",
    [
        {"sagemaker_program": "/train.py"},
        {"sagemaker_program": "a/../../b.py"},
        {"sagemaker_program": "3"},
        {"sagemaker_program": "t.py"},
        {"sagemaker_program": "t.py", "sagemaker_submit_directory": "/etc/x.tar.gz"},
    ],
)
def test_useless_script_mode_hyperparameters_are_a_sentence(values: dict[str, str]) -> None:
    with pytest.raises(ExecutionError, match=r"sagemaker_(program|submit_directory) must be"):
        script_mode(values)


def test_encodings() -> None:
    assert [decoded(text) for text in ('"a"', "a", "1", "[1]", "")] == ["a", "a", 1, [1], ""]
    assert [variable_text(value) for value in (None, "a b", True, {"b": 1, "a": [1, 2]}, 0.5)] == [
        "", "a b", "true", '{"a":[1,2],"b":1}', "0.5",
    ]  # fmt: skip
