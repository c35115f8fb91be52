"""The local step cache: which results are taken again, which are not, and what is said of it. A step of these tests
leaves an object of its own each time it runs: they prove what ran."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from engines.place import Place, Watcher, condition, definition, equals, get, join

from dagwright.definition.graph import read_definition
from dagwright.engines.engine import Start
from dagwright.engines.execution import Execution
from dagwright.engines.local.cache import _EQUAL
from dagwright.engines.local.digests import Digests
from dagwright.engines.times import written
from dagwright.errors import ExecutionError

ON = {"Enabled": True, "ExpireAfter": "P30D"}
_COUNT = """
import uuid
os.makedirs(ML + "/processing/ran", exist_ok=True)
open(f"{ML}/processing/ran/{uuid.uuid4().hex}", "w").close()
"""


def cached(place: Place, name: str = "A", script: str = "write('x', 'made')", **others: Any) -> dict[str, Any]:
    """A step that asks for the cache, writes to s3://bucket/<name>/, and a new object to s3://bucket/ran/<name>/."""
    outputs = {"out": f"s3://bucket/{name}", "ran": f"s3://bucket/ran/{name}"}
    return place.processing(name, _COUNT + script, **{"outputs": outputs, "CacheConfig": ON, **others})


def times_run(place: Place, name: str = "A") -> int:
    return len(place.keys(f"ran/{name}"))


def run(place: Place, *steps: Mapping[str, Any], **words: Any) -> Execution:
    place.watcher = Watcher()
    given, parameters = words.pop("given", {}), words.pop("parameters", None)
    graph = read_definition(definition(*steps, parameters=parameters))
    return place.engine.run(Start(words.pop("pipeline", "p"), graph, given, **words), place.watcher)


def why(execution: Execution, step: str = "A") -> str:
    said = execution.steps[step].more["Cache"]
    return f"{said['Outcome']}: {said['Reason']}"


# ---- hits ----


def test_a_step_that_has_run_is_not_run_again(place: Place) -> None:
    first = run(place, cached(place))
    again = run(place, cached(place))
    assert (first.status, again.status, times_run(place)) == ("Succeeded", "Succeeded", 1)
    one, other = first.steps["A"], again.steps["A"]
    assert (other.output, other.metadata, other.job) == (one.output, one.metadata, one.job)
    assert other.more["CacheHitResult"] == {"SourcePipelineExecutionArn": first.id}
    assert why(first) == "miss: no earlier success"
    assert why(again) == f"hit: the result of execution {first.id}, less than a minute old"
    assert place.engine.describe(again.id).steps["A"].as_json() == other.as_json()
    assert place.log(again, "A") == place.log(first, "A")


def test_later_steps_read_the_output_of_a_result_that_was_taken(place: Place) -> None:
    output = get("Steps.A.ProcessingOutputConfig.Outputs['out'].S3Output.S3Uri")
    script = "write('y', open(ML + '/processing/in/x').read() * 2)"
    uri = join("s3://bucket/of/", get("Execution.PipelineExecutionId"))
    first = cached(place, outputs={"out": uri, "ran": "s3://bucket/ran/A"})
    second = cached(place, "B", script, inputs={"in": output})
    run(place, first, second)
    again = run(place, first, second)
    assert (times_run(place), times_run(place, "B"), again.status) == (1, 1, "Succeeded")
    assert place.text("B/y") == "mademade"
    third = run(place, first, cached(place, "B", script + "\npass", inputs={"in": output}))
    assert (times_run(place), times_run(place, "B"), third.status) == (1, 2, "Succeeded")


def test_what_is_found_is_the_original_however_often_it_was_taken(place: Place) -> None:
    first, *others = (run(place, cached(place)) for _ in range(3))
    for other in others:
        assert other.steps["A"].more["CacheHitResult"] == {"SourcePipelineExecutionArn": first.id}
    rows = place.engine.home.database.rows("attempts", execution=others[1].id)
    assert [row["job"] for row in rows] == [first.steps["A"].job]


