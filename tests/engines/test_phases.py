from __future__ import annotations

import botocore.session

from dagwright.engines.local import phases as words
from dagwright.engines.local.phases import Phases


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now

    def written(self) -> str:
        return f"at {self.now:g}"


def test_phases_follow_each_other_and_only_training_is_training_time() -> None:
    clock = Clock()
    phases = Phases(clock.written, clock)
    for status, seconds in (("Starting", 1), ("Training", 5), ("Interrupted", 2), ("Training", 7), ("Uploading", 3)):
        phases.enter(status)
        clock.now += seconds
    assert phases.transitions("Completed") == [
        {"Status": "Starting", "StartTime": "at 100", "EndTime": "at 101"},
        {"Status": "Training", "StartTime": "at 101", "EndTime": "at 106"},
        {"Status": "Interrupted", "StartTime": "at 106", "EndTime": "at 108"},
        {"Status": "Training", "StartTime": "at 108", "EndTime": "at 115"},
        {"Status": "Uploading", "StartTime": "at 115", "EndTime": "at 118"},
        {"Status": "Completed", "StartTime": "at 118", "EndTime": "at 118"},
    ]
    assert phases.training_seconds == 12


def test_the_words_are_the_services() -> None:
    shape = botocore.session.get_session().get_service_model("sagemaker").shape_for("SecondaryStatus")
    ours = {words.STARTING, words.DOWNLOADING, words.TRAINING, words.INTERRUPTED, words.UPLOADING}
    assert ours | {"Completed", "Failed", "Stopped", "MaxRuntimeExceeded", "MaxWaitTimeExceeded"} <= set(shape.enum)
