"""State machines in Step Functions: what one is to be, and the calls that read, make, change and delete it.

In: what a project wants. Out: requests of Step Functions, and what it has under a name. A machine's comment ends with
the S3 address of the pipeline definition that it was made of: by that the two are compared step by step, whoever looks.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from dagwright.definition.diff import Difference, compare
from dagwright.definition.diff_secrets import hidden
from dagwright.definition.graph import Graph, examine_definition
from dagwright.engines.aws.clients import Clients, aws_errors, is_absent
from dagwright.engines.aws.remote import Deployed
from dagwright.engines.aws.service import Done, Held
from dagwright.engines.aws.wanted import Comparison, Destination, Wanted, WantedObject
from dagwright.engines.stepfunctions.state_changes import state_changes
from dagwright.errors import AWSError, DefinitionError

_SOURCE = re.compile(r"s3://\S+\.json(?=[\s,]|$)")


@dataclass(frozen=True)
class WantedMachine(Wanted):
    """A pipeline for Step Functions: `machine` is its state machine's text, `log_group` the ARN of where it logs.

    What it runs with stands in no log: parameters and results of jobs may be secret.
    """

    machine: str = ""
    log_group: str = ""

    @property
    def settings(self) -> dict[str, Any]:
        group = {"cloudWatchLogsLogGroup": {"logGroupArn": f"{self.log_group}:*"}}
        return {
            "roleArn": self.role,
            "loggingConfiguration": {"destinations": [group], "level": "ERROR", "includeExecutionData": False},
            "tracingConfiguration": {"enabled": True},
        }

    @property
    def rendered(self) -> str:
        return self.machine

    @cached_property
    def compared(self) -> Mapping[str, Any]:
        return comparable(self.machine)

    def compare(self, deployed: Deployed, read: Callable[[str], str]) -> Comparison:
        if not deployed.arn:
            difference = compare(*hidden(examine_definition("{}")[0], self.graph))
            return Comparison(True, Difference(steps=difference.steps))
        old = comparable(deployed.text)
        if old == self.compared:
            return Comparison(False, Difference())
        before = self._graph_before(source_in(old.get("Comment")), read)
        difference = compare(*hidden(before, self.graph)) if before else Difference()
        types = {name: step.type for name, step in self.graph.steps.items()}
        # changed by hand, or compiled in another way
        others = state_changes(old, self.compared, types, work_only=bool(difference))
        told = {step.name for step in difference.steps}
        more = (step for step in others.steps if step.name not in told)
        return Comparison(True, Difference((*difference.fields, *others.fields), (*difference.steps, *more)))

    def _graph_before(self, source: str, read: Callable[[str], str]) -> Graph | None:
        """What the deployed machine was made of; None if that is not known any more."""
        if source == source_in(self.compared.get("Comment")):
            return self.graph
        try:
            return examine_definition(read(source))[0] if source else None
        except DefinitionError:
            return None

    def stored_definition(self, destination: Destination) -> WantedObject | None:
        return None


def source_in(comment: Any) -> str:
    """The address of the pipeline definition that a machine's comment names; empty if there is none."""
    found = _SOURCE.findall(comment) if isinstance(comment, str) else []
    return str(found[-1]) if found else ""


def comparable(text: str) -> dict[str, Any]:
    """A machine as JSON; of its comment only where it came from, since every commit is in it. Empty if unreadable."""
    try:
        machine = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(machine, dict):
        return {}
    return {**machine, "Comment": source_in(machine.get("Comment"))}


class StateMachines:
    """The state machines of one account and Region."""

    def __init__(self, clients: Clients, destination: Destination) -> None:
        self._clients = clients
        self._destination = destination

    def read(self, name: str) -> Held | None:
        try:
            with aws_errors(f"The state machine {name} cannot be described"):
                found = self._states.describe_state_machine(stateMachineArn=self._destination.arn(name))
        except AWSError as error:
            if is_absent(error):
                return None
            raise
        if found.get("status") == "DELETING":  # it is gone for all but one that would have its name
            return None
        names = ("roleArn", "loggingConfiguration", "tracingConfiguration")
        return Held(found["stateMachineArn"], found["definition"], {key: found[key] for key in names if key in found})

    def candidates(self) -> Iterator[tuple[str, str]]:
        what = "The state machines of the account cannot be listed"
        for page in self._clients.pages(what, "stepfunctions", "list_state_machines"):
            for summary in page["stateMachines"]:
                if summary["name"].startswith(self._destination.prefix):
                    yield summary["name"], summary["stateMachineArn"]

    def tags(self, arn: str) -> dict[str, str]:
        return machine_tags(self._clients, arn)

    def create(self, wanted: Wanted, stored: WantedObject | None) -> Done:
        name = wanted.deployed_name
        with aws_errors(f"The state machine {name} could not be created"):
            answer = self._states.create_state_machine(
                name=name, type="STANDARD", tags=tag_list(wanted.tags), **_request(wanted)
            )
        return _done("CreateStateMachine", name, answer["stateMachineArn"], answer)

    def update(self, wanted: Wanted, stored: WantedObject | None) -> Done:
        name = wanted.deployed_name
        arn = self._destination.arn(name)
        with aws_errors(f"The state machine {name} could not be updated"):
            answer = self._states.update_state_machine(stateMachineArn=arn, **_request(wanted))
        return _done("UpdateStateMachine", name, arn, answer)

    def add_tags(self, name: str, arn: str, tags: Mapping[str, str]) -> Done:
        with aws_errors(f"The tags of {name} could not be changed"):
            self._states.tag_resource(resourceArn=arn, tags=tag_list(tags))
        return Done("TagResource", name, arn)

    def delete(self, name: str, arn: str) -> Done:
        with aws_errors(f"The state machine {name} could not be deleted"):
            self._states.delete_state_machine(stateMachineArn=arn)
        return Done("DeleteStateMachine", name, arn)

    @property
    def _states(self) -> Any:
        return self._clients("stepfunctions")


def machine_tags(clients: Clients, arn: str) -> dict[str, str]:
    """The tags of a state machine. Raises AWSError."""
    with aws_errors(f"The tags of {arn} cannot be listed"):
        answer = clients("stepfunctions").list_tags_for_resource(resourceArn=arn)
    return {tag["key"]: tag["value"] for tag in answer["tags"]}


def _request(wanted: Wanted) -> dict[str, Any]:
    """What CreateStateMachine and UpdateStateMachine share."""
    said = {"versionDescription": f"commit {wanted.commit}"} if wanted.commit else {}
    return {"definition": wanted.rendered, "publish": True, **wanted.settings, **said}


def _done(operation: str, name: str, arn: str, answer: Mapping[str, Any]) -> Done:
    """What was done, with the version that it made: the number at the end of that one's ARN."""
    member = "stateMachineVersionArn"
    number = str(answer.get(member, "")).rpartition(":")[2]
    if not number.isdigit():
        return Done(operation, name, arn)
    return Done(operation, name, arn, int(number), {member: answer[member]})


def tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Tags as Step Functions takes them."""
    return [{"key": key, "value": value} for key, value in tags.items()]
