"""What one declaration says about itself: a step, a parameter.

What comes in: the raw JSON object. What goes out: a `Step` or a `Parameter`, what the step refers to, and every problem
that shows without looking at the other declarations. Names across declarations are `graph`'s affair. Keys and step
types that are not known here pass through in `Step.envelope`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from dagwright.definition.expression import Place, PropertyFile, Reference, spell_place, survey
from dagwright.errors import DefinitionError, Problem, did_you_mean

IF_STEPS = "IfSteps"
ELSE_STEPS = "ElseSteps"
BRANCHES = (IF_STEPS, ELSE_STEPS)
PARAMETER_TYPES = ("String", "Integer", "Float", "Boolean")

#: What a step refers to, and where in the step it does.
Uses = list[tuple[Place, Reference]]


class Dependency(NamedTuple):
    """One entry of DependsOn: the step waited for, and the ending that releases the one that waits (`Completed`;
    SDK v3 also writes `Failed`, `Stopped` and `Any`)."""

    step: str
    trigger: str = "Completed"


@dataclass(frozen=True)
class Parameter:
    """A pipeline parameter. `default` is as written, and means something only if `has_default`."""

    name: str
    type: str
    default: Any = None
    has_default: bool = False
    enum_values: tuple[Any, ...] = ()
    description: str = ""


@dataclass(frozen=True)
class Step:
    """A step, wherever it stands; `condition` and `branch` (`IfSteps` or `ElseSteps`) say in which branch, if any."""

    name: str
    type: str
    arguments: Mapping[str, Any]
    envelope: Mapping[str, Any]
    depends_on: tuple[Dependency, ...] = ()
    condition: str | None = None
    branch: str | None = None
    property_files: Mapping[str, PropertyFile] = field(default_factory=dict)
    references: tuple[Reference, ...] = ()

    @property
    def conditions(self) -> list[Any]:
        """The condition objects of a condition step, as written; empty for any other step."""
        conditions = self.arguments.get("Conditions") if self.type == "Condition" else None
        return list(conditions) if isinstance(conditions, list) else []

    @property
    def if_steps(self) -> tuple[str, ...]:
        """The names of the steps a condition step runs when its conditions hold."""
        return self._branch(IF_STEPS)

    @property
    def else_steps(self) -> tuple[str, ...]:
        """The names of the steps a condition step runs when its conditions do not hold."""
        return self._branch(ELSE_STEPS)

    def _branch(self, branch: str) -> tuple[str, ...]:
        return tuple(raw["Name"] for raw in branch_steps(self.envelope, branch))


def branch_steps(envelope: Mapping[str, Any], branch: str) -> list[Any]:
    """The raw steps in one branch of a raw step: none unless it is a condition step with that branch."""
    arguments = envelope.get("Arguments")
    if envelope.get("Type") != "Condition" or not isinstance(arguments, dict):
        return []
    steps = arguments.get(branch)
    return steps if isinstance(steps, list) else []


def malformed_expression(error: DefinitionError, place: Place, step: str = "") -> Problem:
    """The problem that an expression cannot be read."""
    return Problem("malformed-expression", error.message, error.hint, step=step, field=spell_place(place))


def read_parameter(raw: Any, place: Place, problems: list[Problem]) -> Parameter | None:
    """A parameter; None, with the reason added to `problems`, if it has no name. Without a Type, its default tells."""
    if not isinstance(raw, dict):
        problems.append(
            Problem("parameter-shape", "a parameter is an object with a Name and a Type", field=spell_place(place))
        )
        return None
    name = raw.get("Name")
    if not isinstance(name, str) or not name:
        problems.append(Problem("parameter-without-name", "the parameter has no Name", field=spell_place(place)))
        return None
    default = raw.get("DefaultValue")
    declared = raw.get("Type")
    if declared is None:
        declared = _type_of(default)
    elif declared not in PARAMETER_TYPES:
        what = f"parameter '{name}' has the unknown type {declared!r}"
        hint = did_you_mean(str(declared), PARAMETER_TYPES)
        problems.append(Problem("unknown-parameter-type", what, hint, field=spell_place(place)))
        return None
    enum = raw.get("EnumValues")
    values = tuple(enum) if isinstance(enum, list) else ()
    return Parameter(name, declared, default, default is not None, values, str(raw.get("Description") or ""))


def read_step(
    raw: Any, place: Place, condition: str | None, branch: str | None, problems: list[Problem]
) -> tuple[Step, Uses] | None:
    """A step with what it refers to; None if it has no name to call it by. Adds what is wrong to `problems`."""
    if not isinstance(raw, dict):
        problems.append(Problem("step-shape", "a step is an object with a Name and a Type", field=spell_place(place)))
        return None
    name, kind = raw.get("Name"), raw.get("Type")
    if not isinstance(name, str) or not name:
        problems.append(Problem("step-without-name", "the step has no Name", field=spell_place(place)))
        return None
    found: list[Problem] = []
    if not isinstance(kind, str) or not kind:
        found.append(Problem("step-without-type", "the step has no Type", step=name, field="Type"))
        kind = ""
    arguments = _arguments(name, raw, found)
    uses = _uses(name, raw, arguments, found)
    step = Step(
        name,
        kind,
        arguments,
        raw,
        depends_on=tuple(_depends_on(name, raw.get("DependsOn"), found)),
        condition=condition,
        branch=branch,
        property_files=_property_files(name, raw.get("PropertyFiles"), arguments, found),
        references=tuple(reference for _, reference in uses),
    )
    problems.extend(found)
    return step, uses


def _type_of(default: Any) -> str:
    if isinstance(default, bool):
        return "Boolean"
    if isinstance(default, int):
        return "Integer"
    return "Float" if isinstance(default, float) else "String"


def _arguments(name: str, raw: dict[str, Any], problems: list[Problem]) -> dict[str, Any]:
    arguments = raw.get("Arguments")
    if arguments is None:
        return {}
    if not isinstance(arguments, dict):
        problems.append(Problem("arguments-shape", "Arguments is not an object", step=name, field="Arguments"))
        return {}
    if raw.get("Type") == "Condition":
        for key in ("Conditions", *BRANCHES):
            if not isinstance(arguments.get(key), (list, type(None))):
                problems.append(Problem("condition-shape", f"{key} is not a list", step=name, field=f"Arguments.{key}"))
    return arguments


def _uses(name: str, raw: dict[str, Any], arguments: dict[str, Any], problems: list[Problem]) -> Uses:
    """Every reference of the step itself; the steps in a condition's branches speak for themselves."""
    own = raw
    if raw.get("Type") == "Condition":
        own = {**raw, "Arguments": {key: value for key, value in arguments.items() if key not in BRANCHES}}
    uses: Uses = []
    for place, found in survey(own):
        if isinstance(found, DefinitionError):
            problems.append(malformed_expression(found, place, name))
        else:
            uses.append((place, found))
    return uses


