"""The hosts of a training job, as `train.py` sees them: what each has is added up, and all have the sum.

In:  the name of this host, the names of all in their order, where the first one listens.
Out: sums, the same bits on every host: the first one adds, always in the order of the names.

Every host talks to the first one only, over TCP. A host that fails says why before it ends, and the others pass it on;
one that has gone, or is silent for too long, ends the others with a sentence. A host's name may be known only a while
after its start: it is asked for again until then.
"""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Sequence
from contextlib import suppress

import numpy as np

NUMBERS, REASON = b"N", b"R"
HEADER = struct.Struct("!cQ")  # what follows, and its bytes
MOST_BYTES = 1 << 30
RETRY_SECONDS = 0.05
DRAIN_SECONDS = 5.0


class PeerError(Exception):
    """Another host has failed or gone; the text says which."""


class Team:
    """All hosts of the job: the first one, to which every other holds a connection."""

    def __init__(self, me: str, hosts: Sequence[str], address: tuple[str, int], timeout: float) -> None:
        """Comes back when all hosts are there. Raises PeerError if one is not in time."""
        self.me = me
        self.leads = me == hosts[0]
        self._peers: dict[str, socket.socket] = {}
        self._timeout = timeout
        if len(hosts) > 1:
            deadline = time.monotonic() + timeout
            if self.leads:
                self._welcome([host for host in hosts if host != me], address, deadline)
            else:
                self._join(hosts[0], address, deadline)

    def _welcome(self, expected: Sequence[str], address: tuple[str, int], deadline: float) -> None:
        found: dict[str, socket.socket] = {}
        with socket.create_server(resolve(address, deadline)) as listener:
            while len(found) < len(expected):
                missing = ", ".join(host for host in expected if host not in found)
                listener.settimeout(max(0.001, deadline - time.monotonic()))
                try:
                    peer, _ = listener.accept()
                except socket.timeout:  # noqa: UP041 - no TimeoutError in 3.9
                    raise PeerError(f"{missing} did not come within {self._timeout:g} s") from None
                peer.settimeout(self._timeout)
                try:
                    name = receive(peer, "a host that has come", REASON).decode("utf-8", errors="replace")
                except PeerError:
                    name = ""
                if name in expected and name not in found:
                    found[name] = peer
                else:
                    peer.close()  # nobody of ours
        self._peers = {host: found[host] for host in expected}

    def _join(self, leader: str, address: tuple[str, int], deadline: float) -> None:
        while True:
            try:
                peer = socket.create_connection(address, timeout=max(0.001, deadline - time.monotonic()))
                break
            except (OSError, UnicodeError) as error:  # not there yet, or its name is not known yet
                if time.monotonic() > deadline:
                    what = f"{leader} cannot be reached at {address[0]}, port {address[1]}: {error}"
                    raise PeerError(what) from error
                time.sleep(RETRY_SECONDS)
        peer.settimeout(self._timeout)
        send(peer, leader, REASON, self.me.encode())
        self._peers = {leader: peer}

    def add(self, values: np.ndarray) -> np.ndarray:
        """The sum over all hosts, the same bits on each; in the order of the hosts."""
        if not self._peers:
            return values
        if not self.leads:
            return self._exchange(values)
        total = values.copy()
        for host, peer in self._peers.items():
            total += receive_numbers(peer, host, total.size)
        self._tell(total)
        return total

    def share(self, values: np.ndarray) -> np.ndarray:
        """The values of the first host, on every host."""
        if self.leads:
            self._tell(values)
            return values
        ((leader, peer),) = self._peers.items()
        return receive_numbers(peer, leader, values.size)

    def _exchange(self, values: np.ndarray) -> np.ndarray:
        ((leader, peer),) = self._peers.items()
        send(peer, leader, NUMBERS, values.astype("<f8").tobytes())
        return receive_numbers(peer, leader, values.size)

    def _tell(self, values: np.ndarray) -> None:
        for host, peer in self._peers.items():
            send(peer, host, NUMBERS, values.astype("<f8").tobytes())

    def leave(self, reason: str = "") -> None:
        """Go; with a reason, if this host has failed, which the others pass on."""
        for host, peer in self._peers.items():
            with peer, suppress(PeerError, OSError):  # it may have gone before
                if reason:
                    send(peer, host, REASON, reason.encode())
                    drain(peer)


def resolve(address: tuple[str, int], deadline: float) -> tuple[str, int]:
    """The same with a number for the name, as soon as it is known."""
    while True:
        try:
            return socket.gethostbyname(address[0]), address[1]
        except (OSError, UnicodeError) as error:
            if time.monotonic() > deadline:
                raise PeerError(f"the name {address[0]} is not known here: {error}") from error
            time.sleep(RETRY_SECONDS)


def drain(peer: socket.socket) -> None:
    """Wait until the other host has gone as well: closed with something unread, a connection takes back what it has
    brought. Raises OSError after some seconds."""
    peer.shutdown(socket.SHUT_WR)
    peer.settimeout(DRAIN_SECONDS)
    while peer.recv(1 << 16):
        pass


def send(peer: socket.socket, host: str, kind: bytes, content: bytes) -> None:
    """Raises PeerError if the host has gone."""
    try:
        peer.sendall(HEADER.pack(kind, len(content)) + content)
    except OSError as error:
        raise PeerError(f"{host} has gone ({error})") from error


def receive_numbers(peer: socket.socket, host: str, size: int) -> np.ndarray:
    """So many numbers. Raises PeerError if the host sends others, fails, or goes."""
    values = np.frombuffer(receive(peer, host, NUMBERS), dtype="<f8")
    if values.size != size:
        raise PeerError(f"{host} sends {values.size} numbers where {size} belong: are its columns the same?")
    return values.astype(float)


def receive(peer: socket.socket, host: str, kind: bytes) -> bytes:
    """What a host sends. Raises PeerError if it fails, goes, or is silent for too long."""
    try:
        found, size = HEADER.unpack(receive_exactly(peer, HEADER.size))
        if found not in (NUMBERS, REASON) or size > MOST_BYTES:
            raise PeerError(f"{host} does not speak as a host of this job does")
        content = receive_exactly(peer, size)
    except socket.timeout:  # noqa: UP041 - no TimeoutError in 3.9
        raise PeerError(f"{host} has been silent for {peer.gettimeout():g} s") from None
    except OSError as error:
        raise PeerError(f"{host} has gone ({error}): its own log may say why") from error
    if found != kind:
        raise PeerError(content.decode("utf-8", errors="replace"))
    return content


def receive_exactly(peer: socket.socket, size: int) -> bytes:
    """Raises OSError if the connection ends before."""
    parts = bytearray()
    while len(parts) < size:
        part = peer.recv(min(size - len(parts), 1 << 20))
        if not part:
            raise OSError("its connection ended")
        parts += part
    return bytes(parts)
