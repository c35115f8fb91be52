"""The registry of an account and Region (ECR): which image a tag names there, and the way in for Docker.

What comes in: addresses of images, as the configuration has them. What goes out: the repository that one lies in, if it
is of this registry; the digest behind a tag of it; and a password.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass

from dagwright.engines.aws.clients import Clients, aws_errors, error_code
from dagwright.errors import AWSError, UserError
from dagwright.shapes import partitions

# What SageMaker takes; it is reported to refuse OCI's (github.com/aws/amazon-sagemaker-feedback, issue 180).
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


@dataclass(frozen=True)
class StoredImage:
    """An image of a repository: `sha256:…`, and the form that its manifest has ("" if ECR does not say)."""

    digest: str
    manifest: str = ""


class ImageRegistry:
    """The registry that is the account's own in a Region."""

    def __init__(self, clients: Clients, account_id: str, partition: str) -> None:
        suffix = next(one["outputs"]["dnsSuffix"] for one in partitions() if one["id"] == partition)
        self._clients = clients
        self._place = f"dkr.ecr.{clients.region}.{suffix}"
        self.host = f"{account_id}.{self._place}"

    def repository_of(self, image: str) -> str:
        """The name of the repository of an address without its tag and digest; "" if it is of another registry."""
        host, _, rest = image.partition("/")
        return rest.partition("@")[0].partition(":")[0] if host == self.host else ""

    def hosts_in(self, text: str) -> list[str]:
        """The registries of this Region that a Dockerfile names, of any account: its bases are pulled from there."""
        return sorted({*re.findall(rf"\b[0-9]{{12}}\.{re.escape(self._place)}(?=/)", text)})

    def find(self, repository: str, tag: str) -> StoredImage | None:
        """The image that a tag names. Raises AWSError, UserError if there is no such repository."""
        try:
            with aws_errors(f"The images of {repository} cannot be seen"):
                found = self._clients("ecr").describe_images(repositoryName=repository, imageIds=[{"imageTag": tag}])
        except AWSError as error:
            if error_code(error) == "ImageNotFoundException":
                return None
            if error_code(error) == "RepositoryNotFoundException":
                what = f"There is no repository {repository} in {self.host}"
                hint = "`infra upsert` makes the repositories of the configuration's images; a name may be misspelled."
                raise UserError(what, hint=hint) from error
            raise
        image = found["imageDetails"][0]
        return StoredImage(image["imageDigest"], image.get("imageManifestMediaType") or "")

    def password(self) -> str:
        """What the user AWS signs in with, for twelve hours. Raises AWSError."""
        with aws_errors(f"No password for {self.host} is given"):
            given = self._clients("ecr").get_authorization_token()
        token = base64.b64decode(given["authorizationData"][0]["authorizationToken"]).decode()
        return token.partition(":")[2]
