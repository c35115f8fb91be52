"""S3's operations on buckets: a bucket is a folder of the store, there as soon as anything has been put into it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from dagwright.engines.local.endpoint import documents
from dagwright.engines.local.endpoint.exchange import Answer, Request, S3Error, document, iso
from dagwright.engines.local.endpoint.held import HeldObjects
from dagwright.engines.local.endpoint.listing import Page, page_of
from dagwright.engines.local.endpoint.uploads import Uploads
from dagwright.engines.local.store import Store
from dagwright.shapes import is_bucket

_MOST_KEYS, _MOST_DIGITS = 1000, 10


def folder_of(store: Store, bucket: str) -> Path:
    """Where the objects of a bucket lie. Raises S3Error if there is no such bucket."""
    folder = store.root / bucket
    if not folder.is_dir():
        raise S3Error(404, "NoSuchBucket", f"the local store has no bucket '{bucket}': nothing has been put into it")
    return folder


class Buckets:
    """The buckets of one store."""

    def __init__(self, store: Store, held: HeldObjects, uploads: Uploads, region: str) -> None:
        self._store = store
        self._held = held
        self._uploads = uploads
        self._region = region

    def list(self, request: Request) -> Answer:
        entries = self._store.root.iterdir() if self._store.root.is_dir() else iter(())
        found = sorted(entry for entry in entries if is_bucket(entry.name) and entry.is_dir())
        buckets = [
            documents.element("Bucket", Name=entry.name, CreationDate=iso(entry.stat().st_mtime)) for entry in found
        ]
        return document("ListAllMyBucketsResult", documents.element("Buckets", *buckets))

    def head(self, request: Request) -> Answer:
        folder_of(self._store, request.bucket)
        return Answer(headers={"x-amz-bucket-region": self._region})

    def create(self, request: Request) -> Answer:
        (self._store.root / request.bucket).mkdir(parents=True, exist_ok=True)
        return Answer(headers={"Location": f"/{request.bucket}"})

    def delete(self, request: Request) -> Answer:
        folder = folder_of(self._store, request.bucket)
        if page_of(folder, "", "", "", 1).objects:
            raise S3Error(409, "BucketNotEmpty", "the bucket to be deleted is not empty")
        for place, _, _ in os.walk(folder, topdown=False):
            os.rmdir(place)
        return Answer(204)

    def locate(self, request: Request) -> Answer:
        folder_of(self._store, request.bucket)
        region = "" if self._region == "us-east-1" else self._region
        return document("LocationConstraint", region)

    def tell_versioning(self, request: Request) -> Answer:
        """It has never been turned on."""
        folder_of(self._store, request.bucket)
        return document("VersioningConfiguration")

    def list_uploads(self, request: Request) -> Answer:
        folder_of(self._store, request.bucket)
        found = self._uploads.below(request.bucket, request.query.get("prefix", ""))
        uploads = [documents.element("Upload", Key=each.key, UploadId=each.identity) for each in found]
        return document("ListMultipartUploadsResult", *uploads, Bucket=request.bucket, IsTruncated="false")

    def list_objects(self, request: Request) -> Answer:
        """Both versions of the operation, which differ in how the next page is asked for."""
        folder, query = folder_of(self._store, request.bucket), request.query
        second = query.get("list-type") == "2"
        most, prefix, delimiter = query.get("max-keys") or "1000", query.get("prefix", ""), query.get("delimiter", "")
        if not most.isdecimal() or len(most) > _MOST_DIGITS:
            raise S3Error(400, "InvalidArgument", f"max-keys is no number: {most}")
        after = query.get("continuation-token") or query.get("start-after", "") if second else query.get("marker", "")
        page = page_of(folder, _plain(prefix), delimiter, after, min(int(most), _MOST_KEYS))
        spelled = documents.spelled if query.get("encoding-type") == "url" else str
        more = {
            "Name": request.bucket,
            "Prefix": spelled(prefix),
            "Delimiter": spelled(delimiter),
            "MaxKeys": most,
            "EncodingType": query.get("encoding-type", ""),
            "IsTruncated": "true" if page.last else "false",
        }
        if second:
            more |= {"KeyCount": str(len(page.objects) + len(page.groups)), "NextContinuationToken": page.last}
            more |= {"ContinuationToken": query.get("continuation-token", "")}
            more |= {"StartAfter": spelled(query.get("start-after", ""))}
        else:
            more |= {"Marker": spelled(after), "NextMarker": spelled(page.last)}
        return document("ListBucketResult", *self._entries(folder, page, spelled), **more)

    def _entries(self, folder: Path, page: Page, spelled: Callable[[str], str]) -> tuple[str, ...]:
        objects = (
            documents.element(
                "Contents", Key=spelled(key), LastModified=iso(status.st_mtime), Size=str(status.st_size),
                ETag=f'"{self._held.of(folder / key, status).etag}"', StorageClass="STANDARD",
            )
            for key, status in page.objects
        )  # fmt: skip
        return (*objects, *(documents.element("CommonPrefixes", Prefix=spelled(group)) for group in page.groups))


def _plain(prefix: str) -> str:
    """A prefix as the store spells keys: slashes are neither doubled nor first."""
    parts = [part for part in prefix.split("/") if part]
    return "/".join(parts) + ("/" if parts and prefix.endswith("/") else "")
