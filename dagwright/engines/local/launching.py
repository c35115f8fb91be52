"""What starts the jobs of a run: processes, in sandboxes if that can be, or containers; and what holds them to limits.

What comes in: the settings of the project, the graph of a run. What goes out: things that live as long as the run does.
"""

from __future__ import annotations

from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dagwright.definition.graph import Graph
from dagwright.engines.engine import Start
from dagwright.engines.local.home import Home
from dagwright.engines.local.launcher import Launcher
from dagwright.engines.local.limits import Limits
from dagwright.engines.local.settings import Settings
from dagwright.engines.local.steps import has_job
from dagwright.engines.local.store import storage_errors
from dagwright.errors import ExecutionError

if TYPE_CHECKING:
    from dagwright.engines.local.confinement import Confinement
    from dagwright.engines.local.containers import Containers

NAMESPACES, PATHS = "namespaces", "paths"
PROCESS, DOCKER = "process", "docker"
_SANDBOXED = "sandbox: each job has its own /opt/ml, /tmp and processes; the machine is read-only to it"
_NOT_SANDBOXED = (
    "sandbox: none ({}). /opt/ml is replaced in arguments and variables only: a script with /opt/ml written into it "
    "will not find it, the hosts of a job do not know each other's names, and a job can reach and change what you can, "
    "network isolation or not"
)
CONTAINED = "docker: each job runs in a container of its image, as you: what USER its image names does not count"


@dataclass(frozen=True)
class Launching:
    """Makes them for one run, which ends them with `tools`. `runtime` is `process` or `docker`."""

    home: Home
    settings: Settings
    runtime: str
    tools: ExitStack

    def containers(self, execution: str) -> Containers | None:
        """What starts the containers of a run, if it is to have any. Raises ExecutionError without a Docker engine."""
        if self.runtime != DOCKER:
            return None
        from dagwright.engines.local.containers import Containers, Docker

        docker = Docker(str(self.home.path), self.settings.stop_grace_seconds)
        docker.require()
        docker.remove_abandoned(lambda other: self.home.process_of(other) is not None)
        return Containers(docker, execution, self.tools.enter_context(Launcher()))

    def confinement(self, start: Start, execution: str) -> Confinement | None:
        """What holds the jobs of a run to their limits, if any has one. Raises ExecutionError if nothing can."""
        limits = Limits(self.settings.limits, start.pipeline).found(start.graph.steps)
        if not limits:
            return None
        from dagwright.engines.local.confinement import Confinement

        return self.tools.enter_context(closing(Confinement(execution, limits, self.home.jobs(execution))))

    def launcher(self, graph: Graph, execution: str) -> tuple[Launcher, list[str]]:
        """A launcher, with sandboxes if that can be, and what to say of it.

        Raises ExecutionError if the configuration insists on sandboxes and the machine refuses them.
        """
        wanted = self.settings.sandbox
        if not any(map(has_job, graph.steps.values())):
            self.home.settle()
            return self.tools.enter_context(Launcher()), []
        refusal = "the configuration says so"
        if wanted != PATHS:
            launcher = self.tools.enter_context(Launcher(self._sandbox_folder(execution)))
            self.home.settle()
            refusal = launcher.refusal()
            if not refusal:
                return launcher, [_SANDBOXED]
        if wanted == NAMESPACES:
            raise ExecutionError(
                f"The configuration asks for namespaces, and this machine refuses them: {refusal}",
                hint="Allow unprivileged user namespaces, or set local.sandbox to auto.",
            )
        return self.tools.enter_context(Launcher()), [_NOT_SANDBOXED.format(refusal)]

    def _sandbox_folder(self, execution: str) -> Path:
        folder = self.home.jobs(execution) / "sandbox"
        with storage_errors(f"{folder} cannot be made"):
            folder.mkdir(parents=True)
        return folder
