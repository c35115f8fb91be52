"""The forms that values of config/project.yaml may have: said once for programs and once for people."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, TypeAlias

Path: TypeAlias = "tuple[str, ...]"

PURPOSES = ("processing", "training", "inference")


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
    at_least: float | None = None
    at_most: int | None = None
    choices: tuple[str, ...] = ()
    items: Form | None = None
    names: Form | None = None
    one_of: tuple[str, ...] = ()
    or_mapping: bool = False


@dataclass(frozen=True)
class Key:
    """One key of config/project.yaml: where it may stand, the form of its value, and what it is for."""

    path: str
    form: Form
    description: str
    required: bool = False
    default: Any = None

    @property
    def parts(self) -> Path:
        """`environments[].image` -> ("environments", "[]", "image")."""
        return tuple(self.path.replace("[]", ".[]").split("."))


def _text(allowed: str, example: str, pattern: str, at_most: int | None = None) -> Form:
    return Form("string", allowed, example, f"^{pattern}$", at_most=at_most)


def list_of(items: Form, at_most: int) -> Form:
    return Form("array", f"a list of up to {at_most}", items=items, at_most=at_most)


_NO_DOTS = r"(?!(.*/)?\.\.?(/|$))"
_TAG = r"(?![aA][wW][sS]:)[^\x00-\x1f\x21-\x2a\x2c;<>?\[\\\]\^`\x7b-\x7f]*"

GROUP = Form("object")
YES_NO = Form("boolean", "true or false", "true")
COUNT = Form("integer", "a whole number from 1", "2", at_least=1)
FROM_ZERO = Form("integer", "a whole number from 0", "10", at_least=0)
MEBIBYTES = Form("integer", "a whole number of MiB from 16", "2048", at_least=16, at_most=1 << 30)
PROCESSORS = Form("number", "a number of processors from 0.1", "1.5", at_least=0.1, at_most=65536)
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
QUEUE_NAME = _text("a queue's name or address, in which * stands for anything", "approvals", r"\S+")
HANDLER = _text(
    "a Python file and a function in it, a file with the answer, or a command",
    "path/to/file.py:handler",
    r"([^:\s]+\.py:[A-Za-z_][A-Za-z0-9_]*|\S+\.json|\S+\s+\S[^\x00]*|\./\S+)",
)
STEP = _text("a step's name, after its pipeline's if several have it", "training/Train", r"[A-Za-z0-9\-_/]+")
STEPS = _text(
    "a step's name, or its pipeline's and its own, in which * stands for anything", "Train*", r"[A-Za-z0-9\-_/*?]+"
)
STAND_IN = _text("a JSON file, or a Python file and a function in it", "stand_ins/train.json", r"(?!\s)\S[^\x00]*")
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
LIBRARIES = Form("string", "here or image", choices=("here", "image"))
SANDBOX = Form("string", "auto, namespaces or paths", choices=("auto", "namespaces", "paths"))
CREATE_OR_EXISTING = Form("string", "create or existing", choices=("create", "existing"))
CREATE_OR_NONE = Form("string", "create or none", choices=("create", "none"))
STACK = _text("a name of letters, digits and hyphens", "acme-sm-rc-churn-dev", r"[a-zA-Z][a-zA-Z0-9\-]*", 128)
VPC = _text("a VPC id", "vpc-0a1b2c3d4e5f60718", r"vpc-([0-9a-f]{8}|[0-9a-f]{17})")
ROUTE_TABLE = _text("a route table id", "rtb-0a1b2c3d4e5f60718", r"rtb-([0-9a-f]{8}|[0-9a-f]{17})")
PREFIX_LIST = _text("a prefix list id", "pl-63a5400a", r"pl-[0-9a-f]{8,17}")
GROUP_PREFIX = _text("a name of letters, digits and hyphens", "acme-ml", r"(?!sg-)[a-zA-Z0-9][a-zA-Z0-9\-]*", 100)
ENDPOINT = _text("a service as VPC endpoints call it", "sagemaker.api", r"[a-z0-9]+([.\-][a-z0-9]+)*", 64)
EMAIL = _text("an e-mail address", "oncall@example.com", r"[^@\s]+@[^@\s]+\.[^@\s]+", 254)
GITHUB = _text(
    # or acme@123456/churn@456789: so GitHub's tokens call what was made or renamed since July 2026 (docs/ci.md)
    "a repository of GitHub",
    "acme/churn",
    r"[A-Za-z0-9][A-Za-z0-9\-]*(/[A-Za-z0-9_.\-]+|@[0-9]+/[A-Za-z0-9_.\-]+@[0-9]+)",
    140,
)
ROLE_NAME = _text("the name of an IAM role, without a path", "StudioUsers", r"[A-Za-z0-9_+=,.@\-]+", 64)
POLICY_ARN = _text(
    "the ARN of an IAM policy",
    "arn:aws:iam::123456789012:policy/boundary",
    r"arn:aws[a-z\-]*:iam::([0-9]{12}|aws):policy/[a-zA-Z0-9_+=,.@\-/]+",
    2048,
)
DAYS = Form("integer", "a whole number of days from 1", "30", at_least=1, at_most=36500)
