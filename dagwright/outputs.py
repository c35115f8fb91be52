"""What AWS gave to an environment: config/outputs/<environment>.json.

In: the file, which the user commits. Out: the ids of what the stack made or what was found by tag, and the digests of
the images that were pushed. `infra upsert`, `infra outputs` and `images push` write it; every command reads it.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from dagwright.errors import ConfigurationError, Problem, StorageError, did_you_mean
from dagwright.project_forms import IMAGE, NAME, PURPOSES, QUEUE, SECURITY_GROUP, SUBNET, VOLUME_KEY, VPC, Form
from dagwright.whole_files import write_whole

# Which file belongs to which environment; on this machine nothing is given by AWS.
_ENVIRONMENTS = ("dev", "staging", "production")
_MOST_BYTES = 1 << 20
_NO_DIGEST = "sha256:" + "0" * 64
_BY_RERUN = "take it out, or let `infra outputs` write the file anew"


@dataclass(frozen=True)
class Outputs:
    """What is known of an environment's ids; what is not is empty. `images` are addresses with a digest, by name."""

    security_groups: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    subnets: tuple[str, ...] = ()
    vpc: str = ""
    key: str = ""
    dead_letter_queue: str = ""
    images: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def as_json(self) -> dict[str, Any]:
        """The members of the file, in its order, without what is empty."""
        members = {
            "security_groups": {purpose: [*ids] for purpose, ids in sorted(self.security_groups.items())},
            "subnets": [*self.subnets],
            "vpc": self.vpc,
            "key": self.key,
            "dead_letter_queue": self.dead_letter_queue,
            "images": dict(sorted(self.images.items())),
        }
        return {name: value for name, value in members.items() if value}

    @property
    def text(self) -> str:
        """The file: the same values are the same bytes."""
        return json.dumps(self.as_json(), indent=2, ensure_ascii=False) + "\n"


def outputs_path(environment: str) -> str:
    """Where they are, from the project's folder."""
    return f"config/outputs/{environment}.json"


def read_outputs(root: Path, environment: str) -> Outputs:
    """What the file holds; nothing if there is none. Raises ConfigurationError with every problem of it."""
    where = outputs_path(environment)
    if environment not in _ENVIRONMENTS or not os.path.lexists(root / where):
        return Outputs()
    try:
        members = json.loads(_text(_inside(root, where), where))
    except (ValueError, RecursionError) as error:
        raise _refusal(where, [Problem("bad-json", f"this is no JSON: {error}", _BY_RERUN, where=where)]) from error
    problems = [*_problems(members, where)]
    if problems:
        raise _refusal(where, problems)
    return Outputs(
        MappingProxyType({purpose: tuple(ids) for purpose, ids in members.get("security_groups", {}).items()}),
        tuple(members.get("subnets", ())),
        members.get("vpc", ""),
        members.get("key", ""),
        members.get("dead_letter_queue", ""),
        MappingProxyType(dict(members.get("images", {}))),
    )


def write_outputs(root: Path, environment: str, outputs: Outputs) -> bool:
    """Make the file say so; whether it did not before. It is there whole, or stays as it was.

    Raises StorageError if it cannot be written, ConfigurationError if it leads out of the project's folder.
    """
    where = outputs_path(environment)
    if environment not in _ENVIRONMENTS:
        raise StorageError(f"{where}: there are no outputs of the environment '{environment}'")
    path = _inside(root, where)
    content = outputs.text.encode()
    try:
        if path.is_file() and path.read_bytes() == content:
            return False
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, content)
    except OSError as error:
        raise StorageError(f"{where} cannot be written: {error.strerror}") from error
    return True


def pinned(address: str, pushed: str) -> str:
    """The address of an image of the configuration; the one that was pushed where that has no digest of its own yet."""
    return pushed if is_to_come(address) and pushed.partition("@")[0] == address.partition("@")[0] else address


def is_to_come(address: str) -> bool:
    """Whether it stands for an image that is yet to be pushed: with a digest of noughts, or neither digest nor tag."""
    repository, _, digest = address.partition("@")
    return digest == _NO_DIGEST if digest else ":" not in repository.rpartition("/")[2]


