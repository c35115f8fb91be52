"""S3 over the store: which operation a request asks for.

What comes in: a `Request`. What goes out: an `Answer`; objects, whole or not at all, at the paths where every step of
the run reads and writes them. What is not in the table is refused by its name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from xml.etree.ElementTree import ParseError

from dagwright.engines.local.endpoint.buckets import Buckets
from dagwright.engines.local.endpoint.exchange import Answer, Request, S3Error
from dagwright.engines.local.endpoint.held import HeldObjects
from dagwright.engines.local.endpoint.objects import Objects
from dagwright.engines.local.endpoint.parts import Parts
from dagwright.engines.local.endpoint.uploads import Uploads
from dagwright.engines.local.store import Store, storage_errors
from dagwright.errors import StorageError
from dagwright.shapes import is_bucket


class S3:
    """S3 over one store. `folder` takes what is not whole yet; `say` is told of a bucket that a script makes."""

    def __init__(self, store: Store, folder: Path, region: str, say: Callable[[str, str], None]) -> None:
        held, uploads = HeldObjects(), Uploads(folder)
        buckets = Buckets(store, held, uploads, region)
        objects = Objects(store, folder, held, say)
        parts = Parts(objects, uploads)
        self._operations: Mapping[tuple[str, str, str], Callable[[Request], Answer]] = {
            ("service", "GET", ""): buckets.list,
            ("bucket", "HEAD", ""): buckets.head,
            ("bucket", "PUT", ""): buckets.create,
            ("bucket", "DELETE", ""): buckets.delete,
            ("bucket", "GET", ""): buckets.list_objects,
            ("bucket", "GET", "location"): buckets.locate,
            ("bucket", "GET", "versioning"): buckets.tell_versioning,
            ("bucket", "GET", "uploads"): buckets.list_uploads,
            ("bucket", "POST", "delete"): objects.delete_many,
            ("object", "GET", ""): objects.get,
            ("object", "HEAD", ""): objects.get,
            ("object", "PUT", ""): objects.put,
            ("object", "DELETE", ""): objects.delete,
            ("object", "POST", "uploads"): parts.begin,
            ("object", "PUT", "uploadId"): parts.put,
            ("object", "GET", "uploadId"): parts.list,
            ("object", "POST", "uploadId"): parts.complete,
            ("object", "DELETE", "uploadId"): parts.abort,
        }

    def answer(self, request: Request) -> Answer:
        """Raises S3Error, EOFError if the body ends too early."""
        of = "object" if request.key else "bucket" if request.bucket else "service"
        operation = self._operations.get((of, request.method, request.subresource))
        if operation is None or request.query.get("versionId", "null") != "null":
            what = request.subresource or ("an older version" if "versionId" in request.query else "this")
            raise S3Error(501, "NotImplemented", f"a local run does not answer {request.method} of {what} of S3")
        if request.bucket and not is_bucket(request.bucket):
            raise S3Error(400, "InvalidBucketName", f"'{request.bucket}' is no name of a bucket")
        try:
            with storage_errors(f"s3://{request.bucket}/{request.key}: {request.method} failed"):
                return operation(request)
        except StorageError as error:
            raise S3Error(400, "InvalidRequest", f"{error.message} {error.hint}".strip()) from error
        except ParseError as error:
            raise S3Error(400, "MalformedXML", f"the document cannot be read: {error}") from error
