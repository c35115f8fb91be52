"""Change sets: made, looked at with all their pages, executed, deleted.

In: an `InfraStack`. Out: a `ChangeSet`, which is what CloudFormation would do; an empty one if that is nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from dagwright.engines.aws.clients import Clients, aws_errors, error_code
from dagwright.engines.aws.following import Clock
from dagwright.engines.aws.objects import Objects
from dagwright.errors import AWSError, Problem
from dagwright.stacks.changes import ResourceChange, resource_changes
from dagwright.stacks.failures import hint_for
from dagwright.stacks.waiting import looks
from dagwright.stacks.wanted import MOST_IN_S3, InfraStack, compact

Kind = Literal["CREATE", "UPDATE"]

# There is no code for it: a change set without a change has failed, and only its reason tells.
_NOTHING = re.compile("didn't contain changes|No updates are to be performed", re.IGNORECASE)
_PREPARING = ("CREATE_PENDING", "CREATE_IN_PROGRESS")
_MISSING = "ChangeSetNotFound"


@dataclass(frozen=True)
class ChangeSet:
    """What CloudFormation would do. `execution` is its ExecutionStatus: AVAILABLE, OBSOLETE, EXECUTE_COMPLETE, …"""

    arn: str
    stack_id: str
    status: str
    execution: str
    reason: str
    changes: tuple[ResourceChange, ...]

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to execute."""
        return self.status == "FAILED" and _NOTHING.search(self.reason) is not None


class ChangeSets:
    """The change sets of one stack."""

    def __init__(self, clients: Clients, stack: InfraStack, clock: Clock) -> None:
        self._clients = clients
        self._stack = stack
        self._clock = clock

    def make(self, kind: Kind, template: Mapping[str, Any] | None = None) -> ChangeSet:
        """One of the stack's template, or of a part of it, as it is when CloudFormation has prepared it.

        Raises AWSError if it cannot be made: nothing of it is left behind then.
        """
        import uuid

        name, own_name = self._stack.name, f"dagwright-{uuid.uuid4().hex}"
        with aws_errors(f"No change set of {name} could be made"):
            answer = self._clients("cloudformation").create_change_set(
                StackName=name,
                ChangeSetName=own_name,
                ClientToken=own_name,  # botocore's own retries are the same request
                ChangeSetType=kind,
                IncludeNestedStacks=False,
                Capabilities=["CAPABILITY_NAMED_IAM"],
                Tags=[{"Key": key, "Value": value} for key, value in self._stack.all_tags.items()],
                **self._template(template),
                # what is there under its name, and is kept, is taken over: log groups that jobs have made, a bucket
                ImportExistingResources=True,
            )
        return self._prepared(answer["Id"], kind)

    def find(self, arn: str) -> ChangeSet | None:
        """The change set as it is now, with all its changes; None if it is gone. Raises AWSError."""
        try:
            what = f"The change set {arn} cannot be seen"
            arguments = {"ChangeSetName": arn, "IncludePropertyValues": True}
            pages = [*self._clients.pages(what, "cloudformation", "describe_change_set", **arguments)]
        except AWSError as error:
            if error_code(error) == _MISSING:
                return None
            raise
        first = pages[0]
        return ChangeSet(
            arn=first.get("ChangeSetId", arn),
            stack_id=first.get("StackId", ""),
            status=first["Status"],
            execution=first.get("ExecutionStatus", ""),
            reason=first.get("StatusReason", ""),
            changes=resource_changes(change for page in pages for change in page.get("Changes", [])),
        )

    def execute(self, change_set: ChangeSet) -> None:
        """Begin it. Raises AWSError."""
        import uuid

        with aws_errors(f"The change set of {self._stack.name} could not be executed"):
            self._clients("cloudformation").execute_change_set(
                ChangeSetName=change_set.arn, ClientRequestToken=f"dagwright-{uuid.uuid4().hex}"
            )

    def delete(self, change_set: ChangeSet) -> None:
        """Raises AWSError."""
        with aws_errors(f"The change set {change_set.arn} could not be deleted"):
            self._clients("cloudformation").delete_change_set(ChangeSetName=change_set.arn)

    def _template(self, part: Mapping[str, Any] | None) -> dict[str, str]:
        """The template as an argument; one that is too long is put into the bucket first."""
        stack = self._stack
        if part is not None or not stack.goes_through_s3:
            return {"TemplateBody": stack.body if part is None else compact(part)}
        if len(stack.body) > MOST_IN_S3:
            what = f"The template of {stack.name} has {len(stack.body)} bytes; CloudFormation takes {MOST_IN_S3}"
            raise AWSError(what, hint="Make pipelines, schedules or alarms fewer, or split the project.")
        objects, content = Objects(self._clients, stack.upload_key), stack.body.encode()
        # that its hash is the name of what lies there does not say that it is what lies there
        if not objects.exists(stack.template_uri) or objects.read(stack.template_uri, MOST_IN_S3) != content:
            objects.put(content, stack.template_uri)
        return {"TemplateURL": stack.template_url}

    def _prepared(self, arn: str, kind: Kind) -> ChangeSet:
        for status in looks(lambda: self._status(arn), self._clock, lambda seen: seen):
            if status not in _PREPARING:
                break
        found = self.find(arn)
        if found is None:
            raise AWSError(f"The change set of {self._stack.name} is gone before it was ready", hint="Try again.")
        if found.status == "FAILED" and not found.is_empty:
            problems = [*self._reasons(found)]
            self.delete(found)
            if kind == "CREATE":
                self._delete_shell(found.stack_id)
            what = f"CloudFormation refuses the template of {self._stack.name}: {found.reason}"
            raise AWSError(what, problems, hint_for(found.reason, self._stack.bucket))
        return found

    def _status(self, arn: str) -> str:
        with aws_errors(f"The change set {arn} cannot be seen"):
            return str(self._clients("cloudformation").describe_change_set(ChangeSetName=arn)["Status"])

    def _reasons(self, failed: ChangeSet) -> Iterator[Problem]:
        """What CloudFormation's checks before a deployment say of single resources; they are told as events alone."""
        client = self._clients("cloudformation")
        if not hasattr(client, "describe_events"):  # botocore before 1.41
            return
        try:
            with aws_errors("Its events cannot be seen"):
                events = client.describe_events(ChangeSetName=failed.arn, Filters={"FailedEvents": True})
        except AWSError:  # a reason more would be good to have, and its absence is no other failure
            return
        for event in events.get("OperationEvents", []):
            reason = event.get("ValidationStatusReason") or event.get("ResourceStatusReason") or ""
            if reason and event.get("LogicalResourceId"):
                place = f"{event['LogicalResourceId']} ({event.get('ResourceType', '')})"
                hint = hint_for(reason, self._stack.bucket)
                yield Problem("refused", reason, hint, step=place, field=event.get("ValidationPath", ""))

    def _delete_shell(self, stack_id: str) -> None:
        """A change set that creates has made an empty stack first, which nobody needs."""
        with aws_errors(f"The empty stack {self._stack.name} could not be deleted"):
            self._clients("cloudformation").delete_stack(StackName=stack_id)
