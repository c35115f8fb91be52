"""Goes into a job of a local run, where Python imports it at every start, so it is short: it waits for botocore."""

from __future__ import annotations

import os
import sys

_HERE = os.path.dirname(os.path.abspath(__file__))
_ADDRESS = os.environ.get("DAGWRIGHT_ENDPOINT")  # now: the program may clear its environment


class _Finder:
    """Is asked for every module, and goes along with the one in which botocore decides where a client calls."""

    @staticmethod
    def find_spec(name, path=None, target=None):  # type: ignore[no-untyped-def]
        if name != "botocore.args":
            return None
        sys.meta_path.remove(_Finder)
        from importlib.util import find_spec

        spec = find_spec(name)
        if hasattr(getattr(spec, "loader", None), "exec_module"):  # before 3.10 that of a zip file has none
            _go_along(spec)
        return spec


def _go_along(spec) -> None:  # type: ignore[no-untyped-def]
    """Let the loader change the module when it has made it. One of a zip file loads all that lie there."""
    execute = spec.loader.exec_module

    def exec_module(module):  # type: ignore[no-untyped-def]
        execute(module)
        if module.__name__ == spec.name:
            _beside("dagwright_aws").lead(module, _ADDRESS)  # type: ignore[no-untyped-call]

    spec.loader.exec_module = exec_module


def _beside(name):  # type: ignore[no-untyped-def]
    """A module of this folder, which the program may have taken off its path."""
    from importlib.util import module_from_spec, spec_from_file_location

    spec = spec_from_file_location(name, os.path.join(_HERE, f"{name}.py"))
    module = module_from_spec(spec)  # type: ignore[arg-type]
    spec.loader.exec_module(module)  # type: ignore[union-attr]
    return module


def _run_the_other() -> None:
    """The module of this name that the environment of the image has itself."""
    this = sys.modules.pop("sitecustomize")
    places = [place for place, folder in enumerate(sys.path) if _is_here(folder)]
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


def _is_here(folder: str) -> bool:
    """Also by another name, as of a link or of a folder that is mounted twice."""
    try:
        return os.path.samefile(folder, _HERE)
    except OSError:
        return False


if _ADDRESS:
    sys.meta_path.insert(0, _Finder)
_run_the_other()
