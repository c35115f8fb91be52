"""The rows below `infra` of the table in `project_keys.py`: what of its surroundings a project makes."""

from __future__ import annotations

from dagwright import project_forms as forms
from dagwright.infra_settings import EXPIRING, RETAINED
from dagwright.project_forms import PURPOSES, Key

_TAGS = forms.Form("object", names=forms.TAG_NAME)
_RETAINED = {
    "processing": "logs of processing jobs; with `platform`, for the whole account and Region",
    "training": "logs of training jobs; with `platform`, for the whole account and Region",
    "transform": "logs of transform jobs; with `platform`, for the whole account and Region",
    "states": "logs of the state machines",
    "trigger": "logs of the Lambda triggers",
}
_EXPIRING = {
    "processed": "what processing steps wrote goes after so many days",
    "pipelines": "pipeline definitions that went through the bucket, of which AWS has a copy, go after so many days",
    "noncurrent": "overwritten and deleted objects can be brought back for so many days",
    "untagged_images": "images without a tag go after so many days",
}


def _tags(path: str, what: str) -> tuple[Key, Key]:
    return Key(path, _TAGS, f"Tags that {what}."), Key(f"{path}.*", forms.TAG_VALUE, "Value of the tag.")


INFRA_KEYS: tuple[Key, ...] = (
    Key("infra", forms.GROUP, "What the project's stack makes: `render --target infra`, docs/infrastructure.md."),
    Key("infra.stack", forms.STACK, "The stack's name. Default: {company}-sm-{team}-{project}-{environment}."),
    Key(
        "infra.platform",
        forms.YES_NO,
        "Whether the stack also holds what an account has once in a Region: SageMaker's log groups, the provider for "
        "GitHub, the shared repositories. True in one environment of an account at most.",
        default=False,
    ),
    Key("infra.bucket", forms.CREATE_OR_EXISTING, "Whether the stack makes the bucket.", default="create"),
    Key(
        "infra.key",
        forms.CREATE_OR_NONE,
        "Whether the stack makes a KMS key where `keys` names none; else AWS-managed encryption applies.",
        default="create",
    ),
    Key("infra.vpc", forms.VPC, "The VPC in which security groups and endpoints are made."),
    Key(
        "infra.find", forms.GROUP, "What is there already and found by its tags, by `infra upsert` or `infra outputs`."
    ),
    *_tags("infra.find.vpc", "only the VPC has"),
    *_tags("infra.find.subnets", "the private subnets have"),
    Key("infra.find.security_groups", forms.GROUP, "Security groups by purpose."),
    *(
        key
        for purpose in PURPOSES
        for key in _tags(f"infra.find.security_groups.{purpose}", f"the groups for {purpose} have")
    ),
    Key(
        "infra.group_prefix",
        forms.GROUP_PREFIX,
        "What the names of made security groups begin with; default: {team}-{project}, and the environment where it is "
        "a suffix.",
    ),
    Key("infra.endpoints", forms.GROUP, "VPC endpoints: those to be made, or how to reach those that are there."),
    Key(
        "infra.endpoints.services",
        forms.list_of(forms.ENDPOINT, 20),
        "Endpoints to be made, such as s3, sagemaker.api, logs, kms, sts.",
    ),
    Key("infra.endpoints.route_tables", forms.list_of(forms.ROUTE_TABLE, 20), "Route tables that lead to s3."),
    Key("infra.endpoints.security_group", forms.SECURITY_GROUP, "Security group of the endpoints that are there."),
    Key("infra.endpoints.s3_prefix_list", forms.PREFIX_LIST, "The Region's prefix list of S3: jobs may reach it."),
    Key("infra.retention", forms.GROUP, "After how many days logs go."),
    *(
        Key(f"infra.retention.{name}", forms.DAYS, f"Days for {_RETAINED[name]}.", default=days)
        for name, days in RETAINED.items()
    ),
    Key("infra.expire", forms.GROUP, "After how many days data goes."),
    *(
        Key(f"infra.expire.{name}", forms.DAYS, f"Days: {_EXPIRING[name]}.", default=days)
        for name, days in EXPIRING.items()
    ),
    Key("infra.alert_emails", forms.list_of(forms.EMAIL, 20), "Who is told of failures; each has to confirm once."),
    Key(
        "infra.github_repository",
        forms.GITHUB,
        "The repository whose workflows deploy; with it the stack makes the role for them.",
    ),
    Key(
        "infra.studio_roles",
        forms.list_of(forms.ROLE_NAME, 20),
        "Roles of people and of Studio that may run the pipelines: the policy is attached to them.",
    ),
    Key(
        "infra.approver_roles",
        forms.list_of(forms.ROLE_NAME, 20),
        "Roles of those who approve models: the policy is attached to them.",
    ),
    Key(
        "infra.permissions_boundary",
        forms.POLICY_ARN,
        "A permissions boundary that is there, for every role; default: one is made.",
    ),
    Key(
        "infra.replica_region",
        forms.REGION,
        "A second Region that bucket and images are replicated to: docs/disaster-recovery.md.",
    ),
    Key(
        "infra.suffix",
        forms.WORD,
        "What the names of the environment's things end in besides: the second Region's name, once the environment was "
        "restored there. Roles and dashboards have one name in all Regions.",
    ),
    Key(
        "infra.registry_readers",
        forms.list_of(forms.ACCOUNT, 20),
        "Accounts that may read the project's model packages and their images, such as production's.",
    ),
)
