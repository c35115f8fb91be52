"""Sites to make templates for: a configuration as text, and pipelines that use what a test says."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from dagwright.definition.uses import Uses
from dagwright.infra.site import Site
from dagwright.infra.workload import Workload, Workloads
from dagwright.project import Project, load_project

BASE = """\
company: acme
team: rc
project: churn
account_id: "123456789012"
region: us-east-1
"""
NETWORK = """\
network:
  subnets: [subnet-0a1b2c3d, subnet-0b2c3d4e]
  security_groups: {processing: [sg-0a1b2c3d], training: [sg-0b2c3d4e], inference: [sg-0c3d4e5f]}
"""


def project(text: str = "infra: {platform: true}\n", environment: str = "dev", base: str = BASE) -> Project:
    """The project of a configuration: what every one has, and this."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "config", "project.yaml")
        path.parent.mkdir()
        path.write_text(base + text, encoding="utf-8")
        return load_project(path, environment)


def workload(name: str = "training", **uses: tuple[str, ...]) -> Workload:
    """A pipeline that uses this."""
    return Workload(name, f"rc-churn-{name}", Uses(**uses))  # type: ignore[arg-type]


def site(text: str = "infra: {platform: true}\n", environment: str = "dev", *workloads: Workload) -> Site:
    return Site(project(text, environment), Workloads(workloads or (workload(kinds=("Processing", "Training")),)))
