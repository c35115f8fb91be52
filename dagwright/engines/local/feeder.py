"""Feeds the FIFOs of a job whose inputs are in Pipe mode, as long as the job runs.

What comes in: a job, its hosts, the store. What goes out: for each host and input the FIFO `<target>_<epoch>`, epochs
from 0, each read once from beginning to end; and the word when an input cannot be streamed.

Each FIFO has a thread of its own, because nothing else can wait for a reader: the opening of a FIFO for writing lasts
until somebody opens it for reading. That wait is ended by opening the reading end ourselves. So that the job can do to
its name of a FIFO what it wants, ours is another one, outside the job's folder; what the job left there is not touched.
"""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Iterable
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from dagwright.engines.local.job import NOT_STARTED, Host, Job, JobEnding, normal
from dagwright.engines.local.store import Store
from dagwright.engines.local.streams import Stream, streams_of
from dagwright.errors import ExecutionError

_PIPE_BYTES = 1 << 20  # what the kernel keeps of a FIFO at most for an ordinary user


@dataclass(frozen=True)
class StreamFailure:
    """An input that could not be streamed to its end: why, and to which host."""

    reason: str
    host: str


class Feeder:
    """The FIFOs of one job. They are there when the block is entered; when it is left, no thread or file of it is.

    To be left when nothing of the job runs any more.
    """

    def __init__(self, job: Job, hosts: list[Host], store: Store) -> None:
        self._job, self._hosts, self._store = job, hosts, store
        self._open = ExitStack()
        self.fifos: list[Fifo] = []

    def __enter__(self) -> Feeder:
        """Raises ExecutionError for an input with nothing to stream, StorageError, OSError."""
        try:
            streams = [
                stream for given in self._job.inputs for stream in streams_of(given, self._store, len(self._hosts))
            ]
            if streams:
                self._start(streams)
        except BaseException:
            self._open.close()
            self.fifos.clear()  # nothing has run that could have opened them
            raise
        return self

    def _start(self, streams: list[Stream]) -> None:
        self._over = self._pipe()
        self._alarm = self._pipe()
        for number, stream in enumerate(streams):
            fifo = Fifo(stream, self._hosts[stream.host], number, self._over[0], self._alarm[1])
            self._open.callback(fifo.close)
            fifo.make()
            self.fifos.append(fifo)
        self._open.callback(self._end)
        for fifo in self.fifos:
            fifo.start()

    def _pipe(self) -> tuple[int, int]:
        ends = os.pipe()
        for end in ends:
            self._open.callback(os.close, end)
        return ends

    def _end(self) -> None:
        for fifo in self.fifos:
            fifo.end()
        os.write(self._over[1], b".")  # never read: it wakes every thread, now and later
        for fifo in self.fifos:
            fifo.wait()

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def fileno(self) -> int | None:
        """Readable when an input could not be streamed; None if none is."""
        return self._alarm[0] if self.fifos else None

    def failure(self) -> StreamFailure:
        """The first input that could not be streamed, after `fileno` was readable."""
        return self._failures[0]

    @property
    def _failures(self) -> list[StreamFailure]:
        return [fifo.failure for fifo in self.fifos if fifo.failure]

    def explain(self, ending: JobEnding) -> JobEnding:
        """A job's ending, with a sentence for each FIFO that its program never opened: it may have looked for files."""
        if ending.outcome == "Stopped" or ending.reason.startswith(NOT_STARTED) or self._failures:
            return ending
        unread = [fifo for fifo in self.fifos if not fifo.opened]
        if ending.outcome == "Failed":
            unread = [fifo for fifo in unread if fifo.host.name == ending.host]
        notes = tuple(_unread(unread, len(self._hosts) > 1))
        if not notes or ending.outcome == "Completed":
            return replace(ending, notes=(*ending.notes, *notes))
        return replace(ending, reason=f"{ending.reason}; {'; '.join(notes)}")


def _unread(fifos: Iterable[Fifo], several_hosts: bool) -> Iterable[str]:
    by_name: dict[str, list[Fifo]] = {}
    for fifo in fifos:
        by_name.setdefault(fifo.stream.given.name, []).append(fifo)
    for name, group in by_name.items():
        where = f" on {', '.join(fifo.host.name for fifo in group)}" if several_hosts else ""
        yield (
            f"input '{name}' is in Pipe mode: its data comes through the FIFO {group[0].place(0)}, which the program "
            f"never opened{where}; let it read that once, from beginning to end, or set the input mode to File"
        )


