"""`upsert`: makes AWS what the pipelines say, as the plan has it; nothing to do is nothing done."""

from __future__ import annotations

from argparse import Namespace

from dagwright.cli import DONE
from dagwright.cli.deployment import Deployment, deployment_of, say_problems
from dagwright.cli.engines import command, source_words
from dagwright.cli.plan_text import print_plan
from dagwright.cli.saved_plan import saved_text
from dagwright.cli.text import as_json
from dagwright.engines.aws.plan import Plan
from dagwright.engines.aws.saved_plan import engine_in, refuse_if_moved
from dagwright.engines.aws.service import Done
from dagwright.engines.aws.upsert import refuse_others
from dagwright.errors import AWSError, DefinitionError

_STANDS = "What was done stays done, and what was deployed before still works."
_AGAIN = "The same command again does the rest."
_NEW_PLAN = "For the rest make a new plan."
_WIDEST = len("CreateScheduleGroup")


def run(arguments: Namespace) -> int:
    """Print the plan, and every change as soon as it is made."""
    saved = saved_text(arguments)
    if saved is not None:
        arguments.engine = arguments.engine or engine_in(saved)
    deployment = deployment_of(arguments)
    if deployment.errors:
        raise DefinitionError("Nothing was deployed: there are errors to correct first", deployment.errors)
    say_problems(deployment, arguments)
    plan = deployment.plan()
    if saved is not None:
        refuse_if_moved(saved, plan)
    refuse_others(plan, adopting=saved is not None)
    if not arguments.json:
        print_plan(plan)
    done: list[Done] = []
    _carry_out(deployment, plan, done, arguments)
    if arguments.json:
        print(as_json({**plan.as_json(), "done": [one.as_json() for one in done]}))
        return DONE
    for one in plan.pipelines:
        if one.has_changes:
            print(f"run it: {command(arguments, f'run {source_words(arguments, one.name)}')}")
    return DONE


def _carry_out(deployment: Deployment, plan: Plan, done: list[Done], arguments: Namespace) -> None:
    def say(one: Done) -> None:
        done.append(one)
        if not arguments.json:
            version = f"  version {one.version}" if one.version else ""
            print(f"{one.operation:<{_WIDEST}}  {one.arn or one.name}{version}", flush=True)

    try:
        deployment.carry_out(plan, say, prune=arguments.prune)
    except AWSError as error:
        hint = f"{error.hint}\n{_STANDS} {_NEW_PLAN if arguments.plan else _AGAIN}".lstrip()
        raise AWSError(error.message, error.problems, hint) from error
