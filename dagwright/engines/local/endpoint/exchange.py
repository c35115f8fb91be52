"""What a client asks of S3, and what it is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from email.message import Message
from io import BufferedIOBase
from typing import BinaryIO

from dagwright.engines.local.endpoint import documents

_LARGEST_DOCUMENT = 8 << 20
_NOT_A_SUBRESOURCE = {"prefix", "delimiter", "marker", "start-after", "continuation-token", "key-marker", "x-id"}


class S3Error(Exception):
    """A refusal: a status of HTTP, S3's code, and a sentence."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


@dataclass(frozen=True)
class Request:
    """What a client asks of a bucket, or of the object `key` in it. Names of `headers` are found in any case."""

    method: str
    bucket: str
    key: str
    query: Mapping[str, str]
    headers: Message
    content: BufferedIOBase

    @property
    def subresource(self) -> str:
        """`uploads` of `?uploads`: what of the object or bucket is meant, if not itself."""
        if "uploadId" in self.query:
            return "uploadId"
        return next((name for name, value in self.query.items() if not value and name not in _NOT_A_SUBRESOURCE), "")

    def header(self, name: str) -> str:
        return self.headers.get(name) or ""

    def document(self) -> bytes:
        """The body, where it is a document of XML. Raises S3Error if it is too long."""
        content = self.content.read(_LARGEST_DOCUMENT + 1)
        if len(content) > _LARGEST_DOCUMENT:
            raise S3Error(400, "MaxMessageLengthExceeded", "the document is longer than 8 MiB")
        return content


@dataclass(frozen=True)
class Answer:
    """`file`, from `start` on, is sent as the body if there is one, `size` bytes of it; it is closed then."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes = b""
    file: BinaryIO | None = None
    start: int = 0
    size: int = 0


def document(name: str, *children: str, **texts: str) -> Answer:
    """A document of XML as an answer."""
    return Answer(headers={"Content-Type": "application/xml"}, content=documents.document(name, *children, **texts))


def iso(seconds: float) -> str:
    """A moment as S3's documents have it."""
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000Z")
