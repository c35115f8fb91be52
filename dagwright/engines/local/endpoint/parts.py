"""S3's operations on objects that arrive in parts."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext

from dagwright.engines.local.endpoint import documents
from dagwright.engines.local.endpoint.exchange import Answer, Request, S3Error, document, iso
from dagwright.engines.local.endpoint.held import Held
from dagwright.engines.local.endpoint.objects import Objects, own_headers
from dagwright.engines.local.endpoint.uploads import Part, Upload, Uploads

_MOST_PARTS, _MOST_DIGITS = 10_000, 10


class Parts:
    """The uploads of one store, which `objects` makes objects of."""

    def __init__(self, objects: Objects, uploads: Uploads) -> None:
        self._objects = objects
        self._uploads = uploads

    def begin(self, request: Request) -> Answer:
        self._objects.place(request)
        upload = self._uploads.begin(request.bucket, request.key, own_headers(request.headers))
        return document("InitiateMultipartUploadResult", **_names(upload))

    def put(self, request: Request) -> Answer:
        with self._open(request):
            pass  # it is told before its part has come
        number = request.query.get("partNumber", "")
        if not number.isdecimal() or len(number) > _MOST_DIGITS or not 1 <= int(number) <= _MOST_PARTS:
            raise S3Error(400, "InvalidArgument", f"the number of a part is one from 1 to {_MOST_PARTS}")
        is_copy = bool(request.header("x-amz-copy-source"))
        arrival = self._objects.copied(request)[0] if is_copy else self._objects.receive(request)
        try:
            with self._open(request) as upload:
                upload.add(int(number), arrival.path, Part(arrival.etag, arrival.size))
        finally:
            arrival.path.unlink(missing_ok=True)
        etag = f'"{arrival.etag}"'
        if is_copy:
            return document("CopyPartResult", ETag=etag, LastModified=iso(time.time()))
        return Answer(headers={"ETag": etag})

    def list(self, request: Request) -> Answer:
        with self._open(request) as upload:
            parts = [
                documents.element("Part", PartNumber=str(number), ETag=f'"{part.etag}"', Size=str(part.size))
                for number, part in sorted(upload.parts.items())
            ]
        return document("ListPartsResult", *parts, **_names(upload), IsTruncated="false")

    def complete(self, request: Request) -> Answer:
        """Said of one that is complete already, too: the client may not have heard it."""
        named = [
            (part.findtext("{*}PartNumber") or "", (part.findtext("{*}ETag") or "").strip().strip('"'))
            for part in documents.read(request.document()).findall("{*}Part")
        ]
        numbers = [int(number) for number, _ in named if number.isdecimal() and len(number) <= _MOST_DIGITS]
        if not numbers or len(numbers) < len(named) or numbers != sorted(set(numbers)):
            raise S3Error(400, "InvalidPartOrder", "the list of parts has none, or is not in ascending order")
        with self._open(request, or_complete=True) as upload:
            if not upload.etag:
                self._make_whole(upload, request, {int(number): etag for number, etag in named})
        named_so = {"Bucket": upload.bucket, "Key": upload.key}
        return document("CompleteMultipartUploadResult", **named_so, ETag=f'"{upload.etag}"')

    def _make_whole(self, upload: Upload, request: Request, named: Mapping[int, str]) -> None:
        lacking = upload.lacks(named)
        if lacking is not None:
            raise S3Error(400, "InvalidPart", f"part {lacking} has not arrived, or has another ETag")
        whole, etag = upload.join(named)
        self._objects.appear(whole, request, Held(etag, upload.headers))
        upload.etag = etag
        self._uploads.end(upload)

    def abort(self, request: Request) -> Answer:
        with self._open(request) as upload:
            self._uploads.end(upload)
        return Answer(204)

    @contextmanager
    def _open(self, request: Request, *, or_complete: bool = False) -> Iterator[Upload]:
        """The upload that is asked for, for nobody else meanwhile."""
        upload = self._uploads.of(request.query["uploadId"], request.bucket, request.key)
        with upload.lock if upload else nullcontext():
            if upload is None or (self._uploads.is_over(upload) and not (or_complete and upload.etag)):
                raise S3Error(404, "NoSuchUpload", "there is no such upload: it has been completed or aborted")
            yield upload


def _names(upload: Upload) -> dict[str, str]:
    return {"Bucket": upload.bucket, "Key": upload.key, "UploadId": upload.identity}
