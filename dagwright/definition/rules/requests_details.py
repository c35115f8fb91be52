"""What AWS demands of jobs beyond what its model can say: paths, names used once, modes that go together.

In: one object or list of a request, as written, by the name of its shape. Out: what is wrong, each with the keys that
lead to it from there. Only values that stand for themselves are judged. Every row has its source: [model] is the
documentation in botocore's model, [guide] the developer guide, [sdk] a check of Amazon's SDK.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from dagwright.definition.rules.constraints import Wrong, shown
from dagwright.job_facts import GZIP_WITHOUT_PIPE, OUTSIDE, PROCESSING_FOLDER

Keys = tuple[str | int, ...]
Found = Iterator[tuple[Keys, Wrong]]

_LONGEST_TRAINING = 28 * 24 * 60 * 60


def _local_path(value: Any) -> Found:
    """[model] ProcessingS3Input.LocalPath: "must begin with /opt/ml/processing/"; [guide] the same for outputs."""
    path = _object(value).get("LocalPath")
    if isinstance(path, str) and not path.startswith(PROCESSING_FOLDER):
        yield (
            ("LocalPath",),
            Wrong("bad-local-path", f"{shown(path)} {OUTSIDE}", f"such as {PROCESSING_FOLDER}input/data"),
        )


def _s3_input(value: Any) -> Found:
    """[model] ProcessingS3Input.S3CompressionType: "Gzip can only be used when Pipe mode is specified"."""
    yield from _local_path(value)
    if _object(value).get("S3CompressionType") == "Gzip" and _object(value).get("S3InputMode", "File") == "File":
        yield ("S3CompressionType",), _gzip_without_pipe("S3InputMode")


def _gzip_without_pipe(mode: str) -> Wrong:
    hint = f"take Gzip out and unpack in the program, or set {mode} to Pipe"
    return Wrong("gzip-without-pipe", GZIP_WITHOUT_PIPE, hint)


def _managed(member: str) -> Callable[[Any], Found]:
    """[model] AppManaged: "LocalPath is a required parameter when AppManaged is False (default)"."""

    def check(value: Any) -> Found:
        one = _object(value)
        inner = one.get(member)
        if one.get("AppManaged") in (None, False) and isinstance(inner, dict) and inner.get("LocalPath") is None:
            hint = f"where it lies in the container: {PROCESSING_FOLDER}…"
            yield (member, "LocalPath"), Wrong("missing-member", "LocalPath is missing", hint)

    return check


def _input(value: Any) -> Found:
    yield from _managed("S3Input")(value)
    yield from _managed("DatasetDefinition")(value)


def _once(name: str, code: str, what: str) -> Callable[[Any], Found]:
    """Names that references and the container go by: each is used once."""

    def check(value: Any) -> Found:
        seen = set()
        for index, item in enumerate(value if isinstance(value, list) else ()):
            label = _object(item).get(name)
            if isinstance(label, str) and label in seen:
                yield (index, name), Wrong(code, f"two {what} are called {shown(label)}", "give each its own name")
            elif isinstance(label, str):
                seen.add(label)

    return check


def _inputs(value: Any) -> Found:
    yield from _once("InputName", "duplicate-input", "inputs")(value)
    yield from _same_path(value, "inputs", ("S3Input", "DatasetDefinition"))


def _outputs(value: Any) -> Found:
    yield from _once("OutputName", "duplicate-output", "outputs")(value)
    yield from _same_path(value, "outputs", ("S3Output",))


def _same_path(value: Any, what: str, members: tuple[str, ...]) -> Found:
    """[guide] Each input is laid into its folder, each output taken from its own."""
    seen = set()
    for index, item in enumerate(value if isinstance(value, list) else ()):
        for member in members:
            path = _object(_object(item).get(member)).get("LocalPath")
            folder = path.rstrip("/") if isinstance(path, str) else None
            if folder and folder in seen:
                text = f"two {what} have the folder {shown(folder)}"
                wrong = Wrong("same-local-path", text, "give each its own folder", "warning")
                yield (index, member, "LocalPath"), wrong
            seen.add(folder)


def _training(value: Any) -> Found:
    job = _object(value)
    yield from _waiting(job)
    default = _object(job.get("AlgorithmSpecification")).get("TrainingInputMode")
    channels = job.get("InputDataConfig")
    for index, channel in enumerate(channels if isinstance(channels, list) else ()):
        mode = _object(channel).get("InputMode") or default
        if mode in ("File", "FastFile"):
            yield from (
                (("InputDataConfig", index, *place), wrong) for place, wrong in _only_streamed(_object(channel))
            )


def _only_streamed(channel: Mapping[str, Any]) -> Found:
    """[model] Channel.CompressionType: "used only in Pipe input mode"; RecordWrapperType: "In File mode, leave this
    field unset"; S3DataSource.S3DataType: AugmentedManifestFile "can only be used if the Channel's input mode is Pipe".
    """
    if channel.get("CompressionType") == "Gzip":
        yield ("CompressionType",), _gzip_without_pipe("InputMode")
    if channel.get("RecordWrapperType") == "RecordIO":
        what = "objects are wrapped in RecordIO as they are streamed, in Pipe mode only"
        yield ("RecordWrapperType",), Wrong("stream-without-pipe", what, "take it out, or set InputMode to Pipe")
    source = _object(_object(channel.get("DataSource")).get("S3DataSource"))
    if source.get("S3DataType") == "AugmentedManifestFile":
        what, hint = (
            "an augmented manifest is streamed, in Pipe mode only",
            "set InputMode to Pipe, or take ManifestFile",
        )
        yield ("DataSource", "S3DataSource", "S3DataType"), Wrong("stream-without-pipe", what, hint)


def _waiting(job: Mapping[str, Any]) -> Found:
    """[model] MaxWaitTimeInSeconds belongs to Spot training, and InstancePreferences excludes Spot."""
    spot = job.get("EnableManagedSpotTraining")
    if spot in (None, False) and _object(job.get("StoppingCondition")).get("MaxWaitTimeInSeconds") is not None:
        what, hint = "only a training on Spot instances waits", "set EnableManagedSpotTraining, or leave it out"
        yield ("StoppingCondition", "MaxWaitTimeInSeconds"), Wrong("wait-without-spot", what, hint)
    if spot is True and _object(job.get("ResourceConfig")).get("InstancePreferences") is not None:
        what = "InstancePreferences and EnableManagedSpotTraining exclude each other"
        keys = ("ResourceConfig", "InstancePreferences")
        yield keys, Wrong("exclusive-members", what, "keep one of them: preferences are for On-Demand instances")


def _stopping(value: Any) -> Found:
    """[model] StoppingCondition.MaxRuntimeInSeconds: "The maximum value is 28 days"."""
    limit = _object(value).get("MaxRuntimeInSeconds")
    if isinstance(limit, int) and limit > _LONGEST_TRAINING:
        what = f"{limit} seconds are out of range: at most {_LONGEST_TRAINING}, which is 28 days, are allowed"
        yield ("MaxRuntimeInSeconds",), Wrong("out-of-range", what)


def _network(value: Any) -> Found:
    """Identifiers that stand in each other's place: their patterns tell none apart."""
    for key, prefix, other in (("SecurityGroupIds", "subnet-", "subnet"), ("Subnets", "sg-", "security group")):
        entries = _object(value).get(key)
        for index, entry in enumerate(entries if isinstance(entries, list) else ()):
            if isinstance(entry, str) and entry.startswith(prefix):
                yield (key, index), Wrong("pattern-mismatch", f"{shown(entry)} is a {other}", f"it stands in {key}")