def _inside(root: Path, where: str) -> Path:
    """The file itself, links resolved. Raises ConfigurationError if they lead out of the project's folder."""
    home, path = Path(os.path.realpath(root)), Path(os.path.realpath(root / where))
    if not path.is_relative_to(home):
        problem = Problem(
            "leads-out", f"it is a link that leads to {path}", "make it a file of the project", where=where
        )
        raise _refusal(where, [problem])
    return path


def _text(path: Path, where: str) -> str:
    try:
        if not path.is_file() or path.stat().st_size > _MOST_BYTES:
            raise _refusal(where, [Problem("no-file", "it is no file of a size that it can have", where=where)])
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise StorageError(f"{where} cannot be read: {error.strerror}") from error


def _refusal(where: str, problems: list[Problem]) -> ConfigurationError:
    count = f"{len(problems)} problems" if len(problems) > 1 else "a problem"
    return ConfigurationError(f"{where} has {count}", problems)


def _problems(members: Any, where: str) -> Iterator[Problem]:
    if not isinstance(members, dict):
        yield Problem("wrong-type", "this is no object of names and values", _BY_RERUN, where=where)
        return
    for name, value in members.items():
        if name in _MEMBERS:
            yield from _MEMBERS[name](name, value, where)
        else:
            hint = did_you_mean(name, _MEMBERS)
            yield Problem("unknown-key", f"there is no member '{name}' here", hint, field=name, where=where)


def _groups(name: str, value: Any, where: str) -> Iterator[Problem]:
    if not isinstance(value, dict):
        yield _wrong(name, value, "groups by purpose", where)
        return
    for purpose, ids in value.items():
        if purpose in PURPOSES:
            yield from _ids(f"{name}.{purpose}", ids, where, SECURITY_GROUP)
        else:
            what, hint = f"'{purpose}' is no purpose", did_you_mean(purpose, PURPOSES)
            yield Problem("unknown-key", what, hint, field=f"{name}.{purpose}", where=where)


def _subnets(name: str, value: Any, where: str) -> Iterator[Problem]:
    return _ids(name, value, where, SUBNET)


def _ids(name: str, value: Any, where: str, form: Form) -> Iterator[Problem]:
    if not isinstance(value, list):
        yield _wrong(name, value, "a list", where)
        return
    for number, item in enumerate(value):
        yield from _one(f"{name}[{number}]", item, where, form)


def _vpc(name: str, value: Any, where: str) -> Iterator[Problem]:
    return _one(name, value, where, VPC)


def _key(name: str, value: Any, where: str) -> Iterator[Problem]:
    return _one(name, value, where, VOLUME_KEY)


def _queue(name: str, value: Any, where: str) -> Iterator[Problem]:
    return _one(name, value, where, QUEUE)


def _images(name: str, value: Any, where: str) -> Iterator[Problem]:
    if not isinstance(value, dict):
        yield _wrong(name, value, "addresses by name", where)
        return
    for image, address in value.items():
        if not re.fullmatch(NAME.pattern, image):
            yield _wrong(f"{name}.{image}", image, NAME.allowed, where)
        yield from _one(f"{name}.{image}", address, where, IMAGE)
        if isinstance(address, str) and "@sha256:" not in address:
            what, hint = "this address has no digest", "`images push` writes addresses with one"
            yield Problem("bad-value", what, hint, field=f"{name}.{image}", where=where)


def _one(name: str, value: Any, where: str, form: Form) -> Iterator[Problem]:
    if not isinstance(value, str) or not re.fullmatch(form.pattern, value):
        yield _wrong(name, value, form.allowed, where)


def _wrong(name: str, value: Any, allowed: str, where: str) -> Problem:
    return Problem("bad-value", f"{json.dumps(value):.80} is not {allowed}", _BY_RERUN, field=name, where=where)


_MEMBERS = {
    "security_groups": _groups,
    "subnets": _subnets,
    "vpc": _vpc,
    "key": _key,
    "dead_letter_queue": _queue,
    "images": _images,
}
