"""Who makes a call: a command and its project come in, the role that makes its calls and the role's policies go out.

botocore says in each request for which application it is (`AWS_SDK_UA_APP_ID`): the tests put there who is calling, in
this process and in those started from it, and the proxy of tests/aws.py reads it. At the end of a test every call that
it made is held against the policies that the project's template gives this role.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from permissions import Account, Need, needs_of

if TYPE_CHECKING:
    from aws import Call
    from iam_documents import Document
    from iam_templates import Template

    from dagwright.infra.workload import Workloads
    from dagwright.project import Project

TESTS = Path(__file__).parent
GOLDEN = TESTS / "golden/example"
CONFIGURATION = TESTS.parent / "config/project.yaml"
VARIABLE = "AWS_SDK_UA_APP_ID"

#: Commands that somebody else than a person in Studio gives.
_COMMANDS = {
    **dict.fromkeys(("plan", "upsert", "infra", "images", "doctor"), "deployer"),
    **dict.fromkeys(("approve", "reject"), "approver"),
}
#: Folders and files of tests that call engines without a command -> whose calls those are.
_TESTS = {
    "engines/sagemaker/test_upsert.py": "deployer",
    "engines/sagemaker/test_faults.py": "deployer",
    "engines/stepfunctions/test_state_machines.py": "deployer",
    "engines/stepfunctions/test_machine_faults.py": "deployer",
    "engines/sagemaker/test_registry.py": "approver",
    "trigger": "trigger",
    "engines": "submitter",
    "stacks": "deployer",
    "cli": "submitter",
}
#: What the tests of engines call a project's things (tests/engines/sagemaker/world.py), as its configuration would.
_WORLD = {
    "bucket": "bucket",
    "environment_suffix": False,
    "pipeline_role": "arn:aws:iam::123456789012:role/pipelines",
    "scheduler": {"role": "arn:aws:iam::123456789012:role/scheduler", "group": "rc-churn"},
    "keys": {"volume": None, "output": "alias/key"},
}
_WORLDS = {
    **dict.fromkeys([test for test, role in _TESTS.items() if role == "deployer"], _WORLD),
    "engines/sagemaker/test_registry.py": {"bucket": "bucket", "region": "eu-west-1"},
}


#: Of a call's context, what a sentence about it says: conditions on it are the policies' own.
_TELLING = ("sagemaker:", "s3:", "kms:", "iam:", "states:", "cloudformation:RoleArn")


@dataclass(frozen=True)
class Identity:
    """A role of a project: what the project's template lets it do."""

    role: str
    configuration: str
    environment: str

    @property
    def name(self) -> str:
        """What requests are marked with."""
        digest = hashlib.sha256(self.configuration.encode()).hexdigest()
        return f"{self.role}-{self.environment}-{digest[:12]}"


_KNOWN: dict[str, Identity] = {}


def known(identity: Identity) -> str:
    """The mark of an identity, by which `refusals` finds it again."""
    return _KNOWN.setdefault(identity.name, identity).name


# ---- who is calling ----


def of_test(path: Path) -> Identity | None:
    """Whose calls a test makes that gives no command; None for a test whose calls nobody makes here."""
    place = path.relative_to(TESTS).as_posix()
    role = next((role for part, role in _TESTS.items() if place.startswith(part)), None)
    if role is None:
        return None
    return Identity(role, _configuration(place), "dev")


def of_command(words: Sequence[str], folder: Path) -> Identity | None:
    """Whose calls a command makes in a project's folder; None if there is no such project."""
    path = folder / "config/project.yaml"
    if not words or not path.is_file():
        return None
    given = [*words, "--env", "local"]
    environment = given[given.index("--env") + 1]
    return Identity(_COMMANDS.get(words[0], "submitter"), path.read_text(encoding="utf-8"), environment)


@contextmanager
def calling(identity: Identity | None) -> Iterator[None]:
    """What this process and those started from it ask of AWS in the meantime is asked by this identity."""
    before = os.environ.get(VARIABLE)
    if identity is not None:
        os.environ[VARIABLE] = known(identity)
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(VARIABLE, None)
        else:
            os.environ[VARIABLE] = before


def marked(run: Callable[..., int]) -> Callable[..., int]:
    """`dagwright.cli._run`, of which each command calls as who gives it."""

    def marking(words: list[str], root: Path | None) -> int:
        with calling(of_command(words, root or Path.cwd())):
            return run(words, root)

    return marking


@cache
def _configuration(test: str) -> str:
    """The example's, with the names that a test has for things."""
    import yaml

    text = CONFIGURATION.read_text(encoding="utf-8")
    if test not in _WORLDS:
        return text
    base, names = yaml.safe_load(text), _WORLDS[test]
    dev = {name: value for name, value in base["dev"].items() if name not in names}
    return json.dumps({**base, **names, "dev": dev})


# ---- what it may do ----


