"""Who deploys, and what nobody of them may: as IAM evaluates the policies that the template holds."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from iam_checker import template_findings
from iam_simulator import allowed
from iam_templates import Template as Resolved
from iam_templates import places_of, policies_of
from infra.deployments import ENVIRONMENTS, GITHUB, GOLDEN, deployed, every_type, example, golden, site_of
from infra.role_sites import FOREIGN, KEY, NETWORK, foreign
from infra.role_sites import site_of as role_site

from dagwright.definition.uses import Uses
from dagwright.errors import ConfigurationError, InternalError
from dagwright.infra.boundary import boundary_of
from dagwright.infra.deploying import add_deploying
from dagwright.infra.deploying.administrators import ADMINISTRATORS
from dagwright.infra.roles import add_roles
from dagwright.infra.template import Template
from dagwright.infra.workload import Workload, Workloads
from dagwright.project import partition_of

ACCOUNT = "123456789012"
ROLES = f"arn:aws:iam::{ACCOUNT}:role/SageMaker-Rc-Churn-Dev"
POLICIES = f"arn:aws:iam::{ACCOUNT}:policy/SageMaker-Rc-Churn-Dev"
STACK = f"arn:aws:cloudformation:us-east-1:{ACCOUNT}:stack/acme-sm-rc-churn-dev/1a2b"
PIPELINES = f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:pipeline"
MACHINES = f"arn:aws:states:us-east-1:{ACCOUNT}:stateMachine"
BUCKET = "arn:aws:s3:::acme-sm-rc-churn"
PASSED_TO, BOUNDED_BY = "iam:PassedToService", "iam:PermissionsBoundary"
BROKEN = ("public", "expected", "dangling-names")
DEFINITIONS = sorted(path for path in FOREIGN.glob("*.json") if path.stem not in BROKEN)
DEPLOYER, PLANNER = "DeployerRole", "PlanRole"


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Resolved:
    """One that holds every type."""
    return Resolved(deployed(site_of(tmp_path_factory.mktemp("project")), everything=True))


def may(template: Resolved, role: str, action: str, resource: str, key: str = "", value: str = "") -> bool:
    """Whether a role may do something, in a request that says `value` for the condition key."""
    return allowed(policies_of(template, role), action, resource, {key: value} if key else {})


def stack_may(template: Resolved, action: str, resource: str, key: str = "", value: str = "") -> bool:
    """Whether CloudFormation may do something when the deployer has it change the stack."""
    called = {"aws:CalledVia": ["cloudformation.amazonaws.com"]} | ({key: value} if key else {})
    through = allowed(policies_of(template, DEPLOYER), action, resource, called)
    assert not allowed(policies_of(template, PLANNER), action, resource, called) or ":Describe" in action
    return through


def trust_of(template: Resolved, role: str) -> Any:
    statements = template.resolved(template.resources[role]["Properties"]["AssumeRolePolicyDocument"])["Statement"]
    assert len(statements) == 1
    return statements[0]


# ---- as a whole ----


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_example_is_its_golden_file(environment: str) -> None:
    written = (GOLDEN / f"{environment}.deploying.json").read_text(encoding="utf-8")
    assert golden(environment) == written, "python -m infra.deployments in tests/ writes it anew"


@pytest.mark.parametrize("everything", [False, True])
@pytest.mark.parametrize("region", ["us-east-1", "cn-north-1", "us-gov-west-1"])
def test_policies_have_no_findings_in_any_partition(tmp_path: Path, region: str, everything: bool) -> None:
    text = deployed(site_of(tmp_path, region=region), everything=everything)
    ours = {name: one for name, one in text["Resources"].items() if name in ADMINISTRATORS}
    start = f"arn:{partition_of(region)}:"
    arns = re.findall(r'arn:[^"]*', json.dumps(ours))
    assert arns
    assert [arn for arn in arns if not arn.startswith(start)] == []
    if region == "us-east-1":
        assert template_findings(text) == []


def test_keys_known_by_an_alias_are_used_through_cloudformation_and_no_others(tmp_path: Path) -> None:
    site = site_of(tmp_path, f"{GITHUB}\nkeys: {{output: alias/ours}}")
    found = Resolved(deployed(site, everything=True))
    key, named = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/another", "kms:ResourceAliases"
    assert stack_may(found, "kms:CreateGrant", key, named, "alias/ours")
    assert not stack_may(found, "kms:CreateGrant", key, named, "alias/theirs")
    assert not may(found, DEPLOYER, "kms:CreateGrant", key, named, "alias/ours")


def test_no_policy_is_over_the_limits(template: Resolved) -> None:
    kinds = {place.where.partition(".")[0]: place.kind for place in places_of(template)}
    assert kinds[DEPLOYER] != "inline", "with every type it takes several managed policies"
    assert template_findings({"Resources": template.resources}) == []
    attached = template.resources[DEPLOYER]["Properties"]["ManagedPolicyArns"]
    assert 1 < len(attached) <= 10
    assert {one["Ref"] for one in attached} <= ADMINISTRATORS


def test_cfn_lint_finds_nothing(tmp_path: Path) -> None:
    for name, infra, region in (
        ("github", GITHUB, "us-east-1"),
        ("alone", "{key: none}", "cn-north-1"),
        ("bounded", "{permissions_boundary: 'arn:aws:iam::123456789012:policy/all'}", "us-east-1"),
    ):
        text = deployed(site_of(tmp_path, infra, region))
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(text), encoding="utf-8")
        command = [f"{Path(sys.executable).parent}/cfn-lint", str(path), "-c", "I", "-r", region]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.stdout == ""
        assert done.returncode == 0, done.stderr


# ---- who comes in ----


def test_a_deployment_is_of_one_repository_and_one_environment(template: Resolved) -> None:
    github = "token.actions.githubusercontent.com"
    for role, event in ((DEPLOYER, "environment:dev"), (PLANNER, "pull_request")):
        trust = trust_of(template, role)
        assert trust["Action"] == ["sts:AssumeRoleWithWebIdentity"]
        assert trust["Principal"] == {"Federated": f"arn:aws:iam::{ACCOUNT}:oidc-provider/{github}"}
        equal = {f"{github}:aud": "sts.amazonaws.com", f"{github}:sub": f"repo:acme/churn:{event}"}
        assert trust["Condition"] == {"StringEquals": equal}


def test_the_provider_is_made_once_in_an_account(tmp_path: Path) -> None:
    assert "GitHubProvider" in deployed(site_of(tmp_path))["Resources"]
    text = deployed(site_of(tmp_path, "{github_repository: acme/churn}"))
    assert "GitHubProvider" not in text["Resources"]
    arn = f"arn:aws:iam::{ACCOUNT}:oidc-provider/token.actions.githubusercontent.com"
    assert trust_of(Resolved(text), DEPLOYER)["Principal"] == {"Federated": arn}


def test_without_a_repository_nobody_deploys_but_who_has_the_rights(tmp_path: Path) -> None:
    text = deployed(site_of(tmp_path, "{platform: true, key: none}"))
    assert [*text["Resources"]] == ["Boundary"]
    assert [*text["Outputs"]] == ["BoundaryArn"]


# ---- the deployer ----

PASSED = {
    "PipelineRole": "sagemaker",
    "StepFunctionsRole": "states",
    "SchedulerRole": "scheduler",
}


def test_the_deployer_hands_each_role_to_its_service_and_no_other(template: Resolved) -> None:
    services = ["sagemaker", "states", "scheduler", "cloudformation", "lambda", "ec2"]
    others = [f"{ROLES}-{word}" for word in ("ExecutionRole", "DeployerRole", "PlanRole", "TriggerRole")]
    for role in [f"{ROLES}-{word}" for word in PASSED] + others + [f"arn:aws:iam::{ACCOUNT}:role/Admin"]:
        for service in services:
            right = PASSED.get(role.rpartition("-")[2]) == service
            given = may(template, DEPLOYER, "iam:PassRole", role, PASSED_TO, f"{service}.amazonaws.com")
            assert given is right, (role, service)


def test_the_deployer_changes_no_role_and_no_policy(template: Resolved) -> None:
    for action in ("CreateRole", "PutRolePolicy", "AttachRolePolicy", "UpdateAssumeRolePolicy", "DeleteRole"):
        assert not may(template, DEPLOYER, f"iam:{action}", f"{ROLES}-ExecutionRole")
    assert not may(template, DEPLOYER, "iam:CreatePolicyVersion", f"{POLICIES}-Boundary")


def test_the_deployer_touches_nothing_of_another_project(template: Resolved) -> None:
    other = f"arn:aws:cloudformation:us-east-1:{ACCOUNT}:stack/acme-sm-rc-fraud-dev/1a2b"
    assert may(template, DEPLOYER, "cloudformation:ExecuteChangeSet", STACK)
    assert not may(template, DEPLOYER, "cloudformation:ExecuteChangeSet", other)
    assert may(template, DEPLOYER, "s3:PutObject", f"{BUCKET}/code/a")
    for place in ("arn:aws:s3:::acme-sm-rc-fraud/code/a", f"{BUCKET}/raw/a", f"{BUCKET}/models/a"):
        assert not may(template, DEPLOYER, "s3:PutObject", place)
    assert may(template, DEPLOYER, "sagemaker:UpdatePipeline", f"{PIPELINES}/rc-churn-training-dev")
    for name in ("rc-fraud-training-dev", "rc-churn-training-staging", "rc-churn-training"):
        assert not may(template, DEPLOYER, "sagemaker:UpdatePipeline", f"{PIPELINES}/{name}")
        assert not may(template, DEPLOYER, "states:UpdateStateMachine", f"{MACHINES}:{name}")
    repository = f"arn:aws:ecr:us-east-1:{ACCOUNT}:repository"
    assert may(template, DEPLOYER, "ecr:PutImage", f"{repository}/acme-sm-rc-churn/file-report")
    assert not may(template, DEPLOYER, "ecr:PutImage", f"{repository}/acme-sm-rc-fraud/file-report")


def test_names_that_begin_alike_are_told_apart_by_their_tags(template: Resolved) -> None:
    """`rc-churn-x-training-dev` may be this project's pipeline x-training, or training of a project churn-x."""
    arn = f"{PIPELINES}/rc-churn-x-training-dev"
    project, environment = (f"aws:ResourceTag/dagwright:{what}" for what in ("project", "environment"))
    assert may(template, DEPLOYER, "sagemaker:UpdatePipeline", arn, project, "rc-churn")
    assert not may(template, DEPLOYER, "sagemaker:UpdatePipeline", arn, project, "rc-churn-x")
    assert not may(template, DEPLOYER, "sagemaker:DeletePipeline", arn, environment, "production")
    machine = f"{MACHINES}:rc-churn-x-training-dev"
    assert not may(template, DEPLOYER, "states:UpdateStateMachine", machine, project, "rc-churn-x")