def test_what_the_service_does_not_compare_does_not_count(place: Place) -> None:
    run(place, cached(place))
    other = cached(place, limit=500)
    other["Arguments"] |= {"RoleArn": "arn:aws:iam::123456789012:role/another", "Tags": [{"Key": "a", "Value": "b"}]}
    other["Arguments"]["ProcessingResources"]["ClusterConfig"]["InstanceType"] = "ml.m5.4xlarge"
    run(place, other)
    assert times_run(place) == 1


def test_a_training_keeps_its_model_and_its_metrics_are_recorded_once(place: Place) -> None:
    script = "print('auc=0.9'); open(ML + '/model/m', 'w').write(os.urandom(8).hex())"
    definitions = [{"Name": "auc", "Regex": "auc=([0-9.]+)"}]
    step = place.training("T", script, AlgorithmSpecification={"MetricDefinitions": definitions}) | {"CacheConfig": ON}
    first, again = run(place, step), run(place, step)
    assert first.steps["T"].output == again.steps["T"].output
    assert again.steps["T"].output["FinalMetricDataList"][0]["Value"] == 0.9  # type: ignore[index]
    assert [row["execution"] for row in place.engine.home.database.rows("metrics")] == [first.id]


def test_a_job_is_listed_once(place: Place) -> None:
    from dagwright.engines.local.jobs import LocalJobs
    from dagwright.engines.local.scope import Account

    first = run(place, cached(place))
    run(place, cached(place))
    jobs = LocalJobs(place.engine, Account())
    (job,) = jobs.newest(["processing"], "", 10)
    assert (job.execution, jobs.find(job.name)) == (first.id, job)


def test_objects_that_hold_the_same_again_are_still_the_result(place: Place) -> None:
    run(place, cached(place))
    place.put("A/x", "made")
    run(place, cached(place))
    assert times_run(place) == 1


# ---- misses ----

ATTRIBUTES: list[tuple[dict[str, Any], str]] = [
    ({"variables": {"X": "2"}}, "Environment.X differs from execution {}: 1 → 2"),
    ({"variables": {"Y": "1", "X": "1"}}, "Environment.Y differs from execution {}: nothing → 1"),
    ({"script": "write('x', 'other')"}, "input s3://bucket/code/A/main.py has other content than in execution {}"),
    ({"inputs": {"in": "s3://bucket/data"}}, "ProcessingInputs[in] differs from execution {}: nothing → "),
]


@pytest.mark.parametrize(("others", "said"), ATTRIBUTES)
def test_whatever_counts_is_named_if_it_differs(place: Place, others: dict[str, Any], said: str) -> None:
    place.put("data/x", "x")
    first = run(place, cached(place, variables={"X": "1"}))
    again = run(place, cached(place, **{"variables": {"X": "1"}, **others}))
    assert times_run(place) == 2
    assert why(again).startswith(f"miss: {said.format(first.id)}")


def test_the_image_is_named_and_long_values_are_shortened(place_with: Callable[..., Place]) -> None:
    import sys

    from dagwright.project import EnvironmentRule

    place = place_with(environments=(EnvironmentRule("*", interpreter=sys.executable),))
    image = "683313688378.dkr.ecr.us-east-1.amazonaws.com/acme-sagemaker-shared/sagemaker-scikit-learn:1.2-{}"
    steps = [cached(place) for _ in range(2)]
    for number, step in enumerate(steps, start=1):
        step["Arguments"]["AppSpecification"]["ImageUri"] = image.format(number)
    first, again = run(place, steps[0]), run(place, steps[1])
    ends = "…t-learn:1.2-1 → …t-learn:1.2-2"
    assert why(again) == f"miss: AppSpecification.ImageUri differs from execution {first.id}: {ends}"


def test_the_content_of_every_input_counts_whatever_its_address(place: Place) -> None:
    """Definitions of others have their code at an address that says nothing of its content."""
    place.put("data/a", "1")
    place.put("data/b", "2")
    step = cached(place, inputs={"in": "s3://bucket/data"})
    first = run(place, step)
    place.put("data/a", "1")  # the same again
    run(place, step)
    assert times_run(place) == 1
    place.put("data/a", "3")
    place.put("data/c", "4")
    place.engine.home.store.remove("s3://bucket/data/b")
    again = run(place, step)
    assert why(again) == (
        f"miss: input s3://bucket/data/a has other content than in execution {first.id}; "
        "input s3://bucket/data/b is gone; input s3://bucket/data/c is new"
    )


