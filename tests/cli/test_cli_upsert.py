"""`upsert`: what it does, what it says, and how it ends."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from cli.deploying import DEPLOYED, SCHEDULE, Site, site

__all__ = ["site"]

ARN = f"arn:aws:sagemaker:us-east-1:123456789012:pipeline/{DEPLOYED}"


def test_the_first_and_the_second_time(site: Site) -> None:
    site.schedule(SCHEDULE)
    said = site("upsert", "training")
    assert said.code == 0, said.err
    lines = said.out.splitlines()
    assert f"CreatePipeline       {ARN}" in lines
    assert lines[-1].endswith("run training --env dev")
    found = site.described()
    assert found["PipelineDescription"] == "Raw measurements to a registered model"
    assert found["RoleArn"].endswith("role/SageMaker-Rc-Churn-Dev-PipelineRole")
    rendered = (Path(__file__).parents[1] / "golden/example/training.json").read_text(encoding="utf-8")
    kept = [step["Name"] for step in json.loads(rendered)["Steps"]]
    assert [step["Name"] for step in json.loads(found["PipelineDefinition"])["Steps"]] == kept
    tags = site.aws.client("sagemaker").list_tags(ResourceArn=ARN)["Tags"]
    assert {"Key": "dagwright:pipeline", "Value": "training"} in tags
    assert {"Key": "CostCentre", "Value": "4711"} in tags

    again = site("upsert", "training")
    assert again.code == 0
    assert again.out.splitlines()[-1] == "nothing to change"
    assert site.aws.writes == []


def test_a_new_version_is_named(site: Site) -> None:
    site("upsert", "training")
    site.edit("pipelines/training.py", '"Seed", 42', '"Seed", 43')
    assert f"UpdatePipeline       {ARN}  version 2" in site("upsert", "training").out.splitlines()
    site.edit("pipelines/training.py", '"Seed", 43', '"Seed", 44')
    assert site("upsert", "training", "--json").json["done"] == [
        {"operation": "UpdatePipeline", "name": DEPLOYED, "Arn": ARN, "PipelineVersionId": 2}
    ]


def test_what_is_deployed_is_what_render_prints(site: Site) -> None:
    site("upsert", "training")
    rendered = site("render", "training")
    assert site.described()["PipelineDefinition"] == rendered.out


def test_another_checkout_has_nothing_to_change(site: Site, tmp_path: Path) -> None:
    site("upsert", "training")
    other = tmp_path / "elsewhere" / "checkout"
    shutil.copytree(site.folder, other, copy_function=shutil.copy)  # without the times
    site.folder = other
    said = site("upsert", "training")
    assert said.out.splitlines()[-1] == "nothing to change"
    assert site.aws.writes == []


def test_for_programs_there_is_one_object(site: Site) -> None:
    said = site("upsert", "training", "--json")
    assert said.code == 0
    done = said.json["done"]
    assert [one["operation"] for one in done] == ["PutObject"] * 4 + ["CreatePipeline"]
    assert done[-1]["Arn"] == ARN


def test_an_error_keeps_everything_from_being_written(site: Site) -> None:
    site.edit(
        "config/project.yaml", "environment_suffix: false", "environment_suffix: false\nchecks: { image-by-tag: error }"
    )
    said = site("upsert", "training")
    assert said.code == 1
    assert "Nothing was deployed: there are errors to correct first" in said.err
    assert "Preprocess: Arguments.AppSpecification.ImageUri" in said.err
    assert site.aws.calls == []


def test_warnings_are_counted_and_do_not_stop_it(site: Site) -> None:
    said = site("upsert", "training")
    assert said.code == 0
    assert "training: 5 warnings" in said.err


def test_a_failure_says_that_running_it_again_completes_it(site: Site) -> None:
    site.aws.fail("denied", "CreatePipeline")
    said = site("upsert", "training")
    assert said.code == 1
    assert said.out.count("PutObject") == 4
    assert f"The pipeline {DEPLOYED} could not be created: as the test wants it (AccessDeniedException)" in said.err
    assert "Ask for this permission, or sign in as a role that has it.\nWhat was done stays done" in said.err
    again = site("upsert", "training")
    assert again.code == 0
    assert site.aws.writes == ["CreatePipeline"]


def test_without_its_bucket_it_says_what_to_do(site: Site) -> None:
    site.aws.client("s3").delete_bucket(Bucket="acme-sm-rc-churn")
    said = site("upsert", "training")
    assert said.code == 1
    assert "There is no such bucket: create it, or correct the bucket in config/project.yaml." in said.err


# --- saved plans ----------------------------------------------------------------------------------------------------


def saved(site: Site, *words: str) -> str:
    path = str(site.folder / "plan.json")
    assert site("plan", *words, "--out", path).code in (0, 2)
    return path


def test_a_saved_plan_is_carried_out(site: Site) -> None:
    plan = saved(site, "training")
    said = site("upsert", "training", "--plan", plan)
    assert said.code == 0
    assert site.described()["PipelineName"] == DEPLOYED
    late = site("upsert", "training", "--plan", plan)
    assert late.code == 1
    assert f"{DEPLOYED} has changed on AWS since" in late.err
    assert site.aws.writes == []


def test_a_saved_plan_is_refused_when_the_definition_here_has_moved(site: Site) -> None:
    plan = saved(site, "training")
    site.edit("scripts/train.py", "\n", "\n# another version\n")
    said = site("upsert", "training", "--plan", plan)
    assert said.code == 1
    assert f"what is to be deployed as {DEPLOYED} has changed here since" in said.err
    assert site.aws.writes == []


@pytest.mark.parametrize("content", [None, "{}", "\x00\xff"])
def test_a_file_that_is_no_plan_is_refused(site: Site, tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "plan.json"
    if content is not None:
        path.write_text(content, encoding="latin-1")
    assert site("upsert", "training", "--plan", str(path)).code == 1


def _made_by_the_sdk(site: Site) -> None:
    site.aws.client("sagemaker").create_pipeline(
        PipelineName=DEPLOYED, PipelineDefinition='{"Version": "2020-12-01", "Steps": []}', ClientRequestToken="x" * 32,
        RoleArn="arn:aws:iam::123456789012:role/x", Tags=[{"Key": "made-by", "Value": "the SDK"}],
    )  # fmt: skip


def test_a_pipeline_without_an_owner_is_taken_over_by_a_saved_plan_only(site: Site) -> None:
    _made_by_the_sdk(site)
    refused = site("upsert", "training")
    assert refused.code == 1
    assert "nothing says that it is this project's" in refused.err
    assert site.aws.writes == []
    assert "it is on AWS and nobody's" in site("plan", "training").out
    said = site("upsert", "training", "--plan", saved(site, "training"))
    assert said.code == 0
    assert site.aws.writes[-2:] == ["UpdatePipeline", "AddTags"]
    assert site("upsert", "training").code == 0


# --- all of them ----------------------------------------------------------------------------------------------------


def _second_pipeline(site: Site) -> Path:
    text = (site.folder / "pipelines/training.py").read_text(encoding="utf-8").replace('"training",', '"second",')
    path = site.folder / "pipelines/second.py"
    path.write_text(text, encoding="utf-8")
    return path


def test_all_pipelines_and_then_one_less(site: Site) -> None:
    second = _second_pipeline(site)
    said = site("upsert")
    assert said.code == 0
    assert site.aws.writes.count("CreatePipeline") == 2
    assert said.out.count("run it: ") == 2
    second.unlink()
    kept = site("upsert")
    assert "    - pipeline rc-churn-second-dev" in kept.out
    assert site.aws.writes == []
    gone = site("upsert", "--prune")
    assert gone.code == 0
    assert site.aws.writes == ["DeletePipeline"]
    names = site.aws.client("sagemaker").list_pipelines()["PipelineSummaries"]
    assert [one["PipelineName"] for one in names] == [DEPLOYED]
    assert site("plan").out.splitlines()[-1] == "nothing to change"


def test_another_environment_of_the_account_is_not_pruned(site: Site) -> None:
    site.aws.client("s3").create_bucket(Bucket="acme-sm-rc-churn-staging")
    assert site("upsert", env="staging").code == 0
    site("upsert")
    (site.folder / "pipelines/training.py").unlink()
    said = site("upsert", "--prune")
    assert said.code == 0
    assert site.aws.writes == ["DeletePipeline"]
    assert site.described("rc-churn-training-staging")


def test_a_definition_in_a_file_is_deployed_under_the_files_name(site: Site, tmp_path: Path) -> None:
    path = tmp_path / "scoring.json"
    step: dict[str, Any] = {"Name": "Stop", "Type": "Fail", "Arguments": {"ErrorMessage": "no"}}
    path.write_text(json.dumps({"Version": "2020-12-01", "Steps": [step]}), encoding="utf-8")
    said = site("upsert", "--file", str(path))
    assert said.code == 0
    assert said.out.splitlines()[-1].endswith(f"run --file {path} --env dev")
    assert site.described("rc-churn-scoring-dev")["PipelineDefinition"] == path.read_text(encoding="utf-8")


def test_the_command_runs_as_a_process(deploy: Any, aws: Any) -> None:
    aws.client("s3").create_bucket(Bucket="acme-sm-rc-churn")
    done = deploy("upsert", "training", "--env", "dev")
    assert done.returncode == 0, done.stderr
    assert f"CreatePipeline       {ARN}\n" in done.stdout
    assert done.stdout.endswith("run it: python deploy.py run training --env dev\n")


def test_what_came_out_of_a_file_is_not_pruned(site: Site, tmp_path: Path) -> None:
    file = tmp_path / "scoring.json"
    file.write_text(json.dumps({"Version": "2020-12-01", "Steps": [{"Name": "No", "Type": "Fail"}]}), encoding="utf-8")
    assert site("upsert", "--file", str(file)).code == 0
    said = site("upsert", "--prune")
    assert said.code == 0, said.err
    assert "rc-churn-scoring-dev" not in said.out
    assert "DeletePipeline" not in site.aws.operations
    assert site("plan", "--file", str(file)).code == 0
