"""Runs one job, processing, training or Lambda: stages its inputs, starts its hosts, waits, publishes what it wrote.

What comes in: a `Job`. What goes out: a `JobEnding`, and the job's objects in the store. Everything of the job lies in
one folder that is removed at its end; only the logs stay.
"""

from __future__ import annotations

import os
import re
import select
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from dagwright.engines.local.checkpoints import Watch
from dagwright.engines.local.environments import SYSTEM_PATH, Environment, out_of_sight
from dagwright.engines.local.feeder import Feeder
from dagwright.engines.local.image_layer import Layer
from dagwright.engines.local.interruption import LOOK_SECONDS, Interruption
from dagwright.engines.local.job import ML, NOT_STARTED, Host, Job, JobEnding, Usage
from dagwright.engines.local.launcher import UNBOUNDED, Bind, Bounds, Ending, JobProcess, Launcher, Root
from dagwright.engines.local.phases import DOWNLOADING, INTERRUPTED, STARTING, TRAINING, UPLOADING
from dagwright.engines.local.pip_installs import packages_folder, pip_programs, pip_variables
from dagwright.engines.local.publishing import key_below, publish
from dagwright.engines.local.removal import remove_tree
from dagwright.engines.local.staging import Staging
from dagwright.engines.local.start_scripts import rewrite
from dagwright.engines.local.store import Store, storage_errors
from dagwright.engines.local.time_limits import TimeLimits
from dagwright.engines.local.uploading import Uploading
from dagwright.errors import DagwrightError, ExecutionError, Problem, StorageError

if TYPE_CHECKING:
    from dagwright.engines.local.confinement import Confinement
    from dagwright.engines.local.containers import Containers
    from dagwright.engines.local.endpoint.door import Endpoint
    from dagwright.engines.local.limits import Limit

# A job reaches a package registry the way its machine does. Nothing else of the machine's environment enters it.
NETWORK_VARIABLES = (
    "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_CERT", "PIP_TRUSTED_HOST",
)  # fmt: skip
_LONGEST_POLL_SECONDS = 3600.0
_LONGEST_GRACE_SECONDS = 86400.0
# `/opt/ml` where it is a path of its own: not inside another path, an address or a longer name. `-I/opt/ml`, a shell's
# `${x:-/opt/ml}` and file:///opt/ml name it as well.
_APART = r"""=:,;"'`\s()\[\]{}<>|&@"""
_BEFORE = rf"(?:(?<![^{_APART}])|(?<=(?<![^{_APART}])-[A-Za-z])|(?<=:-)|(?<=\bfile://))"
_AFTER = rf"(?![^/{_APART}])"


@dataclass(frozen=True)
class Workshop:
    """What every job of a run needs: where things lie, how processes start, how patient to be."""

    store: Store
    launcher: Launcher
    jobs: Path
    logs: Path
    discard: Callable[[Path], None]
    """Takes the folder of a job that is over."""
    covered: tuple[str, ...] = ()
    """Folders of the machine that a sandboxed job finds empty: the user's own, and the other jobs'."""
    stop_grace_seconds: float = 10.0
    copy_below_bytes: int = 64 << 20
    containers: Containers | None = None
    """Starts a job in its image, if it has one; else `launcher` does."""
    endpoint: Endpoint | None = None
    """Answers the scripts that call AWS."""
    confinement: Confinement | None = None
    """Holds jobs to their limits, if any job of the run has one."""


