"""The compiler as a whole: what a machine looks like, and what it does when it is executed."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from dagwright.definition.graph import read_definition
from dagwright.engines.stepfunctions.compiler.machine import Machine, compile_machine
from dagwright.engines.stepfunctions.compiler.settings import MachineSettings
from dagwright.engines.stepfunctions.interpreter.running import Call, Ended, MachineStart, TaskFailure, run_machine
from dagwright.errors import DefinitionError

SETTINGS = MachineSettings("acme-churn-training", job_prefix="acme-churn", role="arn:aws:iam::111122223333:role/jobs")
STARTED = "2026-11-21T17:09:59.123Z"
CORPUS = Path(__file__).parents[5] / "shared" / "corpus" / "definitions"


def job(name: str, *after: str, **more: Any) -> dict[str, Any]:
    output = {"OutputName": "out", "S3Output": {"S3Uri": f"s3://bucket/{name}", "LocalPath": "/opt/ml/processing/out"}}
    report = {"PropertyFileName": "Report", "OutputName": "out", "FilePath": "report.json"}
    arguments = {"ProcessingOutputConfig": {"Outputs": [output]}, **more.pop("Arguments", {})}
    step = {"Name": name, "Type": "Processing", "Arguments": arguments, "PropertyFiles": [report], **more}
    return {**step, "DependsOn": [*after]} if after else step


def fail(name: str, message: Any, **more: Any) -> dict[str, Any]:
    return {"Name": name, "Type": "Fail", "Arguments": {"ErrorMessage": message}, **more}


def condition(name: str, left: Any, right: Any, yes: Any = (), no: Any = ()) -> dict[str, Any]:
    conditions = [{"Type": "Equals", "LeftValue": left, "RightValue": right}]
    return {
        "Name": name,
        "Type": "Condition",
        "Arguments": {"Conditions": conditions, "IfSteps": [*yes], "ElseSteps": [*no]},
    }


def from_file(step: str, path: str) -> dict[str, Any]:
    return {"Std:JsonGet": {"PropertyFile": {"Get": f"Steps.{step}.PropertyFiles.Report"}, "Path": path}}


def definition(*steps: dict[str, Any], parameters: Any = ()) -> dict[str, Any]:
    return {"Version": "2020-12-01", "Parameters": [*parameters], "Steps": [*steps]}


def compiled(*steps: dict[str, Any], settings: MachineSettings = SETTINGS, parameters: Any = ()) -> Machine:
    return compile_machine(read_definition(definition(*steps, parameters=parameters)), settings)


def executed(machine: Machine, answer: Callable[[Call], Any], given: Mapping[str, Any] | None = None) -> Ended:
    start = MachineStart("run-1", "arn:execution", SETTINGS.arn, given or {}, STARTED)
    return run_machine(machine.definition, start, answer, sleep=lambda seconds: None)


def answered(call: Call) -> Any:
    return {"ProcessingJobArn": f"arn:{call.state}"}


def shape(states: Mapping[str, Any]) -> dict[str, Any]:
    """Where control goes: for each state the next, the targets of a Choice, or the branches of a Parallel."""
    found: dict[str, Any] = {}
    for name, state in states.items():
        targets = [rule["Next"] for rule in state.get("Choices", ())]
        branches = [shape(branch["States"]) for branch in state.get("Branches", ())]
        on = state.get("Next") or state.get("Default")
        found[name] = [*branches, on] if branches else [*targets, on] if targets else on
    return found


# ---- what it looks like ----


def test_a_row_of_steps_is_a_row_of_states() -> None:
    states = compiled(job("A"), job("B", "A")).definition["States"]
    assert shape(states) == {
        "Read parameters": "Merge parameters",
        "Merge parameters": "A",
        "A": "B",
        "B": "Pipeline succeeded",
        "Pipeline failed": None,
        "Pipeline succeeded": None,
    }


def test_a_diamond_waits_for_both_sides_and_no_longer() -> None:
    states = compiled(job("A"), job("B", "A"), job("C", "A"), job("D", "B", "C")).definition["States"]
    assert shape(states)["B + C"] == [
        {"B": "end of B", "end of B": None, "end of B (failed)": None},
        {"C": "end of C", "end of C": None, "end of C (failed)": None},
        "B + C joined",
    ]
    assert shape(states)["B + C joined"] == ["Pipeline failed", "D"]


def test_a_condition_leads_into_its_branches_which_are_never_side_by_side() -> None:
    outcome = condition("C", {"Get": "Parameters.Way"}, "left", [job("L"), job("M", "L")], [fail("Stop", "no")])
    machine = compiled(outcome, parameters=[{"Name": "Way", "Type": "String", "DefaultValue": "left"}])
    flow = shape(machine.definition["States"])
    assert flow["C"] == ["L", "Stop"]
    assert (flow["L"], flow["M"]) == ("M", "Pipeline succeeded")
    assert not [state for state in machine.definition["States"].values() if state["Type"] == "Parallel"]


def test_what_does_not_wait_for_a_condition_runs_beside_its_branches() -> None:
    steps = (job("A"), condition("C", {"Get": "Steps.A.ProcessingJobArn"}, "x", [job("L")]), job("Other", "A"))
    states = compiled(*steps).definition["States"]
    left, right = states["C + Other"]["Branches"]
    assert shape(left["States"])["C"] == ["L", "end of C"]
    assert list(right["States"]) == ["Other", "end of Other", "end of Other (failed)"]


def test_an_order_that_does_not_nest_gets_a_barrier_and_says_so() -> None:
    machine = compiled(job("A"), job("B"), job("C", "A"), job("D", "A", "B"))
    (loss,) = [loss for loss in machine.losses if loss.code == "added-waiting"]
    assert "1.00 times as long" in loss.what
    assert not [loss for loss in compiled(job("A"), job("B", "A")).losses if loss.code == "added-waiting"]


def test_expected_durations_decide_where_the_barrier_stands() -> None:
    steps = (job("A"), job("B"), job("C", "A"), job("D", "A", "B"))
    long_c = compiled(*steps, settings=MachineSettings("m", role="r", durations={"A": 1, "B": 1, "C": 9, "D": 1}))
    long_b = compiled(*steps, settings=MachineSettings("m", role="r", durations={"A": 1, "B": 9, "C": 1, "D": 1}))
    assert list(long_c.definition["States"]) != list(long_b.definition["States"])


def test_jobs_are_named_after_project_step_start_and_chance() -> None:
    names = []
    executed(compiled(job("Train-it")), lambda call: names.append(call.parameters["ProcessingJobName"]) or {})
    assert len(names[0]) <= 63
    assert names[0].startswith("acme-churn-train-it-20261121170959-")


def test_the_same_graph_gives_the_same_text_and_other_settings_another_comment() -> None:
    steps = (job("A"), job("B", "A"))
    assert compiled(*steps).text == compiled(*steps).text
    commit = MachineSettings("m", role="r", commit="0123abc", source="s3://bucket/d.json")
    comment = compiled(*steps, settings=commit).definition["Comment"]
    assert "commit 0123abc" in comment
    assert comment.endswith("s3://bucket/d.json")


def test_variables_hold_only_what_is_read_later() -> None:
    reader = {"AppSpecification": {"ContainerArguments": [{"Get": "Steps.A.ProcessingJobArn"}]}}
    states = compiled(job("A"), job("B", "A", Arguments=reader), job("C", "B")).definition["States"]
    assert states["A"]["Assign"] == {"A_ProcessingJobArn.$": "$.ProcessingJobArn"}
    assert "Assign" not in states["B"]
    assert states["A"]["ResultPath"] is None


# ---- what it refuses ----


@pytest.mark.parametrize("name", ["with blank", "a: b", "x" * 65, "é"])
def test_a_step_must_have_a_name_that_states_can_be_told_by(name: str) -> None:
    with pytest.raises(DefinitionError) as refused:
        compiled(job(name))
    assert [problem.code for problem in refused.value.problems] == ["bad-name"]


def test_a_machine_that_is_too_large_is_refused() -> None:
    with pytest.raises(DefinitionError, match="Step Functions takes 1048576"):
        compiled(*(job(f"S{number}") for number in range(1500)))


def test_a_role_has_to_be_known() -> None:
    with pytest.raises(DefinitionError, match="Role"):
        compiled(job("A"), settings=MachineSettings("m"))


@pytest.mark.parametrize("message", [["a", {"Get": "Parameters.X"}], {"a": 1}, None])
def test_a_message_has_to_be_a_single_value(message: Any) -> None:
    with pytest.raises(DefinitionError) as refused:
        compiled(fail("Stop", message), parameters=[{"Name": "X", "Type": "String", "DefaultValue": "x"}])
    (problem,) = refused.value.problems
    assert (problem.step, problem.field) == ("Stop", "Arguments.ErrorMessage")


@pytest.mark.parametrize(
    "end", [{"MaxAttempts": 10**9}, {"MaxAttempts": float("inf")}, {"MaxAttempts": 0.5}, {"ExpireAfterMin": 10**9}]
)
def test_a_policy_beyond_what_the_service_takes_is_refused(end: dict[str, Any]) -> None:
    unclear = {"ExceptionType": ["SageMaker.CAPACITY_ERROR"], "IntervalSeconds": 1, "BackoffRate": 2.0, **end}
    with pytest.raises(DefinitionError) as refused:
        compiled(job("A", RetryPolicies=[unclear]))
    assert [problem.field for problem in refused.value.problems] == ["RetryPolicies[0]"]


def test_steps_nested_beyond_reason_are_refused() -> None:
    rows = [job("a0")]
    for number in range(1, 130):
        rows += [job(f"a{number}", f"a{number - 1}"), job(f"b{number}", f"a{number - 1}")]
    with pytest.raises(DefinitionError, match="nested"):
        compiled(*rows)


def test_what_the_language_cannot_say_names_the_step() -> None:
    odd = {"Environment": {"A": [{"Get": "Parameters.X"}, {"a": 1}]}}
    parameters = [{"Name": "X", "Type": "String", "DefaultValue": "x"}]
    with pytest.raises(DefinitionError) as refused:
        compiled(job("A", Arguments=odd), job("B", Arguments=odd), parameters=parameters)
    assert [problem.step for problem in refused.value.problems] == ["A", "B"]


# ---- what it does ----


def test_a_failure_ends_the_machine_with_the_step_and_its_reason() -> None:
    def answer(call: Call) -> Any:
        raise TaskFailure("States.TaskFailed", '{"FailureReason":"AlgorithmError: boom"}')

    ended = executed(compiled(job("A"), job("B", "A")), answer)
    assert (ended.status, ended.error, ended.cause) == ("FAILED", "A", '{"FailureReason":"AlgorithmError: boom"}')


def test_what_runs_beside_a_failure_ends_and_what_follows_both_does_not_begin() -> None:
    called: list[str] = []

    def answer(call: Call) -> Any:
        called.append(call.state)
        if call.state == "B":
            raise TaskFailure("States.TaskFailed", "{}")
        return {}

    steps = (job("A"), job("B", "A"), job("C", "A"), job("D", "C"), job("E", "B", "D"))
    ended = executed(compiled(*steps), answer)
    assert sorted(called) == ["A", "B", "C", "D"]
    assert (ended.status, ended.error) == ("FAILED", "B")


def policy(*kinds: str, attempts: int = 3, **more: Any) -> dict[str, Any]:
    return {"ExceptionType": [*kinds], "IntervalSeconds": 10, "BackoffRate": 2.0, "MaxAttempts": attempts, **more}


@pytest.mark.parametrize(
    ("reasons", "attempts", "waits", "status"),
    [
        ([], 1, [], "SUCCEEDED"),
        (["CapacityError: none left"], 2, [10], "SUCCEEDED"),
        (["CapacityError: none left"] * 3, 4, [10, 20, 40], "SUCCEEDED"),
        (["CapacityError: none left"] * 4, 4, [10, 20, 40], "FAILED"),
        (["AlgorithmError: CapacityError"], 1, [], "FAILED"),
        (["InternalServerError: sorry"], 2, [10], "SUCCEEDED"),
        (["InternalServerError: sorry", "CapacityError: none left"], 3, [10, 10], "SUCCEEDED"),
        (["ClientError: no such bucket"], 1, [], "FAILED"),
    ],
)
def test_a_job_is_started_again_for_what_its_policies_name(
    reasons: list[str], attempts: int, waits: list[float], status: str
) -> None:
    names: list[str] = []
    waited: list[float] = []

    def answer(call: Call) -> Any:
        names.append(call.parameters["ProcessingJobName"])
        if len(names) <= len(reasons):
            cause = {"ProcessingJobName": names[-1], "FailureReason": reasons[len(names) - 1]}
            raise TaskFailure("States.TaskFailed", json.dumps(cause, separators=(",", ":")))
        return {}

    policies = [policy("SageMaker.CAPACITY_ERROR"), policy("SageMaker.JOB_INTERNAL_ERROR", attempts=1)]
    machine = compiled(job("A", RetryPolicies=policies), job("B", "A"))
    start = MachineStart("run-1", "arn:execution", SETTINGS.arn, {}, STARTED)
    ended = run_machine(machine.definition, start, answer, sleep=waited.append)
    assert ended.status == status
    assert len(names) == attempts + (status == "SUCCEEDED")
    assert len(set(names)) == len(names)
    assert waited == waits


def test_the_counters_of_a_loop_are_nobody_else_s() -> None:
    reader = {"Environment": {"A": {"Get": "Parameters.A_wait"}, "B": {"Get": "Parameters.A_1"}}}
    parameters = [{"Name": name, "Type": "String", "DefaultValue": "mine"} for name in ("A_wait", "A_1", "A_0")]
    machine = compiled(
        job("A", RetryPolicies=[policy("SageMaker.CAPACITY_ERROR"), policy("SageMaker.JOB_INTERNAL_ERROR")]),
        job("B", "A", Arguments=reader),
        parameters=parameters,
    )
    calls: list[Call] = []

    def answer(call: Call) -> Any:
        calls.append(call)
        if len(calls) == 1:
            raise TaskFailure("States.TaskFailed", '{"FailureReason":"CapacityError: no"}')
        return {}

    assert executed(machine, answer).status == "SUCCEEDED"
    assert calls[-1].parameters["Environment"] == {"A": "mine", "B": "mine"}


@pytest.mark.parametrize(
    ("answer", "kind", "status"),
    [
        ({"out": 1.5}, "Float", "SUCCEEDED"),
        ({"out": "1.5"}, "Float", "FAILED"),
        ({"out": True}, "Boolean", "SUCCEEDED"),
        ({"out": 1}, "Boolean", "FAILED"),
        ({"out": [1]}, "String", "FAILED"),
        ({"out": None}, "String", "FAILED"),
        ({}, "String", "FAILED"),
    ],
)
def test_what_a_function_returns_is_checked_before_others_read_it(answer: Any, kind: str, status: str) -> None:
    function = {
        "Name": "F",
        "Type": "Lambda",
        "FunctionArn": "arn:aws:lambda:us-east-1:111122223333:function:f",
        "Arguments": {},
        "OutputParameters": [{"OutputName": "out", "OutputType": kind}],
    }
    reader = {"Environment": {"A": {"Get": "Steps.F.OutputParameters['out']"}}}
    machine = compiled(function, job("B", Arguments=reader))
    ended = executed(machine, lambda call: {"Payload": answer} if call.state == "F" else {})
    assert ended.status == status
    assert ended.error == ("F" if status == "FAILED" else "")


def test_a_metric_that_no_job_reported_fails_whoever_reads_it() -> None:
    train = {"Name": "Train", "Type": "Training", "Arguments": {}}
    reader = {"Environment": {"A": {"Get": "Steps.Train.FinalMetricDataList['auc'].Value"}}}
    machine = compiled(train, job("B", Arguments=reader))
    for metrics, status in ([{"MetricName": "auc", "Value": 0.5}], "SUCCEEDED"), ([], "FAILED"), (None, "FAILED"):
        result = {} if metrics is None else {"FinalMetricDataList": metrics}
        ended = executed(machine, lambda call, result=result: result if call.state == "Train" else {})
        assert (ended.status, ended.error) == (status, "B" if status == "FAILED" else "")


def test_throttling_is_retried_without_a_policy_and_an_algorithm_error_is_not() -> None:
    errors = [
        error for entry in compiled(job("A")).definition["States"]["A"]["Retry"] for error in entry["ErrorEquals"]
    ]
    assert "SageMaker.AmazonSageMakerException" in errors
    assert not {"States.ALL", "States.TaskFailed", "States.Timeout"} & set(errors)


def test_a_value_that_is_not_in_its_file_fails_the_step_and_says_which() -> None:
    def answer(call: Call) -> Any:
        return {"Body": '{"auc": null}'} if call.resource.endswith("s3:getObject") else {}

    reader = {"AppSpecification": {"ContainerArguments": [from_file("A", "auc")]}}
    ended = executed(compiled(job("A"), job("B", "A", Arguments=reader)), answer)
    assert (ended.status, ended.error) == ("FAILED", "B")
    assert ended.cause == "a single value is not where it should be: auc in report.json"


def test_the_message_of_a_fail_step_is_the_cause_also_beside_other_steps() -> None:
    message = {"Std:Join": {"On": " ", "Values": ["it's {odd}:", {"Get": "Parameters.Why"}]}}
    parameters = [{"Name": "Why", "Type": "String", "DefaultValue": "because"}]
    alone = executed(compiled(condition("C", 1, 1, [fail("Stop", message)]), parameters=parameters), answered)
    assert (alone.error, alone.cause) == ("Stop", "it's {odd}: because")
    steps = (condition("C", {"Get": "Parameters.Why"}, "because", [fail("Stop", message)]), job("Beside"))
    machine = compiled(*steps, parameters=parameters)
    beside = executed(machine, answered)
    assert (beside.error, beside.cause) == ("Stop", "it's {odd}: because")
    assert "fail-step" in [loss.code for loss in machine.losses]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "the parameter 'Rate' has no value"),
        ({"Rate": "fast"}, "'Rate' has to be a number"),
        ({"Rate": 1, "Way": "up"}, "'Way' has to be one of: left, right"),
    ],
)
def test_start_values_are_checked_before_anything_runs(given: dict[str, Any], said: str) -> None:
    parameters = [
        {"Name": "Rate", "Type": "Float"},
        {"Name": "Way", "Type": "String", "DefaultValue": "left", "EnumValues": ["left", "right"]},
    ]
    called: list[Call] = []
    ended = executed(compiled(job("A"), parameters=parameters), called.append, given)
    assert (ended.status, ended.error, called) == ("FAILED", "Parameters", [])
    assert said in ended.cause


# ---- going on with what another execution has begun ----


def test_steps_that_are_done_do_not_run_again_and_their_results_stand_in_the_others() -> None:
    reader = {"AppSpecification": {"ContainerArguments": [{"Get": "Steps.A.ProcessingJobArn"}]}}
    known = {"A": {"ProcessingJobArn": "arn:of-old"}, "C": {"Outcome": True}}
    steps = (
        job("A"),
        condition("C", {"Get": "Steps.A.ProcessingJobArn"}, "x", [job("B", Arguments=reader)], [job("No")]),
    )
    rest = MachineSettings("m", role="r", known=known, execution={"PipelineExecutionId": "run-0"})
    machine = compiled(*steps, settings=rest)
    called: list[Call] = []
    assert executed(machine, called.append).status == "SUCCEEDED"
    assert [call.state for call in called] == ["B"]
    assert called[0].parameters["AppSpecification"] == {"ContainerArguments": ["arn:of-old"]}


def test_a_condition_whose_outcome_is_lost_cannot_be_gone_on_from() -> None:
    with pytest.raises(DefinitionError) as refused:
        compiled(condition("C", 1, 2), settings=MachineSettings("m", role="r", known={"C": {}, "gone": {}}))
    assert [problem.code for problem in refused.value.problems] == ["missing-result"]


def test_only_what_is_chosen_is_in_the_machine() -> None:
    """A condition that is not chosen has taken the branch of those that are, whatever led to it."""
    steps = (job("A"), condition("C", {"Get": "Steps.A.ProcessingJobArn"}, "x", [job("B"), job("D", "B")], [job("No")]))
    part = MachineSettings("m", role="r", known={"C": {"Outcome": True}}, chosen=["B", "No"])
    machine = compiled(*steps, job("E", "D"), settings=part)
    assert [state for state in machine.definition["States"] if " " not in state] == ["B"]
    called: list[Call] = []
    assert executed(machine, called.append).status == "SUCCEEDED"
    assert [call.state for call in called] == ["B"]


def test_what_a_chosen_step_needs_has_to_be_known() -> None:
    with pytest.raises(DefinitionError) as refused:
        compiled(job("A"), job("B", "A"), settings=MachineSettings("m", role="r", chosen=["B"]))
    assert [(problem.code, problem.step) for problem in refused.value.problems] == [("missing-result", "A")]


# ---- what other people wrote ----


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the definitions of others are not here")
def test_every_definition_of_others_compiles_or_is_refused_for_a_reason(capsys: pytest.CaptureFixture[str]) -> None:
    refused: dict[str, set[str]] = {}
    unhelpful: list[Path] = []
    paths = sorted(CORPUS.glob("*.json"))
    for path in paths:
        try:
            machine = compile_machine(read_definition(path.read_text(encoding="utf-8")), SETTINGS)
        except DefinitionError as error:
            refused[path.stem] = {problem.step for problem in error.problems}
            unhelpful += [path for problem in error.problems if not problem.hint]
        else:
            found = json.loads(machine.text)
            assert found["StartAt"] in found["States"]
    assert not unhelpful
    assert refused == {
        "drift-detection-batch": {"ModelMonitor"},
        "ex-emr-step-using-step-decorator": {"HeartFailureEMR"},
        "mammography-inference": {"MonitorCustomerChurnDataQuality-monitoring"},
        "n-models-cdk-train-deploy": {
            "DataQualityCheck",
            "DataBiasCheckStep",
            "ModelQualityCheckStep",
            "ModelBiasCheckStep",
            "ModelExplainabilityCheckStep",
        },
        "v3-eval-customscorer": {"CreateEvaluationAction", "AssociateLineage"},
        "v3-eval-llmaj": {"CreateEvaluationAction", "AssociateLineage"},
    }
    with capsys.disabled():
        print(
            f"\n{len(paths) - len(refused)} of {len(paths)} definitions of others compile, {len(refused)} are refused"
        )
