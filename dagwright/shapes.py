"""AWS's own description of its requests and responses, read from botocore's data files without importing botocore.

In: a service and the name of a shape. Out: a Shape that knows its kind, its members and what the service demands of
it. A model is read once, when it is first asked for. What the pipeline format adds to those services stands below, in
botocore's own notation, as the service `pipelines`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

from dagwright.errors import InternalError, UserError

#: The service of the shapes that the pipeline format has of its own.
PIPELINES = "pipelines"

# Lists that the pipeline service addresses by a name inside their elements, and of these the one that goes by position
# as well (Amazon's SDK: workflow/properties.py and its tests).
_BY_NAME = frozenset({"ProcessingInputs", "ProcessingOutputs", "FinalMetricDataList"})
_BY_POSITION_TOO = frozenset({"FinalMetricDataList"})
_COMPOSED = ("structure", "list", "map")


# The S3 user guide's naming rules, without the rare ones; botocore's model of S3 has none.
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


def is_bucket(name: str) -> bool:
    """Whether a bucket can have this name."""
    return bool(_BUCKET.fullmatch(name)) and ".." not in name


@cache
def model(service: str) -> Mapping[str, Any]:
    """All shapes of a service by name, from the newest version folder that botocore has.

    Raises UserError when botocore is not installed, InternalError when it has no model of the service.
    """
    if service == PIPELINES:
        return _PIPELINE_SHAPES
    import gzip
    import json
    from pathlib import Path

    versions = sorted((Path(_botocore()) / "data" / service).glob("*/service-2.json*"))
    if not versions:
        raise InternalError(f"the installed botocore has no model of {service}")
    newest = versions[-1]
    content = gzip.decompress(newest.read_bytes()) if newest.suffix == ".gz" else newest.read_bytes()
    shapes: dict[str, Any] = json.loads(content)["shapes"]
    return shapes


@cache
def partitions() -> list[dict[str, Any]]:
    """AWS's partitions, with `regions` and the `regionRegex` that those of a partition match. Raises UserError."""
    import json
    from pathlib import Path

    text = (Path(_botocore()) / "data" / "partitions.json").read_text(encoding="utf-8")
    found: list[dict[str, Any]] = json.loads(text)["partitions"]
    return found


@cache
def model_version() -> str:
    """The version of the installed botocore, such as `1.44.5`. Raises UserError when there is none."""
    import re
    from pathlib import Path

    text = (Path(_botocore()) / "__init__.py").read_text(encoding="utf-8")
    found = re.search(r"^__version__ = ['\"]([^'\"]+)", text, re.MULTILINE)
    return found[1] if found else "of unknown version"


def _botocore() -> str:
    """The folder botocore is installed in."""
    from importlib.util import find_spec

    found = find_spec("botocore")
    if found is None or not found.submodule_search_locations:
        what = "botocore, which carries AWS's description of its services, is not installed in this environment"
        raise UserError(what, hint="pip install boto3")
    return next(iter(found.submodule_search_locations))


@dataclass(frozen=True)
class Shape:
    """One shape of a service's model. What it knows is looked up once, and so are the shapes it leads to.

    >>> Shape("sagemaker", "ModelArtifacts").members
    ('S3ModelArtifacts',)
    """

    service: str
    name: str

    @cached_property
    def traits(self) -> Mapping[str, Any]:
        """What the model says of the shape, in botocore's notation: type, enum, pattern, min, max, required …"""
        traits: Mapping[str, Any] = model(self.service)[self.name]
        return traits

    @property
    def exists(self) -> bool:
        """Whether the installed botocore knows the shape: an older one lacks the newest requests and responses."""
        return self.name in model(self.service)

    @cached_property
    def kind(self) -> str:
        """`structure`, `list`, `map`, or the name of a scalar such as `string`."""
        return str(self.traits["type"])

    @cached_property
    def enum(self) -> frozenset[str]:
        """The texts that are allowed; empty where any is."""
        return frozenset(self.traits.get("enum", ()))

    @property
    def is_single(self) -> bool:
        """Whether this is one value, and not a structure, a list or a map."""
        return self.kind not in _COMPOSED

    @property
    def members(self) -> tuple[str, ...]:
        """The names of a structure's members, in the model's order."""
        return tuple(self.traits.get("members", ()))

    def member(self, name: str) -> Shape:
        """The shape of one member of a structure; KeyError if there is none of that name."""
        found = self._found.get(name)
        if found is None:
            found = self._found[name] = self._meant(self.traits["members"][name])
        return found

    @cached_property
    def element(self) -> Shape:
        """The shape of a list's elements or a map's values."""
        return self._meant(self.traits.get("member") or self.traits["value"])

    @cached_property
    def key(self) -> Shape:
        """The shape of a map's keys."""
        return self._meant(self.traits["key"])

    @property
    def goes_by_name(self) -> bool:
        """Whether a property path names what is inside: a map, or a list whose elements carry a name."""
        return self.kind == "map" or self.name in _BY_NAME

    @property
    def goes_by_position(self) -> bool:
        """Whether a property path counts what is inside: most lists."""
        return self.kind == "list" and (self.name not in _BY_NAME or self.name in _BY_POSITION_TOO)

    @cached_property
    def _found(self) -> dict[str, Shape]:
        return {}

    def _meant(self, reference: Mapping[str, str]) -> Shape:
        return Shape(reference.get("service", self.service), reference["shape"])


