"""One step of a definition to the statement that makes it: by the class of its type if that can say it, else verbatim.

In comes an entry of the definition. What goes out is on the Draft; what the statement emits has been compared.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, cast

from dagwright.definition.declaration import BRANCHES
from dagwright.definition.diff_values import exact
from dagwright.definition.graph import Step
from dagwright.errors import DefinitionError
from dagwright.importing.comparison import differences
from dagwright.importing.jobs import (
    property_file_call,
    read_processing,
    read_training,
    read_transform,
    read_tuning,
)
from dagwright.importing.layout import Group, Item, Node, quoted, row, table
from dagwright.importing.others import (
    branch_variables,
    read_callback,
    read_condition,
    read_emr,
    read_fail,
    read_lambda,
    read_model,
    read_register,
)
from dagwright.importing.reading import Reading, UnsuitableError, cache_config, member, patch, retry_policies
from dagwright.importing.values import Draft
from dagwright.steps import JobStep
from dagwright.steps import Step as Written
from dagwright.writing import written

if TYPE_CHECKING:
    from dagwright.emit import Emission

_READERS: Mapping[str, tuple[str, Callable[[Reading], None]]] = {
    "Processing": ("ProcessingStep", read_processing),
    "Training": ("TrainingStep", read_training),
    "Tuning": ("TuningStep", read_tuning),
    "Transform": ("TransformStep", read_transform),
    "Model": ("ModelStep", read_model),
    "RegisterModel": ("RegisterModelStep", read_register),
    "Lambda": ("LambdaStep", read_lambda),
    "Callback": ("CallbackStep", read_callback),
    "EMR": ("EMRStep", read_emr),
    "Condition": ("ConditionStep", read_condition),
    "Fail": ("FailStep", read_fail),
}


class _Alone:
    """What a step may ask of an emission while it is looked at alone; what is missing shows in what it emits."""

    project = None

    @staticmethod
    def settings(step: JobStep) -> Any:
        return step.settings

    @staticmethod
    def report(*problem: object) -> None:
        """Whatever it is, the pipeline's own emission finds it again."""

    @staticmethod
    def processed(step: Written, *parts: str) -> None:
        """There is no project that could name an address."""

    models = model_package_group = processed


def write_step(draft: Draft, step: Step, unsuitable: str) -> str:
    """State the step, and the property files of it that are read. Gives why it stands verbatim; nothing if it does not.

    `unsuitable` is why its class cannot say it, where that is known.
    Raises DefinitionError for what not even a VerbatimStep takes.
    """
    why = ""
    mark = len(draft.statements)
    try:
        if unsuitable:
            raise UnsuitableError(unsuitable)
        if step.type not in _READERS:
            raise UnsuitableError(f"there is no class for {step.type}")
        _write_by_class(draft, step)
    except (UnsuitableError, DefinitionError) as error:
        problems = error.problems if isinstance(error, DefinitionError) else ()
        why = problems[0].what if problems else str(error)
        del draft.statements[mark:]
        for key in [key for key in draft.files if key[0] == step.name]:
            del draft.files[key]
        _write_verbatim(draft, step)
    return why


def _write_by_class(draft: Draft, step: Step) -> None:
    kind, read = _READERS[step.type]
    _state_property_files(draft, step)
    reading = Reading(step.envelope, draft)
    read(reading)
    _read_envelope(reading)
    node = _call(kind, step.name, reading)
    said = _emitted(draft, draft.made(node))
    wanted = _wanted(step)
    if step.type in ("Processing", "Training", "Tuning", "Transform", "Model", "RegisterModel"):
        overrides = patch(said.get("Arguments"), wanted.get("Arguments") or {})
        if overrides:
            reading.keywords["overrides"] = draft.value(overrides)
    members = {name: value for name, value in wanted.items() if _differs(said, name, value)}
    if members:
        reading.keywords["members"] = draft.value(members)
    made = draft.state(draft.steps_to_be[step.name], _call(kind, step.name, reading))
    place = next(differences(_emitted(draft, made), wanted), None)
    if place is not None:
        raise UnsuitableError(f"{kind} would say something else at {place}")
    draft.steps[step.name] = draft.steps_to_be[step.name]


