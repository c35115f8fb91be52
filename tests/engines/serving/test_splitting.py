from __future__ import annotations

import io
import struct
import zlib

import pytest

from dagwright.engines.local.serving.splitting import Payload, SplitError, payloads

MIB = 1 << 20


def cut(content: bytes, split: str = "Line", single: bool = False, limit: int = 6 * MIB) -> list[Payload]:
    return list(payloads(io.BytesIO(content), split, single, limit))


def recordio(*records: bytes) -> bytes:
    return b"".join(struct.pack("<II", 0xCED7230A, len(r)) + r + bytes(-len(r) % 4) for r in records)


def tfrecord(*records: bytes) -> bytes:
    return b"".join(struct.pack("<QI", len(r), zlib.crc32(b"")) + r + struct.pack("<I", 0) for r in records)


@pytest.mark.parametrize(
    "content",
    [b"a\nb\nc", b"a\nb\nc\n", b"\n\na\n\nb\nc\n\n\n", b"a\r\nb\r\nc\r\n", b"a\r\n\r\nb\r\nc"],
)
@pytest.mark.parametrize("limit", [0, 1, 2, 3, 5, MIB])
def test_lines_whatever_ends_them_and_however_many_fit(content: bytes, limit: int) -> None:
    many = cut(content, limit=limit)
    assert [record for payload in many for record in payload.records()] == [b"a", b"b", b"c"]
    assert [payload.first for payload in many] == [1 + sum(p.amount for p in many[:n]) for n in range(len(many))]
    assert all(len(payload.content) <= limit for payload in many if limit)
    one = cut(content, single=True, limit=limit)
    assert one == [Payload(b"a", 1, 1), Payload(b"b", 2, 1), Payload(b"c", 3, 1)]


def test_as_many_lines_as_fit_go_into_a_request() -> None:
    assert cut(b"1\n22\n333\n4\n", limit=4) == [Payload(b"1\n22", 1, 2), Payload(b"333", 3, 1), Payload(b"4", 4, 1)]
    assert [str(payload) for payload in cut(b"1\n22\n333\n", limit=4)] == ["records 1 to 2", "record 3"]


@pytest.mark.parametrize("single", [True, False])
@pytest.mark.parametrize("last", [b"", b"\n"])
def test_a_line_that_no_request_can_carry(single: bool, last: bytes) -> None:
    with pytest.raises(SplitError, match="record 2 has more than"):
        cut(b"1\n" + b"x" * (MIB + 1) + last, single=single, limit=MIB)
    assert len(cut(b"1\n" + b"x" * MIB + last, single=single, limit=MIB)) == 2


@pytest.mark.parametrize("split", ["None", "Line", "RecordIO", "TFRecord"])
@pytest.mark.parametrize("single", [True, False])
def test_an_empty_object_has_no_records(split: str, single: bool) -> None:
    assert cut(b"", split, single) == []


def test_an_object_that_is_not_split_is_one_request() -> None:
    assert cut(b"a\n\nb\n", "None") == [Payload(b"a\n\nb\n", 1, 1)]
    with pytest.raises(SplitError, match="set SplitType to Line"):
        cut(b"x" * (MIB + 1), "None", limit=MIB)
    assert len(cut(b"x" * (MIB + 1), "None", limit=0)) == 1


@pytest.mark.parametrize(("split", "wrap"), [("RecordIO", recordio), ("TFRecord", tfrecord)])
def test_binary_records_are_unwrapped_if_they_go_one_by_one(split: str, wrap: object) -> None:
    assert callable(wrap)
    content = wrap(b"first", b"", b"third one")
    one_by_one = cut(content, split, single=True)
    assert [payload.content for payload in one_by_one] == [b"first", b"", b"third one"]
    assert [payload.first for payload in one_by_one] == [1, 2, 3]
    assert cut(content, split) == [Payload(content, 1, 3)]
    two = cut(content, split, limit=len(wrap(b"first", b"")))
    assert [(payload.first, payload.amount) for payload in two] == [(1, 2), (3, 1)]
    with pytest.raises(SplitError, match="record 3 is cut off"):
        cut(content[:-5], split)
    with pytest.raises(SplitError, match="record 1 is"):
        cut(b"no record at all, " * 9, split)
