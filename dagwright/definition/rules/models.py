"""Images and approvals: a graph comes in, images that a tag names and models that nobody looks at go out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from dagwright.definition.graph import Graph
from dagwright.definition.rules.jobs import Defaults, containers, jobs, usual
from dagwright.errors import Problem

_DIGEST = "@sha256:"
_NO_IMAGE = f"{_DIGEST}{'0' * 64}"
_IMAGES = {"Processing": "AppSpecification.ImageUri", "Training": "AlgorithmSpecification.TrainingImage"}


class Image(NamedTuple):
    """An image with the place that names it."""

    step: str
    field: str
    address: str
    is_pinned: bool


def images(graph: Graph) -> Iterator[Image]:
    """The images of jobs and models whose addresses are known before a run."""
    for job in jobs(graph, *_IMAGES):
        path = _IMAGES[job.kind]
        address = job.usual(path)
        if isinstance(address, str):
            yield Image(job.step, job.field(path), address, _DIGEST in address)
    for container in containers(graph):
        address = container.usual("Image")
        if isinstance(address, str):
            pinned = _DIGEST in address or container.raw("ImageDigest") is not None
            yield Image(container.step, container.field("Image"), address, pinned)


def image_name_problems(graph: Graph) -> Iterator[Problem]:
    """Images named by a tag, which may stand for another image tomorrow, or by a digest that is yet to be filled in."""
    for image in images(graph):
        if image.address.endswith(_NO_IMAGE):
            what = "the digest is all noughts, which names no image"
            hint = "push the image, and write the digest that it got"
            yield Problem("digest-of-nothing", what, hint, "warning", image.step, image.field)
        elif not image.is_pinned:
            what = "a tag, or no tag, names the image: it may be another one tomorrow"
            hint = "name it by its digest: registry/repository@sha256:…"
            yield Problem("image-by-tag", what, hint, "warning", image.step, image.field)


def approval_problems(graph: Graph) -> Iterator[Problem]:
    """Models that are approved by the pipeline that made them."""
    defaults = Defaults(graph)
    for step in graph.steps.values():
        if step.type == "RegisterModel" and usual(step.arguments.get("ModelApprovalStatus"), defaults) == "Approved":
            what = "the model is approved by the pipeline that made it"
            hint = "register it as PendingManualApproval, so that somebody looks at it"
            yield Problem("self-approval", what, hint, "warning", step.name, "Arguments.ModelApprovalStatus")