def _tags(value: Any) -> Found:
    """[model] Tag.Key: "must be unique per resource"; keys in `aws:` are Amazon's own."""
    seen = set()
    for index, tag in enumerate(value if isinstance(value, list) else ()):
        key = _object(tag).get("Key")
        if isinstance(key, str) and key.lower().startswith("aws:"):
            yield (index, "Key"), Wrong("pattern-mismatch", f"{shown(key)} is a key of Amazon's own", "rename it")
        elif isinstance(key, str) and key in seen:
            yield (index, "Key"), Wrong("duplicate-tag", f"two tags have the key {shown(key)}", "keep one of them")
        elif isinstance(key, str):
            seen.add(key)


def _container(value: Any) -> Found:
    """[guide] A container of a model names an image, or a model package that names it."""
    if isinstance(value, dict) and value.get("Image") is None and value.get("ModelPackageName") is None:
        yield ("Image",), Wrong("missing-member", "Image is missing", "give it, or a ModelPackageName that has one")


def _mode(value: Any) -> Found:
    """[guide] "The AutoML step supports only ensembling"; [sdk] AutoMLStep refuses anything else."""
    mode = _object(_object(value).get("AutoMLJobConfig")).get("Mode")
    if mode is None or (isinstance(mode, str) and mode != "ENSEMBLING"):
        what = "an AutoML step trains in the mode ENSEMBLING alone"
        yield ("AutoMLJobConfig", "Mode"), Wrong("auto-ml-mode", what, "set ENSEMBLING")


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


#: What is looked at in which shape of the service `sagemaker`.
DETAILS: Mapping[str, Callable[[Any], Found]] = {
    "ProcessingS3Input": _s3_input,
    "ProcessingS3Output": _local_path,
    "DatasetDefinition": _local_path,
    "ProcessingInput": _input,
    "ProcessingOutput": _managed("S3Output"),
    "ProcessingInputs": _inputs,
    "ProcessingOutputs": _outputs,
    "InputDataConfig": _once("ChannelName", "duplicate-channel", "channels"),
    "CreateTrainingJobRequest": _training,
    "HyperParameterTrainingJobDefinition": _training,
    "CreateAutoMLJobRequest": _mode,
    "StoppingCondition": _stopping,
    "VpcConfig": _network,
    "TagList": _tags,
    "ContainerDefinition": _container,
}
