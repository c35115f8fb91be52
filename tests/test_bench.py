"""The measuring works; what it measures is for `make bench`: nothing here depends on how fast the machine is."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from bench.definition import diamonds, jobs_in_a_row, readers_in_a_row, two_branches
from bench.ecg import check_agreement, rows_of
from bench.imports import import_times
from bench.process import Command, Usage, measure, median, tree_memory
from bench.project import write_project
from bench.table import as_json, shown
from bench.work import MIB, Goal, Result, Work, works
from dagwright.cli import main
from dagwright.definition.graph import read_definition


def python(program: str, folder: Path) -> Command:
    return Command((sys.executable, "-c", program), folder)


def result(seconds: float, megabytes: int, *goals: Goal, starts_jobs: bool = False) -> Result:
    command = python("pass", Path())
    work = Work("some work", command, command, goals, starts_jobs)
    return Result(work, [Usage(seconds, seconds, megabytes * MIB)], [Usage(1.0, 1.0, MIB)], [1.0])


def test_the_largest_process_is_found_however_short_it_lives(tmp_path: Path) -> None:
    small, large = measure(python("pass", tmp_path)), measure(python("bytearray(80 << 20)", tmp_path))
    assert large.memory - small.memory + MIB >= 80 * MIB
    assert small.wall > 0
    assert small.cpu > 0


def test_the_tree_counts_all_processes_at_one_moment() -> None:
    hold = "b = bytearray(80 << 20); print(flush=True); input()"
    program = f"import subprocess, sys; b = bytearray(80 << 20); subprocess.run([sys.executable, '-c', {hold!r}])"
    words = [sys.executable, "-c", program]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdin is not None
        assert parent.stdout is not None
        parent.stdout.readline()
        found = tree_memory(parent.pid)
        parent.communicate("\n")
    assert 160 * MIB < found < 240 * MIB
    assert tree_memory(parent.pid) == 0


def test_the_processor_time_of_children_counts(tmp_path: Path) -> None:
    burn = "import time\nwhile time.process_time() < 0.3: pass"
    program = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {burn!r}])"
    assert measure(python(program, tmp_path)).cpu >= 0.3


def test_a_command_that_fails_says_why(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"(?s)exit code 3.*no such luck"):
        measure(python("import sys; print('no such luck', file=sys.stderr); sys.exit(3)", tmp_path))


def test_the_median_of_each_figure() -> None:
    assert median([Usage(3, 1, 9), Usage(1, 2, 8), Usage(2, 3, 7)]) == Usage(2, 2, 8)


def test_goals_are_compared_with_what_was_measured() -> None:
    goals = [Goal("wall", 2.0), Goal("memory", 40), Goal("ratio", 1.25)]
    assert result(1.2, 40, *goals).missed() == []
    assert result(1.3, 41, *goals).missed() == goals[1:]


def test_the_ways_to_reduce_signals_are_measured_and_agree(tmp_path: Path) -> None:
    usual, *ours = rows_of([1, 2, 3, 4], files=1, rounds=1)
    assert (usual[0], usual[-1]) == ("4 leads to 4, the usual way", "1.00")
    assert [row[0] for row in ours] == ["4 leads to 4, ours, 1 process", "4 leads to 4, ours, a process per core"]
    for way, number in (("usual", 1), ("ours-0", 2)):
        (tmp_path / way).mkdir()
        (tmp_path / way / "pca_ecg_001.csv").write_text(f"{number},0\n")
    with pytest.raises(RuntimeError, match="do not agree"):
        check_agreement(tmp_path)


def test_the_table_and_the_json_say_the_same() -> None:
    missed = result(1.5, 10, Goal("ratio", 1.25), starts_jobs=True)
    text = shown({"cores": 2}, [missed])
    assert "|  1.500 | 1.500\\* |    10.0 |" in text
    assert "no: ≤ 1.25 x floor |" in text
    found = json.loads(json.dumps(as_json({"cores": 2}, [missed])))["works"][0]
    assert found["goals"] == [{"figure": "ratio", "limit": 1.25, "value": 1.5, "met": False}]
    assert found["ours"]["median"] == {"wall": 1.5, "cpu": 1.5, "memory": 10 * MIB}


def test_growth_is_shown_when_its_works_are() -> None:
    def sized(name: str, seconds: float) -> Result:
        one = result(seconds, 1)
        one.work = replace(one.work, name=name)
        return one

    sizes = {"render 5 steps": 0.1, "render 200 steps": 0.2, "render 2,000 steps": 2.6}
    row = next(line for line in shown({}, [sized(*size) for size in sizes.items()]).splitlines() if "->" in line)
    assert [cell.strip() for cell in row.split("|")[2:6]] == ["13.0 x", "25.0 x", "≤ 12 x", "no"]


@pytest.mark.parametrize(
    ("text", "steps", "waiting"),
    [(jobs_in_a_row(7), 7, 6), (readers_in_a_row(7), 7, 6), (two_branches(2), 4, 2), (diamonds(5), 16, 20)],
)
def test_definitions_hold_together(text: str, steps: int, waiting: int) -> None:
    graph = read_definition(text)
    assert (len(graph.steps), len(list(graph.edges()))) == (steps, waiting)


def test_the_project_renders_as_many_steps_as_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["render", write_project(tmp_path, 15)], root=tmp_path) == 0
    definition = json.loads(capsys.readouterr().out)
    kinds = [step["Type"] for step in definition["Steps"]]
    assert kinds == 3 * ["Processing", "Processing", "Training", "Processing", "RegisterModel"]


def test_every_work_has_its_own_name_and_a_folder_to_run_in(tmp_path: Path) -> None:
    todo = works(tmp_path)
    assert len({work.name for work in todo}) == len(todo)
    assert all(command.folder.is_dir() for work in todo for command in (work.ours, work.floor))


def test_import_times_are_read() -> None:
    text = "import time: self [us] | cumulative | imported package\nimport time:      {} |       2000 |   yaml.reader\n"
    assert import_times([text.format(own) for own in (100, 1500, 300)]) == {"yaml.reader": (0.3, 2.0)}
