"""Reading a log that may still grow."""

from __future__ import annotations

from pathlib import Path

import pytest

from dagwright.engines.local.log_file import LogFile
from dagwright.errors import StorageError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "algo-2.log"


def test_it_is_named_after_its_host(path: Path) -> None:
    assert (LogFile(path).host, LogFile(path).address) == ("algo-2", str(path))


@pytest.mark.parametrize("count", [1, 3, 4, 5, 50])
@pytest.mark.parametrize("end", ["", "\n"])
def test_the_last_lines(path: Path, count: int, end: str) -> None:
    lines = ["one", "", "three", "four"]
    path.write_text("\n".join(lines) + end)
    assert list(LogFile(path).lines(count)) == lines[-count:]


def test_the_last_lines_of_a_long_log(path: Path) -> None:
    lines = [f"{number} " + "x" * 200 for number in range(20_000)]
    path.write_text("\n".join(lines) + "\n")
    assert list(LogFile(path).lines(2000)) == lines[-2000:]
    assert len(list(LogFile(path).lines())) == 20_000
    path.write_text("x" * (3 << 20))
    assert [len(line) for line in LogFile(path).lines(2)] == [1 << 20], "of its last MiB"


def test_asked_again_it_says_what_is_new(path: Path) -> None:
    path.write_text("one\ntwo\n")
    log = LogFile(path)
    assert list(log.lines(1, over=False)) == ["two"]
    assert list(log.lines(1, over=False)) == []
    with path.open("a") as file:
        file.write("three\nfour\n")
    assert list(log.lines(1, over=False)) == ["three", "four"], "the number counts for the first time only"


def test_a_line_that_is_still_written_waits_for_its_end(path: Path) -> None:
    path.write_text("one\nhal")
    log = LogFile(path)
    assert list(log.lines(over=False)) == ["one"]
    with path.open("a") as file:
        file.write("f\n")
    assert list(log.lines(over=False)) == ["half"]
    with path.open("a") as file:
        file.write("no end")
    assert list(log.lines(over=False)) == []
    assert list(log.lines(over=True)) == ["no end"]


def test_what_is_no_text_and_what_is_not_there(path: Path) -> None:
    path.write_bytes(b"a\xffb\n")
    assert list(LogFile(path).lines()) == ["a\ufffdb"]
    path.unlink()
    with pytest.raises(StorageError, match=r"algo-2\.log cannot be read"):
        list(LogFile(path).lines())
