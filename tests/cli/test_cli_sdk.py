"""Pipelines that Amazon's SDK builds, by a class with the same surface; the real ones are in tests/sdk."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

SAID = "print('SDK: not for standard output')"
CLASS = f"""
import json

SCRIPT = "import json, pathlib; out = pathlib.Path('/opt/ml/processing/output'); "\\
    "(out / 'evaluation.json').write_text(json.dumps({{'auc': {{'value': 0.75}}}}))"
PLACE = {{"S3Uri": "s3://acme-sm-rc-churn/metrics/sdk", "LocalPath": "/opt/ml/processing/output"}}
OUTPUT = {{"OutputName": "report", "S3Output": {{**PLACE, "S3UploadMode": "EndOfJob"}}}}
AUC = {{"Std:JsonGet": {{"PropertyFile": {{"Get": "Steps.Measure.PropertyFiles.Report"}}, "Path": "auc.value"}}}}
DEFINITION = {{
    "Version": "2020-12-01", "Metadata": {{}}, "MlflowConfig": None,
    "Parameters": [{{"Name": "Minimum", "Type": "Float", "DefaultValue": 0.5}}],
    "Steps": [
        {{"Name": "Measure", "Type": "Processing", "Arguments": {{
            "ProcessingResources": {{
                "ClusterConfig": {{"InstanceType": "ml.t3.medium", "InstanceCount": 1, "VolumeSizeInGB": 1}}}},
            "AppSpecification": {{"ImageUri": "example:1", "ContainerEntrypoint": ["python3", "-c", SCRIPT]}},
            "RoleArn": "arn:aws:iam::123456789012:role/any",
            "ProcessingOutputConfig": {{"Outputs": [OUTPUT]}}}},
         "PropertyFiles": [{{"PropertyFileName": "Report", "OutputName": "report", "FilePath": "evaluation.json"}}]}},
        {{"Name": "GoodEnough", "Type": "Condition", "Arguments": {{
            "Conditions": [{{"Type": "GreaterThanOrEqualTo", "LeftValue": AUC,
                            "RightValue": {{"Get": "Parameters.Minimum"}}}}],
            "IfSteps": [],
            "ElseSteps": [{{"Name": "TooWeak", "Type": "Fail", "Arguments": {{"ErrorMessage": "no"}}}}]}}}},
    ],
}}

class SdkPipeline:
    def __init__(self, name="Abalone-Quality"):
        self.name = name
    def definition(self):
        {SAID}
        return json.dumps(DEFINITION)
