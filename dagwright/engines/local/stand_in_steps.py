"""A step whose result stands in a file, or is what a function gives: nothing of the step itself runs.

What comes in: the step, and what stands in for it. What goes out: its result, with the members that every Describe
response has, and the objects that its job would have written.
"""

from __future__ import annotations

import io
import json
from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from dagwright.definition.expression import Reference, evaluate
from dagwright.definition.graph import Graph, Step
from dagwright.definition.path import NAMED_LISTS, follow
from dagwright.engines.execution import FAILED, STOPPED, SUCCEEDED
from dagwright.engines.local.baselines import PROPERTIES
from dagwright.engines.local.bench import Bench, StepResult
from dagwright.engines.local.handlers import Handler, handler_job, read_result
from dagwright.engines.local.job import JobEnding
from dagwright.engines.local.job_run import JobRun
from dagwright.engines.local.output_parameters import declared_outputs, typed_outputs
from dagwright.engines.local.request import member, objects
from dagwright.engines.local.scope import UNKNOWN, Account, RunScope, evaluate_known
from dagwright.engines.local.stand_ins import FILES, StandIn
from dagwright.engines.local.store import storage_errors
from dagwright.engines.local.training import artifact_uri
from dagwright.errors import DagwrightError, EvaluationError, ExecutionError, Problem

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
    """(what the Describe call would give, the addresses of the objects that are now there). Raises ExecutionError."""
    response = _response(step, stand_in, request, scope.job, scope.account)
    store, written = bench.workshop.store, set()
    for uri, content in _objects(step, stand_in, request, response):
        store.put_bytes(content, uri) if isinstance(content, bytes) else store.put(content, uri)
        written.add(uri)
    return response, written


def _called(step: Step, function: tuple[Path, str], request: Any, scope: RunScope, bench: Bench) -> StepResult:
    event = {"StepName": step.name, "StepType": step.type, "Arguments": request}
    job = handler_job(scope.job, Handler(function), event, {}, _LIMIT_SECONDS)
    run = JobRun(job, bench.environments.of(""), bench.workshop)
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
    stand_in = StandIn(step.name, "", bench.project, given)
    return StepResult(SUCCEEDED, output=_response(step, stand_in, request, scope.job, scope.account), answer=given)


def _response(step: Step, stand_in: StandIn, request: Any, job: str, account: Account) -> dict[str, Any]:
    """What the Describe call would give: the request again, the names, and what the stand-in gives."""
    given = dict(stand_in.given)
    declared = declared_outputs(step.envelope)
    if declared:
        outputs = given.pop("OutputParameters", given)
        return {"OutputParameters": typed_outputs(outputs, declared)}
    response = dict(request) if isinstance(request, Mapping) else {}
    if step.type in _NAMED:
        name, arn, resource = _NAMED[step.type]
        response |= {name: job, arn: account.arn(f"{resource}/{job}")}
    if step.type == "Training" and member(request, "OutputDataConfig.S3OutputPath", str):
        response["ModelArtifacts"] = {"S3ModelArtifacts": artifact_uri(job, request, "model.tar.gz")}
    return response | given


# ---- what its job would have written ----

Content: TypeAlias = bytes | Path


def _objects(step: Step, stand_in: StandIn, request: Any, response: Mapping[str, Any]) -> Iterator[tuple[str, Content]]:
    """(address, content) of every object. Raises ExecutionError for a name that leads nowhere."""
    artifact = _artifact(step, response)
    places = dict(_places(step, request))
    model: list[tuple[str, Content]] = []
    for first, rest, content in _placed(step, stand_in, request, artifact):
        if first == _MODEL and artifact:
            model.append((rest, content))
        else:
            yield _joined(places.get(first, first), rest), content
    if artifact:
        yield artifact, _archive(model or [("STAND-IN.txt", _NOTE.encode())])


def _artifact(step: Step, response: Mapping[str, Any]) -> str:
    return member(response, "ModelArtifacts.S3ModelArtifacts", str, "") if step.type == "Training" else ""


def _placed(step: Step, stand_in: StandIn, request: Any, artifact: str) -> Iterator[tuple[str, str, Content]]:
    """(output's name or address, rest of the key, content) of every file that stands in; with an `artifact` the model
    is an output too. Raises ExecutionError for a name that leads nowhere and for a file that is not there."""
    places = [*(name for name, _ in _places(step, request)), *([_MODEL] if artifact else [])]
    for name, value in stand_in.files.items():
        is_address = name.startswith("s3://")
        first, _, rest = (name, "", "") if is_address else name.partition("/")
        if not is_address and first not in places:
            hint = f"Name an output ({', '.join(places) or 'it has none'}), or an address s3://bucket/key."
            raise ExecutionError(f"{FILES} has '{name}', which is no output", hint=hint)
        for below, content in _contents(name, rest or is_address, value, stand_in):
            yield first, _joined(rest, below).lstrip("/"), content


