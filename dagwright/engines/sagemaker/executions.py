"""Executions as the service knows them, read by their ARN, or listed for one pipeline.

What comes in: an ARN, or a pipeline's name. What goes out: `Execution`s. Every call says what could not be done if AWS
refuses it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from dagwright.definition.graph import Graph, examine_definition
from dagwright.engines.aws.clients import Clients, aws_errors, is_absent, largest_page
from dagwright.engines.aws.finding import Identity, Names, Present
from dagwright.engines.aws.made import made_by, step_type
from dagwright.engines.aws.ownership import tags_of
from dagwright.engines.aws.responses import plain
from dagwright.engines.aws.statuses import is_over
from dagwright.engines.aws.wanted import deployed_arn
from dagwright.engines.execution import Execution, StepRun
from dagwright.errors import AWSError, UsageError
from dagwright.shapes import model

_WHOLE_ID = re.compile("[a-z0-9]{12}")  # as the service makes them


def identity_of(arn: str) -> Identity:
    """Raises UsageError for what is not the ARN of an execution."""
    pattern = model("sagemaker")["PipelineExecutionArn"]["pattern"]
    parts = arn.split("/")
    if not re.fullmatch(pattern, arn) or len(parts) != 4 or not (parts[1] and parts[3]):
        raise UsageError(f"'{arn}' is not the ARN of a pipeline execution")
    _, _, _, region, account, _ = parts[0].split(":")
    return Identity(arn, region, account, parts[1], parts[3])


class Executions:
    """What one account and Region has run. Raises AWSError."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def read(self, arn: str, parameters: Mapping[str, Any] | None = None) -> Execution:
        """One execution with its steps, and with its parameters unless they are known already.

        Raises UsageError if there is no such execution.
        """
        found = identity_of(arn)
        what = f"Execution {found.pipeline}/{found.id} cannot be read"
        answer = self._describe(found, what)
        if parameters is None:
            pages = self._pages(what, "list_pipeline_parameters_for_execution", PipelineExecutionArn=arn)
            listed = [item for page in pages for item in page["PipelineParameters"]]
            parameters = {item["Name"]: item["Value"] for item in listed}
        execution = _execution(found, answer, parameters)
        in_order = {"SortOrder": "Ascending", "MaxResults": largest_page()}
        for page in self._pages(what, "list_pipeline_execution_steps", PipelineExecutionArn=arn, **in_order):
            for step in map(_step, page["PipelineExecutionSteps"]):
                execution.steps[step.name] = step
        return execution

    def _describe(self, found: Identity, what: str) -> dict[str, Any]:
        try:
            with aws_errors(what):
                return plain(self._clients("sagemaker").describe_pipeline_execution(PipelineExecutionArn=found.arn))
        except AWSError as error:
            if is_absent(error):
                where = f"account {found.account_id}, {found.region}"
                raise UsageError(f"There is no execution {found.pipeline}/{found.id} in {where}") from error
            raise

    def graph(self, arn: str) -> Graph:
        """The definition that an execution runs."""
        with aws_errors("The definition of the execution cannot be read"):
            answer = self._clients("sagemaker").describe_pipeline_definition_for_execution(PipelineExecutionArn=arn)
        return examine_definition(answer["PipelineDefinition"])[0]

    def of(self, pipeline: str, wanted: int | None = None) -> Iterator[Execution]:
        """The executions of one pipeline without their steps, newest first, page after page as they are asked for; if
        no more than some are `wanted`, the pages are no larger."""
        size = min(wanted or largest_page(), largest_page())
        newest_first = {"SortBy": "CreationTime", "SortOrder": "Descending", "MaxResults": size}
        what = f"The executions of {pipeline} cannot be listed"
        for page in self._pages(what, "list_pipeline_executions", PipelineName=pipeline, **newest_first):
            for item in map(plain, page["PipelineExecutionSummaries"]):
                yield _summary(identity_of(item["PipelineExecutionArn"]), item)

    def deployed(self, what: str, prefix: str, is_own: Callable[[str], bool]) -> list[Present]:
        """The pipelines of the account with names that are own; `what` is the sentence for a refusal."""
        pages = self._pages(what, "list_pipelines", PipelineNamePrefix=prefix, MaxResults=largest_page())
        found = (plain(item) for page in pages for item in page["PipelineSummaries"])
        return [
            Present(item["PipelineName"], item["PipelineArn"], str(item.get("LastExecutionTime") or ""))
            for item in found
            if is_own(item["PipelineName"])
        ]

    def tags(self, arn: str) -> dict[str, str]:
        """The tags of a pipeline."""
        return tags_of(self._clients, arn)

    @property
    def page(self) -> int:
        """How many executions are in one answer."""
        return largest_page()

    def identity(self, arn: str) -> Identity:
        """Raises UsageError for what is not the ARN of an execution."""
        return identity_of(arn)

    def arn(self, names: Names, pipeline: str, identity: str) -> str:
        """The ARN of an execution by its id; empty for what is only the beginning of one."""
        if not _WHOLE_ID.fullmatch(identity):
            return ""
        place = deployed_arn("sagemaker", names.partition, names.region, names.account_id, pipeline)
        return f"{place}/execution/{identity}"

    def can_be_name(self, pipeline: str) -> bool:
        """Whether a pipeline can be called so."""
        return re.fullmatch(model("sagemaker")["PipelineName"]["pattern"], pipeline) is not None

    def _pages(self, what: str, operation: str, **arguments: Any) -> Iterator[Mapping[str, Any]]:
        return self._clients.pages(what, "sagemaker", operation, **arguments)


