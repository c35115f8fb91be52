"""Which objects of which buckets are meant: S3 addresses come in, ARNs and statements go out.

An address means what S3 finds by it: the keys that begin so. What lies in the project's layout is allowed by its
prefixes; other addresses, in its bucket and in others, exactly as definitions name them. An address whose bucket only a
run can know allows nothing: it would be any bucket.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from dagwright.infra.policy import Statement
from dagwright.infra.roles import keys

if TYPE_CHECKING:
    from dagwright.infra.site import Site

#: The prefixes of the layout, and those into which jobs write: raw data and code are nobody's to change that runs.
READ = ("raw", "processed", "features", "models", "metrics", "code", "pipelines")
WRITTEN = ("processed", "features", "models", "metrics", "pipelines")


def prefixes(site: Site, names: Sequence[str]) -> list[str]:
    """The key prefixes of these parts of the layout."""
    return [getattr(site.project.layout, name) for name in names]


def objects(site: Site, layout: Sequence[str], addresses: Iterable[str], *, below: bool = False) -> list[str]:
    """ARNs of the objects in these parts of the layout, and at the addresses besides; with `below`, only of what lies
    in the folders that these name."""
    found = site.names.objects(*prefixes(site, layout))
    for bucket, key in _others(site, layout, addresses):
        folder = below and key and not key.endswith("/")
        found.append(f"{_bucket(site, bucket)}/{_begun(f'{key}/' if folder else key)}")
    return [*dict.fromkeys(found)]


def listing(site: Site, sid: str, layout: Sequence[str], addresses: Iterable[str]) -> Iterator[Statement]:
    """Statements that let the same be listed, one for each bucket, and let its Region be asked."""
    told: dict[str, dict[str, None]] = {}
    if layout:
        told[site.project.bucket] = dict.fromkeys(
            pattern for prefix in prefixes(site, layout) for pattern in _listed(prefix)
        )
    for bucket, key in _others(site, layout, addresses):
        told.setdefault(bucket, {}).update(dict.fromkeys((*_above(key), _begun(key))))
    for number, (bucket, patterns) in enumerate(told.items(), 1):
        condition = {"StringLike": {"s3:prefix": [*patterns]}}
        yield Statement(f"{sid}{number}", ("s3:ListBucket",), (_bucket(site, bucket),), condition)
    yield Statement(f"{sid}Region", ("s3:GetBucketLocation",), [_bucket(site, bucket) for bucket in told])


def reading(site: Site, layout: Sequence[str], addresses: Sequence[str]) -> Iterator[Statement]:
    """Statements that let files be found, read and decrypted. Without ListBucket a file that is not there is refused
    with 403, like one that may not be read."""
    yield from listing(site, "ListFiles", layout, addresses)
    yield Statement("ReadFiles", ("s3:GetObject",), objects(site, layout, addresses))
    yield from keys.key_statements(site, "DecryptFiles", keys.READ)


def _bucket(site: Site, name: str) -> str:
    return f"arn:{site.project.partition}:s3:::{name}"


def _others(site: Site, layout: Sequence[str], addresses: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Bucket and key of the addresses that lie outside of these parts of the layout."""
    for address in addresses:
        bucket, _, key = address.removeprefix("s3://").partition("/")
        own = bucket == site.project.bucket and any(_lies_in(key, prefix) for prefix in prefixes(site, layout))
        if "*" not in bucket and not own:
            yield bucket, key


def _begun(key: str) -> str:
    """All keys that begin so."""
    return key if key.endswith("*") else f"{key}*"


def _lies_in(key: str, prefix: str) -> bool:
    fixed, varies, _ = prefix.partition("{version}")
    return key.startswith(fixed) if varies else key == prefix or key.startswith(f"{prefix}/")


def _listed(prefix: str) -> list[str]:
    """What is asked for when a prefix is listed: itself, what is below it, and the folders above, which programs look
    at that make folders of their own (Hadoop's S3A)."""
    fixed, varies, _ = prefix.partition("{version}")
    return [*_above(fixed), f"{fixed}*"] if varies else [*_above(prefix), prefix, f"{prefix}/*"]


def _above(key: str) -> list[str]:
    folders = key.split("/")[:-1]
    return [f"{'/'.join(folders[: count + 1])}/" for count in range(len(folders))]
