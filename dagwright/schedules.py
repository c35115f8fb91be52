"""When a pipeline starts by itself: schedules of EventBridge Scheduler, declared with the pipeline."""

from __future__ import annotations


class Schedule:
    """One schedule."""
