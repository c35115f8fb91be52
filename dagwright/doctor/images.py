"""Whether each image that the pipelines name is there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from dagwright.doctor.findings import Sayings, not_seen, ok, problem, warning
from dagwright.doctor.ward import Ward, said_by_all

_ADDRESS = re.compile(
    r"(?P<account>\d{12})\.dkr[.-]ecr(?:-fips)?\.(?P<region>[a-z0-9-]+)\.[a-z0-9.-]+?"
    r"/(?P<repository>[^:@\s]+)(?::(?P<tag>[^@\s]+))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)
_NOUGHTS = f"sha256:{'0' * 64}"


class Address(NamedTuple):
    """An image of ECR; tag or digest may be empty."""

    account: str
    region: str
    repository: str
    tag: str
    digest: str


def address_of(image: str) -> Address | None:
    """The parts of an image's address; None if it is not one of ECR's.

    >>> address_of("123456789012.dkr.ecr.us-east-1.amazonaws.com/acme/python:3.11").tag
    '3.11'
    """
    found = _ADDRESS.fullmatch(image)
    return Address(**found.groupdict(default="")) if found else None


def own_images(ward: Ward) -> Sayings:
    """Images of the project's account, in ECR."""
    own = {image: at for image, at in _addresses(ward).items() if at.account == ward.project.account_id}
    yield from said_by_all({_short(at): _stored(ward, image, at) for image, at in own.items()})


def _stored(ward: Ward, image: str, at: Address) -> Sayings:
    who, push = ward.workload.images[image], ward.command("images push")
    if at.region != ward.project.region:
        what = f"{_short(at)} lies in {at.region} ({who}): SageMaker does not pull across Regions"
        yield problem(what, f"Copy it to {ward.project.region}.")
        return
    if at.digest == _NOUGHTS:
        return  # said offline
    wanted = {"imageDigest": at.digest} if at.digest else {"imageTag": at.tag or "latest"}
    arguments = {"registryId": at.account, "repositoryName": at.repository, "imageIds": [wanted]}
    if ward.find("ecr", "describe_repositories", registryId=at.account, repositoryNames=[at.repository]) is None:
        make = ward.command("infra upsert")
        yield problem(f"there is no repository {at.repository} ({who})", f"`{make}` makes it, then `{push}`")
    elif ward.find("ecr", "describe_images", **arguments) is None:
        yield problem(f"{_short(at)} is not in its repository ({who})", push)
    else:
        yield ok(f"{_short(at)} is there ({who})")


def aws_images(ward: Ward) -> Sayings:
    """Images of AWS's own accounts, by the table of those that are known; other accounts' cannot be seen."""
    for image, at in _addresses(ward).items():
        if at.account != ward.project.account_id:
            yield from _published(ward, image, at)
    for image, who in ward.workload.images.items():
        if address_of(image) is None:
            yield not_seen(f"{image} is no image of ECR ({who})", "Can the job's network and role reach its registry?")


def _published(ward: Ward, image: str, at: Address) -> Sayings:
    from dagwright.images import table_of

    table, who = table_of(ward.project.root), ward.workload.images[image]
    known = [one for framework in table.frameworks for one in table.variants(framework)]
    registries = {one.registries.get(at.region) for one in known}
    of_repository = [one for one in known if one.repository == at.repository]
    if at.account not in registries:
        hint = "Its repository policy has to let the jobs' role pull it."
        yield not_seen(f"{_short(at)} is of the account {at.account} ({who})", hint)
    elif not any(one.registries.get(at.region) == at.account for one in of_repository):
        what = f"{at.account} is AWS's in {at.region}, and has no {at.repository} ({who})"
        yield problem(what, "Name it by framework and version: its address then follows from the Region.")
    elif at.tag and at.tag not in {one.tag for one in of_repository}:
        what = f"{_short(at)} is not among the images that are known ({who})"
        yield warning(what, "A newer list: deploy.py images --refresh")
    else:
        yield ok(f"{_short(at)} is AWS's own, in {at.region}")


def _addresses(ward: Ward) -> Mapping[str, Address]:
    return {image: at for image in ward.workload.images if (at := address_of(image))}


def _short(at: Address) -> str:
    """Name and tag; of a digest its beginning."""
    digest = f"@{at.digest[:19]}…" if at.digest else ""
    return f"{at.repository}{f':{at.tag}' if at.tag else ''}{digest}"
