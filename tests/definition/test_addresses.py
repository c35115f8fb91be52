from __future__ import annotations

from typing import Any

import pytest

from dagwright.definition.addresses import Named, addresses_in, named, outputs, places

EXECUTION = {"PipelineExecutionId": "abc"}


def found(value: Any, **parameters: Any) -> set[str]:
    return {one.uri for one in named(places(value), parameters, EXECUTION)}


def join(*values: Any) -> dict[str, Any]:
    return {"Std:Join": {"On": "/", "Values": list(values)}}


def get(path: str) -> dict[str, str]:
    return {"Get": path}


@pytest.mark.parametrize(
    ("text", "uris"),
    [
        ("s3://b/a/c", ["s3://b/a/c"]),
        ("s3a://b//a/", ["s3://b/a"]),
        ('{"in": "s3://b/x.csv", "out": "s3://b/y"}', ["s3://b/x.csv", "s3://b/y"]),
        ("from s3://b/a. Then", ["s3://b/a"]),
        ("s3://b/a name with spaces", ["s3://b/a"]),
        ("arn:aws:s3:::b/a", ["s3://b/a"]),
        ("https://bkt.s3.eu-west-1.amazonaws.com/a/c", ["s3://bkt/a/c"]),
        ("https://s3.amazonaws.com/b/a", ["s3://b/a"]),
        ("https://example.com/b/a", []),
        ("123456789012.dkr.ecr.us-east-1.amazonaws.com/image:1", []),
    ],
)
def test_addresses_are_found_in_texts(text: str, uris: list[str]) -> None:
    assert list(addresses_in(text)) == uris


def test_parameters_and_the_execution_have_their_values() -> None:
    assert found({"S3Uri": join(get("Parameters.Data"), get("Execution.PipelineExecutionId"))}, Data="s3://b/d") == {
        "s3://b/d/abc"
    }


def test_what_only_a_run_completes_is_cut_short_and_left_out_where_it_is_written() -> None:
    open_ended = join("s3://b/d", get("Steps.A.ProcessingJobName"), "x")
    assert found({"S3Input": {"S3Uri": open_ended}}) == {"s3://b/d"}
    assert found({"S3Output": {"S3Uri": open_ended}}) == set()
    assert found({"S3Uri": join("s3:/", get("Steps.L.OutputParameters['bucket']"))}) == {"s3://"}


def test_where_a_job_puts_its_model_is_no_need() -> None:
    request = {
        "OutputDataConfig": {"S3OutputPath": "s3://b/models"},
        "ModelArtifacts": {"S3ModelArtifacts": "s3://b/m"},
    }
    assert found(request) == {"s3://b/m"}


def test_outputs_and_lists_are_told_apart() -> None:
    source = {"S3Uri": "s3://b/list.json", "S3DataType": "ManifestFile"}
    both = {"Inputs": [{"S3Input": source}], "Outputs": [{"S3Output": {"S3Uri": "s3://b/out"}}]}
    assert outputs(both, {}, EXECUTION) == {"s3://b/out"}
    assert Named("s3://b/list.json", is_list=True) in set(named(places(both), {}, EXECUTION))
