"""The one table of what may stand in config/project.yaml.

Each row is a key: its dotted path, the form of its value, and what it is for. Reading the file, its error messages
and the JSON schema for editors all come from these rows. In a path, `*` stands for any name and `[]` for the items
of a list. Defaults that are made of other keys (role, bucket, tags) are in `project.py`.

`python -m dagwright.project_keys > config/project.schema.json` writes the schema.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, TypeAlias

Path: TypeAlias = "tuple[str, ...]"

ENVIRONMENTS = ("local", "dev", "staging", "production")
PURPOSES = ("processing", "training", "inference")
MAX_TAGS = 50


@dataclass(frozen=True)
class Form:
    """What a value must look like: its type, and for a text its pattern, said once for programs and once for people.

    `type` is JSON schema's word. The patterns are the intersection of Python's and ECMAScript's regular expressions.
    With `or_mapping` a mapping of the rows below may stand in its place, which is one value then: replaced whole.
    """

    type: str
    allowed: str = ""
    example: str = ""
    pattern: str = ""
    at_least: int | None = None
    at_most: int | None = None
    choices: tuple[str, ...] = ()
    items: Form | None = None
    names: Form | None = None
    one_of: tuple[str, ...] = ()
    or_mapping: bool = False


def _text(allowed: str, example: str, pattern: str, at_most: int | None = None) -> Form:
    return Form("string", allowed, example, f"^{pattern}$", at_most=at_most)


def _list(items: Form, at_most: int) -> Form:
    return Form("array", f"a list of up to {at_most}", items=items, at_most=at_most)


_NO_DOTS = r"(?!(.*/)?\.\.?(/|$))"
_TAG = r"(?![aA][wW][sS]:)[^\x00-\x1f\x21-\x2a\x2c;<>?\[\\\]\^`\x7b-\x7f]*"

GROUP = Form("object")
YES_NO = Form("boolean", "true or false", "true")
COUNT = Form("integer", "a whole number from 1", "2", at_least=1)
FROM_ZERO = Form("integer", "a whole number from 0", "10", at_least=0)
WORD = _text(
    "a name of lower-case letters and digits, with single hyphens between", "churn-model", r"[a-z0-9]+(-[a-z0-9]+)*"
)
ACCOUNT = _text("an account id of 12 digits", '"123456789012"', r"[0-9]{12}")
REGION = _text("a Region", "eu-west-1", r"[a-z]{2,5}(-[a-z]+)+-[0-9]+")
ROLE = _text(
    "the ARN of an IAM role",
    "arn:aws:iam::123456789012:role/Name",
    r"arn:aws[a-z\-]*:iam::[0-9]{12}:role/[a-zA-Z0-9_+=,.@\-/]+",
    2048,
)
BUCKET = _text(
    "a bucket name: 3 to 63 lower-case letters, digits, hyphens and dots, beginning and ending with a letter or digit",
    "acme-sm-rc-churn",
    r"(?!xn--)(?!.*\.\.)(?!.*-s3alias$)(?![0-9]+\.[0-9]+\.[0-9]+\.[0-9]+$)[a-z0-9][a-z0-9.\-]{1,61}[a-z0-9]",
)
PREFIX = _text(
    "a key prefix: letters, digits and _ . = - between single slashes, no '/' in front, no '..'",
    "raw/uploads",
    _NO_DOTS + r"[A-Za-z0-9_.=\-]+(/[A-Za-z0-9_.=\-]+)*/?",
    512,
)
VERSIONED_PREFIX = _text(
    "a key prefix with {version} in it once, no '/' in front, no '..'",
    "features/v{version}",
    _NO_DOTS + r"([A-Za-z0-9_.=\-]+/)*[A-Za-z0-9_.=\-]*\{version\}[A-Za-z0-9_.=\-]*(/[A-Za-z0-9_.=\-]+)*/?",
    512,
)
SUBNET = _text("a subnet id", "subnet-0a1b2c3d4e5f60718", r"subnet-([0-9a-f]{8}|[0-9a-f]{17})")
SECURITY_GROUP = _text("a security group id", "sg-0a1b2c3d4e5f60718", r"sg-([0-9a-f]{8}|[0-9a-f]{17})")
_KMS_ARN = r"(arn:aws[a-z\-]*:kms:[a-z0-9\-]+:[0-9]{12}:)"
_KMS_ID = r"(mrk-[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})"
OUTPUT_KEY = _text(
    "a KMS key: its ARN, its alias or its id",
    "alias/sagemaker-rc-churn",
    rf"{_KMS_ARN}?((key/)?{_KMS_ID}|alias/[a-zA-Z0-9/_\-]+)",
)
# An alias is not among the forms that botocore's model gives for ResourceConfig.VolumeKmsKeyId.
VOLUME_KEY = _text(
    "a KMS key: its ARN or its id, not an alias",
    "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
    rf"({_KMS_ARN}key/)?{_KMS_ID}",
)
TAG_NAME = _text(
    "a tag key: 1 to 128 letters, digits, spaces and _ . : / = + - @, not beginning with aws:",
    "CostCentre",
    r"(?=[\s\S])" + _TAG,
    128,
)
TAG_VALUE = _text(
    "a tag value: up to 256 letters, digits, spaces and _ . : / = + - @, not beginning with aws:", "4711", _TAG, 256
)
NAME = _text("a name of letters, digits and _ . -", "sklearn", r"[A-Za-z0-9][A-Za-z0-9_.\-]*", 128)
_OWN_IMAGE = _text(
    "an image: registry/repository with :tag or @sha256:digest, no spaces; or framework and version of one of AWS's",
    "123456789012.dkr.ecr.eu-west-1.amazonaws.com/training@sha256:...",
    r"[A-Za-z0-9\-]+(\.[A-Za-z0-9\-]+)*(:[0-9]+)?(/[a-z0-9]+([._\-]+[a-z0-9]+)*)+"
    r"(:[A-Za-z0-9_][A-Za-z0-9_.\-]{0,127})?(@sha256:[0-9a-f]{64})?",
    255,
)
IMAGE = replace(_OWN_IMAGE, or_mapping=True)
FRAMEWORK = _text("a framework: lower-case words joined by hyphens", "sklearn", r"[a-z0-9]+(-[a-z0-9]+)*", 64)
IMAGE_VERSION = _text("a version as in the image's tag", '"1.2-1"', r"[A-Za-z0-9][A-Za-z0-9_.\-]*", 64)
IMAGE_PYTHON = _text("a Python as in the image's tag", "py311", r"py[0-9]+", 16)
USE = Form("string", "processing, training or inference", choices=PURPOSES)
# Every size there is, by botocore's enums; which families have which is `validate`'s to say, that loads the enums.
INSTANCE_TYPE = _text(
    "an instance type, of which ml.t3.medium is the smallest",
    "ml.m5.xlarge",
    r"ml\.[a-z0-9\-]+\.(?!(small|micro|nano)$)[a-z0-9\-]+",
)
FILE = _text("a path", "config/environments/sklearn.txt", r"(?!\s)\S[^\x00]*")
GLOB = _text("an image address, in which * stands for anything", '"*/sagemaker-scikit-learn:1.2-*"', r"\S+")
FUNCTION = _text("a function's name or ARN, in which * stands for anything", "notify-*", r"\S+")
HANDLER = _text("a Python file and a function in it", "path/to/file.py:handler", r"[^:]+\.py:[A-Za-z_][A-Za-z0-9_]*")
PYTHON = _text("a Python version", '"3.9"', r"3\.[0-9]+(\.[0-9]+)?")
SCHEDULE_GROUP = _text("a name of letters, digits and _ . -", "rc-churn", r"[0-9a-zA-Z\-_.]+", 64)
QUEUE = _text(
    "the ARN of an SQS queue, not a FIFO one",
    "arn:aws:sqs:eu-west-1:123456789012:rc-churn-dead-letters",
    r"arn:aws[a-z\-]*:sqs:[a-z0-9\-]+:[0-9]{12}:[A-Za-z0-9_\-]{1,80}",
)
RULE = _text("the code of a rule: lower-case words joined by hyphens", "image-by-tag", r"[a-z0-9]+(-[a-z0-9]+)*")
SEVERITY = Form("string", "error, warning or off", choices=("error", "warning", "off"))
ENGINE = Form("string", "sagemaker or stepfunctions", choices=("sagemaker", "stepfunctions"))
LOG_GROUP = _text(
    "the name of a log group: letters, digits and _ - / . #",
    "/aws/vendedlogs/states/rc-churn",
    r"[A-Za-z0-9_\-/.#]+",
    512,
)
SANDBOX = Form("string", "auto, namespaces or paths", choices=("auto", "namespaces", "paths"))


@dataclass(frozen=True)
class Key:
    """One key of the file."""

    path: str
    form: Form
    description: str
    required: bool = False
    default: Any = None

    @property
    def parts(self) -> Path:
        """`environments[].image` -> ("environments", "[]", "image")."""
        return tuple(self.path.replace("[]", ".[]").split("."))


def _size(kind: str, *, own_limits: bool) -> tuple[Key, ...]:
    """The rows of one kind of job; a transform job has neither a volume to size nor a time limit to set."""
    at = f"sizes.{kind}"
    rows = (
        Key(at, GROUP, f"What a {kind} step gets that does not say itself."),
        Key(f"{at}.instance_type", INSTANCE_TYPE, f"Instance type of a {kind} job.", required=True),
        Key(f"{at}.instance_count", COUNT, f"How many instances a {kind} job gets.", default=1),
    )
    if not own_limits:
        return rows
    return (
        *rows,
        Key(f"{at}.volume_size_in_gb", COUNT, f"GB of storage on each instance of a {kind} job.", default=30),
        Key(f"{at}.max_runtime_in_seconds", COUNT, f"After how many seconds a {kind} job is stopped.", default=86400),
    )


KEYS: tuple[Key, ...] = (
    Key("company", WORD, "The company's short name; first word of the bucket.", required=True),
    Key(
        "team", WORD, "The team's short name; first word of pipelines, jobs and the model package group.", required=True
    ),
    Key("project", WORD, "The project's name; second word of pipelines and jobs.", required=True),
    Key("account_id", ACCOUNT, "The AWS account, in quotes: YAML reads bare digits as a number.", required=True),
    Key("region", REGION, "The AWS Region.", required=True),
    Key(
        "role",
        ROLE,
        "ARN of the role that jobs run under. "
        "Default: arn:{partition}:iam::{account_id}:role/SageMaker-{Team}-{Project}-ExecutionRole.",
    ),
    Key("pipeline_role", ROLE, "ARN of the role that pipelines run under, which creates the jobs. Default: {role}."),
    Key(
        "engine",
        ENGINE,
        "What runs pipelines on AWS where no --engine says it: SageMaker Pipelines, or Step Functions.",
        default="sagemaker",
    ),
    Key("state_machines", GROUP, "How pipelines run as state machines of Step Functions."),
    Key(
        "state_machines.role",
        ROLE,
        "ARN of the role that state machines run under, which creates the jobs. "
        "Default: arn:{partition}:iam::{account_id}:role/SageMaker-{Team}-{Project}-StepFunctionsRole.",
    ),
    Key(
        "state_machines.log_group",
        LOG_GROUP,
        "Log group that state machines write to; it has to be there. Default: /aws/vendedlogs/states/{team}-{project}.",
    ),
    Key("scheduler", GROUP, "How EventBridge Scheduler starts pipelines."),
    Key(
        "scheduler.role",
        ROLE,
        "ARN of the role that starts them. "
        "Default: arn:{partition}:iam::{account_id}:role/SageMaker-{Team}-{Project}-SchedulerRole.",
    ),
    Key("scheduler.group", SCHEDULE_GROUP, "The schedule group that holds them. Default: {team}-{project}."),
    Key("scheduler.dead_letter_queue", QUEUE, "ARN of the SQS queue that is told of starts that failed."),
    Key("bucket", BUCKET, "The project's bucket. Default: {company}-sm-{team}-{project}."),
    Key("layout", GROUP, "Where things lie in the bucket: key prefixes."),
    Key("layout.raw", PREFIX, "Data as it came in.", default="raw/uploads"),
    Key("layout.processed", PREFIX, "Data that processing steps wrote.", default="processed"),
    Key("layout.features", VERSIONED_PREFIX, "Feature sets, one per version.", default="features/v{version}"),
    Key("layout.models", PREFIX, "Model artefacts.", default="models"),
    Key("layout.metrics", PREFIX, "Evaluation reports.", default="metrics"),
    Key("layout.code", PREFIX, "Scripts and source folders, each under the hash of its content.", default="code"),
    Key("layout.pipelines", PREFIX, "Pipeline definitions.", default="pipelines"),
    Key("network", GROUP, "The VPC that jobs run in, and what may travel on it."),
    Key("network.subnets", _list(SUBNET, 16), "Private subnets; with none, jobs run outside a VPC."),
    Key(
        "network.security_groups", GROUP, "Security groups by purpose; every purpose is needed once there are subnets."
    ),
    *(
        Key(f"network.security_groups.{purpose}", _list(SECURITY_GROUP, 5), f"Security groups for {purpose}.")
        for purpose in PURPOSES
    ),
    Key("network.isolation", YES_NO, "Whether containers get no network and no AWS credentials.", default=False),
    Key("network.encrypt_traffic", YES_NO, "Whether traffic between instances of a job is encrypted.", default=False),
    Key("keys", GROUP, "KMS keys; without them AWS-managed encryption applies."),
    Key("keys.volume", VOLUME_KEY, "Key for the instances' storage volumes; types with local NVMe disks refuse one."),
    Key("keys.output", OUTPUT_KEY, "Key for what jobs write to S3."),
    Key(
        "tags",
        Form("object", names=TAG_NAME),
        "Tags on everything made on AWS, beside Company, Team, Project and Environment, which may be overridden here.",
    ),
    Key("tags.*", TAG_VALUE, "Value of the tag."),
    Key("images", Form("object", names=NAME), "Container images by the name that steps use."),
    Key("images.*", IMAGE, "Address of the image, better with its digest than with a tag; or which of AWS's it is."),
    Key("images.*.framework", FRAMEWORK, "Framework of an image of AWS's: see `deploy.py images`.", required=True),
    Key(
        "images.*.version", IMAGE_VERSION, "Version as in the image's tag; in quotes if it is a number.", required=True
    ),
    Key("images.*.python", IMAGE_PYTHON, "Python as in the image's tag; needed where there are several."),
    Key("images.*.use", USE, "What the image is for. Default: training, or what the framework is for."),
    Key("sizes", GROUP, "Machines and time limits for steps that do not say themselves."),
    *_size("processing", own_limits=True),
    *_size("training", own_limits=True),
    *_size("transform", own_limits=False),
    Key("sizing", Form("object", names=NAME), "Rules by which the size of an input gives machines; docs/sizing.md."),
    Key("sizing.*", Form("array", "a list of rows", at_least=1), "Rows by growing size; the first that holds counts."),
    Key("sizing.*[]", GROUP, "The machines for inputs below a size, or of any size."),
    Key("sizing.*[].below_gb", COUNT, "For inputs of less than so many GB of 10^9 bytes; without it for any."),
    Key("sizing.*[].instance_type", INSTANCE_TYPE, "Instance type of the job.", required=True),
    Key("sizing.*[].instance_count", COUNT, "How many instances the job gets.", default=1),
    Key("sizing.*[].volume_size_in_gb", COUNT, "GB of storage on each instance at least; it grows.", default=30),
    Key("sizing.*[].spark", YES_NO, "Whether the row is for Spark steps only.", default=False),
    Key("checks", Form("object", names=RULE), "How much a rule of `validate` counts here, by its code."),
    Key("checks.*", SEVERITY, "error, warning or off; without it the rule's own severity in this environment."),
    Key(
        "environment_suffix",
        YES_NO,
        "Whether pipelines of dev, staging and production end in -{environment}: for several in one account.",
        default=False,
    ),
)

LOCAL_KEYS: tuple[Key, ...] = (
    Key("environments", Form("array"), "What runs the jobs of which image. The first image that fits counts."),
    Key(
        "environments[]",
        Form("object", one_of=("interpreter", "requirements", "dockerfile")),
        "One image, and an interpreter, the requirements of an environment that is built once, or its Dockerfile.",
    ),
    Key("environments[].image", GLOB, "Images this holds for; * stands for anything.", required=True),
    Key("environments[].interpreter", FILE, "A Python interpreter, from the project's folder."),
    Key("environments[].requirements", FILE, "A requirements file, from the project's folder."),
    Key(
        "environments[].dockerfile",
        FILE,
        "The image's Dockerfile, from the project's folder; the folder it is in is what COPY copies from.",
    ),
    Key("environments[].python", PYTHON, "Python version of the environment, in quotes."),
    Key("lambdas", Form("object", names=FUNCTION), "Which local function stands in for which Lambda function."),
    Key("lambdas.*", HANDLER, "File and function, from the project's folder."),
    Key("max_parallel", COUNT, "How many steps run side by side. Default: as many as there are processors."),
    Key(
        "sandbox",
        SANDBOX,
        "How a job gets its own /opt/ml; auto takes the best that the system allows.",
        default="auto",
    ),
    Key("stop_grace_seconds", FROM_ZERO, "Seconds between asking a job to stop and ending it.", default=10),
    Key("copy_below_mib", FROM_ZERO, "Inputs below this many MiB are copied, larger ones are linked.", default=64),
)


@dataclass(frozen=True)
class Table:
    """Rows by path, and the names below each path."""

    rows: dict[Path, Key]
    below: dict[Path, tuple[str, ...]]

    def step(self, parent: Path, name: str) -> Path | None:
        """The row's path for `name` below the row `parent`, or None if there is no such key."""
        return next((row for row in ((*parent, name), (*parent, "*")) if row in self.rows), None)

    def is_part(self, row: Path) -> bool:
        """Whether the row is an item of a list or inside one, or a member of a mapping that is one value."""
        above = self.rows.get(row[:-1])
        return "[]" in row or (above is not None and above.form.or_mapping)

    def required(self, parent: Path) -> tuple[str, ...]:
        """The keys that must stand below `parent`."""
        paths = ((*parent, name) for name in self.below.get(parent, ()))
        return tuple(path[-1] for path in paths if self.rows[path].required)


