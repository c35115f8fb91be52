"""`render`: what a pipeline becomes, on standard output or in a file; its trigger is a file and standard output."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

from dagwright.cli import DONE
from dagwright.cli.out import write_out
from dagwright.cli.sources import Source, has_project, project_of, source_of
from dagwright.cli.text import as_json, shown
from dagwright.errors import UsageError


def run(arguments: Namespace) -> int:
    """Print the pipeline definition, its state machine, its picture, or the environment's template."""
    if arguments.replica and arguments.target != "infra":
        raise UsageError("--replica is of --target infra", hint="Add --target infra, or leave --replica out.")
    if arguments.target == "trigger":
        return _trigger(arguments)
    text = _template(arguments) if arguments.target == "infra" else _rendered(source_of(arguments), arguments)
    if arguments.out is not None:
        write_out(Path(arguments.out), text.encode())
    else:
        sys.stdout.write(text)
    return DONE


def _trigger(arguments: Namespace) -> int:
    """Write the function's zip, and print its environment as `aws lambda create-function --environment` takes it."""
    from dagwright.engines.aws.wanted import deployed_arn
    from dagwright.trigger.package import trigger_environment, trigger_zip

    if arguments.out is None:
        raise UsageError("--target trigger is a zip: it needs --out FILE", hint="--out trigger.zip > trigger.json")
    if arguments.env == "local":
        what = "--target trigger --env local: nothing on this machine is started by a Lambda function"
        raise UsageError(what, hint="Say --env dev, staging or production.")
    source, project = source_of(arguments), project_of(arguments)
    name = source.name_on_aws(project)
    target = deployed_arn(project.engine, project.partition, project.region, project.account_id, name)
    variables = trigger_environment(target, source.input_sizes)
    write_out(Path(arguments.out), trigger_zip())
    print(as_json({"Variables": variables}))
    return DONE


def _template(arguments: Namespace) -> str:
    from dagwright.cli.infra_stack import replica_stack, wanted_stack

    if arguments.pipeline or arguments.file:
        what = "--target infra is the environment's, and of no one pipeline"
        raise UsageError(what, hint="Leave the PIPELINE out.")
    if arguments.env == "local":
        raise UsageError("--target infra --env local: there is none", hint="Say --env dev, staging or production.")
    stack = replica_stack(arguments) if arguments.replica else wanted_stack(arguments)
    if stack is None:
        what = f"--replica: config/project.yaml names no infra.replica_region in {arguments.env}"
        raise UsageError(what, hint="docs/disaster-recovery.md tells what a second Region is for.")
    return stack.text


def _rendered(source: Source, arguments: Namespace) -> str:
    if arguments.target == "mermaid":
        from dagwright.definition.draw import mermaid

        return mermaid(source.graph)
    if arguments.target == "stepfunctions":
        from dagwright.cli.commit import current_commit
        from dagwright.cli.machines import machine_of

        project = project_of(arguments) if has_project(arguments) else None
        machine = machine_of(source, project, current_commit(arguments.root))
        for loss in machine.losses:
            print(f"does not carry over: {shown(str(loss))}", file=sys.stderr)
        return machine.text
    return source.text
