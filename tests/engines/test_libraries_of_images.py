"""The same script under the library versions of two environments: what fails says which version it needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.metadata import version
from typing import Any

import pytest
from engines.place import Place

from dagwright.engines.local.interpreters import Interpreters
from dagwright.errors import ConfigurationError

SKLEARN = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
ENCODING = """
from sklearn.preprocessing import OneHotEncoder
write("columns", OneHotEncoder(sparse=False).fit_transform([["a"], ["b"]]).shape[1])
"""
APPENDING = """
import boto3, requests, pandas as pd
rows = pd.DataFrame({"a": [1]})
write("rows", len(rows.append(rows)))
"""


def with_image(image: str, *steps: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for step in steps:
        program = step["Arguments"]["AppSpecification"] | {"ImageUri": image}
        yield step | {"Arguments": step["Arguments"] | {"AppSpecification": program}}


def test_a_failure_says_which_version_the_image_holds(place_with: Callable[..., Place], each_way: str) -> None:
    place = place_with(sandbox=each_way, environments=())
    encode, append = with_image(SKLEARN, place.writing("Encode", ENCODING), place.writing("Append", APPENDING))
    done = place.run(encode, append)
    reason = done.steps["Encode"].failure_reason
    assert "unexpected keyword argument 'sparse'" in reason
    here = version("scikit-learn")
    assert reason.endswith(f"; the image holds scikit-learn 1.2.1, this ran with {here}: --libraries image")
    said = f"; the image holds pandas 1.1.3, this ran with {version('pandas')}: --libraries image"
    assert done.steps["Append"].failure_reason.endswith(said)


@pytest.mark.image
def test_the_same_scripts_run_with_the_libraries_of_their_image(place_with: Callable[..., Place]) -> None:
    try:
        Interpreters().find("3.9")
    except ConfigurationError as error:
        pytest.skip(str(error))
    place = place_with(environments=(), libraries="image")
    encode, append = with_image(SKLEARN, place.writing("Encode", ENCODING), place.writing("Append", APPENDING))
    done = place.run(encode, append)
    assert done.status == "Succeeded", [step.failure_reason for step in done.steps.values()]
    assert (place.text("Encode/columns"), place.text("Append/rows")) == ("2", "2")
    assert len(list(place.folder.glob(".dagwright/environments/*/.complete"))) == 1