@lru_cache(maxsize=2)
def table(local: bool) -> Table:
    """The keys of the base and of a section; with `local` those that only the local section has as well."""
    rows = {key.parts: key for key in (*KEYS, *(LOCAL_KEYS if local else ()))}
    below: dict[Path, tuple[str, ...]] = {}
    for path in rows:
        below[path[:-1]] = (*below.get(path[:-1], ()), path[-1])
    return Table(rows, below)


def project_schema() -> dict[str, Any]:
    """The JSON schema (draft 2020-12) of config/project.yaml, made from the table.

    It says what one key may hold. What several keys must be together (derived names, an account and its role) is
    checked when the file is read.
    """
    base, local = table(local=False), table(local=True)
    definitions = {name: _schema(local, (name,)) for name in local.below[()]}
    shared = {name: {"$ref": f"#/$defs/{name}"} for name in base.below[()]}
    own = {name: {"$ref": f"#/$defs/{name}"} for name in local.below[()]}
    sections = {
        name: {
            "description": f"What is different in {name}. Maps are merged, lists replaced; null takes a key back.",
            "type": ["object", "null"],
            "properties": own if name == "local" else shared,
            "additionalProperties": False,
        }
        for name in ENVIRONMENTS
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "config/project.yaml",
        "type": "object",
        "required": list(base.required(())),
        "properties": shared | sections,
        "additionalProperties": False,
        "$defs": definitions,
    }


