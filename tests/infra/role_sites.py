"""Sites for tests of roles: a configuration and definitions come in, the template of the roles goes out.

`python -m infra.role_sites` in tests/ writes the golden files anew.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from dagwright.cli.workloads import neighbours_of, workloads_of
from dagwright.definition.graph import read_definition
from dagwright.definition.uses import uses_of
from dagwright.engines.stepfunctions.compiler.machine import compile_machine
from dagwright.engines.stepfunctions.compiler.settings import MachineSettings
from dagwright.errors import DefinitionError
from dagwright.infra.roles import add_roles
from dagwright.infra.site import Site
from dagwright.infra.template import Template
from dagwright.infra.workload import Workload, Workloads
from dagwright.project import load_project

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden" / "infra"
FOREIGN = ROOT / "tests" / "foreign"
ENVIRONMENTS = ("dev", "staging", "production")
BASE = """\
company: acme
team: rc
project: churn
account_id: "123456789012"
region: {region}
environment_suffix: true
infra: {{vpc: vpc-0a1b2c3d, studio_roles: [Studio], approver_roles: [Reviewers]}}
sizes: {{processing: {{instance_type: ml.m5.large, max_runtime_in_seconds: 600}}}}
"""
NETWORK = """\
network:
  subnets: [subnet-0a1b2c3d, subnet-1a1b2c3d]
  security_groups: {processing: [sg-0a1b2c3d], training: [sg-1a1b2c3d], inference: [sg-2a1b2c3d]}
"""
KEY = "keys: {volume: 1234abcd-12ab-34cd-56ef-1234567890ab}\n"


def example(environment: str) -> Site:
    """The site of the project that this repository holds."""
    project = load_project(ROOT / "config" / "project.yaml", environment)
    arguments = Namespace(root=ROOT, env=environment)
    return Site(project, workloads_of(arguments, project), neighbours_of(arguments, project))


def site_of(folder: Path, more: str = "", workloads: Iterable[Workload] = (), region: str = "us-east-1") -> Site:
    path = folder / "config" / "project.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(BASE.format(region=region) + more, encoding="utf-8")
    return Site(load_project(path, "dev"), Workloads(tuple(workloads)))


def workload(text: str, name: str = "demo", **more: Any) -> Workload:
    """A pipeline by its definition, with its machine if it can be one."""
    graph, deployed_name = read_definition(text), more.pop("deployed_name", f"rc-churn-{name}-dev")
    try:
        machine = compile_machine(graph, MachineSettings(deployed_name, job_prefix=f"rc-churn-{name}")).text
    except DefinitionError:
        machine = ""
    return Workload(name, deployed_name, uses_of(graph), machine=machine, **more)


def foreign(name: str, **more: Any) -> Workload:
    return workload((FOREIGN / f"{name}.json").read_text(encoding="utf-8"), name, **more)


def roles_of(site: Site) -> Template:
    template = Template(f"The roles of {site.names.stem}, alone")
    add_roles(template, site)
    return template


def lint(template: Template, region: str = "us-east-1") -> list[str]:
    """What cfn-lint says of the roles, what they refer to being there."""
    from cfnlint.api import lint as lint_text
    from cfnlint.config import ManualArgs

    whole = Template(template.description, dict(template.resources), dict(template.outputs))
    nothing = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "s3:*", "Resource": "*"}]}
    whole.add("Boundary", "AWS::IAM::ManagedPolicy", {"PolicyDocument": nothing})
    owner = {"AWS": "arn:aws:iam::123456789012:root"}
    allowed = {**nothing["Statement"][0], "Effect": "Allow", "Action": "kms:*", "Principal": owner}
    key = {"KeyPolicy": {**nothing, "Statement": [allowed]}, "EnableKeyRotation": True}
    whole.add("Key", "AWS::KMS::Key", key, kept=True)
    found = lint_text(whole.text(), config=ManualArgs(regions=[region], include_checks=["I"]))
    return [f"{one.rule.id} {'/'.join(map(str, one.path))}: {one.message}" for one in found]


def documents(template: Template, logical_id: str) -> list[dict[str, Any]]:
    """The policies of a role, or a policy that people get, as many as it takes."""
    one = template.resources.get(logical_id, {"Properties": {}})["Properties"]
    if "Policies" in one:
        return [policy["PolicyDocument"] for policy in one["Policies"]]
    names = [name for name in template.resources if name.rstrip("0123456789") in (logical_id, f"{logical_id}Policy")]
    found = (template.resources[name]["Properties"] for name in names)
    return [one["PolicyDocument"] for one in found if "PolicyDocument" in one]


def statements(template: Template, logical_id: str) -> Mapping[str, Any]:
    """The same by their Sid."""
    return {one["Sid"]: one for document in documents(template, logical_id) for one in document["Statement"]}


def write_golden() -> None:
    GOLDEN.mkdir(exist_ok=True)
    for environment in ENVIRONMENTS:
        text = roles_of(example(environment)).text()
        (GOLDEN / f"{environment}.roles.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write_golden()
