"""Archives that others made: ordinary files come out of them, and nothing else; what is too much is refused at once."""

from __future__ import annotations

import bz2
import errno
import gzip
import io
import lzma
import os
import shutil
import tarfile
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from dagwright.engines.local import archives
from dagwright.engines.local.archives import unpack
from dagwright.errors import ExecutionError

EXABYTES, BEHIND = 1 << 62, 16 << 20


def packed(*members: tuple[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def header(name: str, size: int, kind: bytes = tarfile.REGTYPE) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.type = size, kind
    return info.tobuf(tarfile.GNU_FORMAT)


def refusal(content: bytes, folder: Path) -> str:
    """Why it is not unpacked; nothing of it is."""
    (folder / "a.tar").write_bytes(content)
    (folder / "here").mkdir()
    with pytest.raises(ExecutionError) as caught:
        unpack(folder / "a.tar", folder / "here")
    assert sorted(entry.name for entry in folder.iterdir()) == ["a.tar", "here"]
    return caught.value.message


@pytest.mark.filterwarnings("ignore:Python 3.14 will:DeprecationWarning")
@pytest.mark.parametrize("filtered", [True, False])
def test_what_is_unpacked_has_ordinary_owners_and_permissions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, filtered: bool
) -> None:
    """Also on a Python whose tarfile has no filters yet."""
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        for name, kind, mode in (
            ("./", tarfile.DIRTYPE, 0),
            ("d", tarfile.DIRTYPE, 0o777),
            ("d/f", tarfile.REGTYPE, 0o4777),
        ):
            info = tarfile.TarInfo(name)
            info.type, info.mode, info.uid, info.gid, info.uname = kind, mode, 12345, 12345, "root"
            archive.addfile(info)
    if not filtered:
        monkeypatch.delattr(tarfile, "data_filter", raising=False)
    unpack(tmp_path / "a.tar", tmp_path / "here")
    entries = [tmp_path / "here" / name for name in (".", "d", "d/f")]
    assert [entry.stat().st_mode & 0o7777 for entry in entries] == [0o755] * 3
    assert {(entry.stat().st_uid, entry.stat().st_gid) for entry in entries} == {(os.getuid(), os.getgid())}


@pytest.mark.parametrize("size", [-512, BEHIND, EXABYTES])
@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE])
def test_a_header_that_says_more_than_headers_do_is_not_read(tmp_path: Path, size: int, kind: bytes) -> None:
    content = gzip.compress(packed(("a", b"1"))[:1024] + header("x", size, kind) + bytes(BEHIND), 1)
    tracemalloc.start()
    assert refusal(content, tmp_path).endswith("a header says a size that none has")
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < BEHIND


def test_a_file_of_less_than_nothing_is_refused(tmp_path: Path) -> None:
    """Older Pythons go back by its size, and find it again, for ever."""
    assert "is no readable tar archive" in refusal(header("x", -1024) + bytes(1024), tmp_path)


def test_attributes_that_say_less_than_nothing_are_refused(tmp_path: Path) -> None:
    attribute = b"17 size=-1000000\n"
    content = header("x", len(attribute), tarfile.XHDTYPE) + attribute.ljust(512, b"\0") + header("x", 0)
    assert refusal(content + bytes(1024), tmp_path)


def test_more_than_the_disk_has_room_for_is_refused_before_it_is_written(tmp_path: Path) -> None:
    content = header("small", 0) + header("x", EXABYTES) + bytes(1024)
    assert refusal(content, tmp_path) == "a.tar holds more than there is room for on the disk"
    assert list((tmp_path / "here").iterdir()) == []


def test_more_files_than_a_reader_can_hold_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MOST_MEMBERS", 2)
    content = packed(("a", b""), ("b", b""), ("c", b""))
    assert refusal(content, tmp_path) == "a.tar holds more than 2 files, which is refused"


def test_attributes_of_members_are_not_held(tmp_path: Path) -> None:
    def packed_with(attribute: str) -> bytes:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=1) as archive:
            for number in range(40):
                info = tarfile.TarInfo(str(number))
                info.pax_headers = {"comment": attribute}
                archive.addfile(info)
        return buffer.getvalue()

    (tmp_path / "a.tar").write_bytes(packed_with("a" * 1_000_000))
    tracemalloc.start()
    unpack(tmp_path / "a.tar", tmp_path / "here")
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len([*(tmp_path / "here").iterdir()]) == 40
    assert most < 16 << 20


def test_a_name_that_is_longer_than_any_path_is_refused_at_once(tmp_path: Path) -> None:
    """Making its folders one inside the other takes a time that grows with the square of their number."""
    assert "holds 'd/d/d/" in refusal(packed(("d/" * 3000 + "a", b"")), tmp_path)


def test_names_without_an_end_are_refused(tmp_path: Path) -> None:
    """Each says the name of what follows, which tarfile looks for by calling itself."""
    one = header("x", 2, tarfile.GNUTYPE_LONGNAME) + b"a".ljust(512, b"\0")
    assert "is no readable tar archive" in refusal(one * 3000, tmp_path)


@pytest.mark.parametrize("members", [[("a", b"1"), ("a/b", b"2")], [("x" * 300, b"")]], ids=["below a file", "long"])
def test_names_that_cannot_be_files_are_the_archives_mistake(tmp_path: Path, members: list[tuple[str, bytes]]) -> None:
    assert "is no readable tar archive: " in refusal(packed(*members), tmp_path)


@pytest.mark.parametrize("pack", [gzip, bz2, lzma], ids=lambda pack: pack.__name__)
def test_a_broken_archive_is_none(tmp_path: Path, pack: Any) -> None:
    content = bytearray(pack.compress(packed(("a", bytes(range(256)) * 100))))
    content[len(content) // 2] ^= 0xFF
    assert "is no readable tar archive" in refusal(bytes(content), tmp_path)


def test_a_machine_that_fails_is_not_the_archives_mistake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.tar").write_bytes(packed(("a", b"1")))

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(shutil, "disk_usage", full)
    with pytest.raises(OSError, match="No space left"):
        unpack(tmp_path / "a.tar", tmp_path / "here")
