"""Machines by the size of the input, as docs/sizing.md shows them: here, on AWS, deployed, and started by events."""

from __future__ import annotations

import json
import os
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cli.conftest import Deploy
from cli.deploying import Site, site
from pages import page, snippets
from scripted import Scripted, State

__all__ = ["site"]

BUCKET = "acme-sm-rc-churn"
RAW = f"s3://{BUCKET}/raw/uploads"
DEPLOYED = "rc-churn-count-rows-dev"
ENGINE = ("--engine", "stepfunctions")


def write_example(folder: Path) -> None:
    """The pipeline of the page, and its script."""
    (folder / "pipelines/count_rows.py").write_text(snippets("sizing", "python")[0], encoding="utf-8")
    (folder / "scripts/count_rows.py").write_text(snippets("sizing", "text")[0], encoding="utf-8")


@pytest.fixture
def counting(deploy: Deploy) -> Deploy:
    write_example(deploy.folder)
    return deploy


@pytest.fixture
def sized(site: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    """The example and its bucket. A GB is a kilobyte, so that a test can have several in moto."""
    write_example(site.folder)
    monkeypatch.setattr("dagwright.sizing.GB", 1000)
    return site


def put(site: Site, name: str, size: int, folder: str = "raw/uploads") -> None:
    site.aws.client("s3").put_object(Bucket=BUCKET, Key=f"{folder}/{name}", Body=b"x" * size)


def sparse(folder: Path, count: int, size: int) -> None:
    """So many objects of the local store, that have a size and take no space."""
    folder.mkdir(parents=True)
    for number in range(count):
        (folder / f"{number}.bin").touch()
        os.truncate(folder / f"{number}.bin", size)


def values(parameters: Any) -> dict[str, Any]:
    return {one["Name"]: one["Value"] for one in parameters}


def defaults(definition: str) -> list[Any]:
    found = {one["Name"]: one["DefaultValue"] for one in json.loads(definition)["Parameters"]}
    return [found[f"Raw{name}"] for name in ("InstanceType", "InstanceCount", "VolumeSizeInGB")]


# ---- here ----


def test_a_run_here_measures_the_local_store_as_the_page_says(counting: Deploy) -> None:
    sparse(counting.stored(RAW), 1204, 34_200_000_000 // 1204)
    data = counting.folder / "rows.csv"
    data.write_text("a\nb\nc\n")
    counting.upload(data, "raw/few")
    line = next(line for line in page("sizing").splitlines() if line.startswith("  Raw: 34.2 GB"))
    done = counting("run", "count-rows")
    assert line in done.stderr.splitlines()
    few = counting(
        "run", "count-rows", "-p", f"RawData=s3://{BUCKET}/raw/few", "-p", "RawInstanceType=ml.m5.large", "--json"
    )
    assert few.returncode == 0, few.stderr
    machines = "1 × ml.m5.xlarge, 30 GB (rule standard; RawInstanceType ml.m5.large as given)"  # noqa: RUF001
    assert f"  Raw: 6 B in 1 object at s3://{BUCKET}/raw/few -> {machines}" in few.stderr
    execution = json.loads(few.stdout)
    given = values(execution["PipelineParameters"])
    assert (given["RawInstanceType"], given["RawVolumeSizeInGB"]) == ("ml.m5.large", 30)
    ((counted,),) = (made.values() for made in counting.outputs(execution).values())
    assert (counted / "rows.txt").read_text() == "3\n"


def test_an_input_above_the_rule_is_refused_with_the_way_out(counting: Deploy) -> None:
    sparse(counting.stored(RAW), 2, 600 * 10**9)
    done = counting("run", "count-rows")
    assert done.returncode == 1
    assert (
        f"Raw: 1200.0 GB in 2 objects at {RAW}: from 1,000 GB on the rule standard is for Spark steps only"
        in done.stderr
    )
    assert "Use Spark: docs/spark.md." in done.stderr
    assert "-p RawInstanceType=… -p RawInstanceCount=… -p RawVolumeSizeInGB=…" in done.stderr
    own = ("-p", "RawInstanceType=ml.m5.large", "-p", "RawInstanceCount=2", "-p", "RawVolumeSizeInGB=9")
    assert "Raw: " not in counting("run", "count-rows", *own, "-p", f"RawData=s3://{BUCKET}/raw/none").stderr


def test_the_instance_count_of_a_rule_is_so_many_processes_here(counting: Deploy) -> None:
    config = counting.folder / "config/project.yaml"
    rule = "sizing: { standard: [{ instance_type: ml.m5.large, instance_count: 3 }] }\n"
    config.write_text(config.read_text() + "\n" + rule)
    script = 'import json, os\nprint("host", json.load(open("/opt/ml/config/resourceconfig.json"))["current_host"])\n'
    (counting.folder / "scripts/count_rows.py").write_text(script)
    data = counting.folder / "rows.csv"
    data.write_text("a\n")
    counting.upload(data, "raw/uploads")
    done = counting("run", "count-rows")
    assert "-> 3 × ml.m5.large, 30 GB (rule standard)" in done.stderr  # noqa: RUF001
    assert [f"host algo-{number}" in counting("logs").stdout for number in (1, 2, 3)] == [True] * 3


def test_what_is_not_there_leaves_the_defaults(counting: Deploy) -> None:
    done = counting("run", "count-rows")
    assert f"Raw: there is nothing at {RAW}: the pipeline's defaults hold" in done.stderr
    nowhere = counting("run", "count-rows", "-p", "RawData=here")
    assert "Raw: 'here' is not an S3 address: the pipeline's defaults hold" in nowhere.stderr


def test_a_step_by_itself_runs_on_machines_for_what_it_reads(counting: Deploy, tmp_path: Path) -> None:
    sparse(counting.folder / ".dagwright/s3" / BUCKET / "raw/uploads", 2, 17_100_000_000)
    done = counting("job", "run", "Count", "-p", f"RawData={RAW}/0.bin", "--json")
    assert f"  Raw: 17.1 GB in 1 object at {RAW}/0.bin -> 1 × ml.m5.4xlarge, 40 GB (rule standard)" in done.stderr  # noqa: RUF001
    cluster = json.loads(done.stdout)["ProcessingResources"]["ClusterConfig"]
    assert (cluster["InstanceType"], cluster["VolumeSizeInGB"]) == ("ml.m5.4xlarge", 40)
    data = tmp_path / "rows.csv"
    data.write_text("a\nb\n")
    done = counting("job", "run", "Count", "--input", f"raw={data}")
    assert re.search(r"Raw: 4 B in 1 object at s3://\S+/rows.csv -> 1 × ml.m5.xlarge, 30 GB", done.stderr)  # noqa: RUF001


# ---- offline ----


def test_rendering_is_offline_and_the_first_row(sized: Site) -> None:
    put(sized, "1.csv", 50_000)
    said = sized("render", "count-rows")
    assert defaults(said.out) == ["ml.m5.xlarge", 1, 30]
    assert sized("validate", "count-rows").code == 0
    assert sized.aws.calls == []


def test_rows_whose_machines_aws_does_not_have_are_found_offline(sized: Site) -> None:
    small = "{ instance_type: ml.m9.large, instance_count: 200 }"
    rule = f"sizing:\n  standard: [{{ below_gb: 1, instance_type: ml.t3.medium }}, {small}]\n"
    sized.edit("config/project.yaml", "environment_suffix: false", rule + "environment_suffix: false")
    said = sized("validate", "count-rows", "--json")
    assert said.code == 1
    errors = {one["field"]: one["what"] for one in said.json["problems"] if one["severity"] == "error"}
    assert errors == {
        "sizing.standard[1].instance_type": "ml.m9.large is no instance type of Processing jobs",
        "sizing.standard[1].instance_count": "200 is more than the 100 that Processing jobs may have",
    }
    assert sized("upsert", "count-rows").code == 1
    assert sized.aws.writes == []


TRAINING = """
from dagwright import InputSize, Pipeline, TrainingStep


def build(project):
    raw = InputSize("Raw", of=project.raw(), rule=project.sizing_rule("standard"))
    fit = TrainingStep("Fit", image=project.image("sklearn"), entry_point="scripts/count_rows.py", **raw.options)
    return Pipeline("fit-rows", steps=[fit], input_sizes=[raw], project=project)
"""


def test_a_row_is_for_the_steps_that_take_its_machines(sized: Site) -> None:
    rows = "[{ instance_type: ml.p4d.24xlarge, instance_count: 200, volume_size_in_gb: 20000 }]"
    sized.edit(
        "config/project.yaml", "environment_suffix: false", f"sizing: {{standard: {rows}}}\nenvironment_suffix: false"
    )
    (sized.folder / "pipelines/fit_rows.py").write_text(TRAINING, encoding="utf-8")

    def found(pipeline: str) -> list[str]:
        problems = sized("validate", pipeline, "--json").json["problems"]
        return [one["what"] for one in problems if one["field"].startswith("sizing.")]

    assert found("count-rows") == [
        "ml.p4d.24xlarge is no instance type of Processing jobs",
        "200 is more than the 100 that Processing jobs may have",
        "20000 is more than the 16384 that Processing jobs may have",
    ]
    assert found("fit-rows") == []


# ---- deployed ----


def test_what_is_deployed_fits_the_input_of_now_and_a_little_growth_is_no_change(sized: Site) -> None:
    put(sized, "1.csv", 34_200)
    said = sized("plan", "count-rows")
    assert said.code == 2
    assert f"count-rows: Raw: 34.2 kB in 1 object at {RAW} -> 1 × ml.m5.4xlarge, 80 GB (rule standard)" in said.err  # noqa: RUF001
    assert sized.aws.operations[0] == "GetCallerIdentity"
    assert sized.aws.writes == []
    assert sized("upsert", "count-rows").code == 0
    deployed = sized.described(DEPLOYED)["PipelineDefinition"]
    assert defaults(deployed) == ["ml.m5.4xlarge", 1, 80]
    assert sized("plan", "count-rows").code == 0
    put(sized, "2.csv", 3000)
    assert sized("plan", "count-rows").code == 0
    put(sized, "3.csv", 70_000)
    grown = sized("plan", "count-rows")
    assert grown.code == 2
    assert '"ml.m5.4xlarge" -> "ml.m5.12xlarge"' in grown.out
    assert re.search(r"Parameters\[RawVolumeSizeInGB\].DefaultValue +80 -> 250", grown.out)


def test_a_saved_plan_is_refused_once_the_input_needs_other_machines(sized: Site, tmp_path: Path) -> None:
    plan = str(tmp_path / "plan.json")
    put(sized, "1.csv", 5000)
    assert sized("plan", "count-rows", "--out", plan).code == 2
    put(sized, "2.csv", 50_000)
    assert sized("upsert", "count-rows", "--plan", plan).code == 1
    assert sized.aws.writes == []


def test_an_input_that_cannot_be_seen_is_said_and_deployed_as_the_first_row(sized: Site) -> None:
    assert f"Raw: there is nothing at {RAW}: the first row of its rule counts" in sized("plan", "count-rows").err
    sized.aws.fail("denied", "ListBucket")
    said = sized("upsert", "count-rows")
    assert said.code == 0
    assert f"Raw: {RAW} cannot be measured: " in said.err
    assert defaults(sized.described(DEPLOYED)["PipelineDefinition"]) == ["ml.m5.xlarge", 1, 30]


def test_inputs_are_measured_once_and_parameters_without_a_default_stay_without(sized: Site) -> None:
    sized.edit("pipelines/count_rows.py", "input_sizes=[raw]", "input_sizes=[raw, again, other]")
    more = """
    day = ParameterString("Day")
    again = InputSize("Again", of=raw_data, rule=project.sizing_rule("economy"))
    other = InputSize("Other", of=day, rule=project.sizing_rule("economy"))
    count ="""
    sized.edit("pipelines/count_rows.py", "\n    count =", more)
    sized.edit("pipelines/count_rows.py", "parameters=[raw_data]", "parameters=[raw_data, day]")
    put(sized, "1.csv", 500)
    said = sized("upsert", "count-rows")
    assert said.code == 0, said.err
    assert sized.aws.operations.count("ListBucket") == 1
    assert "count-rows: Other: its address has no value: the first row of its rule counts" in said.err
    parameters = json.loads(sized.described(DEPLOYED)["PipelineDefinition"])["Parameters"]
    assert {"Name": "Day", "Type": "String"} in parameters
    assert {"Name": "AgainVolumeSizeInGB", "Type": "Integer", "DefaultValue": 10} in parameters


def test_an_input_above_the_rule_is_not_deployed(sized: Site) -> None:
    put(sized, "1.csv", 1_000_000)
    said = sized("upsert", "count-rows")
    assert said.code == 1
    assert "is for Spark steps only" in said.err
    assert sized.aws.writes == []


def test_a_state_machine_has_the_same_defaults(sized: Site) -> None:
    put(sized, "1.csv", 34_200)
    assert sized("upsert", "count-rows", *ENGINE).code == 0
    arn = f"arn:aws:states:us-east-1:123456789012:stateMachine:{DEPLOYED}"
    machine = sized.aws.client("stepfunctions").describe_state_machine(stateMachineArn=arn)["definition"]
    assert '"RawInstanceType":"ml.m5.4xlarge"' in machine.replace(" ", "")
    assert sized("plan", "count-rows", *ENGINE).code == 0


# ---- started on AWS ----


@pytest.fixture
def running(sized: Site) -> Iterator[Scripted]:
    """Executions of SageMaker that succeed at once."""
    with Scripted(sized.aws) as scripted:
        put(sized, "1.csv", 5000)
        assert sized("upsert", "count-rows").code == 0
        definition = sized.described(DEPLOYED)["PipelineDefinition"]
        scripted.answers["DescribePipelineDefinitionForExecution"] = lambda _: {"PipelineDefinition": definition}
        scripted.execution(State("Succeeded"))
        yield scripted


def test_a_start_on_aws_is_given_what_lies_there_now(sized: Site, running: Scripted) -> None:
    put(sized, "2.csv", 90_000)
    put(sized, "1.csv", 500_000, folder="raw/mine")
    said = sized("run", "count-rows", "--detach")
    assert said.code == 0, said.err
    assert "which is not as it is here" not in said.err, "measured defaults are nobody's change"
    (asked,) = sized.aws.of("StartPipelineExecution")
    assert values(asked["PipelineParameters"]) == {
        "RawInstanceType": "ml.m5.4xlarge",
        "RawInstanceCount": "1",
        "RawVolumeSizeInGB": "200",
    }
    sized("run", "count-rows", "--detach", "-p", f"RawData=s3://{BUCKET}/raw/mine", "-p", "RawVolumeSizeInGB=2000")
    (asked,) = sized.aws.of("StartPipelineExecution")
    assert values(asked["PipelineParameters"]) == {
        "RawInstanceType": "ml.m5.12xlarge",
        "RawInstanceCount": "1",
        "RawData": f"s3://{BUCKET}/raw/mine",
        "RawVolumeSizeInGB": "2000",
    }


def test_a_start_on_aws_leaves_the_deployed_defaults_for_what_it_cannot_see(sized: Site, running: Scripted) -> None:
    sized.aws.fail("denied", "ListBucket")
    said = sized("run", "count-rows", "--detach")
    assert said.code == 0, said.err
    assert "the pipeline's defaults hold" in said.err
    assert sized.aws.of("StartPipelineExecution")[0]["PipelineParameters"] == []


def test_other_changes_are_still_told(sized: Site, running: Scripted) -> None:
    sized.edit("pipelines/count_rows.py", '"Count"', '"CountAll"')
    assert "which is not as it is here" in sized("run", "count-rows", "--detach").err


def test_a_state_machine_is_started_with_typed_values(sized: Site) -> None:
    put(sized, "1.csv", 34_200)
    assert sized("upsert", "count-rows", *ENGINE).code == 0
    said = sized("run", "count-rows", "--detach", *ENGINE)
    assert said.code == 0, said.err
    (asked,) = sized.aws.of("StartExecution")
    expected = {"RawInstanceType": "ml.m5.4xlarge", "RawInstanceCount": 1, "RawVolumeSizeInGB": 80}
    assert json.loads(asked["input"]) == expected


# ---- the trigger ----


def test_the_trigger_is_a_zip_and_its_environment(sized: Site, tmp_path: Path) -> None:
    out = tmp_path / "trigger.zip"
    said = sized("render", "count-rows", "--target", "trigger", "--out", str(out))
    assert said.code == 0, said.err
    assert zipfile.ZipFile(out).namelist() == ["dagwright/sizing.py", "dagwright/trigger/handler.py"]
    variables = said.json["Variables"]
    assert variables["TARGET_ARN"] == f"arn:aws:sagemaker:us-east-1:123456789012:pipeline/{DEPLOYED}"
    (given,) = json.loads(variables["INPUTS"])
    assert (given["parameter"], given["address"], given["rule"]) == ("RawData", RAW, "standard")
    assert sized.aws.calls == []
    sized.edit("config/project.yaml", "environment_suffix: false", "environment_suffix: false\nengine: stepfunctions")
    machine = sized("render", "count-rows", "--target", "trigger", "--out", str(out)).json["Variables"]["TARGET_ARN"]
    assert machine == f"arn:aws:states:us-east-1:123456789012:stateMachine:{DEPLOYED}"


def test_a_trigger_needs_a_file_and_an_environment(sized: Site, tmp_path: Path) -> None:
    assert sized("render", "count-rows", "--target", "trigger").code == 64
    out = ("--out", str(tmp_path / "trigger.zip"))
    assert sized("render", "count-rows", "--target", "trigger", *out, env="local").code == 64
