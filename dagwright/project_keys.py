"""The one table of what may stand in config/project.yaml.

Each row is a key: its dotted path, the form of its value, and what it is for. Reading the file, its error messages
and the JSON schema for editors all come from these rows. In a path, `*` stands for any name and `[]` for the items
of a list. Defaults that are made of other keys (role, bucket, tags) are in `project.py`.

`python -m dagwright.project_keys > config/project.schema.json` writes the schema.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

from dagwright import project_forms as forms
from dagwright.infra_keys import INFRA_KEYS
from dagwright.project_forms import PURPOSES, Key

Path: TypeAlias = forms.Path

ENVIRONMENTS = ("local", "dev", "staging", "production")
MAX_TAGS = 50


def _size(kind: str, *, own_limits: bool) -> tuple[Key, ...]:
    """The rows of one kind of job; a transform job has neither a volume to size nor a time limit to set."""
    at = f"sizes.{kind}"
    rows = (
        Key(at, forms.GROUP, f"What a {kind} step gets that does not say itself."),
        Key(f"{at}.instance_type", forms.INSTANCE_TYPE, f"Instance type of a {kind} job.", required=True),
        Key(f"{at}.instance_count", forms.COUNT, f"How many instances a {kind} job gets.", default=1),
    )
    if not own_limits:
        return rows
    return (
        *rows,
        Key(f"{at}.volume_size_in_gb", forms.COUNT, f"GB of storage on each instance of a {kind} job.", default=30),
        Key(
            f"{at}.max_runtime_in_seconds",
            forms.COUNT,
            f"After how many seconds a {kind} job is stopped.",
            default=86400,
        ),
    )


KEYS: tuple[Key, ...] = (
    Key("company", forms.WORD, "The company's short name; first word of the bucket.", required=True),
    Key(
        "team",
        forms.WORD,
        "The team's short name; first word of pipelines, jobs and the model package group.",
        required=True,
    ),
    Key("project", forms.WORD, "The project's name; second word of pipelines and jobs.", required=True),
    Key("account_id", forms.ACCOUNT, "The AWS account, in quotes: YAML reads bare digits as a number.", required=True),
    Key("region", forms.REGION, "The AWS Region.", required=True),
    Key(
        "role",
        forms.ROLE,
        "ARN of the role that jobs run under. "
        "Default: arn:{partition}:iam::{account_id}:role/SageMaker-{Team}-{Project}-ExecutionRole.",
    ),
    Key(
        "pipeline_role",
        forms.ROLE,
        "ARN of the role that pipelines run under, which creates the jobs. Default: {role}.",
    ),
    Key(
        "engine",
        forms.ENGINE,
        "What runs pipelines on AWS where no --engine says it: SageMaker Pipelines, or Step Functions.",
        default="sagemaker",
    ),
    Key("state_machines", forms.GROUP, "How pipelines run as state machines of Step Functions."),
    Key(
        "state_machines.role",
        forms.ROLE,
        "ARN of the role that state machines run under, which creates the jobs. "
        "Default: arn:{partition}:iam::{account_id}:role/SageMaker-{Team}-{Project}-StepFunctionsRole.",
    ),
    Key(
        "state_machines.log_group",
        forms.LOG_GROUP,
        "Log group that state machines write to; without an `infra` section it has to be there. "
        "Default: /aws/vendedlogs/states/{team}-{project}.",
    ),
    Key("scheduler", forms.GROUP, "How EventBridge Scheduler starts pipelines."),
    Key(
        "scheduler.role",
        forms.ROLE,
        "ARN of the role that starts them. "
        "Default: arn:{partition}:iam::{account_id}:role/SageMaker-{Team}-{Project}-SchedulerRole.",
    ),
    Key("scheduler.group", forms.SCHEDULE_GROUP, "The schedule group that holds them. Default: {team}-{project}."),
    Key("scheduler.dead_letter_queue", forms.QUEUE, "ARN of the SQS queue that is told of starts that failed."),
    Key("bucket", forms.BUCKET, "The project's bucket. Default: {company}-sm-{team}-{project}."),
    Key("layout", forms.GROUP, "Where things lie in the bucket: key prefixes."),
    Key("layout.raw", forms.PREFIX, "Data as it came in.", default="raw/uploads"),
    Key("layout.processed", forms.PREFIX, "Data that processing steps wrote.", default="processed"),
    Key("layout.features", forms.VERSIONED_PREFIX, "Feature sets, one per version.", default="features/v{version}"),
    Key("layout.models", forms.PREFIX, "Model artefacts.", default="models"),
    Key("layout.metrics", forms.PREFIX, "Evaluation reports.", default="metrics"),
    Key("layout.code", forms.PREFIX, "Scripts and source folders, each under the hash of its content.", default="code"),
    Key("layout.pipelines", forms.PREFIX, "Pipeline definitions.", default="pipelines"),
    Key("network", forms.GROUP, "The VPC that jobs run in, and what may travel on it."),
    Key("network.subnets", forms.list_of(forms.SUBNET, 16), "Private subnets; with none, jobs run outside a VPC."),
    Key(
        "network.security_groups",
        forms.GROUP,
        "Security groups by purpose; every purpose is needed once there are subnets.",
    ),
    *(
        Key(
            f"network.security_groups.{purpose}",
            forms.list_of(forms.SECURITY_GROUP, 5),
            f"Security groups for {purpose}.",
        )
        for purpose in PURPOSES
    ),
    Key("network.isolation", forms.YES_NO, "Whether containers get no network and no AWS credentials.", default=False),
    Key(
        "network.encrypt_traffic",
        forms.YES_NO,
        "Whether traffic between instances of a job is encrypted.",
        default=False,
    ),
    Key("keys", forms.GROUP, "KMS keys; without them AWS-managed encryption applies."),
    Key(
        "keys.volume",
        forms.VOLUME_KEY,
        "Key for the instances' storage volumes; types with local NVMe disks refuse one.",
    ),
    Key("keys.output", forms.OUTPUT_KEY, "Key for what jobs write to S3."),
    Key(
        "tags",
        forms.Form("object", names=forms.TAG_NAME),
        "Tags on everything made on AWS, beside Company, Team, Project and Environment, which may be overridden here.",
    ),
    Key("tags.*", forms.TAG_VALUE, "Value of the tag."),
    Key("images", forms.Form("object", names=forms.NAME), "Container images by the name that steps use."),
    Key(
        "images.*",
        forms.IMAGE,
        "Address of the image, better with its digest than with a tag; or which of AWS's it is.",
    ),
    Key(
        "images.*.framework", forms.FRAMEWORK, "Framework of an image of AWS's: see `deploy.py images`.", required=True
    ),
    Key(
        "images.*.version",
        forms.IMAGE_VERSION,
        "Version as in the image's tag; in quotes if it is a number.",
        required=True,
    ),
    Key("images.*.python", forms.IMAGE_PYTHON, "Python as in the image's tag; needed where there are several."),
    Key("images.*.use", forms.USE, "What the image is for. Default: training, or what the framework is for."),
    Key("sizes", forms.GROUP, "Machines and time limits for steps that do not say themselves."),
    *_size("processing", own_limits=True),
    *_size("training", own_limits=True),
    *_size("transform", own_limits=False),
    Key(
        "sizing",
        forms.Form("object", names=forms.NAME),
        "Rules by which the size of an input gives machines; docs/sizing.md.",
    ),
    Key(
        "sizing.*",
        forms.Form("array", "a list of rows", at_least=1),
        "Rows by growing size; the first that holds counts.",
    ),
    Key("sizing.*[]", forms.GROUP, "The machines for inputs below a size, or of any size."),
    Key("sizing.*[].below_gb", forms.COUNT, "For inputs of less than so many GB of 10^9 bytes; without it for any."),
    Key("sizing.*[].instance_type", forms.INSTANCE_TYPE, "Instance type of the job.", required=True),
    Key("sizing.*[].instance_count", forms.COUNT, "How many instances the job gets.", default=1),
    Key("sizing.*[].volume_size_in_gb", forms.COUNT, "GB of storage on each instance at least; it grows.", default=30),
    Key("sizing.*[].spark", forms.YES_NO, "Whether the row is for Spark steps only.", default=False),
    Key("checks", forms.Form("object", names=forms.RULE), "How much a rule of `validate` counts here, by its code."),
    Key("checks.*", forms.SEVERITY, "error, warning or off; without it the rule's own severity in this environment."),
    *INFRA_KEYS,
    Key(
        "environment_suffix",
        forms.YES_NO,
        "Whether pipelines of dev, staging and production end in -{environment}: for several in one account.",
        default=False,
    ),
)

LOCAL_KEYS: tuple[Key, ...] = (
    Key("environments", forms.Form("array"), "What runs the jobs of which image. The first image that fits counts."),
    Key(
        "environments[]",
        forms.Form("object", one_of=("interpreter", "requirements", "dockerfile")),
        "One image, and an interpreter, the requirements of an environment that is built once, or its Dockerfile.",
    ),
    Key("environments[].image", forms.GLOB, "Images this holds for; * stands for anything.", required=True),
    Key("environments[].interpreter", forms.FILE, "A Python interpreter, from the project's folder."),
    Key("environments[].requirements", forms.FILE, "A requirements file, from the project's folder."),
    Key(
        "environments[].dockerfile",
        forms.FILE,
        "The image's Dockerfile, from the project's folder; the folder it is in is what COPY copies from.",
    ),
    Key("environments[].python", forms.PYTHON, "Python version of the environment, in quotes."),
    Key(
        "libraries",
        forms.LIBRARIES,
        "What runs the jobs of an image that no row of `environments` is for: this Python, or an environment of the "
        "image's own libraries, made once, where they are known; docs/libraries.md.",
        default="here",
    ),
    Key(
        "lambdas",
        forms.Form("object", names=forms.FUNCTION),
        "Which local function stands in for which Lambda function.",
    ),
    Key("lambdas.*", forms.HANDLER, "From the project's folder."),
    Key(
        "callbacks",
        forms.Form("object", names=forms.QUEUE_NAME),
        "Which local worker answers the messages of which Callback step's queue.",
    ),
    Key("callbacks.*", forms.HANDLER, "From the project's folder."),
    Key(
        "stand_ins",
        forms.Form("object", names=forms.STEP),
        "What is done instead of a step: its result in a file, or a function. --stand-in wins.",
    ),
    Key("stand_ins.*", forms.STAND_IN, "From the project's folder."),
    Key("max_parallel", forms.COUNT, "How many steps run side by side. Default: as many as there are processors."),
    Key("limits", forms.Form("array"), "What jobs may use of this machine. The first row that fits a step counts."),
    Key("limits[]", forms.Form("object"), "One pattern of steps, and what each of their instances may use."),
    Key("limits[].step", forms.STEPS, "Steps this holds for: by name, or as pipeline/step.", required=True),
    Key("limits[].memory_mib", forms.MEBIBYTES, "MiB of memory; a job that takes more is ended, and says so."),
    Key("limits[].processors", forms.PROCESSORS, "Processors; whole ones where the kernel cannot divide them."),
    Key(
        "sandbox",
        forms.SANDBOX,
        "How a job gets its own /opt/ml; auto takes the best that the system allows.",
        default="auto",
    ),
    Key("stop_grace_seconds", forms.FROM_ZERO, "Seconds between asking a job to stop and ending it.", default=10),
    Key(
        "copy_below_mib", forms.FROM_ZERO, "Inputs below this many MiB are copied, larger ones are linked.", default=64
    ),
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

    def is_needed(self, row: Path) -> bool:
        """Whether the row's key must have a value wherever it may stand: null cannot leave it open."""
        return self.rows[row].required and (len(row) == 1 or self.is_part(row))

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
    whole = path[-1] == "[]" or keys.is_needed(path)
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


def _form_schema(form: forms.Form) -> dict[str, Any]:
    least, most = {"string": ("minLength", "maxLength"), "array": ("minItems", "maxItems")}.get(
        form.type, ("minimum", "maximum") if form.type in ("integer", "number") else ("minProperties", "maxProperties")
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
