"""Parts of a pipeline, and executions that go on, as state machines: they do what any local run does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from engines.place import Place, Watcher, condition, definition, fail, get, join, json_get
from engines.test_machine_run import as_machines, greater, outcome
from engines.test_tuning_run import after, tuning

from dagwright.definition.graph import read_definition
from dagwright.definition.slices import Slice
from dagwright.engines.engine import Start
from dagwright.engines.execution import Execution
from dagwright.engines.local.engine import LocalEngine
from dagwright.engines.local.scope import Account
from dagwright.errors import UsageError

FILES = [{"PropertyFileName": "Report", "OutputName": "out", "FilePath": "report.json"}]
Steps = list[dict[str, Any]]


def chain(place: Place) -> Steps:
    """A job with a property file, a training, a model, and a condition on the file; the last job fails without the
    object that `mend` makes."""
    broken(place)
    report = "write('report.json', {'auc': float(os.environ['AUC'])})"
    first = place.writing("First", report, variables={"AUC": get("Parameters.Auc")}, PropertyFiles=FILES)
    train = place.training("Train", "open(ML + '/model/m', 'w').write('1')") | {"DependsOn": ["First"]}
    data = get("Steps.Train.ModelArtifacts.S3ModelArtifacts")
    container = {"Image": "registry/image:1", "ModelDataUrl": data}
    model = {"Name": "Model", "Type": "Model", "Arguments": {"PrimaryContainer": container}}
    script = "write('seen', os.environ['SEEN'])\nsys.exit(open(ML + '/processing/state/word').read() != 'mended')"
    seen = join(json_get("First", "Report", "auc"), data, get("Steps.Model.ModelName"), on=" ")
    good = place.writing("Good", script, inputs={"state": "s3://bucket/state"}, variables={"SEEN": seen})
    check = condition("Check", greater(json_get("First", "Report", "auc"), 0.5), then=[good], otherwise=[fail("Bad")])
    return [first, train, model, check]


def broken(place: Place) -> None:
    place.put("state/word", "broken")


def mend(place: Place) -> None:
    place.put("state/word", "mended")


@pytest.fixture(params=["pipelines", "stepfunctions"])
def engine(request: pytest.FixtureRequest, place: Place) -> Place:
    """Each test runs on both engines of this machine, and asks the same of both."""
    return as_machines(place) if request.param == "stepfunctions" else place


def run(place: Place, steps: Steps, source: str = "", auc: str = "0.9", **part: tuple[str, ...]) -> Execution:
    place.watcher = Watcher()
    graph = read_definition(definition(*steps, parameters={"Auc": "0.9"}))
    return place.engine.run(Start("p", graph, {"Auc": auc}, part=Slice(**part), source=source), place.watcher)


def ran(place: Place, execution: Execution) -> list[str]:
    """The jobs of an execution, each as often as it was started."""
    rows = place.engine.home.database.rows("attempts", execution=execution.id)
    return sorted(row["step"] for row in rows if row["job"])


def reused(execution: Execution) -> Mapping[str, Any]:
    """The steps that did not run, each with the execution that it was taken from."""
    found = {name: step.more.get("SelectiveExecutionResult", {}) for name, step in execution.steps.items()}
    return {name: said["SourcePipelineExecutionArn"] for name, said in found.items() if said}


def test_a_part_runs_on_the_results_of_another_execution(engine: Place) -> None:
    """Files, jobs, models and the condition of the source are in the requests of the part."""
    steps = chain(engine)
    mend(engine)
    whole = run(engine, steps)
    assert whole.status == "Succeeded", whole.failure_reason
    seen = engine.text("Good/seen")
    part = run(engine, steps, only=("Good",))
    assert (part.status, ran(engine, part)) == ("Succeeded", ["Good"]), part.failure_reason
    assert engine.text("Good/seen") == seen
    assert part.steps.keys() == {"First", "Train", "Model", "Check", "Good"}
    assert reused(part) == dict.fromkeys(("First", "Train", "Model", "Check"), whole.id)
    assert engine.engine.describe(part.id).steps == part.steps


def test_what_follows_from_a_step_and_what_it_needs(engine: Place) -> None:
    steps = chain(engine)
    mend(engine)
    first = run(engine, steps, last=("Train",))
    assert (first.status, ran(engine, first), {*first.steps}) == ("Succeeded", ["First", "Train"], {"First", "Train"})
    rest = run(engine, steps, source=first.id, first=("Model", "Check"))
    assert (rest.status, ran(engine, rest)) == ("Succeeded", ["Good"]), rest.failure_reason
    assert rest.steps["Check"].metadata == {"Condition": {"Outcome": "True"}}
    assert reused(rest) == dict.fromkeys(("First", "Train"), first.id)


def test_the_branch_not_taken_cannot_be_chosen_alone(engine: Place) -> None:
    steps = chain(engine)
    whole = run(engine, steps, auc="0.1")
    assert (whole.status, ran(engine, whole)) == ("Failed", ["First", "Train"])
    with pytest.raises(UsageError) as refused:
        run(engine, steps, only=("Model", "Good"))
    assert [problem.code for problem in refused.value.problems] == ["untaken-branch"]
    again = run(engine, steps, only=("Check", "Bad"))
    assert outcome(again)["Bad"] == outcome(whole)["Bad"]


def test_a_condition_alone_says_what_it_comes_to(engine: Place) -> None:
    steps = chain(engine)
    run(engine, steps, last=("First",))
    part = run(engine, steps, only=("Check",))
    assert (part.status, ran(engine, part)) == ("Succeeded", [])
    assert part.steps["Check"].metadata == {"Condition": {"Outcome": "True"}}


def test_what_failed_goes_on_and_nothing_that_succeeded_runs_again(engine: Place) -> None:
    """The condition has been decided, and stays so."""
    failed = run(engine, chain(engine), auc="0.7")
    assert (failed.status, ran(engine, failed)) == ("Failed", ["First", "Good", "Train"])
    mend(engine)
    resumed = engine.engine.resume(failed.id, Watcher())
    assert (resumed.id, resumed.status) == (failed.id, "Succeeded"), resumed.failure_reason
    assert ran(engine, resumed) == ["First", "Good", "Good", "Train"]
    assert resumed.parameters == {"Auc": "0.7"}
    assert engine.text("Good/seen").startswith("0.7 s3://bucket/models/")


def test_a_part_that_failed_goes_on_as_a_part(engine: Place) -> None:
    steps = chain(engine)
    whole = run(engine, steps)
    part = run(engine, steps, source=whole.id, only=("Model", "Good"))
    assert (part.status, ran(engine, part)) == ("Failed", ["Good"])
    mend(engine)
    resumed = engine.engine.resume(part.id, Watcher())
    assert (resumed.status, ran(engine, resumed)) == ("Succeeded", ["Good", "Good"])
    assert reused(resumed) == dict.fromkeys(("First", "Train", "Check"), whole.id)


def test_the_best_of_a_tuning_job_is_known(engine: Place) -> None:
    steps = [tuning(engine, RandomSeed=7), after(engine, 1)]
    run(engine, steps)
    read = engine.text("After/x")
    part = run(engine, steps, only=("After",))
    assert (part.status, engine.text("After/x")) == ("Succeeded", read), part.failure_reason


def test_results_are_handed_from_one_engine_to_the_other(place: Place) -> None:
    steps = chain(place)
    mend(place)
    whole = run(place, steps)
    machine = run(as_machines(place), steps, source=whole.id, only=("Good",))
    assert (machine.status, ran(place, machine)) == ("Succeeded", ["Good"]), machine.failure_reason
    place.engine = LocalEngine(place.folder, Account(), place.settings)
    here = run(place, steps, source=machine.id, only=("Good",))
    assert outcome(here) == outcome(machine)
