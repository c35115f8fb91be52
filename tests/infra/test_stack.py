"""The template as a whole."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dagwright.cli.infra_stack import wanted_stack
from dagwright.outputs import Outputs
from dagwright.stacks.found import with_given

ROOT = Path(__file__).parents[2]
TOLD = {
    "security_groups": {"processing": ["sg-0a1b2c3d"], "training": ["sg-0a1b2c3e"], "inference": ["sg-0a1b2c3f"]},
    "key": "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
    "dead_letter_queue": "arn:aws:sqs:us-east-1:123456789012:rc-churn-dev-dead-letters",
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The example, whose stack makes its key and its security groups."""
    for name in ("config", "pipelines", "steps", "scripts"):
        shutil.copytree(ROOT / name, tmp_path / name)
    path = tmp_path / "config/project.yaml"
    text = path.read_text(encoding="utf-8")
    text = re.sub(r"  security_groups: #(.*\n)(    .*\n){3}", "", text, count=1)
    text = re.sub(r"\nkeys: #(.*\n)(  .*\n){2}", "\n", text, count=1)
    path.write_text(text, encoding="utf-8")
    return tmp_path


def template(root: Path) -> Mapping[str, Any]:
    arguments: Any = SimpleNamespace(root=root, env="dev", command="infra", replica=False)
    return wanted_stack(arguments).template


def rendered(root: Path) -> dict[str, Any]:
    return dict(template(root)["Resources"])


def test_what_aws_tells_of_what_the_stack_made_changes_nothing_in_it(project: Path) -> None:
    """Else the second upsert would have something to do, and the deployer would find what only an administrator may."""
    before = rendered(project)
    assert {"Key", "SecurityGroupTraining", "DeadLetterQueue"} <= before.keys()
    outputs = project / "config/outputs"
    outputs.mkdir()
    (outputs / "dev.json").write_text(json.dumps(TOLD), encoding="utf-8")
    after = rendered(project)
    assert [name for name in before if ordered(before[name]) != ordered(after.get(name))] == []
    assert before.keys() == after.keys()


class Given(dict[str, str]):
    """Outputs of a stack, and which of them were asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: set[str] = set()

    def get(self, key: str, default: Any = None) -> Any:
        self.asked.add(key)
        return super().get(key, default)


def test_what_is_read_of_the_stack_is_what_it_gives(project: Path) -> None:
    """Who makes the outputs and who reads them spell their keys apart from each other."""
    given = Given()
    with_given(Outputs(), given, Outputs())
    assert {"KeyArn", "SecurityGroupTraining"} <= given.asked
    assert given.asked <= template(project)["Outputs"].keys()


@pytest.mark.parametrize("environment", ["dev", "staging", "production"])
def test_cfn_lint_finds_nothing_in_the_whole(environment: str) -> None:
    assert findings(ROOT, environment) == []


@pytest.mark.parametrize(
    "more",
    [
        "  role: arn:aws:iam::123456789012:role/Ours\n  infra: {bucket: existing}\n",
        "  network: {subnets: null, security_groups: null}\n",
        "  keys: {volume: null, output: null}\n  engine: stepfunctions\n",
    ],
    ids=["existing role and bucket", "no VPC", "own key, state machines"],
)
def test_cfn_lint_finds_nothing_at_the_edges(project: Path, more: str) -> None:
    """The second Region is the example's own, in production."""
    shutil.copyfile(ROOT / "config/project.yaml", project / "config/project.yaml")
    path = project / "config/project.yaml"
    text = path.read_text(encoding="utf-8")
    own = text[text.index("\ndev:") : text.index("\nstaging:")]
    path.write_text(text.replace(own, f"\ndev:\n  environment_suffix: true\n{more}\n"), encoding="utf-8")
    assert findings(project, "dev") == []


def findings(root: Path, environment: str) -> list[str]:
    """What cfn-lint has to say of a whole template, information included."""
    from cfnlint.api import lint
    from cfnlint.config import ManualArgs

    arguments: Any = SimpleNamespace(root=root, env=environment, command="infra", replica=False)
    stack = wanted_stack(arguments)
    found = lint(stack.text, config=ManualArgs(regions=[stack.region], include_checks=["I"]))
    return [str(one) for one in found]


def ordered(value: Any) -> str:
    """Statements in whatever order they were put into policies."""
    if isinstance(value, dict):
        return json.dumps({name: ordered(member) for name, member in sorted(value.items())})
    return json.dumps(sorted(map(ordered, value))) if isinstance(value, list) else json.dumps(value)


def test_no_pipeline_is_validated_with_ids_that_are_not_known_yet(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whether one is asked about or all: else jobs would seem to leave the VPC on purpose."""
    from dagwright.cli import main

    for words in (["validate", "--env", "dev", "--json"], ["validate", "training", "--env", "dev", "--json"]):
        assert main(words, project) == 1
        found = json.loads(capsys.readouterr().out)["problems"]
        assert {one["code"] for one in found} == {"not-made-yet"}
        assert all("infra upsert --env dev" in one["hint"] for one in found)
    assert main(["validate", "training", "--json"], project) == 0
