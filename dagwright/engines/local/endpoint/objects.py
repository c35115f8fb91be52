"""S3's operations on objects: out of the store, into it, and away. What comes in lies in the run's own folder until it
is whole."""

from __future__ import annotations

import base64
import hashlib
import os
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from email.message import Message
from email.utils import formatdate
from io import BufferedIOBase
from pathlib import Path
from typing import BinaryIO

from dagwright.engines.local.endpoint import documents
from dagwright.engines.local.endpoint.buckets import folder_of
from dagwright.engines.local.endpoint.exchange import Answer, Request, S3Error, document, iso
from dagwright.engines.local.endpoint.held import Held, HeldObjects
from dagwright.engines.local.endpoint.ranges import OutOfRangeError, range_of
from dagwright.engines.local.store import Store
from dagwright.errors import StorageError

_BLOCK = 1 << 20
_OVERRIDES = {"response-content-type": "Content-Type", "response-content-disposition": "Content-Disposition"}
_KEPT_HEADERS = ("content-type", "content-disposition", "content-encoding", "content-language", "cache-control")


@dataclass(frozen=True)
class Arrival:
    """What has arrived whole: its file, the MD5 of it, its size in bytes."""

    path: Path
    etag: str
    size: int


class Objects:
    """The objects of one store. `say` is told of a bucket that a script makes, by its name."""

    def __init__(self, store: Store, folder: Path, held: HeldObjects, say: Callable[[str, str], None]) -> None:
        self._store = store
        self._folder = folder
        self._held = held
        self._say = say
        self._appearing = threading.Lock()

    # ---- out ----

    def get(self, request: Request) -> Answer:
        """Also HEAD, of which the server leaves the body out. What is sent is the object as it was when it was opened,
        whatever is put in its place meanwhile."""
        if request.query.get("partNumber", "1") != "1":
            raise S3Error(416, "InvalidPartNumber", "a local run keeps objects whole: ask for a range, not for a part")
        file, status, held = self._open(request)
        try:
            answer = _answer(request, file, status, held)
        except BaseException:
            file.close()
            raise
        if answer.file is None:
            file.close()
        return answer

    def _open(self, request: Request) -> tuple[BinaryIO, os.stat_result, Held]:
        folder_of(self._store, request.bucket)
        path = self.place(request)
        if request.key.endswith("/") or not os.path.isfile(path):  # also of a name that no file can have
            raise S3Error(404, "NoSuchKey", f"there is no object s3://{request.bucket}/{request.key}")
        file = path.open("rb")
        status = os.fstat(file.fileno())
        return file, status, self._held.of(path, status, file)

    def place(self, request: Request) -> Path:
        """Where the object lies, or would. Raises StorageError if its key leads out of the bucket, S3Error if a link is
        on the way: it could lead anywhere, and nothing behind it is in a listing either."""
        path = self._store.path(f"s3://{request.bucket}/{request.key}")
        bucket = self._store.root / request.bucket
        if any(folder.is_symlink() for folder in path.parents if bucket in folder.parents):
            raise S3Error(400, "InvalidRequest", f"a link is on the way to s3://{request.bucket}/{request.key}")
        return path

    # ---- in ----

    def put(self, request: Request) -> Answer:
        if request.header("x-amz-copy-source"):
            return self._copy(request)
        path = self.place(request)
        if request.key.endswith("/"):
            return _put_folder(request, path)
        arrival = self.receive(request)
        self.appear(arrival.path, request, Held(arrival.etag, own_headers(request.headers)))
        return Answer(headers={"ETag": f'"{arrival.etag}"'})

    def _copy(self, request: Request) -> Answer:
        replaced = request.header("x-amz-metadata-directive").upper() == "REPLACE"
        arrival, held = self.copied(request)
        held = Held(arrival.etag, own_headers(request.headers) if replaced else held.headers)
        self.appear(arrival.path, request, held)
        return document("CopyObjectResult", ETag=f'"{held.etag}"', LastModified=iso(time.time()))

    def copied(self, request: Request) -> tuple[Arrival, Held]:
        """What arrives from another object, or from a part of it; what is held of that one. Raises S3Error."""
        named = documents.unquoted(request.header("x-amz-copy-source")).partition("?versionId=")[0].lstrip("/")
        bucket, _, key = named.partition("/")
        file, status, held = self._open(Request("GET", bucket, key, {}, Message(), request.content))
        with file:
            part = _part(request.header("x-amz-copy-source-range"), status.st_size) or range(status.st_size)
            file.seek(part.start)
            return self._keep(file, len(part)), held

    def receive(self, request: Request) -> Arrival:
        """What arrives as the body. Raises S3Error if it is not what was announced, EOFError if it ends too early."""
        arrival = self._keep(request.content)
        digest, size = request.header("Content-MD5"), request.header("x-amz-decoded-content-length")
        if digest and base64.b64encode(bytes.fromhex(arrival.etag)).decode() != digest:
            arrival.path.unlink()
            raise S3Error(400, "BadDigest", "the Content-MD5 is not that of the content")
        if size and size != str(arrival.size):
            arrival.path.unlink()
            raise S3Error(400, "IncompleteBody", f"{size} bytes were announced, {arrival.size} came")
        return arrival

    def _keep(self, source: BinaryIO | BufferedIOBase, most: int | None = None) -> Arrival:
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / uuid.uuid4().hex
        digest, size = hashlib.md5(usedforsecurity=False), 0
        try:
            with path.open("xb") as writer:
                while block := source.read(_BLOCK if most is None else min(_BLOCK, most - size)):
                    writer.write(block)
                    digest.update(block)
                    size += len(block)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return Arrival(path, digest.hexdigest(), size)

    def appear(self, arrived: Path, request: Request, held: Held) -> None:
        """Make a file the object that is asked for, from one moment to the next. Raises S3Error if the client wants
        that only under a condition, and the object that is there does not meet it."""
        path = self.place(request)
        is_new = not (self._store.root / request.bucket).is_dir()
        try:
            with self._appearing:
                self._require_condition(request, path)
                store = self._store.telling(lambda _, stamp: self._held.hold(path, stamp, held))
                store.put(arrived, f"s3://{request.bucket}/{request.key}", move=True)
        finally:
            arrived.unlink(missing_ok=True)
        if is_new:
            self._say(request.bucket, f"a script has put something into a bucket that was not there: {request.bucket}")

    def _require_condition(self, request: Request, path: Path) -> None:
        wanted, is_new = request.header("If-Match").strip().strip('"'), request.header("If-None-Match").strip() == "*"
        if not wanted and not is_new:
            return
        known = self._held.of(path, path.stat()).etag if path.is_file() else ""
        if is_new and known:
            raise S3Error(412, "PreconditionFailed", "there is such an object already")
        if wanted and not known:
            raise S3Error(404, "NoSuchKey", f"there is no object s3://{request.bucket}/{request.key}")
        if wanted not in ("", "*", known):
            raise S3Error(412, "PreconditionFailed", "the object has another ETag")

    # ---- away ----

    def delete(self, request: Request) -> Answer:
        folder_of(self._store, request.bucket)
        self._remove(request)
        return Answer(204)

    def delete_many(self, request: Request) -> Answer:
        folder_of(self._store, request.bucket)
        asked = documents.read(request.document())
        quiet = asked.findtext("{*}Quiet") == "true"
        said = []
        for key in (each.findtext("{*}Key") or "" for each in asked.findall("{*}Object")):
            try:
                self._remove(Request("DELETE", request.bucket, key, {}, Message(), request.content))
            except (StorageError, S3Error) as error:
                said.append(documents.element("Error", Key=key, Code="InvalidRequest", Message=error.message))
            else:
                said += [] if quiet else [documents.element("Deleted", Key=key)]
        return document("DeleteResult", *said)

    def _remove(self, request: Request) -> None:
        """S3 says the same of an object that was there and of one that was not."""
        path = self.place(request)
        if request.key and not request.key.endswith("/") and os.path.isfile(path):
            self._store.remove(f"s3://{request.bucket}/{request.key}")


