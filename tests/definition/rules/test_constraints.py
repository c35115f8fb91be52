"""One value against one shape; and AWS's patterns as Python's."""

from __future__ import annotations

import re
import time
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from dagwright.definition.rules.constraints import Suggestions, a, value_wrong
from dagwright.definition.rules.constraints_patterns import compiled, matches
from dagwright.definition.rules.requests_tables import REQUESTS
from dagwright.shapes import PIPELINES, Shape, model


def reachable() -> Iterator[Shape]:
    """Every shape that Arguments can lead to."""
    seen: set[Shape] = set()
    pending = list(REQUESTS.values())
    while pending:
        shape = pending.pop()
        if shape in seen:
            continue
        seen.add(shape)
        yield shape
        pending.extend(shape.member(name) for name in shape.members)
        if shape.kind in ("list", "map"):
            pending.append(shape.element)
        if shape.kind == "map":
            pending.append(shape.key)


SHAPES = list(reachable())
PATTERNS = sorted({shape.traits["pattern"] for shape in SHAPES if "pattern" in shape.traits})


@pytest.mark.parametrize("service", ["sagemaker", "emr", "emr-serverless"])
def test_every_pattern_of_the_models_compiles(service: str) -> None:
    patterns = {shape["pattern"] for shape in model(service).values() if "pattern" in shape}
    assert patterns
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for pattern in patterns:
            compiled(pattern).fullmatch("x")
            assert "\\p{" not in compiled(pattern).pattern


def test_there_are_patterns_to_reach_in_all_three_services() -> None:
    assert {shape.service for shape in SHAPES} == {"sagemaker", "emr", "emr-serverless", PIPELINES}
    assert len(PATTERNS) > 60


def test_every_kind_of_shape_that_can_be_reached_is_known() -> None:
    for shape in SHAPES:
        assert value_wrong(object(), shape) is not None, shape


@pytest.mark.parametrize("unit", ["a", "-", "a-", "/", "a/", "a.", "0", "A0-", ":", " ", "é"])
def test_no_pattern_takes_long_to_refuse_a_long_text(unit: str) -> None:
    start = time.process_time()
    for pattern in PATTERNS:
        for end in ("!", "\n", "-"):
            matches(pattern, f"{unit * 1500}{end}")
            matches(pattern, f"s3://{unit * 1500}{end}")
    assert time.process_time() - start < 2


TAG = "([\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*)"
XML = "[\\u0020-\\uD7FF\\uE000-\\uFFFD\\uD800\\uDC00-\\uDBFF\\uDFFF\\r\\n\\t]*"


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        (TAG, "Cost centre_4711:a/b=c+d-e@f", True),
        (TAG, "Büro Ñandú 東京 ①", True),
        (TAG, "zero\u200bwidth", False),
        (TAG, "a#b", False),
        (TAG, "€", False),
        (TAG, "e\u0301", False),
        ("[\\p{L}\\p{M}\\p{Z}\\p{N}\\p{P}]{0,1024}", "e\u0301, «x»", True),
        ("[\\p{L}\\p{M}\\p{Z}\\p{N}\\p{P}]{0,1024}", "5 €", False),
        ("[\\p{L}\\p{M}\\p{Z}\\p{S}\\p{N}\\p{P}]*", "5 € + 3", True),
        ("arn:[\\p{Alnum}\\-]+:lambda:.*", "arn:aws-cn:lambda:x", True),
        ("arn:[\\p{Alnum}\\-]+:lambda:.*", "arn:aws_cn:lambda:x", False),
        ("([\\p{L}]*)${1,128}", "abc", True),
        ("([\\p{L}]*)${1,128}", "abc1", False),
        (XML, "line\nline\t😀", True),
        (XML, "\x00", False),
        ("\\d{3}", "123", True),
        ("\\d{3}", "١٢٣", False),
        ("[a-z]+", "abc\n", False),
        (".*\\S.*", "  x  ", True),
        (".*\\S.*", "    ", False),
    ],
)
def test_patterns_mean_what_they_mean_in_java(pattern: str, text: str, expected: bool) -> None:
    assert matches(pattern, text) is expected