def test_of_many_objects_the_input_is_named(place: Place) -> None:
    for number in range(101):
        place.put(f"data/{number}", "1")
    step = cached(place, inputs={"in": "s3://bucket/data"})
    first = run(place, step)
    place.put("data/7", "2")
    assert why(run(place, step)) == f"miss: input s3://bucket/data has other content than in execution {first.id}"


def test_a_manifest_counts_with_what_it_lists(place: Place) -> None:
    place.put("far/a", "1")
    manifest = place.put("m", '[{"prefix": "s3://bucket/far/"}, "a"]')
    step = cached(place, inputs={"in": {"S3Uri": manifest, "S3DataType": "ManifestFile"}})
    first = run(place, step)
    place.put("far/a", "2")
    assert f"input s3://bucket/far/a has other content than in execution {first.id}" in why(run(place, step))


def test_another_python_is_another_result(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    run(place, cached(place))
    words = "dagwright.engines.local.cache_key._distributions"
    monkeypatch.setattr(words, lambda folder: ["scikit_learn-9.9.dist-info"])
    again = run(place, cached(place))
    assert re.search(r"what runs image:1 here differs from execution \w+: Python 3.* → Python 3", why(again))


def test_outputs_that_were_overwritten_or_removed_are_a_miss(place: Place) -> None:
    step = cached(place, script="write('x', 'of ' + os.environ['BY'])", variables={"BY": "one"})
    other = cached(place, script="write('x', 'of ' + os.environ['BY'])", variables={"BY": "two"})
    run(place, step)
    second = run(place, other)
    third = run(place, step)
    assert why(third) == f"miss: its output s3://bucket/A/x was overwritten by execution {second.id}"
    assert place.text("A/x") == "of one"
    place.engine.home.store.remove("s3://bucket/A/x")
    fourth = run(place, step)
    assert why(fourth) == "miss: its output s3://bucket/A/x is gone"
    place.put("A/x", "by hand")
    assert why(run(place, step)) == "miss: its output s3://bucket/A/x was overwritten"
    assert (times_run(place), place.text("A/x")) == (5, "of one")


def test_the_newest_result_whose_objects_are_there_is_taken(place: Place) -> None:
    uri = join("s3://bucket/of/", get("Execution.PipelineExecutionId"))
    step = cached(place, outputs={"out": uri, "ran": "s3://bucket/ran/A"})
    first = run(place, step)
    second = run(place, step, uses_cache=False)
    assert run(place, step).steps["A"].more["CacheHitResult"]["SourcePipelineExecutionArn"] == second.id
    place.engine.home.store.remove(f"s3://bucket/of/{second.id}/x")
    assert run(place, step).steps["A"].more["CacheHitResult"]["SourcePipelineExecutionArn"] == first.id
    assert times_run(place) == 2


def test_a_result_grows_old_by_its_own_age(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def later(**ago: int) -> None:
        moment = datetime.now(timezone.utc) + timedelta(**ago)
        monkeypatch.setattr("dagwright.engines.local.engine.cache_clock", lambda: written(moment))

    step = cached(place)
    run(place, step)
    later(days=29, hours=23)
    assert why(run(place, step)).endswith(", 29 days old")
    later(days=31)  # it was taken two days ago, which makes it no younger
    assert why(run(place, step)) == "miss: the last success is 31 days old, ExpireAfter is P30D"
    later(days=31)
    assert why(run(place, step)).startswith("miss: the last success is 31 days old")


@pytest.mark.parametrize("config", [{"Enabled": True}, {"Enabled": True, "ExpireAfter": "30d"}])
def test_without_an_age_and_in_short_forms(place: Place, config: dict[str, Any]) -> None:
    step = cached(place, CacheConfig=config)
    run(place, step)
    run(place, step)
    assert times_run(place) == 1


def test_a_duration_that_is_none_runs_the_step_and_says_so(place: Place) -> None:
    step = cached(place, CacheConfig={"Enabled": True, "ExpireAfter": "soon"})
    run(place, step)
    assert "'soon' is not a duration" in why(run(place, step))
    assert times_run(place) == 2


def test_failures_other_pipelines_and_other_steps_are_not_taken(place: Place) -> None:
    failing = cached(
        place, script="sys.exit(os.path.exists(ML + '/processing/in/go') and 'no')", inputs={"in": "s3://bucket/f"}
    )
    place.put("f/go", "")
    assert [run(place, failing).status for _ in range(2)] == ["Failed", "Failed"]
    assert times_run(place) == 0
    run(place, cached(place))
    assert why(run(place, cached(place), pipeline="q")) == "miss: no earlier success"
    assert times_run(place) == 2


def test_an_input_that_changes_while_the_step_runs_keeps_its_result_from_being_kept(place: Place) -> None:
    place.put("data/a", "1")
    store = place.engine.home.store.path("s3://bucket/data/a")
    script = "open(os.environ['WHERE'], 'w').write('2'); write('x', '1')"
    inside = {"inputs": {"in": "s3://bucket/data"}, "variables": {"WHERE": str(store)}}
    plain = Place(place.folder, "paths")  # it can reach the store
    first = run(plain, cached(plain, script=script, **inside))
    assert any("not kept for the cache: s3://bucket/data/a was changed while it ran" in n for n in plain.watcher.notes)
    again = run(plain, cached(plain, script=script, **inside))
    assert (first.status, why(again)) == (
        "Succeeded", "miss: no earlier success was kept: it asks for the cache for the first time",
    )  # fmt: skip
    plain.engine.close()


# ---- who asks ----


def test_who_does_not_ask_is_not_looked_up(place: Place) -> None:
    off = cached(place, CacheConfig={"Enabled": False, "ExpireAfter": "P30D"})
    silent = cached(place)
    del silent["CacheConfig"]
    for step in (off, off, silent, silent):
        last = run(place, step)
    assert (times_run(place), last.steps["A"].more) == (4, {})
    assert why(run(place, off)) == "off: CacheConfig is off"
    assert (
        why(run(place, cached(place))) == "miss: no earlier success was kept: it asks for the cache for the first time"
    )


def test_no_cache_runs_everything_and_keeps_it(place: Place) -> None:
    run(place, cached(place))
    second = run(place, cached(place), uses_cache=False)
    assert (why(second), times_run(place)) == ("miss: --no-cache is given", 2)
    third = run(place, cached(place))
    assert third.steps["A"].more["CacheHitResult"]["SourcePipelineExecutionArn"] == second.id


def test_what_something_stands_in_for_is_neither_taken_nor_kept(place: Place) -> None:
    (place.folder / "a.json").write_text('{"Files": {"s3://bucket/A/x": {"made": "up"}}}')
    (place.folder / "a.py").write_text("def go(event, context):\n    pass\n")
    run(place, cached(place))
    by_function = run(place, cached(place), stand_ins={"A": f"{place.folder / 'a.py'}:go"})
    assert why(by_function) == "off: something stands in for it"
    by_file = run(place, cached(place), stand_ins={"A": str(place.folder / "a.json")})
    assert by_file.steps["A"].more == {}
    last = run(place, cached(place))
    assert why(last) == f"miss: its output s3://bucket/A/x was overwritten by execution {by_file.id}"


def test_types_that_the_service_does_not_cache_are_noted(place: Place) -> None:
    gate = condition("C", equals(1, 1)) | {"CacheConfig": ON}
    run(place, gate)
    assert "CacheConfig of C is left out: no Condition step is cached" in place.watcher.notes


def test_each_step_is_told_if_that_is_wanted(place: Place) -> None:
    run(place, cached(place), explains=True)
    assert "A: cache miss: no earlier success" in place.watcher.notes
    first = run(place, cached(place), explains=True)
    (note,) = (note for note in place.watcher.notes if note.startswith("A: "))
    assert re.fullmatch(r"A: cache hit: the result of execution \w+, less than a minute old", note)
    assert first.status == "Succeeded"


def test_secrets_are_not_told(place: Place) -> None:
    run(place, cached(place, variables={"DB_PASSWORD": "hunter2hunter2"}))
    again = run(place, cached(place, variables={"DB_PASSWORD": "correct-horse9"}))
    assert "Environment.DB_PASSWORD differs" in why(again)
    assert "hunter" not in why(again)
    assert "horse" not in why(again)


# ---- before a run ----


def check(place: Place, *steps: Mapping[str, Any]) -> list[str]:
    graph = read_definition(definition(*steps))
    place.engine.close()
    checked = place.engine.check(Start("p", graph), Watcher())
    place.engine = type(place.engine)(place.folder, place.engine._account, place.settings)
    return [step.cache for step in checked.steps]


def test_the_check_tells_what_will_be_taken_as_far_as_it_can_know(place: Place) -> None:
    output = get("Steps.A.ProcessingOutputConfig.Outputs['out'].S3Output.S3Uri")
    steps = cached(place), cached(place, "B", inputs={"in": output})
    assert check(place, *steps) == ["cache miss: no earlier success was kept"] * 2
    first = run(place, *steps)
    hit = f"cache hit: the result of execution {first.id}, less than a minute old"
    assert check(place, *steps) == [hit, hit]
    changed = cached(place, variables={"X": "1"})
    assert check(place, changed, steps[1]) == [
        f"cache miss: Environment.X differs from execution {first.id}: nothing → 1", "cache unknown: 'A' runs first",
    ]  # fmt: skip
    assert times_run(place) == 1


# ---- what it costs ----


def test_nothing_is_read_twice(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    original = Digests._read
    monkeypatch.setattr(Digests, "_read", lambda self, uri, *more: (read.append(uri), original(self, uri, *more))[1])
    place.put("data/a", "1")
    step = cached(place, inputs={"in": "s3://bucket/data"})
    run(place, step)
    run(place, step)
    assert sorted(uri for uri in read if "/ran/" not in uri) == [
        "s3://bucket/A/x", "s3://bucket/code/A/main.py", "s3://bucket/data/a",
    ]  # fmt: skip


def test_reading_can_be_stopped_and_a_lot_is_told(place: Place) -> None:
    uri = place.put("big", "")
    with open(place.engine.home.store.path(uri), "wb") as file:
        file.truncate(2 << 30)
    told: list[str] = []
    with pytest.raises(ExecutionError, match="stopped"):
        Digests(place.engine.home.database, place.engine.home.store).of([uri], lambda: bool(told), told.append)
    assert told == ["reading 2.1 GB once, for the step cache"]


def test_two_hundred_steps_are_looked_up_in_a_time_that_grows_with_them(place: Place) -> None:
    """Each lookup asks the record a fixed number of questions, however many steps and earlier runs there are."""
    one = cached(place)
    steps = [{**one, "Name": f"S{number}"} for number in range(200)]
    first = run(place, *steps[:1])
    database = place.engine.home.database
    row = database.rows("steps", execution=first.id)[0]
    with database.transaction() as connection:
        for step in steps[1:]:
            database.insert_row(connection, "steps", **{**row, "name": step["Name"]})
    questions: list[str] = []
    select, rows = database.select, database.rows
    database.select = lambda *words: (questions.append(words[0]), select(*words))[1]  # type: ignore[method-assign]
    database.rows = lambda *words, **more: (questions.append(words[0]), rows(*words, **more))[1]  # type: ignore[method-assign]
    again = run(place, *steps)
    assert (len(again.steps), times_run(place), again.status) == (200, 1, "Succeeded")
    assert all("CacheHitResult" in step.more for step in again.steps.values())
    assert len([one for one in questions if "executions.pipeline" in one]) == 200
    plan = select(f"EXPLAIN QUERY PLAN {_EQUAL}", ["S1", "key", "p", 1])
    assert any("steps_kept_for_the_cache (name=?)" in row["detail"] for row in plan)


def test_the_machine_of_step_functions_has_no_cache(place: Place) -> None:
    from dagwright.engines.caching import NO_CACHE
    from dagwright.engines.local.machine import LocalMachineEngine
    from dagwright.engines.local.scope import Account

    engine = LocalMachineEngine(place.folder, Account(), place.settings)
    assert engine.explain(Execution("x", "p", {})) == NO_CACHE
