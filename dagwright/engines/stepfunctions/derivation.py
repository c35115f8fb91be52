"""Makes state machines of some of a pipeline's steps: the rest of an execution, or a part that was chosen.

In: the machine of all steps, which of them are to run, and the results of others. Out: the machine, ready to be
started. It has the role, the logs and the tags of the machine of all, so that it is the same project's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from dagwright.definition.graph import Graph
from dagwright.engines.aws.clients import Clients, aws_errors, is_absent
from dagwright.engines.aws.finding import Names
from dagwright.engines.aws.ownership import PART, REST
from dagwright.engines.execution import SUCCEEDED, StepRun
from dagwright.engines.part_results import outcome_of
from dagwright.engines.stepfunctions.compiler.machine import compile_machine
from dagwright.engines.stepfunctions.compiler.settings import MachineSettings
from dagwright.engines.stepfunctions.derived import PART_SUFFIX, REST_SUFFIX, derived_name
from dagwright.engines.stepfunctions.executions import Executions
from dagwright.engines.stepfunctions.state_machines import machine_tags, source_in, tag_list
from dagwright.errors import AWSError, ConfigurationError
from dagwright.marks import ENVIRONMENT, PIPELINE, PROJECT

_MARKS = {REST_SUFFIX: REST, PART_SUFFIX: PART}


class Place(Names, Protocol):
    """The project's names, and the role of jobs that name none."""

    @property
    def role(self) -> str: ...


@dataclass(frozen=True)
class Derived:
    """A machine to be made beside the machine `original`: `suffix` is added to its name, `comment` to its comment.

    `known`, `chosen` and `execution` are those of MachineSettings.
    """

    original: str
    suffix: str
    comment: str
    known: Mapping[str, Mapping[str, Any]]
    execution: Mapping[str, str]
    chosen: tuple[str, ...] | None = None


class Derivation:
    """Makes such machines. Every call raises AWSError."""

    def __init__(self, clients: Clients, executions: Executions, place: Place) -> None:
        self._clients = clients
        self._executions = executions
        self._place = place

    def name(self, original: str, suffix: str) -> str:
        """What the machine is called."""
        return derived_name(original, suffix, self._place)

    def make(self, wanted: Derived, graph: Graph, made_of: Mapping[str, Any]) -> str:
        """Make or change the machine of these steps of a pipeline; the ARN of its version to be started.

        `made_of` is a machine that was made of the pipeline, whose comment says where its definition lies. Raises
        DefinitionError.
        """
        original = self._described(wanted.original)
        tags = machine_tags(self._clients, original["stateMachineArn"])
        settings = self._settings(wanted, tags)
        compiled = compile_machine(graph, replace(settings, source=source_in(made_of.get("Comment"))))
        comment = f"{compiled.definition['Comment']}{wanted.comment}"
        text = replace(compiled, definition={**compiled.definition, "Comment": comment}).text
        own = {**tags, PIPELINE: f"{_MARKS[wanted.suffix]}{tags.get(PIPELINE, '')}"}
        return self._put(settings.name, text, original, own)

    def _settings(self, wanted: Derived, tags: Mapping[str, str]) -> MachineSettings:
        place = self._place
        try:
            is_ours = wanted.original == place.pipeline_name(tags.get(PIPELINE, ""))
        except ConfigurationError:  # it came out of a file, or nobody knows from where
            is_ours = False
        of_all = {"PipelineName": wanted.original, "PipelineArn": self._executions.machine_arn(wanted.original)}
        return MachineSettings(
            name=self.name(wanted.original, wanted.suffix),
            partition=place.partition,
            region=place.region,
            account_id=place.account_id,
            job_prefix=place.model_package_group if is_ours else "",
            role=place.role,
            known=wanted.known,
            chosen=wanted.chosen,
            execution={**of_all, **wanted.execution},
        )

    def _described(self, name: str) -> dict[str, Any]:
        with aws_errors(f"The state machine {name} cannot be described"):
            arn = self._executions.machine_arn(name)
            found: dict[str, Any] = self._clients("stepfunctions").describe_state_machine(stateMachineArn=arn)
        return found

    def _put(self, name: str, text: str, original: Mapping[str, Any], tags: Mapping[str, str]) -> str:
        """Create or update the machine, with the role and the logs of the original; the ARN of the version made."""
        request = {"definition": text, "publish": True, "roleArn": original["roleArn"]}
        for setting in ("loggingConfiguration", "tracingConfiguration"):
            if setting in original:
                request[setting] = original[setting]
        states = self._clients("stepfunctions")
        try:
            arn = self._described(name)["stateMachineArn"]
        except AWSError as error:
            if not is_absent(error):
                raise
            with aws_errors(f"The state machine {name} could not be created"):
                made = states.create_state_machine(name=name, type="STANDARD", tags=tag_list(tags), **request)
        else:
            found = machine_tags(self._clients, arn)
            if any(found.get(key) != tags.get(key) for key in (PROJECT, ENVIRONMENT, PIPELINE)):
                raise AWSError(f"The state machine {name} is another's", hint="Rename it, and do this again.")
            with aws_errors(f"The state machine {name} could not be updated"):
                made = states.update_state_machine(stateMachineArn=arn, **request)
        return str(made["stateMachineVersionArn"])


def is_settled(step: StepRun) -> bool:
    """Whether a step need not run again: it has succeeded, and a condition has said to what it has come."""
    return step.status == SUCCEEDED and not (step.type == "Condition" and outcome_of(step) is None)


def result_of(step: StepRun) -> Mapping[str, Any]:
    """What other steps read of a step. Raises AWSError if that is not to be had any more."""
    if step.type == "Condition":
        return {"Outcome": outcome_of(step)}
    if step.output is None:
        what = f"What the step {step.name} gave cannot be read any more, and the steps after it need it"
        raise AWSError(what, hint="Run that step again, or the whole pipeline.")
    return step.output
