"""boto3's clients for one Region, and its errors in one sentence with what to do now."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

from dagwright.errors import AWSError

# botocore's adaptive mode slows down when the service throttles; its own default of 5 attempts gives up within seconds.
_MOST_ATTEMPTS = 10
_NO_CREDENTIALS = "Sign in (aws sso login, or the AWS_* variables); for a named profile set AWS_PROFILE."
_EXPIRED = "Sign in again (aws sso login, or new AWS_* variables); nothing that runs on AWS is touched by that."
_DENIED = "Ask for this permission, or sign in as a role that has it."
_HINTS = {
    "ExpiredToken": _EXPIRED,
    "ExpiredTokenException": _EXPIRED,
    "RequestExpired": _EXPIRED,
    "InvalidClientTokenId": _NO_CREDENTIALS,
    "UnrecognizedClientException": _NO_CREDENTIALS,
    "InvalidAccessKeyId": _NO_CREDENTIALS,
    "SignatureDoesNotMatch": _NO_CREDENTIALS,
    "AccessDenied": _DENIED,
    "AccessDeniedException": _DENIED,
    "Throttling": "AWS slows this account down; try again in a minute.",
    "ThrottlingException": "AWS slows this account down; try again in a minute.",
}


class Clients:
    """One client a service, made when it is first asked for; safe to use from several threads."""

    def __init__(self, region: str) -> None:
        self.region = region
        self._made: dict[str, Any] = {}
        self._lock = Lock()

    def __call__(self, service: str) -> Any:
        """The client of `service` (`sagemaker`, `s3`, `logs`, …). Raises AWSError."""
        with self._lock:
            if service not in self._made:
                import boto3
                from botocore.config import Config

                config = Config(retries={"mode": "adaptive", "max_attempts": _MOST_ATTEMPTS}, connect_timeout=10)
                with aws_errors(f"No client for {service} can be made"):
                    self._made[service] = boto3.client(service, region_name=self.region, config=config)
            return self._made[service]


@contextmanager
def aws_errors(what: str) -> Iterator[None]:
    """Raises boto3's errors as AWSError: `what` could not be done, AWS's reason, and what to do now."""
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        detail = error.response.get("Error", {})
        code = str(detail.get("Code", ""))
        raise AWSError(f"{what}: {detail.get('Message') or error} ({code})", hint=_HINTS.get(code, "")) from error
    except (BotoCoreError, Boto3Error) as error:
        raise AWSError(f"{what}: {error}", hint=_hint_of(error)) from error


def error_code(error: AWSError) -> str:
    """AWS's code of an error that `aws_errors` raised, such as `ResourceNotFound`; empty if there is none."""
    response = getattr(error.__cause__, "response", {})
    return str(response.get("Error", {}).get("Code", ""))


def _hint_of(error: Exception) -> str:
    from botocore import exceptions

    if isinstance(error, (exceptions.NoCredentialsError, exceptions.PartialCredentialsError)):
        return _NO_CREDENTIALS
    if isinstance(error, (exceptions.TokenRetrievalError, exceptions.SSOError, exceptions.CredentialRetrievalError)):
        return _EXPIRED
    if isinstance(error, exceptions.NoRegionError):
        return "Write the region into config/project.yaml."
    if isinstance(error, exceptions.ProfileNotFound):
        return "AWS_PROFILE names a profile that ~/.aws/config does not have."
    if isinstance(error, (exceptions.HTTPClientError, exceptions.ConnectionError)):
        return "Check the network, and that the region in config/project.yaml exists."
    return ""