def _summary(found: Identity, answer: Mapping[str, Any]) -> Execution:
    return Execution(
        id=found.id,
        pipeline=found.pipeline,
        parameters={},
        status=answer["PipelineExecutionStatus"],
        failure_reason=answer.get("PipelineExecutionFailureReason", ""),
        started=answer["StartTime"],
        arn=found.arn,
    )


_EXECUTION_MEMBERS = ("PipelineExecutionArn", "PipelineExecutionStatus", "FailureReason")


def _execution(found: Identity, answer: Mapping[str, Any], parameters: Mapping[str, Any]) -> Execution:
    status = answer["PipelineExecutionStatus"]
    return Execution(
        id=found.id,
        pipeline=found.pipeline,
        parameters=parameters,
        status=status,
        failure_reason=answer.get("FailureReason", ""),
        started=answer["CreationTime"],
        ended=answer["LastModifiedTime"] if is_over(status) else "",
        arn=found.arn,
        more={name: value for name, value in answer.items() if name not in _EXECUTION_MEMBERS},
        link=_link(found, answer),
    )


def _link(found: Identity, answer: Mapping[str, Any]) -> str:
    """The execution in Studio: in the domain it was started from, if it was; else the door to all domains."""
    domain = answer.get("CreatedBy", {}).get("DomainId", "")
    if not found.arn.startswith("arn:aws:"):
        return ""
    if domain:
        page = f"pipelines/view/{found.pipeline}/executions/{found.id}/graph"
        return f"https://studio-{domain}.studio.{found.region}.sagemaker.aws/{page}"
    return f"https://{found.region}.console.aws.amazon.com/sagemaker/home?region={found.region}#/studio-landing"


_STEP_MEMBERS = ("StepName", "StepStatus", "FailureReason", "StartTime", "EndTime", "AttemptCount", "Metadata")


def _step(answer: Mapping[str, Any]) -> StepRun:
    item = plain(answer)
    metadata = item.get("Metadata", {})
    made = made_by(metadata)
    index = item.get("IterationContext", {}).get("Index")  # the steps inside a ForEach are there once for each item
    return StepRun(
        name=item["StepName"] if index is None else f"{item['StepName']}[{index}]",
        type=step_type(metadata),
        status=item.get("StepStatus", ""),
        failure_reason=item.get("FailureReason", ""),
        started=item.get("StartTime", ""),
        ended=item.get("EndTime", ""),
        attempts=item.get("AttemptCount", 1),
        metadata=metadata,
        job=made.name if made and made.kind.log_group else "",
        more={name: value for name, value in item.items() if name not in _STEP_MEMBERS},
    )
