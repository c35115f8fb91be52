"""Tuning steps run here: real training jobs, several at a time, the best first."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from engines.place import Meeting, Place, get, join

from dagwright.engines.local.machine import LocalMachineEngine
from dagwright.engines.local.scope import Account
from dagwright.errors import DefinitionError

ROOT = Path(__file__).parents[2]
SCORE = {"MetricDefinitions": [{"Name": "score", "Regex": "score=([-0-9.e]+)"}]}
# Scores best where x is 3, and leaves x as its model.
SCRIPT = """
hp = json.load(open(ML + "/input/config/hyperparameters.json"))
x = float(hp["x"])
open(ML + "/model/x", "w").write(hp["x"])
print("score=%f" % -(x - 3) ** 2, flush=True)
"""


KILLED = "AlgorithmError: killed by SIGKILL, and not by the kernel for want of memory"


def number(name: str, low: Any, high: Any, scale: str = "Auto") -> dict[str, Any]:
    return {"Name": name, "MinValue": str(low), "MaxValue": str(high), "ScalingType": scale}


def tuning(
    place: Place,
    name: str = "Tune",
    script: str = SCRIPT,
    continuous: Sequence[Mapping[str, Any]] = (),
    integer: Sequence[Mapping[str, Any]] = (),
    categories: Mapping[str, Sequence[str]] | None = None,
    strategy: str = "Random",
    jobs: Any = 4,
    parallel: Any = 2,
    static: Mapping[str, Any] | None = None,
    variables: Mapping[str, Any] | None = None,
    objective: str = "Maximize",
    early: str = "Off",
    training: Mapping[str, Any] | None = None,
    **config: Any,
) -> dict[str, Any]:
    """A Tuning step whose training jobs run `script`; x is searched from 0 to 10 if no range is given."""
    specification = SCORE | dict((training or {}).get("AlgorithmSpecification", {}))
    own = place.training(name, script, variables=variables, AlgorithmSpecification=specification)["Arguments"]
    del own["HyperParameters"]
    if not (continuous or integer or categories):
        continuous = [number("x", 0, 10)]
    limits = {"MaxParallelTrainingJobs": parallel} | ({"MaxNumberOfTrainingJobs": jobs} if jobs else {})
    given = {
        "Strategy": strategy,
        "HyperParameterTuningJobObjective": {"Type": objective, "MetricName": "score"},
        "ResourceLimits": limits | config.pop("ResourceLimits", {}),
        "ParameterRanges": {
            "ContinuousParameterRanges": list(continuous),
            "IntegerParameterRanges": list(integer),
            "CategoricalParameterRanges": [{"Name": n, "Values": list(v)} for n, v in (categories or {}).items()],
        },
        "TrainingJobEarlyStoppingType": early,
        **config,
    }
    job = {
        **own,
        "StaticHyperParameters": dict(static or {}),
        **(training or {}),
        "AlgorithmSpecification": {
            **own["AlgorithmSpecification"],
            **dict((training or {}).get("AlgorithmSpecification", {})),
        },
    }
    return {
        "Name": name,
        "Type": "Tuning",
        "Arguments": {"HyperParameterTuningJobConfig": given, "TrainingJobDefinition": job},
    }


def tuned(place: Place, execution: Any, step: str = "Tune") -> list[dict[str, str]]:
    """The tuned hyperparameters of each trial, in the order they were started."""
    summaries = place.output(execution, step)["TrainingJobSummaries"]
    return [one["TunedHyperParameters"] for one in sorted(summaries, key=lambda one: one["TrainingJobName"])]


def values(place: Place, execution: Any, step: str = "Tune") -> list[float]:
    """The objective of each trial that has one, the best first."""
    summaries = place.output(execution, step)["TrainingJobSummaries"]
    metric = "FinalHyperParameterTuningJobObjectiveMetric"
    return [one[metric]["Value"] for one in summaries if metric in one]


def test_random_trials_the_best_first(place_with: Callable[..., Place], each_way: str) -> None:
    place = place_with(sandbox=each_way)
    execution = place.run(tuning(place, RandomSeed=7))
    output = place.output(execution, "Tune")
    assert execution.status == "Succeeded"
    assert output["HyperParameterTuningJobStatus"] == "Completed"
    assert output["HyperParameterTuningJobName"] == execution.steps["Tune"].job
    assert len(execution.steps["Tune"].job) <= 32
    assert values(place, execution) == sorted(values(place, execution), reverse=True)
    best = output["BestTrainingJob"]
    assert best == output["TrainingJobSummaries"][0] == output["OverallBestTrainingJob"]
    assert best["TrainingJobName"].startswith(f"{execution.steps['Tune'].job}-00")
    assert output["TrainingJobStatusCounters"]["Completed"] == 4
    assert output["ObjectiveStatusCounters"] == {"Succeeded": 4, "Pending": 0, "Failed": 0}
    for summary in output["TrainingJobSummaries"]:
        model = place.archive(f"s3://bucket/models/{summary['TrainingJobName']}/output/model.tar.gz")
        assert model == {"x": summary["TunedHyperParameters"]["x"].encode()}
    assert [log.host for log in place.engine.logs(execution.steps["Tune"])] == sorted(
        summary["TrainingJobName"] for summary in output["TrainingJobSummaries"]
    )
    assert "score=" in place.log(execution, "Tune")


def test_the_members_of_the_response_are_those_of_the_api(place: Place) -> None:
    import botocore.session

    model = botocore.session.get_session().get_service_model("sagemaker")
    describe = model.shape_for("DescribeHyperParameterTuningJobResponse")
    output = place.output(place.run(tuning(place, jobs=2)), "Tune")
    assert set(describe.required_members) <= set(output)
    assert set(output) - set(describe.members) == {"TrainingJobSummaries"}
    summary = model.shape_for("HyperParameterTrainingJobSummary")
    for one in output["TrainingJobSummaries"]:
        assert set(summary.required_members) <= set(one) <= set(summary.members)
    for name in ("TrainingJobStatusCounters", "ObjectiveStatusCounters", "ConsumedResources"):
        assert set(output[name]) <= set(
            model.shape_for(name if name != "ConsumedResources" else "HyperParameterTuningJobConsumedResources").members
        )


def test_the_same_seed_gives_the_same_trials_and_a_run_says_the_seed_it_drew(place: Place) -> None:
    first = place.run(tuning(place, integer=[number("x", 0, 1000)], jobs=3))
    seed = place.output(first, "Tune")["HyperParameterTuningJobConfig"]["RandomSeed"]
    assert any(f"RandomSeed {seed} draws them again" in note for note in place.watcher.notes)
    again = place.run(tuning(place, integer=[number("x", 0, 1000)], jobs=3, RandomSeed=seed))
    assert tuned(place, again) == tuned(place, first)
    other = place.run(tuning(place, integer=[number("x", 0, 1000)], jobs=3, RandomSeed=seed + 1))
    assert tuned(place, other) != tuned(place, first)


def test_bayesian_trials_one_after_the_other_are_the_same_again(place: Place) -> None:
    step = tuning(place, strategy="Bayesian", jobs=5, parallel=1, RandomSeed=3)
    assert tuned(place, place.run(step)) == tuned(place, place.run(step))


def test_a_grid_is_every_combination_with_its_texts_as_they_are(place: Place) -> None:
    script = SCRIPT + 'assert hp["kind"] in ("\\"a b\\"", "$x"), hp'
    categories = {"x": ["1", "3", "2.50"], "kind": ['"a b"', "$x"]}
    execution = place.run(tuning(place, script=script, strategy="Grid", jobs=None, categories=categories))
    assert execution.status == "Succeeded", execution.failure_reason
    tried = {(one["x"], one["kind"]) for one in tuned(place, execution)}
    assert tried == {(x, kind) for x in categories["x"] for kind in categories["kind"]}
    assert place.output(execution, "Tune")["BestTrainingJob"]["TunedHyperParameters"]["x"] == "3"


def test_what_a_training_job_is_told(place: Place) -> None:
    script = SCRIPT + 'open(ML + "/model/hp", "w").write(json.dumps(hp))'
    static = {"epochs": "3", "loss": '"log"'}
    execution = place.run(tuning(place, script=script, integer=[number("x", 2, 2)], static=static, jobs=1))
    best = place.output(execution, "Tune")["BestTrainingJob"]["TrainingJobName"]
    told = json.loads(place.archive(f"s3://bucket/models/{best}/output/model.tar.gz")["hp"])
    assert told == {"x": "2", "epochs": "3", "loss": '"log"', "_tuning_objective_metric": "score"}


def test_script_mode_gets_its_arguments_and_not_the_objective(place: Place) -> None:
    script = (
        "import sys, os; print('score=1'); print(sys.argv[1:]); print(sorted(k for k in os.environ if 'TUNING' in k))"
    )
    archive = place.put_archive("code/sourcedir.tar.gz", {"train.py": script})
    static = {"sagemaker_program": '"train.py"', "sagemaker_submit_directory": f'"{archive}"', "depth": "2"}
    step = tuning(place, script="", categories={"loss": ['"log"']}, static=static, jobs=1)
    execution = place.run(step)
    assert execution.status == "Succeeded", execution.failure_reason
    assert place.log(execution, "Tune").splitlines()[1:] == ["['--depth', '2', '--loss', 'log']", "[]"]


def test_limits_and_instances_from_parameters(place: Place) -> None:
    resources = {"InstanceType": get("Parameters.Type"), "InstanceCount": get("Parameters.Count"), "VolumeSizeInGB": 1}
    training = {"HyperParameterTuningResourceConfig": resources}
    step = tuning(place, jobs=get("Parameters.Jobs"), parallel=get("Parameters.Count"), training=training)
    del step["Arguments"]["TrainingJobDefinition"]["ResourceConfig"]
    execution = place.run(step, parameters={"Jobs": 3, "Count": 1, "Type": "ml.m5.xlarge"})
    assert len(tuned(place, execution)) == 3


def test_trials_run_side_by_side(place_with: Callable[..., Place], meeting: Callable[[int], Meeting]) -> None:
    place, door = place_with(max_parallel=2), meeting(2)
    threading.Thread(target=lambda: door.complete.wait() and door.release(), daemon=True).start()
    step = tuning(place, script="meet()" + SCRIPT, jobs=2, parallel=2, variables={"MEETING": door.port})
    assert place.run(step).status == "Succeeded"
    assert door.complete.is_set()


def test_no_more_trials_at_once_than_the_machine_takes(place_with: Callable[..., Place]) -> None:
    """Two tuning jobs, each of four trials that may all run at once, share two places."""
    place = place_with(max_parallel=2)
    execution = place.run(*(tuning(place, name, jobs=4, parallel=4) for name in ("TuneA", "TuneB")))
    assert execution.status == "Succeeded"
    assert "TuneA: 2 of 4 parallel trials run at once (local.max_parallel)" in place.watcher.notes
    trials = [trial for name in ("TuneA", "TuneB") for trial in place.output(execution, name)["TrainingJobSummaries"]]
    at_once = [
        sum(other["CreationTime"] <= trial["CreationTime"] < other["TrainingEndTime"] for other in trials)
        for trial in trials
    ]
    assert len(trials) == 8
    assert max(at_once) == 2


def test_a_trial_that_fails_or_says_nothing_does_not_fail_the_others(place: Place) -> None:
    script = 'hp = json.load(open(ML + "/input/config/hyperparameters.json"))\n'
    script += 'if hp["x"] == "1": print("score=0.9", flush=True), os.kill(os.getpid(), 9)\n'
    script += 'if hp["x"] == "2": sys.exit()\nprint("score=0.5")'
    execution = place.run(tuning(place, script=script, strategy="Grid", jobs=None, categories={"x": ["1", "2", "3"]}))
    output = place.output(execution, "Tune")
    assert execution.status == "Succeeded"
    assert output["BestTrainingJob"]["TunedHyperParameters"] == {"x": "3"}
    assert output["TrainingJobStatusCounters"]["NonRetryableError"] == 1
    assert output["ObjectiveStatusCounters"] == {"Succeeded": 1, "Pending": 0, "Failed": 2}
    reasons = [one.get("FailureReason", "") for one in output["TrainingJobSummaries"]]
    assert reasons == ["", KILLED.replace("killed", "score=0.9, killed"), "its log has no 'score'"]


def test_if_none_succeeds_the_step_fails_with_the_first_reason(place: Place) -> None:
    execution = place.run(tuning(place, script="sys.exit('no data')", jobs=3))
    reason = execution.steps["Tune"].failure_reason
    assert execution.status == "Failed"
    assert reason.startswith("All training jobs failed; the first, on ")
    assert reason.endswith("AlgorithmError: no data, exit code 1")
    assert place.output(execution, "Tune")["HyperParameterTuningJobStatus"] == "Failed"
    silent = place.run(tuning(place, script="pass", jobs=2)).steps["Tune"].failure_reason
    assert silent.startswith("No training job has an objective; the first, on ")


def test_several_definitions_compete(place: Place) -> None:
    step = tuning(place, jobs=4, parallel=1)
    own = step["Arguments"].pop("TrainingJobDefinition")
    config = step["Arguments"]["HyperParameterTuningJobConfig"]
    objective, ranges = config.pop("HyperParameterTuningJobObjective"), config.pop("ParameterRanges")
    near = {"ContinuousParameterRanges": [number("x", 2.9, 3.1)]}
    step["Arguments"]["TrainingJobDefinitions"] = [
        {**own, "DefinitionName": name, "TuningObjective": objective, "HyperParameterRanges": given}
        for name, given in (("far", {"ContinuousParameterRanges": [number("x", 6, 7)]}), ("near", near))
    ]
    assert ranges
    output = place.output(place.run(step), "Tune")
    names = [one["TrainingJobDefinitionName"] for one in output["TrainingJobSummaries"]]
    assert names == ["near", "near", "far", "far"]


# ---- early endings ----

# Says a score three times; a bad one then waits for good.
EPOCHS = """
hp = json.load(open(ML + "/input/config/hyperparameters.json"))
for epoch in range(int(hp.get("epochs", "3"))):
    print("score=%s" % hp["x"], flush=True)