class Fifo:
    """One FIFO of one host, epoch after epoch."""

    def __init__(self, stream: Stream, host: Host, number: int, over: int, alarm: int) -> None:
        self.stream, self.host = stream, host
        self.opened = False
        self.failure: StreamFailure | None = None
        self._over, self._alarm = over, alarm
        self._private = host.folder / "fifos"
        self._number = number
        self._folder = -1
        self._lock = threading.Lock()
        self._hold = -1
        self._awaited = ""
        self._ended = threading.Event()
        self._reader = -1
        self._thread = threading.Thread(target=self._work, name=f"fifo {stream.given.name}", daemon=True)

    def place(self, epoch: int) -> str:
        """Where the program finds it. For training jobs SageMaker documents this name; for processing jobs it documents
        none, and this is our reading."""
        return f"{normal(self.stream.given.target)}_{epoch}"

    def make(self) -> None:
        """The FIFO of the first epoch, in a folder that is kept hold of. Raises ExecutionError if it cannot be."""
        folder = self.host.path(self.place(0)).parent
        name = f"Input '{self.stream.given.name}'"
        try:
            os.makedirs(folder, exist_ok=True)
            os.makedirs(self._private, exist_ok=True)
            self._folder = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            self._add(0)
        except (FileExistsError, NotADirectoryError) as error:
            there = f"there is something at {self.place(0)} already"
            raise ExecutionError(f"{name} cannot be streamed: {there}", hint="Give it a folder of its own.") from error
        except OSError as error:
            raise ExecutionError(f"{name} cannot be streamed: {error.strerror or error}") from error

    def start(self) -> None:
        """Raises ExecutionError if the machine has no room for another thread."""
        try:
            self._thread.start()
        except RuntimeError as error:
            raise ExecutionError(f"Input '{self.stream.given.name}' cannot be streamed: {error}") from error

    def end(self) -> None:
        """Let go of the thread, if it waits for a reader: we are one."""
        with self._lock:
            self._ended.set()
            if self._awaited:
                with suppress(
                    OSError
                ):  # the job may have taken the permissions of its name of the FIFO, which are ours
                    os.chmod(self._awaited, 0o600)
                with suppress(OSError):
                    self._reader = os.open(self._awaited, os.O_RDONLY | os.O_NONBLOCK)

    def wait(self) -> None:
        """Until its thread has ended; one that nothing can wake any more ends with this process."""
        if self._thread.ident is not None and not (self._awaited and self._reader < 0):
            self._thread.join()

    def close(self) -> None:
        for descriptor in (self._reader, self._hold, self._folder):
            if descriptor >= 0:
                os.close(descriptor)

    # ---- in its thread ----

    def _work(self) -> None:
        try:
            epoch = 0
            while self._feed(epoch):
                epoch += 1
        except (ExecutionError, OSError) as error:
            self._give_up(error)

    def _feed(self, epoch: int) -> bool:
        """One epoch, when a reader comes; False if none does any more."""
        self._add(epoch + 1)  # a reader that leaves early finds the next one
        with self._lock:
            if self._ended.is_set():
                return False
            self._awaited = self._held(epoch)
        if epoch:
            os.unlink(self._own(epoch - 1))
        end = os.open(self._awaited, os.O_WRONLY)
        try:
            if self._ended.is_set():
                return False
            self.opened = True
            self._take_away(epoch)
            self._pour(end, epoch)
        except (ExecutionError, OSError) as error:
            self._give_up(error)  # while the FIFO is open: a program that saw it end would take this for all
            return False
        finally:
            os.close(end)
        return True

    def _own(self, epoch: int) -> Path:
        return self._private / f"{self._number}_{epoch}"

    def _held(self, epoch: int) -> str:
        """A name of the FIFO that leads to it even if the job has removed ours, which it can without a sandbox."""
        if not hasattr(os, "O_PATH"):  # Linux has it
            return str(self._own(epoch))
        before, self._hold = self._hold, os.open(self._own(epoch), os.O_PATH)
        if before >= 0:
            os.close(before)
        return f"/proc/self/fd/{self._hold}"

    def _add(self, epoch: int) -> None:
        own = self._own(epoch)
        os.mkfifo(own, 0o600)
        os.link(own, os.path.basename(self.place(epoch)), dst_dir_fd=self._folder)

    def _take_away(self, epoch: int) -> None:
        """A FIFO is read once: who opens it again is told that it is not there, and does not wait for ever."""
        name = os.path.basename(self.place(epoch))
        with suppress(OSError):
            there = os.stat(name, dir_fd=self._folder, follow_symlinks=False)
            if os.path.samestat(there, os.stat(self._own(epoch))):
                os.unlink(name, dir_fd=self._folder)

    def _pour(self, end: int, epoch: int) -> None:
        """Write an epoch; less of it if the reader leaves, or the job is over."""
        _widen(end)
        os.set_blocking(end, False)
        poll = select.poll()
        poll.register(end, select.POLLOUT)
        poll.register(self._over, select.POLLIN)
        with closing(self.stream.pieces(epoch)) as pieces, suppress(BrokenPipeError):
            for piece in pieces:
                view = memoryview(piece)
                while view:
                    if self._ended.is_set():
                        return
                    try:
                        view = view[os.write(end, view) :]
                    except BlockingIOError:
                        poll.poll()

    def _give_up(self, error: ExecutionError | OSError) -> None:
        """Say so, and wait for the end of the job, which comes now."""
        reason = error.message if isinstance(error, ExecutionError) else f"{error.strerror or error}"
        hint = f" ({error.hint})" if isinstance(error, ExecutionError) and error.hint else ""
        if not isinstance(error, ExecutionError):
            reason = f"Input '{self.stream.given.name}' cannot be streamed: {reason}"
        self.failure = StreamFailure(f"{reason}{hint}", self.host.name)
        os.write(self._alarm, b".")
        poll = select.poll()
        poll.register(self._over, select.POLLIN)
        poll.poll()


def _widen(end: int) -> None:
    """Fewer, larger portions, where the system can (Linux)."""
    import fcntl

    if hasattr(fcntl, "F_SETPIPE_SZ"):  # Python 3.10, Linux
        with suppress(OSError):
            fcntl.fcntl(end, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