def own_headers(headers: Message) -> dict[str, str]:
    """What a client wants to find again with its object; of its encodings not the one that is S3's own."""
    found = {
        name: value
        for name, value in headers.items()
        if name.lower() in _KEPT_HEADERS or name.lower().startswith("x-amz-meta-")
    }
    encodings = [each.strip() for each in found.pop("Content-Encoding", "").split(",")]
    kept = ", ".join(each for each in encodings if each and each != "aws-chunked")
    return {**found, "Content-Encoding": kept} if kept else found


def _answer(request: Request, file: BinaryIO, status: os.stat_result, held: Held) -> Answer:
    headers = {
        "Content-Type": "binary/octet-stream",
        **held.headers,
        **{name: request.query[word] for word, name in _OVERRIDES.items() if word in request.query},
        "ETag": f'"{held.etag}"',
        "Last-Modified": formatdate(status.st_mtime, usegmt=True),
        "Accept-Ranges": "bytes",
    }
    if _is_known(request, held.etag):
        return Answer(304, headers)
    part = _part(request.header("Range"), status.st_size)
    if part is None:
        return Answer(200, headers, file=file, size=status.st_size)
    headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{status.st_size}"
    return Answer(206, headers, file=file, start=part.start, size=len(part))


def _part(header: str, size: int) -> range | None:
    try:
        return range_of(header, size)
    except OutOfRangeError:
        raise S3Error(416, "InvalidRange", "the requested range is not satisfiable") from None


def _is_known(request: Request, etag: str) -> bool:
    """Whether the client has this very object already. Raises S3Error if it wants another."""
    wanted, known = (
        {each.strip().strip('"') for each in request.header(name).split(",") if each.strip()}
        for name in ("If-Match", "If-None-Match")
    )
    if wanted and not wanted & {etag, "*"}:
        raise S3Error(412, "PreconditionFailed", "the object has another ETag")
    return bool(known & {etag, "*"})


def _put_folder(request: Request, path: Path) -> Answer:
    """What consoles and scripts make of a folder is an empty object; here it is the folder."""
    if request.content.read(1):
        raise S3Error(400, "InvalidRequest", "an object whose key ends in / is a folder here: it has no content")
    path.mkdir(parents=True, exist_ok=True)
    return Answer(headers={"ETag": f'"{hashlib.md5(usedforsecurity=False).hexdigest()}"'})
