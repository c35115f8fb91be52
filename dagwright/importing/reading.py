"""What the readers of all types of steps need: members of a request by their path, and the source of those that fit.

A reader proposes keywords for a class. What it leaves out, and what the class would say otherwise, is for `patch`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from dagwright.definition.diff_values import exact
from dagwright.definition.expression import is_expression
from dagwright.importing.layout import Node, call, row, table
from dagwright.importing.values import Draft

Keywords = dict[str, Node]


class UnsuitableError(Exception):
    """A step that the class of its type cannot say; the text is why."""


def member(value: Any, path: str) -> Any:
    """What stands at `A.B.C` below a JSON value; None if nothing does."""
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


class Reading:
    """A step's entry, and the keywords that are proposed for it so far."""

    def __init__(self, entry: Mapping[str, Any], draft: Draft) -> None:
        self.entry = entry
        self.arguments: Any = entry.get("Arguments")
        self.draft = draft
        self.keywords: Keywords = {}
        self.comments: dict[str, str] = {}

    def at(self, path: str) -> Any:
        """What stands at a path below Arguments; None if nothing does."""
        return member(self.arguments, path)

    def take(self, keyword: str, path: str, fits: Callable[[Any], bool]) -> None:
        """Propose a keyword for a member, if it is there and fits."""
        value = self.at(path)
        if value is not None and fits(value):
            self.keywords[keyword] = self.draft.value(value)

    def need(self, keyword: str, path: str, fits: Callable[[Any], bool]) -> None:
        """The same for what the class demands. Raises UnsuitableError."""
        self.take(keyword, path, fits)
        if keyword not in self.keywords:
            raise UnsuitableError(f"{keyword} would have to be in Arguments.{path}")

    def take_texts(self, keyword: str, path: str) -> None:
        """Propose a list of texts."""
        self.take(keyword, path, lambda value: _is_filled(value, list) and all(map(self.draft.is_text, value)))

    def take_map(self, keyword: str, path: str, spell: Callable[[str], str] | None = None) -> None:
        """Propose a map of texts: those of its members that are texts. `spell` writes a literal one."""
        value = self.at(path)
        if not isinstance(value, dict) or is_expression(value):
            return
        fitting = {name: one for name, one in value.items() if self.draft.is_text(one)}
        if fitting:
            self.keywords[keyword] = table((name, self._spelled(one, spell)) for name, one in fitting.items())

    def _spelled(self, value: Any, spell: Callable[[str], str] | None) -> Node:
        return spell(value) if spell is not None and isinstance(value, str) else self.draft.value(value)

    def take_tags(self, path: str = "Tags") -> None:
        """Propose AWS's list of Key and Value as a map."""
        tags = self.at(path)
        if not _is_filled(tags, list) or not all(
            isinstance(tag, dict) and tag.keys() == {"Key", "Value"} for tag in tags
        ):
            return
        named = {tag["Key"]: tag["Value"] for tag in tags if isinstance(tag["Key"], str)}
        if len(named) == len(tags) and all(map(self.draft.is_text, named.values())):
            self.keywords["tags"] = table((key, self.draft.value(value)) for key, value in named.items())

    def take_network(self, path: str) -> None:
        """Propose a VpcConfig."""
        subnets, groups = self.at(f"{path}.Subnets"), self.at(f"{path}.SecurityGroupIds")
        if _is_filled(subnets, list) and _is_filled(groups, list) and all(map(self.draft.is_text, subnets + groups)):
            self.keywords["subnets"] = self.draft.row(subnets)
            self.keywords["security_group_ids"] = self.draft.row(groups)

    def take_switch(self, keyword: str, path: str) -> None:
        """Propose a member that is true, or decided while the pipeline runs."""
        self.take(keyword, path, lambda value: value is True or is_expression(value))


def is_literal(value: Any) -> bool:
    """Whether it is a text that says something."""
    return isinstance(value, str) and bool(value)


