"""Secrets in definitions that are to be compared and shown: on a terminal, in a file, in a comment on a pull request.

In: graphs, or requests of jobs. Out: their definitions, or the requests, with a word in the place of each password,
token or key that `validate` would warn of. That one has changed still shows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dagwright.definition.graph import Graph
from dagwright.definition.rules.secrets import Secret, secrets_in, secrets_in_request

# A shorter one is replaced where it is the whole value only: `1` is in every other text.
_SHORTEST_PART = 6


def hidden(*graphs: Graph) -> list[Mapping[str, Any]]:
    """The definitions; a secret has the same word wherever it stands in any of them."""
    found = (secret for graph in graphs for secret in secrets_in(graph))
    return _hidden(found, [graph.definition for graph in graphs])


def hidden_in_requests(*requests: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The same of the requests of jobs, or of members of them."""
    return _hidden((secret for request in requests for secret in secrets_in_request(request)), requests)


def _hidden(found: Iterable[Secret], values: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    words: dict[str, str] = {}
    for secret in found:
        words.setdefault(secret.value, f"(secret {len(words) + 1})")
    return [_with_words(value, words) if words else value for value in values]


def _with_words(definition: Mapping[str, Any], words: Mapping[str, str]) -> Mapping[str, Any]:
    """A copy in which every secret is replaced by its word."""
    long = sorted((text for text in words if len(text) >= _SHORTEST_PART), key=len, reverse=True)
    parts = re.compile("|".join(map(re.escape, long)) or "(?!)")
    top: list[Any] = [definition]
    pending: list[tuple[Any, Any]] = [(top, 0)]
    while pending:
        holder, key = pending.pop()
        value = holder[key]
        if isinstance(value, dict):
            holder[key] = made = {**value}
            pending.extend((made, name) for name in made)
        elif isinstance(value, list):
            holder[key] = row = [*value]
            pending.extend((row, index) for index in range(len(row)))
        elif isinstance(value, (str, int, float)) and str(value) in words:
            holder[key] = words[str(value)]
        elif isinstance(value, str):
            holder[key] = parts.sub(lambda found: words[found[0]], value)
    copied: Mapping[str, Any] = top[0]
    return copied
