"""Executions of state machines, read by their ARN, or listed for one machine, in the service-neutral words.

What comes in: an ARN, or a machine's name. What goes out: `Execution`s with the steps of the pipeline that the machine
was made of, which lies in S3 where the machine's comment says. Every call says what could not be done.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from dagwright.definition.expression import render
from dagwright.definition.graph import Graph, examine_definition
from dagwright.definition.parameters import start_values
from dagwright.definition.slices import needs
from dagwright.engines.aws.clients import Clients, aws_errors, error_code, is_absent
from dagwright.engines.aws.finding import Identity, Names, Present
from dagwright.engines.aws.objects import Objects
from dagwright.engines.aws.responses import plain
from dagwright.engines.aws.wanted import LARGEST_DEFINITION, deployed_arn
from dagwright.engines.execution import EXECUTING, FAILED, STOPPED, SUCCEEDED, Execution, StepRun
from dagwright.engines.stepfunctions.compiler.readback import states_of
from dagwright.engines.stepfunctions.derived import PART_SUFFIX, REST_SUFFIX, part_in, resumed_from
from dagwright.engines.stepfunctions.events import Histories, json_object
from dagwright.engines.stepfunctions.limits import largest_page, longest_name
from dagwright.engines.stepfunctions.machine_steps import steps_in
from dagwright.engines.stepfunctions.state_machines import machine_tags, source_in
from dagwright.engines.stepfunctions.step_runs import reason_of, step_runs
from dagwright.errors import AWSError, DagwrightError, UsageError

#: What the service calls an execution's state -> what every engine does (a test compares the names with botocore's).
STATUSES: Mapping[str, str] = {
    "RUNNING": EXECUTING,
    "SUCCEEDED": SUCCEEDED,
    "FAILED": FAILED,
    "TIMED_OUT": FAILED,
    "ABORTED": STOPPED,
    "PENDING_REDRIVE": EXECUTING,
}
_ARN = re.compile(r"arn:aws[a-z-]*:states:([a-z0-9-]+):([0-9]{12}):execution:([^:]+):([^:]+)")
_NAME = re.compile("[A-Za-z0-9_-]+")  # the service takes other signs too; what is named after a pipeline has none
# As executions are named here, and as the service and the scheduler name those that nobody gives a name.
_WHOLE_ID = re.compile("[0-9]{8}T[0-9]{6}-[0-9a-f]{8}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_GONE = ("NoSuchKey", "NoSuchBucket")
# Who may not list the bucket hears this of an object that is gone as well.
_REFUSED = "AccessDenied"


class Executions:
    """What the state machines of one account and Region have run. Raises AWSError."""

    def __init__(self, clients: Clients, names: Names) -> None:
        self._clients = clients
        self._names = names
        self._objects = Objects(clients)
        self._histories = Histories(clients)
        self._machines: dict[str, dict[str, Any]] = {}
        self._graphs: dict[str, Graph] = {}
        self._unread: dict[str, str] = {}
        self._taken: dict[str, dict[str, StepRun]] = {}

    def read(self, arn: str, parameters: Mapping[str, Any] | None = None) -> Execution:
        """One execution with its steps. Raises UsageError if there is no such execution."""
        found = self.identity(arn)
        answer = self.described(found)
        machine, (graph, note) = self.machine(arn), self.known_graph(arn)
        execution = _execution(found, answer, parameters or _parameters(graph, answer.get("input", "")), machine)
        execution.note = note
        events = self._histories.of(arn)
        execution.steps.update(self._reused(arn, graph))
        execution.steps.update(step_runs(events, states_of(machine), graph, execution.ended))
        return execution

    def line_of(self, execution: Execution) -> list[Execution]:
        """An execution and those that it goes on from, with their steps, the first of all at the end."""
        line = [execution]
        while before := resumed_from(self.machine(line[-1].arn)):
            line.append(self.read(before))
        return line

    def _reused(self, arn: str, graph: Graph) -> dict[str, StepRun]:
        """The steps of which a part has taken the results from another execution, as they were there; without those
        that are not told any more."""
        part = part_in(self.machine(arn))
        if part is None or not part.source:
            return {}
        if arn not in self._taken:
            there: dict[str, StepRun] = {}
            try:
                for one in reversed(self.line_of(self.read(part.source))):
                    there.update(one.steps)
            except (UsageError, AWSError) as error:
                if isinstance(error, AWSError) and not is_absent(error):
                    raise
            more = {"SelectiveExecutionResult": {"SourcePipelineExecutionArn": part.source}}
            names = [name for name in needs(graph, part.chosen) if name in there]
            self._taken[arn] = {name: replace(there[name], more=more) for name in names}
        return {name: replace(run) for name, run in self._taken[arn].items()}

    def glance(self, arn: str) -> Execution:
        """One execution without its steps, in one call. Raises UsageError if there is no such execution."""
        found = self.identity(arn)
        return _execution(found, self.described(found), {}, {})

    def described(self, found: Identity) -> dict[str, Any]:
        """DescribeExecution. Raises UsageError if there is no such execution."""
        try:
            with aws_errors(f"Execution {found.pipeline}/{found.id} cannot be read"):
                return plain(self._clients("stepfunctions").describe_execution(executionArn=found.arn))
        except AWSError as error:
            if is_absent(error):
                where = f"account {found.account_id}, {found.region}"
                raise UsageError(f"There is no execution {found.pipeline}/{found.id} in {where}") from error
            raise

    def machine(self, arn: str) -> dict[str, Any]:
        """The machine that an execution runs."""
        if arn not in self._machines:
            with aws_errors("The state machine of the execution cannot be read"):
                answer = self._clients("stepfunctions").describe_state_machine_for_execution(executionArn=arn)
            self._machines[arn] = json_object(answer["definition"])
        return self._machines[arn]

    def graph(self, arn: str) -> Graph:
        """The pipeline definition that an execution runs. Raises AWSError if it is not to be had."""
        return self.graph_of(self.machine(arn), self.identity(arn).pipeline)

    def known_graph(self, arn: str) -> tuple[Graph, str]:
        """The same, or where it lies no more or may not be read, what the machine tells of it, and why no more."""
        if arn not in self._unread:
            try:
                return self.graph(arn), ""
            except AWSError as error:
                if error_code(error) not in (*_GONE, _REFUSED):
                    raise
                self._unread[arn] = f"{error.message}. The steps are told by the machine's own states."
        return steps_in(self.machine(arn)), self._unread[arn]

    def graph_of(self, machine: Mapping[str, Any], name: str) -> Graph:
        """The pipeline definition that a machine was made of.

        Raises AWSError if the machine does not say so, or if it is not to be had any more.
        """
        source = source_in(machine.get("Comment"))
        if not source:
            what = f"The state machine {name} does not say which pipeline it was made of"
            raise AWSError(what, hint="Only state machines that upsert has made are read step by step.")
        if source not in self._graphs:
            self._graphs[source] = examine_definition(self._definition(source, name))[0]
        return self._graphs[source]

    def _definition(self, source: str, name: str) -> bytes:
        try:
            return self._objects.read(source, LARGEST_DEFINITION)
        except AWSError as error:
            what = "The pipeline definition this machine was made of"
            if error_code(error) in _GONE:
                words = f"upsert {self._name_here(name)} --env {self._names.environment} --engine stepfunctions"
                hint = f"Deploy the pipeline again: deploy.py {words}"
                raise AWSError(f"{what} is gone: {source}", hint=hint) from error.__cause__
            if error_code(error) == _REFUSED:
                hint = "Ask for s3:GetObject and s3:ListBucket there; without the second it may be gone as well."
                raise AWSError(f"{what} may not be read: {source}", hint=hint) from error.__cause__
            raise

    def _name_here(self, name: str) -> str:
        """What a pipeline is called here whose machine, or the machine of some of its steps, is called so on AWS."""
        before, _, after = self._names.pipeline_name("pipeline").rpartition("pipeline")
        if not (name.startswith(before) and name.endswith(after)):
            return "PIPELINE"
        return name.removeprefix(before).removesuffix(after).removesuffix(REST_SUFFIX).removesuffix(PART_SUFFIX)

    # ---- what the finder asks ----

    @property
    def page(self) -> int:
        """How many executions are in one answer."""
        return largest_page()

    def identity(self, arn: str) -> Identity:
        """Raises UsageError for what is not the ARN of an execution."""
        match = _ARN.fullmatch(arn)
        if match is None:
            raise UsageError(f"'{arn}' is not the ARN of a state machine's execution")
        region, account, machine, name = match.groups()
        return Identity(arn, region, account, machine, name)

    def arn(self, names: Names, pipeline: str, identity: str) -> str:
        """The ARN of an execution by its id; empty for what is only the beginning of one."""
        if not _WHOLE_ID.fullmatch(identity):
            return ""
        return f"arn:{names.partition}:states:{names.region}:{names.account_id}:execution:{pipeline}:{identity}"

    def can_be_name(self, pipeline: str) -> bool:
        """Whether a state machine can be called so."""
        return len(pipeline) <= longest_name() and _NAME.fullmatch(pipeline) is not None

    def of(self, pipeline: str, wanted: int | None = None) -> Iterator[Execution]:
        """The executions of one machine without their steps, newest first, page after page as they are asked for."""
        size = min(wanted or self.page, self.page)
        what = f"The executions of {pipeline} cannot be listed"
        arn = self.machine_arn(pipeline)
        for page in self._clients.pages(what, "stepfunctions", "list_executions", stateMachineArn=arn, maxResults=size):
            for item in map(plain, page["executions"]):
                yield _summary(self.identity(item["executionArn"]), item)

    def deployed(self, what: str, prefix: str, is_own: Callable[[str], bool]) -> list[Present]:
        """The state machines with names that are own; `what` is the sentence for a refusal."""
        pages = self._clients.pages(what, "stepfunctions", "list_state_machines")
        own = [item for page in pages for item in page["stateMachines"] if is_own(item["name"])]
        return [Present(item["name"], item["stateMachineArn"], self._last(item["name"])) for item in own]

    def _last(self, name: str) -> str:
        """When a machine was started last; empty if never, or if it has gone since it was listed."""
        try:
            return next((item.started for item in self.of(name, 1)), "")
        except AWSError as error:
            if is_absent(error):
                return ""
            raise

    def tags(self, arn: str) -> dict[str, str]:
        """The tags of a state machine."""
        return machine_tags(self._clients, arn)

    def machine_arn(self, name: str) -> str:
        """The ARN of a machine of this name."""
        names = self._names
        return deployed_arn("stepfunctions", names.partition, names.region, names.account_id, name)


def _summary(found: Identity, answer: Mapping[str, Any]) -> Execution:
    status = STATUSES.get(answer["status"], answer["status"])
    stopped = answer.get("stopDate") or ""
    return Execution(found.id, found.pipeline, {}, status, started=answer["startDate"], ended=stopped, arn=found.arn)


def _execution(
    found: Identity, answer: Mapping[str, Any], parameters: Mapping[str, Any], machine: Mapping[str, Any]
) -> Execution:
    execution = _summary(found, answer)
    execution.parameters = parameters
    if execution.status == EXECUTING:
        execution.ended = ""
    elif answer["status"] == "TIMED_OUT":
        execution.failure_reason = "it took longer than the state machine allows"
    else:
        execution.failure_reason = _failure(answer.get("error") or "", answer.get("cause") or "")
    part = part_in(machine)
    more = {
        "PipelineArn": answer["stateMachineArn"],
        "RedriveCount": answer.get("redriveCount"),
        "ResumedPipelineExecutionArn": resumed_from(machine),
        "SelectiveExecutionConfig": part.as_json() if part else None,
    }
    execution.more = {name: value for name, value in more.items() if value}
    if found.arn.startswith("arn:aws:"):
        place = f"https://{found.region}.console.aws.amazon.com/states/home?region={found.region}"
        execution.link = f"{place}#/v2/executions/details/{found.arn}"
    return execution


def _failure(error: str, cause: str) -> str:
    """`Train: AlgorithmError: …`: the machine ends with a step's name as its error, and the cause of that."""
    return ": ".join(part for part in (error, reason_of("", cause)) if part)


def _parameters(graph: Graph, text: str) -> dict[str, str]:
    """All parameters as texts: what the execution was started with, and the defaults of the others."""
    given = json_object(text)
    try:
        values = start_values(graph, given)
    except DagwrightError:  # the machine has refused them
        return {name: json.dumps(value) for name, value in given.items()}
    return {name: render(value) for name, value in values.items()}