def _schema(keys: Table, path: Path) -> dict[str, Any]:
    """One row and the rows below it; the table, which is ours, is five levels deep."""
    row = keys.rows[path]
    whole = path[-1] == "[]" or (row.required and (len(path) == 1 or keys.is_part(path)))
    schema = {"description": row.description, **_form_schema(row.form)}
    if row.form.or_mapping:
        members = {"type": "object", **_members(keys, path, keys.below[path])}
        return {"description": schema.pop("description"), "oneOf": [schema, members, {"type": "null"}]}
    if not whole:
        schema["type"] = [schema["type"], "null"]
    if "enum" in schema and not whole:
        schema["enum"] = [*schema["enum"], None]
    if row.default is not None:
        schema["default"] = row.default
    names = keys.below.get(path, ())
    if row.form.type == "array" and "[]" in names:
        schema["items"] = _schema(keys, (*path, "[]"))
    elif row.form.type == "object":
        schema |= _members(keys, path, names)
    return schema


def _members(keys: Table, path: Path, names: Path) -> dict[str, Any]:
    if names == ("*",):
        return {"additionalProperties": _schema(keys, (*path, "*"))}
    members: dict[str, Any] = {
        "properties": {name: _schema(keys, (*path, name)) for name in names},
        "additionalProperties": False,
    }
    if all(keys.is_part((*path, name)) for name in names):
        members["required"] = list(keys.required(path))
    return members


def _form_schema(form: Form) -> dict[str, Any]:
    least, most = {"string": ("minLength", "maxLength"), "array": ("minItems", "maxItems")}.get(
        form.type, ("minimum", "maximum") if form.type == "integer" else ("minProperties", "maxProperties")
    )
    entries: tuple[tuple[str, Any], ...] = (
        ("type", form.type),
        ("pattern", form.pattern),
        ("enum", list(form.choices)),
        ("examples", [form.example.strip('"')] if form.example and form.type == "string" else None),
        (least, form.at_least),
        (most, form.at_most),
        ("items", form.items and _form_schema(form.items)),
        ("propertyNames", form.names and _form_schema(form.names)),
        ("oneOf", [{"required": [name]} for name in form.one_of]),
    )
    return {name: value for name, value in entries if value not in (None, "", [])}


if __name__ == "__main__":
    import json
    import sys

    sys.stdout.write(json.dumps(project_schema(), indent=2) + "\n")
