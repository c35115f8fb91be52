"""The rest of an execution that failed: a state machine of its own, made of the steps that have not succeeded.

In: an execution. Out: the machine, ready to be started. What succeeded stands in it as a result, and it has the
execution variables of the first execution, so that it reads and writes at the same addresses.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Protocol

from dagwright.engines.aws.clients import Clients, aws_errors, is_absent
from dagwright.engines.aws.finding import Names
from dagwright.engines.aws.ownership import REST
from dagwright.engines.execution import SUCCEEDED, Execution, StepRun
from dagwright.engines.stepfunctions.compiler.machine import compile_machine
from dagwright.engines.stepfunctions.compiler.settings import MachineSettings
from dagwright.engines.stepfunctions.executions import REST_SUFFIX, RESUMED, Executions, resumed_from
from dagwright.engines.stepfunctions.limits import longest_name
from dagwright.engines.stepfunctions.state_machines import machine_tags, source_in, tag_list
from dagwright.errors import AWSError, ConfigurationError
from dagwright.marks import ENVIRONMENT, PIPELINE, PROJECT


class Place(Names, Protocol):
    """The project's names, and the role of jobs that name none."""

    @property
    def role(self) -> str: ...


class Resumption:
    """Makes such machines. Every call raises AWSError."""

    def __init__(self, clients: Clients, executions: Executions, place: Place) -> None:
        self._clients = clients
        self._executions = executions
        self._place = place

    def name(self, execution: Execution) -> str:
        """What the machine is called: `rc-churn-training-rest-dev`."""
        if resumed_from(self._executions.machine(execution.arn)):
            return execution.pipeline
        after = self._place.pipeline_name("pipeline").rpartition("pipeline")[2]
        ending = f"{REST_SUFFIX}{after}"
        return execution.pipeline.removesuffix(after)[: longest_name() - len(ending)] + ending

    def prepare(self, execution: Execution, complete: Callable[[Execution], None]) -> tuple[list[str], str]:
        """Make or change the machine; the steps that need not run again, and the ARN of its version to be started.

        `complete` adds to the steps what they gave. Raises DefinitionError.
        """
        machine, graph = self._executions.machine(execution.arn), self._executions.graph(execution.arn)
        first, known = self._known(execution, complete)
        original = self._described(first.pipeline)
        tags = machine_tags(self._clients, original["stateMachineArn"])
        settings = self._settings(self.name(execution), first, tags)
        compiled = compile_machine(graph, replace(settings, known=known, source=source_in(machine.get("Comment"))))
        comment = f"{compiled.definition['Comment']}{RESUMED}{execution.arn}"
        text = replace(compiled, definition={**compiled.definition, "Comment": comment}).text
        return [*known], self._put(settings.name, text, original, tags)

    def _known(
        self, execution: Execution, complete: Callable[[Execution], None]
    ) -> tuple[Execution, dict[str, Mapping[str, Any]]]:
        """The execution that all began with, and what every step gave that has succeeded since."""
        line = [execution]
        while before := resumed_from(self._executions.machine(line[-1].arn)):
            line.append(self._executions.read(before))
        known: dict[str, Mapping[str, Any]] = {}
        for one in reversed(line):
            complete(one)
            known.update((step.name, _result(step)) for step in one.steps.values() if _is_settled(step))
        return line[-1], known

    def _settings(self, name: str, first: Execution, tags: Mapping[str, str]) -> MachineSettings:
        place = self._place
        try:
            is_ours = first.pipeline == place.pipeline_name(tags.get(PIPELINE, ""))
        except ConfigurationError:  # it came out of a file, or nobody knows from where
            is_ours = False
        return MachineSettings(
            name=name,
            partition=place.partition,
            region=place.region,
            account_id=place.account_id,
            job_prefix=place.model_package_group if is_ours else "",
            role=place.role,
            execution={
                "PipelineName": first.pipeline,
                "PipelineArn": self._executions.machine_arn(first.pipeline),
                "PipelineExecutionId": first.id,
                "PipelineExecutionArn": first.arn,
                "StartDateTime": first.started,
            },
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
            own = {**tags, PIPELINE: f"{REST}{tags.get(PIPELINE, '')}"}
            with aws_errors(f"The state machine {name} could not be created"):
                made = states.create_state_machine(name=name, type="STANDARD", tags=tag_list(own), **request)
        else:
            found = machine_tags(self._clients, arn)
            if any(found.get(key) != tags.get(key) for key in (PROJECT, ENVIRONMENT)):
                raise AWSError(f"The state machine {name} is another's", hint="Rename it, and resume again.")
            with aws_errors(f"The state machine {name} could not be updated"):
                made = states.update_state_machine(stateMachineArn=arn, **request)
        return str(made["stateMachineVersionArn"])


def _is_settled(step: StepRun) -> bool:
    """Whether a step need not run again: it has succeeded, and a condition has said to what it has come."""
    is_silent = step.type == "Condition" and "Outcome" not in step.metadata.get("Condition", {})
    return step.status == SUCCEEDED and not is_silent


def _result(step: StepRun) -> Mapping[str, Any]:
    """What other steps read of a step. Raises AWSError if that is not to be had any more."""
    if step.type == "Condition":
        return {"Outcome": step.metadata.get("Condition", {}).get("Outcome") == "True"}
    if step.output is None:
        what = f"What the step {step.name} gave cannot be read any more, and the steps after it need it"
        raise AWSError(what, hint="Run the whole pipeline again.")
    return step.output
