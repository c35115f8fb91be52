"""What a clean frees, and what it leaves alone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from engines.place import Place, get, join

from dagwright.engines.execution import Execution
from dagwright.engines.local.cleaning import Cleaning, Plan, clean, plan_cleaning
from dagwright.engines.local.freeing import Freeing
from dagwright.engines.local.store import stamp_of
from dagwright.errors import ExecutionError, UsageError

ROOT = Path(__file__).parents[2]
LONG_AGO, LIMIT = "2020-01-01T00:00:00.000Z", "2021-01-01T00:00:00.000Z"
OWN = join("s3://bucket/own", get("Execution.PipelineExecutionId"), on="/")


def cleaning(*, keep_registered: bool = False, in_use: Iterable[Path] = ()) -> Cleaning:
    return Cleaning(LIMIT, keep_registered, "deploy.py clean --older-than 30d", lambda images: set(in_use))


def made_old(place: Place, execution: Execution) -> str:
    place.engine.home.database.update("executions", {"id": execution.id}, ended=LONG_AGO)
    return execution.id


def cleaned(place: Place, **given: Any) -> Plan:
    plan = plan_cleaning(place.engine.home, cleaning(**given))
    return clean(place.engine.home, cleaning(**given), plan)


def count(place: Place, table: str) -> int:
    return len(place.engine.home.database.rows(table, "execution"))


def test_an_old_execution_goes_with_its_logs_and_objects_and_is_remembered(plain: Place) -> None:
    write = plain.processing("P", "write('a', 'x' * 100)", outputs={"out": OWN})
    old = made_old(plain, plain.run(write))
    young = plain.run(write)
    plan = plan_cleaning(plain.engine.home, cleaning())
    assert plan.executions == [old]
    assert (plan.kinds["logs"][0], plan.kinds["objects"]) == (1, (1, 100))
    assert plain.keys("own") == sorted(f"own/{one}/a" for one in (old, young.id)), "showing frees nothing"
    cleaned(plain)
    assert plain.keys("own") == [f"own/{young.id}/a"]
    assert not plain.engine.home.store.path(f"s3://bucket/own/{old}").exists()
    assert set(os.listdir(plain.engine.home.logs)) == {".freed", young.steps["P"].job}
    assert [one.id for one in plain.engine.history()] == [young.id]
    assert {
        row["execution"]
        for table in ("steps", "attempts", "written")
        for row in plain.engine.home.database.rows(table, "execution")
    } == {young.id}
    with pytest.raises(
        UsageError, match=rf"Execution {old} of p was cleaned at .*, by: deploy.py clean --older-than 30d"
    ):
        plain.engine.describe(old[:8])
    assert plan_cleaning(plain.engine.home, cleaning()).is_empty


def test_what_was_uploaded_and_what_lies_below_raw_stays(plain: Place) -> None:
    steps = [
        plain.writing("raw", "write('a', 'x')"),
        plain.processing("Q", "write('b', 'x')", outputs={"out": "s3://bucket/q"}),
    ]
    made_old(plain, plain.run(*steps))
    plain.put("q/uploaded", "mine")
    plain.put("q/b", "mine too")
    cleaned(plain)
    assert plain.keys() == ["code/Q/main.py", "code/raw/main.py", "q/b", "q/uploaded", "raw/a"]


def test_what_a_kept_execution_wrote_or_names_stays(plain: Place) -> None:
    script = "for n in 'abcdef': write(n + '/data', n)"
    old = plain.run(plain.processing("P", script, outputs={"out": "s3://bucket/x"}))
    made_old(plain, old)
    plain.put("list.json", json.dumps([{"prefix": "s3://bucket/x/d/"}, "data"]))
    reading = plain.processing(
        "R",
        inputs={"in": "s3://bucket/x/a", "list": {"S3Uri": "s3://bucket/list.json", "S3DataType": "ManifestFile"}},
        variables={"DATA": "s3://bucket/x/b/data"},
    )
    plain.run(reading, parameters={"Where": "s3://bucket/x/c"})
    cleaned(plain)
    assert plain.keys("x") == ["x/a/data", "x/b/data", "x/c/data", "x/d/data"]
    assert {row["uri"] for row in plain.engine.home.database.rows("written", "uri", execution=old.id)} == {
        f"s3://bucket/x/{name}/data" for name in "abcd"
    }, "what stays is known, so that it goes when nobody needs it any more"
    for execution in plain.engine.history():
        made_old(plain, execution)
    cleaned(plain)
    assert plain.keys("x") == []
    assert count(plain, "written") == 0


def test_what_a_failed_execution_would_read_when_it_goes_on_stays(plain: Place) -> None:
    made_old(plain, plain.run(plain.processing("P", "write('a', 'x')", outputs={"out": "s3://bucket/x"})))
    plain.run(
        plain.processing("First", "sys.exit(1)"),
        plain.processing("Then", inputs={"in": "s3://bucket/x"}, depends_on=["First"]),
    )
    cleaned(plain)
    assert plain.keys("x") == ["x/a"]


def test_an_execution_that_a_kept_one_goes_on_from_stays_whole(plain: Place) -> None:
    old = plain.run(plain.processing("P", "write('a', 'x')", outputs={"out": OWN}))
    made_old(plain, old)
    between, young = plain.run(), plain.run()
    made_old(plain, between)
    for later, source in ((between, old), (young, between)):
        hit = {"CacheHitResult": {"SourcePipelineExecutionArn": source.id}}
        plain.engine.home.database.insert(
            "steps", execution=later.id, name="P", type="Processing", status="Succeeded", started=LONG_AGO, more=hit
        )
    plan = cleaned(plain)
    assert (plan.executions, dict(plan.staying)) == ([], {"a later execution goes on from them": 2})
    assert plain.keys("own") == [f"own/{old.id}/a"]


def registering(place: Place) -> dict[str, Any]:
    container = {"Image": "i", "ModelDataUrl": get("Steps.T.ModelArtifacts.S3ModelArtifacts")}
    arguments = {"ModelPackageGroupName": "g", "InferenceSpecification": {"Containers": [container]}}
    return {"Name": "R", "Type": "RegisterModel", "Arguments": arguments}


@pytest.mark.parametrize("keep_registered", [False, True])
def test_approved_and_newest_packages_stay_and_the_others_if_that_is_said(plain: Place, keep_registered: bool) -> None:
    training = plain.training("T", "open(ML + '/model/m', 'w').write('x')")
    runs = [plain.run(training, registering(plain)) for _ in range(3)]
    assert {run.status for run in runs} == {"Succeeded"}
    plain.engine.home.database.update("model_packages", {"version": 1}, status="Approved")
    for run in runs:
        made_old(plain, run)
    plan = cleaned(plain, keep_registered=keep_registered)
    left = {run.id for run in (runs if keep_registered else (runs[0], runs[2]))}
    assert {one.id for one in plain.engine.history()} == left
    assert sum(plan.staying.values()) == len(left)
    assert {row["execution"] for row in plain.engine.home.database.rows("model_packages")} == left
    assert len(plain.keys("models")) == len(left)
    assert plain.run(training, registering(plain)).steps["R"].output["ModelPackageVersion"] == 4  # type: ignore[index]


def test_links_are_not_followed(plain: Place, tmp_path: Path) -> None:
    old = plain.run(plain.processing("P", "write('in/a', 'x'); write('b', 'x')", outputs={"out": "s3://bucket/x"}))
    made_old(plain, old)
    place, outside = plain.engine.home.store.path("s3://bucket/x"), tmp_path / "outside"
    (place / "in").rename(outside)
    (place / "in").symlink_to(outside)
    log = plain.engine.home.logs / old.steps["P"].job
    log.rename(tmp_path / "log")
    log.symlink_to(tmp_path / "log")
    plan = cleaned(plain)
    assert plan.kinds["objects"][0] == 1
    assert os.listdir(outside) == ["a"]
    assert os.listdir(tmp_path / "log") == ["algo-1.log"]
    assert not os.path.lexists(log)
    assert not (place / "b").exists()


def test_a_store_on_another_disk_is_cleaned_there(plain: Place, tmp_path: Path) -> None:
    store = plain.engine.home.store.root
    (tmp_path / "large").mkdir()
    store.parent.mkdir(parents=True)
    store.symlink_to(tmp_path / "large")
    made_old(plain, plain.run(plain.processing("P", "write('a', 'x')", outputs={"out": OWN})))
    assert cleaned(plain).kinds["objects"][0] == 1
    assert plain.keys("own") == []
    assert os.listdir(tmp_path / "large" / ".freed") == []


def test_a_newer_object_comes_back_in_the_moment_of_taking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("old", "replaced"):
        (tmp_path / name).write_text(name)
    stamps = {name: stamp_of((tmp_path / name).stat()) for name in ("old", "replaced")}
    rename = os.rename

    def meanwhile(source: str, target: str, **folders: int) -> None:
        if source == "replaced":
            (tmp_path / "new").write_text("new")
            rename(tmp_path / "new", tmp_path / "replaced")
        rename(source, target, **folders)

    monkeypatch.setattr(os, "rename", meanwhile)
    assert Freeing(tmp_path).take_files((), stamps) == ["old"]
    assert (tmp_path / "replaced").read_text() == "new"
    assert not (tmp_path / "old").exists()


def test_environments_that_nobody_uses_go(plain: Place) -> None:
    environments = plain.engine.home.environments
    plain.run()
    names = ["0" * 16, "1" * 16, "2" * 16, "3" * 16, "layer-" + "4" * 16, "spark-" + "5" * 16]
    for name in names:
        (environments / name).mkdir(parents=True)
        (environments / name / "library").write_text("x" * 1000)
        os.utime(environments / name, (0, 0))
    (environments / names[0] / ".complete").touch()
    (environments / names[1] / ".complete").touch()
    os.utime(environments / names[1] / ".complete", (0, 0))
    (environments / f"{names[1]}.lock").touch()
    plan = cleaned(plain, in_use=[environments / names[2]])
    assert plan.kinds["environments"] == (4, 3000), "with the file beside it"
    assert sorted(os.listdir(environments)) == [".freed", names[0], names[2], names[5]]


def test_what_killed_runs_left_goes(plain: Place) -> None:
    plain.run()
    home = plain.engine.home
    folder = home.path / "jobs" / "killed" / "deep"
    folder.mkdir(parents=True)
    (folder / "half").write_text("x" * 50)
    (home.path / "jobs" / "beside").write_text("x" * 20)
    assert plan_cleaning(home, cleaning()).kinds["leftovers"] == (1, 20), "a folder of jobs is settled before"
    cleaned(plain)
    assert os.listdir(home.path / "jobs") == [".freed"]
    assert plan_cleaning(home, cleaning()).is_empty


def test_executions_of_a_running_pipeline_stay_and_so_do_leftovers(plain: Place) -> None:
    made_old(plain, plain.run(plain.processing("P", "write('a', 'x')", outputs={"out": OWN})))
    home = plain.engine.home
    (home.path / "jobs" / "killed").mkdir(parents=True)
    living = plain.run()
    home.database.update("executions", {"id": living.id}, status="Executing", ended="")
    with home.at_work(living.id) as begun:
        with pytest.raises(ExecutionError, match="about to begin"), home.gate.closed(0):
            pass
        begun()
        plan = cleaned(plain)
    assert (plan.executions, dict(plan.staying), plan.running) == ([], {"their pipeline is running": 1}, [living.id])
    assert plan.is_empty


def test_only_what_was_shown_goes(plain: Place) -> None:
    shown = plan_cleaning(plain.engine.home, cleaning())
    made_old(plain, plain.run())
    assert clean(plain.engine.home, cleaning(), shown).executions == []
    assert len(plain.engine.history()) == 1


KILLED = """
import os, signal, sys
sys.path[:0] = {path}
from pathlib import Path
from engines.place import Place
from engines.test_cleaning import cleaning
from dagwright.engines.local import cleaning as module
def killed(*given, **named): os.kill(os.getpid(), signal.SIGKILL)
if {where!r} == "between":
    module.Freeing.take = killed
