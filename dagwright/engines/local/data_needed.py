"""The data that the jobs of a run need, and where each comes from: the store, an earlier step, or nowhere.

What comes in: the jobs as far as they are known before the run. What goes out: for each step the addresses it reads,
and a problem for each that nobody provides.
"""

from __future__ import annotations

import os
import re
from bisect import bisect_left, insort
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from dagwright.definition.expression import references
from dagwright.definition.graph import Graph, Step
from dagwright.engines.local.job import AUGMENTED, PREFIX, Input, Job
from dagwright.engines.local.request import objects
from dagwright.engines.local.scope import UNKNOWN
from dagwright.engines.local.sources import augmented_manifest, listed, missing_objects
from dagwright.engines.local.store import Store
from dagwright.errors import DagwrightError, Problem

THERE, EARLIER, ARRIVING, MISSING = "there", "from an earlier step", "arrives with the run", "missing"
NAMED = "named, not there"
"""Of an address that a program is told, which it may read, or write, or neither."""

_SAID_AGAIN = "SM_"  # variables that a training toolkit makes of the arguments and the channels
_ADDRESS = re.compile(r"s3://[a-z0-9][a-z0-9.-]+(/\S*)?")


@dataclass(frozen=True)
class Needed:
    """One address that a step reads: the name of the input, and where its objects come from. An address that only the
    run will tell is empty."""

    name: str
    uri: str
    source: str
    steps: tuple[str, ...] = ()
    """Of what comes from earlier steps: those that it reads, where the definition names them."""


@dataclass(frozen=True)
class Coming:
    """What is not in the store yet: addresses at and below which objects are expected, those of the objects that the
    run brings, and by step those that its stand-in writes."""

    expected: Sequence[str] = ()
    brought: Sequence[str] = ()
    stood_in: Mapping[str, Collection[str]] = field(default_factory=dict)


def data_needed(
    graph: Graph,
    jobs: Mapping[str, Sequence[Job]],
    models: Mapping[str, Sequence[str]],
    store: Store,
    coming: Coming,
) -> tuple[dict[str, tuple[Needed, ...]], list[Problem]]:
    """(what each step reads, what is missing), steps in the order they can run; `models` are the addresses of the data
    that steps without a job name."""
    look = _Look(store, _Written(coming))
    needed = {}
    for name in graph.order():
        found = [one for job in jobs.get(name, ()) for one in look.needed(name, job)]
        found += [look.address(name, "model", uri) for uri in models.get(name, ())]
        read = dict(_steps_read(graph.steps[name])) if any(one.source == EARLIER for one in found) else {}
        found = [replace(one, steps=read.get(one.name, ())) if one.source == EARLIER else one for one in found]
        needed[name] = tuple(dict.fromkeys(found))
        for job in jobs.get(name, ()):
            look.written.by(job)
        for uri in coming.stood_in.get(name, ()):
            insort(look.written.objects, uri)
    return needed, look.problems


