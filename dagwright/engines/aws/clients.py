"""boto3's clients for one Region, and its errors in one sentence with what to do now."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import Lock
from typing import Any

from dagwright.errors import AWSError, UserError, did_you_mean
from dagwright.shapes import model, partitions

# botocore's adaptive mode slows down when the service throttles; its own default of 5 attempts gives up within seconds.
# Whoever sets botocore's own variables means them.
_ATTEMPTS = 10
_RETRIES = {"mode": ("adaptive", "AWS_RETRY_MODE"), "total_max_attempts": (_ATTEMPTS, "AWS_MAX_ATTEMPTS")}
# Who asks whose credentials these are asks first: that there is no network, or no such Region, is to show in seconds.
_FEW_ATTEMPTS = {"sts": 3}
_NO_CREDENTIALS = "Sign in (aws sso login, or the AWS_* variables); for a named profile set AWS_PROFILE."
_EXPIRED = "Sign in again (aws sso login, or new AWS_* variables); nothing that runs on AWS is touched by that."
_DENIED = "Ask for this permission, or sign in as a role that has it."
_NOT_THERE = re.compile("does ?n[o']t exist|not found|could not find|no such", re.IGNORECASE)
_ABSENT = ("ResourceNotFound", "ResourceNotFoundException", "StateMachineDoesNotExist", "ExecutionDoesNotExist")
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
    "403": "S3 refuses to look. Ask for s3:GetObject and s3:ListBucket, or sign in as a role that has them.",
    "NoSuchBucket": "There is no such bucket: create it, or correct the bucket in config/project.yaml.",
    "InvalidLoggingConfiguration": (
        "Create the log group (config/project.yaml: state_machines.log_group), and let the machines' role deliver logs."
    ),
    "StateMachineDeleting": "What had this name is still being deleted; try again in a minute.",
    "Throttling": "AWS slows this account down; try again in a minute.",
    "ThrottlingException": "AWS slows this account down; try again in a minute.",
}


class Clients:
    """One client a service, made when it is first asked for; safe to use from several threads.

    `attempts` are how often a call is tried that fails for a reason that may pass.
    """

    def __init__(self, region: str, attempts: int = _ATTEMPTS) -> None:
        self.region = region
        self._attempts = attempts
        self._made: dict[str, Any] = {}
        self._lock = Lock()

    def __call__(self, service: str) -> Any:
        """The client of `service` (`sagemaker`, `s3`, `logs`, …). Raises AWSError."""
        with self._lock:
            if service not in self._made:
                import boto3
                from botocore.config import Config

                config = Config(retries=_retries(service, self._attempts), connect_timeout=10)
                with aws_errors(f"No client for {service} can be made"):
                    self._made[service] = boto3.client(service, region_name=self.region, config=config)
            return self._made[service]

    def pages(self, what: str, service: str, operation: str, **arguments: Any) -> Iterator[Mapping[str, Any]]:
        """The answers to a call that lists something, each asked for when it is wanted.

        Raises AWSError: `what` could not be done.
        """
        with aws_errors(what):
            yield from self(service).get_paginator(operation).paginate(**arguments)


def largest_page() -> int:
    """How many of a list SageMaker gives in one answer; left to itself it gives ten."""
    return int(model("sagemaker")["MaxResults"]["max"])


def _retries(service: str, attempts: int) -> dict[str, Any]:
    ours: dict[str, Any] = {name: value for name, (value, variable) in _RETRIES.items() if variable not in os.environ}
    if "total_max_attempts" in ours:
        ours["total_max_attempts"] = min(attempts, _FEW_ATTEMPTS.get(service, attempts))
    return ours


@contextmanager
def aws_errors(what: str) -> Iterator[None]:
    """Raises boto3's errors as AWSError: `what` could not be done, AWS's reason, and what to do now."""
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        raise _refused(what, error) from error
    except Boto3Error as error:
        behind = error.__context__  # boto3 says of an upload that it failed, and botocore why
        if isinstance(behind, ClientError):
            raise _refused(what, behind) from behind
        raise AWSError(f"{what}: {error}", hint=_hint_of(error)) from error
    except BotoCoreError as error:
        raise AWSError(f"{what}: {error}", hint=_hint_of(error)) from error


def _refused(what: str, error: Any) -> AWSError:
    detail = error.response.get("Error", {})
    code = str(detail.get("Code", ""))
    return AWSError(f"{what}: {detail.get('Message') or error} ({code})", hint=_HINTS.get(code, ""))


def check_account(clients: Clients, account_id: str, environment: str) -> None:
    """Raises UserError if the credentials are of another account than the environment's, AWSError if there are none."""
    try:
        with aws_errors("Whose credentials these are cannot be seen"):
            found = clients("sts").get_caller_identity()["Account"]
    except AWSError as error:
        hint = _unknown_region(clients.region) if not error_code(error) else ""
        raise AWSError(error.message, hint=hint or error.hint) from error.__cause__
    if found != account_id:
        what = f"These credentials are of the account {found}, and {environment} is in the account {account_id}"
        hint = (
            "Sign in to the other account (AWS_PROFILE, aws sso login), or correct account_id in config/project.yaml."
        )
        raise UserError(what, hint=hint)


def _unknown_region(region: str) -> str:
    """What to do, if this is no Region that the installed botocore knows; empty if it is one."""
    known = {name for partition in partitions() for name in partition["regions"]}
    return "" if region in known else f"No Region {region} is known ({did_you_mean(region, known)})."


def error_code(error: AWSError) -> str:
    """AWS's code of an error that `aws_errors` raised, such as `ResourceNotFound`; empty if there is none."""
    response = getattr(error.__cause__, "response", None) or {}  # a connection that broke has a response of None
    return str(response.get("Error", {}).get("Code", ""))


def is_absent(error: AWSError) -> bool:
    """Whether AWS says that there is nothing of that name.

    Besides the codes for it, SageMaker has a ValidationException whose sentence says so (a group without packages).
    """
    code = error_code(error)
    if code in _ABSENT:
        return True
    return code == "ValidationException" and _NOT_THERE.search(error.message) is not None


def is_stack_absent(error: AWSError) -> bool:
    """Whether CloudFormation says that there is no such stack, for which it has no code of its own."""
    return error_code(error) == "ValidationError" and "does not exist" in error.message


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
