"""What is an S3 address, and what it says."""

from __future__ import annotations

import pytest

from dagwright.engines.addresses import bucket_and_key, split_uri
from dagwright.errors import StorageError


def test_an_address_has_a_bucket_and_a_key() -> None:
    assert split_uri("s3://bucket/a//b/") == ("bucket", ["a", "b"])
    for uri in ("bucket/key", "s3://", "s3://UPPER/x", "s3://b/x", "file:///etc", "s3://bucket/../x"):
        with pytest.raises(StorageError):
            split_uri(uri)


def test_the_key_of_an_object_is_kept_to_the_letter() -> None:
    assert bucket_and_key("s3://bucket/a//b") == ("bucket", "a//b")
    for uri in ("s3://bucket", "s3://bucket/"):
        with pytest.raises(StorageError, match="no address of an object"):
            bucket_and_key(uri)
