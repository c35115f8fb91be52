"""What the expressions of a definition come to in a state machine.

What comes in: JSON of a definition. What goes out: a template, in which every expression is static JSON, or a Dynamic
that a state finds out when it runs. What cannot be found out there is collected as problems.

Where the Describe response of a job repeats its request, the expression in the request is compiled in place of the
property: what a step wrote under `S3Uri` need not be asked of its job.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from dagwright.definition.expression import (
    GET,
    JOIN,
    Computation,
    Reference,
    function_of,
    is_expression,
    parse_reference,
    read_expression,
    references,
    render,
    unrolled,
)
from dagwright.definition.graph import Graph
from dagwright.definition.path import NAMED_LISTS, Path, follow, parse_path, write_path
from dagwright.definition.rules.references import EXECUTION_VARIABLES
from dagwright.definition.rules.references_properties import StepProperties
from dagwright.engines.stepfunctions.compiler.dynamic import (
    DYNAMIC,
    Context,
    Dynamic,
    FileValue,
    Joined,
    ParameterValue,
    Produced,
    dynamics,
)
from dagwright.engines.stepfunctions.compiler.settings import MachineSettings
from dagwright.errors import DefinitionError, EvaluationError, Problem, did_you_mean
from dagwright.shapes import Shape

#: The name that a step's own job has, whatever the step's type. No definition says it: the compiler does.
JOB_NAME = "JobName"

_NOW = Context("$$.State.EnteredTime")
_CONTEXT = {
    "PipelineExecutionId": Context("$$.Execution.Name"),
    "PipelineExecutionArn": Context("$$.Execution.Id"),
    "StartDateTime": Context("$$.Execution.StartTime"),
    "CurrentDateTime": _NOW,
    "TaskToken": Context("$$.Task.Token"),
}
_JOBS = ("Processing", "QualityCheck", "ClarifyCheck", "Training", "Tuning", "Transform", "AutoML")
_SCHEME = "s3://"
# Steps whose Arguments are the request that their Describe response repeats. What else a response holds, the name that
# the job was given among it, is not looked for in the request.
_ECHOING = {
    "Processing": "ProcessingJobName",
    "Training": "TrainingJobName",
    "Transform": "TransformJobName",
    "Tuning": "HyperParameterTuningJobName",
    "AutoML": "AutoMLJobName",
    "Model": "ModelName",
    "RegisterModel": "ModelPackageName",
    "EndpointConfig": "EndpointConfigName",
    "Endpoint": "EndpointName",
    "InferenceComponent": "InferenceComponentName",
}
_SPLITTABLE = (
    "write the S3Uri as s3://<bucket>/<key>, the bucket as a text or a parameter of its own, "
    "and nowhere Execution.CurrentDateTime"
)
_METRICS = "FinalMetricDataList"
_OUTPUTS = ("ProcessingOutputConfig", "Outputs")
# Texts that grow out of each other's, step by step, can double with every one. No field of AWS's takes as much as this.
_LONGEST_ECHO = 4096
_MOST_PARTS = 64

_KINDS = {
    "string": "text",
    "boolean": "boolean",
    "integer": "number",
    "long": "number",
    "float": "number",
    "double": "number",
}
_PARAMETER_KINDS = {"Boolean": "boolean", "Integer": "number", "Float": "number"}
# Members that are what their name says in every response, so that AWS's whole model need not be read for them.
_TEXTS = ("JobName", "ModelName", "Arn", "Uri", "Url", "S3OutputPath", "S3ModelArtifacts", "JobStatus")
_TEXT_MAPS = ("HyperParameters", "StaticHyperParameters", "Environment")


class Values:
    """The expressions of one graph, for one machine. `problems` are the refusals found so far, each once."""

    def __init__(self, graph: Graph, settings: MachineSettings) -> None:
        self.problems: list[Problem] = []
        self._told: set[Problem] = set()
        self._graph = graph
        self._settings = settings
        self._properties = StepProperties(graph)
        self._echoes: dict[tuple[str, Path], Any] = {}
        self._execution: dict[str, Any] = {
            **_CONTEXT,
            "PipelineName": settings.name,
            "PipelineArn": settings.arn,
            **settings.execution,
        }

    def compiled(self, value: Any, step: str) -> Any:
        """The template that `value`, JSON of the definition, makes in the state of `step`.

        Dynamics that stand in it already stay. An expression that has no value in a machine becomes an empty text, and
        is told of in `problems`.
        """
        return unrolled(self._compile(value, step))

    def kind(self, dynamic: Dynamic) -> str:
        """What a value will be at run time: `number`, `text`, `boolean`, or `unknown`."""
        if isinstance(dynamic, ParameterValue):
            return _PARAMETER_KINDS.get(dynamic.type, "text")
        if isinstance(dynamic, FileValue):
            return "unknown"
        return self._produced_kind(dynamic) if isinstance(dynamic, Produced) else "text"

    def _produced_kind(self, produced: Produced) -> str:
        path = produced.path
        above = path[-2] if len(path) > 1 else ""
        last = path[-1] if path else ""
        if path == (JOB_NAME,):
            return "text"
        if self._graph.steps[produced.step].type in _ECHOING and isinstance(last, str):
            if above in _TEXT_MAPS or last.endswith(_TEXTS):
                return "text"
            if path[0] == _METRICS and last == "Value":
                return "number"
        reference = Reference("Steps", produced.step, path, f"Steps.{produced.step}.{write_path(path)}")
        shape = self._properties.shape(reference)
        return _KINDS.get(shape.kind, "unknown") if isinstance(shape, Shape) else "unknown"

    def _refuse(self, step: str, what: str, hint: str, code: str = "not-in-a-machine") -> str:
        problem = Problem(code, what, hint, step=step)
        if problem not in self._told:
            self._told.add(problem)
            self.problems.append(problem)
        return ""

    def _compile(self, value: Any, step: str) -> Computation:
        if isinstance(value, dict):
            if is_expression(value):
                return (yield self._expression(value, step))
            members = {}
            for key, member in value.items():
                members[key] = (yield self._compile(member, step)) if isinstance(member, (dict, list)) else member
            return members
        if isinstance(value, list):
            items = []
            for item in value:
                items.append((yield self._compile(item, step)) if isinstance(item, (dict, list)) else item)
            return items
        return value

    def _expression(self, expression: dict[str, Any], step: str) -> Computation:
        try:
            reference = read_expression(expression)
        except DefinitionError as error:
            return self._refuse(step, error.message, error.hint or "correct the expression")
        if reference is not None:
            return (yield self._reference(reference, step))
        ((function, body),) = expression.items()
        return (yield (self._join if function == JOIN else self._json_get)(body, step))

    def _reference(self, reference: Reference, step: str) -> Computation:
        if reference.root == "Parameters":
            return ParameterValue(reference.name, self._graph.parameters[reference.name].type)
        if reference.root == "Execution":
            return self._variable(reference, step)
        if reference.root == "PipelineExperimentConfig":
            return (yield self._experiment(reference, step))
        if reference.root == "Steps":
            if reference.property_file is not None:
                return self._refuse(step, f"{reference.text} is a file, not a value", "read a value of it with JsonGet")
            return (yield self._property(reference.name, reference.path, step))
        return self._iteration(reference, step)

    def _iteration(self, reference: Reference, step: str) -> str:
        what = f"{reference.text} has a value only inside a ForEach step, which a state machine is not made of"
        return self._refuse(step, what, "write a step for each item, or run the pipeline on SageMaker")

    def _variable(self, reference: Reference, step: str) -> Any:
        if reference.name in self._execution:
            return self._execution[reference.name]
        types = EXECUTION_VARIABLES.get(reference.name)
        if reference.name == JOB_NAME or (types and self._graph.steps[step].type in _JOBS):
            return Produced(step, (JOB_NAME,))
        what = f"{reference.text} has no value in this step"
        hint = f"read it from the step that has it: Steps.<step>.{reference.name}"
        return self._refuse(step, what, hint if types else did_you_mean(reference.name, EXECUTION_VARIABLES))

    def _experiment(self, reference: Reference, step: str) -> Computation:
        config = self._graph.definition.get("PipelineExperimentConfig")
        value = config.get(reference.name) if isinstance(config, dict) else None
        if not isinstance(value, (str, int, float)) and not is_expression(value):
            what = f"{reference.text} has no value: the definition sets none"
            return self._refuse(step, what, f"write {reference.name} under PipelineExperimentConfig")
        if any(one.root not in ("Parameters", "Execution") for one in references(value)):
            what = f"{reference.text} is not known when an execution starts"
            return self._refuse(step, what, "in PipelineExperimentConfig use parameters and execution variables only")
        return (yield self._compile(value, step))

    def _property(self, producer: str, path: Path, step: str) -> Computation:
        """A property of a step, in the state of another."""
        if producer in self._settings.known:
            text = f"Steps.{producer}.{write_path(path)}"
            try:
                return follow(self._settings.known[producer], path, text, NAMED_LISTS)
            except EvaluationError as error:
                return self._refuse(step, error.message, error.hint or "run the step again", "missing-result")
        if (producer, path) not in self._echoes:
            self._echoes[producer, path] = yield self._echo(producer, path)
        return self._echoes[producer, path]

    def _echo(self, producer: str, path: Path) -> Computation:
        """What the producer's request says there, if that is as true in every other state; else the property."""
        found = self._requested(producer, path)
        if found is not None:
            value = yield self._compile(found, producer)
            if not isinstance(value, (dict, list)) and _is_short(value) and not _is_momentary(value, producer):
                return value
        return Produced(producer, path)

    def _requested(self, producer: str, path: Path) -> Any:
        """The scalar or expression at a path of a step's request; None if the response does not repeat it."""
        step = self._graph.steps[producer]
        if step.type not in _ECHOING or not path or path[0] not in step.arguments:
            return None
        if path[0] in (_ECHOING[step.type], _METRICS):
            return None
        try:
            found = follow(step.arguments, path, "", NAMED_LISTS)
        except EvaluationError:
            return None
        return found if is_expression(found) or not isinstance(found, (dict, list)) else None

    def _join(self, body: dict[str, Any], step: str) -> Computation:
        parts: list[Any] = []
        for index, value in enumerate(body["Values"]):
            if index:
                parts.append(body.get("On", ""))
            found = yield self._compile(value, step)
            if isinstance(found, Joined):
                parts.extend(found.parts)
            elif isinstance(found, DYNAMIC):
                parts.append(found)
            else:
                parts.append(self._rendered(found, value, step))
        return self._text(parts)

    def _rendered(self, value: Any, source: Any, step: str) -> str:
        try:
            return render(value)
        except EvaluationError as error:
            where = f"{source[GET]} in a Join" if function_of(source) == GET else "a Join"
            return self._refuse(step, f"{where}: {error.message}", error.hint)

    def _json_get(self, body: dict[str, Any], step: str) -> Computation:
        if "PropertyFile" in body:
            reference = parse_reference(body["PropertyFile"][GET])
            if reference.root != "Steps":
                return self._iteration(reference, step)
            label, uri = reference.text, (yield self._property_file(reference, step))
        else:
            label, uri = "the S3Uri of a JsonGet", (yield self._compile(body["S3Uri"], step))
        parts = _parts(uri)
        if any(isinstance(part, FileValue) for part in parts):
            what = f"{label} is made of what stands in another file"
            return self._refuse(step, what, "read that file in a step of its own, and refer to its output")
        address = self._split(parts)
        if address is None:
            what = f"{label} cannot be taken apart into a bucket and a key before the machine runs"
            return self._refuse(step, what, _SPLITTABLE, "unsplittable-uri")
        path = parse_path(body["Path"])
        if any(isinstance(key, str) and (key == "*" or set(key) & set("'\"\\")) for key in path):
            what = f"the path {body['Path']} has a key that is * or holds a quotation mark or a backslash"
            return self._refuse(step, what, "write the value under another key: interpreters disagree about these")
        return FileValue(*address, path)

    def _property_file(self, reference: Reference, step: str) -> Computation:
        """The address of a property file: `<S3Uri of the step's output>/<FilePath>`, one slash between them."""
        producer = reference.name
        output_name, file_path = self._graph.steps[producer].property_files[str(reference.property_file)]
        path = (*_OUTPUTS, output_name, "S3Output", "S3Uri")
        folder = yield self._property(producer, path, step)
        parts = _parts(folder)
        requested = self._requested(producer, path)
        if isinstance(folder, Produced) and requested is not None:
            # the whole address cannot be taken apart; what the request makes it of perhaps can
            made_of = _parts((yield self._compile(requested, producer)))
            made_of = [_elsewhere(part, producer) for part in made_of]
            parts = parts if any(_is_momentary(part, producer) for part in made_of) else made_of
        if parts and isinstance(parts[-1], str):
            parts[-1] = parts[-1].rstrip("/")
        return joined([*parts, "/", file_path.lstrip("/")]) if parts else ""

    def _split(self, parts: list[Any]) -> tuple[Any, Any] | None:
        """Bucket and key of an S3 address in parts; None where that is not certain.

        The bucket may be made of parameters, whose values are one name or a piece of it, and of what the context object
        tells. All else could bring a slash along.
        """
        if not parts or not isinstance(parts[0], str) or not parts[0].startswith(_SCHEME):
            return None
        rest = [parts[0][len(_SCHEME) :], *parts[1:]]
        for index, part in enumerate(rest):
            if isinstance(part, str):
                before, slash, after = part.partition("/")
                if slash:
                    bucket, key = [*rest[:index], before], [after, *rest[index + 1 :]]
                    return (self._text(bucket), self._text(key)) if any(bucket) and any(key) else None
            elif not isinstance(part, (ParameterValue, Context)):
                return None
        return None

    def _text(self, parts: Iterable[Any]) -> Any:
        """Parts as a text: a lone value that is one already needs no joining."""
        value = joined(parts)
        if isinstance(value, Joined) and len(value.parts) == 1 and self._is_text(value.parts[0]):
            return value.parts[0]
        return value

    def _is_text(self, value: Any) -> bool:
        """Whether it is a text for certain: what a request repeats is whatever the request says, be it a number where a
        text should be."""
        if isinstance(value, Produced) and self._requested(value.step, value.path) is not None:
            return False
        return self.kind(value) == "text"


