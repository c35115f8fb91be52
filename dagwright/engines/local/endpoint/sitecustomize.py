"""Goes into a job of a local run, where Python imports it at every start. Imports nothing of the project.

boto3 reads AWS_ENDPOINT_URL since 1.28. This leads older ones there too, and any that are told the address of AWS
itself, to leave the signature out, or other credentials: nothing in a local run is to reach AWS by accident. It costs
nothing before botocore is imported.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # the module that has it takes longer to import than all the rest
if TYPE_CHECKING:
    from typing import Any

_MODULE = "botocore.args"
_HERE = os.environ.get("DAGWRIGHT_ENDPOINT", "")


class _Finder:
    """Waits for the module in which botocore decides where a client calls."""

    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> Any:
        if name != _MODULE:
            return None
        others = [each for each in sys.meta_path if each is not _Finder and hasattr(each, "find_spec")]
        found = (each.find_spec(name, path, target) for each in others)
        spec: Any = next((each for each in found if each is not None), None)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def exec_module(module: Any) -> None:
                execute(module)
                _lead(module)

            spec.loader.exec_module = exec_module
        return spec


def _lead(module: Any) -> None:
    """Have every client of botocore call the endpoint of the run. What a version does not have is left as it is."""
    for name, change in (
        ("compute_client_args", _lead_client),
        ("compute_endpoint_resolver_builtin_defaults", _lead_rules),
    ):
        decide = getattr(module.ClientArgsCreator, name, None)
        if decide is not None:
            setattr(module.ClientArgsCreator, name, _changed(decide, change))


def _changed(decide: Any, change: Any) -> Any:
    """The method, called with arguments that `change` has been at."""
    from inspect import signature

    def decide_here(*args: Any, **kwargs: Any) -> Any:
        given = signature(decide).bind(*args, **kwargs)
        change(given.arguments)
        return decide(*given.args, **given.kwargs)

    return decide_here


def _lead_client(given: Any) -> None:
    import copy

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
    from urllib.parse import urlsplit

    host = urlsplit(address).hostname if address else ""
    is_of_aws = not host or host.endswith((".amazonaws.com", ".amazonaws.com.cn"))
    return _HERE if is_of_aws or _HERE.startswith(f"{address}/") else address


def _run_the_other() -> None:
    """The module of this name that the environment of the image has itself."""
    here = os.path.dirname(os.path.abspath(__file__))
    this = sys.modules.pop("sitecustomize")
    places = [place for place, folder in enumerate(sys.path) if os.path.abspath(folder) == here]
    folders = [sys.path.pop(place) for place in reversed(places)]
    try:
        __import__("sitecustomize")
    except ImportError as error:
        if error.name != "sitecustomize":
            raise
    finally:
        sys.modules.setdefault("sitecustomize", this)
        for place in places:
            sys.path.insert(place, folders.pop())


if _HERE:
    sys.meta_path.insert(0, _Finder)
_run_the_other()
