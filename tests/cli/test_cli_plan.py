"""`plan`: what it prints, for people, for pull requests and for programs, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cli.deploying import DEPLOYED, SCHEDULE, Site, site

from dagwright.cli.plan_text import LONGEST_COMMENT

__all__ = ["site"]


def test_an_empty_account_would_get_everything(site: Site) -> None:
    site.schedule(SCHEDULE)
    said = site("plan", "training")
    assert said.code == 2
    for part in (
        "dev: account 123456789012, us-east-1",
        f"+ training  {DEPLOYED}",
        "    + step Register ",
        "in the if branch of GoodEnough",
        f"    + schedule {DEPLOYED}.nightly  cron(0 2 * * ? *) Asia/Shanghai",
        "    + upload scripts/preprocess.py ",
        "+ schedule group rc-churn",
        "1 to create",
    ):
        assert part in said.out, said.out
    assert "warnings (look closer: " in said.err
    assert site.aws.writes == []
    assert site.aws.operations[0] == "GetCallerIdentity"


def test_a_project_without_pipelines_has_a_plan(site: Site) -> None:
    (site.folder / "pipelines/training.py").unlink()
    said = site("plan")
    assert (said.code, said.out) == (0, "dev: account 123456789012, us-east-1\n\nnothing to change\n")
    assert site("plan", "--markdown").out.startswith("**dev: account 123456789012, us-east-1**: nothing to change\n")


def test_nothing_to_change_is_exit_code_0(site: Site) -> None:
    assert site("upsert", "training").code == 0
    said = site("plan", "training")
    assert said.code == 0
    assert said.out.splitlines()[-1] == "nothing to change"
    assert "+" not in said.out


def test_what_changes_is_said_field_by_field(site: Site) -> None:
    site.schedule(SCHEDULE)
    site("upsert", "training")
    site.schedule(SCHEDULE.replace("0 2", "0 3"))
    site.edit("pipelines/training.py", '"Seed", 42', '"Seed", 43')
    site.edit("scripts/preprocess.py", "\n", "\n# another version\n")
    site.edit("steps/train.py", '"n_estimators": trees', '"n_estimators": 5')
    site.edit("config/project.yaml", 'CostCentre: "4711"', 'CostCentre: "4712"')
    said = site("plan", "training")
    assert said.code == 2
    for part in (
        "~ Parameters[Seed].DefaultValue ",
        " 42 -> 43",
        "        ~ code changed: scripts/preprocess.py",
        "        ~ Arguments.HyperParameters.n_estimators  ${Parameters.Trees} -> ",
        "~ tag CostCentre ",
        '"4711" -> "4712"',
        '        ~ ScheduleExpression  "cron(0 2 * * ? *)" -> "cron(0 3 * * ? *)"',
        "1 to change",
    ):
        assert part in said.out, said.out
    found = site("plan", "training", "--json").json
    assert (found["version"], found["environment"], found["changes"]) == (1, "dev", True)
    (pipeline,) = found["pipelines"]
    assert pipeline["action"] == "update"
    assert {"Preprocess", "Train"} <= {step["name"] for step in pipeline["definition"]["steps"]}
    assert pipeline["code"][0]["origin"] == "scripts/preprocess.py"


def test_all_pipelines_and_what_is_left_over(site: Site) -> None:
    other = (site.folder / "pipelines/training.py").read_text(encoding="utf-8").replace('"training",', '"old-one",')
    (site.folder / "pipelines/old_one.py").write_text(other, encoding="utf-8")
    site.schedule(SCHEDULE)
    assert site("upsert").code == 0
    (site.folder / "pipelines/old_one.py").unlink()
    site.schedule()
    said = site("plan")
    assert said.code == 2
    assert f"! schedule {DEPLOYED}.nightly  cron(0 2 * * ? *) Asia/Shanghai, switched off" in said.out
    assert "no longer declared, so switched off; upsert --prune deletes it" in said.out
    assert "    - pipeline rc-churn-old-one-dev" in said.out
    assert "1 to change, 2 to delete with --prune" in said.out
    assert "old-one" not in site("plan", "training").out
    site("upsert")
    left = site("plan")
    assert left.code == 0
    assert "1 unchanged, 2 to delete with --prune" in left.out


def test_a_module_that_is_wrong_is_not_one_that_is_gone(site: Site) -> None:
    (site.folder / "pipelines/broken.py").write_text("def build(project):\n    return 3\n")
    (site.folder / "pipelines/worse.py").write_text("import nothing_of_that_name\n")
    said = site("plan")
    assert said.code == 1
    assert "broken" in said.err
    assert "nothing_of_that_name" in said.err
    assert site.aws.calls == []


@pytest.mark.foreign("pipeline/SdkPipeline")
def test_two_pipelines_cannot_be_one_on_aws(site: Site) -> None:
    module = """\
