"""The three things a definition can compute with: Join, JsonGet and the variables of the execution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from dagwright.arguments import is_single, of_kind, sequence
from dagwright.refusals import Findings
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
    type = "String"

    def __init__(self, on: str = "", values: Sequence[Value] = ()) -> None:
        found = Findings()
        of_kind(on, str, "a literal text, which is what separates", "On", found)
        joined = sequence(values, object, "a value to join", "Values", found, least=1)
        for value in joined:
            if not isinstance(value, PipelineVariable) and not is_single(value):
                found.add("bad-join", f"{value!r} cannot be joined", "texts, numbers, booleans, variables", "Values")
        found.raise_any()
        self.on = on
        self.values = joined

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

    __slots__ = ("json_path", "property_file", "s3_uri", "step", "step_name")

    def __init__(
        self,
        step_name: str | Step | None = None,
        property_file: PropertyFile | str | None = None,
        json_path: str | None = None,
        *,
        s3_uri: str | PipelineVariable | None = None,
        step: Step | None = None,
    ) -> None:
        from dagwright.processing import PropertyFile
        from dagwright.steps import Step

        found = Findings()
        of = step if step is not None else step_name
        self.step = of if isinstance(of, Step) else None
        self.step_name = of.name if isinstance(of, Step) else of
        self.property_file = property_file.name if isinstance(property_file, PropertyFile) else property_file
        of_kind(self.step_name, str | None, "a step or the name of one", "PropertyFile", found)
        of_kind(self.property_file, str | None, "a PropertyFile or the name of one", "PropertyFile", found)
        of_kind(s3_uri, str | PipelineVariable | None, "an S3 address", "S3Uri", found, "a text or a variable")
        if of_kind(json_path, str, "a path", "Path", found, "a literal text such as 'metrics.f1'") and not json_path:
            found.add("bad-json-path", "the path is empty", "a literal text such as 'metrics.f1'", "Path")
        by_file = self.step_name is not None and self.property_file is not None
        if by_file == (s3_uri is not None) or (s3_uri is not None and self.property_file is not None):
            found.add(
                "bad-json-get", "JsonGet reads a step's property file or an s3_uri", "give exactly one of the two"
            )
        found.raise_any()
        self.s3_uri = s3_uri if s3_uri is None or isinstance(s3_uri, Join) else Join("", [s3_uri])
        self.json_path = json_path

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
    type = "String"

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
