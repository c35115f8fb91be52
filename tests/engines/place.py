"""Where the engine's tests run definitions: a project in a temporary folder, and words for tiny steps."""

from __future__ import annotations

import io
import json
import socket
import tarfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dagwright.definition.graph import read_definition
from dagwright.definition.slices import Slice
from dagwright.engines.engine import Start
from dagwright.engines.execution import Execution, Nobody
from dagwright.engines.local.engine import LocalEngine
from dagwright.engines.local.scope import Account
from dagwright.project import EnvironmentRule, LocalSettings

ROLE = "arn:aws:iam::123456789012:role/r"
IMAGE = "registry/image:1"
# What every script starts with. ML is /opt/ml, or what stands for it where there is no sandbox.
PRELUDE = """
import json, os, socket, sys
ML = os.environ["ML"]
OUT = ML + "/processing/out"
def write(name, value):
    os.makedirs(os.path.dirname(f"{OUT}/{name}"), exist_ok=True)
    open(f"{OUT}/{name}", "w").write(value if isinstance(value, str) else json.dumps(value))
def meet():
    with socket.create_connection(("127.0.0.1", int(os.environ["MEETING"]))) as other:
        other.recv(1)
"""


class Watcher(Nobody):
    """Remembers what an execution said."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.left_out: list[str] = []

    def noted(self, line: str) -> None:
        self.notes.append(line)

    def skipped(self, names: tuple[str, ...], why: str) -> None:
        self.left_out += names


class Meeting:
    """A door at which jobs wait (`meet()`) until as many as are expected have come."""

    def __init__(self, expected: int) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = str(self.listener.getsockname()[1])
        self.complete = threading.Event()
        self.guests: list[socket.socket] = []
        self._expected = expected
        self._thread = threading.Thread(target=self._receive, daemon=True)
        self._thread.start()

    def _receive(self) -> None:
        for _ in range(self._expected):
            try:
                self.guests.append(self.listener.accept()[0])
            except OSError:
                return
        self.complete.set()

    def release(self) -> None:
        """Let the guests go."""
        for guest in self.guests:
            guest.close()

    def close(self) -> None:
        self.listener.close()
        self.release()


class Place:
    """A project folder with its engine. Objects lie in `s3://bucket/`."""

    def __init__(self, folder: Path, sandbox: str = "auto", **settings: Any) -> None:
        self.folder = folder
        self.sandboxed = sandbox != "paths"
        self.settings = LocalSettings(
            environments=settings.pop("environments", (EnvironmentRule(IMAGE, interpreter=_python()),)),
            sandbox=sandbox,
            **{"stop_grace_seconds": 5, **settings},
        )
        self.engine = LocalEngine(folder, Account(), self.settings)
        self.watcher = Watcher()

    # ---- objects ----

    def put(self, key: str, content: str | bytes) -> str:
        uri = f"s3://bucket/{key}"
        data = content.encode() if isinstance(content, str) else content
        self.engine.home.store.put_bytes(data, uri)
        return uri

    def put_archive(self, key: str, files: Mapping[str, str | bytes]) -> str:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
            for name, content in files.items():
                data = content.encode() if isinstance(content, str) else content
                member = tarfile.TarInfo(name)
                member.size, member.mode = len(data), 0o755
                archive.addfile(member, io.BytesIO(data))
        return self.put(key, buffer.getvalue())

    def text(self, key: str) -> str:
        return self.engine.home.store.read_text(f"s3://bucket/{key}")

    def json(self, key: str) -> Any:
        return json.loads(self.text(key))

    def keys(self, prefix: str = "") -> list[str]:
        root = self.engine.home.store.root / "bucket"
        objects = self.engine.home.store.objects(f"s3://bucket/{prefix}")
        return [item.path.relative_to(root).as_posix() for item in objects]

    def archive(self, uri: str) -> dict[str, bytes]:
        with tarfile.open(self.engine.home.store.path(uri)) as tar:
            return {m.name: tar.extractfile(m).read() for m in tar.getmembers() if m.isfile()}  # type: ignore[union-attr]

    # ---- steps ----

    def processing(
        self,
        name: str,
        script: str = "",
        inputs: Mapping[str, Any] | None = None,
        outputs: Mapping[str, Any] | None = None,
        variables: Mapping[str, Any] | None = None,
        entrypoint: list[Any] | None = None,
        count: int = 1,
        limit: int | None = None,
        isolated: bool = False,
        depends_on: list[str] | None = None,
        **envelope: Any,
    ) -> dict[str, Any]:
        """`inputs`: folder below /opt/ml/processing -> address or S3Input members; `outputs`: the same -> S3Output."""
        given = dict(inputs or {})
        if entrypoint is None:
            given["code"] = self.put(f"code/{name}/main.py", PRELUDE + script)
            entrypoint = ["python3", "/opt/ml/processing/code/main.py"]
        arguments: dict[str, Any] = {
            "ProcessingResources": {"ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": count}},
            "AppSpecification": {"ImageUri": IMAGE, "ContainerEntrypoint": entrypoint},
            "Environment": {"ML": "/opt/ml", **(variables or {})},
            "RoleArn": ROLE,
            "ProcessingInputs": [_input(folder, source) for folder, source in given.items()],
            "ProcessingOutputConfig": {"Outputs": [_output(f, target) for f, target in (outputs or {}).items()]},
        }
        if limit:
            arguments["StoppingCondition"] = {"MaxRuntimeInSeconds": limit}
        if isolated:
            arguments["NetworkConfig"] = {"EnableNetworkIsolation": True}
        step = {"Name": name, "Type": "Processing", "Arguments": arguments, **envelope}
        return step | ({"DependsOn": depends_on} if depends_on else {})

    def writing(self, name: str, script: str, **others: Any) -> dict[str, Any]:
        """A processing step whose /opt/ml/processing/out becomes s3://bucket/<name>/."""
        return self.processing(name, script, outputs={"out": f"s3://bucket/{name}"}, **others)

    def training(
        self,
        name: str,
        script: str = "",
        channels: Mapping[str, Any] | None = None,
        hyperparameters: Mapping[str, Any] | None = None,
        count: int = 1,
        variables: Mapping[str, Any] | None = None,
        **members: Any,
    ) -> dict[str, Any]:
        """A training step with its own entrypoint, or in script mode if `script` is empty."""
        specification: dict[str, Any] = {"TrainingImage": IMAGE, "TrainingInputMode": "File"}
        given = dict(channels or {})
        if script:
            given["code"] = self.put(f"code/{name}/main.py", PRELUDE + script)
            specification["ContainerEntrypoint"] = ["python3", "/opt/ml/input/data/code/main.py"]
        specification |= members.pop("AlgorithmSpecification", {})
        arguments = {
            "AlgorithmSpecification": specification,
            "HyperParameters": dict(hyperparameters or {}),
            "InputDataConfig": [_channel(channel, source) for channel, source in given.items()],
            "OutputDataConfig": {"S3OutputPath": "s3://bucket/models"},
            "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": count, "VolumeSizeInGB": 1},
            "StoppingCondition": {"MaxRuntimeInSeconds": 60},
            "Environment": {"ML": "/opt/ml", **(variables or {})},
            "RoleArn": ROLE,
            **members,
        }
        return {"Name": name, "Type": "Training", "Arguments": arguments}

    # ---- executions ----

    def run(self, *steps: Mapping[str, Any], parameters: Mapping[str, Any] | None = None, **given: Any) -> Execution:
        """Run these steps; `parameters` declares Strings by name and default."""
        self.watcher = Watcher()
        graph = read_definition(definition(*steps, parameters=parameters))
        return self.engine.run(Start("p", graph, given), self.watcher)

    def part(self, *steps: Mapping[str, Any], source: str = "", **names: tuple[str, ...]) -> Execution:
        """Run `first`, `last` or `only` of these steps."""
        self.watcher = Watcher()
        start = Start("p", read_definition(definition(*steps)), part=Slice(**names), source=source)
        return self.engine.run(start, self.watcher)

    def resume(self, execution: Execution, *current: Mapping[str, Any]) -> Execution:
        """Go on with an execution, as it was or with its pipeline as it is now."""
        self.watcher = Watcher()
        start = Start("p", read_definition(definition(*current))) if current else None
        return self.engine.resume(execution.id, self.watcher, start)

    def log(self, execution: Execution, step: str) -> str:
        return "".join(log.path.read_text() for log in self.engine.logs(execution.steps[step]))

    def output(self, execution: Execution, step: str) -> dict[str, Any]:
        return dict(execution.steps[step].output or {})