class Theirs:
    name = {name!r}
    def definition(self):
        return '{{"Version": "2020-12-01", "Steps": [{{"Name": "A", "Type": "Fail"}}]}}'
def build(project):
    return Theirs()
"""
    for name in ("one", "two"):
        (site.folder / f"pipelines/{name}.py").write_text(module.format(name="SdkPipeline"), encoding="utf-8")
    said = site("plan")
    assert said.code == 1
    assert "one and two would both be SdkPipeline on AWS" in said.err
    (site.folder / "pipelines/two.py").unlink()
    assert "+ one  SdkPipeline" in site("plan", "one").out


def test_a_comment_for_a_pull_request(site: Site) -> None:
    site("upsert", "training")
    site.edit("pipelines/training.py", '"Seed", 42', '"Seed", 43')
    said = site("plan", "training", "--markdown")
    assert said.code == 2
    assert said.out.startswith("**dev: account 123456789012, us-east-1**: 1 to change\n\n```diff\n")
    assert "\n!     Parameters[Seed].DefaultValue  42 -> 43\n" in said.out
    assert said.out.endswith("\n```\n")


def _file(site: Site, steps: int, text: str = "x", name: str = "large") -> str:
    declared = [
        {"Name": f"Step{number}", "Type": "Fail", "Arguments": {"ErrorMessage": text}} for number in range(steps)
    ]
    path = site.folder / f"{name}.json"
    path.write_text(json.dumps({"Version": "2020-12-01", "Steps": declared}), encoding="utf-8")
    return str(path)


def test_a_comment_that_would_be_too_long_is_cut_with_a_count(site: Site) -> None:
    said = site("plan", "--file", _file(site, 3000), "--markdown")
    assert said.code == 2
    assert len(said.out) <= LONGEST_COMMENT
    assert "<details><summary>changes</summary>" in said.out
    assert "more lines: see `plan` itself" in said.out
    assert said.out.endswith("```\n\n</details>\n")


def test_what_a_definition_says_cannot_end_the_block_it_is_shown_in(site: Site) -> None:
    site("upsert", "--file", _file(site, 1, "x", "hostile"))
    said = site("plan", "--file", _file(site, 1, "```\n</details><img src=x>\x1b[31m", "hostile"), "--markdown")
    assert "````diff" in said.out
    assert said.out.endswith("\n````\n")
    assert "\x1b" not in said.out


def test_long_values_are_cut_where_they_differ(site: Site) -> None:
    site("upsert", "--file", _file(site, 1, "a" * 500 + "old", "long"))
    said = site("plan", "--file", _file(site, 1, "a" * 500 + "new", "long"))
    (line,) = [line for line in said.out.splitlines() if "ErrorMessage" in line]
    assert 'old" -> …' in line
    assert line.endswith('new"')
    assert len(line) < 200


def test_a_file_is_planned_under_its_own_name(site: Site) -> None:
    said = site("plan", "--file", _file(site, 1, name="scoring"))
    assert "+ scoring  rc-churn-scoring-dev" in said.out


def test_of_a_files_warnings_the_command_says_more_that_reads_the_same_file(site: Site) -> None:
    path = site.folder / "scoring.json"
    parameter = {"Name": "Unread", "Type": "String", "DefaultValue": "x"}
    step = {"Name": "Stop", "Type": "Fail", "Arguments": {"ErrorMessage": "x"}}
    path.write_text(json.dumps({"Version": "2020-12-01", "Parameters": [parameter], "Steps": [step]}))
    said = site("plan", "--file", str(path))
    assert said.err.startswith("scoring: 1 warning (look closer: ")
    assert said.err.endswith(f"validate --file {path} --env dev)\n")


def test_anothers_pipeline_is_said_to_be_anothers(site: Site) -> None:
    tags = [{"Key": "dagwright:project", "Value": "rc-fraud"}, {"Key": "dagwright:environment", "Value": "dev"}]
    site.aws.client("sagemaker").create_pipeline(
        PipelineName=DEPLOYED, PipelineDefinition="{}", ClientRequestToken="x" * 32, Tags=tags,
        RoleArn="arn:aws:iam::123456789012:role/x",
    )  # fmt: skip
    said = site("plan", "training")
    assert said.code == 1
    assert "! it belongs to rc-fraud in dev: upsert refuses to touch it" in said.out


def test_a_broken_rule_is_said_and_does_not_hide_the_plan(site: Site) -> None:
    site.edit(
        "config/project.yaml", "environment_suffix: false", "environment_suffix: false\nchecks: { image-by-tag: error }"
    )
    said = site("plan", "training")
    assert said.code == 1, "an upsert would refuse it"
    assert "[image-by-tag]" in said.err
    assert "training: 5 errors" in said.err
    assert "+ training" in said.out
    assert {error["code"] for error in site("plan", "training", "--json").json["errors"]} == {"image-by-tag"}
    comment = site("plan", "training", "--markdown").out
    assert comment.startswith("**5 errors keep this from being deployed**")


@pytest.mark.parametrize("command", ["plan", "upsert"])
def test_nothing_is_deployed_to_this_machine(site: Site, command: str) -> None:
    said = site(command, "training", env="local")
    assert said.code == 64
    assert "there is nothing to deploy on this machine" in said.err


@pytest.mark.parametrize("words", [["training", "--file", "x.json"], ["unknown"]])
def test_wrong_words(site: Site, words: list[str]) -> None:
    assert site("plan", *words).code == 64
    assert site("upsert", *words).code == 64


@pytest.mark.parametrize("command", ["plan", "upsert"])
def test_credentials_of_another_account_are_refused_before_anything_else(site: Site, command: str) -> None:
    site.edit("config/project.yaml", 'account_id: "123456789012"', 'account_id: "999999999999"')
    site.edit("config/project.yaml", "role: arn:aws:iam::123456789012", "role: arn:aws:iam::999999999999")
    said = site(command, "training")
    assert said.code == 1
    assert "These credentials are of the account 123456789012, and dev is in the account 999999999999" in said.err
    assert site.aws.operations == ["GetCallerIdentity"]


def test_a_region_that_does_not_exist_is_one_sentence(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    site.edit("config/project.yaml", "region: us-east-1", "region: eu-nowhere-9")
    said = site("plan", "training")
    assert said.code == 1
    assert "region: no Region eu-nowhere-9 is known to have images of AWS's (did you mean 'eu-north-1'?)" in said.err
    assert said.err.count("eu-nowhere-9") == 1


def test_no_credentials_is_one_sentence(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    import boto3

    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    said = site("plan", "training")
    assert said.code == 1
    assert "Unable to locate credentials" in said.err
    assert "Sign in" in said.err


def test_what_aws_would_not_take_is_found_offline(site: Site) -> None:
    site.edit("pipelines/training.py", "Raw measurements to a registered model", "Two\\nlines")
    many = "\n".join(f"  Tag{number}: x" for number in range(45))
    site.edit("config/project.yaml", "tags: # beside", f"tags:\n{many}\n# beside")
    site.edit("config/project.yaml", '\n  CostCentre: "4711"', "")
    site.schedule(SCHEDULE.replace("nightly", "n" * 60))
    said = site("plan", "training")
    assert said.code == 1
    assert "it would have 52 tags" in said.err
    assert "has 82 characters; AWS takes 64" in said.err
    assert "AWS does not take the description" in said.err
    assert site.aws.calls == []


def test_a_plan_is_kept_in_a_file(site: Site, tmp_path: Path) -> None:
    kept = tmp_path / "plan.json"
    said = site("plan", "training", "--out", str(kept), "--json")
    assert json.loads(kept.read_text(encoding="utf-8")) == said.json
    assert site("plan", "training", "--out", str(tmp_path / "no" / "folder")).code == 1


def test_on_a_terminal_lines_have_colours(deploy: Any, aws: Any) -> None:
    """Run as a process, with a terminal of its own."""
    import os
    import pty
    import subprocess

    parent, child = pty.openpty()
    words = ("plan", "training", "--env", "dev")
    with subprocess.Popen(
        deploy.command(*words),
        cwd=deploy.folder,
        stdout=child,
        stderr=subprocess.DEVNULL,
        env={**deploy.caller(words), "TERM": "xterm-256color", "COLUMNS": "200"},
    ) as process:
        os.close(child)
        shown = b""
        try:
            while chunk := os.read(parent, 65536):
                shown += chunk
        except OSError:  # the other end has closed
            pass
    os.close(parent)
    assert process.returncode == 2
    assert b"\x1b[32m" in shown


@pytest.mark.parametrize("form", [(), ("--json",), ("--markdown",)])
def test_a_secret_that_is_deployed_is_not_shown(site: Site, form: tuple[str, ...]) -> None:
    site("upsert", "training")
    definition = json.loads(site.described()["PipelineDefinition"])
    definition["Steps"][0]["Arguments"]["Environment"] = {"DB_PASSWORD": "correct horse"}
    site.aws.client("sagemaker").update_pipeline(PipelineName=DEPLOYED, PipelineDefinition=json.dumps(definition))
    said = site("plan", "training", *form)
    assert said.code == 2
    assert "DB_PASSWORD" in said.out
    assert "correct horse" not in said.out + said.err
