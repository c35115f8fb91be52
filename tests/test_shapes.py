"""AWS's model, read from botocore's data files; and the shapes that the pipeline format adds."""

from __future__ import annotations

import botocore
import pytest

from dagwright.errors import InternalError
from dagwright.shapes import EXTRA_MEMBERS, PIPELINES, RESPONSES, Shape, model, model_version


def test_a_shape_leads_to_those_inside_it() -> None:
    request = Shape("sagemaker", "CreateProcessingJobRequest")
    assert request.kind == "structure"
    assert "AppSpecification" in request.members
    assert request.member("Environment").key == Shape("sagemaker", "ProcessingEnvironmentKey")
    assert request.member("ProcessingInputs").element.member("S3Input").member("S3InputMode").enum == {"Pipe", "File"}
    assert request.member("RoleArn") is request.member("RoleArn")
    with pytest.raises(KeyError):
        request.member("RoleArm")


def test_the_shapes_of_the_format_lead_into_the_services() -> None:
    arguments = Shape(PIPELINES, "EMRArguments")
    assert arguments.member("StepConfig") == Shape("emr", "StepConfig")
    assert Shape(PIPELINES, "LineageArguments").member("Actions").element == Shape("sagemaker", "CreateActionRequest")
    for name in model(PIPELINES):
        shape = Shape(PIPELINES, name)
        for inner in (*map(shape.member, shape.members), *([shape.element] if shape.kind in ("list", "map") else ())):
            assert inner.kind, name


@pytest.mark.parametrize(
    ("service", "name", "by_name", "by_position"),
    [
        ("sagemaker", "ProcessingInputs", True, False),
        ("sagemaker", "ProcessingOutputs", True, False),
        ("sagemaker", "FinalMetricDataList", True, True),
        ("sagemaker", "HyperParameters", True, False),
        ("sagemaker", "SecondaryStatusTransitions", False, True),
        ("sagemaker", "ModelArtifacts", False, False),
        ("emr", "StringList", False, True),
    ],
)
def test_what_is_inside_is_named_or_counted(service: str, name: str, by_name: bool, by_position: bool) -> None:
    shape = Shape(service, name)
    assert (shape.goes_by_name, shape.goes_by_position) == (by_name, by_position)


def test_every_response_is_a_structure_of_kinds_that_are_known() -> None:
    singles = {"string", "integer", "long", "float", "double", "boolean", "timestamp"}
    seen: set[Shape] = set()
    pending = [*RESPONSES.values(), *(shape for extra in EXTRA_MEMBERS.values() for shape in extra.values())]
    while pending:
        shape = pending.pop()
        if shape not in seen:
            seen.add(shape)
            assert shape.kind in (singles if shape.is_single else {"structure", "list", "map"}), shape
            pending.extend(map(shape.member, shape.members))
            pending.extend([shape.element] if shape.kind in ("list", "map") else [])
    assert len(seen) > 500


def test_the_version_is_that_of_the_installed_package() -> None:
    assert model_version() == botocore.__version__


def test_a_service_that_does_not_exist_is_our_bug() -> None:
    with pytest.raises(InternalError, match="no model of sagemakr"):
        model("sagemakr")
