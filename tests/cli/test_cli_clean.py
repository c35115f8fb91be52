from __future__ import annotations

import json
import os
import pty
import subprocess
from collections.abc import Callable
from pathlib import Path

from cli.conftest import Deploy


def run_once(empty: Deploy, definition_file: Callable[..., Path]) -> str:
    done = empty.json("run", "--file", str(definition_file(Hello="print('hello')")))
    return str(done["PipelineExecutionArn"])


def test_it_shows_then_frees_then_has_nothing_to_free(empty: Deploy, definition_file: Callable[..., Path]) -> None:
    assert empty("clean").stdout.startswith("There is nothing to free")
    execution = run_once(empty, definition_file)
    young = empty("clean")
    assert (young.returncode, young.stdout.split(":")[0]) == (0, "There is nothing to free")
    shown = empty("clean", "--older-than", "0s")
    assert shown.returncode == 2
    assert "executions  1" in shown.stdout
    assert "Nothing was freed. To free it: python deploy.py clean --older-than 0s --yes\n" in shown.stdout
    assert empty("status", execution).returncode == 0
    done = empty("clean", "--older-than", "0s", "--yes")
    assert (done.returncode, "freed" in done.stdout) == (0, True)
    for words in (["status"], ["logs"], ["run", "--resume"]):
        again = empty(*words, execution)
        assert again.returncode == 64
        assert "by: deploy.py clean --older-than 0s" in again.stderr
    assert empty("clean", "--older-than", "0s").returncode == 0


def test_it_is_one_object_for_programs(empty: Deploy, definition_file: Callable[..., Path]) -> None:
    execution = run_once(empty, definition_file)
    shown = empty("clean", "--older-than", "PT0S", "--json")
    assert shown.returncode == 2
    assert (json.loads(shown.stdout)["executions"], json.loads(shown.stdout)["freed"]) == ([execution], False)
    done = empty.json("clean", "--older-than", "PT0S", "--yes")
    assert (done["executions"], done["freed"]) == ([execution], True)
    assert done["kinds"][0] == {"kind": "executions", "count": 1, "bytes": 0}


def test_it_asks_on_a_terminal(empty: Deploy, definition_file: Callable[..., Path]) -> None:
    run_once(empty, definition_file)
    for answer, code in (("n", 2), ("y", 0)):
        ours, theirs = pty.openpty()
        words = empty.command("clean", "--older-than", "0s")
        with subprocess.Popen(words, cwd=empty.folder, stdin=theirs, stdout=theirs) as process:
            os.close(theirs)
            seen = b""
            while b"[y/N]" not in seen:
                seen += os.read(ours, 4096)
            os.write(ours, f"{answer}\n".encode())
            assert process.wait(60) == code
        os.close(ours)


def test_wrong_words_are_refused(empty: Deploy) -> None:
    for words, said in (
        (("--env", "dev"), "not in dev"),
        (("--older-than", "soon"), "no span of time"),
        (("--older-than", "P999999Y"), "nothing is that old"),
    ):
        done = empty("clean", *words)
        assert (done.returncode, said in done.stderr) == (64, True), done.stderr
    assert not (empty.folder / ".dagwright").exists()
