"""Doing what a plan says, in the order in which a failure at any call leaves the old pipeline working.

In: a plan and what is wanted. Out: what was done, call by call. Code comes first, at addresses that nothing reads yet;
then the definition, in one call; then the schedules, which may name parameters that the definition has just got; what
is to be deleted comes last. Whatever was done is not done again by a second run, which completes the first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from dagwright.engines.aws.clients import Clients, aws_errors, error_code
from dagwright.engines.aws.objects import Objects
from dagwright.engines.aws.plan import Orphan, PipelinePlan, Plan, SchedulePlan
from dagwright.engines.aws.remote import Remote
from dagwright.engines.aws.schedules import declared, request, schedule_fingerprint, switched_off
from dagwright.engines.aws.service import Done, Service, pairs
from dagwright.engines.aws.wanted import Destination, Wanted
from dagwright.errors import AWSError, Problem, UserError
from dagwright.marks import ENVIRONMENT, PROJECT


def refuse_others(plan: Plan, *, adopting: bool) -> None:
    """Raises UserError for pipelines that are another's, and, unless `adopting`, for those that are nobody's yet."""
    problems, thing = [], plan.destination.thing
    for one in plan.pipelines:
        if one.belongs_to:
            what = f"the {thing} {one.deployed_name} on AWS belongs to {one.belongs_to}"
            hint = f"rename one of the two, or take the tags {PROJECT} and {ENVIRONMENT} from it"
            problems.append(Problem("belongs-to-another", what, hint))
        elif one.adopts and not adopting:
            what = f"the {thing} {one.deployed_name} is on AWS already, and nothing says that it is this project's"
            hint = "to take it over: plan --out FILE, read what would change, then upsert --plan FILE"
            problems.append(Problem("not-ours-yet", what, hint))
    if problems:
        raise UserError("Not everything here is this project's to change; nothing was changed", problems)


class Upsert:
    """One execution of one plan. `say` hears of every change as soon as it is made."""

    def __init__(
        self,
        destination: Destination,
        clients: Clients,
        service: Service,
        remote: Remote,
        objects: Objects,
        say: Callable[[Done], None],
    ) -> None:
        self._destination = destination
        self._clients = clients
        self._service = service
        self._remote = remote
        self._objects = objects
        self._say = say
        self._new_group = ""

    def run(self, plan: Plan, wanted: Sequence[Wanted], *, prune: bool) -> None:
        """Make AWS what the plan says. Raises AWSError at the first call that fails, or if AWS has moved."""
        by_name = {one.deployed_name: one for one in wanted}
        doomed = {one.name for one in plan.orphans} if prune else set()
        self._new_group = plan.new_group
        for one in plan.pipelines:
            self._upsert(one, by_name[one.deployed_name], doomed)
        for orphan in plan.orphans if prune else ():
            self._delete(orphan)

    def _upsert(self, plan: PipelinePlan, wanted: Wanted, doomed: set[str]) -> None:
        for missing in plan.code:
            self._objects.put(missing.content(), missing.uri)
            self._say(Done("PutObject", missing.uri))
        schedules = [one for one in plan.schedules if one.name not in doomed]
        if plan.action == "keep" and not plan.tags and not schedules:
            return
        deployed = self._remote.pipeline(plan.deployed_name)
        if deployed.fingerprint != plan.seen:
            raise _moved(plan.deployed_name)
        arn = self._put_pipeline(plan, wanted)
        if plan.tags and plan.action != "create":
            tags = {one.path: one.new for one in plan.tags}
            self._say(self._service.add_tags(plan.deployed_name, arn, tags))
        if schedules and self._new_group:
            self._create_group(self._new_group)
            self._new_group = ""
        for schedule in schedules:
            self._put_schedule(schedule, wanted, arn, deployed.schedules)

    def _put_pipeline(self, plan: PipelinePlan, wanted: Wanted) -> str:
        """Create or update the pipeline itself, if the plan says so; its ARN."""
        if plan.action == "keep":
            return plan.arn
        put = self._service.create if plan.action == "create" else self._service.update
        done = put(wanted, wanted.stored_definition(self._destination))
        self._say(done)
        return done.arn

    def _create_group(self, name: str) -> None:
        given = {key: value for key, value in self._destination.tags.items() if value}
        tags = pairs(given | self._destination.owner.group_tags())
        try:
            with aws_errors(f"The schedule group {name} could not be created"):
                answer = self._clients("scheduler").create_schedule_group(Name=name, Tags=tags)
        except AWSError as error:
            if error_code(error) != "ConflictException":  # somebody else was faster
                raise
        else:
            self._say(Done("CreateScheduleGroup", name, answer["ScheduleGroupArn"]))

    def _put_schedule(
        self, plan: SchedulePlan, wanted: Wanted, arn: str, deployed: Mapping[str, Mapping[str, Any]]
    ) -> None:
        if plan.action == "disable":
            members = switched_off(deployed[plan.name])
        else:
            members = request(declared(wanted)[plan.name], arn, self._destination)
        done = "CreateSchedule" if plan.action == "create" else "UpdateSchedule"
        client = self._clients("scheduler")
        put = client.create_schedule if plan.action == "create" else client.update_schedule
        with aws_errors(f"The schedule {plan.name} could not be {plan.action}d"):
            # botocore makes a token for each call, which its own retries share. One made of the content would let AWS
            # take the way back to an earlier schedule for the repetition of the way there.
            answer = put(Name=plan.name, GroupName=self._destination.schedule_group, **members)
        self._say(Done(done, plan.name, answer["ScheduleArn"]))

    def _delete(self, orphan: Orphan) -> None:
        """Delete what the plan found, if it is still the same; nothing if it has gone in the meantime."""
        deployed = self._remote.pipeline(orphan.pipeline)
        if orphan.kind == "schedule":
            members = deployed.schedules.get(orphan.name)
            if members is not None and schedule_fingerprint(members) != orphan.seen:
                raise _moved(orphan.name)
            if members is not None:
                self._delete_schedule(orphan.name)
        elif deployed.arn:
            if deployed.fingerprint != orphan.seen or not self._destination.owner.owns(deployed.tags):
                raise _moved(orphan.name)
            for name, members in deployed.schedules.items():
                if self._destination.owner.has_signed(members.get("Description", "")):
                    self._delete_schedule(name)
            self._say(self._service.delete(orphan.name, deployed.arn))

    def _delete_schedule(self, name: str) -> None:
        with aws_errors(f"The schedule {name} could not be deleted"):
            self._clients("scheduler").delete_schedule(Name=name, GroupName=self._destination.schedule_group)
        self._say(Done("DeleteSchedule", name))


def _moved(name: str) -> AWSError:
    return AWSError(f"{name} has changed on AWS since it was compared; it was left alone", hint="Plan again.")
