"""The image tables of Amazon's SDK, reduced to the one that this tool reads.

In: the folder `image_uri_config` of an installed SDK, version 2 or 3; the SDK itself is not imported. Out: the text of
`image_table.json`. The same folder gives the same bytes.

What the SDK's program knows beside its tables is written down here (its `image_uris.py`, 3.27): the tags of images for
Graviton and Trainium, and those that p4d needs. Left out are Elastic Inference, which AWS has ended, and two Hugging
Face versions whose tags the tables do not hold.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dagwright.errors import ConfigurationError, StorageError, UserError
from dagwright.images import ImageTable, by_number, small_text

# Which of the SDK's files hold the images of which framework.
_FILES = {
    "sklearn": "sklearn",
    "xgboost": "xgboost",
    "spark": "spark",
    "pytorch": "pytorch",
    "pytorch-neuron": "pytorch",
    "tensorflow": "tensorflow",
    "huggingface": "huggingface",
}
_USES = {
    "training": "training",
    "inference": "inference",
    "inference_graviton": "inference",
    "processing": "processing",
}
# The SDK lets any instance have an image whose tag names no processor; Graviton cannot run it.
_ANY_PROCESSOR = ("cpu", "gpu")
_ARM_IN_TAG = ("sklearn", "xgboost")
_WITHOUT_PYTHON_TOO = "spark"
_P4D = {
    "tensorflow-2.3-gpu-py37": "cu110-ubuntu18.04-v3",
    "tensorflow-2.3.1-gpu-py37": "cu110-ubuntu18.04",
    "tensorflow-2.3.2-gpu-py37": "cu110-ubuntu18.04",
    "tensorflow-1.15-gpu-py37": "cu110-ubuntu18.04-v8",
    "tensorflow-1.15.4-gpu-py37": "cu110-ubuntu18.04",
    "tensorflow-1.15.5-gpu-py37": "cu110-ubuntu18.04",
    "pytorch-1.6-gpu-py36": "cu110-ubuntu18.04-v3",
    "pytorch-1.6.0-gpu-py36": "cu110-ubuntu18.04",
    "pytorch-1.6-gpu-py3": "cu110-ubuntu18.04-v3",
    "pytorch-1.6.0-gpu-py3": "cu110-ubuntu18.04",
}
_ABOUT = (
    "Where AWS's own images are, by framework, use, version and Python. Facts from the image tables of Amazon's "
    "SageMaker Python SDK (github.com/aws/sagemaker-python-sdk, Apache-2.0), made by: deploy.py images --refresh"
)


@dataclass(frozen=True)
class _Entry:
    """Images that differ in nothing but what their tags are made of: version, Python and processor."""

    framework: str
    use: str
    repository: str
    registries: tuple[tuple[str, str], ...]
    versions: tuple[str, ...]
    pythons: tuple[str, ...]
    tags: tuple[tuple[str, str], ...]


def installed_tables() -> tuple[Path, str]:
    """The folder of the tables of the SDK that this Python has, and the SDK's name and version.

    Raises UserError where there is none. The SDK's packages are found, not imported.
    """
    from importlib.metadata import PackageNotFoundError, version
    from importlib.util import find_spec

    found = find_spec("sagemaker")
    for place in (found and found.submodule_search_locations) or ():
        for inner, package in (("core/image_uri_config", "sagemaker-core"), ("image_uri_config", "sagemaker")):
            folder = Path(place, inner)
            if folder.is_dir():
                try:
                    return folder, f"{package} {version(package)}"
                except PackageNotFoundError:
                    return folder, package
    raise UserError(
        "This Python has no SageMaker SDK whose image tables could be read",
        hint="They are in the package sagemaker-core, which needs nothing else for this: "
        "pip install --no-deps sagemaker-core",
    )


def table_text(folder: Path, sdk: str, date: str) -> str:
    """The table as JSON, made from the SDK's files in `folder`; `date` is a day, such as 2026-11-21.

    Raises StorageError for files that cannot be read, UserError for files of another form.
    """
    entries: list[_Entry] = []
    for name, framework in _FILES.items():
        with _readable(folder / f"{name}.json") as path:
            found = list(_entries(name, framework, json.loads(small_text(path))))
            if not found:
                raise ValueError("it has no images")
            entries += found
    with _readable(folder):
        text = _text(_folded(_folded(entries, "pythons"), "versions"), sdk, date)
        ImageTable(text, "it").check()
    return text


@contextmanager
def _readable(path: Path) -> Iterator[Path]:
    """Raises what `table_text` does for a file of the SDK, or for what all of them together come to."""
    try:
        yield path
    except OSError as error:
        raise StorageError(f"{path} cannot be read: {error.strerror}") from error
    except (ConfigurationError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        why = error.message if isinstance(error, ConfigurationError) else f"{type(error).__name__}: {error}"
        what = f"{path} is not in the form that this version of dagwright reads: {why}"
        raise UserError(what, hint="The table that is there stays as it is.") from error


def _entries(name: str, framework: str, config: Mapping[str, Any]) -> Iterator[_Entry]:
    """One entry for each version and Python in one of the SDK's files."""
    for scope, use in _USES.items():
        images = config.get(scope, {})
        aliases: dict[str, list[str]] = {}
        for alias, version in images.get("version_aliases", {}).items():
            aliases.setdefault(version, []).append(alias)
        for version, inner in images.get("versions", {}).items():
            if name == "huggingface":
                yield from _hugging_face(use, version, images, inner)
                continue
            for said in (version, *aliases.get(version, ())):
                for python, one in _by_python(framework, inner):
                    tags = _tags(framework, scope, images, one, said, python)
                    yield _entry(framework, use, said, python, one, tags)