def _depends_on(name: str, raw: Any, problems: list[Problem]) -> Iterator[Dependency]:
    if raw is None:
        return
    if not isinstance(raw, list):
        what = "DependsOn is not a list of step names"
        problems.append(Problem("depends-on-shape", what, 'write ["A", "B"]', step=name, field="DependsOn"))
        return
    for index, entry in enumerate(raw):
        step, trigger = entry, "Completed"
        if isinstance(entry, dict):
            step, trigger = entry.get("Step"), entry.get("Trigger", trigger)
        if isinstance(step, str) and isinstance(trigger, str):
            yield Dependency(step, trigger)
            continue
        what = 'an entry is a step name, or {"Step": …, "Trigger": …}'
        problems.append(Problem("depends-on-shape", what, step=name, field=f"DependsOn[{index}]"))


def _property_files(name: str, raw: Any, arguments: dict[str, Any], problems: list[Problem]) -> dict[str, PropertyFile]:
    files: dict[str, PropertyFile] = {}
    if raw is None:
        return files
    entries = raw if isinstance(raw, list) else [raw]
    outputs = _output_names(arguments)
    for index, entry in enumerate(entries):
        where = f"PropertyFiles[{index}]"
        file = _property_file(entry)
        if file is None:
            what = "a property file has the texts PropertyFileName, OutputName and FilePath"
            problems.append(Problem("property-file-shape", what, step=name, field=where))
            continue
        if entry["PropertyFileName"] in files:
            what = f"the property file '{entry['PropertyFileName']}' is declared twice"
            problems.append(Problem("duplicate-property-file", what, step=name, field=where))
        if file.output_name not in outputs:
            what = f"the step has no output '{file.output_name}'"
            hint = did_you_mean(file.output_name, outputs) or "ProcessingOutputConfig.Outputs names none"
            problems.append(Problem("unknown-output", what, hint, step=name, field=where))
        files[entry["PropertyFileName"]] = file
    return files


def _property_file(entry: Any) -> PropertyFile | None:
    keys = ("PropertyFileName", "OutputName", "FilePath")
    if not isinstance(entry, dict) or not all(isinstance(entry.get(key), str) for key in keys):
        return None
    return PropertyFile(entry["OutputName"], entry["FilePath"])


def _output_names(arguments: dict[str, Any]) -> list[str]:
    config = arguments.get("ProcessingOutputConfig")
    outputs = config.get("Outputs") if isinstance(config, dict) else None
    if not isinstance(outputs, list):
        return []
    names = [output.get("OutputName") for output in outputs if isinstance(output, dict)]
    return [name for name in names if isinstance(name, str)]
