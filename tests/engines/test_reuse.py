"""What need not run again: executions that go on, and parts of a pipeline that run on another's results."""

from __future__ import annotations

import shutil
from typing import Any

import pytest
from engines.place import Place, condition, definition, equals, fail, get, join

from dagwright.definition.graph import read_definition
from dagwright.engines.engine import Start
from dagwright.engines.execution import Execution, Nobody
from dagwright.errors import ExecutionError, UsageError

MAY = "flag = open(ML + '/processing/flag/go').read()\nwrite('made', flag)\nsys.exit(0 if flag == 'yes' else 'not yet')"
STATES = {"First": "Succeeded", "Second": "Succeeded", "Third": "Succeeded"}


def chain(place: Place, flag: str = "yes", first: str = "write('a', 'first')") -> list[dict[str, Any]]:
    """First, then Second, which does what the flag allows, then Third, which reads what the others wrote."""
    source = place.put("flag/go", flag)
    return [
        place.writing("First", first),
        place.writing("Second", MAY, inputs={"flag": source}, depends_on=["First"]),
        place.writing(
            "Third",
            "write('b', open(ML + '/processing/in/a').read() + open(ML + '/processing/also/made').read())",
            inputs={"in": "s3://bucket/First", "also": "s3://bucket/Second"},
            depends_on=["Second"],
        ),
    ]


def states(execution: Execution) -> dict[str, str]:
    return {step.name: step.status for step in execution.steps.values()}


def jobs(place: Place, step: str) -> int:
    """How many jobs of a step there have been, by the logs they left."""
    return sum(f"-{step}-" in folder.name for folder in (place.folder / ".dagwright/logs").iterdir())


# ---- resume ----


def test_only_what_did_not_finish_runs_again_under_the_same_id(place: Place) -> None:
    failed = place.run(*chain(place, "no"))
    assert states(failed) == {"First": "Succeeded", "Second": "Failed"}
    place.put("flag/go", "yes")
    execution = place.resume(failed)
    assert (execution.id, execution.status, states(execution)) == (failed.id, "Succeeded", STATES)
    assert "1 of 3 steps need not run again: First" in place.watcher.notes
    assert [jobs(place, name) for name in STATES] == [1, 2, 1]
    assert place.text("Third/b") == "firstyes"
    read = place.engine.describe(failed.id)
    assert (read.status, read.failure_reason, states(read)) == ("Succeeded", "", STATES)
    assert read.steps["Second"].attempts == 2
    assert [row["status"] for row in place.engine.home.database.rows("attempts", step="Second")] == [
        "Failed",
        "Succeeded",
    ]


def test_what_was_chosen_before_is_not_asked_again(place: Place) -> None:
    question = condition(
        "Ask", equals("a", "a"), then=[place.writing("Then", MAY, inputs={"flag": "s3://bucket/flag"})]
    )
    question["Arguments"]["ElseSteps"] = [place.writing("Otherwise", "write('x', '')")]
    place.put("flag/go", "no")
    failed = place.run(question)
    place.put("flag/go", "yes")
    execution = place.resume(failed)
    assert states(execution) == {"Ask": "Succeeded", "Then": "Succeeded"}
    assert place.watcher.left_out == ["Otherwise"]


def test_execution_variables_and_parameters_stay_as_they_were(place: Place) -> None:
    def steps() -> list[dict[str, Any]]:
        target = join("s3://bucket/of", get("Execution.PipelineExecutionId"), get("Parameters.Word"), on="/")
        writer = place.processing("Writer", "write('x', 'y')", outputs={"out": target})
        reader = place.processing(
            "Reader", MAY, inputs={"in": target, "flag": "s3://bucket/flag"}, depends_on=["Writer"]
        )
        return [writer, reader]

    place.put("flag/go", "no")
    failed = place.run(*steps(), parameters={"Word": "default"}, Word="given")
    place.put("flag/go", "yes")
    execution = place.resume(failed)
    assert (execution.status, execution.parameters) == ("Succeeded", {"Word": "given"})
    assert place.keys("of") == [f"of/{failed.id}/given/x"]


@pytest.mark.parametrize("harm", ["remove", "replace"])
def test_what_is_no_longer_there_as_it_was_written_is_made_again_if_it_is_needed(place: Place, harm: str) -> None:
    failed = place.run(*chain(place, "no"))
    place.put("flag/go", "yes")
    if harm == "remove":
        place.engine.home.store.remove("s3://bucket/First/a")
    else:
        place.put("First/a", "another")
    execution = place.resume(failed)
    assert states(execution) == STATES
    why = "is gone" if harm == "remove" else "has been replaced since"
    assert f"First runs again: s3://bucket/First/a {why}" in place.watcher.notes
    assert [jobs(place, name) for name in STATES] == [2, 2, 1]
    assert place.text("Third/b") == "firstyes"


