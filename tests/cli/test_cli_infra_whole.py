"""The example's own stack, whole, from its configuration and pipelines to an account: what moto makes of it is asked of
the services, the rest is held by the golden files."""

from __future__ import annotations

import json

import pytest
from cli.deploying import Site, site

__all__ = ["site"]

STACK = "acme-sm-rc-churn-dev"


@pytest.mark.filterwarnings("ignore:Tried to parse")  # types that moto's CloudFormation does not know
def test_the_examples_stack_is_made_once_and_then_there_is_nothing_to_do(site: Site) -> None:
    site.aws.client("s3").delete_bucket(Bucket="acme-sm-rc-churn")  # the stack makes it
    site.edit("config/project.yaml", "platform: true # also", "platform: false # also")  # moto makes no OIDC provider
    for people in ("ChurnStudio", "ModelReviewers"):
        site.aws.client("iam").create_role(RoleName=people, AssumeRolePolicyDocument="{}")
    said = site("infra", "plan")
    assert said.code == 2, said.err
    assert "first Bucket, BucketPolicy, then all" in said.out
    said = site("infra", "upsert")
    assert said.code == 0, said.err
    assert site.aws.operations.count("ExecuteChangeSet") == 2, "the bucket first, then what goes through it"
    iam = site.aws.client("iam")
    for word in ("Execution", "Pipeline", "StepFunctions", "Scheduler", "Deployer", "Plan"):
        role = iam.get_role(RoleName=f"SageMaker-Rc-Churn-Dev-{word}Role")["Role"]
        assert role["AssumeRolePolicyDocument"]["Statement"][0]["Condition"], word
    repositories = site.aws.client("ecr").describe_repositories()["repositories"]
    assert {one["repositoryName"] for one in repositories} >= {"acme-sm-rc-churn/file-report"}
    rules = site.aws.client("events").list_rules(NamePrefix="rc-churn-dev-")["Rules"]
    assert len(rules) > 3
    queue = json.loads((site.folder / "config/outputs/dev.json").read_text(encoding="utf-8"))["dead_letter_queue"]
    assert queue.endswith(":rc-churn-dev-dead-letters")

    said = site("infra", "upsert")
    assert (said.code, f"{STACK}: nothing to change" in said.out) == (0, True), said.out
    assert "ExecuteChangeSet" not in site.aws.operations
    assert site("infra", "plan").code == 0
    assert site("infra", "outputs").code == 0


def test_the_second_regions_stack_is_made_there(site: Site) -> None:
    said = site("infra", "plan", "--replica", env="production")
    assert said.code in (1, 2)
    assert "us-west-2" in said.out or "444455556666" in said.err, said.err
    said = site("infra", "plan", "--replica")
    assert (said.code, "no infra.replica_region" in said.out) == (0, True)
