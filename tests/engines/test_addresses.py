"""What is an S3 address, and what it says."""

from __future__ import annotations

import pytest

from dagwright.engines.addresses import bucket_and_key, s3_form, split_uri
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


@pytest.mark.parametrize(
    ("address", "form"),
    [
        ("https://acme-ml.s3.eu-west-1.amazonaws.com/m/model.tar.gz", "s3://acme-ml/m/model.tar.gz"),
        ("https://acme-ml.s3-us-east-1.amazonaws.com/m/model.tar.gz", "s3://acme-ml/m/model.tar.gz"),
        ("https://acme-ml.s3.amazonaws.com/m", "s3://acme-ml/m"),
        ("https://s3.us-east-1.amazonaws.com/acme.ml/m", "s3://acme.ml/m"),
        ("https://acme-ml.s3.cn-north-1.amazonaws.com.cn/m", "s3://acme-ml/m"),
        ("https://example.com/m", "https://example.com/m"),
        ("s3://acme-ml/m", "s3://acme-ml/m"),
        ("", ""),
    ],
)
def test_an_https_address_of_an_object_has_an_s3_form(address: str, form: str) -> None:
    assert s3_form(address) == form


def test_a_key_is_no_longer_than_s3_takes_it() -> None:
    assert split_uri(f"s3://bucket/{'ü' * 512}") == ("bucket", ["ü" * 512])
    with pytest.raises(StorageError, match=r"its key has 1,025 bytes, and S3 takes 1,024"):
        split_uri(f"s3://bucket/{'ü' * 512}x")
