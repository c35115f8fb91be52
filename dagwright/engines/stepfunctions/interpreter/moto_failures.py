"""How a state says to moto's interpreter that it failed."""

from __future__ import annotations

from typing import Any

from moto.stepfunctions.parser.api import HistoryEventType, TaskFailedEventDetails
from moto.stepfunctions.parser.asl.component.common.error_name.error_name import ErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEvent, FailureEventException
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import StatesErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import StatesErrorNameType
from moto.stepfunctions.parser.asl.eval.environment import Environment
from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails

_RESERVED = {kind.to_name() for kind in StatesErrorNameType}


def error_name(name: str) -> ErrorName:
    """The component of an error's name, reserved or not."""
    return StatesErrorName.from_name(name) if name in _RESERVED else _OwnName(name)


class _OwnName(ErrorName):
    """A name that is not reserved; moto's own class for these refuses some that a Fail state may say."""


def failure(env: Environment, error: str, cause: str) -> FailureEventException:
    """The exception that ends a state with this error."""
    details: Any = EventDetails
    return FailureEventException(
        FailureEvent(
            env=env,
            error_name=error_name(error),
            event_type=HistoryEventType.TaskFailed,
            event_details=details(taskFailedEventDetails=TaskFailedEventDetails(error=error, cause=cause)),
        )
    )
