"""Jobs that a shell script of an SDK starts: the steps are those of the SDKs' scripts, the words are ours."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from engines.place import Place
from engines.test_script_mode import wheel

from dagwright.engines.local import start_scripts
from dagwright.engines.local.job import Job
from dagwright.engines.local.start_scripts import start_files, with_shell
from dagwright.errors import DefinitionError, ExecutionError

REPOSITORY = Path(__file__).parents[2]
CODE, ENTRYPOINT = "/opt/ml/processing/input/code/", "/opt/ml/processing/input/entrypoint"
# A FrameworkProcessor's script by version 2 of the SDK: /opt/ml is written into it.
RUNPROC = """#!/bin/bash
cd /opt/ml/processing/input/code/
tar -xzf sourcedir.tar.gz
set -e
if [[ -f 'requirements.txt' ]]; then
    if ! hash aws 2>/dev/null; then
        echo "no aws command, no CodeArtifact"
    else
        echo "no repository"
    fi
    pip uninstall --yes typing
    python -m pip install -r requirements.txt
fi
python main.py "$@"
"""
# By version 3: the archive is asked for first, and another program installs.
RUNPROC_3 = """#!/bin/bash
set -e
cd /opt/ml/processing/input/code/
if [ -f sourcedir.tar.gz ]; then
    tar -xzf sourcedir.tar.gz
else
    echo "there is no archive"
    exit 1
fi
if [[ -f 'requirements.txt' ]]; then
    pip uninstall --yes typing
    python /opt/ml/processing/input/code/install_requirements.py requirements.txt
fi
python main.py "$@"
"""
INSTALL = """
import subprocess, sys
subprocess.check_call([sys.executable, "-m", "pip", "install", "-r", sys.argv[1]])
"""
MAIN = """
import json, os, sys
import beside, tiny_stranger
out = os.environ["ML"] + "/processing/out/seen.json"
os.makedirs(os.path.dirname(out), exist_ok=True)
json.dump({"arguments": sys.argv[1:], "directory": os.getcwd(), "word": tiny_stranger.WORD}, open(out, "w"))
"""


def packed(place: Place, script: str, files: dict[str, Any] | None = None, **members: Any) -> dict[str, Any]:
    """A step of a FrameworkProcessor."""
    source = {
        "main.py": MAIN,
        "beside.py": "",
        "install_requirements.py": INSTALL,
        "requirements.txt": "./tiny_stranger-1.0-py3-none-any.whl\n",
        "tiny_stranger-1.0-py3-none-any.whl": wheel("tiny_stranger", "WORD = 'hello'"),
    }
    place.put_archive("code/sourcedir.tar.gz", {**source, **(files or {})})
    place.put("start/runproc.sh", script)
    step = place.processing(
        "P",
        entrypoint=["/bin/bash", f"{ENTRYPOINT}/runproc.sh"],
        inputs={
            "code": {"S3Uri": "s3://bucket/code/sourcedir.tar.gz", "LocalPath": CODE},
            "entrypoint": {"S3Uri": "s3://bucket/start/runproc.sh", "LocalPath": ENTRYPOINT},
        },
        outputs={"out": "s3://bucket/P"},
        **members,
    )
    step["Arguments"]["AppSpecification"]["ContainerArguments"] = ["--rows", "3", "two words", "$HOME; ls"]
    return step


@pytest.mark.parametrize("script", [RUNPROC, RUNPROC_3], ids=["v2", "v3"])
def test_a_packed_folder_is_started_by_its_script(place_with: Any, each_way: str, script: str) -> None:
    place = place_with(sandbox=each_way)
    execution = place.run(packed(place, script))
    assert execution.status == "Succeeded", place.log(execution, "P") + execution.failure_reason
    seen = place.json("P/seen.json")
    assert seen["arguments"] == ["--rows", "3", "two words", "$HOME; ls"]
    assert seen["directory"].endswith("/processing/input/code")
    assert seen["word"] == "hello"


@pytest.mark.sdk
@pytest.mark.parametrize(("version", "module"), [("v2", "sagemaker.processing"), ("v3", "sagemaker.core.processing")])
def test_the_start_script_of_amazons_sdk(place_with: Any, each_way: str, version: str, module: str) -> None:
    python = REPOSITORY / f".sdk/{version}/bin/python"
    if not python.exists():
        pytest.skip(f"there is no .sdk/{version}: make test-sdk makes it")
    program = f"""
