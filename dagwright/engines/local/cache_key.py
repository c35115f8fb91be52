"""The key of a step in the local cache: what has to be the same for an earlier result to be this one's.

What comes in: a step whose arguments can be resolved, and the bench. What goes out: a `Key`: what the service compares,
and beyond it what is in the inputs and what runs the step here; and what two keys differ in, in words.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dagwright.definition.caching import STEP_MEMBERS, compared_members, differences, told
from dagwright.definition.expression import evaluate
from dagwright.definition.graph import Step
from dagwright.engines.local.baselines import previous_baseline, settings_of
from dagwright.engines.local.bench import Bench
from dagwright.engines.local.digests import Digest, Digests
from dagwright.engines.local.environments import Environment
from dagwright.engines.local.job import AUGMENTED, MANIFEST, Input, Job
from dagwright.engines.local.scope import UNKNOWN, RunScope
from dagwright.engines.local.sources import augmented_manifest, objects_of
from dagwright.engines.local.stand_ins import CHECKS
from dagwright.engines.local.steps import KINDS
from dagwright.engines.local.store import Store

_MOST_NAMED = 100
_MORE_COMPARED = {"QualityCheck": ("FailOnViolation",), "ClarifyCheck": ("FailOnViolation",)}
_DISTRIBUTIONS = (".dist-info", ".egg-info")


@dataclass(frozen=True)
class Key:
    """`attributes` are the members that the service compares, by path; `inputs` have by address of an input what each
    object holds, or all together; `environments` by image what runs it here."""

    attributes: Mapping[str, Any]
    inputs: Mapping[str, Mapping[str, str]]
    environments: Mapping[str, str]

    def text(self) -> str:
        """As the record has it: the same text for the same key only."""
        parts = {"attributes": self.attributes, "inputs": self.inputs, "environments": self.environments}
        return json.dumps(parts, sort_keys=True, ensure_ascii=False)

    def unlike(self, earlier: Key) -> list[tuple[str, str]]:
        """(what, how) of everything that was another in an earlier key; without secrets."""
        found = [told(change) for change in differences(earlier.attributes, self.attributes)]
        for uri in sorted({*self.inputs} & {*earlier.inputs}):
            found += _other_content(earlier.inputs[uri], self.inputs[uri], uri)
        # an input that is at another place is an attribute that differs already
        found += [(f"input {uri}", "is new") for uri in sorted({*self.inputs} - {*earlier.inputs}) if not found]
        found += [(f"input {uri}", "is gone") for uri in sorted({*earlier.inputs} - {*self.inputs}) if not found]
        for image in sorted({*self.environments} & {*earlier.environments}):
            before, now = earlier.environments[image], self.environments[image]
            found += [(f"what runs {image.rpartition('/')[2]} here", f"{before} → {now}")] if before != now else []
        return found


def read_key(text: str) -> Key:
    """A key out of the record."""
    return Key(**json.loads(text))


def _other_content(before: Mapping[str, str], now: Mapping[str, str], uri: str) -> list[tuple[str, str]]:
    if before == now:
        return []
    if "" in before or "" in now:
        return [(f"input {uri}", "has other content")]
    words = [
        (f"input {name}", "is new" if name not in before else "is gone" if name not in now else "has other content")
        for name in sorted({*before, *now})
        if before.get(name) != now.get(name)
    ]
    more = [(f"{len(words) - 3} more objects of input {uri}", "")] if len(words) > 4 else []
    return [*words[:3], *more] if more else words


@dataclass(frozen=True)
class Looked:
    """A key, and which objects were looked at for it."""

    key: Key
    digests: Mapping[str, Digest]
    given: tuple[Input | str, ...]

    def changed_since(self, store: Store) -> list[str]:
        """The objects of the inputs that are others now, have come or have gone."""
        before = {uri: digest.stamp for uri, digest in self.digests.items()}
        now = {uri: store.stamp(uri) for one in self.given for uri in _objects(one, store)}
        return sorted(uri for uri in {*before, *now} if before.get(uri) != now.get(uri))


def look_at(
    step: Step,
    scope: RunScope,
    bench: Bench,
    digests: Digests,
    is_stopped: Callable[[], bool] = lambda: False,
    say: Callable[[str], None] = lambda line: None,
    arriving: Container[str] = (),
) -> Looked:
    """The key of a step; objects that are `arriving` need not be there yet: their addresses tell what they hold.

    Raises DagwrightError if the step cannot run as it is, or is stopped meanwhile.
    """
    request = evaluate(step.arguments, scope)
    more = _MORE_COMPARED.get(step.type, ())
    names = [name for name in (*STEP_MEMBERS.get(step.type, ()), *more) if name in step.envelope]
    said = {name: evaluate(step.envelope[name], scope) for name in names}
    attributes = compared_members(step.type, request, said) | {name: said[name] for name in more if name in said}
    find_jobs = KINDS[step.type].jobs
    jobs = find_jobs(step, request, scope, bench) if find_jobs else []
    given = tuple({_address(one): one for job in jobs for one in _inputs(job)}.values())
    if step.type in CHECKS:
        given += tuple(_baselines(step, scope, bench))
    store = bench.workshop.store
    here = [one for one in given if _address(one) not in arriving or store.holds(_address(one))]
    objects = {_address(one): list(_objects(one, store)) for one in here}
    found = digests.of((uri for uris in objects.values() for uri in uris), is_stopped, say)
    inputs = {uri: _contents({one: found[one].sha256 for one in uris}) for uri, uris in objects.items()}
    return Looked(Key(attributes, inputs, _environments(jobs, bench)), found, given)


# ---- the inputs ----


def _inputs(job: Job) -> Iterator[Input | str]:
    """What a job reads; not the checkpoints, which are its own: every run writes them anew."""
    restored = {(output.uri.rstrip("/"), output.source) for output in job.outputs if output.restored}
    yield from (one for one in job.inputs if (one.uri.rstrip("/"), one.target) not in restored)
    yield from (uri for uri in (job.source_archive, *job.fetches) if uri.startswith("s3://"))


def _baselines(step: Step, scope: RunScope, bench: Bench) -> Iterator[str]:
    """What a check compares with: the newest approved version may have another baseline by now."""
    previous = previous_baseline(settings_of(step, scope), bench.registry)
    yield from (uri for uri in previous.values() if uri.startswith("s3://"))


def _address(given: Input | str) -> str:
    return given if isinstance(given, str) else given.uri


def _objects(given: Input | str, store: Store) -> Iterator[str]:
    """The addresses of all objects of an input, with its manifest. Raises ExecutionError, StorageError."""
    if isinstance(given, str):
        yield from (store.uri(one.path) for one in store.objects(given))
        return
    if given.kind in (MANIFEST, AUGMENTED):
        yield given.uri
    if given.kind == AUGMENTED:
        yield from augmented_manifest(given, store, given.pipe.attributes if given.pipe else ()).references()
        return
    yield from (store.uri(one.path) for one in objects_of(given, store))


def _contents(digests: Mapping[str, str]) -> dict[str, str]:
    """By address what each object holds; if there are many, all of them together."""
    if len(digests) <= _MOST_NAMED:
        return dict(digests)
    together = hashlib.sha256()
    for uri in sorted(digests):
        together.update(os.fsencode(f"{uri}\0{digests[uri]}\n"))
    return {"": f"{len(digests)} objects, {together.hexdigest()}"}


# ---- what runs it ----


def _environments(jobs: list[Job], bench: Bench) -> dict[str, str]:
    found = {}
    for job in jobs:
        if job.image and job.image != UNKNOWN and job.image not in found:
            environment = bench.environments.of(job.image)
            found[job.image] = environment_words(environment)
            if environment.layer and not job.command:
                started = bench.environments.with_program(job)
                found[job.image] += f", {_short_hash([*started.command, started.directory])}"
    return found


def environment_words(environment: Environment) -> str:
    """What tells an environment from another one: `Python 3.11 with 85 libraries (1f0c2a9b7d3e)`. The libraries are
    known by the folders that pip and uv leave beside each of them, so that none is imported."""
    if environment.image_id:
        return f"container {environment.image_id}"
    words = _python_words(environment) if environment.folders else ""
    if environment.layer:
        variables = [f"{name}={value}" for name, value in sorted(environment.variables.items())]
        words += f", {environment.layer.folder.name}, {_short_hash(variables)}"
    return words


def _python_words(environment: Environment) -> str:
    folder = Path(environment.interpreter_folder)
    names = [os.path.basename(alias) for alias in environment.folders[:-2]]
    prefixes = [folder.parent, *([Path("/usr/local")] if str(folder.parent) == "/usr" else [])]
    libraries = sorted(path for prefix in prefixes for path in prefix.glob("lib/python3*/*-packages"))
    found = [f"{path.parent.name} {one}" for path in libraries for one in _distributions(path)]
    python = libraries[0].parent.name.removeprefix("python") if libraries else str(folder)
    return f"Python {python} with {len(found)} libraries ({_short_hash([*names, *found])})"


def _distributions(folder: Path) -> list[str]:
    return sorted(name for name in os.listdir(folder) if name.endswith(_DISTRIBUTIONS))


def _short_hash(words: list[str]) -> str:
    return hashlib.sha256(os.fsencode("\n".join(words))).hexdigest()[:12]