def is_whole(value: Any) -> bool:
    """Whether it is a whole number."""
    return isinstance(value, int) and not isinstance(value, bool)


def _is_filled(value: Any, kind: type) -> bool:
    return isinstance(value, kind) and bool(value)


def optional(value: Any, draft: Draft) -> Node | None:
    """The source of a member; None for one that is not there."""
    return None if value is None else draft.value(value)


def unless_default(value: Any, default: Any, draft: Draft) -> Node | None:
    """The source of a member whose keyword has a default: none for that, `None` for a member that is not there."""
    return None if value == default else draft.value(value)


def proposed_list(reading: Reading, keyword: str, values: Any, node_of: Callable[[Any], Node | None]) -> bool:
    """Propose a list if each of its elements has a source; whether that is so."""
    nodes = [node_of(value) for value in values] if isinstance(values, list) else []
    found = [node for node in nodes if node is not None]
    if not found or len(found) < len(nodes):
        return False
    reading.keywords[keyword] = row(found)
    return True


def patch(said: Any, wanted: Any) -> dict[str, Any]:
    """What has to be laid over `said` to make it `wanted`, by the rules of `overrides`: None takes a member out.

    Raises UnsuitableError for a null, which cannot be laid over anything.
    """
    whole: dict[str, Any] = {}
    work: list[tuple[dict[str, Any], Any, Any]] = [(whole, said, wanted)]
    while work:
        target, old, new = work.pop()
        target.update({name: None for name in old if name not in new})
        for name, value in new.items():
            if value is None:
                raise UnsuitableError(f"{name} is null")
            if name in old and exact(old[name]) == exact(value):
                continue
            if isinstance(value, dict) and not is_expression(value):
                there = old.get(name)
                target[name] = {}
                work.append(
                    (target[name], there if isinstance(there, dict) and not is_expression(there) else {}, value)
                )
            else:
                target[name] = value
    return whole


def cache_config(draft: Draft, entry: Mapping[str, Any]) -> Node | None:
    """A CacheConfig that the vocabulary takes; None for one that it does not, or none at all."""
    config = entry.get("CacheConfig")
    if not isinstance(config, dict) or not isinstance(config.get("Enabled"), bool):
        return None
    node = call(
        "CacheConfig", enable_caching=repr(config["Enabled"]), expire_after=optional(config.get("ExpireAfter"), draft)
    )
    return node if draft.says(node, config) else None


def retry_policies(draft: Draft, entry: Mapping[str, Any]) -> Node | None:
    """Retry policies that the vocabulary takes; None as for `cache_config`."""
    policies = entry.get("RetryPolicies")
    nodes = [_retry_policy(draft, policy) for policy in policies] if isinstance(policies, list) else []
    found = [node for node in nodes if node is not None]
    return row(found) if found and len(found) == len(nodes) else None


def _retry_policy(draft: Draft, policy: Any) -> Node | None:
    from dagwright import SageMakerJobExceptionTypeEnum, StepExceptionTypeEnum

    kinds = policy.get("ExceptionType") if isinstance(policy, dict) else None
    for name, enum in (
        ("StepRetryPolicy", StepExceptionTypeEnum),
        ("SageMakerJobStepRetryPolicy", SageMakerJobExceptionTypeEnum),
    ):
        known = {one.value: f"{enum.__name__}.{one.name}" for one in enum}
        if not isinstance(kinds, list) or not all(isinstance(kind, str) and kind in known for kind in kinds):
            continue
        node = call(
            name,
            row(known[kind] for kind in kinds),
            backoff_rate=optional(policy.get("BackoffRate"), draft),
            interval_seconds=optional(policy.get("IntervalSeconds"), draft),
            max_attempts=optional(policy.get("MaxAttempts"), draft),
            expire_after_mins=optional(policy.get("ExpireAfterMin"), draft),
        )
        if draft.says(node, policy):
            return node
    return None
