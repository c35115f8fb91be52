"""Making AWS what the template says.

In: the wanted stack, and a plan that was saved, if one was. Out: what was done. A stack is made and changed through
change sets alone, and one that is empty is the end of it: nothing is written then. The first deployment of a stack that
makes the bucket its own template goes through has two: the *ground* with the bucket, then all. Whatever was done is not
done again by a second run, which completes the first.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from dagwright.engines.aws.clients import Clients, aws_errors, error_code
from dagwright.engines.aws.following import Clock
from dagwright.engines.aws.objects import Objects
from dagwright.errors import AWSError, DagwrightError, UserError
from dagwright.stacks.change_sets import ChangeSet, ChangeSets
from dagwright.stacks.events import Event, Events, delete_stack
from dagwright.stacks.failures import explained
from dagwright.stacks.plan import StackPlan, plan_of, plan_of_all, refuse_other
from dagwright.stacks.remote import RemoteStack, find_stack
from dagwright.stacks.wanted import InfraStack

_GOES_ON = "It goes on on AWS. When it has ended, the same command again completes it."
_LARGEST_CODE = 250 << 20  # of a function, unpacked (Lambda developer guide, "Lambda quotas")


class Observer(Protocol):
    """Who hears of a deployment while it happens."""

    def planned(self, plan: StackPlan) -> None:
        """This is about to be done."""

    def noted(self, line: str) -> None:
        """Something worth a line."""

    def happened(self, event: Event) -> None:
        """CloudFormation reports this."""


@dataclass
class Deployed:
    """What was done: the plan, and the change sets that were executed, in order."""

    plan: StackPlan
    change_sets: list[str] = field(default_factory=list)


class Upsert:
    """One deployment of one stack."""

    def __init__(self, stack: InfraStack, clients: Clients, clock: Clock, observer: Observer) -> None:
        self._stack = stack
        self._clients = clients
        self._clock = clock
        self._observer = observer
        self._change_sets = ChangeSets(clients, stack, clock)
        self._objects = Objects(clients, stack.upload_key)
        self._executed: list[str] = []

    def run(self, saved: StackPlan | None = None) -> Deployed:
        """Do what the saved plan says, or what there is to do now.

        Raises UserError for what is not to be touched, AWSError if it fails: with the resource that failed first.
        """
        remote = find_stack(self._clients, self._stack.name)
        refuse_other(self._stack, remote)
        if remote.state == "leftover":
            self._observer.noted(f"{self._stack.name} is {remote.status}: {remote.why}. It is deleted first")
            delete_stack(self._clients, remote.id, self._clock)
        if remote.state in ("absent", "leftover"):
            plan = saved or plan_of_all(self._stack, remote)
            self._create(plan)
        else:
            plan = saved or self._compared(remote)
            self._update(plan, was_read=saved is not None)
        if plan.gains_protection:
            self._protect()
        return Deployed(plan, self._executed)

    def _compared(self, remote: RemoteStack) -> StackPlan:
        found = self._change_sets.make("UPDATE")
        if found.is_empty:
            self._change_sets.delete(found)
        return plan_of(self._stack, remote, found)

    def _create(self, plan: StackPlan) -> None:
        stack = self._stack
        self._observer.planned(plan)
        if stack.needs_bucket and not self._has_bucket():
            if stack.ground is None:
                what = f"There is no bucket {stack.bucket}, through which the template of {stack.name} goes"
                raise UserError(what, hint="Create it, or let the stack make it: infra.bucket: create.")
            count = len(stack.ground["Resources"])
            self._observer.noted(f"first of two: the bucket that the rest goes through ({count} resources)")
            self._execute(self._change_sets.make("CREATE", stack.ground), f"Making the bucket of {stack.name}")
            self._observer.noted("second of two: everything else")
            self._upload()
            self._execute(self._change_sets.make("UPDATE"), f"Making {stack.name}")
        else:
            self._upload()
            self._execute(self._change_sets.make("CREATE"), f"Making {stack.name}")

    def _update(self, plan: StackPlan, *, was_read: bool) -> None:
        change_set = plan.change_set
        if change_set is None:
            if plan.has_changes:
                self._observer.planned(plan)
            return
        refused = [one for one in plan.refusals if not (one.unless_read and was_read)]
        if refused:
            if not was_read:
                self._change_sets.delete(change_set)
            problems = [one.as_problem() for one in refused]
            raise UserError(f"{self._stack.name} holds what is protected; nothing was changed", problems)
        self._observer.planned(plan)
        self._upload()
        self._execute(change_set, f"Changing {self._stack.name}")

    def _execute(self, change_set: ChangeSet, during: str) -> None:
        """Execute it and follow it to its end; an empty one is deleted."""
        if change_set.is_empty:
            self._change_sets.delete(change_set)
            return
        events = Events(self._clients, change_set.stack_id, self._clock)
        self._change_sets.execute(change_set)
        self._executed.append(change_set.arn)
        try:
            told = events.follow(self._observer.happened)
        except KeyboardInterrupt:
            raise DagwrightError(f"{during} is not watched any more", hint=_GOES_ON) from None
        except AWSError as error:
            raise AWSError(error.message, error.problems, f"{error.hint} {_GOES_ON}".lstrip()) from error
        if told[-1].status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            raise explained(self._stack, told, during)

    def _upload(self) -> None:
        for asset in self._stack.assets:
            uri = f"s3://{self._stack.bucket}/{asset.key}"
            if not self._objects.exists(uri) or self._objects.read(uri, _LARGEST_CODE) != asset.content:
                self._objects.put(asset.content, uri)
                self._observer.noted(f"uploaded {uri}")

    def _has_bucket(self) -> bool:
        try:
            with aws_errors(f"Whether there is a bucket {self._stack.bucket} cannot be seen"):
                self._clients("s3").head_bucket(Bucket=self._stack.bucket)
        except AWSError as error:
            if error_code(error) in ("404", "NoSuchBucket"):
                return False
            raise
        return True

    def _protect(self) -> None:
        with aws_errors(f"{self._stack.name} could not be protected against being deleted"):
            self._clients("cloudformation").update_termination_protection(
                StackName=self._stack.name, EnableTerminationProtection=True
            )
        self._observer.noted(f"{self._stack.name} is now protected against being deleted")
