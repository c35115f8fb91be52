"""What a project stands on, for tests: a configuration comes in, its site, or the template of this part of the stack.

`python -m infra.grounds` in tests/ writes the golden files anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dagwright.infra.replica import replica_of
from dagwright.infra.site import Site
from dagwright.infra.stack import GROUND_PARTS
from dagwright.infra.template import Template
from dagwright.infra.workload import Workloads
from dagwright.project import Project, load_project

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden" / "infra"
ENVIRONMENTS = ("dev", "staging", "production")
BASE = """\
company: acme
team: rc
project: churn
account_id: "123456789012"
region: us-east-1
"""
MADE = BASE + "infra: {bucket: create}\n"
NETWORK = "network: {subnets: [subnet-0a1b2c3d, subnet-1a1b2c3d]}\n"


def written(folder: Path, text: str) -> Path:
    path = folder / "config" / "project.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def site_of(path: Path, environment: str = "dev", workloads: Workloads | None = None) -> Site:
    """The site of an environment of the file, with its neighbours."""
    project = load_project(path, environment)
    before = [load_project(path, one) for one in ENVIRONMENTS[: ENVIRONMENTS.index(environment)]]
    return Site(project, workloads or Workloads(), [one for one in before if _is_neighbour(one, project)])


def _is_neighbour(one: Project, project: Project) -> bool:
    return one.infra.is_used and one.account_id == project.account_id


def ground_of(site: Site) -> Template:
    """What the parts of the ground make of a site."""
    template = Template("for a test")
    for add in GROUND_PARTS:
        add(template, site)
    return template


def made(folder: Path, text: str, environment: str = "dev", **more: Any) -> Template:
    return ground_of(site_of(written(folder, text), environment, **more))


def properties(template: Template, logical_id: str) -> Any:
    return template.resources[logical_id]["Properties"]


def types(template: Template) -> list[str]:
    """The types of its resources without the vendor's name, in order."""
    return [one["Type"].removeprefix("AWS::") for one in template.resources.values()]


def statements(document: Mapping[str, Any]) -> dict[str, Any]:
    return {one["Sid"]: one for one in document["Statement"]}


def references(value: Any) -> set[str]:
    """The logical ids that a value refers to."""
    if isinstance(value, Mapping):
        found = {value["Ref"]} if "Ref" in value else set()
        if "Fn::GetAtt" in value:
            found.add(value["Fn::GetAtt"][0])
        found |= {*value.get("DependsOn", ())}
        return found.union(*(references(member) for member in value.values()))
    if isinstance(value, Sequence) and not isinstance(value, str):
        return set().union(*(references(member) for member in value))
    return set()


def findings(template: Template, region: str = "us-east-1") -> list[str]:
    """What cfn-lint has to say, information included."""
    from cfnlint.api import lint
    from cfnlint.config import ManualArgs

    found = lint(template.text(), config=ManualArgs(regions=[region], include_checks=["I"]))
    return [f"{one.rule.id} {'/'.join(map(str, one.path))}: {one.message}" for one in found]


def examples() -> dict[str, Template]:
    """What the project's own configuration makes, by the golden file's name."""
    sites = {name: site_of(ROOT / "config" / "project.yaml", name) for name in ENVIRONMENTS}
    replica = replica_of(sites["production"])
    assert replica is not None
    return {f"ground-{name}": ground_of(site) for name, site in sites.items()} | {"replica-production": replica}


if __name__ == "__main__":
    for name, template in examples().items():
        (GOLDEN / f"{name}.json").write_text(template.text(), encoding="utf-8")