def refusals(calls: Iterable[Call], foreign: Sequence[str] = ()) -> list[str]:
    """What of these calls the policies of who makes them do not allow, each once: role, action, resource.

    `foreign` are ends of `action on ARN`, with wildcards, that are not the project's: nobody need be allowed them.
    """
    asked = {
        (call.caller, str(need), json.dumps(need.context, sort_keys=True)): need
        for call in calls
        for need in _needs(call)
        if not any(fnmatchcase(str(need), f"*{end}") for end in foreign)
    }
    found = [
        f"the {_KNOWN[caller].role} may not call {need}{_said(need.context)}"
        for (caller, _, _), need in asked.items()
        if not _may(_KNOWN[caller], need)
    ]
    return [*dict.fromkeys(found)]


def _needs(call: Call) -> list[Need]:
    identity = _KNOWN.get(call.caller)
    if identity is None or not project_of(identity).infra.is_used:
        return []  # nobody whose rights are ours to give
    return needs_of(call, account_of(identity))


def _said(context: Mapping[str, Any]) -> str:
    """What of the context only this call says."""
    told = {key: value for key, value in context.items() if key.startswith(_TELLING)}
    return f" with {told}" if told else ""


def _may(identity: Identity, need: Need) -> bool:
    from iam_simulator import allowed

    return allowed(policies(identity), need.action, need.resource, need.context)


@cache
def project_of(identity: Identity) -> Project:
    """The project as its configuration is at the time of the call."""
    import tempfile

    from dagwright.project import load_project

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config/project.yaml"
        path.parent.mkdir()
        path.write_text(identity.configuration, encoding="utf-8")
        return load_project(path, identity.environment)


@cache
def account_of(identity: Identity) -> Account:
    from dagwright.engines.aws.ownership import Owner

    project = project_of(identity)
    owner = Owner(project.model_package_group, project.environment).stack_tags()
    tags = {**{name: value for name, value in project.tags.items() if value}, **owner}
    key, stack = project.output_key or "", project.infra.stack
    return Account(project.account_id, project.region, project.partition, key, tags, stack)


@cache
def policies(identity: Identity) -> list[Document]:
    """The documents of an identity, as the template of its project has them."""
    from iam_templates import policies_of

    return policies_of(rendered(identity), role_name(project_of(identity), identity.role))


@cache
def rendered(identity: Identity) -> Template:
    """The template of an identity's project, made for the example's pipelines."""
    from iam_templates import Template

    from dagwright.infra.stack import template_of

    return Template(template_of(project_of(identity), workloads(project_of(identity))).as_json())


def workloads(project: Project) -> Workloads:
    """The pipelines of the example as they are emitted, one of which a schedule and a Lambda function start."""
    from dagwright.definition.graph import read_definition
    from dagwright.definition.uses import uses_of
    from dagwright.infra.workload import Start, Workload, Workloads
    from dagwright.input_sizes import InputSize
    from dagwright.parameters import ParameterString
    from dagwright.schedules import Schedule
    from dagwright.sizing import RULES

    address = ParameterString("RawData", f"s3://{project.bucket}/{project.layout.raw}")
    raw = InputSize("Raw", of=address, rule=RULES["standard"])
    nightly = Schedule("nightly", cron="0 2 * * ? *", timezone="UTC")
    more = {"training": {"sizes": (raw,), "starts": (Start(nightly.name, nightly.members()),)}}

    def workload(path: Path) -> Workload:
        machine = path.with_suffix(".asl.json")
        return Workload(
            path.stem,
            project.pipeline_name(path.stem),
            uses_of(read_definition(emitted(path, project))),
            machine=emitted(machine, project) if machine.is_file() else "",
            **more.get(path.stem, {}),
        )

    return Workloads(tuple(workload(path) for path in sorted(GOLDEN.glob("*.json")) if "." not in path.stem))


def emitted(path: Path, project: Project) -> str:
    """A definition or machine of the example as this project would emit it: its places, roles and keys."""
    text = path.read_text(encoding="utf-8")
    for emitted_as, own in _renamed(project).items():
        text = text.replace(emitted_as, own)
    return re.sub(r"arn:aws:iam::\d{12}:role/[\w-]*ExecutionRole", project.role, text)


def _renamed(project: Project) -> dict[str, str]:
    """What the example's files in tests/golden are written with, which is dev, and what this project has instead."""
    dev = project_of(Identity("deployer", CONFIGURATION.read_text(encoding="utf-8"), "dev"))
    pairs = [("s3://" + dev.bucket + "/", f"s3://{project.bucket}/"), (f'"{dev.bucket}"', f'"{project.bucket}"')]
    pairs += zip(dev.subnets, project.subnets, strict=False)
    for purpose, groups in dev.security_groups.items():
        pairs += zip(groups, project.security_groups.get(purpose, ()), strict=False)
    pairs += [(dev.volume_key, project.volume_key), (dev.output_key, project.output_key)]
    return {one: other for one, other in (*pairs, (dev.account_id, project.account_id)) if one and other}


def role_name(project: Project, role: str) -> str:
    """What the template calls a role, or the role that is there already and gets the template's policies."""
    from dagwright.infra.names import Names

    names = Names(project)
    return {
        "deployer": names.deployer_role,
        "trigger": names.trigger_role,
        "pipeline": project.pipeline_role,
        "machine": project.state_machine_role,
        "scheduler": project.scheduler_role,
        "jobs": project.role,
        "submitter": project.infra.studio_roles[0],
        "approver": project.infra.approver_roles[0],
    }[role]