def _structure(required: tuple[str, ...] = (), **members: str) -> dict[str, Any]:
    """A structure in botocore's notation; a member's shape is `Name`, or `service:Name` where it lies elsewhere."""
    return {"type": "structure", "required": [*required], "members": {name: _to(at) for name, at in members.items()}}


def _list(element: str) -> dict[str, Any]:
    return {"type": "list", "member": _to(element)}


def _to(place: str) -> dict[str, str]:
    service, colon, name = place.rpartition(":")
    return {"shape": name, "service": service} if colon else {"shape": name}


# Source: the Arguments and properties that Amazon's SDK (2.257 and 3.27, workflow/*_step.py) writes for these steps.
_PIPELINE_SHAPES: dict[str, Any] = {
    "String": {"type": "string"},
    "Integer": {"type": "integer"},
    "Float": {"type": "float"},
    "Boolean": {"type": "boolean"},
    "PipelineExperimentConfig": _structure(
        ExperimentName="sagemaker:ExperimentEntityName", TrialName="sagemaker:ExperimentEntityName"
    ),
    "MlflowConfig": _structure(MlflowResourceArn="String", MlflowExperimentName="sagemaker:MlflowExperimentName"),
    "ConditionProperties": _structure(Outcome="Boolean"),
    "ClarifyCheckProperties": _structure(
        CalculatedBaselineConstraints="String",
        BaselineUsedForDriftCheckConstraints="String",
    ),
    "QualityCheckProperties": _structure(
        CalculatedBaselineConstraints="String",
        CalculatedBaselineStatistics="String",
        BaselineUsedForDriftCheckConstraints="String",
        BaselineUsedForDriftCheckStatistics="String",
    ),
    "BestCandidateProperties": _structure(
        ModelInsightsJsonReportPath="String",
        ExplainabilityJsonReportPath="String",
    ),
    "LineageProperties": _structure(
        ActionArns="Arns", ArtifactArns="Arns", ContextArns="Arns", Associations="LineageAssociations"
    ),
    "Arns": {"type": "map", "key": _to("String"), "value": _to("String")},
    "LineageArguments": _structure(
        Actions="LineageActions",
        Artifacts="LineageArtifacts",
        Contexts="LineageContexts",
        Associations="LineageAssociations",
    ),
    "LineageActions": _list("sagemaker:CreateActionRequest"),
    "LineageArtifacts": _list("sagemaker:CreateArtifactRequest"),
    "LineageContexts": _list("sagemaker:CreateContextRequest"),
    "LineageAssociations": _list("LineageAssociation"),
    "LineageAssociation": _structure(
        ("Source", "Destination"),
        Source="LineageEntity",
        Destination="LineageEntity",
        AssociationType="sagemaker:AssociationEdgeType",
    ),
    "LineageEntity": _structure(Arn="String", Name="String", Type="LineageEntityType"),
    "LineageEntityType": {"type": "string", "enum": ["Action", "Artifact", "Context"]},
    "EMRArguments": _structure(
        ("StepConfig",),
        ExecutionRoleArn="emr:ArnType",
        ClusterId="emr:ClusterId",
        ClusterConfig="emr:RunJobFlowInput",
        StepConfig="emr:StepConfig",
    ),
    "EMRServerlessArguments": _structure(
        ("JobConfig",),
        ExecutionRoleArn="emr-serverless:IAMRoleArn",
        ApplicationId="emr-serverless:ApplicationId",
        ApplicationConfig="emr-serverless:CreateApplicationRequest",
        JobConfig="emr-serverless:StartJobRunRequest",
    ),
}

#: By type of step: the response whose members `Steps.<name>.` may go on with.
RESPONSES: Mapping[str, Shape] = {
    "Processing": Shape("sagemaker", "DescribeProcessingJobResponse"),
    "Training": Shape("sagemaker", "DescribeTrainingJobResponse"),
    "Transform": Shape("sagemaker", "DescribeTransformJobResponse"),
    "Tuning": Shape("sagemaker", "DescribeHyperParameterTuningJobResponse"),
    "AutoML": Shape("sagemaker", "DescribeAutoMLJobResponse"),
    "Model": Shape("sagemaker", "DescribeModelOutput"),
    "RegisterModel": Shape("sagemaker", "DescribeModelPackageOutput"),
    "EndpointConfig": Shape("sagemaker", "DescribeEndpointConfigOutput"),
    "Endpoint": Shape("sagemaker", "DescribeEndpointOutput"),
    "InferenceComponent": Shape("sagemaker", "DescribeInferenceComponentOutput"),
    "Job": Shape("sagemaker", "DescribeJobResponse"),
    "EMR": Shape("emr", "Step"),
    "Condition": Shape(PIPELINES, "ConditionProperties"),
    "ClarifyCheck": Shape(PIPELINES, "ClarifyCheckProperties"),
    "QualityCheck": Shape(PIPELINES, "QualityCheckProperties"),
    "Lineage": Shape(PIPELINES, "LineageProperties"),
}

#: By type of step: members that the pipeline service adds to that response.
EXTRA_MEMBERS: Mapping[str, Mapping[str, Shape]] = {
    "Tuning": {"TrainingJobSummaries": Shape("sagemaker", "HyperParameterTrainingJobSummaries")},
    "AutoML": {"BestCandidateProperties": Shape(PIPELINES, "BestCandidateProperties")},
    "EMR": {"ClusterId": Shape("emr", "ClusterId")},
}
