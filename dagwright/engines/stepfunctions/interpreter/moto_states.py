"""The states of moto's interpreter (moto.stepfunctions.parser 5.2.5) with what is wrong in them mended.

Each class says in one sentence what it mends. They are subclasses: nothing of moto itself is changed, so that whoever
else uses it in this process does not notice. This file is made of moto: import it only where a machine is executed.
"""

from __future__ import annotations

from typing import Any, Protocol

from moto.stepfunctions.parser.asl.component.common.assign.assign_decl import AssignDecl
from moto.stepfunctions.parser.asl.component.common.catch.catch_outcome import CatchOutcome
from moto.stepfunctions.parser.asl.component.common.error_name.error_equals_decl import ErrorEqualsDecl
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEvent
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import StatesErrorNameType
from moto.stepfunctions.parser.asl.component.common.flow.next import Next
from moto.stepfunctions.parser.asl.component.common.retry.max_attempts_decl import MaxAttemptsOutcome
from moto.stepfunctions.parser.asl.component.common.retry.retrier_decl import RetrierDecl
from moto.stepfunctions.parser.asl.component.common.retry.retrier_outcome import RetrierOutcome
from moto.stepfunctions.parser.asl.component.eval_component import EvalComponent
from moto.stepfunctions.parser.asl.component.program.program import Program
from moto.stepfunctions.parser.asl.component.state.choice.choice_rule import ChoiceRule
from moto.stepfunctions.parser.asl.component.state.choice.comparison.comparison_operator_type import (
    ComparisonOperatorType,
)
from moto.stepfunctions.parser.asl.component.state.choice.comparison.comparison_type import Comparison
from moto.stepfunctions.parser.asl.component.state.choice.comparison.operator.factory import OperatorFactory
from moto.stepfunctions.parser.asl.component.state.choice.state_choice import StateChoice
from moto.stepfunctions.parser.asl.component.state.exec.state_parallel.branches_decl import BranchesDecl
from moto.stepfunctions.parser.asl.component.state.exec.state_parallel.state_parallel import StateParallel
from moto.stepfunctions.parser.asl.component.state.exec.state_task.credentials import StateCredentials
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.resource import (
    ResourceCondition,
    ResourceRuntimePart,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service import StateTaskService
from moto.stepfunctions.parser.asl.component.state.fail.state_fail import StateFail
from moto.stepfunctions.parser.asl.component.state.state import CommonStateField
from moto.stepfunctions.parser.asl.component.state.state_pass.state_pass import StatePass
from moto.stepfunctions.parser.asl.component.state.state_succeed.state_succeed import StateSucceed
from moto.stepfunctions.parser.asl.component.state.wait.state_wait import StateWait
from moto.stepfunctions.parser.asl.component.state.wait.wait_function.seconds import Seconds
from moto.stepfunctions.parser.asl.component.state.wait.wait_function.seconds_path import SecondsPath
from moto.stepfunctions.parser.asl.eval.environment import Environment
from moto.stepfunctions.parser.asl.eval.program_state import ProgramError
from moto.stepfunctions.parser.asl.eval.states import StateData
from moto.stepfunctions.parser.asl.utils.json_path import NoSuchJsonPathError

from dagwright.engines.stepfunctions.interpreter.moto_failures import failure
from dagwright.engines.times import now

_RUNTIME = StatesErrorNameType.StatesRuntime.to_name()
_UNCATCHABLE = {_RUNTIME, StatesErrorNameType.StatesStatesDataLimitExceeded.to_name()}


class Machine(Protocol):
    """What the states of a machine ask of whoever runs it."""

    def entered(self, state: str) -> None: ...
    def chosen(self, state: str, rule: int | None) -> None: ...
    def caught(self, state: str, error: str, cause: str, following: str) -> None: ...
    def retried(self, state: str, seconds: float) -> None: ...
    def abandoned(self, state: str) -> None: ...
    def wait(self, seconds: float) -> None: ...
    def call(self, env: Environment, state: str, resource: str, parameters: Any) -> Any: ...


class _Seen(CommonStateField):
    """A state whose begin is told; mends EnteredTime, which moto writes with +00:00, and RetryCount,
    which it knows in Task and Parallel alone."""

    machine: Machine

    def _eval_state_input(self, env: Environment) -> None:
        self.machine.entered(self.name)
        told = StateData(EnteredTime=now(), Name=self.name, RetryCount=0)
        env.states.context_object.context_object_data["State"] = told
        super()._eval_state_input(env)


class Pass(_Seen, StatePass):
    pass


class Succeed(_Seen, StateSucceed):
    pass


class Wait(_Seen, StateWait):
    pass


class Parallel(_Seen, StateParallel):
    pass


class Fail(_Seen, StateFail):
    """Mends moto's refusal of an error name that begins with `States.`."""

    def _eval_state(self, env: Environment) -> None:
        said = []
        for part in (self.error, self.cause):
            if part:
                part.eval(env=env)
            said.append(env.stack.pop() if part else "")
        if not all(isinstance(text, str) for text in said):
            raise failure(env, _RUNTIME, f"the Error and the Cause of a Fail state are texts, not {said}")
        raise failure(env, *said)


class Choice(_Seen, StateChoice):
    """Mends the state's own Assign, which belongs to Default alone: moto runs it for a rule with the same Next too."""

    def _eval_state(self, env: Environment) -> None:
        rules: list[Any] = self.choices_decl.rules
        for index, rule in enumerate(rules):
            rule.eval(env)
            if env.stack.pop():
                self.machine.chosen(self.name, index)
                env.stack.append(rule.following)
                return
        if self.default_state is None:
            raise failure(env, StatesErrorNameType.StatesNoChoiceMatched.to_name(), "no choice rule was matched")
        if self.assign_decl:
            self.assign_decl.eval(env=env)
        self.machine.chosen(self.name, None)
        env.stack.append(self.default_state.state_name)

    def _eval_state_output(self, env: Environment) -> None:
        following = env.stack.pop()
        if self.output_path:
            self.output_path.eval(env=env)
        env.next_state_name = following


class Rule(ChoiceRule):
    """Mends the Assign of a rule: moto leaves it out where a rule compares, and else gives it `true` instead of `$`."""

    def __init__(self, comparison: Comparison, following: str, assign: AssignDecl | None) -> None:
        next_stmt = Next(name=following) if following else None
        super().__init__(comparison=comparison, next_stmt=next_stmt, comment=None, assign=assign, output=None)
        self.following = following
        self._test = comparison

    def _eval_body(self, env: Environment) -> None:
        self._test.eval(env)
        matched = env.stack.pop()
        if matched and self.assign:
            self.assign.eval(env=env)
        env.stack.append(matched)


class Compared(Comparison):
    """Mends two things: a place that is not there fails the state unless IsPresent asks for it (moto takes it for
    unequal), and what is compared with may be a path of any kind (moto turns the sides round for a variable)."""

    def __init__(self, variable: EvalComponent, operator: str, value: Any, *, is_path: bool) -> None:
        self._variable = variable
        self._operator = OperatorFactory.get(ComparisonOperatorType[operator])
        self._value = value
        self._is_path = is_path
        self._asks_presence = operator == "IsPresent"

    def _eval_body(self, env: Environment) -> None:
        try:
            value = self._of(env, self._value) if self._is_path else self._value
            variable = self._of(env, self._variable)
        except NoSuchJsonPathError as error:
            if self._asks_presence:
                env.stack.append(self._value is False)
                return
            cause = f"Invalid path '{error.json_path}': The choice state's condition path references an invalid value."
            raise failure(env, _RUNTIME, cause) from error
        if self._asks_presence:
            env.stack.append(self._value is True)
            return
        env.stack.append(variable)
        self._operator.eval(env=env, value=value)

    @staticmethod
    def _of(env: Environment, path: EvalComponent) -> Any:
        path.eval(env=env)
        return env.stack.pop()


class Task(_Seen, StateTaskService):
    """Any call of a service: moto has a class for each of its optimised ones, and none for SageMaker.

    Mends the counts of a Retry, which hold for one execution of the state (states-language.net/spec.html, "Complex
    retry scenarios"): moto goes on with them when a loop leads to the state again.
    """

    def _eval_state(self, env: Environment) -> None:
        retriers: list[Any] = self.retry.retriers if self.retry else []
        for retrier in retriers:
            retrier.forget(env)
        super()._eval_state(env)

    def _validate_service_integration_is_supported(self) -> None:
        """Whoever answers the call knows what it can."""

    def _eval_execution(self, env: Environment) -> None:
        if self.resource.condition == ResourceCondition.WaitForTaskToken:
            env.states.context_object.update_task_token()
        super()._eval_execution(env)

    def _eval_service_task(
        self,
        env: Environment,
        resource_runtime_part: ResourceRuntimePart,
        normalised_parameters: dict[str, Any],
        state_credentials: StateCredentials,
    ) -> None:
        env.stack.append(self.machine.call(env, self.name, self.resource.resource_arn, normalised_parameters))

    def _get_timed_out_failure_event(self, env: Environment) -> FailureEvent:
        self.machine.abandoned(self.name)
        return super()._get_timed_out_failure_event(env)

    def _handle_catch(self, env: Environment, failure_event: FailureEvent) -> None:
        error = self._construct_error_output_value(failure_event)
        super()._handle_catch(env, failure_event)
        if env.stack[-1] == CatchOutcome.Caught:
            self.machine.caught(self.name, error["Error"], error["Cause"], env.next_state_name or "")


class SecondsOfMachine(Seconds):
    """Waits by the machine's clock."""

    machine: Machine

    def _wait_interval(self, env: Environment, wait_seconds: int) -> None:
        self.machine.wait(wait_seconds)


class SecondsPathOfMachine(SecondsPath):
    """Waits by the machine's clock."""

    machine: Machine

    def _wait_interval(self, env: Environment, wait_seconds: int) -> None:
        self.machine.wait(wait_seconds)


class Retrier(RetrierDecl):
    """Waits by the machine's clock; moto sleeps, and a stopped machine with it."""

    machine: Machine

    def _eval_body(self, env: Environment) -> None:
        self.error_equals.eval(env)
        if not env.stack.pop():
            env.stack.append(RetrierOutcome.Skipped)
            return
        self.max_attempts.eval(env=env)
        if env.stack.pop() == MaxAttemptsOutcome.EXHAUSTED:
            env.stack.append(RetrierOutcome.Failed)
            return
        for part in (self.interval_seconds, self.backoff_rate, self.max_delay_seconds, self.jitter_strategy):
            part.eval(env=env)
        seconds = env.stack.pop()
        state: Any = env.states.context_object.context_object_data["State"]
        self.machine.retried(state["Name"], seconds)
        self.machine.wait(seconds)
        env.stack.append(RetrierOutcome.Executed)

    def forget(self, env: Environment) -> None:
        """Count from the beginning."""
        for key in (self.max_attempts._attempt_number_key(), self.backoff_rate._next_multiplier_key()):
            env.heap.pop(key, None)


class ErrorEquals(ErrorEqualsDecl):
    """Mends States.ALL, which does not catch States.Runtime (a path that is not there) and States.DataLimitExceeded
    (developer guide, page "error handling"): nothing does, such an error ends the execution."""

    def _eval_body(self, env: Environment) -> None:
        if env.stack[-1].error_name in _UNCATCHABLE:
            env.stack[-1] = False
        else:
            super()._eval_body(env)


class Scope(Program):
    """The machine, or a branch. Mends a branch that begins when its machine has been stopped: it ends, and Parallel,
    which counts the branches that have ended, does not wait for it for ever."""

    error: tuple[str, str] | None = None

    def __str__(self) -> str:
        """Short: moto writes out a component with all that is inside it, for names of threads and for its log."""
        return "a scope"

    def eval(self, env: Environment) -> None:
        try:
            super().eval(env)
        except RuntimeError:
            if env.is_running():
                raise
        state = env.program_state()
        if isinstance(state, ProgramError):
            said = state.error or {}
            self.error = (said.get("error") or "", said.get("cause") or "")


class Branches(BranchesDecl):
    """Mends the error of a branch that begins with `States.`: moto refuses to hand it on."""

    def _eval_body(self, env: Environment) -> None:
        try:
            super()._eval_body(env)
        except ValueError as refused:
            errors = [scope.error for scope in self.programs if isinstance(scope, Scope) and scope.error]
            if not errors:
                raise
            raise failure(env, *errors[0]) from refused
