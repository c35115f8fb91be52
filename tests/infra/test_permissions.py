"""The template's roles: right by AWS's table, and enough for what services do for the example's pipelines.

What the engines' own calls need is held against them where these are made: in every test with the fixture `aws`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import identities
import pytest
from iam_checker import template_findings
from iam_simulator import allowed
from identities import Identity
from infra.sites import NETWORK, project, workload
from permissions import Need
from services import needs_of_machine, needs_of_pipeline, needs_of_schedule

from dagwright.infra.stack import template_of
from dagwright.infra.workload import Workloads

ENVIRONMENTS = ("dev", "staging", "production")
PIPELINES = [path for path in sorted(identities.GOLDEN.glob("*.json")) if "." not in path.stem]
MACHINES = sorted(identities.GOLDEN.glob("*.asl.json"))
ROLE = "arn:aws:iam::123456789012:role/theirs"
EVERYTHING = ("Processing", "Training", "Tuning", "Transform", "Model", "RegisterModel", "Lambda", "Callback", "EMR")
HERE = "infra: {platform: false}\n"
EDGES = {
    "without a VPC": "infra: {platform: true}\n",
    "in a VPC": f"{NETWORK}infra: {{vpc: vpc-0a1b2c3d, platform: true}}\n",
    "with roles that are there": f"role: {ROLE}\npipeline_role: {ROLE}\nscheduler: {{role: {ROLE}}}\n{HERE}",
    "with a bucket that is there": "bucket: theirs\ninfra: {bucket: existing}\n",
    "with a key of its own": f"keys: {{volume: 1234abcd-12ab-34cd-56ef-1234567890ab, output: alias/theirs}}\n{HERE}",
    "in a second Region": "infra: {replica_region: us-west-2}\n",
    "in China": "region: cn-north-1\ninfra: {platform: true}\n",
    "with people": "infra: {studio_roles: [A, B], approver_roles: [C], github_repository: acme/churn}\n",
}


def identity(role: str, environment: str = "dev") -> Identity:
    return Identity(role, identities.CONFIGURATION.read_text(encoding="utf-8"), environment)


def missing(who: Identity, needs: Iterable[Need]) -> list[str]:
    documents = identities.policies(who)
    return sorted({str(one) for one in needs if not allowed(documents, one.action, one.resource, one.context)})


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_policy_of_the_example_is_right(environment: str) -> None:
    settings = identities.project_of(identity("deployer", environment))
    assert template_findings(template_of(settings, identities.workloads(settings)).as_json()) == []


@pytest.mark.parametrize("text", EDGES.values(), ids=EDGES.keys())
def test_every_policy_of_other_configurations_is_right(text: str) -> None:
    base = text if text.startswith("region:") else f"region: us-east-1\n{text}"
    settings = project(base, base='company: acme\nteam: rc\nproject: churn\naccount_id: "123456789012"\n')
    template = template_of(settings, Workloads((workload(kinds=EVERYTHING), workload("second"))))
    assert template_findings(template.as_json()) == []


@pytest.mark.parametrize("environment", ENVIRONMENTS)
@pytest.mark.parametrize("path", PIPELINES, ids=lambda path: path.stem)
def test_the_pipelines_role_may_do_what_every_step_needs(path: Any, environment: str) -> None:
    who = identity("pipeline", environment)
    definition = json.loads(identities.emitted(path, identities.project_of(who)))
    assert missing(who, needs_of_pipeline(definition, identities.account_of(who))) == []


@pytest.mark.parametrize("path", MACHINES, ids=lambda path: path.stem)
def test_the_machines_role_may_do_what_every_state_needs(path: Any) -> None:
    who = identity("machine")
    text = identities.emitted(path, identities.project_of(who))
    assert missing(who, needs_of_machine(text, identities.account_of(who), logged=True)) == []


@pytest.mark.parametrize(
    "target", ["sagemaker:us-east-1:123456789012:pipeline/", "states:us-east-1:123456789012:stateMachine:"]
)
def test_the_schedulers_role_may_start_what_is_scheduled(target: str) -> None:
    who = identity("scheduler")
    settings = identities.project_of(who)
    queue = settings.dead_letter_queue or "arn:aws:sqs:us-east-1:123456789012:rc-churn-dev-dead-letters"
    arn = f"arn:aws:{target}{settings.pipeline_name('training')}"
    assert missing(who, needs_of_schedule({"Arn": arn, "DeadLetterConfig": {"Arn": queue}})) == []


def test_nobody_may_start_or_pass_what_is_of_others() -> None:
    other = "arn:aws:sagemaker:us-east-1:123456789012:pipeline/rc-other-training"
    admin = Need(
        "iam:PassRole", "arn:aws:iam::123456789012:role/Admin", {"iam:PassedToService": "sagemaker.amazonaws.com"}
    )
    for role in ("jobs", "pipeline", "machine", "scheduler", "trigger", "submitter", "approver"):
        for need in (
            Need("sagemaker:StartPipelineExecution", other),
            admin,
            Need("s3:GetObject", "arn:aws:s3:::other/a"),
        ):
            assert missing(identity(role), [need]) == [str(need)], role


def test_no_job_may_create_another_and_no_pipeline_approves_itself() -> None:
    account = identities.account_of(identity("jobs"))
    job = Need("sagemaker:CreateProcessingJob", account.arn("sagemaker", "processing-job/rc-churn-a"))
    assert missing(identity("jobs"), [job]) == [str(job)]
    package = account.arn("sagemaker", "model-package/rc-churn/1")
    approved = Need("sagemaker:UpdateModelPackage", package, {"sagemaker:ModelApprovalStatus": "Approved"})
    for role in ("jobs", "pipeline", "machine", "submitter", "trigger", "scheduler"):
        assert missing(identity(role), [approved]) == [str(approved)], role
    assert missing(identity("approver"), [approved]) == []
