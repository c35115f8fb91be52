"""AWS's own images by framework and version: which there are, and what their addresses are in a Region.

In: what the configuration says of an image, a Region, and the use and instance type of a job. Out: the address, or what
does not exist and what does. What there is stands in `image_table.json`: the project's own in config/, if there is one
(`deploy.py images --refresh`), else the one that comes with this package.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagwright.errors import ConfigurationError, Problem, did_you_mean
from dagwright.project_forms import REGION
from dagwright.shapes import partitions
from dagwright.variables import PipelineVariable, Text

if TYPE_CHECKING:
    from dagwright.project import FrameworkImage, Project
    from dagwright.project_file import Settings

TABLE = "image_table.json"
_SHOWN = 8
# The kind of job whose size in the configuration tells the machine that an image is for.
_SIZES = {"processing": "processing", "training": "training", "inference": "transform"}
# m6g, c7gn, r6gd, im4gn: a g after the generation; g5 and p4d begin with theirs.
_GRAVITON = re.compile(r"[a-z]+[0-9]+g[a-z]*")


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
    """The images that are known, taken apart by framework when one is asked for."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._variants: dict[str, tuple[Variant, ...]] = {}
        with self._readable():
            content = json.loads(path.read_text(encoding="utf-8"))
            self.sdk, self.date = str(content["sdk"]), str(content["date"])
            self._registries = [_by_region(accounts) for accounts in content["registries"]]
            self._entries: dict[str, list[dict[str, Any]]] = dict(content["frameworks"])

    @property
    def frameworks(self) -> tuple[str, ...]:
        """Their names, in order."""
        return tuple(self._entries)

    @property
    def regions(self) -> frozenset[str]:
        """Those that have an image."""
        return frozenset().union(*self._registries)

    def variants(self, framework: str) -> tuple[Variant, ...]:
        """All images of a framework that is among `frameworks`, older ones first."""
        if framework not in self._variants:
            with self._readable():
                self._variants[framework] = tuple(self._read(self._entries[framework]))
        return self._variants[framework]

    def _read(self, entries: Iterable[Mapping[str, Any]]) -> Iterator[Variant]:
        for entry in entries:
            registries = self._registries[entry["registries"]]
            for version in entry["versions"]:
                for python in entry["pythons"] or ("",):
                    for processor, form in entry["tags"].items():
                        tag = form.replace("{version}", version).replace("{python}", python)
                        yield Variant(entry["use"], version, python, processor, entry["repository"], tag, registries)

    @contextmanager
    def _readable(self) -> Iterator[None]:
        """Raises ConfigurationError where the file is not what `images --refresh` writes."""
        try:
            yield
        except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
            name = f"{self._path.parent.name}/{self._path.name}"
            what = f"{name} is no table of images: {type(error).__name__}: {error}"
            hint = "Write it anew with images --refresh, or delete it: then the one that comes with the tool counts."
            raise ConfigurationError(what, hint=hint) from error


@cache
def table_at(path: Path) -> ImageTable:
    """The table in a file, read once."""
    return ImageTable(path)


def table_of(root: Path) -> ImageTable:
    """The table that counts in a project's folder: its own, or the one of this package."""
    own = root / "config" / TABLE
    return table_at(own if own.exists() else Path(__file__).with_name(TABLE))


def image_address(
    named: FrameworkImage, project: Project, instance_type: Text | None, use: str | None
) -> str | Missing:
    """The address of an image in the project's Region.

    Without `use` it is the configuration's, else training, or what the framework is for. Without `instance_type` it is
    the one that `sizes` gives to jobs of this use, wherever the framework has images for several processors.
    """
    found = matching(table_of(project.root), named, project.region, use)
    if isinstance(found, Missing):
        return found
    if isinstance(instance_type, PipelineVariable):
        what = "the instance type is known only while the pipeline runs, and which image it is before"
        return Missing("", what, "say a type that has the same processors, such as the parameter's default")
    own = {variant.processor: variant for variant in found}
    if instance_type is None and len({variant.tag for variant in found}) > 1:
        size = project.sizes.get(_SIZES[use or named.use or found[0].use])
        instance_type = size.instance_type if size is not None else None
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
    suffix = next(one["outputs"]["dnsSuffix"] for one in partitions() if one["id"] == project.partition)
    account = fitting.registries[project.region]
    return f"{account}.dkr.ecr.{project.region}.{suffix}/{fitting.repository}:{fitting.tag}"


def matching(
    table: ImageTable, named: FrameworkImage, region: str, use: str | None = None
) -> Sequence[Variant] | Missing:
    """The images of one use, version and Python in a Region: one for each processor. Or the first thing that is not."""
    if named.framework not in table.frameworks:
        return Missing(
            "framework", f"there is no framework '{named.framework}'", nearest(named.framework, table.frameworks)
        )
    every = table.variants(named.framework)
    use = _use(named, every, use)
    of_use = [one for one in every if one.use == use]
    if not of_use:
        what = f"{named.framework} has no images for {use}"
        return Missing("use", what, f"it has some for {_listed({one.use for one in every})}")
    found = [one for one in of_use if one.version == named.version]
    if not found:
        return _no_version(named, use, every)
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


def image_problems(settings: Settings, root: Path) -> Iterator[Problem]:
    """The images of one environment's configuration that do not exist in its Region, whatever the machine."""
    from dagwright.project import framework_image

    region = settings.value("region")
    if not isinstance(region, str) or not re.fullmatch(REGION.pattern, region):
        return
    table = table_of(root)
    images = [(path, node.value, node.line) for path, node in settings.values.items() if path[0] == "images"]
    named = [(path, members, line) for path, members, line in images if isinstance(members, dict)]
    if named and region not in table.regions:
        what = f"no Region {region} is known to have images of AWS's"
        yield settings.problem("unknown-region", "region", what, did_you_mean(region, table.regions))
        return
    for path, members, line in named:
        found = matching(table, framework_image(members), region)
        if isinstance(found, Missing):
            field = f"images.{path[1]}.{found.member}".rstrip(".")
            at = members[found.member].line if found.member in members else line
            what = f"in {settings.environment} {found.what}" if not found.member else found.what
            yield Problem("unknown-image", what, found.hint, field=field, where=f"{settings.where}:{at}")


def nearest(word: str, names: Iterable[str]) -> str:
    """The names that exist, nearest first, and how many more there are."""
    from difflib import SequenceMatcher

    known = sorted(set(names), key=lambda name: (-SequenceMatcher(None, word[:100], name).ratio(), name))
    more = f" and {len(known) - _SHOWN} more" if len(known) > _SHOWN else ""
    return f"there {'are' if len(known) > 1 else 'is'} {', '.join(known[:_SHOWN])}{more}"


def by_number(version: str) -> list[tuple[bool, int, str]]:
    """What to sort versions by: 2.9 before 2.10, and 2.9 before 2.9.0."""
    parts = re.findall(r"[0-9]+|[^0-9.\-]+", version)
    return [(not part.isdigit(), int(part) if part.isdigit() else 0, part) for part in parts]


def _by_region(accounts: Mapping[str, Iterable[str]]) -> dict[str, str]:
    return {region: account for account, regions in accounts.items() for region in regions}


def _use(named: FrameworkImage, variants: Sequence[Variant], use: str | None) -> str:
    """What the image is for. Frameworks that have no images for processing are processed with in those for training."""
    have = list(dict.fromkeys(one.use for one in variants))
    wanted = use or named.use
    if wanted in (None, "processing") and wanted not in have:
        return "training" if "training" in have else have[0]
    return wanted or have[0]


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
