"""The hosts of a job of the built-in XGBoost as one: they add up what each finds in its share of the data.

What comes in: the hosts' names, and whether this one has data. What goes out: those that take part, and while they do,
a ring of xgboost's own by which `xgboost.train` reaches the others. They meet at the first host, which tells them where
the ring is.
"""

from __future__ import annotations

import json
import socket
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import xgboost

from dagwright.engines.local.xgboost_algorithm import CustomerError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_PORT = 9099  # of an address that is the job's own
_SECONDS = 300.0
_AGAIN_SECONDS = 0.05


@contextmanager
def team(hosts: Sequence[str], host: str, has_data: bool) -> Iterator[list[str]]:
    """The hosts that take part, the same answer on all of them: those without data leave the others alone.

    Raises CustomerError if they do not find each other.
    """
    from xgboost.tracker import RabitTracker

    if not hasattr(RabitTracker, "wait_for"):
        raise CustomerError(
            f"training on {len(hosts)} instances takes xgboost 2.1 or newer here, and this is {xgboost.__version__}"
        )
    address = _address(hosts[0])
    tracker = None
    try:
        if host == hosts[0]:
            tracker, members, ring = _receive(hosts, address, has_data)
        else:
            members, ring = _visit(address, host, has_data)
    except (OSError, ValueError) as error:
        raise CustomerError(f"the hosts do not find each other: {error}") from error
    with ExitStack() as stack:
        if ring and host in members:
            task = f"{members.index(host):04}"
            stack.enter_context(xgboost.collective.CommunicatorContext(**ring, dmlc_task_id=task))
        yield members
    if tracker:
        tracker.wait_for()


def _address(host: str) -> str:
    try:
        return socket.gethostbyname(host)
    except OSError:
        raise CustomerError(f"the host {host} has no address: hosts know each other inside the sandbox only") from None


def _receive(hosts: Sequence[str], address: str, has_data: bool) -> tuple[Any, list[str], dict[str, Any]]:
    """The first host's part. (the ring's tracker, those that take part, where the ring is)."""
    from xgboost.tracker import RabitTracker

    said = {hosts[0]: has_data}
    with ExitStack() as stack:
        door = stack.enter_context(socket.create_server((address, _PORT), backlog=len(hosts)))
        door.settimeout(_SECONDS)
        guests = []
        while len(said) < len(hosts):
            guest = stack.enter_context(door.accept()[0])
            guest.settimeout(_SECONDS)
            said.update(_hear(guest))
            guests.append(guest)
        members = [host for host in hosts if said[host]]
        tracker, ring = None, {}
        if len(members) > 1:
            tracker = RabitTracker(n_workers=len(members), host_ip=address, sortby="task", timeout=int(_SECONDS))
            tracker.start()
            ring = tracker.worker_args()
        for guest in guests:
            guest.sendall(json.dumps({"members": members, "ring": ring}).encode() + b"\n")
    return tracker, members, ring


def _visit(address: str, host: str, has_data: bool) -> tuple[list[str], dict[str, Any]]:
    """Any other host's part."""
    deadline = time.monotonic() + _SECONDS
    while True:
        try:
            door = socket.create_connection((address, _PORT), timeout=_SECONDS)
            break
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(_AGAIN_SECONDS)  # the first host still reads its data
    with door:
        door.sendall(json.dumps({host: has_data}).encode() + b"\n")
        answer = _hear(door)
    return answer["members"], answer["ring"]


def _hear(other: socket.socket) -> dict[str, Any]:
    with other.makefile("r", encoding="utf-8") as lines:
        said: dict[str, Any] = json.loads(lines.readline())
    return said