# ---- pull requests ----


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("cloudformation:ExecuteChangeSet", STACK),
        ("cloudformation:UpdateTerminationProtection", STACK),
        ("sagemaker:CreatePipeline", f"{PIPELINES}/rc-churn-training-dev"),
        ("sagemaker:UpdatePipeline", f"{PIPELINES}/rc-churn-training-dev"),
        ("sagemaker:StartPipelineExecution", f"{PIPELINES}/rc-churn-training-dev"),
        ("states:UpdateStateMachine", f"{MACHINES}:rc-churn-training-dev"),
        ("states:StartExecution", f"{MACHINES}:rc-churn-training-dev"),
        ("scheduler:UpdateSchedule", f"arn:aws:scheduler:us-east-1:{ACCOUNT}:schedule/rc-churn-dev/a"),
        ("ecr:PutImage", f"arn:aws:ecr:us-east-1:{ACCOUNT}:repository/acme-sm-rc-churn/file-report"),
        ("s3:PutObject", f"{BUCKET}/code/training/0a1b/train.py"),
        ("s3:PutObject", f"{BUCKET}/code/infra/0a1b.json"),
        ("s3:GetObject", f"{BUCKET}/raw/uploads/customers.csv"),
        ("iam:PassRole", f"{ROLES}-PipelineRole"),
    ],
)
def test_a_pull_request_changes_nothing(template: Resolved, action: str, resource: str) -> None:
    service = "sagemaker" if action == "iam:PassRole" else "cloudformation"
    assert not may(template, PLANNER, action, resource, key=PASSED_TO, value=f"{service}.amazonaws.com")
    if not action.endswith(("PassRole", "GetObject")):
        assert may(template, DEPLOYER, action, resource), "and a deployment does"


