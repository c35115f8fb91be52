"""The logs of jobs in CloudWatch: all jobs of a kind share one log group, each host has a stream `<job>/<host>-<time>`.

What comes in: what a step made. What goes out: one log for each stream, which can be read on from where it was left.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from dagwright.engines.aws.clients import Clients, aws_errors, error_code
from dagwright.engines.aws.made import Made
from dagwright.errors import AWSError
from dagwright.shapes import model

_STARTED_AT = re.compile(r"-\d{10,}(?=/|$)")


class LogStream:
    """One stream of a log group; asked again, it says what is new."""

    def __init__(self, clients: Clients, group: str, stream: str, host: str) -> None:
        self.host = host
        self.address = f"{group}/{stream}"
        self._clients = clients
        self._stream = {"logGroupName": group, "logStreamName": stream}
        self._forward = ""

    def lines(self, tail: int | None = None, *, over: bool = True) -> Iterator[str]:
        """The lines since it was last asked; the first time all, or the last `tail`. Raises AWSError."""
        if tail and not self._forward:
            yield from self._last(tail)
            return
        while True:
            page = self._page(**({"nextToken": self._forward} if self._forward else {}), startFromHead=True)
            yield from _lines(page)
            before, self._forward = self._forward, page["nextForwardToken"]
            if self._forward == before:  # which is how the service says that this is the end, for now
                return

    def _last(self, count: int) -> list[str]:
        """Backwards from the end, page by page: a page may be smaller than asked for, and even empty."""
        found: list[str] = []
        wanted = {"limit": min(count, int(model("logs")["EventsLimit"]["max"])), "startFromHead": False}
        page = self._page(**wanted)
        self._forward, backward = page["nextForwardToken"], ""
        while True:
            found[:0] = _lines(page)
            if len(found) >= count or page["nextBackwardToken"] == backward:
                return found[-count:]
            backward = page["nextBackwardToken"]
            page = self._page(**wanted, nextToken=backward)

    def _page(self, **arguments: Any) -> dict[str, Any]:
        with aws_errors(f"The log {self.address} cannot be read"):
            page: dict[str, Any] = self._clients("logs").get_log_events(**self._stream, **arguments)
        return page


def _lines(page: dict[str, Any]) -> list[str]:
    return [line for event in page["events"] for line in event["message"].splitlines() or [""]]


def logs_of(clients: Clients, made: Made) -> list[LogStream]:
    """The log of each host of a job; empty if it has none, or none yet. Raises AWSError."""
    group = made.kind.log_group
    names = _stream_names(clients, group, f"{made.name}/") if group else []
    hosts = [_STARTED_AT.sub("", name.partition("/")[2]) for name in names]
    often = Counter(hosts)  # a host that was started again, as after a Spot interruption, has a stream for each time
    logs = [
        LogStream(clients, group, name, host if often[host] == 1 else name.partition("/")[2])
        for name, host in zip(names, hosts, strict=True)
    ]
    return sorted(logs, key=lambda log: (len(log.host), log.host))


def _stream_names(clients: Clients, group: str, prefix: str) -> list[str]:
    try:
        what, wanted = f"The logs in {group} cannot be listed", {"logGroupName": group, "logStreamNamePrefix": prefix}
        pages = clients.pages(what, "logs", "describe_log_streams", **wanted)
        return [str(stream["logStreamName"]) for page in pages for stream in page["logStreams"]]
    except AWSError as error:
        if error_code(error) == "ResourceNotFoundException":  # the group comes with the first job of its kind
            return []
        raise