def definition(*steps: Mapping[str, Any], parameters: Mapping[str, Any] | None = None) -> dict[str, Any]:
    kinds = {str: "String", int: "Integer", float: "Float", bool: "Boolean"}
    declared = [{"Name": n, "Type": kinds[type(v)], "DefaultValue": v} for n, v in (parameters or {}).items()]
    return {"Version": "2020-12-01", "Parameters": declared, "Steps": list(steps)}


def condition(
    name: str, *conditions: Any, then: Any = (), otherwise: Any = (), depends_on: list[str] | None = None
) -> dict[str, Any]:
    arguments = {"Conditions": list(conditions), "IfSteps": list(then), "ElseSteps": list(otherwise)}
    step = {"Name": name, "Type": "Condition", "Arguments": arguments}
    return step | ({"DependsOn": depends_on} if depends_on else {})


def equals(left: Any, right: Any) -> dict[str, Any]:
    return {"Type": "Equals", "LeftValue": left, "RightValue": right}


def fail(name: str, message: Any = None, depends_on: list[str] | None = None) -> dict[str, Any]:
    step = {"Name": name, "Type": "Fail", "Arguments": {} if message is None else {"ErrorMessage": message}}
    return step | ({"DependsOn": depends_on} if depends_on else {})


def get(path: str) -> dict[str, str]:
    return {"Get": path}


def join(*values: Any, on: str = "") -> dict[str, Any]:
    return {"Std:Join": {"On": on, "Values": list(values)}}


def json_get(step: str, file: str, path: str) -> dict[str, Any]:
    return {"Std:JsonGet": {"PropertyFile": get(f"Steps.{step}.PropertyFiles.{file}"), "Path": path}}


def _python() -> str:
    import sys

    return sys.executable


def _input(folder: str, source: Any) -> dict[str, Any]:
    members = source if isinstance(source, dict) and "S3Uri" in source else {"S3Uri": source}
    place = {"LocalPath": f"/opt/ml/processing/{folder}", "S3DataType": "S3Prefix", "S3InputMode": "File"}
    return {"InputName": folder, "S3Input": {**place, **members}}


def _output(folder: str, target: Any) -> dict[str, Any]:
    members = target if isinstance(target, dict) and "S3Uri" in target else {"S3Uri": target}
    place = {"LocalPath": f"/opt/ml/processing/{folder}", "S3UploadMode": "EndOfJob"}
    return {"OutputName": folder, "S3Output": {**place, **members}}


def _channel(name: str, source: Any) -> dict[str, Any]:
    members = dict(source) if isinstance(source, dict) else {"S3Uri": source}
    own = {key: members.pop(key) for key in _OF_CHANNELS if key in members}
    return {"ChannelName": name, "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", **members}}, **own}


_OF_CHANNELS = ("InputMode", "CompressionType", "RecordWrapperType", "ShuffleConfig", "ContentType")