def test_a_pull_request_plans(template: Resolved) -> None:
    for action, resource in (
        ("sagemaker:DescribePipeline", f"{PIPELINES}/rc-churn-training-dev"),
        ("s3:GetObject", f"{BUCKET}/code/training/0a1b/train.py"),
        ("s3:PutObject", f"{BUCKET}/code/infra-plans/0a1b.json"),
        ("cloudformation:DescribeChangeSet", STACK),
        ("cloudformation:DeleteChangeSet", STACK),
        ("iam:SimulatePrincipalPolicy", f"{ROLES}-PlanRole"),
    ):
        assert may(template, PLANNER, action, resource), action


# ---- the stack's role, and what it may make of itself ----


def test_a_role_gets_rights_only_with_the_boundary(template: Resolved) -> None:
    bound, admin = f"{POLICIES}-Boundary", f"arn:aws:iam::{ACCOUNT}:policy/Other"
    for action in ("CreateRole", "PutRolePolicy", "AttachRolePolicy", "PutRolePermissionsBoundary"):
        role = f"{ROLES}-ExecutionRole"
        assert stack_may(template, f"iam:{action}", role, key=BOUNDED_BY, value=bound)
        assert not stack_may(template, f"iam:{action}", role, key=BOUNDED_BY, value=admin)
        assert not stack_may(template, f"iam:{action}", role)
        other = f"arn:aws:iam::{ACCOUNT}:role/SageMaker-Rc-Churn-ExecutionRole"
        assert not stack_may(template, f"iam:{action}", other, key=BOUNDED_BY, value=bound)
    assert not stack_may(template, "iam:DeleteRolePermissionsBoundary", f"{ROLES}-ExecutionRole")


