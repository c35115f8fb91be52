"""Definitions run here as the state machines that they become: real jobs, the same record."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from engines.place import Meeting, Place, Watcher, condition, definition, equals, fail, get, join, json_get

from dagwright.definition.graph import read_definition
from dagwright.engines.engine import Start
from dagwright.engines.execution import Execution
from dagwright.engines.local.machine import LocalMachineEngine
from dagwright.engines.local.scope import Account
from dagwright.engines.stepfunctions.interpreter import running as interpreter
from dagwright.errors import DefinitionError, ParameterError, UsageError

ROOT = Path(__file__).parents[2]
FILES = [{"PropertyFileName": "Report", "OutputName": "out", "FilePath": "report.json"}]


def as_machines(place: Place) -> Place:
    """The same place, with an engine that runs definitions as state machines."""
    place.engine = LocalMachineEngine(place.folder, Account(), place.settings)
    return place


@pytest.fixture
def machines(place: Place) -> Place:
    return as_machines(place)


def greater(left: Any, right: Any) -> dict[str, Any]:
    return {"Type": "GreaterThan", "LeftValue": left, "RightValue": right}


def decided(place: Place) -> list[dict[str, Any]]:
    """A job that writes a metric, and a condition on it."""
    script = "write('report.json', {'metrics': {'auc': float(os.environ['AUC'])}})"
    first = place.writing("First", script, variables={"AUC": get("Parameters.Auc")}, PropertyFiles=FILES)
    second = place.writing(
        "Good", "write('seen', dict(os.environ))", variables={"FIRST": get("Steps.First.ProcessingJobArn")}
    )
    metric = json_get("First", "Report", "metrics.auc")
    bad = fail("Bad", join("only ", get("Parameters.Auc")))
    return [first, condition("Check", greater(metric, 0.5), then=[second], otherwise=[bad])]


def statuses(execution: Execution) -> dict[str, str]:
    return {name: step.status for name, step in execution.steps.items()}


def test_jobs_and_a_condition_on_a_file(machines: Place) -> None:
    execution = machines.run(*decided(machines), parameters={"Auc": "0.1"}, Auc="0.9")
    assert (execution.status, execution.failure_reason) == ("Succeeded", "")
    assert statuses(execution) == {"First": "Succeeded", "Check": "Succeeded", "Good": "Succeeded"}
    assert execution.steps["Check"].metadata == {"Condition": {"Outcome": "True"}}
    assert execution.parameters == {"Auc": "0.9"}
    first = machines.output(execution, "First")
    assert first["ProcessingJobName"] == execution.steps["First"].job
    assert execution.steps["First"].job.startswith("p-first-")
    assert machines.json("Good/seen")["FIRST"] == first["ProcessingJobArn"]
    assert machines.watcher.left_out == ["Bad"]
    assert any("not carry over to Step Functions" in note for note in machines.watcher.notes)


def test_the_record_is_that_of_any_local_run(machines: Place) -> None:
    execution = machines.run(*decided(machines), parameters={"Auc": "0.9"})
    assert machines.engine.describe() == execution
    assert machines.engine.history()[0].id == execution.id
    assert machines.engine.graph(execution).steps.keys() == {"First", "Check", "Good", "Bad"}
    assert machines.log(execution, "First") == ""


def test_the_other_branch_and_a_fail_step(machines: Place) -> None:
    execution = machines.run(*decided(machines), parameters={"Auc": "0.1"})
    assert statuses(execution) == {"First": "Succeeded", "Check": "Succeeded", "Bad": "Failed"}
    assert execution.steps["Check"].metadata == {"Condition": {"Outcome": "False"}}
    assert execution.steps["Bad"].metadata == {"Fail": {"ErrorMessage": "only 0.1"}}
    assert (execution.status, execution.failure_reason) == ("Failed", "step 'Bad' failed: only 0.1")
    assert machines.watcher.left_out == ["Good"]


def test_conditions_that_are_settled_or_lead_nowhere(machines: Place) -> None:
    settled = condition("Settled", equals(1, 2), then=[fail("Never")], otherwise=[condition("Inner", equals(1, 1))])
    idle = condition("Idle", equals(get("Parameters.Go"), "no"), depends_on=["Settled"])
    execution = machines.run(settled, idle, parameters={"Go": "no"})
    assert execution.status == "Succeeded"
    outcomes = {name: step.metadata["Condition"]["Outcome"] for name, step in execution.steps.items()}
    assert outcomes == {"Settled": "False", "Inner": "True", "Idle": "True"}
    assert machines.output(execution, "Idle") == {"Outcome": True}
    assert machines.watcher.left_out == ["Never"]


def test_a_condition_may_do_without_a_file(machines: Place) -> None:
    """A condition before the one that asks for it has settled the outcome."""
    first = machines.writing("First", "pass", PropertyFiles=FILES)
    asked = greater(json_get("First", "Report", "metrics.auc"), 0.5)
    check = condition("Check", equals(get("Parameters.Go"), "yes"), asked, then=[fail("Never")])
    execution = machines.run(first, check, parameters={"Go": "no"})
    assert statuses(execution) == {"First": "Succeeded", "Check": "Succeeded"}
    assert execution.steps["Check"].attempts == 1
    execution = machines.run(first, check, parameters={"Go": "yes"})
    assert statuses(execution) == {"First": "Succeeded", "Check": "Failed"}


def test_a_fail_step_beside_others_says_its_message_too(machines: Place) -> None:
    gate = condition(
        "Gate", equals(get("Parameters.Go"), "no"), then=[fail("Stop", join("it is ", get("Parameters.Go")))]
    )
    execution = machines.run(gate, machines.writing("Beside", "write('done', '1')"), parameters={"Go": "no"})
    assert statuses(execution) == {"Gate": "Succeeded", "Stop": "Failed", "Beside": "Succeeded"}
    assert execution.failure_reason == "step 'Stop' failed: it is no"


def test_a_failure_lets_what_runs_beside_it_finish(machines: Place, meeting: Callable[[int], Meeting]) -> None:
    door = meeting(2)
    bad = machines.processing("Bad", "meet(); sys.exit('broken')", variables={"MEETING": door.port})
    good = machines.writing("Good", "meet(); write('done', '1')", variables={"MEETING": door.port})
    threading.Thread(target=lambda: door.complete.wait() and door.release(), daemon=True).start()
    after = [machines.processing("After", "pass", depends_on=["Bad", "Good"])]
    execution = machines.run(bad, good, *after)
    assert statuses(execution) == {"Bad": "Failed", "Good": "Succeeded"}
    assert machines.text("Good/done") == "1"
    assert execution.failure_reason == "step 'Bad' failed: AlgorithmError: broken, exit code 1"
    assert machines.watcher.left_out == ["After"]


def test_no_more_jobs_at_once_than_the_configuration_allows(
    place_with: Callable[..., Place], meeting: Callable[[int], Meeting]
) -> None:
    machines = as_machines(place_with(sandbox="paths", max_parallel=1))
    folder = machines.folder / "at-work"
    folder.mkdir()
    script = f"""
