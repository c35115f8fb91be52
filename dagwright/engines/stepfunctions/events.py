"""The history of an execution, read from where it was left: events come from AWS, and what is asked of them goes out.

An execution may have 25,000 events (developer guide, "Service quotas") and is looked at many times, so that what has
been read once is kept.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dagwright.engines.aws.clients import Clients
from dagwright.engines.stepfunctions.limits import largest_page
from dagwright.engines.times import written


@dataclass(frozen=True)
class Event:
    """One event. `before` is the number of the event that led to it, `state` the state that it names, if it names one;
    `details` are what else it says."""

    id: int
    before: int
    type: str
    time: str
    state: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)

    def said(self, member: str) -> dict[str, Any]:
        """A detail that is a JSON object written as text; empty if it is none."""
        return json_object(self.details.get(member))


def json_object(text: Any) -> dict[str, Any]:
    """The JSON object of a text; empty if there is none in it."""
    try:
        value = json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


class Histories:
    """The events of the executions that one asks for. Raises AWSError."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._known: dict[str, list[Event]] = {}

    def of(self, arn: str) -> list[Event]:
        """All events of an execution up to now, the first one first."""
        known = self._known.setdefault(arn, [])
        last = known[-1].id if known else 0
        new: dict[int, Event] = {}
        # backwards from the end, so that what is known already is not read again
        wanted = {"reverseOrder": True, "maxResults": largest_page(), "includeExecutionData": True}
        what = "The history of the execution cannot be read"
        for page in self._clients.pages(what, "stepfunctions", "get_execution_history", executionArn=arn, **wanted):
            events = [read_event(item) for item in page["events"]]
            new.update((event.id, event) for event in events if event.id > last)
            if any(event.id <= last for event in events):
                break
        known.extend(new[number] for number in sorted(new))
        return known


def read_event(item: Mapping[str, Any]) -> Event:
    """An event as GetExecutionHistory gives it."""
    details: Mapping[str, Any] = next((value for name, value in item.items() if name.endswith("EventDetails")), {})
    kept = {name: value for name, value in details.items() if name not in ("name", "input")}
    time = written(item["timestamp"])
    return Event(item["id"], item.get("previousEventId", 0), item["type"], time, str(details.get("name", "")), kept)
