"""AWS's own images by framework and version: which there are, and what their addresses are in a Region.

In: which image is meant, a Region, and the use and instance type of a job. Out: the address, or what does not exist
and what does. What there is stands in `image_table.json`: the project's own in config/, if there is one
(`deploy.py images --refresh`), else the one that comes with this package.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from dagwright.errors import ConfigurationError
from dagwright.project_forms import ACCOUNT, FRAMEWORK, IMAGE_PYTHON, IMAGE_VERSION, INSTANCE_TYPE, PURPOSES, REGION
from dagwright.shapes import partitions
from dagwright.variables import PipelineVariable, Text

TABLE = "image_table.json"
_MANY_BYTES = 4 << 20
_SHOWN = 8
_T = TypeVar("_T")
# What ECR takes for a repository and for a tag.
_REPOSITORY = r"[a-z0-9]+([._\-/]+[a-z0-9]+)*"
_TAG = r"[A-Za-z0-9_][A-Za-z0-9_.\-]{0,127}"
# The kind of job whose size in the configuration tells the machine that an image is for.
_SIZES = {"processing": "processing", "training": "training", "inference": "transform"}
# m6g, c7gn, r6gd, im4gn: a g after the generation; g5 and p4d begin with theirs.
_GRAVITON = re.compile(r"[a-z]+[0-9]+g[a-z]*")


@dataclass(frozen=True)
class FrameworkImage:
    """One of AWS's own images: the framework, and its version as it stands in the tag.

    `python` is the Python of the tag (`py311`), needed where there are several; `use` is processing, training or
    inference.
    """

    framework: str
    version: str
    python: str | None = None
    use: str | None = None


@dataclass(frozen=True)
class Variant:
    """One image of a framework. `python` is empty where the tag names none; `registries` are accounts by Region."""

    use: str
    version: str
    python: str
    processor: str
    repository: str
    tag: str
    registries: Mapping[str, str]


@dataclass(frozen=True)
class Missing:
    """What does not exist, and what does. `member` is the key of the configuration that asks for it, if one does."""

    member: str
    what: str
    hint: str


class ImageTable:
    """The images that are known, taken apart by framework when one is asked for.

    Raises ConfigurationError, then too, where the text is not what `images --refresh` writes; `name` says where it is.
    """

    def __init__(self, text: str, name: str) -> None:
        self._name = name
        self._variants: dict[str, tuple[Variant, ...]] = {}
        with _readable(name):
            content = _a(dict, json.loads(text))
            self.sdk, self.date = _a(str, content["sdk"]), _a(str, content["date"])
            registries = [_by_region(_some(dict, accounts)) for accounts in _some(list, content["registries"])]
            self._registries = dict(enumerate(registries))
            self._entries = {
                _fitting(FRAMEWORK.pattern, framework): _some(list, entries)
                for framework, entries in _some(dict, content["frameworks"]).items()
            }

    @property
    def frameworks(self) -> tuple[str, ...]:
        """Their names, in order."""
        return tuple(self._entries)

    @property
    def regions(self) -> frozenset[str]:
        """Those that have an image."""
        return frozenset().union(*self._registries.values())

    def variants(self, framework: str) -> tuple[Variant, ...]:
        """All images of a framework that is among `frameworks`, older ones first."""
        if framework not in self._variants:
            with _readable(self._name):
                self._variants[framework] = tuple(self._read(self._entries[framework]))
        return self._variants[framework]

    def check(self) -> None:
        """Take all of it apart."""
        for framework in self.frameworks:
            self.variants(framework)

    def _read(self, entries: Iterable[Any]) -> Iterator[Variant]:
        for entry in entries:
            use = _fitting("|".join(PURPOSES), entry["use"])
            repository = _fitting(_REPOSITORY, entry["repository"])
            registries = self._registries[_a(int, entry["registries"])]
            versions = [_fitting(IMAGE_VERSION.pattern, one) for one in _some(list, entry["versions"])]
            pythons = [_fitting(IMAGE_PYTHON.pattern, one) for one in _a(list, entry["pythons"])]
            tags = {_fitting("[a-z0-9]+", name): _a(str, form) for name, form in _some(dict, entry["tags"]).items()}
            for version in versions:
                for python in pythons or [""]:
                    for processor, form in tags.items():
                        tag = _fitting(_TAG, form.replace("{version}", version).replace("{python}", python))
                        yield Variant(use, version, python, processor, repository, tag, registries)


@cache
def table_at(path: Path) -> ImageTable:
    """The table in a file, read once. Raises ConfigurationError where there is none."""
    name = f"{path.parent.name}/{path.name}"
    with _readable(name):
        text = small_text(path)
    return ImageTable(text, name)


def table_of(root: Path) -> ImageTable:
    """The table that counts in a project's folder: its own, or the one of this package."""
    own = root / "config" / TABLE
    return table_at(own if os.path.lexists(own) else Path(__file__).with_name(TABLE))