def test_what_nobody_needs_any_more_is_not_made_again(place: Place) -> None:
    alone = place.writing("Alone", "write('x', '')")
    failed = place.run(alone, *chain(place, "no"))
    place.put("flag/go", "yes")
    place.engine.home.store.remove("s3://bucket/Alone/x")
    assert states(place.resume(failed)) == {"Alone": "Succeeded", **STATES}
    assert jobs(place, "Alone") == 1


def test_current_code_runs_what_has_changed_and_what_follows(place: Place) -> None:
    failed = place.run(*chain(place, "no"))
    place.put("flag/go", "yes")
    changed = chain(place)
    changed[0]["Arguments"]["Environment"]["NEW"] = "1"
    execution = place.resume(failed, *changed)
    assert states(execution) == STATES
    assert "First runs again: its definition or code has changed" in place.watcher.notes
    assert jobs(place, "First") == 2
    (row,) = place.engine.home.database.rows("executions", columns="definition")
    assert '"NEW"' in row["definition"]


def test_current_code_of_what_failed_leaves_the_rest_alone(place: Place) -> None:
    failed = place.run(*chain(place, "no"))
    changed = chain(place, "no")
    changed[1] = place.writing("Second", "write('made', 'new')", depends_on=["First"])
    assert states(place.resume(failed, *changed)) == STATES
    assert [jobs(place, name) for name in STATES] == [1, 2, 1]
    assert place.text("Third/b") == "firstnew"


def test_one_that_has_succeeded_does_not_go_on(place: Place) -> None:
    done = place.run(place.writing("First", "write('a', '')"))
    with pytest.raises(UsageError, match="is Succeeded"):
        place.resume(done)


def test_one_that_runs_does_not_go_on(place: Place) -> None:
    failed = place.run(place.processing("First", "sys.exit(1)"))
    with place.engine.home.at_work(failed.id), pytest.raises(ExecutionError, match="is running already"):
        Place(place.folder, place.settings.sandbox).engine.resume(failed.id, Nobody())
    assert place.engine.describe(failed.id).status == "Failed"


def test_what_keeps_it_from_going_on_leaves_it_as_it_was(place: Place) -> None:
    failed = place.run(*chain(place, "no"))
    place.engine.home.store.remove("s3://bucket/flag/go")
    with pytest.raises(Exception, match="its input 'flag' is not there"):
        place.resume(failed)
    read = place.engine.describe(failed.id)
    assert (read.status, states(read)) == ("Failed", states(failed))


# ---- parts ----


def test_a_part_runs_on_the_results_of_the_newest_execution_that_has_them(place: Place) -> None:
    whole = place.run(*chain(place))
    execution = place.part(*chain(place), first=("Third",))
    assert execution.id != whole.id
    assert states(execution) == {"Second": "Succeeded", "Third": "Succeeded"}
    assert [jobs(place, name) for name in STATES] == [1, 1, 2]
    assert f"what Second gave is taken from execution {whole.id}, Succeeded" in place.watcher.notes
    (second,) = [step for step in execution.as_json()["PipelineExecutionSteps"] if step["StepName"] == "Second"]
    assert second["SelectiveExecutionResult"] == {"SourcePipelineExecutionArn": whole.id}


@pytest.mark.parametrize(
    ("names", "ran"),
    [
        ({"first": ("Second",)}, ["Second", "Third"]),
        ({"last": ("Second",)}, ["First", "Second"]),
        ({"first": ("Second",), "last": ("Second",)}, ["Second"]),
        ({"only": ("First", "Third")}, ["First", "Third"]),
    ],
)
def test_the_words_mean_what_they_mean_on_aws(place: Place, names: dict[str, Any], ran: list[str]) -> None:
    place.run(*chain(place))
    execution = place.part(*chain(place), **names)
    assert execution.status == "Succeeded"
    assert [name for name in STATES if jobs(place, name) == 2] == ran


def test_without_results_every_missing_one_is_said(place: Place) -> None:
    with pytest.raises(UsageError, match="no execution of 'p' here has the results of Second"):
        place.part(*chain(place), first=("Third",))
    failed = place.run(*chain(place, "no"))
    with pytest.raises(UsageError, match="does not have what Third needs") as caught:
        place.part(*chain(place), first=("Third",), source=failed.id)
    assert "Second: it is Failed there, and Third cannot do without" in str(caught.value)


def test_objects_that_another_execution_has_replaced_are_no_results_of_this(place: Place) -> None:
    first, second = place.run(*chain(place)), place.run(*chain(place))
    with pytest.raises(UsageError) as caught:
        place.part(*chain(place), only=("Third",), source=first.id)
    assert f"s3://bucket/Second/made has been replaced by 'Second' of execution {second.id}" in str(caught.value)
    assert place.part(*chain(place), only=("Third",)).status == "Succeeded"