def _write_verbatim(draft: Draft, step: Step) -> None:
    wanted = dict(step.envelope)
    items = [Item(quoted(wanted.pop("Name"))), Item(quoted(wanted.pop("Type")))]
    if isinstance(wanted.get("Arguments"), dict):
        items.append(Item(_arguments(draft, step, wanted.pop("Arguments"))))
    reading = Reading(wanted, draft)
    _read_envelope(reading)
    for keyword, name in (("depends_on", "DependsOn"), ("display_name", "DisplayName"), ("description", "Description")):
        if keyword in reading.keywords:
            items.append(Item(reading.keywords[keyword], f"{keyword}="))
            del wanted[name]
    if wanted:
        items.append(Item(draft.value(wanted), "members="))
    draft.state(draft.steps_to_be[step.name], Group("VerbatimStep(", tuple(items), ")"))
    draft.steps[step.name] = draft.steps_to_be[step.name]


def _arguments(draft: Draft, step: Step, arguments: Mapping[str, Any]) -> Node:
    members: list[tuple[str, Node]] = []
    for name, value in arguments.items():
        if step.type == "Condition" and name in BRANCHES and isinstance(value, list):
            members.append((name, row(branch_variables(draft, value))))
        else:
            members.append((name, draft.value(value)))
    return table(members)


def _state_property_files(draft: Draft, step: Step) -> None:
    """A variable for each property file that some JsonGet reads."""
    files = step.envelope.get("PropertyFiles")
    for one in files if isinstance(files, list) else []:
        name = member(one, "PropertyFileName")
        node = property_file_call(one)
        if node is not None and (step.name, name) in draft.files_read and draft.says(node, one):
            variable = draft.names.made(name, "file")
            draft.state(variable, node)
            draft.files[step.name, name] = variable


def _read_envelope(reading: Reading) -> None:
    """What every step has, or every step that can be cached or tried again."""
    draft, entry = reading.draft, reading.entry
    names = entry.get("DependsOn")
    if (
        isinstance(names, list)
        and names
        and all(isinstance(name, str) for name in names)
        and len({*names}) == len(names)
    ):
        reading.keywords["depends_on"] = row(draft.steps.get(name) or quoted(name) for name in names)
    for keyword, name in (("display_name", "DisplayName"), ("description", "Description")):
        if isinstance(entry.get(name), str):
            reading.keywords[keyword] = draft.value(entry[name])
    cache, retries = cache_config(draft, entry), retry_policies(draft, entry)
    if cache is not None and entry.get("Type") in ("Processing", "Training", "Tuning", "Transform", *_SERVICES):
        reading.keywords["cache_config"] = cache
    if retries is not None and entry.get("Type") not in _SERVICES:
        reading.keywords["retry_policies"] = retries


_SERVICES = ("Lambda", "Callback", "EMR")


def _call(kind: str, name: str, reading: Reading) -> Node:
    items = [Item(node, f"{keyword}=", reading.comments.get(keyword, "")) for keyword, node in reading.keywords.items()]
    return Group(f"{kind}(", (Item(quoted(name)), *items), ")")


def _emitted(draft: Draft, step: Written) -> dict[str, Any]:
    """The entry that a step emits without a project; the steps in its branches are no more than their names."""
    inner = {child: {"Name": child.name} for child in step.children}
    entry: dict[str, Any] = written(step.entry(cast("Emission", _Alone())), inner)
    return entry


def _wanted(step: Step) -> dict[str, Any]:
    """The entry that is to be emitted; the steps in its branches as above."""
    if step.type != "Condition":
        return dict(step.envelope)
    branches = {
        branch: [{"Name": one["Name"]} for one in inner]
        for branch in BRANCHES
        if isinstance(inner := step.arguments.get(branch), list)
    }
    return {**step.envelope, "Arguments": {**step.arguments, **branches}}


def _differs(said: Mapping[str, Any], name: str, value: Any) -> bool:
    return name not in ("Name", "Type", "Arguments") and (name not in said or exact(said[name]) != exact(value))
