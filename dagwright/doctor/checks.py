"""The table of what is looked at, in the order of the checklists, and the walk along it.

In: a `Ward`, or a `Machine`. Out: findings in the order of the table, although AWS is asked for several at once. A
check that fails says so and ends no other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from dagwright.doctor import identity, images, logs, network, offline, quotas, schedules, stack, storage
from dagwright.doctor.findings import Finding, Said, not_seen
from dagwright.doctor.ward import DeniedError, Ward, seen
from dagwright.errors import AWSError

if TYPE_CHECKING:
    from dagwright.doctor.machine import Machine

_AT_ONCE = 8
# What of a project is looked at on this machine as well.
_ALSO_HERE = ("configuration", "pipelines", "schedules-declared")
_On = TypeVar("_On")


@dataclass(frozen=True)
class Check(Generic[_On]):
    """One row: what it is called in `--json`, its heading, who looks, and the permissions that this takes."""

    code: str
    group: str
    look: Callable[[_On], Iterable[Said]]
    permissions: tuple[str, ...] = ()

    def findings(self, on: _On) -> list[Finding]:
        """What it finds. An error that nobody expected is said, and keeps nothing else from being looked at."""
        found: list[Said] = []
        try:
            found.extend(seen(self.code, iter(self.look(on))))
        except Exception as error:
            what = f"{self.code}: this is a bug of dagwright: {type(error).__name__}: {error}"
            found.append(not_seen(what, "Please report it."))
        return [Finding(self.code, self.group, *one) for one in found]


OFFLINE: tuple[Check[Ward], ...] = (
    Check("configuration", "Definitions", offline.configuration),
    Check("pipelines", "Definitions", offline.pipelines),
    Check("time-limits", "Definitions", offline.time_limits),
    Check("isolation", "Definitions", offline.isolation),
    Check("digests", "Definitions", offline.digests),
    Check("network-named", "Definitions", offline.network),
    Check("keys-named", "Definitions", offline.keys),
    Check("schedules-declared", "Definitions", offline.schedules),
    Check("outputs", "Definitions", offline.outputs),
)
CREDENTIALS = Check("credentials", "Identity", identity.credentials, ("sts:GetCallerIdentity",))
ON_AWS: tuple[Check[Ward], ...] = (
    Check("region", "Identity", identity.region, ("sagemaker:ListPipelines", "states:ListStateMachines")),
    Check("roles", "Identity", identity.roles, ("iam:GetRole",)),
    Check("role-trust", "Identity", identity.trust, ("iam:GetRole",)),
    Check("role-policies", "Identity", identity.policies, ("iam:GetRole", "iam:ListAttachedRolePolicies")),
    Check(
        "role-passing",
        "Identity",
        identity.passing,
        ("sts:GetCallerIdentity", "iam:GetRole", "iam:SimulatePrincipalPolicy"),
    ),
    Check("bucket", "Storage", storage.bucket, ("s3:ListBucket",)),
    Check(
        "bucket-encryption",
        "Storage",
        storage.encryption,
        ("s3:ListBucket", "s3:GetEncryptionConfiguration", "kms:DescribeKey"),
    ),
    Check("bucket-public-access", "Storage", storage.public_access, ("s3:ListBucket", "s3:GetBucketPublicAccessBlock")),
    Check("bucket-versioning", "Storage", storage.versioning, ("s3:ListBucket", "s3:GetBucketVersioning")),
    Check("bucket-tls", "Storage", storage.tls, ("s3:ListBucket", "s3:GetBucketPolicy")),
    Check("bucket-code", "Storage", storage.code, ("s3:ListBucket",)),
    Check("keys", "Storage", storage.keys, ("kms:DescribeKey",)),
    Check("key-rotation", "Storage", storage.rotation, ("kms:DescribeKey", "kms:GetKeyRotationStatus")),
    Check("subnets", "Network", network.subnets, ("ec2:DescribeSubnets",)),
    Check("addresses", "Network", network.addresses, ("ec2:DescribeSubnets",)),
    Check(
        "security-groups",
        "Network",
        network.security_groups,
        ("ec2:DescribeSecurityGroups", "ec2:DescribeSubnets"),
    ),
    Check("group-reach", "Network", network.reach, ("ec2:DescribeSecurityGroups",)),
    Check("group-egress", "Network", network.egress, ("ec2:DescribeSecurityGroups",)),
    Check(
        "way-to-s3",
        "Network",
        network.ways_to_s3,
        ("ec2:DescribeSubnets", "ec2:DescribeRouteTables", "ec2:DescribeVpcEndpoints"),
    ),
    Check(
        "way-to-services",
        "Network",
        network.ways_to_services,
        ("ec2:DescribeSubnets", "ec2:DescribeRouteTables", "ec2:DescribeVpcEndpoints"),
    ),
    Check("images", "Images", images.own_images, ("ecr:DescribeRepositories", "ecr:DescribeImages")),
    Check("images-of-others", "Images", images.aws_images),
    Check("quotas", "Quotas", quotas.machines, ("servicequotas:ListServiceQuotas",)),
    Check("job-logs", "Logs", logs.job_logs, ("logs:DescribeLogGroups",)),
    Check("machine-logs", "Logs", logs.machine_logs, ("logs:DescribeLogGroups",)),
    Check("schedule-group", "Schedules", schedules.group, ("scheduler:GetScheduleGroup",)),
    Check("schedules", "Schedules", schedules.each, ("scheduler:GetSchedule",)),
    Check("schedule-queue", "Schedules", schedules.queue, ("sqs:GetQueueUrl", "sqs:GetQueueAttributes")),
    Check("schedule-drops", "Schedules", schedules.drops, ("cloudwatch:GetMetricStatistics",)),
    Check("stack", "Deployment", stack.stack, ("cloudformation:DescribeStacks",)),
    Check("alarms", "Deployment", stack.alarms, ("cloudwatch:DescribeAlarms",)),
    Check("topic", "Deployment", stack.topic, ("sns:ListSubscriptionsByTopic",)),
    Check("package-groups", "Deployment", stack.package_groups, ("sagemaker:DescribeModelPackageGroup",)),
    Check("deployed", "Deployment", stack.pipelines, ("sagemaker:DescribePipeline", "states:DescribeStateMachine")),
)


def machine_checks() -> tuple[Check[Machine], ...]:
    """The rows of this machine, whose engine is imported for them alone."""
    from dagwright.doctor import machine

    return (
        Check("python", "Machine", machine.python),
        Check("sandbox", "Machine", machine.sandbox),
        Check("folder", "Machine", machine.folder),
        Check("disk", "Machine", machine.disk),
        Check("image-environments", "Machine", machine.images),
        Check("spark", "Machine", machine.spark),
        Check("docker", "Machine", machine.docker),
        Check("extras", "Machine", machine.extras),
    )


def walk(ward: Ward, *, is_offline: bool = False) -> Iterator[Finding]:
    """What is found in an environment on AWS. Without credentials, or with those of another account, AWS is left
    alone, which is one line."""
    for check in OFFLINE:
        yield from check.findings(ward)
    if is_offline:
        return
    who = _identity(ward)
    yield from who
    if any(one.status == "problem" for one in who):
        return
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        for found in threads.map(lambda check: check.findings(ward), ON_AWS):
            yield from found


def _identity(ward: Ward) -> Sequence[Finding]:
    try:
        ward.read("sts", "get_caller_identity")
    except DeniedError:
        pass  # whose they are cannot be seen; what they may do can
    except AWSError as error:
        what = f"AWS cannot be asked: {error.message.partition(': ')[2]}"
        return [Finding(CREDENTIALS.code, CREDENTIALS.group, "problem", what, error.hint)]
    return CREDENTIALS.findings(ward)


def walk_here(machine: Machine, ward: Ward | None) -> Iterator[Finding]:
    """What is found on this machine, and of the project, if its configuration can be read."""
    for check in OFFLINE:
        if ward is not None and check.code in _ALSO_HERE:
            yield from check.findings(ward)
    for row in machine_checks():
        yield from row.findings(machine)