def small_text(path: Path) -> str:
    """A whole file. Raises OSError, and ValueError for what is no file, is no text, or is longer than any table."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise ValueError("it is no file")  # a device has no end, a pipe may have no writer
    with open(path, "rb") as file:
        content = file.read(_MANY_BYTES + 1)
    if len(content) > _MANY_BYTES:
        raise ValueError(f"it is longer than {_MANY_BYTES} bytes")
    return content.decode()


def image_address(
    named: FrameworkImage,
    table: ImageTable,
    region: str,
    partition: str,
    sizes: Mapping[str, str],
    instance_type: Text | None = None,
    use: str | None = None,
) -> str | Missing:
    """The address of an image in a Region.

    Without `use` it is that of `named`, else training, or what the framework is for. Without `instance_type` it is the
    one that `sizes` gives to jobs of this use (types by processing, training, transform), wherever the framework has
    images for several processors.
    """
    found = matching(table, named, region, use)
    if isinstance(found, Missing):
        return found
    if isinstance(instance_type, PipelineVariable):
        what = "the instance type is known only while the pipeline runs, and which image it is before"
        return Missing("", what, "say a type that has the same processors, such as the parameter's default")
    if instance_type is not None and not _fits(INSTANCE_TYPE.pattern, instance_type):
        return Missing("", f"{instance_type!r} is no instance type", f"such as {INSTANCE_TYPE.example}")
    own = {variant.processor: variant for variant in found}
    if instance_type is None and len({variant.tag for variant in found}) > 1:
        instance_type = sizes.get(_SIZES[use or named.use or found[0].use])
    # Graviton has to be asked for; the images of all other processors may be one and the same.
    usual = {one.tag: name for name, one in own.items() if name != "graviton"}
    if instance_type is None and len(usual) > 1:
        what = f"{_called(named)} has an image for each of {_listed(own)}, and no instance type is said"
        return Missing("", what, "say project.image(name, instance_type=...), or 'sizes' in the configuration")
    processor = next(iter(usual.values()), "graviton") if instance_type is None else processor_of(instance_type, own)
    if processor not in own:
        what = f"{_called(named)} for {found[0].use} has no image for {instance_type} ({processor})"
        return Missing("", what, f"it has one for {_listed(own)}")
    fitting = own[processor]
    suffix = next(one["outputs"]["dnsSuffix"] for one in partitions() if one["id"] == partition)
    return f"{fitting.registries[region]}.dkr.ecr.{region}.{suffix}/{fitting.repository}:{fitting.tag}"


def matching(
    table: ImageTable, named: FrameworkImage, region: str, use: str | None = None
) -> Sequence[Variant] | Missing:
    """The images of one use, version and Python in a Region: one for each processor. Or the first thing that is not."""
    if named.framework not in table.frameworks:
        return Missing(
            "framework", f"there is no framework '{named.framework}'", nearest(named.framework, table.frameworks)
        )
    every = table.variants(named.framework)
    wanted = _use(named, every, use)
    of_use = [one for one in every if one.use == wanted]
    if not of_use:
        what = f"{named.framework} has no images for {wanted}"
        return Missing("use" if use is None else "", what, f"it has some for {_listed({one.use for one in every})}")
    found = [one for one in of_use if one.version == named.version]
    if not found:
        return _no_version(named, wanted, every)
    pythons = {one.processor: _python(named, [it for it in found if it.processor == one.processor]) for one in found}
    fitting = [one for one in found if one.python == pythons[one.processor]]
    if None in pythons.values() or not fitting:
        return _no_python(named, list(dict.fromkeys(one.python for one in found if one.python)))
    here = [one for one in fitting if region in one.registries]
    if not here:
        regions = {name for one in fitting for name in one.registries}
        return Missing("", f"{_called(named)} is not in {region}", nearest(region, regions))
    return here


def processor_of(instance_type: str, own: Iterable[str] = ()) -> str:
    """cpu, gpu, graviton, inf or trn; or the type's family, if an image is for just that: it is then among `own`."""
    family = instance_type.removeprefix("ml.").partition(".")[0]
    if family in own:
        return family
    if family.startswith(("inf", "trn")):
        return family[:3]
    if _GRAVITON.fullmatch(family):
        return "graviton"
    return "gpu" if family.startswith(("g", "p")) else "cpu"


