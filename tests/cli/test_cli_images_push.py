"""`deploy.py images push`: into moto's ECR, with a `docker` that is a stand-in and a process all the same."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cli.deploying import Said, Site, site
from cli.pushing_docker import DOCKER

from dagwright.cli.words import parser

if TYPE_CHECKING:
    from aws import AWS

__all__ = ["site"]

REPOSITORY = "acme-sm-rc-churn/file-report"
HOST = "123456789012.dkr.ecr.us-east-1.amazonaws.com"
OUTPUTS = "config/outputs/dev.json"


class Docker:
    """The stand-in and what it was asked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def calls(self) -> list[dict[str, Any]]:
        path = self.folder / "calls"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    @property
    def words(self) -> list[list[str]]:
        return [call["words"] for call in self.calls]

    def set(self, name: str, text: str = "") -> None:
        (self.folder / name).write_text(text)


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Docker:
    folder = tmp_path / "docker"
    (folder / "own" / "contexts").mkdir(parents=True)
    own = {"auths": {"https://index.docker.io/v1/": {"auth": "c2VjcmV0"}}, "credsStore": "pass", "currentContext": "c"}
    (folder / "own" / "config.json").write_text(json.dumps(own))
    program = folder / "bin" / "docker"
    program.parent.mkdir()
    stand_in = Path(__file__).with_name("pushing_docker.py")
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{stand_in}" "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("FAKE_DOCKER", str(folder))
    monkeypatch.setenv("DOCKER_CONFIG", str(folder / "own"))
    return Docker(folder)


@pytest.fixture
def repository(aws: AWS) -> str:
    aws.client("ecr").create_repository(repositoryName=REPOSITORY, imageTagMutability="IMMUTABLE")
    return REPOSITORY


def push(site: Site, *words: str, env: str = "dev") -> Said:
    return site("images", "push", *words, env=env)


def stored(aws: AWS) -> dict[str, str]:
    """Tag -> digest of what is in the registry."""
    images = aws.client("ecr").describe_images(repositoryName=REPOSITORY)["imageDetails"]
    return {image["imageTags"][0]: image["imageDigest"] for image in images}


def test_what_changed_is_built_pushed_and_noted_by_its_digest(site: Site, docker: Docker, repository: str) -> None:
    said = push(site, "--json")
    assert said.code == 0, said.err
    ((tag, digest),) = stored(site.aws).items()
    image = f"{HOST}/{repository}@{digest}"
    pushed = {"name": "file-report", "status": "pushed", "tag": tag, "image": image}
    assert said.json == {"images": [pushed], "outputs": OUTPUTS, "written": True}
    assert json.loads((site.folder / OUTPUTS).read_text()) == {"images": {"file-report": image}}

    folder = site.folder / "scripts" / "file_report"
    form = ["--platform", "linux/amd64", "--provenance=false", "--output", "type=docker"]
    named = f"{HOST}/{repository}:{tag}"
    assert docker.words == [
        ["login", "--username", "AWS", "--password-stdin", HOST],
        ["buildx", "build", *form, "--file", str(folder / "Dockerfile"), "--tag", named, str(folder)],
        ["push", named],
    ]
    assert tag.startswith("src-")
    assert len(tag) == 20
    assert "#29 of the build\\x1b[2K" in said.err


def test_no_credentials_stay(site: Site, docker: Docker, repository: str) -> None:
    assert push(site).code == 0
    password = docker.calls[0]["given"]
    assert password
    assert password not in json.dumps(docker.words)
    for call in docker.calls:
        assert call["config"] == {"currentContext": "c", "auths": {HOST: {}}}, "the user's own are not read along"
        assert call["linked"] == ["contexts"]
        assert call["mode"] == 0o700
        assert not Path(call["folder"]).exists()
    assert (docker.folder / "own" / "contexts").is_dir()


