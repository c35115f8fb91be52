"""The run's side of the endpoint: a loopback socket at which nobody answers before somebody has called.

What comes in: the project's folder and account, the execution. What goes out: the variables that lead a job here. The
first connection starts the process that answers; it ends with this one, however that ends.
"""

from __future__ import annotations

import json
import os
import select
import socket
import string
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from dagwright.engines.local.home import Home, random_text
from dagwright.engines.local.scope import Account
from dagwright.engines.local.store import copy_file
from dagwright.errors import ExecutionError

_HERE = "127.0.0.1"
_WAITING = 128  # connections that may stand in line while the server starts
_PROXY_EXCEPTIONS = ("NO_PROXY", "no_proxy")
_PACKAGE = Path(__file__).parents[4]
# `-I`: nothing of the caller's environment says what is imported; moto is found among the installed packages.
_PROGRAM = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from dagwright.engines.local.endpoint.server import main; main(*map(int, sys.argv[2:]))"
)
_HOOK = [Path(__file__).with_name(name) for name in ("sitecustomize.py", "dagwright_aws.py")]


class Endpoint:
    """Where the jobs of one execution call AWS. `say` is told, once each, of what is not answered as AWS would."""

    def __init__(self, home: Home, execution: str, account: Account, say: Callable[[str], None]) -> None:
        self._home = home
        self._execution = execution
        self._account = account
        self._say = say
        self._key = f"LOCAL{random_text(string.ascii_uppercase, 15)}"
        try:
            self._listener = socket.create_server((_HERE, 0), backlog=_WAITING)
        except OSError as error:
            raise ExecutionError(f"No port of this machine can be opened for scripts that call AWS: {error}") from error
        self._address = f"http://{_HERE}:{self._listener.getsockname()[1]}"
        self._ours, self._theirs = socket.socketpair()
        self._closing = False
        self.missed = ""
        """The address that a script has asked for last of those at which nothing is."""
        self._thread = threading.Thread(target=self._wait, name="endpoint", daemon=True)

    def variables(self, machine: Mapping[str, str] = os.environ) -> dict[str, str]:
        """What a job's clients of AWS read. The credentials are good for this run and nowhere else."""
        exceptions = {name: f"{machine[name]},{_HERE}" if machine.get(name) else _HERE for name in _PROXY_EXCEPTIONS}
        return {
            **exceptions,
            "AWS_ENDPOINT_URL": self._address,
            "DAGWRIGHT_ENDPOINT": f"{self._address}/{self._key}",  # for the hook: whoever knows it needs no signature
            "AWS_ACCESS_KEY_ID": self._key,
            "AWS_SECRET_ACCESS_KEY": "nothing-is-signed-for-here",
            "AWS_REGION": self._account.region,
            "AWS_DEFAULT_REGION": self._account.region,
        }

    def equip(self, packages: Path) -> None:
        """Put into a folder of a job's PYTHONPATH what leads clients here that do not read those variables."""
        packages.mkdir(exist_ok=True)
        for file in _HOOK:
            copy_file(file, packages / file.name)

    def __enter__(self) -> Endpoint:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing = True
        with suppress(OSError):
            self._ours.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        for each in (self._listener, self._ours, self._theirs):
            each.close()

    def _wait(self) -> None:
        """Start the server when somebody calls, and pass on what it says until it has ended."""
        poll = select.poll()
        poll.register(self._listener, select.POLLIN)
        poll.register(self._theirs, select.POLLIN)  # readable when the run is over
        called = {descriptor for descriptor, _ in poll.poll()}
        if self._theirs.fileno() in called:
            return
        server = self._start()
        if server is None:
            self._listener.close()
            return
        self._theirs.close()
        with suppress(ConnectionError), self._ours.makefile("r", encoding="utf-8", errors="replace") as notes:
            for line in notes:
                self._heard(json.loads(line))
        self._listener.close()  # whoever calls now is refused, not left waiting
        if server.wait() and not self._closing:
            self._say("the process that answers scripts that call AWS has ended; was there enough memory?")

    def _heard(self, note: str | dict[str, str]) -> None:
        if isinstance(note, str):
            self._say(note)
        else:
            self.missed = note["missed"]

    def _start(self) -> subprocess.Popen[bytes] | None:
        settings = {
            "store": str(self._home.store.root),
            "record": str(self._home.path / "record.sqlite3"),
            "folder": str(self._home.jobs(self._execution) / "endpoint"),
            "key": self._key,
            "region": self._account.region,
            "account_id": self._account.account_id,
            "partition": self._account.partition,
        }
        sockets = [self._listener.fileno(), self._theirs.fileno()]
        try:
            server = subprocess.Popen(
                [sys.executable, "-I", "-c", _PROGRAM, str(_PACKAGE), *map(str, sockets)],
                pass_fds=sockets,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env={"PATH": os.defpath, "HOME": "/nonexistent", "LANG": "C.UTF-8"},  # no credentials of the user's
                start_new_session=True,
            )
            self._ours.sendall(json.dumps(settings).encode() + b"\n")
        except OSError as error:
            self._say(f"the process that answers scripts that call AWS cannot be started: {error}")
            return None
        return server
