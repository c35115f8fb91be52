"""Goes into a job of a local run beside `sitecustomize`, which imports it when the job imports botocore.

Imports nothing of the project, as the job has none of it.

boto3 reads AWS_ENDPOINT_URL since 1.28. This leads older ones to the endpoint of the run too, and any that are told the
address of AWS itself, to leave the signature out, or other credentials: nothing in a local run is to reach AWS by
accident.
"""

from __future__ import annotations

import copy
import os
from inspect import signature
from typing import Any
from urllib.parse import urlsplit

_OF_AWS = (".amazonaws.com", ".amazonaws.com.cn", ".amazonaws.eu", ".api.aws")
_HERE = ""


def lead(module: Any, endpoint: str) -> None:
    """Have every client of botocore call the endpoint of the run. What a version does not have is left as it is."""
    global _HERE  # noqa: PLW0603 - there is one in a process
    _HERE = endpoint
    for name, change in (
        ("compute_client_args", _lead_client),
        ("compute_endpoint_resolver_builtin_defaults", _lead_rules),
    ):
        decide = getattr(module.ClientArgsCreator, name, None)
        if decide is not None:
            setattr(module.ClientArgsCreator, name, _changed(decide, change))


def _changed(decide: Any, change: Any) -> Any:
    """The method, called with arguments that `change` has been at."""

    def decide_here(*args: Any, **kwargs: Any) -> Any:
        given = signature(decide).bind(*args, **kwargs)
        change(given.arguments)
        return decide(*given.args, **given.kwargs)

    return decide_here


def _lead_client(given: Any) -> None:
    service = given["service_model"].service_id.upper().replace(" ", "_")
    said = given.get("endpoint_url") or os.environ.get("AWS_ENDPOINT_URL_" + service)
    given["endpoint_url"] = _address_for(said or os.environ.get("AWS_ENDPOINT_URL"))
    config = given.get("client_config")
    if config is not None and config.s3 and given["endpoint_url"] == _HERE:
        given["client_config"] = copy.copy(config)
        # a bucket's name in front of a number is no host
        given["client_config"].s3 = {**config.s3, "addressing_style": "path"}


def _lead_rules(given: Any) -> None:
    """From 1.29 on rules make the address, and until 1.31 they hear nothing of what has been decided."""
    if given.get("legacy_endpoint_url") == _HERE:
        given["client_endpoint_url"] = _HERE


def _address_for(address: str | None) -> str | None:
    """The endpoint of the run in place of an address of AWS, and with the word that opens it whoever signs."""
    host = (urlsplit(address).hostname or "").rstrip(".") if address else ""
    is_of_aws = not host or host.endswith(_OF_AWS)
    return _HERE if is_of_aws or _HERE.startswith(f"{address}/") else address