else:
    setattr(module, {where!r}, killed)
home = Place(Path({folder!r}), sandbox="paths").engine.home
module.clean(home, cleaning(), module.plan_cleaning(home, cleaning()))
"""


@pytest.mark.parametrize("where", ["_take_out_of_record", "_take", "between", "_forget_taken", "remove_freed"])
def test_a_clean_that_is_killed_loses_nothing_and_the_next_goes_on(plain: Place, where: str) -> None:
    script = "write('a', 'x'); write('b', 'x')"
    write = plain.processing("P", script, outputs={"out": OWN})
    old, young = made_old(plain, plain.run(write)), plain.run(write)
    plain.engine.close()
    program = KILLED.format(path=[str(ROOT), str(ROOT / "tests")], folder=str(plain.folder), where=where)
    done = subprocess.run([sys.executable, "-c", program], check=False)
    assert done.returncode == -signal.SIGKILL
    is_there = where == "_take_out_of_record"
    assert [one.id for one in plain.engine.history()] == [young.id, *([old] if is_there else [])]
    assert not plan_cleaning(plain.engine.home, cleaning()).is_empty
    cleaned(plain)
    assert plan_cleaning(plain.engine.home, cleaning()).is_empty
    assert plain.keys("own") == [f"own/{young.id}/a", f"own/{young.id}/b"]
    assert set(os.listdir(plain.engine.home.logs)) == {".freed", young.steps["P"].job}
    assert [os.listdir(room / ".freed") for room in (plain.engine.home.logs, plain.engine.home.store.root)] == [[], []]
    with pytest.raises(UsageError, match="was cleaned"):
        plain.engine.describe(old)
