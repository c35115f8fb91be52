"""Whose request it is, and for which service: what AWS's clients say in their signature, which nobody checks here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from urllib.parse import parse_qsl

# AWS4-HMAC-SHA256 names date, region and service; the variant for several regions leaves the region out.
_SCOPE = re.compile(r"([^/,=\s]+)/[0-9]{8}/(?:([^/]+)/)?([^/]+)/aws4_request")
_OLD = re.compile(r"AWS ([^:\s]+):")


@dataclass(frozen=True)
class Caller:
    """The access key, the service and the region of a request; each empty if it says none."""

    key: str = ""
    service: str = ""
    region: str = ""


def caller_of(headers: Message, query: Mapping[str, str]) -> Caller:
    """Of a signed request, or of an address that was signed beforehand."""
    said = headers.get("Authorization") or ""
    if found := _SCOPE.search(said or query.get("X-Amz-Credential", "")):
        key, region, service = found.groups(default="")
        return Caller(key, service, region)
    old = _OLD.match(said)
    key = old.group(1) if old else query.get("AWSAccessKeyId", "")  # only S3 still takes that signature
    return Caller(key, "s3")


def operation_of(method: str, path: str, headers: Message, body: bytes) -> str:
    """What is called, as far as the request says it: `DescribeTrainingJob`, or `GET /2015-03-31/functions`."""
    if target := headers.get("X-Amz-Target"):
        return target.rpartition(".")[2]
    if "x-www-form-urlencoded" in (headers.get("Content-Type") or ""):
        return dict(parse_qsl(body.decode("utf-8", "replace"))).get("Action", "")
    return path.rpartition("/operation/")[2] if "/operation/" in path else f"{method} {path}"
