"""`infra`: the stack of an environment: what an upsert would change, making it so, what it gave, what has drifted."""

from __future__ import annotations

import sys
from argparse import Namespace
from dataclasses import replace
from pathlib import Path

from dagwright.cli import CHANGES, DONE, FAILED, infra_stack
from dagwright.cli.engines import command
from dagwright.cli.infra_text import Lines, outputs_changes, print_drift, stack_page
from dagwright.cli.out import write_out
from dagwright.cli.plan_text import page_as_markdown, print_page
from dagwright.cli.saved_plan import saved_text
from dagwright.cli.text import as_json, columns
from dagwright.engines.aws.clients import Clients, check_account
from dagwright.engines.aws.following import Clock
from dagwright.errors import UsageError, UserError
from dagwright.outputs import Outputs, outputs_path, read_outputs, write_outputs
from dagwright.stacks.drift import detect_drift
from dagwright.stacks.found import look_up, with_given
from dagwright.stacks.plan import make_plan, refuse_other
from dagwright.stacks.remote import RemoteStack, find_stack
from dagwright.stacks.saved_plan import open_plan
from dagwright.stacks.upsert import Upsert
from dagwright.stacks.wanted import InfraStack


def run(arguments: Namespace) -> int:
    """0 done or nothing to change, 2 the plan (or the drift) has something to show, 1 failed or refused."""
    if arguments.env == "local":
        what = f"infra {arguments.command} --env local: there is no stack around what runs on this machine"
        raise UsageError(what, hint="Say --env dev, staging or production.")
    saved = saved_text(arguments) if arguments.command == "upsert" else None
    stack = _asked(arguments)
    if stack is None:
        print(f"{arguments.env}: config/project.yaml names no infra.replica_region, so there is no second stack")
        return DONE
    clients = Clients(stack.region)
    check_account(clients, stack.account_id, stack.owner.environment)
    if arguments.command == "upsert":
        return _upsert(arguments, stack, clients, saved)
    does = {"plan": _plan, "outputs": _outputs, "drift": _drift}[arguments.command]
    return does(arguments, stack, clients)


def _asked(arguments: Namespace) -> InfraStack | None:
    """The stack that the words are about. Raises ConfigurationError, DefinitionError."""
    if arguments.command == "outputs" or (arguments.command == "drift" and not arguments.replica):
        return infra_stack.known_stack(arguments)
    return infra_stack.replica_stack(arguments) if arguments.replica else infra_stack.wanted_stack(arguments)


def _plan(arguments: Namespace, stack: InfraStack, clients: Clients) -> int:
    clock = Clock()
    if arguments.out is None and stack.plan_prefix:
        stack = replace(stack, key_prefix=stack.plan_prefix)
    plan = make_plan(stack, clients, clock, keep=arguments.out is not None)
    drift = None
    if arguments.drift and not plan.is_new:
        drift = detect_drift(clients, stack.name, clock, _say)
    members = plan.as_json() | ({"detected_drift": drift.as_json()} if drift else {})
    if arguments.out is not None:
        write_out(Path(arguments.out), f"{as_json(members)}\n".encode())
    if arguments.json:
        print(as_json(members))
    elif arguments.markdown:
        sys.stdout.write(page_as_markdown(stack_page(plan, drift)))
    else:
        print_page(stack_page(plan, drift))
    if any(not (one.unless_read and arguments.out) for one in plan.refusals):
        return FAILED
    return CHANGES if plan.has_changes else DONE


def _upsert(arguments: Namespace, stack: InfraStack, clients: Clients, saved: str | None) -> int:
    found = look_up(stack, clients)  # what is not there is said before anything is changed
    plan = open_plan(saved, stack, clients, Clock()) if saved is not None else None
    # With --json standard output holds one object, and what happens meanwhile goes beside it.
    lines = Lines(sys.stderr if arguments.json else sys.stdout, plan_too=not arguments.json)
    deployed = Upsert(stack, clients, Clock(), lines).run(plan)
    remote = find_stack(clients, stack.name)
    outputs, changed = _write(arguments, stack, remote, found)
    if arguments.json:
        members = {"change_sets": deployed.change_sets, "outputs": outputs.as_json(), "stack_status": remote.status}
        print(as_json({**deployed.plan.as_json(), **members}))
        return DONE
    if not deployed.plan.has_changes:
        print(f"{stack.name}: nothing to change")
    print("\n".join([*changed, f"{stack.name} is {remote.status}"]))
    return DONE


def _outputs(arguments: Namespace, stack: InfraStack, clients: Clients) -> int:
    found = look_up(stack, clients)
    # the template may need what is found by its tags, so that may be asked for before there is a stack
    remote = find_stack(clients, stack.name) if found != Outputs() else _there(arguments, stack, clients)
    refuse_other(stack, remote)
    outputs, changed = _write(arguments, stack, remote, found)
    if arguments.json:
        print(as_json({"stack": stack.name, "outputs": outputs.as_json(), "stack_outputs": dict(remote.outputs)}))
        return DONE
    if remote.outputs:
        print(columns(sorted(remote.outputs.items())))
    where = outputs_path(stack.owner.environment)
    print("\n".join(changed or [f"{where} says so already"]))
    return DONE


def _drift(arguments: Namespace, stack: InfraStack, clients: Clients) -> int:
    _there(arguments, stack, clients)
    drift = detect_drift(clients, stack.name, Clock(), _say)
    if arguments.json:
        print(as_json({"stack": stack.name, **drift.as_json()}))
    else:
        print_drift(f"{stack.owner.environment}: stack {stack.name}", drift)
    return CHANGES if drift.has_drifted else DONE


def _there(arguments: Namespace, stack: InfraStack, clients: Clients) -> RemoteStack:
    """The stack, which has to be there and ours. Raises UserError."""
    remote = find_stack(clients, stack.name)
    if remote.state in ("absent", "leftover"):
        hint = f"Make it: {command(arguments, 'infra upsert')}"
        raise UserError(f"There is no stack {stack.name} in {stack.owner.environment} yet", hint=hint)
    refuse_other(stack, remote)
    return remote


def _write(arguments: Namespace, stack: InfraStack, remote: RemoteStack, found: Outputs) -> tuple[Outputs, list[str]]:
    """What AWS gave, written where every command reads it; and what to say of that, if it is news.

    Of a second Region nobody reads anything as long as the configuration does not say it.
    """
    environment = stack.owner.environment
    before = read_outputs(arguments.root, environment)
    if arguments.replica:
        return before, []
    after = with_given(found, remote.outputs, before)
    if after == before or not write_outputs(arguments.root, environment, after):
        return after, []
    where = outputs_path(environment)
    return after, [f"{where} has changed; commit it, everyone's commands read it:", *outputs_changes(before, after)]


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
