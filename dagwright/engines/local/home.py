"""The folder `.dagwright/` of a project: everything that local runs write, and who is at work in it.

s3/<bucket>/<key>     the objects            jobs/<execution>/     the folders of running jobs
logs/<job>/           the logs               environments/<hash>/  made environments
record.sqlite3        the database           runs/<execution>      held locked by a run as long as it lives
clean.lock            the gate between a clean and those who rely on what is there
*/.freed/             what a clean has taken away, until it is removed
"""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import re
import secrets
import signal
import string
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, TextIO

from dagwright.engines.execution import EXECUTING, FAILED, STOPPING
from dagwright.engines.local.database import Database
from dagwright.engines.local.environments import SANDBOX_FOLDERS
from dagwright.engines.local.gate import Gate
from dagwright.engines.local.removal import remove_tree
from dagwright.engines.local.store import Store, storage_errors
from dagwright.engines.times import now
from dagwright.errors import ExecutionError, StorageError
from dagwright.whole_files import remove_abandoned

CONTROL_GROUPS = "control-groups"
"""The file among a run's jobs that says where its control groups are, if it has any."""
_LOOK_AGAIN_SECONDS = 0.02
_CLAIM_SECONDS = 5.0
_KILLED = "the run's process ended without a word: it was killed, or the machine went down"


class Home:
    """The `.dagwright/` folder at `path`; made when something is first written, never if it is not `is_kept`."""

    def __init__(self, path: Path, *, is_kept: bool = True) -> None:
        self.path = path
        self._is_kept = is_kept
        self.store = Store(path / "s3")
        self.logs = path / "logs"
        self.environments = path / "environments"
        self.gate = Gate(path / "clean.lock")

    @cached_property
    def database(self) -> Database:
        """The record; one to look at only where nothing may be written. Raises StorageError if it cannot be used."""
        self._require_folder()
        return Database(self.path / "record.sqlite3", read_only=not self._is_kept or not self._is_writable())

    def _require_folder(self) -> None:
        if os.path.lexists(self.path) and not os.path.isdir(self.path):
            raise StorageError(
                f"{self.path} must be a folder; it is something else",
                hint="Move it away: local runs keep their objects, logs and record in a folder of that name.",
            )

    def _is_writable(self) -> bool:
        """Whether this user may write to the record, or make one."""
        folder = next(folder for folder in (self.path, *self.path.absolute().parents) if folder.exists())
        record = self.path / "record.sqlite3"
        return os.access(folder, os.W_OK) and (not record.exists() or os.access(record, os.W_OK))

    def jobs(self, execution: str) -> Path:
        return self.path / "jobs" / execution

    @contextmanager
    def at_work(self, execution: str) -> Iterator[Callable[[], None]]:
        """Held by a run; the kernel lets go of it however the run ends. Raises ExecutionError if another run has it.

        No clean takes anything away until the run calls what it gets: when the record says what the execution is.
        """
        path = self.path / "runs" / execution
        self._require_folder()
        with ExitStack() as beginning:
            with storage_errors(f"{path} cannot be written"):
                path.parent.mkdir(parents=True, exist_ok=True)
                beginning.enter_context(self.gate.passing())
                file = self._claimed_soon(path)
            if file is None:
                raise ExecutionError(f"Execution {execution} is running already", hint=f"To stop it: stop {execution}")
            with file:
                with storage_errors(f"{path} cannot be written"):
                    file.write(str(os.getpid()))
                    file.flush()
                try:
                    yield beginning.close
                finally:
                    remove_tree(self.jobs(execution))
                    with contextlib.suppress(OSError):
                        path.unlink()

    def _claimed_soon(self, path: Path) -> TextIO | None:
        """Whoever closes the record of a killed run holds its file for a moment."""
        deadline = time.monotonic() + _CLAIM_SECONDS
        while True:
            file = _claimed(path)
            if file is not None or time.monotonic() >= deadline:
                return file
            time.sleep(_LOOK_AGAIN_SECONDS)

    def process_of(self, execution: str) -> int | None:
        """The process that runs an execution, if one does. Raises StorageError if that cannot be found out."""
        import fcntl

        path = self.path / "runs" / execution
        while True:
            with storage_errors(f"{path} cannot be read"):
                try:
                    file = path.open(encoding="utf-8")
                except (FileNotFoundError, NotADirectoryError):
                    return None
                with file:
                    try:
                        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                        return None
                    except BlockingIOError:
                        if process := file.read():
                            return int(process)
            time.sleep(_LOOK_AGAIN_SECONDS)  # it has been claimed this instant

    def ask_to_stop(self, execution: str) -> bool:
        """Tell the run's process to stop the execution; False if none runs it."""
        process = self.process_of(execution)
        if process is None:
            return False
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGTERM)
        return True

    def has_ended(self, execution: str, timeout_seconds: float) -> bool:
        """Wait until no process runs an execution; False if one still does after that time."""
        deadline = time.monotonic() + timeout_seconds
        while self.process_of(execution) is not None:
            if time.monotonic() >= deadline:
                return False
            time.sleep(_LOOK_AGAIN_SECONDS)
        return True

    def settle(self) -> None:
        """Complete or discard what killed runs were publishing, close their records, and remove what their jobs left,
        if anything may be changed."""
        if self.database.read_only:
            return
        self.store.settle()
        for folder in (self.path / "runs", self.environments, *_folders_in(self.environments)):
            remove_abandoned(folder)
        open_records = [
            row["id"]
            for status in (EXECUTING, STOPPING)
            for row in self.database.rows("executions", columns="id", status=status)
        ]
        for execution in {*open_records, *self.said_to_run()}:
            if self.process_of(execution) is None:
                self._close_killed(execution)

    def living(self) -> list[str]:
        """The executions that a process runs."""
        return [one for one in self.said_to_run() if self.process_of(one) is not None]

    def said_to_run(self) -> list[str]:
        """What a run that was killed before its record was begun leaves behind counts as well; and its folder, if the
        power failed and the file of the run was not on the disk yet."""
        runs = [entry.name for entry in self._entries("runs") if entry.is_file() and not entry.name.startswith(".")]
        jobs = [entry.name for entry in self._entries("jobs") if entry.is_dir(follow_symlinks=False)]
        return list(dict.fromkeys([*runs, *jobs]))

    def _entries(self, folder: str) -> list[os.DirEntry[str]]:
        with storage_errors(f"{self.path} cannot be read"), contextlib.suppress(FileNotFoundError):
            return list(os.scandir(self.path / folder))
        return []

    def tuning_job(self, name: str) -> dict[str, Any] | None:
        """The output of the step that ran a tuning job of that name; None if none did, or it has given nothing."""
        rows = self.database.rows("steps", columns="output", type="Tuning", job=name)
        return next((json.loads(row["output"]) for row in rows if row["output"]), None)

    def _close_killed(self, execution: str) -> None:
        path = self.path / "runs" / execution
        with storage_errors(f"{path} cannot be written"):
            path.parent.mkdir(parents=True, exist_ok=True)
            file = _claimed(path)
        if file is None:
            return  # somebody else has it: to close its record too, or to go on with it
        with file:
            ended = now()
            with self.database.transaction() as connection:
                for table, key in (("attempts", "execution"), ("steps", "execution"), ("executions", "id")):
                    connection.execute(
                        f"UPDATE {table} SET status = ?, failure_reason = ?, ended = ? "  # noqa: S608 - our own names
                        f"WHERE {key} = ? AND status IN (?, ?)",
                        [FAILED, _KILLED, ended, execution, EXECUTING, STOPPING],
                    )
            groups = self.jobs(execution) / CONTROL_GROUPS
            if groups.is_file():
                from dagwright.engines.local.control_groups import remove_left

                remove_left(groups, execution)
            remove_tree(self.jobs(execution))
            with contextlib.suppress(OSError):
                path.unlink()

    def close(self) -> None:
        """Let go of the record."""
        database: Database | None = self.__dict__.pop("database", None)
        if database:
            database.close()


