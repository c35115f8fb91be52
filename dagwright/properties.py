"""What a step will have to say once it has run, checked against AWS's model while the pipeline is being written.

`step.properties.ModelArtifacts.S3ModelArtifacts` becomes `{"Get": "Steps.Train.ModelArtifacts.S3ModelArtifacts"}`;
a member that the service's Describe response does not have is refused at the line that asks for it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, NoReturn

from dagwright.errors import DefinitionError, Problem, did_you_mean
from dagwright.refusals import caller, shown
from dagwright.shapes import Shape
from dagwright.variables import PipelineVariable

if TYPE_CHECKING:
    from dagwright.steps import Step


class PropertyError(DefinitionError, AttributeError):
    """The step has no such property; an AttributeError too, so that hasattr() and copy work as usual."""


class Properties(PipelineVariable):
    """A place in a step's Describe response: go on with `.Member`, `["key"]` or `[0]`.

    `names` are the legal keys below a path where the declaration tells them, such as a step's outputs. `extra` are
    members that the service adds to the response.
    """

    __slots__ = ("_extra", "_names", "_path", "_shape", "_step")

    def __init__(
        self,
        step: Step,
        path: str,
        shape: Shape | None,
        names: Mapping[str, Collection[str]] | None = None,
        extra: Mapping[str, Shape] | None = None,
    ) -> None:
        self._step = step
        self._path = path
        self._shape = shape
        self._names = names or {}
        self._extra = extra or {}

    def __repr__(self) -> str:
        return ".".join(part for part in ("Steps", self._step.name, self._path) if part)

    def expression(self) -> Any:
        return {"Get": repr(self)}

    @property
    def step(self) -> Step:
        """The step whose response is read."""
        return self._step

    @property
    def is_single(self) -> bool:
        """Whether this is one value, and not a structure, a list or a map."""
        if self._shape is None:
            return bool(self._path)
        return bool(self._path) and self._shape.is_single

    @property
    def ways_on(self) -> str:
        """What may follow this place, as a hint."""
        return self._ways_on("")

    def __dir__(self) -> list[str]:
        return [*self._members(), *super().__dir__()]

    def _members(self) -> list[str]:
        named = list(self._shape.members) if self._shape is not None and self._shape.kind == "structure" else []
        return [*self._extra, *named]

    def __getattr__(self, name: str) -> Properties:
        if name.startswith("_"):
            raise AttributeError(name)
        members = self._members()
        if name not in members:
            self._refuse("unknown-property", f"there is no '{name}' here", self._ways_on(name))
        path = f"{self._path}.{name}" if self._path else name
        if name in self._extra:
            return Properties(self._step, path, self._extra[name], self._names)
        shape = self._shape.member(name) if self._shape is not None else None
        return Properties(self._step, path, shape, self._names)

    def __getitem__(self, key: str | int) -> Properties:
        kind = self._shape.kind if self._shape is not None else "none"
        if self._shape is None or kind not in ("list", "map"):
            self._refuse(
                "unknown-property", f"[{key!r}] does not apply: this is no list or map", self._ways_on(str(key))
            )
        self._check_key(key, self._shape)
        spelled = str(key) if isinstance(key, int) else _quoted(key)
        return Properties(self._step, f"{self._path}[{spelled}]", self._shape.element, self._names)

    def _check_key(self, key: object, shape: Shape) -> None:
        if isinstance(key, bool) or not isinstance(key, str | int):
            self._refuse("bad-key", f"[{key!r}] is neither a name nor a position")
        if isinstance(key, str) and not shape.goes_by_name:
            self._refuse("bad-key", f"[{key!r}] is a name, and this list goes by position", "such as [0]")
        if isinstance(key, int) and not shape.goes_by_position:
            what = "map" if shape.kind == "map" else "list"
            self._refuse("bad-key", f"[{key}] is a position, and this {what} goes by name", self._ways_on(""))
        if isinstance(key, int) and key < 0:
            self._refuse("bad-key", f"[{key}] counts from the end, which the service cannot do")
        known = self._names.get(self._path)
        if isinstance(key, str) and known is not None and key not in known:
            self._refuse("unknown-name", f"'{key}' is not declared here", did_you_mean(key, known) or "nothing is")

    def _ways_on(self, wanted: str) -> str:
        """What may follow this place, as a hint."""
        known = self._names.get(self._path)
        if known is not None:
            return did_you_mean(wanted, known)
        if self._shape is not None and self._shape.kind in ("list", "map"):
            return 'go on with ["name"]' if self._shape.kind == "map" else "go on with [0]"
        return did_you_mean(wanted, self._members()) or "this is a single value: nothing follows it"

    def _refuse(self, code: str, what: str, hint: str = "") -> NoReturn:
        problem = Problem(code, what, hint, step=self._step.name, field=repr(self), where=shown(caller()))
        raise PropertyError("1 problem in the pipeline's definition:", [problem])


class OutputProperties:
    """What a Lambda or Callback step will have returned: `step.properties.Outputs["name"]`."""

    __slots__ = ("_names", "_step")

    def __init__(self, step: Step, names: Collection[str]) -> None:
        self._step = step
        self._names = names

    @property
    def Outputs(self) -> OutputProperties:  # noqa: N802 - AWS's spelling
        """The outputs by name."""
        return self

    def __getitem__(self, name: str) -> Properties:
        value = Properties(self._step, f"OutputParameters[{_quoted(str(name))}]", None)
        if name not in self._names:
            hint = did_you_mean(str(name), self._names) or "the step declares no outputs"
            value._refuse("unknown-name", f"'{name}' is not an output of the step", hint)
        return value

    def __iter__(self) -> NoReturn:
        raise TypeError("outputs are read by name, as in step.properties.Outputs['name']")


def _quoted(key: str) -> str:
    return f'"{key}"' if "'" in key else f"'{key}'"
