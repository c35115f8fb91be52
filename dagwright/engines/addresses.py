"""S3 addresses: `s3://bucket/key` comes in, its parts go out. What no engine could have an object at is refused."""

from __future__ import annotations

import re

from dagwright.errors import StorageError
from dagwright.shapes import is_bucket

_LONGEST_KEY = 1024  # bytes of UTF-8 (Amazon S3 user guide, object keys)
_SERVICE = r"s3(?:[.-][a-z0-9-]+)?\.amazonaws\.com(?:\.cn)?"
_HOSTED = re.compile(rf"https://([a-z0-9][a-z0-9.-]+)\.{_SERVICE}/(.+)")
_BY_PATH = re.compile(rf"https://{_SERVICE}/([^/]+)/(.+)")


def split_uri(uri: str) -> tuple[str, list[str]]:
    """(bucket, the parts of the key). Raises StorageError for what is no `s3://bucket/key`, or has a key that is no
    way down a folder tree: what is an address on AWS is one on this machine."""
    scheme, separator, rest = uri.partition("://")
    if scheme != "s3" or not separator:
        raise StorageError(f"'{uri}' is not an S3 address", hint="It has the form s3://bucket/key.")
    bucket, _, key = rest.partition("/")
    if not is_bucket(bucket):
        raise StorageError(f"'{uri}' names no possible bucket: '{bucket}'")
    parts = [part for part in key.split("/") if part]
    if any(part in (".", "..") or "\0" in part for part in parts):
        raise StorageError(f"'{uri}' is refused: its key would leave the bucket's folder")
    try:
        length = len(key.encode())
    except UnicodeEncodeError:
        raise StorageError(f"{uri!a} is refused: its key is no text in UTF-8, as every key is") from None
    if length > _LONGEST_KEY:
        raise StorageError(f"'{uri:.80}…' is refused: its key has {length:,} bytes, and S3 takes {_LONGEST_KEY:,}")
    return bucket, parts


def s3_form(address: str) -> str:
    """The `s3://` form of an object's https address, which the API takes for models as well; any other stays as it is.

    `https://bucket.s3.region.amazonaws.com/key`, `https://s3.region.amazonaws.com/bucket/key`, `s3-region` as well.
    """
    found = _HOSTED.fullmatch(address) or _BY_PATH.fullmatch(address)
    return f"s3://{found[1]}/{found[2]}" if found else address


def bucket_and_key(uri: str) -> tuple[str, str]:
    """The two halves of an object's address, the key to the letter. Raises StorageError if it is none."""
    bucket, parts = split_uri(uri)
    if not parts:
        raise StorageError(f"'{uri}' is no address of an object", hint="It has the form s3://bucket/key.")
    return bucket, uri.removeprefix(f"s3://{bucket}/")