import pathlib
mine = pathlib.Path({str(folder)!r}) / os.environ['ME']
mine.touch()
alone = len(list(mine.parent.iterdir())) == 1
mine.unlink()
sys.exit(0 if alone else 'not alone')
"""
    steps = [machines.processing(f"S{n}", script, variables={"ME": str(n)}) for n in range(4)]
    assert machines.run(*steps).status == "Succeeded"


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("pass", "There is no object s3://bucket/First/report.json"),
        ("write('report.json', 'no json')", "States.StringToJson"),
        ("write('report.json', {'other': 1})", "metrics.auc"),
    ],
)
def test_a_condition_that_cannot_be_decided_fails(machines: Place, script: str, says: str) -> None:
    first = machines.writing("First", script, PropertyFiles=FILES)
    check = condition("Check", greater(json_get("First", "Report", "metrics.auc"), 0.5))
    execution = machines.run(first, check, fail("Never", depends_on=["Check"]))
    assert statuses(execution) == {"First": "Succeeded", "Check": "Failed"}
    assert says in execution.steps["Check"].failure_reason
    assert execution.status == "Failed"


def test_a_job_whose_value_is_not_in_its_file_fails(machines: Place) -> None:
    first = machines.writing("First", "write('report.json', {'other': 1})", PropertyFiles=FILES)
    second = machines.writing("Second", "pass", variables={"AUC": json_get("First", "Report", "metrics.auc")})
    execution = machines.run(first, second)
    assert statuses(execution) == {"First": "Succeeded", "Second": "Failed"}
    assert "metrics.auc in report.json" in execution.steps["Second"].failure_reason
    assert execution.status == "Failed"


def test_a_file_that_no_state_takes_is_named(machines: Place) -> None:
    """It ends the whole execution: no Catch sees it."""
    first = machines.writing(
        "First", "write('report.json', {'metrics': {'auc': 1}, 'rest': 'x' * 300_000})", PropertyFiles=FILES
    )
    check = condition("Check", greater(json_get("First", "Report", "metrics.auc"), 0.5))
    execution = machines.run(first, check)
    assert execution.status == "Failed"
    assert "s3://bucket/First/report.json has 300" in execution.steps["Check"].failure_reason
    assert "takes 262144 at a time" in execution.failure_reason


def test_training_models_and_the_registry(machines: Place) -> None:
    train = machines.training(
        "Train",
        "open(ML + '/model/m', 'w').write('1'); print('auc=0.75;')",
        AlgorithmSpecification={"MetricDefinitions": [{"Name": "auc", "Regex": "auc=([0-9.]+);"}]},
    )
    data = get("Steps.Train.ModelArtifacts.S3ModelArtifacts")
    container = {"Image": "registry/image:1", "ModelDataUrl": data}
    create = {"Name": "Create", "Type": "Model", "Arguments": {"PrimaryContainer": container}}
    package = {
        "ModelPackageGroupName": "acme",
        "InferenceSpecification": {"Containers": [container]},
        "ModelApprovalStatus": "PendingManualApproval",
    }
    register = {"Name": "Register", "Type": "RegisterModel", "Arguments": package}
    text = join(get("Steps.Create.ModelName"), get("Steps.Register.ModelPackageVersion"), on="/")
    last = machines.writing("Last", "write('seen', os.environ['SEEN'])", variables={"SEEN": text})
    execution = machines.run(train, create, register, last)
    assert execution.status == "Succeeded", execution.failure_reason
    assert [metric["Value"] for metric in machines.output(execution, "Train")["FinalMetricDataList"]] == [0.75]
    uri = machines.output(execution, "Train")["ModelArtifacts"]["S3ModelArtifacts"]
    registered = machines.output(execution, "Register")
    assert registered["InferenceSpecification"]["Containers"][0]["ModelDataUrl"] == uri
    assert execution.steps["Register"].metadata == {"RegisterModel": {"Arn": registered["ModelPackageArn"]}}
    assert machines.text("Last/seen") == f"{machines.output(execution, 'Create')['ModelName']}/1"


def test_a_lambda_function(place_with: Callable[..., Place]) -> None:
    machines = as_machines(place_with(sandbox="paths", lambdas={"double": "functions.py:double"}))
    (machines.folder / "functions.py").write_text(
        "def double(event, context):\n"
        "    if event['n'] is None: raise ValueError('no number')\n"
        "    return {'twice': event['n'] * 2}\n"
    )
    function = {
        "Name": "Double",
        "Type": "Lambda",
        "FunctionArn": "arn:aws:lambda:us-east-1:123456789012:function:double",
        "Arguments": {"n": 4},
        "OutputParameters": [{"OutputName": "twice", "OutputType": "Integer"}],
    }
    twice = get("Steps.Double.OutputParameters['twice']")
    check = condition("Check", greater(twice, 7), then=[fail("Large", join("it is ", twice))])
    execution = machines.run(function, check)
    assert execution.failure_reason == "step 'Large' failed: it is 8"
    assert machines.output(execution, "Double") == {"OutputParameters": {"twice": 8}}
    execution = machines.run({**function, "Arguments": {"n": None}}, check)
    assert statuses(execution) == {"Double": "Failed"}
    assert "no number" in execution.failure_reason


def test_execution_variables(machines: Place) -> None:
    names = ("PipelineName", "PipelineExecutionId", "StartDateTime", "PipelineArn", "ProcessingJobName")
    variables = {name: get(f"Execution.{name}") for name in names}
    execution = machines.run(machines.writing("One", "write('seen', dict(os.environ))", variables=variables))
    seen = machines.json("One/seen")
    assert {name: seen[name] for name in names} == {
        "PipelineName": "p",
        "PipelineExecutionId": execution.id,
        "StartDateTime": execution.started,
        "PipelineArn": "arn:aws:states:us-east-1:000000000000:stateMachine:p",
        "ProcessingJobName": execution.steps["One"].job,
    }


def test_a_job_that_could_not_start_is_started_again(machines: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    from dagwright.engines.local import machine
    from dagwright.engines.local.bench import StepResult
    from dagwright.engines.local.steps import result_of

    failed: list[str] = []

    def once(step: Any, scope: Any, bench: Any) -> StepResult:
        if failed:
            return result_of(step, scope, bench)
        failed.append(scope.job)
        return StepResult(
            "Failed", "InternalServerError: it could not be started", {}, {"ProcessingJobName": scope.job}
        )

    monkeypatch.setattr(machine, "result_of", once)
    policy = {
        "ExceptionType": ["SageMaker.JOB_INTERNAL_ERROR"],
        "MaxAttempts": 2,
        "IntervalSeconds": 1,
        "BackoffRate": 1,
    }
    execution = machines.run(machines.writing("One", "write('done', '1')", RetryPolicies=[policy]))
    assert execution.status == "Succeeded"
    (step,) = execution.steps.values()
    assert (step.attempts, step.failure_reason) == (2, "")
    assert step.job not in failed
    assert machines.engine.describe() == execution


def test_what_cannot_run_here_is_refused_before_anything_starts(machines: Place) -> None:
    transform = {"Name": "T", "Type": "Transform", "Arguments": {"ModelName": "m", "TransformInput": {}}}
    with pytest.raises(DefinitionError):
        machines.run(transform)
    missing = machines.processing("One", inputs={"in": "s3://bucket/nowhere"})
    with pytest.raises(DefinitionError, match="its input 'in' is not there"):
        machines.run(missing)
    with pytest.raises(DefinitionError, match="does not make a state machine"):
        machines.run({"Name": "A", "Type": "AutoML", "Arguments": {}})
    with pytest.raises(ParameterError):
        machines.run(condition("C"), Nonsense="1")
    assert machines.engine.history() == []


def test_without_the_interpreter_nothing_starts(machines: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise UsageError("not installed")

    monkeypatch.setattr(interpreter, "require", missing)
    with pytest.raises(UsageError, match="not installed"):
        machines.run(condition("C"))
    assert machines.engine.history() == []


PROGRAM = """
import sys
sys.path[:0] = {path}
from pathlib import Path
from engines.place import Place
from engines.test_machine_run import as_machines
place = as_machines(Place(Path({folder!r}), sandbox={sandbox!r}, max_parallel={most}))
steps = [place.writing(name, "meet()\\nmeet()", variables={{"MEETING": {port!r}}}) for name in "AB"]
steps.append(place.processing("Later", "pass", depends_on=["A"]))
execution = place.run(*steps)
print(execution.status, sorted((step.name, step.status) for step in execution.steps.values()))
"""


@pytest.mark.parametrize(("how", "most"), [("stop", 2), ("interrupt", 2), ("stop", 1)])
def test_stopping(machines: Place, meeting: Callable[[int], Meeting], how: str, most: int) -> None:
    """Jobs that run are stopped; one that waits for its turn never starts."""
    door = meeting(most)
    path = [str(ROOT), str(ROOT / "tests")]
    settings = {"sandbox": machines.settings.sandbox, "port": door.port, "most": most}
    program = PROGRAM.format(path=path, folder=str(machines.folder), **settings)
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert door.complete.wait(30)
    if how == "stop":
        assert machines.engine.stop("", timeout_seconds=30).status == "Stopped"
    else:
        process.send_signal(signal.SIGINT)
    said, steps = process.communicate()[0].split(" ", 1)
    assert said == "Stopped"
    assert steps.count("'Stopped'") == most
    assert steps.count("(") == most
    assert machines.engine.describe().status == "Stopped"
    assert list((machines.folder / ".dagwright" / "jobs").iterdir()) == []
    assert machines.keys("A") == []


class Broken(Watcher):
    """Gives out when the first step ends."""

    def changed(self, step: Any) -> None:
        if step.status != "Executing":
            raise BrokenPipeError


def test_an_observer_that_gives_out_ends_the_run(machines: Place) -> None:
    graph = read_definition(
        definition(machines.writing("One", "pass"), machines.writing("Two", "pass", depends_on=["One"]))
    )
    with pytest.raises(BrokenPipeError):
        machines.engine.run(Start("p", graph), Broken())
    execution = machines.engine.describe()
    assert (execution.status, "Two" in execution.steps) == ("Failed", False)


def outcome(execution: Execution) -> Mapping[str, Any]:
    """What two runs of a definition have in common."""
    return {
        name: (
            step.type,
            step.status,
            step.failure_reason,
            step.metadata if step.type in ("Condition", "Fail") else None,
        )
        for name, step in execution.steps.items()
    }


@pytest.mark.parametrize("auc", ["0.9", "0.1", "none"])
def test_it_ends_as_the_local_run_does(place: Place, auc: str) -> None:
    steps = decided(place)
    here = place.run(*steps, parameters={"Auc": auc})
    machine = as_machines(place).run(*steps, parameters={"Auc": auc})
    assert outcome(machine) == outcome(here)
    assert (machine.status, machine.failure_reason) == (here.status, here.failure_reason)
