"""The loopback network of a run: `127.N.…`, of which each of its jobs has a part, so that ports do not collide.

What goes out: an N that no other run on this machine has, whoever's it is and wherever its project lies. It is claimed
by a name that the kernel keeps for as long as this process lives.
"""

from __future__ import annotations

import errno
import os
import socket
from functools import cache

_NETWORKS = 254


@cache
def network() -> int:
    """From 1 to 254; if all of them are claimed, one that another run has too."""
    first = os.getpid() % _NETWORKS
    for place in range(_NETWORKS):
        number = 1 + (first + place) % _NETWORKS
        if _claim(number):
            return number
    return 1 + first


def _claim(number: int) -> bool:
    """Whether a network could be claimed: it is ours now."""
    claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        claim.bind(f"\0dagwright/127.{number}")  # Linux only, as sandboxes are: a name that is no file
    except OSError as error:
        claim.close()
        if error.errno == errno.EADDRINUSE:
            return False
        raise
    claim.detach()  # the descriptor stays open to the end of this process
    return True
