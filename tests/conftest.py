"""What tests of several folders share."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from aws import AWS


@pytest.fixture(scope="session")
def aws_server() -> Iterator[AWS]:
    """The server, started when a test first asks for it."""
    from aws import AWS

    server = AWS()
    yield server
    server.close()


@pytest.fixture
def aws(aws_server: AWS, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[AWS]:
    """An empty AWS account (tests/aws.py), to which boto3 leads here and in processes started from here.

    At the end every call is held against the policies of who makes it (tests/identities.py).
    """
    import identities

    import dagwright.cli

    aws_server.reset()
    monkeypatch.setattr(dagwright.cli, "_run", identities.marked(dagwright.cli._run))
    for name, value in aws_server.variables.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    with identities.calling(identities.of_test(request.path)):
        yield aws_server
    assert aws_server.flaws() == [], "every request is one that AWS takes"
    foreign = request.node.get_closest_marker("foreign")
    refused = identities.refusals(aws_server.heard, foreign.args if foreign else ())
    assert not refused, "every call has to be allowed to who makes it:\n" + "\n".join(refused)


if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell starts its background jobs, and all that these start, deaf to Ctrl-C; tests of it need a child that hears.
    signal.signal(signal.SIGINT, signal.default_int_handler)
