"""What can be said without AWS: the configuration and the definitions, as an environment on AWS would take them."""

from __future__ import annotations

from dagwright.doctor.findings import Said, Sayings, ok, problem, warning
from dagwright.doctor.ward import Declared, Ward, count_of, listed
from dagwright.engines.aws.schedules import is_over, when

# Rules of `validate` that have a line of their own here, with what it says if none of them is broken.
_OWN_LINES = {
    "time-limits": (("no-time-limit",), "every job has a time limit", "without a time limit"),
    "isolation": (("needs-network",), "no container without a network needs one", "without the network they need"),
    "digests": (("digest-of-nothing",), "no image waits for its digest", "whose image was never pushed"),
}


def configuration(ward: Ward) -> Sayings:
    """That it could be read at all; what is wrong with it keeps everything else from being looked at."""
    project = ward.project
    yield ok(f"config/project.yaml: {project.environment} is {project.account_id} in {project.region}")


def pipelines(ward: Ward) -> Sayings:
    """Whether each pipeline can be built, and what `validate` finds."""
    if not ward.pipelines:
        yield warning("there are no pipelines here", "Add pipelines/<name>.py with build(project).")
    for one in ward.pipelines:
        yield _validated(one)


def _validated(one: Declared) -> Said:
    errors = sum(found.severity == "error" for found in one.problems)
    warnings = len(one.problems) - errors
    counts = [(errors, "error"), (warnings, "warning")]
    said = ", ".join(count_of(number, thing) for number, thing in counts if number)
    if one.graph is None:
        return problem(f"{one.name} cannot be built: {one.problems[0] if one.problems else ''}".rstrip(": "), one.look)
    if errors:
        return problem(f"{one.name}: {said}", one.look)
    if warnings:
        return warning(f"{one.name}: {said}", one.look)
    return ok(f"{one.name}: {count_of(len(one.graph.steps), 'step')}, nothing to complain about")


def time_limits(ward: Ward) -> Sayings:
    """Jobs that nothing would stop."""
    yield from _broken(ward, "time-limits")


def isolation(ward: Ward) -> Sayings:
    """Containers without a network whose command or code needs one."""
    yield from _broken(ward, "isolation")


def digests(ward: Ward) -> Sayings:
    """Images whose digest is yet to be filled in: nobody has pushed them."""
    yield from _broken(ward, "digests")
    tagged = sorted({image for image in ward.workload.images if "@sha256:" not in image})
    if tagged:
        names = listed([image.rpartition("/")[2] for image in tagged])
        yield ok(f"{count_of(len(tagged), 'image')} by tag, which may be another one tomorrow: {names}")


def _broken(ward: Ward, line: str) -> Sayings:
    codes, fine, words = _OWN_LINES[line]
    found = [(one, what) for one in ward.pipelines for what in one.problems if what.code in codes]
    names = [f"{one.name}: {what.step}" for one, what in found]
    if not found:
        yield ok(fine)
        return
    text = f"{count_of(len(dict.fromkeys(names)), 'step')} {words}: {listed([*dict.fromkeys(names)])}"
    worst = problem if any(what.severity == "error" for _, what in found) else warning
    yield worst(text, ward.command("images push") if line == "digests" else found[0][0].look)


def network(ward: Ward) -> Sayings:
    """Whether the configuration names a network."""
    project = ward.project
    if any(key.startswith("network.") for key in project.unmade):
        return  # said of the outputs
    if project.subnets:
        groups = {one for ids in project.security_groups.values() for one in ids}
        yield ok(f"{count_of(len(project.subnets), 'subnet')}, {count_of(len(groups), 'security group')}")
    else:
        yield warning("no subnets are named: jobs run outside a VPC", "Name private ones: network.subnets.")


def keys(ward: Ward) -> Sayings:
    """Whether it names keys."""
    named = {"keys.volume": ward.project.volume_key, "keys.output": ward.project.output_key}
    missing = [name for name, key in named.items() if not key]
    if "keys" in ward.project.unmade:
        return  # said of the outputs
    if missing:
        what = f"{' and '.join(missing)} not named: AWS's own keys are used"
        yield warning(what, "Name a KMS key that the project's roles may use.")
    else:
        yield ok("keys.volume and keys.output are named")


def schedules(ward: Ward) -> Sayings:
    """When pipelines start by themselves. Their cron expressions and time zones were checked as they were built."""
    if not ward.schedules:
        yield ok("no pipeline declares a schedule")
    for name, members in ward.schedules.items():
        if is_over(members):
            yield warning(f"{name} starts nothing any more: {when(members)}", "Take it out, or give it a new time.")
        else:
            yield ok(f"{name}: {when(members)}")


def outputs(ward: Ward) -> Sayings:
    """Whether what AWS gave to the environment is written down."""
    from dagwright.outputs import outputs_path

    project, path = ward.project, outputs_path(ward.project.environment)
    if project.unmade:
        what = f"{path} does not tell {', '.join(project.unmade)} yet, which the stack makes or finds"
        yield problem(what, f"`{ward.command('infra upsert')}` writes it; commit it.")
    elif (project.root / path).is_file():
        yield ok(f"{path} tells what AWS gave to {project.environment}")