from {module} import FrameworkProcessor
processor = object.__new__(FrameworkProcessor)
processor.command = ["python"]
print(processor._generate_framework_script("main.py"), end="")
"""
    script = subprocess.run([python, "-c", program], capture_output=True, text=True, check=True).stdout
    script = script[script.index("#!/bin/bash") :]
    place = place_with(sandbox=each_way)
    execution = place.run(packed(place, script))
    assert execution.status == "Succeeded", place.log(execution, "P") + execution.failure_reason
    assert place.json("P/seen.json")["arguments"] == ["--rows", "3", "two words", "$HOME; ls"]


def test_a_job_without_an_archive_is_a_sentence_before_the_start(place: Place) -> None:
    step = packed(place, RUNPROC)
    step["Arguments"]["ProcessingInputs"][0]["S3Input"]["S3Uri"] = "s3://bucket/absent/sourcedir.tar.gz"
    with pytest.raises(DefinitionError, match=r"its input 'code' is not there(?s:.*)tar -czf sourcedir\.tar\.gz"):
        place.run(step)
    assert not place.engine.home.logs.exists()


def test_a_folder_that_a_shell_would_take_apart_is_a_sentence(place_with: Any, tmp_path: Path) -> None:
    place = place_with(tmp_path / "$(touch it)", sandbox="paths")
    reason = place.run(packed(place, RUNPROC)).failure_reason
    assert "the script runproc.sh has to name" in reason
    assert "which a shell would take apart" in reason


def test_a_python_program_of_the_user_is_not_rewritten(plain: Place) -> None:
    execution = plain.run(plain.processing("P", 'open("/opt/ml/none")'))
    assert "No such file or directory: '/opt/ml/none'" in execution.failure_reason


@pytest.mark.parametrize(
    ("command", "folders"),
    [
        (("/bin/bash", f"{ENTRYPOINT}/runproc.sh", "--a"), (ENTRYPOINT,)),
        (
            ("/bin/bash", "-c", "chmod +x /opt/ml/input/data/d/t.sh && /opt/ml/input/data/d/t.sh"),
            ("/opt/ml/input/data/d",),
        ),
        (("/bin/bash", "-c", "echo hello"), ()),
        (("python3", f"{ENTRYPOINT}/runproc.sh"), ()),
        (("bash", "/work/run.sh"), ()),
        (("bash",), ()),
        ((), ()),
    ],
)
def test_where_the_start_script_is(command: tuple[str, ...], folders: tuple[str, ...]) -> None:
    assert start_files(command) == folders


def job(*command: str) -> Job:
    return Job("j", "image", command, lambda host: {}, ("algo-1",), lambda host: {})


def test_bash_is_taken_from_where_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert with_shell(job("python3", "a.py")).command == ("python3", "a.py")
    monkeypatch.setattr(start_scripts, "SHELLS", ("/no/such/bash",))
    (tmp_path / "bash").symlink_to("/bin/sh")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert with_shell(job("/no/such/bash", "run.sh")).command == (str(tmp_path / "bash"), "run.sh")
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    with pytest.raises(ExecutionError, match="there is no bash on this machine"):
        with_shell(job("/no/such/bash", "run.sh"))


# ---- a ModelTrainer's drivers ----

TRAIN_SH = """
#!/bin/bash
set -e
trap 'echo "it failed" > /opt/ml/output/failure' ERR
python=$(command -v python3 || command -v python)
cat /opt/ml/input/config/resourceconfig.json
$python /opt/ml/input/data/sm_drivers/scripts/environment.py
source /opt/ml/input/sm_training.env
cd /opt/ml/input/data/code
$python /opt/ml/input/data/sm_drivers/distributed_drivers/basic.py
"""
ENVIRONMENT = """
import json
SM_MODEL_DIR = "/opt/ml/model"
with open("/opt/ml/input/config/hyperparameters.json") as file:
    told = json.load(file)
with open("/opt/ml/input/sm_training.env", "w") as file:
    for name, value in {"SM_MODEL_DIR": SM_MODEL_DIR, "SM_HPS": json.dumps(told), "SM_ENTRY": "train.py"}.items():
        file.write("export %s='%s'\\n" % (name, value))
"""
DRIVER = """
import json, os, subprocess, sys
words = [word for name, value in json.loads(os.environ["SM_HPS"]).items() for word in ("--" + name, value)]
sys.exit(subprocess.call([sys.executable, os.environ["SM_ENTRY"], *words]))
"""
TRAIN = """
import json, os, sys
if "fail" in sys.argv:
    sys.exit(3)
with open(os.environ["SM_MODEL_DIR"] + "/seen.json", "w") as file:
    json.dump(sys.argv[1:], file)