def _folders_in(folder: Path) -> list[Path]:
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        return [Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False)]
    return []


def _claimed(path: Path) -> TextIO | None:
    """The file at `path`, locked and empty, made if need be; None if somebody has locked it.

    Who lets go of one removes it: what was opened before that is no longer the file at `path`, and is let go of.
    """
    import fcntl

    while True:
        file = open(path, "a+", encoding="utf-8")  # noqa: SIM115 - it is held by whoever asks
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(file.fileno()), os.stat(path)):
                file.truncate(0)
                return file
        except BlockingIOError:
            file.close()
            return None
        except FileNotFoundError:
            pass
        except BaseException:
            file.close()
            raise
        file.close()


def private_folders(home: Path) -> tuple[str, ...]:
    """What of the machine is nobody's business but the user's: their own folder, with its keys and credentials, the
    administrator's, and the objects and jobs of other runs below `home`."""
    try:
        own = pwd.getpwuid(os.getuid()).pw_dir
    except KeyError:
        own = ""
    first = own.split("/")[1] if own.startswith("/") else ""
    system = first in ("", "usr", "bin", "sbin", "lib", "lib64", "etc", "dev", "proc", "sys")
    folders = [os.path.realpath(folder) for folder in ("" if system else own, "/root", home) if folder]
    return tuple(dict.fromkeys(folder for folder in folders if not f"{folder}/".startswith(SANDBOX_FOLDERS)))


def new_execution_id() -> str:
    """Twelve letters and digits, as the service makes them."""
    return random_text(string.ascii_lowercase, 12)


def new_job_name(execution: str, step: str) -> str:
    """`pipelines-<execution>-<step, cut>-<random>`: the service's form, at most 63 characters."""
    return f"pipelines-{execution}-{_shortened(step, 28)}-{random_text(string.ascii_letters, 10)}"


def new_tuning_job_name(execution: str, step: str) -> str:
    """`<execution>-<step, cut>-<random>`, of at most 32 characters: the names of its training jobs are longer."""
    return f"{execution}-{_shortened(step, 8)}-{random_text(string.ascii_letters, 10)}"


def _shortened(step: str, characters: int) -> str:
    return re.sub(r"[^A-Za-z0-9-]+", "-", step)[:characters].strip("-") or "step"


def random_text(letters: str, length: int) -> str:
    """So many of these letters, and digits, that nobody can guess."""
    return "".join(secrets.choice(letters + string.digits) for _ in range(length))