def nearest(word: str, names: Iterable[str]) -> str:
    """The names that exist, nearest first, and how many more there are."""
    from difflib import SequenceMatcher

    known = sorted(set(names), key=lambda name: (-SequenceMatcher(None, word[:100], name).ratio(), name))
    more = f" and {len(known) - _SHOWN} more" if len(known) > _SHOWN else ""
    return f"there {'are' if len(known) > 1 else 'is'} {', '.join(known[:_SHOWN])}{more}"


def by_number(version: str) -> list[tuple[bool, int, str]]:
    """What to sort versions by: 2.9 before 2.10, and 2.9 before 2.9.0."""
    parts = re.findall(r"[0-9]+|[^0-9.\-]+", version)
    numbers = [part.lstrip("0") if part[0] in "0123456789" else None for part in parts]
    # Of two numbers without zeros in front the longer one is larger: any number of digits is taken.
    return [
        (True, 0, part) if number is None else (False, len(number), number)
        for part, number in zip(parts, numbers, strict=True)
    ]


@contextmanager
def _readable(name: str) -> Iterator[None]:
    """Raises ConfigurationError where a table is not what `images --refresh` writes."""
    try:
        yield
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        what = f"{name} is no table of images: {type(error).__name__}: {error}"
        hint = "Write it anew with images --refresh, or delete it: then the one that comes with the tool counts."
        raise ConfigurationError(what, hint=hint) from error


def _a(kind: type[_T], value: Any) -> _T:
    if not isinstance(value, kind):
        raise TypeError(f"{value!r:.80} stands where a {kind.__name__} is needed")
    return value


def _some(kind: type[_T], value: Any) -> _T:
    if not value:
        raise ValueError(f"an empty {kind.__name__} says nothing")
    return _a(kind, value)


def _fits(pattern: str, value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(pattern, value) is not None


def _fitting(pattern: str, value: Any) -> str:
    if not _fits(pattern, value):
        raise ValueError(f"{value!r:.80} does not fit {pattern}")
    return str(value)


def _by_region(accounts: Mapping[str, Any]) -> dict[str, str]:
    return {
        _fitting(REGION.pattern, region): _fitting(ACCOUNT.pattern, account)
        for account, regions in accounts.items()
        for region in _some(list, regions)
    }


def _use(named: FrameworkImage, variants: Sequence[Variant], use: str | None) -> str:
    """What the image is for. Frameworks that have no images for processing are processed with in those for training."""
    have = list(dict.fromkeys(one.use for one in variants))
    wanted = named.use if use is None else use
    if wanted in (None, "processing") and wanted not in have:
        return "training" if "training" in have else have[0]
    return have[0] if wanted is None else wanted


def _python(named: FrameworkImage, variants: Sequence[Variant]) -> str | None:
    """The Python that is meant among the images of one processor; None where one of several has to be said."""
    have = {one.python for one in variants}
    if named.python is not None or "" in have:
        return named.python or ""
    return have.pop() if len(have) == 1 else None


def _no_version(named: FrameworkImage, use: str, variants: Sequence[Variant]) -> Missing:
    what = f"there is no {_called(named)} for {use}"
    others = {one.use for one in variants if one.version == named.version}
    if others:
        return Missing("version", what, f"there is for {_listed(others)}: add 'use'")
    versions = nearest(named.version, (one.version for one in variants if one.use == use))
    return Missing("version", what, f"{versions}: deploy.py images --framework {named.framework}")


def _no_python(named: FrameworkImage, pythons: Sequence[str]) -> Missing:
    if named.python is None:
        what = f"{_called(named)} has an image for each of {', '.join(pythons)}"
        return Missing("python", what, f"add python: {pythons[-1]}")
    if not pythons:
        return Missing("python", f"the tag of {named.framework} {named.version} names no Python", "take 'python' out")
    what = f"{named.framework} {named.version} does not have {named.python}"
    return Missing("python", what, nearest(named.python, pythons))


def _called(named: FrameworkImage) -> str:
    return " ".join(filter(None, (named.framework, named.version, named.python)))


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