"""


def trainer(place: Place, **hyperparameters: str) -> dict[str, Any]:
    """A step of version 3's ModelTrainer."""
    files = {"sm_train.sh": TRAIN_SH, "scripts/environment.py": ENVIRONMENT, "distributed_drivers/basic.py": DRIVER}
    for name, text in files.items():
        place.put(f"drivers/{name}", text)
    place.put("code/train.py", TRAIN)
    drivers = "/opt/ml/input/data/sm_drivers"
    return place.training(
        "T",
        channels={"code": "s3://bucket/code", "sm_drivers": "s3://bucket/drivers"},
        hyperparameters=hyperparameters,
        AlgorithmSpecification={
            "ContainerEntrypoint": ["/bin/bash"],
            "ContainerArguments": ["-c", f"chmod +x {drivers}/sm_train.sh && {drivers}/sm_train.sh"],
        },
    )


def test_the_drivers_of_a_model_trainer(place_with: Any, each_way: str) -> None:
    place = place_with(sandbox=each_way)
    execution = place.run(trainer(place, rate="0.1"))
    assert execution.status == "Succeeded", place.log(execution, "T") + execution.failure_reason
    model = place.output(execution, "T")["ModelArtifacts"]["S3ModelArtifacts"]
    assert json.loads(place.archive(model)["seen.json"]) == ["--rate", "0.1"]


def test_what_a_driver_says_of_a_failure_is_the_reason(place_with: Any, each_way: str) -> None:
    place = place_with(sandbox=each_way)
    reason = place.run(trainer(place, rate="fail")).failure_reason
    assert reason == "step 'T' failed: AlgorithmError: it failed, exit code 3"


@pytest.mark.sdk
def test_the_drivers_of_amazons_sdk(place_with: Any, each_way: str) -> None:
    place = place_with(sandbox=each_way)
    python = REPOSITORY / ".sdk/v3/bin/python"
    if not python.exists():
        pytest.skip("there is no .sdk/v3: make test-sdk makes it")
    step = trainer(place, rate="0.1")
    program = """
import sagemaker.train.templates as t
parts = {"working_dir": "cd /opt/ml/input/data/code", "install_requirements": "",
         "execute_driver": t.EXECUTE_BASIC_SCRIPT_DRIVER}
print(t.TRAIN_SCRIPT_TEMPLATE.format(**parts), t.__file__, sep="\\0", end="")
"""
    told = subprocess.run([python, "-c", program], capture_output=True, text=True, check=True).stdout
    script, _, module = told.partition("\0")
    drivers = Path(module).with_name("container_drivers")
    for path in drivers.rglob("*.py"):
        place.put(f"drivers/{path.relative_to(drivers)}", path.read_text())
    place.put("drivers/sm_train.sh", script)
    place.put(
        "drivers/sourcecode.json", json.dumps({"source_dir": "/opt/ml/input/data/code", "entry_script": "train.py"})
    )
    place.put("drivers/distributed.json", "{}")
    execution = place.run(step)
    assert execution.status == "Succeeded", place.log(execution, "T") + execution.failure_reason
    model = place.output(execution, "T")["ModelArtifacts"]["S3ModelArtifacts"]
    assert json.loads(place.archive(model)["seen.json"]) == ["--rate", "0.1"]


# ---- what pip does in a job ----

VERSIONS = """
import os, subprocess, sys, importlib
def pip(*words):
    done = subprocess.run([sys.executable, "-m", "pip", *words], capture_output=True, text=True)
    return done.stdout + done.stderr
import yaml
before = yaml.__file__
there = pip("install", "PyYAML")
made = pip("install", "--no-index", "--find-links", ML + "/processing/wheels", "tiny_stranger")
import tiny_stranger
gone = pip("uninstall", "--yes", "PyYAML", "tiny_stranger")
importlib.reload(yaml)
write("seen", {"there": there, "made": made, "gone": gone, "same": yaml.__file__ == before,
               "left": os.path.exists(tiny_stranger.__file__)})
"""


def test_pip_sees_what_the_image_holds_and_changes_nothing_of_it(place_with: Any, each_way: str) -> None:
    place = place_with(sandbox=each_way)
    place.put("wheels/tiny_stranger-1.0-py3-none-any.whl", wheel("tiny_stranger", "WORD = 'hello'"))
    execution = place.run(place.writing("P", VERSIONS, inputs={"wheels": "s3://bucket/wheels"}))
    assert execution.status == "Succeeded", place.log(execution, "P") + execution.failure_reason
    seen = place.json("P/seen")
    assert "Requirement already satisfied: PyYAML" in seen["there"], "what is there is not fetched again"
    assert "Successfully installed tiny_stranger-1.0" in seen["made"]
    assert "outside environment" in seen["gone"]
    assert seen["same"], "the image's own package is where it was"
    assert not seen["left"], "the job's own is gone"
