"""One world for all tests of a module; what a test breaks is whole again after it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import identities
import pytest
from cli.conftest import Deploy, copied_project

import dagwright.cli

if TYPE_CHECKING:
    from pathlib import Path

    from aws import AWS
    from doctor.world import World


@pytest.fixture
def deploy(tmp_path: Path) -> Deploy:
    """The example project with its training pipeline, and its command line as a real process."""
    return copied_project(tmp_path / "project")


@pytest.fixture(scope="module")
def whole(aws_server: AWS, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The world, with its pipelines deployed."""
    from doctor.world import World, forget_modules

    with pytest.MonkeyPatch.context() as patch:
        aws_server.reset()
        _lead_to(aws_server, patch)
        world = World(tmp_path_factory.mktemp("world") / "project", aws_server)
        deployed = world.said("upsert")
        assert deployed.code == 0, deployed.err
    yield world
    forget_modules()


@pytest.fixture
def world(whole: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """The same, with nothing recorded and nothing broken."""
    aws = whole.aws
    aws.forget()
    _lead_to(aws, monkeypatch)
    whole.tell()
    with identities.calling(identities.of_command(["doctor", "--env", "dev"], whole.folder)):
        yield whole
    refused = identities.refusals(aws.heard, ["role/Deployer", "repository/a/b"])  # names of tests alone
    assert not refused, "every call has to be allowed to who makes it:\n" + "\n".join(refused)
    assert aws.flaws() == [], "every request is one that AWS takes"
    assert aws.writes == [], "a doctor looks and touches nothing"


def _lead_to(aws: AWS, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(sys, "path", [*sys.path])
    patch.setattr(sys, "argv", ["deploy.py"])
    patch.setattr(dagwright.cli, "_run", identities.marked(dagwright.cli._run))
    for name, value in aws.variables.items():
        patch.setenv(name, value)
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_CREDENTIAL_EXPIRATION"):
        patch.delenv(name, raising=False)