def _hugging_face(use: str, version: str, images: Mapping[str, Any], inner: Mapping[str, Any]) -> Iterator[_Entry]:
    """Its versions are named as in the tags: the framework's version and that of transformers."""
    for base, one in inner.items():
        systems = one.get("container_version", {})
        if base == "version_aliases" or not systems:
            continue
        framework, number = _parted(base)
        said = f"{number}-transformers{version}"
        for python in one["py_versions"]:
            tags = {
                processor: f"{{version}}-{processor}-{{python}}-{systems[processor]}"
                for processor in images["processors"]
                if processor in systems
            }
            yield _entry(f"huggingface-{framework}", use, said, python, one, tags)


def _parted(base: str) -> tuple[str, str]:
    """`pytorch2.5.1` -> (pytorch, 2.5.1)."""
    found = re.fullmatch(r"([a-z]+)([0-9].*)", base)
    if found is None:
        raise ValueError(f"{base} is no framework with its version")
    return found[1], found[2]


def _by_python(framework: str, inner: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each Python of a version with what holds for it; an empty one for a tag that names none."""
    if "repository" not in inner:
        yield from inner.items()
        return
    pythons = inner.get("py_versions") or [""]
    if framework == _WITHOUT_PYTHON_TOO:
        pythons = ["", *pythons]
    yield from ((python, inner) for python in pythons)


def _tags(
    framework: str, scope: str, images: Mapping[str, Any], one: Mapping[str, Any], version: str, python: str
) -> dict[str, str]:
    """The tag of each processor, with {version} and {python} in their places."""
    processors = images.get("processors") or one.get("processors") or ()
    systems = one.get("container_version", {})
    first = one.get("tag_prefix", "{version}")
    last = "{python}" if python else ""
    if scope == "inference_graviton":
        arm = "arm64" if framework in _ARM_IN_TAG else ""
        system = f"{systems['cpu']}-sagemaker" if systems else ""
        return {"graviton": _joined(first, arm, *processors, last, system)}
    if "sdk_versions" in one:
        newest = max(one["sdk_versions"])
        return {name: _joined(first, "neuron", last, newest, systems[name]) for name in processors}
    in_tag = one.get("processor_in_tag", True)
    tags = {name: _joined(first, name if in_tag else "", last, systems.get(name, "")) for name in processors}
    tags = tags or {name: _joined(first, last) for name in _ANY_PROCESSOR}
    special = _P4D.get(f"{framework}-{version}-gpu-{python}")
    if special and "gpu" in tags:
        tags["p4d"] = f"{tags['gpu']}-{special}"
    return tags


def _joined(*parts: str) -> str:
    return "-".join(part for part in parts if part)


def _entry(
    framework: str, use: str, version: str, python: str, one: Mapping[str, Any], tags: Mapping[str, str]
) -> _Entry:
    registries = tuple(sorted(one["registries"].items()))
    pythons = (python,) if python else ()
    return _Entry(framework, use, one["repository"], registries, (version,), pythons, tuple(tags.items()))


def _folded(entries: Iterable[_Entry], field: str) -> list[_Entry]:
    """Entries that differ in `field` alone as one, in the order of the first of each."""
    groups: dict[_Entry, dict[str, None]] = {}
    for entry in entries:
        own: tuple[str, ...] = getattr(entry, field)
        # What has no Python in its tag must not fall together with what has.
        rest = _with(entry, field, () if own else ("",))
        groups.setdefault(rest, {}).update(dict.fromkeys(own))
    return [_with(rest, field, sorted(found, key=by_number)) for rest, found in groups.items()]


def _with(entry: _Entry, field: str, values: Iterable[str]) -> _Entry:
    changed: dict[str, Any] = {field: tuple(values)}
    return replace(entry, **changed)


def _text(entries: list[_Entry], sdk: str, date: str) -> str:
    """One line for each entry and each map of registries, so that a refreshed table has a readable diff."""
    maps = {one: number for number, one in enumerate(dict.fromkeys(entry.registries for entry in entries))}
    registries = ",\n".join(f"  {json.dumps(_by_account(one))}" for one in maps)
    frameworks = []
    for framework in sorted({entry.framework for entry in entries}):
        lines = [
            json.dumps(
                {
                    "use": entry.use,
                    "repository": entry.repository,
                    "registries": maps[entry.registries],
                    "versions": entry.versions,
                    "pythons": entry.pythons,
                    "tags": dict(entry.tags),
                }
            )
            for entry in entries
            if entry.framework == framework
        ]
        frameworks.append(f"  {json.dumps(framework)}: [\n    " + ",\n    ".join(lines) + "\n  ]")
    about = {"about": _ABOUT, "sdk": sdk, "date": date}
    head = "".join(f" {json.dumps(key)}: {json.dumps(value)},\n" for key, value in about.items())
    return f'{{\n{head} "registries": [\n{registries}\n ],\n "frameworks": {{\n' + ",\n".join(frameworks) + "\n }\n}\n"


def _by_account(registries: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """The Regions of each account: many share one."""
    accounts: dict[str, list[str]] = {}
    for region, account in registries:
        accounts.setdefault(account, []).append(region)
    return accounts
