"""What of a project is watched, for tests: a project's folder and an environment come in, this part of its stack goes
out.

`PYTHONPATH=.:tests python -m infra.watching` writes the golden files anew.
"""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import Any

from dagwright.cli.workloads import neighbours_of, workloads_of
from dagwright.infra.site import Site
from dagwright.infra.stack import WATCH_PARTS
from dagwright.infra.template import Template, ref
from dagwright.project import load_project

ROOT = Path(__file__).parents[2]
NIGHTLY = Path(__file__).parent / "watched"
GOLDEN = ROOT / "tests" / "golden" / "infra"
# Which golden file is of which project and environment.
GOLDENS = {"watched-example-dev": (ROOT, "dev"), "watched-nightly-dev": (NIGHTLY, "dev")}
GOLDENS |= {f"watched-nightly-{one}": (NIGHTLY, one) for one in ("staging", "production")}
LAMBDA = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}


def site_of(folder: Path, environment: str) -> Site:
    project = load_project(folder / "config" / "project.yaml", environment)
    arguments = Namespace(root=folder, env=environment)
    return Site(project, workloads_of(arguments, project), neighbours_of(arguments, project))


def watched(site: Site) -> Template:
    """This part of the stack, with what it takes from others'."""
    template = Template("for a test")
    if site.infra.makes("keys"):
        own = {"Sid": "Own", "Effect": "Allow", "Principal": {"AWS": site.project.account_id}, "Action": "kms:*"}
        policy = {"Version": "2012-10-17", "Statement": [{**own, "Resource": "*"}]}
        template.add("Key", "AWS::KMS::Key", {"EnableKeyRotation": True, "KeyPolicy": policy}, kept=True)
        template.output("KeyArn", ref("Key"), "the key")
    role = {"RoleName": site.names.trigger_role.rpartition("/")[2], "AssumeRolePolicyDocument": {"Statement": [LAMBDA]}}
    template.add("TriggerRole", "AWS::IAM::Role", role)
    for add in WATCH_PARTS:
        add(template, site)
    return template


def of_type(template: Template, kind: str) -> dict[str, dict[str, Any]]:
    """The properties of the resources of one type, by their ids."""
    found = {name: one for name, one in template.resources.items() if one["Type"] == kind}
    return {name: one["Properties"] for name, one in found.items()}


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for name, (folder, environment) in GOLDENS.items():
        (GOLDEN / f"{name}.json").write_text(watched(site_of(folder, environment)).text(), encoding="utf-8")
