"""The three things a definition can compute with: Join, JsonGet and the variables of the execution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from dagwright.refusals import refuse
from dagwright.variables import PipelineVariable, Value

if TYPE_CHECKING:
    from dagwright.processing import PropertyFile
    from dagwright.steps import Step


class Join(PipelineVariable):
    """Text put together at run time from literals and variables, with `on` between them.

    >>> Join("/", ["s3://bucket", ExecutionVariables.PIPELINE_EXECUTION_ID]).expr["Std:Join"]["On"]
    '/'
    """

    __slots__ = ("on", "values")
    is_text = True

    def __init__(self, on: str = "", values: Sequence[Value] = ()) -> None:
        if not isinstance(on, str):
            refuse("bad-join", f"{on!r} cannot separate: not a literal text", field="On")
        if isinstance(values, str) or not isinstance(values, Sequence) or not values:
            refuse(
                "bad-join", f"{values!r} is not a list of values", 'as in Join("/", ["a", parameter])', field="Values"
            )
        for value in values:
            if not isinstance(value, str | int | float | PipelineVariable):
                refuse("bad-join", f"{value!r} cannot be joined", "texts, numbers, booleans, variables", field="Values")
        self.on = on
        self.values = tuple(values)

    def __repr__(self) -> str:
        return f"Join({self.on!r}, {len(self.values)} values)"

    def expression(self) -> Any:
        return {"Std:Join": {"On": self.on, "Values": self.values}}


class JsonGet(PipelineVariable):
    """One value out of a JSON file that an earlier step wrote.

    With a property file: `JsonGet("Evaluate", report, "metrics.f1")`; the step may be given itself or by name, the
    property file too. With an address: `JsonGet(s3_uri=Join(...), json_path="metrics.f1")`, which makes nothing
    wait for the step that writes the file: say `depends_on`.

    `json_path` is a literal text such as `metrics.f1` or `classes['a b'][0]`; the service has no variable paths.
    """

    __slots__ = ("json_path", "property_file", "s3_uri", "step_name")

    def __init__(
        self,
        step_name: str | Step | None = None,
        property_file: PropertyFile | str | None = None,
        json_path: str | None = None,
        *,
        s3_uri: str | PipelineVariable | None = None,
        step: Step | None = None,
    ) -> None:
        of = step if step is not None else step_name
        self.step_name = of if isinstance(of, str) or of is None else of.name
        self.property_file = getattr(property_file, "name", property_file)
        self.s3_uri = s3_uri if s3_uri is None or isinstance(s3_uri, Join) else Join("", [s3_uri])
        if not isinstance(json_path, str) or not json_path:
            refuse("bad-json-path", f"{json_path!r} is not a path", "a literal text such as 'metrics.f1'", field="Path")
        self.json_path = json_path
        by_file = self.step_name is not None and self.property_file is not None
        if by_file == (s3_uri is not None) or (s3_uri is not None and self.property_file is not None):
            refuse("bad-json-get", "JsonGet reads a step's property file or an s3_uri", "give exactly one of the two")

    def __repr__(self) -> str:
        source = "S3" if self.s3_uri is not None else f"Steps.{self.step_name}.PropertyFiles.{self.property_file}"
        return f"JsonGet({source}, {self.json_path!r})"

    def expression(self) -> Any:
        if self.s3_uri is not None:
            return {"Std:JsonGet": {"S3Uri": self.s3_uri, "Path": self.json_path}}
        source = {"Get": f"Steps.{self.step_name}.PropertyFiles.{self.property_file}"}
        return {"Std:JsonGet": {"PropertyFile": source, "Path": self.json_path}}


class ExecutionVariable(PipelineVariable):
    """A fact of the execution, such as its id."""

    __slots__ = ("name",)
    is_text = True

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name

    def expression(self) -> Any:
        return {"Get": self.name}


class ExecutionVariables:
    """Every fact of the execution that the service offers."""

    START_DATETIME = ExecutionVariable("Execution.StartDateTime")
    CURRENT_DATETIME = ExecutionVariable("Execution.CurrentDateTime")
    PIPELINE_NAME = ExecutionVariable("Execution.PipelineName")
    PIPELINE_ARN = ExecutionVariable("Execution.PipelineArn")
    PIPELINE_EXECUTION_ID = ExecutionVariable("Execution.PipelineExecutionId")
    PIPELINE_EXECUTION_ARN = ExecutionVariable("Execution.PipelineExecutionArn")
    TRAINING_JOB_NAME = ExecutionVariable("Execution.TrainingJobName")
    PROCESSING_JOB_NAME = ExecutionVariable("Execution.ProcessingJobName")


class PipelineExperimentConfigProperties:
    """What `PipelineExperimentConfig` came to at run time."""

    EXPERIMENT_NAME = ExecutionVariable("PipelineExperimentConfig.ExperimentName")
    TRIAL_NAME = ExecutionVariable("PipelineExperimentConfig.TrialName")
