"""The JSON schema for editors: it is the table's, and says the same as the reading of the file."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from pages import page

from dagwright import project_forms as forms
from dagwright import project_keys as keys
from dagwright.errors import ConfigurationError
from dagwright.project import load_project
from dagwright.shapes import model

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "config" / "project.yaml"
BASE = {"company": "acme", "team": "rc", "project": "churn", "account_id": "123456789012", "region": "us-east-1"}


@pytest.fixture(scope="module")
def checker() -> Draft202012Validator:
    return Draft202012Validator(json.loads((ROOT / "config" / "project.schema.json").read_text()))


def test_the_file_is_what_the_table_gives(checker: Draft202012Validator) -> None:
    assert checker.schema == keys.project_schema(), "python -m dagwright.project_keys > config/project.schema.json"


def test_it_is_a_schema_and_accepts_the_example(checker: Draft202012Validator) -> None:
    Draft202012Validator.check_schema(checker.schema)

    checker.validate(yaml.safe_load(EXAMPLE.read_text()))


def test_the_example_names_its_schema() -> None:
    first = EXAMPLE.read_text().splitlines()[0]

    assert first == "# yaml-language-server: $schema=project.schema.json"


@pytest.mark.parametrize(
    "change",
    [
        {"regoin": "x"},
        {"region": None},
        {"account_id": 123456789012},
        {"bucket": "a_b"},
        {"layout": {"features": "features"}},
        {"layout": {"raw": "/raw"}},
        {"network": {"subnets": ["private"]}},
        {"network": {"security_groups": {"studio": []}}},
        {"tags": {"aws:x": "y"}},
        {"tags": {"": "y"}},
        {"images": {"a": "b c"}},
        {"sizes": {"training": {"instance_count": 0}}},
        {"sizes": {"transform": {"volume_size_in_gb": 3}}},
        {"dev": {"account_id": None}},
        {"dev": {"max_parallel": 3}},
        {"max_parallel": 3},
        {"local": {"sandbox": "none"}},
        {"local": {"environments": [{"image": "*"}]}},
        {"local": {"environments": [{"interpreter": "p"}]}},
        {"local": {"environments": [{"image": "*", "interpreter": "p", "requirements": "r"}]}},
        {"local": {"environments": [None]}},
    ],
)
def test_it_rejects_what_is_broken(checker: Draft202012Validator, change: dict[str, Any]) -> None:
    assert not checker.is_valid(BASE | change)


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"bucket": None, "tags": {"A": None}, "network": None},
        {"dev": None, "local": {"sandbox": None, "max_parallel": 1}},
        {"local": {"environments": [{"image": "*", "interpreter": "p"}]}},
    ],
)
def test_it_accepts_what_is_left_open(checker: Draft202012Validator, change: dict[str, Any]) -> None:
    assert checker.is_valid(BASE | change)


@pytest.mark.parametrize(
    ("image", "fits"),
    [
        ("localhost:5000/a:1", True),
        ("a b", False),
        (None, True),
        (3, False),
        ([], False),
        ({"framework": "sklearn", "version": "1.2-1"}, True),
        ({"framework": "spark", "version": "3.5", "python": "py39", "use": "processing"}, True),
        ({"framework": "spark", "version": "3.5", "python": None, "use": None}, True),
        ({}, False),
        ({"framework": "sklearn"}, False),
        ({"framework": None, "version": "1.2-1"}, False),
        ({"framework": "spark", "version": 3.5}, False),
        ({"framework": "sklearn", "version": "1.2-1", "python": "3.9"}, False),
        ({"framework": "sklearn", "version": "1.2-1", "use": "batch"}, False),
        ({"framework": "sklearn", "version": "1.2-1", "processor": "gpu"}, False),
    ],
)
def test_it_takes_the_images_that_the_reading_takes(
    checker: Draft202012Validator, tmp_path: Path, image: Any, fits: bool
) -> None:
    for content in (BASE | {"images": {"a": image}}, BASE | {"dev": {"images": {"a": image}}}):
        path = tmp_path / "config" / "project.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(content))

        assert checker.is_valid(content) == fits
        if fits:
            load_project(path)
        else:
            with pytest.raises(ConfigurationError):
                load_project(path)


def test_it_needs_what_the_table_needs(checker: Draft202012Validator) -> None:
    for name in BASE:
        assert not checker.is_valid({key: value for key, value in BASE.items() if key != name})


def test_every_key_is_described(checker: Draft202012Validator) -> None:
    assert all(key.description.endswith(".") for key in (*keys.KEYS, *keys.LOCAL_KEYS))
    assert all(one["description"] for one in checker.schema["$defs"].values())


def test_every_key_is_in_the_guide() -> None:
    guide = page("configuration")

    missing = [key.path for key in keys.KEYS if f"`{key.path}`" not in guide]
    missing += [key.path for key in keys.LOCAL_KEYS if f"`local.{key.path}`" not in guide]

    assert not missing


def test_examples_fit_their_own_patterns() -> None:
    forms = [key.form for key in (*keys.KEYS, *keys.LOCAL_KEYS) if key.form.pattern and "..." not in key.form.example]

    for form in forms:
        assert re.fullmatch(form.pattern, form.example.strip('"')), form.allowed


def test_limits_are_those_of_aws() -> None:
    shapes = model("sagemaker")

    assert shapes["TagList"]["max"] == keys.MAX_TAGS
    assert forms.TAG_NAME.at_most == shapes["TagKey"]["max"]
    assert forms.TAG_VALUE.at_most == shapes["TagValue"]["max"]
    assert forms.IMAGE.at_most == shapes["ContainerImage"]["max"]
    assert forms.ROLE.at_most == shapes["RoleArn"]["max"]
    rows = keys.table(local=False).rows
    assert rows["network", "subnets"].form.at_most == shapes["Subnets"]["max"]
    assert rows["network", "security_groups", "training"].form.at_most == shapes["VpcSecurityGroupIds"]["max"]
    assert model("iam")["roleNameType"]["max"] == 64
    assert shapes["PipelineName"]["max"] == 256
    assert shapes["ProcessingJobName"]["max"] == shapes["EntityName"]["max"] == 63


def test_instance_types_and_regions_of_aws_fit_the_patterns() -> None:
    shapes = model("sagemaker")
    partitions = json.loads(files("botocore").joinpath("data/partitions.json").read_text())["partitions"]

    types = {*shapes["ProcessingInstanceType"]["enum"], *shapes["TrainingInstanceType"]["enum"]}
    regions = {name for one in partitions for name in one["regions"] if "global" not in name}

    assert [one for one in types if not re.fullmatch(forms.INSTANCE_TYPE.pattern, one)] == []
    for size in ("small", "micro", "nano"):
        assert not [one for one in types if one.endswith(f".{size}")]
        assert not re.fullmatch(forms.INSTANCE_TYPE.pattern, f"ml.t3.{size}")
    assert [one for one in regions if not re.fullmatch(forms.REGION.pattern, one)] == []