CASES: list[tuple[Any, str, str]] = [
    ("ml.m5.large", "ProcessingInstanceType", ""),
    ("ml.m5.larg", "ProcessingInstanceType", "not-in-enum"),
    (5, "ProcessingInstanceType", "wrong-type"),
    (1, "ProcessingInstanceCount", ""),
    (0, "ProcessingInstanceCount", "out-of-range"),
    (101, "ProcessingInstanceCount", "out-of-range"),
    (True, "ProcessingInstanceCount", "wrong-type"),
    (10**40, "ProcessingInstanceCount", "out-of-range"),
    (True, "Boolean", ""),
    (1, "Boolean", "wrong-type"),
    (0.5, "ValidationFraction", ""),
    (1, "ValidationFraction", ""),
    (1.5, "ValidationFraction", "out-of-range"),
    (-1, "VariantWeight", "out-of-range"),
    ("s3://b", "S3Uri", ""),
    ("s3:/b", "S3Uri", "pattern-mismatch"),
    ("s3://b/" + "x" * 1020, "S3Uri", "wrong-size"),
    ([], "ContainerEntrypoint", "wrong-size"),
    (["x"] * 101, "ContainerEntrypoint", "wrong-size"),
    (["x"], "ContainerEntrypoint", ""),
    ({}, "ContainerEntrypoint", "wrong-type"),
    ({}, "HyperParameters", ""),
    ([], "HyperParameters", "wrong-type"),
    (None, "HyperParameters", "wrong-type"),
    ("2026-01-01", "Timestamp", ""),
    (1.0, "Timestamp", ""),
    ([], "Timestamp", "wrong-type"),
]


@pytest.mark.parametrize(("value", "name", "code"), CASES)
def test_values(value: Any, name: str, code: str) -> None:
    wrong = value_wrong(value, Shape("sagemaker", name))
    assert (wrong.code if wrong is not None else "") == code


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("ProcessingInstanceType", "a processing instance type"),
        ("ProcessingS3DataType", "a processing S3 data type"),
        ("S3Uri", "an S3 URI"),
        ("KmsKeyId", "a KMS key id"),
        ("RoleArn", "a role ARN"),
        ("AutoMLMode", "an auto ML mode"),
        ("Url", "a URL"),
        ("IAMRoleArn", "an IAM role ARN"),
    ],
)
def test_names_of_shapes_become_words(name: str, said: str) -> None:
    assert a(name) == said


@pytest.mark.parametrize(
    ("value", "name", "hint"),
    [
        (
            "ml.t3.small",
            "ProcessingInstanceType",
            "the smallest is ml.t3.medium; of this family: ml.t3.medium, ml.t3.large, ml.t3.xlarge",
        ),
        ("FastFile", "ProcessingS3InputMode", "FastFile is for training only: use File, or Pipe to stream"),
        ("ml.m5.lrge", "TrainingInstanceType", "of this family: ml.m5.large"),
        ("m5.large", "ProcessingInstanceType", "did you mean 'ml."),
        ("Fil", "ProcessingS3InputMode", "did you mean 'File'?"),
        ("x", "ProcessingS3InputMode", "known: File, Pipe"),
        (5, "HyperParameterValue", "write it in quotes"),
        (True, "HyperParameterValue", 'write "true"'),
        (["a"], "HyperParameterValue", "a list or an object can be written as its JSON text"),
        ("5", "ProcessingInstanceCount", "write it without quotes"),
        ("True", "Boolean", "write true without quotes"),
        ("x", "ContainerArguments", "put it in [ ]"),
        ([], "ContainerArguments", "leave it out"),
        ("role", "RoleArn", ""),
        ("arn:aws:iam::1:role/ShortAccount", "RoleArn", "such as arn:aws:iam::123456789012:role/Name"),
        ("b_d", "ModelName", "its pattern is "),
    ],
)
def test_hints_say_what_may_have_been_meant(value: Any, name: str, hint: str) -> None:
    wrong = value_wrong(value, Shape("sagemaker", name))
    assert wrong is not None
    assert wrong.hint.startswith(hint)
    assert (wrong.hint == "") == (hint == "")


def test_long_values_are_cut_in_messages() -> None:
    wrong = value_wrong("x" * 1000, Shape("sagemaker", "S3Uri"))
    assert wrong is not None
    assert len(wrong.what) < 200
    assert re.search("x{100}", wrong.what) is None


def test_suggestions_end_after_a_hundred_words() -> None:
    suggestions = Suggestions()
    assert suggestions.nearest("alfa", ["alpha"]) == "did you mean 'alpha'?"
    for number in range(200):
        suggestions.nearest(f"word{number}", ["alpha"])
    assert suggestions.nearest("alfa", ["alpha"]) == "did you mean 'alpha'?"
    assert suggestions.nearest("alpho", ["alpha"]) == ""
