"""Executes a state machine in this process, on moto's interpreter: an account, a server and boto3 are not needed.

What comes in: the definition, what an execution is started with, and a function that answers the calls of Task states.
What goes out: how it ended. Two threads stand behind a Task, one more behind each branch; calls of branches that run
side by side come side by side. What moto 5.2.5 gets wrong is mended in the `moto_` files.
"""

from __future__ import annotations

import importlib
import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Protocol

from dagwright.errors import InternalError, UsageError

if TYPE_CHECKING:
    from moto.stepfunctions.parser.asl.eval.environment import Environment

SUCCEEDED, FAILED, ABORTED = "SUCCEEDED", "FAILED", "ABORTED"


@dataclass(frozen=True)
class MachineStart:
    """What the context object says of an execution; `started` is spelled 2026-11-21T17:09:59.123Z."""

    name: str
    arn: str
    machine_arn: str
    input: Mapping[str, Any]
    started: str


@dataclass(frozen=True)
class Call:
    """A Task state asks a service for something; `token` is its task token if it waits for one."""

    resource: str
    """The resource of the state: `arn:aws:states:::sagemaker:createTrainingJob.sync`."""
    parameters: Mapping[str, Any]
    state: str
    token: str = ""


@dataclass(frozen=True)
class Ended:
    """How an execution ended: with its output, or with the name of an error and its cause."""

    status: str
    output: Any = None
    error: str = ""
    cause: str = ""


class TaskFailure(Exception):  # noqa: N818 - as the service calls it
    """The answer to a call that failed, such as `States.TaskFailed` with the description of the job."""

    def __init__(self, error: str, cause: str) -> None:
        super().__init__(f"{error}: {cause}")
        self.error = error
        self.cause = cause


class Witness(Protocol):
    """Somebody who sees the states of an execution. Called from the threads of its branches, side by side."""

    def entered(self, state: str) -> None:
        """A state begins."""

    def chosen(self, state: str, rule: int | None) -> None:
        """A Choice state follows its rule of that index, or its Default if it is None."""

    def caught(self, state: str, error: str, cause: str, following: str) -> None:
        """A Task state has failed, after all its retries, and one of its Catch entries leads to `following`."""

    def retried(self, state: str, seconds: float) -> None:
        """The call of a Task state has failed, and is made again after so many seconds."""

    def abandoned(self, state: str) -> None:
        """Nobody waits for the answer to the call of this state any more: it took too long, or the machine is over."""


class Blind:
    """A witness who sees nothing."""

    def entered(self, state: str) -> None: ...
    def chosen(self, state: str, rule: int | None) -> None: ...
    def caught(self, state: str, error: str, cause: str, following: str) -> None: ...
    def retried(self, state: str, seconds: float) -> None: ...
    def abandoned(self, state: str) -> None: ...


@dataclass
class Interrupt:
    """Ends an execution from another thread: no state begins any more. Calls that wait for their answer go on."""

    _requested: threading.Event = field(default_factory=threading.Event)
    _environment: list[Environment] = field(default_factory=list)

    def stop(self) -> None:
        self._requested.set()
        for env in self._environment:
            env.set_stop(stop_date=datetime.now(timezone.utc), cause=None, error=None)

    @property
    def requested(self) -> bool:
        return self._requested.is_set()

    def wait(self, seconds: float) -> None:
        """Wait so long, or until it is asked for."""
        self._requested.wait(seconds)

    def attach(self, env: Environment) -> None:
        self._environment.append(env)
        if self.requested:
            self.stop()


def run_machine(
    definition: Mapping[str, Any],
    start: MachineStart,
    call: Callable[[Call], Any],
    *,
    witness: Witness | None = None,
    interrupt: Interrupt | None = None,
    sleep: Callable[[float], None] | None = None,
    timeouts: bool = True,
) -> Ended:
    """Execute a machine to its end.

    `call` answers a Task's call with its result, a JSON value, or raises TaskFailure; any other exception ends the
    execution and is raised here. `sleep` takes the seconds of Wait states and retries; they are waited if it is not
    given. Without `timeouts` no Task takes too long, for calls that may have to wait for their turn.

    Raises UsageError if moto is not installed, InternalError if the machine is not as we write them.
    """
    require()
    execution = _Execution(call, witness or Blind(), interrupt or Interrupt(), sleep)
    with _in_silence():
        return execution.run(definition, start, timeouts=timeouts)


def require() -> None:
    """Raises UsageError if moto is not installed."""
    try:
        importlib.import_module("dagwright.engines.stepfunctions.interpreter.moto_program")
    except ImportError as error:
        raise UsageError(
            f"A state machine is executed here by moto's interpreter, which is not installed: {error}",
            hint="make setup, or pip install 'dagwright[stepfunctions]'",
        ) from error