def _places(step: Step, request: Any) -> Iterator[tuple[str, str]]:
    """The outputs of a step by name, and their addresses."""
    for output in objects(request, "ProcessingOutputConfig.Outputs"):
        yield str(output.get("OutputName")), member(output, "S3Output.S3Uri", str, "")
    if step.type in _OUTPUT_PATHS:
        yield "output", member(request, _OUTPUT_PATHS[step.type], str, "")


def _joined(base: str, below: str) -> str:
    return f"{base.rstrip('/')}/{below}" if below else base


def _contents(name: str, is_whole: Any, value: Any, stand_in: StandIn) -> Iterator[tuple[str, Content]]:
    """(rest of the key, content) of what stands under a name: a text is the path of a file or a folder, anything else a
    JSON document. A name that is not whole names an output, which takes a file under the file's own name."""
    if not isinstance(value, str):
        if not is_whole:
            raise ExecutionError(f"{FILES}['{name}'] is a document without a name", hint=f"Say '{name}/file'.")
        yield "", json.dumps(value).encode()
        return
    path = stand_in.folder / value
    if path.is_file():
        yield "" if is_whole else path.name, path
    elif path.is_dir():
        yield from ((file.relative_to(path).as_posix(), file) for file in sorted(path.rglob("*")) if file.is_file())
    else:
        what = f"{FILES}['{name}'] names {value}, and there is no such file or folder"
        raise ExecutionError(what, hint="Paths are beside the stand-in's own file.")


def _archive(files: list[tuple[str, Content]]) -> bytes:
    """model.tar.gz of files by name."""
    import tarfile

    packed = io.BytesIO()
    with (
        storage_errors("The model of a stand-in cannot be packed"),
        tarfile.open(fileobj=packed, mode="w:gz") as archive,
    ):
        for name, content in files:
            data = content if isinstance(content, bytes) else content.read_bytes()
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return packed.getvalue()


# ---- before the run ----


def unmet_references(graph: Graph, stand_ins: Mapping[str, StandIn], scope: RunScope) -> Iterator[Problem]:
    """Members of results that later steps read, and that the files which stand in do not give; files that are not
    there."""
    responses = {}
    for name, stand_in in stand_ins.items():
        step = graph.steps[name]
        if stand_in.function is None:
            try:
                request = evaluate_known(step.arguments, scope)
                given = _response(step, stand_in, request, "1", scope.account)
                deque(_placed(step, stand_in, request, _artifact(step, given)), maxlen=0)
                responses[name] = {**dict.fromkeys(PROPERTIES.get(step.type, ()), UNKNOWN), **given}
            except DagwrightError as error:
                yield Problem("stand-in", f"{stand_in.place}: {error.message}", error.hint, step=name)
    for step in graph.steps.values():
        for reference in step.references:
            if reference.root == "Steps" and reference.name in responses:
                stand_in = stand_ins[reference.name]
                if reference.property_file is None:
                    yield from _unmet(step, reference, responses[reference.name], stand_in)
                else:
                    yield from _unwritten(step, reference, graph.steps[reference.name], stand_in)


def _unmet(step: Step, reference: Reference, response: Mapping[str, Any], stand_in: StandIn) -> Iterator[Problem]:
    try:
        follow(response, reference.path, reference.text, NAMED_LISTS)
    except EvaluationError as error:
        what = f"it reads what {stand_in.place} does not give: {error.message}"
        yield Problem("stand-in", what, f"add it to {stand_in.place}", step=step.name)


def _unwritten(step: Step, reference: Reference, writer: Step, stand_in: StandIn) -> Iterator[Problem]:
    output, file = writer.property_files[str(reference.property_file)]
    whole = f"{output}/{file}"
    folder = stand_in.files.get(output)
    is_there = isinstance(folder, str) and _holds(stand_in.folder / folder, file)
    given = whole in stand_in.files or is_there or any(name.startswith("s3://") for name in stand_in.files)
    if not given:
        what = f"it reads {reference.text}, and {stand_in.place} writes no {whole}"
        hint = f'add it to {stand_in.place}: "{FILES}": {{"{whole}": {{…}}}}'
        yield Problem("stand-in", what, hint, step=step.name)


def _holds(path: Path, file: str) -> bool:
    return (path / file).is_file() or (path.is_file() and path.name == file)