open(ML + "/model/x", "w").write(hp["x"])
if float(hp["x"]) < 0:
    meet()
"""


def test_the_median_rule_stops_a_bad_trial(place: Place, meeting: Callable[[int], Meeting]) -> None:
    door = meeting(1)
    categories = {"x": ["5", "6", "7", "-1", "8"]}
    variables = {"MEETING": door.port}
    step = tuning(
        place, script=EPOCHS, strategy="Grid", jobs=None, parallel=1, categories=categories, early="Auto",
        variables=variables,
    )  # fmt: skip
    execution = place.run(step)
    output = place.output(execution, "Tune")
    assert execution.status == "Succeeded"
    stopped = output["TrainingJobSummaries"][-1]
    assert (stopped["TrainingJobStatus"], stopped["TunedHyperParameters"]) == ("Stopped", {"x": "-1"})
    assert stopped["ObjectiveStatus"] == "Succeeded"
    assert output["TrainingJobStatusCounters"] == {
        "Completed": 4, "InProgress": 0, "RetryableError": 0, "NonRetryableError": 0, "Stopped": 1,
    }  # fmt: skip
    assert any("trial 4 of 5 stopped early" in note for note in place.watcher.notes)
    assert place.archive(f"s3://bucket/models/{stopped['TrainingJobName']}/output/model.tar.gz") == {"x": b"-1"}


def test_hyperband_stops_what_goes_on_past_its_resources(place: Place, meeting: Callable[[int], Meeting]) -> None:
    door = meeting(1)
    script = EPOCHS.replace('if float(hp["x"]) < 0:', "if True:")
    step = tuning(
        place, script=script, strategy="Hyperband", jobs=3, parallel=1, static={"epochs": "5"},
        variables={"MEETING": door.port},
        StrategyConfig={"HyperbandStrategyConfig": {"MinResource": 1, "MaxResource": 4}},
    )  # fmt: skip
    execution = place.run(step)
    assert execution.status == "Succeeded", execution.failure_reason
    assert place.output(execution, "Tune")["TrainingJobStatusCounters"]["Stopped"] == 3


def test_a_target_ends_the_tuning_job(place: Place) -> None:
    criteria = {"TuningJobCompletionCriteria": {"TargetObjectiveMetricValue": -0.5}}
    categories = {"x": ["9", "3", "8", "7"]}
    execution = place.run(tuning(place, strategy="Grid", jobs=None, parallel=1, categories=categories, **criteria))
    assert [one["x"] for one in tuned(place, execution)] == ["9", "3"]
    assert "Tune: the objective -0 reaches its target -0.5" in place.watcher.notes


def test_trials_that_do_not_improve_end_the_tuning_job(place: Place) -> None:
    criteria = {"BestObjectiveNotImproving": {"MaxNumberOfTrainingJobsNotImproving": 3}}
    categories = {"x": ["5", "4", "6", "7", "8", "3"]}
    step = tuning(
        place, strategy="Grid", jobs=None, parallel=1, categories=categories, TuningJobCompletionCriteria=criteria
    )
    output = place.output(place.run(step), "Tune")
    assert len(output["TrainingJobSummaries"]) == 5
    assert output["TuningJobCompletionDetails"]["NumberOfTrainingJobsObjectiveNotImproving"] == 3


def test_its_time_ends_the_tuning_job_and_what_runs(place: Place, meeting: Callable[[int], Meeting]) -> None:
    door = meeting(1)
    script = SCRIPT + "if x > 5: meet()"
    step = tuning(
        place, script=script, strategy="Grid", jobs=None, parallel=1, categories={"x": ["3", "9", "4"]},
        variables={"MEETING": door.port}, ResourceLimits={"MaxRuntimeInSeconds": 3},
    )  # fmt: skip
    execution = place.run(step)
    assert execution.status == "Succeeded"
    assert [one["x"] for one in tuned(place, execution)] == ["3", "9"]
    assert any("it has run for its MaxRuntimeInSeconds" in note for note in place.watcher.notes)


# ---- stopping ----

PROGRAM = """
import sys
sys.path[:0] = {path}
from pathlib import Path
from engines.place import Place
from engines.test_tuning_run import SCRIPT, tuning
place = Place(Path({folder!r}), sandbox={sandbox!r})
step = tuning(place, script="meet()" + SCRIPT, jobs=4, parallel=2, variables={{"MEETING": {port!r}}})
print(place.run(step).steps["Tune"].status)
"""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_stopping_a_run_ends_all_trials(place: Place, meeting: Callable[[int], Meeting], how: signal.Signals) -> None:
    door = meeting(2)
    path = [str(ROOT), str(ROOT / "tests")]
    program = PROGRAM.format(path=path, folder=str(place.folder), sandbox=place.settings.sandbox, port=door.port)
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert door.complete.wait(30)
    process.send_signal(how)
    assert process.communicate(timeout=30)[0] == ("Stopped\n" if how == signal.SIGINT else "")
    for guest in door.guests:
        guest.settimeout(20)
        assert guest.recv(1) == b""  # the kernel says so when the last process that held it has gone
    execution = place.engine.describe()
    assert execution.steps["Tune"].status == ("Stopped" if how == signal.SIGINT else "Failed")
    assert len(place.engine.logs(execution.steps["Tune"])) == 2
    assert list((place.folder / ".dagwright" / "jobs").iterdir()) == []
    if how == signal.SIGINT:
        output = place.output(execution, "Tune")
        assert output["HyperParameterTuningJobStatus"] == "Stopped"
        assert {trial["TrainingJobStatus"] for trial in output["TrainingJobSummaries"]} == {"Stopped"}


# ---- warm start ----


def test_a_warm_start_knows_the_best_of_its_parents(place: Place) -> None:
    parent = place.run(tuning(place, integer=[number("x", 0, 10)], jobs=6, RandomSeed=1)).steps["Tune"].job
    warm = {
        "ParentHyperParameterTuningJobs": [{"HyperParameterTuningJobName": parent}],
        "WarmStartType": "IdenticalDataAndAlgorithm",
    }
    step = tuning(place, continuous=[number("x", 8, 10)], strategy="Bayesian", jobs=1)
    step["Arguments"]["WarmStartConfig"] = warm
    output = place.output(place.run(step), "Tune")
    assert output["OverallBestTrainingJob"]["TrainingJobName"].startswith(parent)
    assert not output["BestTrainingJob"]["TrainingJobName"].startswith(parent)
    warm["ParentHyperParameterTuningJobs"] = [{"HyperParameterTuningJobName": "elsewhere"}]
    assert place.run(step).status == "Succeeded"
    assert "Tune: it starts without its parent elsewhere, which has not run here" in place.watcher.notes


# ---- before the run ----


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"continuous": [number("x", 5, 1)]}, "The range of 'x' goes from 5 down to 1"),
        ({"continuous": [number("x", 0, 1, "Logarithmic")]}, "only values above 0 can be"),
        ({"continuous": [number("x", 0.5, 1, "ReverseLogarithmic")]}, "from 0 to below 1"),
        ({"integer": [number("x", "1.5", 3)]}, "MinValue of 'x' must be a whole number, it is '1.5'"),
        ({"static": {"x": "1"}}, "'x' has a range and is one of StaticHyperParameters"),
        ({"strategy": "Guess"}, "Strategy must be Bayesian or Random or Hyperband or Grid"),
        ({"strategy": "Grid"}, "Grid takes categorical ranges only"),
        (
            {"strategy": "Grid", "jobs": 9, "categories": {"x": ["1", "2"]}},
            "has 2 points, and MaxNumberOfTrainingJobs is 9",
        ),
        ({"strategy": "Hyperband"}, "Hyperband needs StrategyConfig.HyperbandStrategyConfig.MaxResource"),
        ({"strategy": "Hyperband", "static": {"epochs": "9"}, "early": "Auto"}, "must be Off for Hyperband"),
        ({"jobs": None}, "it would never end"),
        (
            {"training": {"AlgorithmSpecification": {"MetricDefinitions": []}}},
            "No MetricDefinitions find its objective",
        ),
    ],
)
def test_what_cannot_be_is_said_before_anything_starts(place: Place, changed: dict[str, Any], said: str) -> None:
    with pytest.raises(DefinitionError, match=re.escape(said)):
        place.run(tuning(place, **changed))
    assert place.engine.history() == []


def test_data_that_is_missing_is_said_before_anything_starts(place: Place) -> None:
    step = tuning(place)
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://bucket/nothing"}}
    step["Arguments"]["TrainingJobDefinition"]["InputDataConfig"].append({"ChannelName": "more", "DataSource": source})
    with pytest.raises(DefinitionError, match="its input 'more' is not there: s3://bucket/nothing"):
        place.run(step)


def test_a_missing_optimiser_is_said_before_anything_starts(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dagwright.engines.local.tuning.OPTIMISER", "no_such_library")
    with pytest.raises(DefinitionError, match=r"dagwright\[tuning\].*Random"):
        place.run(tuning(place, strategy="Bayesian"))
    assert place.run(tuning(place, jobs=1)).status == "Succeeded"


# ---- after it ----


def after(place: Place, top: int = 0) -> dict[str, Any]:
    """A step that reads a trial's model where the SDK says it is."""
    job = get(f"Steps.Tune.TrainingJobSummaries[{top}].TrainingJobName")
    model = join("s3:/", "bucket", "models", job, "output/model.tar.gz", on="/")
    variables = {"BEST": get("Steps.Tune.BestTrainingJob.TrainingJobName")}
    script = "import tarfile; t = tarfile.open(ML + '/processing/model/model.tar.gz')\n"
    script += "write('x', t.extractfile('x').read().decode() + ' ' + os.environ['BEST'])"
    return place.writing("After", script, inputs={"model": model}, variables=variables)


@pytest.mark.parametrize("top", [0, 1])
def test_a_step_reads_the_best_models(place: Place, top: int) -> None:
    execution = place.run(tuning(place, RandomSeed=7), after(place, top))
    assert execution.status == "Succeeded", execution.failure_reason
    chosen = place.output(execution, "Tune")["TrainingJobSummaries"]
    read = place.text("After/x")
    assert read == f"{chosen[top]['TunedHyperParameters']['x']} {chosen[0]['TrainingJobName']}"


@pytest.mark.parametrize("objective", ["Maximize", "Minimize"])
def test_the_state_machine_finds_the_same_best(place: Place, objective: str) -> None:
    step = tuning(place, RandomSeed=7, objective=objective)
    place.run(step, after(place))
    here = place.text("After/x").split()[0]
    place.engine = LocalMachineEngine(place.folder, Account(), place.settings)
    execution = place.run(step, after(place))
    assert execution.status == "Succeeded", execution.failure_reason
    assert place.text("After/x").split() == [
        here,
        place.output(execution, "Tune")["BestTrainingJob"]["TrainingJobName"],
    ]
    assert len(execution.steps["Tune"].job) <= 32
