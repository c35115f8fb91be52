"""The keys below `infra`: what the stack makes, and what is wrong with the section as a whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from dagwright.errors import ConfigurationError
from dagwright.project import Project, load_project

BASE = 'company: acme\nteam: rc\nproject: churn\naccount_id: "123456789012"\nregion: us-east-1\n'


def load(folder: Path, text: str, environment: str = "dev") -> Project:
    path = folder / "config" / "project.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(BASE + text, encoding="utf-8")
    return load_project(path, environment)


def test_without_the_section_nothing_is_made_and_nothing_is_named_otherwise(tmp_path: Path) -> None:
    plain = load(tmp_path, "environment_suffix: true\n")
    assert not plain.infra.is_used
    assert plain.pipeline_role == plain.role == "arn:aws:iam::123456789012:role/SageMaker-Rc-Churn-ExecutionRole"
    assert plain.schedule_group == "rc-churn"


def test_an_empty_section_is_one(tmp_path: Path) -> None:
    assert load(tmp_path, "infra: {}\n").infra.makes("keys")
    assert load(tmp_path, "infra:\n").infra.is_used is False, "nothing takes it back"


@pytest.mark.parametrize(
    "layout", ["{metrics: code/infra}", "{models: all, code: all/code}", "{features: 'code{version}'}"]
)
def test_jobs_write_nowhere_where_code_is(tmp_path: Path, layout: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, f"layout: {layout}\ninfra: {{bucket: existing}}\n")
    assert {problem.what for problem in caught.value.problems} >= {
        "in dev jobs write here, and layout.code is what deployments take"
    }
    assert load(tmp_path, f"layout: {layout}\n").layout.code, "without a stack nothing is taken from there"


def test_with_it_what_is_not_named_is_made(tmp_path: Path) -> None:
    role = "arn:aws:iam::123456789012:role/Ours"
    project = load(tmp_path, f"environment_suffix: true\nrole: {role}\ninfra: {{bucket: existing}}\n")
    assert project.infra.made == {
        "pipeline_role", "state_machines.role", "scheduler.role", "scheduler.dead_letter_queue", "keys",
    }  # fmt: skip
    assert project.role == role
    assert project.pipeline_role == "arn:aws:iam::123456789012:role/SageMaker-Rc-Churn-Dev-PipelineRole"
    assert project.state_machine_log_group == "/aws/vendedlogs/states/rc-churn-dev"
    assert project.infra.stack == "acme-sm-rc-churn-dev"


def test_what_is_found_by_tag_is_not_made(tmp_path: Path) -> None:
    find = "find: {subnets: {Tier: private}, security_groups: {training: {Name: t}}}"
    project = load(tmp_path, f"infra: {{key: none, vpc: vpc-0a1b2c3d, {find}}}\n")
    assert project.infra.find == {"subnets": {"Tier": "private"}, "training": {"Name": "t"}}
    assert {key for key in project.infra.made if "groups" in key} == {
        "network.security_groups.processing",
        "network.security_groups.inference",
    }
    assert project.unmade == ("network.subnets",)


def test_what_aws_has_told_is_used(tmp_path: Path) -> None:
    outputs = tmp_path / "config" / "outputs"
    outputs.mkdir(parents=True)
    key = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    groups = '{"processing": ["sg-0a1b2c3d"], "training": ["sg-0a1b2c3e"], "inference": ["sg-0a1b2c3f"]}'
    told = f'{{"key": "{key}", "security_groups": {groups}}}'
    (outputs / "dev.json").write_text(told, encoding="utf-8")
    project = load(tmp_path, "infra: {vpc: vpc-0a1b2c3d}\nnetwork: {subnets: [subnet-0a1b2c3d]}\n")
    assert (project.volume_key, project.output_key) == (key, key)
    assert project.security_groups["training"] == ("sg-0a1b2c3e",)
    assert project.unmade == ()


def test_a_pushed_image_takes_the_place_of_noughts_and_of_nothing_else(tmp_path: Path) -> None:
    repository, pushed = "123456789012.dkr.ecr.us-east-1.amazonaws.com/acme/report", "@sha256:" + "ab" * 32
    outputs = tmp_path / "config" / "outputs"
    outputs.mkdir(parents=True)
    names = ("noughts", "open", "tagged", "other")
    told = ", ".join(f'"{name}": "{repository}{pushed}"' for name in names)
    (outputs / "dev.json").write_text(f'{{"images": {{{told}}}}}', encoding="utf-8")
    noughts = f"{repository}@sha256:{'0' * 64}"
    images = f"{{noughts: '{noughts}', open: {repository}, tagged: '{repository}:1', other: {repository}-2}}"
    project = load(tmp_path, f"images: {images}\n")
    assert project.image("noughts") == project.image("open") == repository + pushed
    assert project.image("tagged") == f"{repository}:1"
    assert project.image("other") == f"{repository}-2"


@pytest.mark.parametrize(
    ("text", "field", "what"),
    [
        ("infra: {replica_region: us-east-1}\n", "infra.replica_region", "in the Region that the bucket is in"),
        ("infra: {endpoints: {services: [kms]}}\n", "infra.endpoints.services", "not said in which VPC"),
        ("infra: {retention: {states: 31}}\n", "infra.retention.states", "cannot be kept for 31 days"),
        (
            "infra: {bucket: existing, replica_region: us-west-2}\n",
            "infra.replica_region",
            "its replication is its owner's",
        ),
        ("infra: {alert_emails: [a@b.com, a@b.com]}\n", "infra.alert_emails", "'a@b.com' stands here more than once"),
        ("infra: {studio_roles: [Ours, Theirs, Ours]}\n", "infra.studio_roles", "'Ours' stands here more than once"),
        (
            "infra: {permissions_boundary: 'arn:aws:iam::999999999999:policy/B'}\n",
            "infra.permissions_boundary",
            "not of the account 123456789012",
        ),
    ],
)
def test_what_cannot_be_together_is_said(tmp_path: Path, text: str, field: str, what: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, text)
    assert [(one.field, what in one.what) for one in caught.value.problems] == [(field, True)]


@pytest.mark.parametrize("owner", ["123456789012", "aws"])
def test_a_boundary_is_of_the_account_or_of_aws(tmp_path: Path, owner: str) -> None:
    arn = f"arn:aws:iam::{owner}:policy/Boundary"
    assert load(tmp_path, f"infra: {{permissions_boundary: '{arn}'}}\n").infra.permissions_boundary == arn


TWO = "dev:\n  infra: {platform: true}\nstaging:\n  infra: {platform: true}\n"


def test_what_an_account_has_once_is_of_one_environment(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, TWO)
    (problem,) = caught.value.problems
    assert (problem.field, "in staging it is true as in dev" in problem.what) == ("infra.platform", True)
    assert load(tmp_path, TWO + '  account_id: "444455556666"\n').infra.platform, "another account has its own"
    assert load(tmp_path, "infra: {platform: true}\n").infra.platform, "this machine has no stack"


def test_entries_of_another_kind_are_told_of_as_such(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="a mapping stands where"):
        load(tmp_path, "infra: {alert_emails: [{a: b}, {a: b}]}\n")