@dataclass
class _Look:
    store: Store
    written: _Written
    problems: list[Problem] = field(default_factory=list)

    def needed(self, step: str, job: Job) -> Iterator[Needed]:
        """What a job reads; what is missing becomes a problem."""
        for given in job.inputs:
            if not given.optional:
                yield self.address(step, given.name, given.uri)
            if given.kind != PREFIX and given.uri != UNKNOWN and not self.written.may_hold(given.uri):
                self._require_usable(given, step)
        if job.source_archive:
            yield self.address(step, "source code", job.source_archive)
        for uri in job.fetches:
            yield self.address(step, "function", uri)
        yield from self._told(job)

    def _told(self, job: Job) -> Iterator[Needed]:
        """The addresses among the words and variables of a job's program that nothing else of the job says."""
        variables = {
            name: value for name, value in job.environment(job.hosts[0]).items() if not name.startswith(_SAID_AGAIN)
        }
        words = [*(("argument", word) for word in (*job.command, *job.arguments)), *variables.items()]
        addresses = [*(given.uri for given in job.inputs), *(output.uri for output in job.outputs), job.source_archive]
        declared = {uri.rstrip("/") for uri in addresses}
        for name, word in words:
            if _ADDRESS.fullmatch(word) and word.rstrip("/") not in declared:
                source = self._source(word)
                yield Needed(name, word, NAMED if source == MISSING else source)

    def address(self, step: str, name: str, uri: str) -> Needed:
        """Where what is at an address comes from; nowhere becomes a problem."""
        if not uri.startswith("s3://"):
            return Needed(name, "", EARLIER)
        source = self._source(uri)
        if source == MISSING:
            what = f"its input '{name}' is not there: {uri}"
            self.problems.append(Problem("missing-input", what, _way_there(uri), step=step))
        return Needed(name, uri, source)

    def _source(self, uri: str) -> str:
        if self.written.arrives(uri):
            return ARRIVING
        if self.written.may_hold(uri):
            return EARLIER
        return THERE if self.store.holds(uri) else MISSING

    def _require_usable(self, given: Input, step: str) -> None:
        """A problem for a manifest that is in the store, that no step writes, and that is of no use."""
        if not given.uri.startswith("s3://") or not os.path.exists(self.store.path(given.uri)):
            return  # said by who looks for the inputs
        try:
            if given.pipe and given.kind == AUGMENTED:
                addresses = list(augmented_manifest(given, self.store, given.pipe.attributes).references())
            else:
                addresses = [uri for uri, _ in listed(given, self.store)]
            missing = [
                uri for uri in addresses if not self.written.may_hold(uri) and not os.path.isfile(self.store.path(uri))
            ]
            if missing:
                raise missing_objects(given, missing)
        except DagwrightError as error:
            self.problems.append(Problem("missing-input", error.message, error.hint, step=step))


def _steps_read(step: Step) -> Iterator[tuple[str, tuple[str, ...]]]:
    """(name of an input or channel, the steps that its address is made of)."""
    arguments = step.arguments
    for items, label in (("ProcessingInputs", "InputName"), ("InputDataConfig", "ChannelName")):
        for item in objects(arguments, items) if isinstance(arguments.get(items), list) else ():
            names = (one.name for one in references(item) if one.root == "Steps")
            yield str(item.get(label)), tuple(dict.fromkeys(names))


def _way_there(uri: str) -> str:
    """How to bring what an input reads. The SDKs pack a folder of programs under one name, which `definition()` uploads
    to AWS; whoever has the definition alone packs the folder."""
    if not uri.endswith("/sourcedir.tar.gz"):
        return f"bring it with the run: --map {uri}=PATH; or put it there for good: deploy.py upload PATH --to {uri}"
    return f"pack its programs: tar -czf sourcedir.tar.gz -C FOLDER . ; deploy.py upload sourcedir.tar.gz --to {uri}"


class _Written:
    """Where steps write to, for the question whether objects may be found at an address."""

    def __init__(self, coming: Coming) -> None:
        self._expected = {uri.rstrip("/") for uri in coming.expected}
        self._above_expected = {above for uri in coming.expected for above in _prefixes(uri)}
        self._brought = sorted(coming.brought)
        self.objects: list[str] = []
        """What stand-ins write, sorted."""
        self._folders: set[str] = set()
        self._above: set[str] = set()

    def by(self, job: Job) -> None:
        """What a job writes may come to be."""
        for output in job.outputs:
            self._folders.add(output.uri.rstrip("/"))
            self._above.update(_prefixes(output.uri))
        for uri in job.made_below:
            self._above.update(_prefixes(uri))

    def arrives(self, uri: str) -> bool:
        """Whether it comes with the run, or something below it does."""
        is_expected = uri.rstrip("/") in self._above_expected or not self._expected.isdisjoint(_prefixes(uri))
        return is_expected or _begins_one(uri, self._brought)

    def may_hold(self, uri: str) -> bool:
        """Whether something may be there by the time it is read."""
        is_written = uri.rstrip("/") in self._above or not self._folders.isdisjoint(_prefixes(uri))
        return is_written or _begins_one(uri, self.objects) or self.arrives(uri)


def _begins_one(uri: str, addresses: list[str]) -> bool:
    """Whether it begins one of the sorted addresses, which is how S3 finds objects."""
    at = bisect_left(addresses, uri)
    return at < len(addresses) and addresses[at].startswith(uri)


def _prefixes(uri: str) -> list[str]:
    """`s3://b/a` -> `s3://b`, `s3://b/a`."""
    parts = uri.rstrip("/").split("/")
    return ["/".join(parts[:count]) for count in range(3, len(parts) + 1)]