@pytest.mark.parametrize("word", ["DeployerRole", "PlanRole"])
def test_the_stack_changes_nobody_who_deploys(template: Resolved, word: str) -> None:
    bound = (BOUNDED_BY, f"{POLICIES}-Boundary")
    for action in ("CreateRole", "PutRolePolicy", "AttachRolePolicy", "UpdateAssumeRolePolicy", "DeleteRole"):
        assert not stack_may(template, f"iam:{action}", f"{ROLES}-{word}", *bound)


@pytest.mark.parametrize("word", ["Boundary", "SubmitPolicy", "ApproverPolicy", "DeployerRole-1"])
def test_the_stack_changes_no_policy_but_of_its_workloads(template: Resolved, word: str) -> None:
    for action in ("CreatePolicy", "CreatePolicyVersion", "DeletePolicy", "SetDefaultPolicyVersion"):
        assert not stack_may(template, f"iam:{action}", f"{POLICIES}-{word}")
    assert stack_may(template, "iam:CreatePolicyVersion", f"{POLICIES}-ExecutionRole-1")


def test_the_stack_hands_on_what_the_stack_has(template: Resolved) -> None:
    trigger = f"{ROLES}-TriggerRole"
    assert stack_may(template, "iam:PassRole", trigger, key=PASSED_TO, value="lambda.amazonaws.com")
    assert not stack_may(template, "iam:PassRole", trigger, key=PASSED_TO, value="ec2.amazonaws.com")
    for word in ("ExecutionRole", "DeployerRole"):
        passed = (PASSED_TO, "lambda.amazonaws.com")
        assert not stack_may(template, "iam:PassRole", f"{ROLES}-{word}", *passed)