class _Execution:
    """One execution, as its states see it."""

    def __init__(
        self,
        call: Callable[[Call], Any],
        witness: Witness,
        interrupt: Interrupt,
        sleep: Callable[[float], None] | None,
    ) -> None:
        self._call = call
        self._interrupt = interrupt
        self._witness = witness
        self.entered = witness.entered
        self.chosen = witness.chosen
        self.caught = witness.caught
        self.retried = witness.retried
        self.wait = sleep or interrupt.wait
        self._broken: list[BaseException] = []
        self._calls: list[str] = []
        self._abandoned: list[str] = []
        self._change = threading.Condition()

    def run(self, definition: Mapping[str, Any], start: MachineStart, *, timeouts: bool) -> Ended:
        from moto.stepfunctions.parser.api import StateMachineType
        from moto.stepfunctions.parser.asl.eval.environment import Environment
        from moto.stepfunctions.parser.asl.eval.evaluation_details import AWSExecutionDetails
        from moto.stepfunctions.parser.asl.eval.event.event_manager import EventHistoryContext
        from moto.stepfunctions.parser.asl.eval.states import ExecutionData, StateMachineData

        from dagwright.engines.stepfunctions.interpreter.moto_program import program

        _, _, _, region, account, *_ = start.machine_arn.split(":")
        execution = ExecutionData(
            Id=start.arn, Input={**start.input}, Name=start.name, RoleArn="", StartTime=start.started
        )
        machine = StateMachineData(Id=start.machine_arn, Name=start.machine_arn.rpartition(":")[2])
        context: Any = {"Execution": execution, "StateMachine": machine}
        env = Environment(
            aws_execution_details=AWSExecutionDetails(account=account, region=region, role_arn=""),
            execution_type=StateMachineType.STANDARD,
            context=context,
            event_history_context=EventHistoryContext.of_program_start(),
            cloud_watch_logging_session=None,
            activity_store={},
        )
        scope = program(definition, self, timeouts=timeouts)
        env.next_state_name = scope.start_at.start_at_name
        self._interrupt.attach(env)
        scope.eval(env)
        self._let_go_of_calls()
        if self._broken:
            raise self._broken[0]
        return self._ended(env)

    def _ended(self, env: Environment) -> Ended:
        from moto.stepfunctions.parser.asl.eval.program_state import ProgramEnded, ProgramError, ProgramTimedOut

        state = env.program_state()
        if isinstance(state, ProgramEnded):
            return Ended(SUCCEEDED, env.states.get_input())
        if self._interrupt.requested:
            return Ended(ABORTED)
        if isinstance(state, ProgramTimedOut):
            return Ended(FAILED, error="States.Timeout", cause="the execution took longer than the machine may")
        if isinstance(state, ProgramError):
            error = state.error or {}
            return Ended(FAILED, error=error.get("error") or "", cause=error.get("cause") or "")
        raise InternalError(f"the interpreter ended as {type(state).__name__}")

    def call(self, env: Environment, state: str, resource: str, parameters: Any) -> Any:
        from dagwright.engines.stepfunctions.interpreter.moto_failures import failure

        task = env.states.context_object.context_object_data.get("Task")
        token = task["Token"] if task else ""
        with self._change:
            self._calls.append(state)
        try:
            return self._call(Call(resource, parameters, state, token))
        except TaskFailure as refusal:
            raise failure(env, refusal.error, refusal.cause) from None
        except BaseException as error:
            self._broken.append(error)
            self._interrupt.stop()
            raise failure(env, "States.Runtime", f"{type(error).__name__}: {error}") from None
        finally:
            with self._change:
                self._calls.remove(state)
                if state in self._abandoned:
                    self._abandoned.remove(state)
                self._change.notify_all()

    def abandoned(self, state: str) -> None:
        """The machine does not wait for this state's call any more."""
        with self._change:
            if self._abandoned.count(state) >= self._calls.count(state):
                return
            self._abandoned.append(state)
        self._witness.abandoned(state)

    def _let_go_of_calls(self) -> None:
        """The machine is over: calls that it left behind are abandoned, and waited for."""
        with self._change:
            left_behind = [*self._calls]
        for state in left_behind:
            self.abandoned(state)
        with self._change:
            self._change.wait_for(lambda: not self._calls)


@contextmanager
def _in_silence() -> Iterator[None]:
    """Moto writes every failure of a state to its log, and keeps the threads of all that has run."""
    from moto.stepfunctions.parser.utils import TMP_THREADS

    log = logging.getLogger("moto.stepfunctions.parser")
    before = log.level
    log.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        log.setLevel(before)
        TMP_THREADS[:] = [thread for thread in TMP_THREADS if thread.is_alive()]
