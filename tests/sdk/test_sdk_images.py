"""Addresses of images against Amazon's SDK, versions 2 and 3: its tables refreshed, and all that they can answer."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

import pytest
from sdk.conftest import HERE, VERSIONS, Sdk

from dagwright.images import FrameworkImage, ImageTable, image_address, table_of
from dagwright.project import partition_of

pytestmark = pytest.mark.sdk


@pytest.mark.parametrize("version", VERSIONS)
def test_addresses_are_those_of_the_sdk(version: str, sdk: Sdk) -> None:
    refreshed = sdk.deploy(version, "images", "--refresh")
    assert refreshed.returncode == 0, refreshed.stderr
    answers = sdk(version, str(HERE / "retrieve.py"))
    assert answers.returncode == 0, answers.stderr
    table = table_of(sdk.folder)

    counts = Counter(_compared(table, *row) for row in json.loads(answers.stdout.splitlines()[-1]))

    print(version, refreshed.stdout.split(": ")[-1].strip(), dict(counts))
    assert counts.pop("both resolved") > 7000
    assert counts.pop("both refused") > 20000
    assert set(counts) <= {
        "refused here: training on Graviton, for which the SDK gives the image for inference",
        "refused here: a version that there is not on Graviton, for which the SDK gives another",
        "refused here: a tag of Hugging Face that the tables do not hold",
    }


def _compared(
    table: ImageTable,
    framework: str,
    use: str,
    version: str,
    base: str | None,
    python: str | None,
    region: str,
    kind: str | None,
    theirs: str | None,
) -> Any:
    """How the two answers agree; what is not foreseen is its own row."""
    named = _named(framework, version, base, python)
    ours = image_address(named, table, region, partition_of(region), {}, kind, use)
    if isinstance(ours, str):
        return "both resolved" if ours == theirs else (framework, use, version, python, region, kind, theirs, ours)
    if theirs is None:
        return "both refused"
    if kind in ("ml.m6g.xlarge", "ml.c7g.xlarge") and use == "training":
        return "refused here: training on Graviton, for which the SDK gives the image for inference"
    if framework == "sklearn" and version != "1.0-1" and ":1.0-1-arm64-" in theirs:
        return "refused here: a version that there is not on Graviton, for which the SDK gives another"
    if framework == "huggingface" and version in ("4.4.2", "4.5.0"):
        return "refused here: a tag of Hugging Face that the tables do not hold"
    return framework, use, version, python, region, kind, theirs, ours.what


def _named(framework: str, version: str, base: str | None, python: str | None) -> FrameworkImage:
    if base is None:
        return FrameworkImage(framework, version, python)
    found = re.fullmatch("([a-z]+)(.*)", base)
    assert found is not None
    return FrameworkImage(f"huggingface-{found[1]}", f"{found[2]}-transformers{version}", python)
