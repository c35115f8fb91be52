"""`plan`: what an upsert would change on AWS, without changing it."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

from dagwright.cli import CHANGES, DONE, FAILED
from dagwright.cli.deployment import Deployment, deployment_of, say_problems
from dagwright.cli.engines import source_words, validate_command
from dagwright.cli.out import write_out
from dagwright.cli.plan_text import as_markdown, print_plan
from dagwright.cli.text import as_json


def run(arguments: Namespace) -> int:
    """Print it; 0 if there is nothing to change, 2 if there is, 1 if an upsert would refuse it."""
    deployment = deployment_of(arguments)
    say_problems(deployment, arguments)
    plan = deployment.plan()
    if arguments.out is not None:
        write_out(Path(arguments.out), f"{as_json(plan.as_json())}\n".encode())
    if arguments.json:
        errors = [problem.as_json() for problem in deployment.errors]
        print(as_json({**plan.as_json(), **({"errors": errors} if errors else {})}))
    elif arguments.markdown:
        sys.stdout.write(_warning(deployment, arguments) + as_markdown(plan))
    else:
        print_plan(plan)
    if deployment.errors or any(one.belongs_to for one in plan.pipelines):
        return FAILED
    return CHANGES if plan.has_changes else DONE


def _warning(deployment: Deployment, arguments: Namespace) -> str:
    """What a reader of the comment has to know first."""
    errors = len(deployment.errors)
    if not errors:
        return ""
    count = "An error keeps" if errors == 1 else f"{errors} errors keep"
    named = source_words(arguments, arguments.pipeline or "")
    look = validate_command(arguments, deployment.destination.engine, deployment.project, named)
    return f"**{count} this from being deployed**; `{look}` says more.\n\n"
