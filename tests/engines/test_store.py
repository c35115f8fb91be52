from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dagwright.engines.local.store import Store, copy_file, link_file
from dagwright.errors import StorageError

PIECES = st.sampled_from(
    ["a", "b.csv", "..", ".", "", " ", "\0", "é", "\ud800", "~", "-", "*", "C:", "\\..\\", "x" * 300]
)
URIS = st.one_of(
    st.text(),
    st.builds(lambda bucket, parts: f"s3://{bucket}/{'/'.join(parts)}", st.text(max_size=70), st.lists(PIECES)),
    st.builds(lambda parts: f"s3://bucket/{'/'.join(parts)}", st.lists(PIECES)),
    st.sampled_from(["s3://..", "s3://../x", "s3:///etc/passwd", "s3://a..b/x", "s3://.incoming/x", "S3://bucket/x"]),
)
KEYS = st.lists(st.text("abcé .-_=+", min_size=1, max_size=8).filter(lambda t: t not in (".", "..")), min_size=1).map(
    "/".join
)
QUICK = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "s3")


@QUICK
@given(uri=URIS)
def test_no_address_leaves_the_tree_and_everything_else_is_a_storage_error(uri: str, tmp_path: Path) -> None:
    store = Store(tmp_path / "s3")
    try:
        path = store.path(uri)
    except StorageError:
        return
    assert os.path.commonpath([os.path.abspath(path), store.root]) == str(store.root)
    assert Path(os.path.normpath(path)) == path
    assert path.relative_to(store.root).parts[0] != ".incoming"
    for work in (lambda: store.put_bytes(b"x", uri), lambda: store.read_text(uri), lambda: store.objects(uri)):
        try:
            work()
        except StorageError:
            continue
    assert sorted(entry.name for entry in tmp_path.iterdir()) in (["s3"], [])


@QUICK
@given(key=KEYS, content=st.binary(max_size=50))
def test_what_is_put_is_found_and_read(key: str, content: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    store = Store(tmp_path_factory.mktemp("s3"))
    uri = f"s3://bucket/{key}"
    store.put_bytes(content, uri)
    (found,) = store.objects(uri)
    assert found.path.read_bytes() == content
    assert found.name == key.rpartition("/")[2]
    assert store.uri(found.path) == uri
    assert [item.path for item in store.objects("s3://bucket")] == [found.path]
    assert list((store.root / ".incoming").iterdir()) == []


@pytest.mark.parametrize("uri", ["s3://bucket", "s3://bucket/", "s3://bucket/folder/"])
def test_a_folder_is_no_object(store: Store, uri: str) -> None:
    with pytest.raises(StorageError, match="names a folder, not an object"):
        store.put_bytes(b"", uri)


def test_a_key_that_is_a_folder_of_another_is_refused(store: Store) -> None:
    store.put_bytes(b"", "s3://bucket/a/b")
    for uri in ("s3://bucket/a", "s3://bucket/a/b/c"):
        with pytest.raises(StorageError, match="one object's key is the folder of another's"):
            store.put_bytes(b"", uri)
    assert list((store.root / ".incoming").iterdir()) == []


def test_prefixes_find_what_s3_would(store: Store) -> None:
    for key in ("x/part-1", "x/part-2", "x/part-10/y", "x/q", "z"):
        store.put_bytes(b"", f"s3://bucket/{key}")
    names = {
        prefix: [item.name for item in store.objects(f"s3://bucket/{prefix}")]
        for prefix in ("x", "x/", "x/part", "x/part-1", "x/part/", "nothing", "z")
    }
    assert names == {
        "x": ["part-1", "part-10/y", "part-2", "q"],
        "x/": ["part-1", "part-10/y", "part-2", "q"],
        "x/part": ["part-1", "part-10/y", "part-2"],
        "x/part-1": ["part-1"],
        "x/part/": [],
        "nothing": [],
        "z": ["z"],
    }


def test_put_moves_or_copies_and_keeps_no_permissions(store: Store, tmp_path: Path) -> None:
    for name, move in (("kept", False), ("moved", True)):
        source = tmp_path / name
        source.write_text(name)
        source.chmod(0o700)
        store.put(source, f"s3://bucket/{name}", move=move)
        assert store.read_text(f"s3://bucket/{name}") == name
        assert store.path(f"s3://bucket/{name}").stat().st_mode & 0o777 == 0o644
        assert source.exists() is not move


def test_reading_what_is_not_there_or_no_text(store: Store) -> None:
    store.put_bytes(b"\xff", "s3://bucket/binary")
    for uri, said in (
        ("absent", "There is no object"),
        ("binary/x", "There is no object"),
        ("binary", "cannot be read"),
    ):
        with pytest.raises(StorageError, match=said):
            store.read_text(f"s3://bucket/{uri}")


def test_a_copy_replaces_a_second_name_and_does_not_write_through_it(tmp_path: Path) -> None:
    original, other, place = tmp_path / "original", tmp_path / "other", tmp_path / "place"
    original.write_text("original")
    other.write_text("other")
    link_file(original, place)
    assert place.samefile(original)
    copy_file(other, place)
    assert (original.read_text(), place.read_text()) == ("original", "other")


def test_a_link_of_a_link_is_the_file(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("data")
    (tmp_path / "symlink").symlink_to("data")
    (tmp_path / "deep").mkdir()
    link_file(tmp_path / "symlink", tmp_path / "deep" / "x")
    assert (tmp_path / "deep" / "x").read_text() == "data"


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "s3").write_text("a file where the tree should be")
    with pytest.raises(StorageError, match="cannot be made"):
        Store(tmp_path / "s3").put_bytes(b"", "s3://bucket/x")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_cannot_be_read_is_a_sentence(store: Store) -> None:
    store.put_bytes(b"", "s3://bucket/a/b")
    store.path("s3://bucket/a").chmod(0)
    with pytest.raises(StorageError, match="check the owner and permissions"):
        store.objects("s3://bucket/a")
    store.path("s3://bucket/a").chmod(0o700)


def test_a_file_moves_to_another_file_system(store: Store) -> None:
    memory = Path("/dev/shm")
    store.root.mkdir()
    if not memory.is_dir() or memory.stat().st_dev == store.root.stat().st_dev:
        pytest.skip("this machine has no second file system to write to")
    with tempfile.NamedTemporaryFile(dir=memory, delete=False) as source:
        source.write(b"data")
    store.put(Path(source.name), "s3://bucket/x", move=True)
    assert store.read_text("s3://bucket/x") == "data"
    assert not os.path.exists(source.name)


def test_a_prefix_holds_what_it_would_find(store: Store) -> None:
    store.put_bytes(b"", "s3://bucket/x/part-1")
    (store.path("s3://bucket/empty")).mkdir()
    for prefix in ("x", "x/", "x/part-1", "x/part", "x/other", "x/part/", "empty", "e", "absent", "absent/y"):
        assert store.holds(f"s3://bucket/{prefix}") == bool(store.objects(f"s3://bucket/{prefix}")), prefix


def test_a_text_that_nobody_can_hold_is_not_read(store: Store) -> None:
    store.put_bytes(b"", "s3://bucket/x")
    os.truncate(store.path("s3://bucket/x"), 1 << 40)
    with pytest.raises(StorageError, match="it has more than 256 MiB"):
        store.read_text("s3://bucket/x")
