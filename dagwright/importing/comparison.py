"""Whether a module's text emits a definition: the text is run as a module of `pipelines/` is, and the two are compared.

In: the text and the definition, as parsed JSON. Out: the paths at which they differ; none if they are equal.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from dagwright.definition.diff_values import exact
from dagwright.definition.expression import Place, spell_place

if TYPE_CHECKING:
    from dagwright.importing.module import Imported


def round_trips(made: Imported, definition: Mapping[str, Any], project: object = None) -> tuple[str, ...]:
    """The paths at which what the module emits differs from `definition`; empty if it is the very same JSON.

    1, 1.0 and true are three values; the order of an object's keys is nothing. `project` is what `build` is given.
    """
    return tuple(differences(emitted(made, project), definition))


def emitted(made: Imported, project: object = None) -> dict[str, Any]:
    """The definition that the module's pipeline has. Raises DefinitionError."""
    module: dict[str, Any] = {"__name__": "pipelines.imported"}
    # The module is this package's own writing, and is what `deploy.py render` will import.
    exec(compile(made.text, f"<{made.name}>", "exec"), module)  # noqa: S102
    definition: dict[str, Any] = module["build"](project).to_dict()
    return definition


def differences(ours: Any, theirs: Any) -> Iterator[str]:
    """The paths at which two JSON values differ, in document order."""
    waiting: list[tuple[Place, Any, Any]] = [(None, ours, theirs)]
    while waiting:
        place, one, other = waiting.pop()
        if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
            waiting.extend(((place, key), one[key], other[key]) for key in reversed(one))
        elif isinstance(one, dict) and isinstance(other, dict):
            shared = one.keys() & other.keys()
            yield from (spell_place((place, key)) for key in [*one, *other] if key not in shared)
            waiting.extend(((place, key), one[key], other[key]) for key in reversed(one) if key in shared)
        elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
            waiting.extend(((place, at), one[at], other[at]) for at in range(len(one) - 1, -1, -1))
        elif exact(one) != exact(other):
            yield spell_place(place) or "the whole"