def test_a_second_push_builds_nothing_and_needs_no_docker(
    site: Site, docker: Docker, repository: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert push(site).code == 0
    (docker.folder / "calls").unlink()
    noted = (site.folder / OUTPUTS).read_bytes()
    monkeypatch.setenv("PATH", "/nonexistent")

    said = push(site)

    assert said.code == 0
    assert said.out.startswith(f"file-report  present  {HOST}/{repository}@sha256:")
    assert docker.calls == []
    assert site.aws.writes == []
    assert (site.folder / OUTPUTS).read_bytes() == noted


def test_another_source_is_another_image(site: Site, docker: Docker, repository: str) -> None:
    assert push(site).code == 0
    site.edit("scripts/file_report/Dockerfile", "ENV LANG", "ENV MORE=1 LANG")
    assert push(site, "file-report").code == 0
    before, after = stored(site.aws).values()
    assert before != after
    assert json.loads((site.folder / OUTPUTS).read_text())["images"]["file-report"].endswith(after)


def test_check_says_what_would_be_built(site: Site, docker: Docker, repository: str) -> None:
    said = push(site, "--check")
    assert said.code == 2
    assert said.out.startswith(f"file-report  missing  {HOST}/{repository}:src-")
    assert docker.calls == []
    assert not (site.folder / OUTPUTS).exists()

    assert push(site).code == 0
    assert push(site, "--check").code == 0
    (site.folder / OUTPUTS).unlink()
    said = push(site, "--check")
    assert said.code == 2
    assert "config/outputs/dev.json would be written" in said.out
    assert not (site.folder / OUTPUTS).exists()


def test_without_building_the_digests_that_are_there_are_noted(site: Site, docker: Docker, repository: str) -> None:
    assert push(site, "--no-build").code == 2
    assert not (site.folder / OUTPUTS).exists()
    assert push(site).code == 0
    noted = (site.folder / OUTPUTS).read_bytes()
    (site.folder / OUTPUTS).unlink()
    (docker.folder / "calls").unlink()

    assert push(site, "--no-build").code == 0
    assert (site.folder / OUTPUTS).read_bytes() == noted
    assert docker.calls == []


def test_a_build_that_fails_shows_its_last_lines(site: Site, docker: Docker, repository: str) -> None:
    docker.set("failing", "build")
    said = push(site)
    assert said.code == 1
    *_, last = said.err.splitlines()
    assert last == "  ERROR: build does not go"
    assert "cannot be built (exit code 3):\n  #19 of the build" in said.err
    assert [words[0] for words in docker.words] == ["login", "buildx"]
    assert not Path(docker.calls[0]["folder"]).exists()
    assert not (site.folder / OUTPUTS).exists()


def test_a_login_or_a_push_that_fails_says_so(site: Site, docker: Docker, repository: str) -> None:
    docker.set("failing", "login")
    assert f"Docker cannot log in to {HOST} (exit code 3):" in push(site).err
    docker.set("failing", "push")
    said = push(site)
    assert said.code == 1
    assert "cannot be pushed (exit code 3):" in said.err


def test_a_docker_that_does_not_listen_is_a_failure_like_any_other(site: Site, docker: Docker, repository: str) -> None:
    (docker.folder / "bin" / "docker").write_text("#!/bin/sh\necho no engine >&2; exec 0<&-; exit 1\n")
    said = push(site)
    assert said.code == 1
    assert said.err.endswith(f"Docker cannot log in to {HOST} (exit code 1):\n  no engine\n")


def test_what_others_noted_during_the_build_stays(site: Site, docker: Docker, repository: str) -> None:
    noting = site.folder / OUTPUTS
    program = docker.folder / "bin" / "docker"
    noting.parent.mkdir(exist_ok=True)
    text = """{"subnets": ["subnet-0a1b2c3d4e5f60718"]}"""
    program.write_text(program.read_text().replace("exec", f"echo '{text}' > '{noting}'\nexec"))
    assert push(site).code == 0
    assert json.loads(noting.read_text()).keys() == {"subnets", "images"}


def test_what_somebody_else_pushed_meanwhile_is_taken(site: Site, docker: Docker, repository: str) -> None:
    docker.set("failing", "push")
    docker.set("pushed_by_another")
    said = push(site)
    assert said.code == 0, said.err
    assert said.out.startswith("file-report  pushed")
    ((_, digest),) = stored(site.aws).items()
    assert digest in (site.folder / OUTPUTS).read_text()


def test_a_form_of_manifest_that_sagemaker_refuses_is_told(site: Site, docker: Docker, repository: str) -> None:
    docker.set("form", "application/vnd.oci.image.manifest.v1+json")
    assert "is stored as application/vnd.oci.image.manifest.v1+json" in push(site).err
    assert DOCKER not in push(site).err


def test_a_base_in_the_same_region_is_logged_in_to(site: Site, docker: Docker, repository: str) -> None:
    aws_owned = "763104351884.dkr.ecr.us-east-1.amazonaws.com"
    evil = "763104351884.dkr.ecr.us-east-1.amazonaws.com.example.org"
    base = f"FROM {aws_owned}/pytorch-training:2.3.0 AS a\nFROM {evil}/x\nFROM python"
    site.edit("scripts/file_report/Dockerfile", "FROM python", base)
    assert push(site).code == 0
    assert [words[-1] for words in docker.words if words[0] == "login"] == [HOST, aws_owned]


def test_paths_with_spaces_and_hostile_names_are_words_like_any_other(
    site: Site, docker: Docker, repository: str
) -> None:
    name = "-t x; touch $(pwd)"
    (site.folder / "scripts" / "file_report").rename(site.folder / "scripts" / name)
    site.edit(
        "config/project.yaml", "dockerfile: scripts/file_report/Dockerfile", f'dockerfile: "scripts/{name}/Dockerfile"'
    )
    assert push(site).code == 0
    folder = site.folder / "scripts" / name
    assert docker.words[1][-1] == str(folder)
    assert str(folder / "Dockerfile") in docker.words[1]


def test_without_docker_it_says_what_to_do(site: Site, repository: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    said = push(site)
    assert said.code == 1
    assert said.err.startswith("There is no program 'docker' on this machine")


def test_a_repository_that_is_missing_is_made_by_infra_upsert(site: Site, docker: Docker) -> None:
    said = push(site)
    assert said.code == 1
    assert said.err == (
        f"There is no repository {REPOSITORY} in {HOST}\n"
        "`infra upsert` makes the repositories of the configuration's images; a name may be misspelled.\n"
    )
    assert docker.calls == []


@pytest.mark.parametrize("word", ["--check", "--no-build"])
def test_a_repository_that_is_missing_is_told_where_nothing_is_built(word: str, site: Site, docker: Docker) -> None:
    said = push(site, word)
    assert said.code == 2
    assert said.err == f"There is no repository {REPOSITORY} in {HOST}\n"
    assert said.out.startswith("file-report  missing")


def test_each_environment_has_its_own_registry(site: Site, docker: Docker) -> None:
    said = push(site, env="production")
    assert said.code == 1
    assert "These credentials are of the account 123456789012" in said.err


def test_what_is_no_image_of_the_project_is_left_alone_or_refused(site: Site, docker: Docker, repository: str) -> None:
    said = push(site, "sklearn", "python")
    assert said.code == 1
    assert said.err == (
        "There is no pushing 2 images\n"
        "  - images.sklearn: it is an image of AWS's (only images of your own are pushed)\n"
        "  - images.python: nothing says which Dockerfile it is built from "
        "(add a rule with its `dockerfile` to local.environments)\n"
    )
    said = push(site, "file-reprot", "sklaern")
    assert said.code == 64
    assert said.err == (
        "There are no such images in dev\n"
        "  - 'file-reprot' (did you mean 'file-report'?)\n"
        "  - 'sklaern' (did you mean 'sklearn'?)\n"
    )
    assert site.aws.calls == []


@pytest.mark.parametrize(
    "host", ["444455556666.dkr.ecr.us-east-1.amazonaws.com", f"{HOST}.example.org", "localhost:5000"]
)
def test_another_registry_is_none_of_its_business(host: str, site: Site, docker: Docker, repository: str) -> None:
    site.edit("config/project.yaml", f"file-report: {HOST}/", f"file-report: {host}/")
    said = push(site)
    assert said.code == 0
    assert said.out == "There is nothing to push: no image of the configuration is built here.\n"
    assert docker.calls == []
    assert site.aws.calls == []
    assert f"it is not in {HOST}" in push(site, "file-report").err


def test_an_image_that_the_configuration_fixes_stays(site: Site, docker: Docker, repository: str) -> None:
    site.edit("config/project.yaml", f"{HOST}/{REPOSITORY}@sha256:{'0' * 64}", f"{HOST}/{REPOSITORY}@sha256:{'a' * 64}")
    said = push(site)
    assert said.code == 0
    assert "file-report stays as it is: the configuration names one image by its digest" in said.err
    assert docker.calls == []
    assert push(site, "file-report").code == 1


def test_a_link_out_of_the_folder_is_refused_unless_it_is_left_out(site: Site, docker: Docker, repository: str) -> None:
    folder = site.folder / "scripts" / "file_report"
    (folder / "keys").symlink_to("/etc/passwd")
    said = push(site)
    assert said.code == 1
    assert said.err.startswith(f"{folder / 'keys'} is a link that leads out of the folder of the Dockerfile\n")
    assert site.aws.calls == []

    (folder / ".dockerignore").write_text("keys\n")
    assert push(site).code == 0


@pytest.mark.parametrize(
    "words",
    [("--env", "dev", "--json", "push"), ("push", "--env", "dev", "--json"), ("--json", "push", "--env", "dev")],
)
def test_what_holds_for_every_command_may_stand_before_and_behind_push(words: tuple[str, ...]) -> None:
    said = parser().parse_args(["images", *words])
    assert (said.module, said.env, said.json, said.debug) == ("images_push", "dev", True, False)


def test_words_that_do_not_fit(site: Site) -> None:
    assert push(site, env="local").code == 64
    assert push(site, "--check", "--no-build").code == 64
    assert site("images", "--refresh", "push").code == 64


def test_ecr_that_refuses_is_reported(site: Site, docker: Docker, repository: str) -> None:
    site.aws.calls.clear()
    site.aws.fail("denied", "GetAuthorizationToken")
    said = push(site)
    assert said.code == 1
    assert said.err.splitlines()[-2].startswith(f"No password for {HOST} is given: ")
    assert docker.calls == []
