"""A step whose result stands in a file, or is what a function gives: nothing of the step itself runs.

What comes in: the step, and what stands in for it. What goes out: its result, with the members that every Describe
response has, and the objects that its job would have written.
"""

from __future__ import annotations

import io
import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from dagwright.definition.expression import evaluate
from dagwright.definition.graph import Step
from dagwright.engines.execution import FAILED, STOPPED, SUCCEEDED
from dagwright.engines.local.bench import Bench, StepResult
from dagwright.engines.local.handlers import Handler, handler_job, read_result
from dagwright.engines.local.job import JobEnding
from dagwright.engines.local.job_run import JobRun
from dagwright.engines.local.output_parameters import declared_outputs, typed_outputs
from dagwright.engines.local.request import member, objects
from dagwright.engines.local.scope import UNKNOWN, Account, RunScope
from dagwright.engines.local.stand_ins import FILES, StandIn
from dagwright.engines.local.store import storage_errors
from dagwright.engines.local.training import artifact_uri
from dagwright.engines.uploads import files_below
from dagwright.errors import ExecutionError

# What the service names: the members of the Describe response with its name and its ARN, and the kind of the ARN.
_NAMED = {
    "Processing": ("ProcessingJobName", "ProcessingJobArn", "processing-job"),
    "QualityCheck": ("ProcessingJobName", "ProcessingJobArn", "processing-job"),
    "ClarifyCheck": ("ProcessingJobName", "ProcessingJobArn", "processing-job"),
    "Training": ("TrainingJobName", "TrainingJobArn", "training-job"),
    "Transform": ("TransformJobName", "TransformJobArn", "transform-job"),
    "Tuning": ("HyperParameterTuningJobName", "HyperParameterTuningJobArn", "hyper-parameter-tuning-job"),
    "AutoML": ("AutoMLJobName", "AutoMLJobArn", "automl-job"),
    "Model": ("ModelName", "ModelArn", "model"),
    "RegisterModel": ("ModelPackageName", "ModelPackageArn", "model-package"),
    "EndpointConfig": ("EndpointConfigName", "EndpointConfigArn", "endpoint-config"),
    "Endpoint": ("EndpointName", "EndpointArn", "endpoint"),
}
_OUTPUT_PATHS = {"Transform": "TransformOutput.S3OutputPath", "Training": "OutputDataConfig.S3OutputPath"}
_MODEL = "model"
_LIMIT_SECONDS = 86400
_NOTE = "A stand-in gave the result of this training; no model was trained.\n"


def run_stand_in(step: Step, stand_in: StandIn, scope: RunScope, bench: Bench) -> StepResult:
    """Raises ExecutionError for members and files that are of no use."""
    request = evaluate(step.arguments, scope)
    if stand_in.function:
        return _called(step, stand_in.function, request, scope, bench)
    response, _ = write_files(step, stand_in, request, scope, bench)
    return StepResult(SUCCEEDED, output=response, answer=response.get("OutputParameters"))


def write_files(
    step: Step, stand_in: StandIn, request: Any, scope: RunScope, bench: Bench
) -> tuple[dict[str, Any], set[str]]:
    """(what the Describe call would give, the addresses of the objects that are now there). Raises DagwrightError."""
    response = response_of(step, stand_in, request, _made(step, request, scope.job, scope.account))
    files, store = files_of(step, stand_in, response), bench.workshop.store
    written = {uri for uri, _ in files.objects}
    with ExitStack() as made, store.group() as group:
        for uri, content in files.objects:
            group.put_bytes(content, uri) if isinstance(content, bytes) else group.put(content, uri)
        if files.artifact and (files.model or not (files.artifact in written or store.holds(files.artifact))):
            model = files.model or [("STAND-IN.txt", _NOTE.encode())]
            group.put(made.enter_context(_packed(model, bench.workshop.jobs)), files.artifact)
            written.add(files.artifact)
    return response, written


def _called(step: Step, function: tuple[Path, str], request: Any, scope: RunScope, bench: Bench) -> StepResult:
    event = {"StepName": step.name, "StepType": step.type, "Arguments": request}
    job = handler_job(scope.job, Handler(function), event, {}, _LIMIT_SECONDS)
    run = JobRun(job, bench.environments.of(""), bench.workshop, limit=bench.limits.of(step.name))
    bench.watch(step.name, run)
    answer: list[Any] = [None, ""]

    def finish(ending: JobEnding) -> JobEnding:
        if ending.outcome == "Completed":
            answer[:] = read_result(run.hosts[0])
        return ending

    ending = run.run(finish)
    if ending.outcome != "Completed" or answer[1]:
        return StepResult(STOPPED if ending.outcome == "Stopped" else FAILED, ending.reason or answer[1])
    given = {} if answer[0] is None else answer[0]
    if not isinstance(given, dict):
        raise ExecutionError(f"The function that stands in must return an object or None, not {given!r:.80}")
    made = _made(step, request, scope.job, scope.account)
    response = response_of(step, StandIn(step.name, "", bench.project, given), request, made)
    return StepResult(SUCCEEDED, output=response, answer=given)


def response_of(step: Step, stand_in: StandIn, request: Any, made: Mapping[str, Any]) -> dict[str, Any]:
    """What the Describe call would give: the request again, what the service has `made`, and what the stand-in gives.

    Raises ExecutionError for output parameters that are none.
    """
    given = dict(stand_in.given)
    declared = declared_outputs(step.envelope)
    if declared:
        outputs = given.pop("OutputParameters", given)
        return {"OutputParameters": typed_outputs(outputs, declared)}
    return {**(request if isinstance(request, Mapping) else {}), **made, **given}


