from __future__ import annotations

from collections.abc import Callable

import pytest
from engines.place import Place, get

from dagwright.errors import ConfigurationError, DefinitionError, ExecutionError
from dagwright.project import EnvironmentRule


def test_everything_that_cannot_run_here_is_said_at_once(place: Place) -> None:
    bad = place.processing("Bad", "pass", outputs={"out": "nowhere"})
    tuning = {"Name": "Tune", "Type": "Tuning", "Arguments": {}}
    waits = {"Name": "Waits", "Type": "Condition", "Arguments": {"Conditions": [], "IfSteps": [], "ElseSteps": []}}
    waits["DependsOn"] = [{"Step": "Bad", "Trigger": "Failed"}]
    training = place.training("Train", "pass", OutputDataConfig=None)
    with pytest.raises(DefinitionError) as refused:
        place.run(bad, tuning, waits, training)
    assert {problem.step for problem in refused.value.problems} == {"Bad", "Tune", "Waits", "Train"}
    assert "a step of type Tuning cannot run on this machine" in str(refused.value)


def test_what_a_step_of_the_pipeline_writes_needs_not_be_there(place: Place) -> None:
    first = place.writing("First", "write('deep/x', 'x')")
    second = place.processing("Second", "pass", inputs={"in": "s3://bucket/First/deep"}, depends_on=["First"])
    third = place.processing("Third", "pass", inputs={"in": "s3://bucket"}, depends_on=["First"])
    fourth = place.processing(
        "Fourth", "pass", inputs={"in": get("Steps.First.ProcessingOutputConfig.Outputs['out'].S3Output.S3Uri")}
    )
    assert place.run(first, second, third, fourth).status == "Succeeded"


def test_what_is_left_out_is_noted(place: Place) -> None:
    steps = [place.processing(f"S{n}", "pass", CacheConfig={"Enabled": True}) for n in range(5)]
    place.run(*steps)
    assert any(note.startswith("CacheConfig of S0, S1, S2 and 2 more is left out") for note in place.watcher.notes)


def test_a_rule_of_the_configuration_that_cannot_be_followed_stops_the_run(place_with: Callable[..., Place]) -> None:
    place = place_with(sandbox="paths", environments=(EnvironmentRule("*", interpreter="absent"),))
    with pytest.raises((DefinitionError, ConfigurationError), match="'absent' for image"):
        place.run(place.processing("P", "pass"))


def test_sandboxes_that_are_insisted_on_and_refused_are_an_error(
    place_with: Callable[..., Place], refusal: str
) -> None:
    place = place_with(sandbox="namespaces")
    if not refusal:
        assert place.run(place.processing("P", "pass")).status == "Succeeded"
        return
    with pytest.raises(ExecutionError, match="this machine refuses them"):
        place.run(place.processing("P", "pass"))