def test_a_source_of_another_pipeline_is_refused(place: Place) -> None:
    graph = read_definition(definition(*chain(place)))
    other = place.engine.run(Start("other", graph), Nobody())
    with pytest.raises(UsageError, match="is an execution of 'other', not of 'p'"):
        place.part(*chain(place), only=("Third",), source=other.id)


def test_a_step_of_the_branch_that_was_not_taken_is_refused(place: Place) -> None:
    steps = [condition("Ask", equals("a", "a"), then=[place.writing("Then", "")], otherwise=[fail("Otherwise", "no")])]
    place.run(*steps)
    with pytest.raises(UsageError) as caught:
        place.part(*steps, only=("Otherwise",))
    assert "Ask: it took the other branch than that of Otherwise (to ask it again: --from Ask)" in str(caught.value)
    assert states(place.part(*steps, only=("Then",))) == {"Ask": "Succeeded", "Then": "Succeeded"}


def test_a_part_that_failed_goes_on_as_a_part(place: Place) -> None:
    place.run(*chain(place))
    failed = place.part(*chain(place, "no"), only=("Second",))
    assert states(failed) == {"First": "Succeeded", "Second": "Failed"}
    place.put("flag/go", "yes")
    execution = place.resume(failed)
    assert states(execution) == {"First": "Succeeded", "Second": "Succeeded"}
    assert jobs(place, "Third") == 1
    assert jobs(place, "First") == 1


def test_a_part_does_not_go_on_without_what_it_was_begun_with(place: Place) -> None:
    place.run(*chain(place))
    failed = place.part(*chain(place, "no"), only=("Second",))
    place.put("flag/go", "yes")
    place.engine.home.store.remove("s3://bucket/First/a")
    with pytest.raises(UsageError, match="does not have any more what Second need") as caught:
        place.resume(failed)
    assert "First: s3://bucket/First/a is gone" in str(caught.value)
    assert (jobs(place, "First"), jobs(place, "Second")) == (1, 2)
    assert place.engine.describe(failed.id).status == "Failed", "it stays as it was"


def test_what_a_part_takes_over_does_not_run_again_for_its_definition(place: Place) -> None:
    place.run(*chain(place))
    failed = place.part(*chain(place, "no"), only=("Second",))
    current = chain(place, first="write('a', 'other')")
    assert states(place.resume(failed, *current)) == {"First": "Succeeded", "Second": "Succeeded"}
    assert jobs(place, "First") == 1


def test_a_part_that_waits_for_a_new_step_does_not_go_on(place: Place) -> None:
    place.run(*chain(place))
    failed = place.part(*chain(place, "no"), only=("Second",))
    current = [place.writing("New", "write('a', '')"), *chain(place)]
    current[2]["DependsOn"] = ["First", "New"]
    with pytest.raises(UsageError) as caught:
        place.resume(failed, *current)
    assert "New: it did not run there, and Second cannot do without" in str(caught.value)


def test_current_code_in_a_branch_does_not_ask_the_condition_again(place: Place) -> None:
    def steps(second: str) -> dict[str, Any]:
        then = [place.writing("First", "write('a', '')"), place.writing("Second", second, depends_on=["First"])]
        return condition("Ask", equals("a", "a"), then=then)

    failed = place.run(steps("sys.exit('no')"))
    changed = steps("write('b', '')")
    changed["Arguments"]["IfSteps"][1]["Arguments"]["Environment"]["NEW"] = "1"
    assert states(place.resume(failed, changed)) == {"Ask": "Succeeded", "First": "Succeeded", "Second": "Succeeded"}
    assert jobs(place, "First") == 1


def test_a_copied_project_goes_on_where_it_was_copied(place: Place, tmp_path_factory: pytest.TempPathFactory) -> None:
    failed = place.run(*chain(place, "no"))
    place.engine.close()
    copy = tmp_path_factory.mktemp("copy")
    shutil.copytree(place.folder, copy, dirs_exist_ok=True)
    there = Place(copy, place.settings.sandbox)
    there.put("flag/go", "yes")
    execution = there.resume(failed)
    there.engine.close()
    assert states(execution) == STATES
    assert jobs(there, "First") == 1


def test_objects_are_dated_when_they_are_put_whatever_their_program_said(place: Place) -> None:
    script = "write('a', {!r}); os.utime(OUT + '/a', (1, 1))\n"
    first = place.run(place.writing("First", script.format("one")), place.writing("Then", "", depends_on=["First"]))
    place.run(place.writing("First", script.format("two")), place.writing("Then", "", depends_on=["First"]))
    with pytest.raises(UsageError, match="does not have what Then needs"):
        place.part(
            place.writing("First", ""), place.writing("Then", "", depends_on=["First"]), only=("Then",), source=first.id
        )
