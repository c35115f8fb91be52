"""The names of AWS's toolkits that inference programs import, where the toolkits themselves are not installed.

`from sagemaker_containers.beta.framework import encoders, worker` stands at the top of many programs that use no more
of it than a response object and an encoder. What goes out: those modules in `sys.modules`.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from dagwright.engines.local.serving.encodings import CSV, JSON, NPY, UnsupportedError, decode, encode
from dagwright.engines.local.serving.frameworks import as_matrix


class Response:
    """What a program wraps its answer in."""

    def __init__(self, response: Any = None, accept: Any = None, status: int = 200, *_: Any, **others: Any) -> None:
        self.response, self.status = response, status

    def get_data(self) -> Any:
        return self.response if self.response is not None else b""


def provide() -> None:
    """Make the modules importable that are not."""
    types = {
        "JSON": JSON, "CSV": CSV, "NPY": NPY, "ANY": "*/*", "UTF8_TYPES": [JSON, CSV],
        "OCTET_STREAM": "application/octet-stream",
    }  # fmt: skip
    coding = {"encode": encode, "decode": decode}
    if find_spec("sagemaker_containers") is None:
        _module("sagemaker_containers")
        _module("sagemaker_containers.beta")
        _module("sagemaker_containers.beta.framework")
        parts: dict[str, dict[str, Any]] = {
            "content_types": types, "encoders": coding, "worker": {"Response": Response}, "env": {}, "modules": {},
            "transformer": {}, "errors": {"UnsupportedFormatError": UnsupportedError},
        }  # fmt: skip
        for name, members in parts.items():
            _module(f"sagemaker_containers.beta.framework.{name}", **members)
    if find_spec("sagemaker_inference") is None:
        _module("sagemaker_inference")
        _module("sagemaker_inference.content_types", **types)
        _module("sagemaker_inference.encoder", encode=encode)
        _module("sagemaker_inference.decoder", decode=decode)
        _module("sagemaker_inference.errors", UnsupportedFormatError=UnsupportedError)
    if find_spec("sagemaker_xgboost_container") is None:
        _module("sagemaker_xgboost_container")
        _module(
            "sagemaker_xgboost_container.encoder",
            decode=as_matrix,
            csv_to_dmatrix=lambda text, dtype=None: as_matrix(text, CSV),
            libsvm_to_dmatrix=lambda text: as_matrix(text, "text/libsvm"),
        )


def _module(name: str, **members: Any) -> None:
    module = ModuleType(name)
    vars(module).update(members)
    sys.modules[name] = module
    above, _, last = name.rpartition(".")
    if above:
        setattr(sys.modules[above], last, module)