class JobRun:
    """One job being run. `run` blocks; `stop` may be called from another thread.

    `interruption` is what it is to meet; `entered` is told of the phases it comes to; `limit` is what each of its hosts
    may use of this machine.
    """

    def __init__(
        self,
        job: Job,
        environment: Environment,
        workshop: Workshop,
        interruption: Interruption | None = None,
        entered: Callable[[str], None] = lambda phase: None,
        limit: Limit | None = None,
    ) -> None:
        self.job = job
        self.limit = limit
        self.used: Usage | None = None
        self._environment = environment
        self._workshop = workshop
        self._containers = workshop.containers if job.image else None
        self._sandboxed = workshop.launcher.sandboxed and not self._containers
        self._processes: dict[JobProcess, Host] = {}
        self._timers: list[threading.Timer] = []
        self._lock = threading.Lock()
        self._stopping = False
        self._copies: dict[str, Layer] = {}
        self._interruption = interruption
        self._entered = entered
        self._limits = TimeLimits(job)
        self.folder = workshop.jobs / job.name
        logs = workshop.logs / job.name
        alone = len(job.hosts) == 1
        self.hosts = [
            Host(name, self.folder if alone else self.folder / name, logs / f"{name}.log") for name in job.hosts
        ]
        self._feeder = Feeder(job, self.hosts, workshop.store)
        self.result = workshop.store.group()

    def run(self, finish: Callable[[JobEnding], JobEnding] = lambda ending: ending) -> JobEnding:
        """Run it to its end. `finish` may read the job's folders before they are published and removed, and add to the
        `result`, which becomes objects together with the outputs of a job that completed."""
        staging = Staging(
            self.job, self.hosts, self._workshop.store, self._sandboxed, self._workshop.copy_below_bytes,
            self.is_stopping,
        )  # fmt: skip
        ending = JobEnding("Failed")
        try:
            ran, ending = self._attempt(JobEnding("Completed"), lambda _: self._execute(staging))
            if ran:
                self._entered(UPLOADING)
                finished, ending = self._attempt(ending, finish)
                if not finished:
                    self.result.drop()
                _, ending = self._attempt(ending, self._publish)
            ending = replace(self._feeder.explain(ending), used=self.used)
            return ending
        finally:
            # at once after a failure: it may be that the disk is full, and the failure has to be recorded
            (self._workshop.discard if ending.outcome == "Completed" else remove_tree)(self.folder)

    def _attempt(self, ending: JobEnding, work: Callable[[JobEnding], JobEnding]) -> tuple[bool, JobEnding]:
        """(Whether it went well, what `work` makes of an ending); its error adds to a failure that is there already."""
        try:
            with storage_errors(f"The files of job {self.job.name} cannot be kept"):
                return True, work(ending)
        except (StorageError, ExecutionError) as error:
            reasons = [reason for reason in (ending.reason, in_one_line(error)) if reason]
            return False, replace(ending, outcome="Failed", reason="; ".join(reasons))

    def _publish(self, ending: JobEnding) -> JobEnding:
        return publish(self.job, self.hosts, self._workshop.store, self.result, ending)

    def stop(self) -> None:
        """Ask the job to end; it is killed when its time of grace has passed."""
        with self._lock:
            self._stopping = True
            running = list(self._processes)
        self._end(running)

    @property
    def environment(self) -> Environment:
        return self._environment

    @property
    def missed_address(self) -> str:
        """What the scripts of the run have asked S3 for last and did not find."""
        return self._workshop.endpoint.missed if self._workshop.endpoint else ""

    def is_stopping(self) -> bool:
        """Whether it has been asked to end."""
        return self._stopping

    # ---- the processes ----

    def _execute(self, staging: Staging) -> JobEnding:
        """Run it, and again after each interruption, on hosts with the same names and nothing of the run before."""
        while True:
            self._entered(STARTING)
            self._entered(DOWNLOADING)
            staging.stage()
            self._copy_image()
            self._rewrite_start()
            self._feeder = Feeder(self.job, self.hosts, self._workshop.store)
            with self._feeder:
                ending = self._run_once()
            if ending.outcome != INTERRUPTED or self._interruption is None:
                return ending
            self._entered(INTERRUPTED)
            self._publish(ending)
            remove_tree(self.folder)
            self._interruption.goes_on([host.log for host in self.hosts], self._checkpoints())

    def _checkpoints(self) -> int:
        """How many files the next run finds that this one has kept."""
        folders = [key_below(output.uri, "") for output in self.job.outputs if output.restored]
        return sum(len(self._workshop.store.objects(folder)) for folder in folders)

    def _copy_image(self) -> None:
        """Without a sandbox nothing keeps a job from writing to what its image brings: each host has its own copy."""
        layer = None if self._sandboxed else self._environment.layer
        self._copies = {host.name: layer.copy(host.folder / "image") for host in self.hosts} if layer else {}

    def _rewrite_start(self) -> None:
        """Without a sandbox the script that starts the job is told, like the rest, which folder is `/opt/ml`."""
        if not self._sandboxed and not self._containers:
            for host in self.hosts:
                rewrite(self.job, host, partial(self._translate, host=host))

    def _run_once(self) -> JobEnding:
        watch = None
        if self._interruption and self._interruption.is_due:
            watch = Watch(self.job.outputs, self.hosts)
        try:
            with self._lock:
                if self._stopping:
                    return JobEnding("Stopped", "stopped before it started")
                self._entered(TRAINING)
                self._limits.start()
                for host in self.hosts:
                    self._processes[self._start(host)] = host
            return self._attend(watch)
        finally:
            self._limits.pause()
            with self._lock:
                processes, self._processes = self._processes, {}
            _end_for_good(processes)
            self._add_up(processes)
            while self._timers:
                self._timers.pop().cancel()

    def _add_up(self, processes: Iterable[JobProcess]) -> None:
        """What the hosts of this run have used, and those of runs before an interruption."""
        for ending in [process.ending for process in processes if process.ending and not self._containers]:
            before = self.used or Usage()
            memory = max(before.memory_bytes, ending.memory_bytes)
            self.used = Usage(memory, before.cpu_seconds + ending.cpu_seconds)

    def _start(self, host: Host) -> JobProcess:
        if self._containers:
            return self._containers.start(self.job, host, self.limit)
        bounds = UNBOUNDED
        if self.limit and self._workshop.confinement:
            with storage_errors(f"Job {self.job.name} cannot be held to its limits"):
                bounds = self._workshop.confinement.bounds(self.limit)
        try:
            return self._start_process(host, bounds)
        except BaseException:
            bounds.release()
            raise

    def _start_process(self, host: Host, bounds: Bounds) -> JobProcess:
        if self._workshop.endpoint and not self.job.isolated:
            self._workshop.endpoint.equip(packages_folder(host.folder / "tmp"))
        command, environment, directory = list(self.job.command), self._variables(host), self.job.directory
        if self._sandboxed:
            return self._workshop.launcher.start(command, environment, host.log, directory, self._root(host), bounds)
        command = [self._translate(word, host) for word in command]
        environment = {name: self._translate(value, host) for name, value in environment.items()}
        directory = str(host.folder) if directory == "/" else self._translate(directory, host)
        return self._workshop.launcher.start(command, environment, host.log, directory, bounds=bounds)

    def _translate(self, text: str, host: Host) -> str:
        """Without a sandbox `/opt/ml` is another folder, and so are those that the image brings; what the job is told
        with, is told that folder."""
        text = translated(text, str(host.folder / "ml"))
        if layer := self._copies.get(host.name):
            for top in layer.tops:
                text = translated(text, layer.place(top), top)
        return text

    def _variables(self, host: Host) -> dict[str, str]:
        home = "/tmp" if self._sandboxed else str(host.folder / "tmp")  # noqa: S108
        image = dict(self._environment.variables)
        search = os.pathsep.join([pip_programs(home), *self._environment.folders, SYSTEM_PATH])
        image["PATH"] = image.get("PATH", SYSTEM_PATH).replace(SYSTEM_PATH, search)
        variables = {
            "HOME": home,
            "LANG": "C.UTF-8",
            "PYTHONUNBUFFERED": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            **pip_variables(home),
            # on a machine at AWS its answer would be real credentials
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        if not self._sandboxed:
            variables |= {"TMPDIR": home, "SAGEMAKER_BASE_DIR": ML}
        if not self.job.isolated:
            variables |= {name: os.environ[name] for name in NETWORK_VARIABLES if name in os.environ}
            variables |= self._workshop.endpoint.variables() if self._workshop.endpoint else {}
        given = image | dict(self.job.environment(host.name))
        if given.get("PYTHONPATH"):
            given["PYTHONPATH"] += os.pathsep + variables["PYTHONPATH"]
        return variables | given | {"HOSTNAME": host.name}

    def _root(self, host: Host) -> Root:
        covered = self._workshop.covered
        binds = [
            Bind(host.folder / "tmp", "/tmp", writable=True),  # noqa: S108
            Bind(host.folder / "ml", ML, writable=True),
        ]
        if os.path.isdir("/var/tmp"):  # noqa: S108
            binds.append(Bind(host.folder / "tmp", "/var/tmp", writable=True))  # noqa: S108
        if os.path.isfile("/etc/hosts"):
            binds.append(Bind(host.folder / "hosts", "/etc/hosts", writable=True))
        needed = {*self._environment.visible, *self.job.visible}
        binds += [Bind(path, str(path)) for path in out_of_sight(needed, covered)]
        binds += self._environment.layer.binds() if self._environment.layer else []
        binds += [Bind(host.path(target), os.path.normpath(target)) for target in host.linked]
        return Root(tuple(binds), host.name, self.job.isolated, covered)

    # ---- waiting ----

    def _attend(self, watch: Watch | None) -> JobEnding:
        """Wait for every host, or until one has failed, the time is over or there is something to interrupt; what still
        runs then is ended by `_run_once`."""
        longest = LOOK_SECONDS if watch else _LONGEST_POLL_SECONDS
        running = {process.fileno(): process for process in self._processes}
        fed = self._feeder.fileno()
        uploading = Uploading(self.job.outputs, self.hosts, self._workshop.store)
        poll = select.poll()
        if fed is not None:
            poll.register(fed, select.POLLIN)
        for descriptor in running:
            poll.register(descriptor, select.POLLIN)
        while running:
            left = self._limits.left()
            if left <= 0:
                return self._ended(running.values(), self._limits.exceeded())
            uploading.look_if_due(left)
            for descriptor, _ in poll.poll(min(left, longest, uploading.seconds_to_next()) * 1000):
                if descriptor == fed:
                    return self._unfed()
                process = running[descriptor]
                ending = process.news()
                if ending is None:
                    continue
                del running[descriptor]
                poll.unregister(descriptor)
                if ending.exit_code or process.refused:
                    return self._failure(self._processes[process], process, ending)
            if watch and running and watch.sees_more():
                interrupted = self._ended(running.values(), JobEnding(INTERRUPTED))
                return interrupted if self._stopping or self._limits.left() > 0 else self._limits.exceeded()
        return JobEnding("Stopped", "stopped") if self._stopping else JobEnding("Completed")

    def _ended(self, running: Iterable[JobProcess], why: JobEnding) -> JobEnding:
        """End them with the time of grace they have; `why`, unless the job has been stopped meanwhile."""
        self._end(list(running))
        _wait_for(running)
        return JobEnding("Stopped", "stopped") if self._stopping else why

    def _unfed(self) -> JobEnding:
        """An input cannot be streamed: not the program's failure, so there is no exit code."""
        if self._stopping:
            return JobEnding("Stopped", "stopped")
        cause = self._feeder.failure()
        return JobEnding("Failed", cause.reason, host=cause.host)

    def _failure(self, host: Host, process: JobProcess, ending: Ending) -> JobEnding:
        if self._stopping:
            return JobEnding("Stopped", "stopped", ending.exit_code, host.name)
        if process.refused:
            return JobEnding("Failed", f"{NOT_STARTED}: {process.refused}", 1, host.name)
        reason = str(ending)
        if ending.exceeded_bytes and self.limit:
            reason = self.limit.exceeded(ending.exceeded_bytes)
        out_of_memory = bool(ending.exceeded_bytes or ending.out_of_memory)
        return JobEnding("Failed", reason, ending.exit_code, host.name, out_of_memory=out_of_memory)

    def _end(self, processes: list[JobProcess]) -> None:
        for process in processes:
            process.terminate()
        if processes:
            patience = min(self._workshop.stop_grace_seconds, _LONGEST_GRACE_SECONDS)
            timer = threading.Timer(patience, _kill_all, [processes])
            timer.daemon = True
            self._timers.append(timer)
            timer.start()


def translated(text: str, folder: str, place: str = ML) -> str:
    """A text with `folder` wherever it names `place`, `/opt/ml`, or something in it."""
    return re.sub(_BEFORE + re.escape(place) + _AFTER, lambda _: folder, text) if place in text else text


def in_one_line(error: DagwrightError) -> str:
    """An error as the reason of a failure."""
    return " ".join(str(Problem("", error.message, error.hint)).split("\n"))


def _kill_all(processes: Iterable[JobProcess]) -> None:
    for process in processes:
        process.kill()


def _end_for_good(processes: Iterable[JobProcess]) -> None:
    """Nothing of them runs any more afterwards: their folders go next."""
    running = [process for process in processes if not process.ended]
    _kill_all(running)
    _wait_for(running)
    for process in processes:
        process.close()


def _wait_for(processes: Iterable[JobProcess]) -> None:
    for process in processes:
        process.wait()
