"""Goes into a job of a local run, where Python imports it at every start, so it is short: it waits for botocore."""

from __future__ import annotations

import os
import sys


class _Finder:
    """Is asked for every module, and goes along with the one in which botocore decides where a client calls."""

    @staticmethod
    def find_spec(name, path=None, target=None):  # type: ignore[no-untyped-def]
        if name != "botocore.args":
            return None
        sys.meta_path.remove(_Finder)
        from importlib.util import find_spec

        spec = find_spec(name)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def exec_module(module):  # type: ignore[no-untyped-def]
                execute(module)
                from dagwright_aws import lead  # type: ignore[import-not-found]

                lead(module)

            spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


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


if "DAGWRIGHT_ENDPOINT" in os.environ:
    sys.meta_path.insert(0, _Finder)
_run_the_other()
