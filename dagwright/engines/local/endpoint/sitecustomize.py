"""Goes into a job of a local run, where Python imports it at every start. Imports nothing of the project.

boto3 reads AWS_ENDPOINT_URL since 1.28. This leads older ones there too, and any that are told the address of AWS
itself or to leave the signature out: nothing in a local run is to reach AWS by accident. It costs nothing before
botocore is imported.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # the module that has it takes longer to import than all the rest
if TYPE_CHECKING:
    from typing import Any

_MODULE = "botocore.args"


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
    """Have every client of botocore call the endpoint of the run."""
    import copy
    from inspect import signature

    decide = getattr(module.ClientArgsCreator, "compute_client_args", None)
    if decide is None:  # unknown: it does what it does
        return
    knows = hasattr(module.ClientArgsCreator, "_compute_configured_endpoint_url")

    def decide_here(self: Any, *args: Any, **kwargs: Any) -> Any:
        given = signature(decide).bind(self, *args, **kwargs)
        address = given.arguments.get("endpoint_url")
        if address is None and not knows:
            service = given.arguments["service_model"].service_id.upper().replace(" ", "_")
            address = os.environ.get("AWS_ENDPOINT_URL_" + service) or os.environ.get("AWS_ENDPOINT_URL")
        given.arguments["endpoint_url"] = _here(address)
        config = given.arguments.get("client_config")
        if config is not None and not isinstance(config.signature_version, (str, type(None))):
            config = copy.copy(config)
            config.signature_version = None
            given.arguments["client_config"] = config
        return decide(*given.args, **given.kwargs)

    module.ClientArgsCreator.compute_client_args = decide_here


def _here(address: str | None) -> str | None:
    """The endpoint of the run in place of an address of AWS."""
    from urllib.parse import urlsplit

    host = urlsplit(address).hostname if address else None
    if host and host.endswith((".amazonaws.com", ".amazonaws.com.cn")):
        return os.environ.get("AWS_ENDPOINT_URL") or address
    return address


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


if os.environ.get("AWS_ENDPOINT_URL"):
    sys.meta_path.insert(0, _Finder)
_run_the_other()
