"""The trigger as AWS takes it: the zip and its environment."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import pytest
from aws import flaws_of

from dagwright.errors import DefinitionError
from dagwright.input_sizes import InputSize
from dagwright.sizing import RULES, Row, Rule
from dagwright.trigger.package import HANDLER, trigger_environment, trigger_zip

ROOT = Path(__file__).parents[2]
TARGET = "arn:aws:sagemaker:us-east-1:123456789012:pipeline/rc-churn-training-dev"
RAW = InputSize("Raw", of="s3://acme-sm-rc-churn/raw", rule=RULES["standard"])


def test_the_zip_holds_the_handler_and_the_rule_as_they_are_here() -> None:
    with zipfile.ZipFile(io.BytesIO(trigger_zip())) as archive:
        assert archive.namelist() == ["dagwright/sizing.py", "dagwright/trigger/handler.py"]
        for entry in archive.infolist():
            assert archive.read(entry) == (ROOT / entry.filename).read_bytes()
            assert entry.date_time == (1980, 1, 1, 0, 0, 0)
            assert entry.external_attr >> 16 == 0o100644
    module, _, name = HANDLER.rpartition(".")
    assert f"{module.replace('.', '/')}.py" in archive.namelist()
    assert name == "handler"


def test_it_is_the_same_bytes_each_time() -> None:
    assert trigger_zip() == trigger_zip()


def test_the_environment_is_such_as_lambda_takes() -> None:
    variables = trigger_environment(TARGET, [RAW])
    request = {
        "FunctionName": "rc-churn-trigger",
        "Role": "arn:aws:iam::123456789012:role/x",
        "Code": {"S3Bucket": "acme-sm-rc-churn", "S3Key": "code/trigger.zip"},
        "Runtime": "python3.14",
        "Handler": HANDLER,
        "Environment": {"Variables": variables},
    }
    assert flaws_of("lambda", "CreateFunction", request) == []
    assert variables["TARGET_ARN"] == TARGET
    assert [json.loads(variables[name]) for name in ("RULES", "PARAMETERS")] == [
        {
            "standard": [
                {"instance_type": "ml.m5.xlarge", "below_gb": 10},
                {"instance_type": "ml.m5.4xlarge", "below_gb": 100},
                {"instance_type": "ml.m5.12xlarge", "below_gb": 1000},
                {"instance_type": "ml.m5.12xlarge", "instance_count": 4, "spark": True},
            ]
        },
        {},
    ]


def test_sizes_share_a_rule_and_an_environment_that_is_too_large_is_refused() -> None:
    several = [InputSize(f"Raw{number}", of="s3://acme-sm-rc-churn/raw", rule=RULES["standard"]) for number in range(9)]
    assert list(json.loads(trigger_environment(TARGET, several)["RULES"])) == ["standard"]
    rule = Rule("own", tuple(Row("ml.m5.12xlarge", size, volume_size_in_gb=size) for size in range(1000, 1060)))
    with pytest.raises(DefinitionError, match=r"the trigger's environment would have [\d,]+ bytes; Lambda takes 4,096"):
        trigger_environment(TARGET, [InputSize("Raw", of="s3://acme-sm-rc-churn/raw", rule=rule)])
