"""`images push`: builds the project's own images that have changed, pushes them, and notes their digests."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from dagwright.cli import CHANGES, DONE
from dagwright.cli.sources import project_of
from dagwright.cli.text import as_json, columns, shown
from dagwright.engines.aws.clients import Clients, check_account
from dagwright.engines.aws.image_registry import DOCKER_MANIFEST, ImageRegistry, StoredImage
from dagwright.engines.local.build_context import context_hash
from dagwright.engines.local.environments import matches
from dagwright.engines.local.image_builder import ImageBuilder, image_builder
from dagwright.errors import AWSError, ConfigurationError, ExecutionError, Problem, UsageError, UserError, did_you_mean
from dagwright.outputs import Outputs, is_to_come, outputs_path, read_outputs, write_outputs

if TYPE_CHECKING:
    from dagwright.project import EnvironmentRule, Project


@dataclass(frozen=True)
class OwnImage:
    """What an image of the project is built from. `repository` is its name in the registry of `host`."""

    name: str
    host: str
    repository: str
    dockerfile: Path
    tag: str
    """After the hash of what the build can see: the same source is the same tag."""

    @property
    def address(self) -> str:
        return f"{self.host}/{self.repository}"

    @property
    def tagged(self) -> str:
        return f"{self.address}:{self.tag}"


@dataclass(frozen=True)
class Pushed:
    """What became of it: the image in the registry, if it is there, and whether it was before."""

    source: OwnImage
    found: StoredImage | None
    was_there: bool

    @property
    def status(self) -> str:
        return "missing" if self.found is None else "present" if self.was_there else "pushed"

    @property
    def image(self) -> str:
        """The address by digest; by tag as long as it is missing."""
        return f"{self.source.address}@{self.found.digest}" if self.found else self.source.tagged

    def as_json(self) -> dict[str, str]:
        return {"name": self.source.name, "status": self.status, "tag": self.source.tag, "image": self.image}


def run(arguments: Namespace) -> int:
    """Print what was pushed; with --check or --no-build 2 if something would be, or is, still missing."""
    if arguments.env == "local":
        hint = "As in: images push --env dev. Images for jobs here are never pushed."
        raise UsageError("Say with --env where the images go", hint=hint)
    if arguments.framework is not None or arguments.refresh or arguments.out is not None:
        raise UsageError("--framework, --refresh and --out do not go with push")
    project = project_of(arguments)
    clients = Clients(project.region)
    registry = ImageRegistry(clients, project.account_id, project.partition)
    sources = _sources(arguments, project, registry)
    if sources:
        check_account(clients, project.account_id, project.environment)
    builds = not (arguments.check or arguments.no_build)
    pushed = _pushed(sources, registry, builds=builds)
    outputs = read_outputs(project.root, project.environment)  # a build takes its time, and others write there as well
    noted = _with_images(outputs, pushed)
    is_new = noted != outputs
    if is_new and not arguments.check:
        write_outputs(project.root, project.environment, noted)
    _say_all(arguments, pushed, is_new, outputs_path(project.environment))
    is_behind = any(one.found is None for one in pushed) or (is_new and arguments.check)
    return CHANGES if is_behind else DONE


def _sources(arguments: Namespace, project: Project, registry: ImageRegistry) -> list[OwnImage]:
    """Those named, or all that are the project's own. Raises with everything that keeps a named one from it."""
    unknown = [name for name in arguments.names if name not in project.images]
    if unknown:
        problems = [Problem("unknown-image", f"'{name}'", did_you_mean(name, project.images)) for name in unknown]
        raise UsageError(f"There are no such images in {project.environment}", problems)
    rules, outputs = _rules(arguments), read_outputs(project.root, project.environment)
    sources, refusals = [], []
    for name in dict.fromkeys(arguments.names or project.images):
        made = _source(name, project, registry, rules, outputs)
        if isinstance(made, OwnImage):
            sources.append(made)
        elif name in arguments.names:
            refusals.append(made)
        elif made.code == "image-is-fixed":
            _say(f"{name} stays as it is: {made.what}")
    if refusals:
        count = f"{len(refusals)} images" if len(refusals) > 1 else "an image"
        raise ConfigurationError(f"There is no pushing {count}", refusals)
    return sources


def _rules(arguments: Namespace) -> tuple[EnvironmentRule, ...]:
    """Which Dockerfile an image has is said for this machine, whichever environment it goes to."""
    from dagwright.project import load_project

    return load_project(arguments.root / "config" / "project.yaml").local.environments