def joined(parts: Iterable[Any]) -> str | Joined:
    """Texts and Dynamics, one after the other: a text if all are texts, else Joined with neighbouring texts merged."""
    merged: list[Any] = []
    for part in parts:
        if isinstance(part, str) and merged and isinstance(merged[-1], str):
            merged[-1] += part
        elif part != "":
            merged.append(part)
    if not any(isinstance(part, DYNAMIC) for part in merged):
        return "".join(merged)
    return Joined(tuple(merged))


def _parts(value: Any) -> list[Any]:
    if isinstance(value, Joined):
        return [*value.parts]
    return [value] if isinstance(value, DYNAMIC) or (isinstance(value, str) and value) else []


def _is_short(value: Any) -> bool:
    parts = _parts(value)
    return len(parts) <= _MOST_PARTS and sum(len(part) for part in parts if isinstance(part, str)) <= _LONGEST_ECHO


def _is_momentary(value: Any, producer: str) -> bool:
    """Whether it could come to something else in another state: the time, the name of the job, the text of a file."""
    own = Produced(producer, (JOB_NAME,))
    return any(one in (_NOW, own) or isinstance(one, FileValue) for one in dynamics(value))


def _elsewhere(part: Any, producer: str) -> Any:
    """A part of a job's request as other states find it: the job's name is in its response."""
    return Produced(producer, ("ProcessingJobName",)) if part == Produced(producer, (JOB_NAME,)) else part