def _made(step: Step, request: Any, job: str, account: Account) -> dict[str, Any]:
    """The members that follow from the name of the job."""
    made: dict[str, Any] = {}
    if step.type in _NAMED:
        name, arn, resource = _NAMED[step.type]
        made = {name: job, arn: account.arn(f"{resource}/{job}")}
    if step.type == "Training" and member(request, "OutputDataConfig.S3OutputPath", str):
        made["ModelArtifacts"] = {"S3ModelArtifacts": artifact_uri(job, request, "model.tar.gz")}
    return made


def made_by_the_run(step: Step) -> dict[str, Any]:
    """The same members before there is a job: nobody knows them."""
    made: dict[str, Any] = dict.fromkeys(_NAMED.get(step.type, ())[:2], UNKNOWN)
    return {**made, **({"ModelArtifacts": {"S3ModelArtifacts": UNKNOWN}} if step.type == "Training" else {})}


# ---- what its job would have written ----

Content: TypeAlias = bytes | Path


@dataclass
class Files:
    """What a stand-in writes: objects by address; the files of a training's `model`, by their names in the archive that
    becomes its `artifact`."""

    objects: list[tuple[str, Content]] = field(default_factory=list)
    model: list[tuple[str, Content]] = field(default_factory=list)
    artifact: str = ""


def files_of(step: Step, stand_in: StandIn, response: Mapping[str, Any]) -> Files:
    """Everything that it writes. Raises ExecutionError for a name that leads nowhere, and for two at one address;
    StorageError for an address that is none."""
    artifact = member(response, "ModelArtifacts.S3ModelArtifacts", str, "") if step.type == "Training" else ""
    places = {**dict(places_of(step, response)), **({_MODEL: ""} if artifact else {})}
    files = Files(artifact=artifact)
    for name, value in stand_in.files.items():
        is_address = name.startswith("s3://")
        output = name if is_address else _output_named(name, places, stand_in)
        rest = "" if is_address else name[len(output) + 1 :]
        for below, content in _contents(name, rest or is_address, value, stand_in):
            if not is_address and output == _MODEL and artifact:
                files.model.append((_joined(rest, below).lstrip("/"), content))
            else:
                base = name if is_address else _joined(places[output], rest)
                files.objects.append((_joined(base, below), content))
    for names in (files.objects, files.model):
        twice = [name for name, count in Counter(name for name, _ in names).items() if count > 1]
        if twice:
            raise ExecutionError(f"{stand_in.place}: {FILES} has two contents for {twice[0]}")
    return files


def _output_named(name: str, places: Mapping[str, str], stand_in: StandIn) -> str:
    """The output that a name begins with: the longest, as names may have slashes. Raises ExecutionError."""
    found = [output for output in places if f"{name}/".startswith(f"{output}/")]
    if not found:
        hint = f"Name an output ({', '.join(places) or 'it has none'}), or an address s3://bucket/key."
        raise ExecutionError(f"{stand_in.place}: {FILES} has '{name}', which is no output", hint=hint)
    return max(found, key=len)


def places_of(step: Step, response: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The outputs of a step by name, and their addresses: where later steps will look for them."""
    for output in objects(response, "ProcessingOutputConfig.Outputs"):
        yield str(output.get("OutputName")), member(output, "S3Output.S3Uri", str, "")
    if step.type in _OUTPUT_PATHS:
        yield "output", member(response, _OUTPUT_PATHS[step.type], str, "")


def _joined(base: str, below: str) -> str:
    return f"{base.rstrip('/')}/{below}" if below else base


def _contents(name: str, is_whole: Any, value: Any, stand_in: StandIn) -> Iterator[tuple[str, Content]]:
    """(rest of the key, content) of what stands under a name: a text is the path of a file or a folder, anything else a
    JSON document. A name that is not whole names an output, which takes a file under the file's own name."""
    if not isinstance(value, str):
        if not is_whole:
            raise ExecutionError(
                f"{stand_in.place}: {FILES}['{name}'] is a document without a name", hint=f"'{name}/file'"
            )
        yield "", json.dumps(value).encode()
        return
    path = stand_in.folder / value
    if os.path.isfile(path):
        yield "" if is_whole else path.name, path
    elif os.path.isdir(path):
        yield from ((file.relative_to(path).as_posix(), file) for file in sorted(files_below(path)))
    else:
        what = f"{stand_in.place}: {FILES}['{name}'] names {value}, and there is no such file or folder"
        raise ExecutionError(what, hint="Paths are beside the stand-in's own file.")


@contextmanager
def _packed(files: list[tuple[str, Content]], jobs: Path) -> Iterator[Path]:
    """model.tar.gz of files by name, as long as the block lasts; below `jobs`, which goes with the run."""
    import tarfile
    import tempfile

    with storage_errors("The model of a stand-in cannot be packed"):
        jobs.mkdir(parents=True, exist_ok=True)
        folder = tempfile.TemporaryDirectory(dir=jobs)
    with folder:
        path = Path(folder.name, "model.tar.gz")
        with storage_errors("The model of a stand-in cannot be packed"), tarfile.open(path, mode="w:gz") as archive:
            for name, content in files:
                with io.BytesIO(content) if isinstance(content, bytes) else open(content, "rb") as file:
                    entry = tarfile.TarInfo(name)
                    entry.size = len(content) if isinstance(content, bytes) else os.fstat(file.fileno()).st_size
                    archive.addfile(entry, file)
        yield path