def _source(
    name: str, project: Project, registry: ImageRegistry, rules: tuple[EnvironmentRule, ...], outputs: Outputs
) -> OwnImage | Problem:
    """What it is built from, or why it is not the project's to build."""
    image, where = project.images[name], f"images.{name}"
    if not isinstance(image, str):
        return Problem("image-of-aws", "it is an image of AWS's", "only images of your own are pushed", field=where)
    repository = registry.repository_of(image)
    if not repository:
        return Problem("other-registry", f"it is not in {registry.host}", "push it where it is made", field=where)
    rule = next((one for one in rules if matches(image, one.image)), None)
    if rule is None or rule.dockerfile is None:
        hint = "add a rule with its `dockerfile` to local.environments"
        return Problem("no-dockerfile", "nothing says which Dockerfile it is built from", hint, field=where)
    if not (is_to_come(image) or outputs.images.get(name) == image):
        what = "the configuration names one image by its digest" if "@" in image else "the configuration names a tag"
        hint = f"write {registry.host}/{repository}@sha256: and 64 noughts for the image that was pushed last"
        return Problem("image-is-fixed", what, hint, field=where)
    dockerfile = project.root / rule.dockerfile
    return OwnImage(name, registry.host, repository, dockerfile, f"src-{context_hash(dockerfile)[:16]}")


def _pushed(sources: list[OwnImage], registry: ImageRegistry, *, builds: bool) -> list[Pushed]:
    """Every image that is in the registry already, then those that have to be built for it."""
    found = {one.tagged: _found(one, registry, has_to_be=builds) for one in sources}
    before = {tagged for tagged, image in found.items() if image}
    missing = list({one.tagged: one for one in sources if one.tagged not in before}.values())
    if missing and builds:
        bases = {host for one in missing for host in registry.hosts_in(_text(one.dockerfile))}
        hosts = sorted({registry.host, *bases})
        with image_builder(hosts, _say_docker) as builder:
            password = registry.password()
            for host in hosts:
                builder.log_in(host, password)
            for one in missing:
                found[one.tagged] = _built(one, builder, registry)
    return [Pushed(one, found[one.tagged], was_there=one.tagged in before) for one in sources]


def _found(source: OwnImage, registry: ImageRegistry, *, has_to_be: bool) -> StoredImage | None:
    """The image in the registry; that its repository is yet to be made is an error only where it `has_to_be`."""
    try:
        return registry.find(source.repository, source.tag)
    except UserError as error:
        if has_to_be:
            raise
        _say(error.message)
        return None


def _text(dockerfile: Path) -> str:
    try:
        return dockerfile.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise ConfigurationError(f"{dockerfile} cannot be read: {error.strerror}") from error


def _built(source: OwnImage, builder: ImageBuilder, registry: ImageRegistry) -> StoredImage:
    """Build and push it. One that somebody else pushed in the meantime is the same source, and is taken."""
    _say(f"building {source.name}: {source.tagged}")
    builder.build(source.dockerfile, source.tagged)
    _say(f"pushing {source.name}")
    try:
        builder.push(source.tagged)
    except ExecutionError:
        found = registry.find(source.repository, source.tag)
        if found is None:
            raise
    else:
        found = registry.find(source.repository, source.tag)
    if found is None:
        raise AWSError(f"{source.tagged} was pushed, and ECR does not know it", hint="Try again in a minute.")
    if found.manifest not in ("", DOCKER_MANIFEST):
        _say(f"{source.name} is stored as {found.manifest}, which SageMaker is reported to refuse")
    return found


def _with_images(outputs: Outputs, pushed: list[Pushed]) -> Outputs:
    images = {one.source.name: one.image for one in pushed if one.found}
    return replace(outputs, images=MappingProxyType({**outputs.images, **images}))


def _say_all(arguments: Namespace, pushed: list[Pushed], is_new: bool, where: str) -> None:
    if arguments.json:
        written = is_new and not arguments.check
        print(as_json({"images": [one.as_json() for one in pushed], "outputs": where, "written": written}))
        return
    print("\n".join(_lines(pushed, is_new, where, would=arguments.check)))


def _lines(pushed: list[Pushed], is_new: bool, where: str, *, would: bool) -> Iterator[str]:
    if not pushed:
        yield "There is nothing to push: no image of the configuration is built here."
        return
    yield columns([[one.source.name, one.status, one.image] for one in pushed])
    if is_new:
        yield f"{where} {'would be' if would else 'is'} written{'' if would else ': commit it'}"


def _say_docker(line: str) -> None:
    _say(f"  {line}")


def _say(line: str) -> None:
    print(shown(line), file=sys.stderr, flush=True)