"""
BUILD = f"\n{SAID}\ndef build(project):\n    {SAID}\n    return SdkPipeline()\n"


def write(deploy: Any, text: str, name: str = "abalone.py") -> None:
    (deploy.folder / "pipelines" / name).write_text(text)


def test_its_definition_is_rendered_as_it_gives_it(deploy: Any) -> None:
    write(deploy, CLASS + BUILD)
    done = deploy("render", "abalone")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["Steps"][0]["Name"] == "Measure"
    assert done.stderr.count("SDK: not for standard output") == 3
    assert "GoodEnough<br/>Condition" in deploy("render", "abalone", "--target", "mermaid").stdout


def test_it_is_listed_with_its_parameters(deploy: Any) -> None:
    described = "made = SdkPipeline()\n    made.description = 'measures'\n    return made"
    write(deploy, CLASS + BUILD.replace("return SdkPipeline()", described))
    listed = {item["name"]: item for item in deploy.json("list")["pipelines"]}
    assert {"training", "abalone"} <= set(listed), "it is called by its file's name"
    assert listed["abalone"]["description"] == "measures"
    assert listed["abalone"]["parameters"] == [
        {"name": "Minimum", "type": "Float", "description": "", "default": 0.5}
    ]  # fmt: skip


def test_it_runs_here(deploy: Any) -> None:
    write(deploy, CLASS + BUILD)
    done = deploy("run", "abalone", "--json")
    assert done.returncode == 0, done.stderr
    steps = {step["StepName"]: step["StepStatus"] for step in json.loads(done.stdout)["PipelineExecutionSteps"]}
    assert steps == {"Measure": "Succeeded", "GoodEnough": "Succeeded"}
    assert deploy("run", "abalone", "-p", "Minimum=0.9").returncode == 3


def test_the_projects_region_is_there_unless_the_environment_has_one(deploy: Any) -> None:
    build = (
        "\ndef build(project):\n    import os\n    return SdkPipeline('in-' + os.environ['AWS_DEFAULT_REGION'] + '_')\n"
    )
    write(deploy, CLASS + build)
    for region, wanted in (("", "in-us-east-1_"), ("eu-west-1", "in-eu-west-1_")):
        variables = {"AWS_DEFAULT_REGION": region} if region else {}
        done = deploy("render", "abalone", variables=variables)
        assert f"a pipeline named '{wanted}', which AWS does not take" in done.stderr


def test_what_it_leaves_behind_is_not_there_for_the_next(deploy: Any) -> None:
    build = "\ndef build(project):\n    import os\n    os.environ['AWS_PROFILE'] = 'other'\n    return SdkPipeline()\n"
    write(deploy, CLASS + build)
    look = "\ndef build(project):\n    import os\n    return SdkPipeline(os.environ.get('AWS_PROFILE', 'none') + '_')\n"
    write(deploy, CLASS + look, "later.py")
    assert "a pipeline named 'none_', which AWS does not take" in deploy("list").stderr


def test_programs_that_it_starts_do_not_print_into_the_result(deploy: Any) -> None:
    write(
        deploy, CLASS + "\ndef build(project):\n    import os\n    os.system('echo cloned')\n    return SdkPipeline()\n"
    )
    done = deploy("render", "abalone")
    assert json.loads(done.stdout)["Steps"]
    assert "cloned" in done.stderr


def test_what_is_no_pipeline_is_refused_with_what_it_is(deploy: Any) -> None:
    for text, sentence in (
        (CLASS.replace("return json.dumps(DEFINITION)", "return DEFINITION") + BUILD, "gives a dict, not JSON text"),
        (CLASS.replace("return json.dumps(DEFINITION)", "return 'x'") + BUILD, "pipelines/abalone.py: this is not a"),
        (CLASS.replace("self.name = name", "pass") + BUILD, "returns a SdkPipeline, not a Pipeline"),
        (CLASS + BUILD.replace("SdkPipeline()", "SdkPipeline('')"), "builds a pipeline named '', which AWS does not"),
        (CLASS + "    @property\n    def description(self):\n        return 1 / 0\n" + BUILD, "ZeroDivisionError"),
        (CLASS.replace("return json.dumps", "1 / 0\n        return json.dumps") + BUILD, "ZeroDivisionError"),
    ):
        write(deploy, text)
        done = deploy("render", "abalone")
        assert (done.returncode, done.stdout) == (1, "")
        assert sentence in done.stderr
        assert "Traceback" not in done.stderr


BOTO3 = "import boto3\n"
NO_AWS = {
    "no region": "import os; del os.environ['AWS_DEFAULT_REGION']; boto3.client('sagemaker')",
    "no credentials": "boto3.client('s3').list_buckets()",
    "no network": "boto3.client('s3', endpoint_url='http://127.0.0.1:1', aws_access_key_id='t', "
    "aws_secret_access_key='t').list_buckets()",
    "the words of version 2": "raise ValueError('Must setup local AWS configuration with a region')",
    "behind another error": "\n            boto3.client('s3').list_buckets()\n        except Exception as error:\n"
    "            raise RuntimeError('no bucket') from error",
}


@pytest.mark.parametrize("case", NO_AWS)
def test_what_needs_aws_while_it_is_built_says_so_with_the_way_out(case: str, deploy: Any) -> None:
    text = NO_AWS[case]
    lead = "        try:" if text.startswith("\n") else "        "
    write(deploy, BOTO3 + CLASS.replace("        return json", f"{lead}{text}\n        return json") + BUILD)
    variables = {
        **dict.fromkeys([name for name in os.environ if name.startswith("AWS_")], ""),
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": "/nonexistent",
        "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
        "AWS_MAX_ATTEMPTS": "1",
    }
    done = deploy("render", "abalone", variables=variables)
    assert done.returncode == 1
    assert "pipelines/abalone.py needs AWS while it is built" in done.stderr
    assert "Sign in to us-east-1" in done.stderr
    assert "dagwright's own steps" in done.stderr
    assert "pipelines/abalone.py, line" in done.stderr


MISSING = {
    "sagemaker": "Amazon's SDK is not installed here: pip install 'dagwright[sagemaker]'",
    "sagemaker.workflow.pipeline": "version 2 of Amazon's SDK: pip install 'sagemaker<3'",
    "sagemaker.mlops.workflow.pipeline": "version 3 of Amazon's SDK: pip install 'dagwright[sagemaker]'",
}


@pytest.mark.parametrize("module", MISSING)
def test_a_missing_sdk_is_named_with_its_version(module: str, deploy: Any) -> None:
    write(deploy, f"import {module}\n")
    if module != "sagemaker":
        package = deploy.folder / "sagemaker"
        package.mkdir()
        (package / "__init__.py").write_text("")
    done = deploy("render", "abalone")
    assert done.returncode == 1
    assert MISSING[module] in done.stderr


def test_a_template_with_get_pipeline_is_told_the_two_lines_to_add(deploy: Any) -> None:
    signature = "region, secret, role=None, default_bucket=None, pipeline_name='Abalone', instance_type='x', **more"
    template = f"{CLASS}\ndef get_pipeline({signature}):\n    assert role\n    return SdkPipeline(pipeline_name)\n"
    write(deploy, template)
    done = deploy("render", "abalone")
    assert done.returncode == 1
    assert "pipelines/abalone.py has no function build(project), only get_pipeline" in done.stderr
    lines = [line.strip() for line in done.stderr.splitlines()]
    added = lines[lines.index("def build(project):") + 1]
    assert added == (
        "return get_pipeline(region=project.region, secret=..., role=project.role, default_bucket=project.bucket, "
        'pipeline_name=project.pipeline_name("abalone"))'
    )
    write(deploy, f"{template}\ndef build(project):\n    {added}\n")
    assert deploy("render", "abalone").returncode == 0
