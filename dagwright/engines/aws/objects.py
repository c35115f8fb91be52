"""Objects in S3: is one there, what is in it, and put it there, encrypted with the project's key."""

from __future__ import annotations

from pathlib import Path

from dagwright.engines.addresses import bucket_and_key
from dagwright.engines.aws.clients import Clients, aws_errors, error_code
from dagwright.errors import AWSError, StorageError


class Objects:
    """The objects that one account can see. `key` is a KMS key; without one the bucket's own encryption applies."""

    def __init__(self, clients: Clients, key: str | None = None) -> None:
        self._clients = clients
        self._encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key} if key else {}

    def exists(self, uri: str) -> bool:
        """Whether there is an object at this very address. Raises AWSError if that cannot be seen."""
        bucket, key = bucket_and_key(uri)
        try:
            with aws_errors(f"Whether {uri} exists cannot be seen"):
                self._clients("s3").head_object(Bucket=bucket, Key=key)
        except AWSError as error:
            if error_code(error) in ("404", "NoSuchKey", "NotFound"):
                return False
            raise
        return True

    def read(self, uri: str, most: int) -> bytes:
        """The content of an object of at most `most` bytes. Raises StorageError for a larger one, AWSError."""
        bucket, key = bucket_and_key(uri)
        with (
            aws_errors(f"{uri} cannot be read"),
            self._clients("s3").get_object(Bucket=bucket, Key=key)["Body"] as body,
        ):
            content: bytes = body.read(most + 1)
        if len(content) > most:
            raise StorageError(f"{uri} has more than {most >> 20} MiB")
        return content

    def put(self, content: bytes, uri: str) -> None:
        """Make these bytes the object. Raises AWSError."""
        bucket, key = bucket_and_key(uri)
        with aws_errors(f"{uri} could not be written"):
            self._clients("s3").put_object(Bucket=bucket, Key=key, Body=content, **self._encryption)

    def put_file(self, path: Path, uri: str) -> None:
        """Make a file of any size the object. Raises AWSError."""
        bucket, key = bucket_and_key(uri)
        with aws_errors(f"{path} could not be put at {uri}"):
            self._clients("s3").upload_file(str(path), bucket, key, ExtraArgs=self._encryption)
