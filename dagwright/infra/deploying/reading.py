"""What a plan needs: a site comes in, statements go out that let everything be compared and nothing be changed.

What `plan`, `validate`, `infra plan`, `infra outputs`, `infra drift` and `doctor` call.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from dagwright.infra.deploying.places import Places
from dagwright.infra.names import PLANNED
from dagwright.infra.policy import Statement
from dagwright.infra.roles import keys, storage
from dagwright.infra.roles.trigger_role import measured

if TYPE_CHECKING:
    from dagwright.infra.site import Site

_STACK = (
    "cloudformation:DescribeStacks",
    "cloudformation:DescribeStackEvents",
    "cloudformation:DescribeEvents",
    "cloudformation:DescribeStackResourceDrifts",
    "cloudformation:DescribeChangeSet",
    "cloudformation:DeleteChangeSet",
    "cloudformation:DetectStackDrift",
    "cloudformation:GetTemplate",
    "cloudformation:TagResource",
)
# AWS takes no resource for these (Service Authorization Reference), or alarms of the whole account.
_ANYWHERE = (
    "cloudformation:DescribeStackDriftDetectionStatus",
    "cloudwatch:DescribeAlarms",
    "cloudwatch:GetMetricStatistics",
    "ec2:DescribeRouteTables",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSubnets",
    "ec2:DescribeVpcEndpoints",
    "ec2:DescribeVpcs",
    "ecr:GetAuthorizationToken",
    "logs:DescribeLogGroups",
    "sagemaker:ListPipelines",
    "scheduler:ListSchedules",
    "servicequotas:ListServiceQuotas",
    "states:ListStateMachines",
)
_BUCKET = (
    "s3:ListBucket",
    "s3:GetBucketPolicy",
    "s3:GetBucketPublicAccessBlock",
    "s3:GetBucketVersioning",
    "s3:GetEncryptionConfiguration",
)


def planning(site: Site, *templates: str) -> Iterator[Statement]:
    """The statements; `templates` are the folders of the code that templates too long for a request are put into."""
    yield from _stack(site, templates or (PLANNED,))
    yield from _deployed(Places(site))
    yield from _surroundings(Places(site))
    yield Statement("LookAround", _ANYWHERE, ("*",))


def _stack(site: Site, templates: Sequence[str]) -> Iterator[Statement]:
    """A change set is the plan of a stack; made, it changes nothing."""
    places = Places(site)
    yield Statement("LookAtStack", _STACK, (places.stack,))
    yield Statement("PlanStack", ("cloudformation:CreateChangeSet",), (places.stack,))
    yield Statement("KeepTemplates", ("s3:PutObject",), places.code(*templates))
    yield from keys.key_statements(site, "UseKeys", keys.WRITE)


def _deployed(places: Places) -> Iterator[Statement]:
    """Pipelines, state machines and schedules as they are, and what of them lies in the bucket."""
    yield Statement("ReadPipelines", ("sagemaker:DescribePipeline", "sagemaker:ListTags"), places.pipelines)
    yield Statement("ReadTags", ("sagemaker:ListTags", "states:ListTagsForResource"), places.named_alike)
    yield Statement("ReadMachines", ("states:DescribeStateMachine", "states:ListTagsForResource"), places.machines)
    yield Statement("ReadSchedules", ("scheduler:GetSchedule",), (places.names.schedules,))
    yield Statement("ReadScheduleGroup", ("scheduler:GetScheduleGroup",), (places.names.schedule_group,))
    definitions = places.names.objects(places.site.project.layout.pipelines)
    yield Statement("ReadCode", ("s3:GetObject",), [*places.code(), *definitions])
    yield from storage.listing(places.site, "Measure", (), measured(places.site))


def _surroundings(places: Places) -> Iterator[Statement]:
    """What `doctor` looks at besides."""
    names, project = places.names, places.site.project
    yield Statement("LookAtBucket", _BUCKET, (names.bucket,))
    yield from keys.key_statements(places.site, "LookAtKeys", ("kms:GetKeyRotationStatus",))
    looks = ("iam:GetRole", "iam:ListAttachedRolePolicies", "iam:SimulatePrincipalPolicy")
    own = [names.deployer_role, names.plan_role]
    yield Statement("LookAtRoles", looks, [*places.workload_roles, *own])
    yield Statement("LookAtImages", ("ecr:DescribeRepositories", "ecr:DescribeImages"), places.repositories)
    group = names.arn("sagemaker", f"model-package-group/{project.model_package_group}")
    yield Statement("LookAtRegistry", ("sagemaker:DescribeModelPackageGroup",), (group,))
    queues = (
        places.site.dead_letter_queue,
        names.arn("sqs", names.dead_letter_queue),
        names.arn("sqs", names.trigger_queue),
    )
    attributes = ("sqs:GetQueueUrl", "sqs:GetQueueAttributes")
    yield Statement("LookAtQueues", attributes, [*dict.fromkeys(one for one in queues if one)])
    yield Statement("LookAtTopic", ("sns:ListSubscriptionsByTopic",), (names.arn("sns", names.topic),))