def test_what_is_kept_is_deleted_by_nobody(template: Resolved) -> None:
    for action, resource in (
        ("s3:DeleteBucket", BUCKET),
        ("ecr:DeleteRepository", f"arn:aws:ecr:us-east-1:{ACCOUNT}:repository/acme-sm-rc-churn/file-report"),
        ("sagemaker:DeleteModelPackageGroup", f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:model-package-group/rc-churn"),
        ("s3:DeleteObject", f"{BUCKET}/raw/a"),
    ):
        for role in (DEPLOYER, PLANNER):
            assert not may(template, role, action, resource), action
    assert stack_may(template, "sqs:DeleteQueue", f"arn:aws:sqs:us-east-1:{ACCOUNT}:rc-churn-dev-dead-letters")


def test_what_the_stack_does_not_hold_it_may_not_make(tmp_path: Path) -> None:
    alone = Resolved(deployed(site_of(tmp_path)))
    function = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:rc-churn-training-dev-trigger"
    assert not stack_may(alone, "lambda:CreateFunction", function)
    assert not stack_may(alone, "s3:CreateBucket", BUCKET)


def test_a_type_that_nobody_knows_is_our_mistake(tmp_path: Path) -> None:
    template = Template("for a test")
    template.add("Fleet", "AWS::EC2::EC2Fleet", {})
    with pytest.raises(InternalError, match="AWS::EC2::EC2Fleet"):
        add_deploying(template, site_of(tmp_path))


# ---- the boundary ----


def test_every_workload_role_of_the_example_is_within_its_boundary() -> None:
    """Whatever a role's own policy allows, the boundary allows too: nothing is lost silently."""
    nothing_is_lost(Resolved(example("dev").as_json()))


@pytest.mark.parametrize("path", DEFINITIONS, ids=lambda path: path.stem)
def test_the_roles_of_every_definition_are_within_their_boundary(path: Path, tmp_path: Path) -> None:
    for site in (role_site(tmp_path, NETWORK, [foreign(path.stem)]), role_site(tmp_path, KEY, [foreign(path.stem)])):
        template = Template("for a test")
        template.add("Key", "AWS::KMS::Key", {})
        add_roles(template, site)
        add_deploying(template, site)
        nothing_is_lost(Resolved(template.as_json()))


def nothing_is_lost(resolved: Resolved) -> None:
    boundary = resolved.resolved(resolved.resources["Boundary"]["Properties"]["PolicyDocument"])
    bounded = [name for name, one in resolved.resources.items() if _is_bounded(one)]
    assert "ExecutionRole" in bounded
    for role in bounded:
        for document in policies_of(resolved, role):
            for statement in document["Statement"]:
                assert _lost(statement, boundary) == [], (role, statement["Sid"])


def _is_bounded(resource: Mapping[str, Any]) -> bool:
    is_role: bool = resource["Type"] == "AWS::IAM::Role"
    return is_role and resource["Properties"].get("PermissionsBoundary") == {"Ref": "Boundary"}


def _lost(statement: dict[str, Any], boundary: dict[str, Any]) -> list[tuple[str, str]]:
    """Pairs of what a statement allows and the boundary does not, taking a wildcard for a letter."""
    if statement["Effect"] == "Deny":
        return []
    context = {
        key: values[0] if isinstance(values, list) and operator == "StringEquals" else values
        for operator, keys in statement.get("Condition", {}).items()
        if operator in ("StringEquals", "ForAnyValue:StringEquals")
        for key, values in keys.items()
    }
    return [
        (action, resource)
        for action in statement["Action"]
        for resource in statement["Resource"]
        if not allowed([boundary], action, resource if resource == "*" else resource.replace("*", "x"), context)
    ]


def test_the_boundary_opens_no_way_up(tmp_path: Path) -> None:
    resolved = Resolved(deployed(site_of(tmp_path)))
    boundary = [resolved.resolved(resolved.resources["Boundary"]["Properties"]["PolicyDocument"])]
    for action, resource in (
        ("iam:CreateRole", f"{ROLES}-ExecutionRole"),
        ("iam:PutRolePolicy", f"{ROLES}-ExecutionRole"),
        ("sts:AssumeRole", f"{ROLES}-DeployerRole"),
        ("cloudformation:ExecuteChangeSet", STACK),
        ("sagemaker:CreatePresignedDomainUrl", f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:user-profile/d/p"),
        ("sagemaker:CreateNotebookInstance", f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:notebook-instance/n"),
        ("s3:GetObject", "arn:aws:s3:::acme-sm-rc-fraud/raw/a"),
        ("s3:PutBucketPolicy", BUCKET),
        ("kms:PutKeyPolicy", f"arn:aws:kms:us-east-1:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"),
        ("lambda:InvokeFunction", f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:any"),
    ):
        assert not allowed(boundary, action, resource), action
    passed = {"iam:PassedToService": "sagemaker.amazonaws.com"}
    assert allowed(boundary, "iam:PassRole", f"{ROLES}-ExecutionRole", passed)
    assert not allowed(boundary, "iam:PassRole", f"{ROLES}-DeployerRole", passed)


def test_a_boundary_that_is_there_is_every_roles(tmp_path: Path) -> None:
    arn = f"arn:aws:iam::{ACCOUNT}:policy/everybody"
    site = site_of(tmp_path, f"{{github_repository: acme/churn, permissions_boundary: '{arn}'}}")
    assert boundary_of(site) == arn
    resources = deployed(site, everything=True)["Resources"]
    assert "Boundary" not in resources
    for role in (DEPLOYER, PLANNER):
        assert resources[role]["Properties"]["PermissionsBoundary"] == arn


def test_a_boundary_that_would_be_too_long_is_refused_with_a_way_out(tmp_path: Path) -> None:
    functions = tuple(f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:number-{number}" for number in range(200))
    work = Workloads((Workload("a", "rc-churn-a-dev", Uses(kinds=("Lambda",), functions=functions)),))
    with pytest.raises(ConfigurationError) as caught:
        deployed(site_of(tmp_path, workloads=work))
    assert caught.value.problems[0].field == "dev.infra.permissions_boundary"


# ---- what an administrator changes ----


def test_all_that_is_made_here_is_an_administrators(tmp_path: Path) -> None:
    site = site_of(tmp_path)
    made = deployed(site, everything=True)["Resources"].keys() - every_type(site).keys()
    assert made <= ADMINISTRATORS
    assert {"Boundary", "GitHubProvider", DEPLOYER, PLANNER} <= made
