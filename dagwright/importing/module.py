"""The module of a pipeline: a definition comes in, the text of `pipelines/<name>.py` goes out, with what is to be told.

The text is data until somebody imports it. Nothing of the definition stands in it outside of quotes, but names of steps
that the vocabulary takes.
"""

from __future__ import annotations

import ast
import re
import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from dagwright.definition.diff_values import exact
from dagwright.definition.expression import is_expression, survey
from dagwright.definition.graph import Graph, read_definition
from dagwright.errors import DefinitionError
from dagwright.importing.layout import WIDTH, Group, Node, call, lines_of, quoted, row
from dagwright.importing.order import making_order
from dagwright.importing.reading import member, optional
from dagwright.importing.steps import write_step
from dagwright.importing.values import Draft

_PARAMETERS = ("String", "Integer", "Float", "Boolean")
# Fields whose texts are long and the same in many steps, and what they are called when they are.
_SHARED = {
    "RoleArn": "ROLE",
    "ExecutionRoleArn": "ROLE",
    "ImageUri": "IMAGE",
    "TrainingImage": "IMAGE",
    "Image": "IMAGE",
}
_TEMPORARY = ("/tmp", "/var/tmp", "/dev/shm")  # noqa: S108 - what ruff looks for in texts
_MOST_STATEMENTS = 50
_LONGEST_REASON = 160


@dataclass(frozen=True)
class Imported:
    """The text of the module of a pipeline called `name`, and the steps that stand in it verbatim, each with the reason
    why no class of the vocabulary says it."""

    name: str
    text: str
    verbatim: Mapping[str, str]


def imported(
    definition: str | bytes | dict[str, Any], name: str, known: Mapping[str, str] | None = None, project: object = None
) -> Imported:
    """The module that emits this definition, for a pipeline called `name`.

    `known` are texts that stand in it as something else, such as a role that is `project.role`; `project` is what these
    sources are evaluated with. Raises DefinitionError for a definition that cannot be read, and for what no pipeline
    module may say: names that AWS refuses too, numbers that JSON has not.
    """
    graph = read_definition(definition)
    unsuitable: dict[str, str] = {}
    try:
        while True:
            module = _Module(graph, name, known or {}, project, unsuitable)
            refused = module.refused()
            if not refused:
                return Imported(name, module.text(), module.verbatim)
            unsuitable |= refused
    except DefinitionError as error:  # at a line of this package, which is nobody's
        problems = [replace(problem, where="") for problem in error.problems]
        raise DefinitionError(error.message, problems, error.hint) from error


class _Module:
    """One try: all statements, with these steps written verbatim."""

    def __init__(
        self, graph: Graph, name: str, known: Mapping[str, str], project: object, unsuitable: Mapping[str, str]
    ) -> None:
        self._graph, self._name = graph, name
        self._constants = _constants(graph.definition, known)
        names = {value: constant for constant, value in self._constants.items()}
        draft = self._draft = Draft({**names, **known}, project, self._constants)
        for parameter in graph.parameters:
            draft.parameters[parameter] = draft.names.made(parameter, "parameter")
        draft.steps_to_be = {step: draft.names.made(step, "step") for step in graph.steps}
        references = [one for step in graph.steps.values() for one in step.references if one.property_file is not None]
        draft.files_read = {(one.name, str(one.property_file)) for one in references}
        for entry in graph.definition.get("Parameters") or []:
            _state_parameter(draft, entry)
        self._first_step = len(draft.statements)
        self.verbatim: dict[str, str] = {}
        for step in making_order(graph):
            why = write_step(draft, graph.steps[step], unsuitable.get(step, ""))
            if why:
                self.verbatim[step] = why
        self._pipeline = self._pipeline_call()

    def refused(self) -> dict[str, str]:
        """The steps that only the whole pipeline finds wrong, with what is wrong.

        Raises DefinitionError for what cannot be helped.
        """
        from dagwright.emit import Emission

        try:
            Emission(self._draft.made(self._pipeline))
        except DefinitionError as error:
            steps = {problem.step: problem.what for problem in reversed(error.problems)}
            if steps.keys() & self.verbatim.keys() or not steps.keys() <= self._graph.steps.keys():
                raise
            return steps
        return {}

    def _pipeline_call(self) -> Node:
        definition, draft = self._graph.definition, self._draft
        own = {name: value for name, value in definition.items() if name not in ("Steps", "Parameters")}
        experiment = self._experiment(own.get("PipelineExperimentConfig"))
        usual: dict[str, Any] = {"Version": "2020-12-01", "Metadata": {}, "PipelineExperimentConfig": None}
        if experiment is not None:
            usual["PipelineExperimentConfig"] = own["PipelineExperimentConfig"]
        is_usual = exact(own) == exact(usual) and isinstance(definition.get("Parameters"), list)
        if not definition.get("Parameters") and "Parameters" in definition:
            own["Parameters"] = definition["Parameters"]
        parameters = row(draft.parameters.values()) if draft.parameters else None
        return call(
            "Pipeline",
            quoted(self._name),
            steps=row(draft.steps[step["Name"]] for step in definition["Steps"]),
            parameters=parameters,
            pipeline_experiment_config=experiment if is_usual else None,
            members=None if is_usual else draft.value(own),
        )

    def _experiment(self, config: Any) -> Node | None:
        if not isinstance(config, dict) or is_expression(config):
            return None
        node = call(
            "PipelineExperimentConfig",
            experiment_name=optional(member(config, "ExperimentName"), self._draft),
            trial_name=optional(member(config, "TrialName"), self._draft),
        )
        return node if self._draft.says(node, config) else None

    # The text

    def text(self) -> str:
        """The module, as `ruff format` would have it."""
        body = "\n".join([*self._docstring(), *self._imports(), *self._build()]) + "\n"
        ignored = ", ".join(sorted({*_ignored(body)}))
        return f"# ruff: noqa: {ignored}\n{body}" if ignored else body

    def _docstring(self) -> Iterator[str]:
        yield f'"""{self._name}, imported from its definition, which this module emits again as it was.'
        yield ""
        yield "The Pipeline has no project, so nothing is added to what the steps say. With project=project they may"
        yield "leave their role, network, keys, sizes and limits to the configuration."
        if self._draft.reads_project:
            yield ""
            yield "What is read from the project now is equal to the definition in the environment of the import."
        if self.verbatim:
            yield ""
            yield "What no class of the vocabulary says stands verbatim:"
            yield ""
        for step, why in self.verbatim.items():
            yield from textwrap.wrap(
                f"{step}: {_harmless(why)}", WIDTH - 4, initial_indent="- ", subsequent_indent="  "
            )
        yield '"""'
        yield ""

    def _imports(self) -> Iterator[str]:
        nodes = [node for _, node in self._draft.statements]
        words = sorted({*_words([*nodes, self._pipeline])}, key=str.lower)
        yield "from __future__ import annotations"
        yield ""
        line = f"from dagwright import {', '.join(words)}"
        if len(line) <= WIDTH:
            yield line
        else:
            yield from ["from dagwright import (", *(f"    {word}," for word in words), ")"]
        yield "from dagwright.project import Project"
        yield ""
        for name, value in self._constants.items():
            yield from lines_of(quoted(value), f"{name} = ")
        yield from [""] * (2 if self._constants else 1)

    def _build(self) -> Iterator[str]:
        yield "def build(project: Project) -> Pipeline:"
        yield '    """The pipeline."""'
        for at, (name, node) in enumerate(self._draft.statements):
            if at == self._first_step and at:
                yield ""
            yield from lines_of(node, f"{name} = ", indent=4)
        if self._draft.statements:
            yield ""
        yield from lines_of(self._pipeline, "return ", indent=4)


def _constants(definition: Mapping[str, Any], known: Mapping[str, str]) -> dict[str, str]:
    """Names for the roles and images that several steps have."""
    counts: Counter[tuple[str, str]] = Counter()
    waiting: list[Any] = [definition]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            counts.update((_SHARED[key], one) for key, one in value.items() if key in _SHARED and isinstance(one, str))
        waiting.extend(value.values() if isinstance(value, dict) else value if isinstance(value, list) else ())
    named: dict[str, str] = {}
    for (kind, value), count in sorted(counts.items()):
        if count < 2 or len(value) < 8 or value in known or value in named.values():
            continue
        base = kind if kind == "ROLE" else _image_name(value)
        name, number = base, 2
        while name in named:
            name, number = f"{base}_{number}", number + 1
        named[name] = value
    return named


def _image_name(address: str) -> str:
    """`SCIKIT_LEARN_IMAGE` for AWS's sagemaker-scikit-learn."""
    repository = re.split("[:@]", address.rpartition("/")[2])[0].removeprefix("sagemaker-")
    words = "_".join(re.findall("[A-Za-z0-9]+", repository)).upper()
    return f"{words[:30]}_IMAGE" if words[:1].isalpha() else "IMAGE"


def _state_parameter(draft: Draft, entry: Mapping[str, Any]) -> None:
    name, kind = entry["Name"], entry.get("Type")
    members = {key: value for key, value in entry.items() if key != "Name"}
    if any(True for _ in survey(members)):
        what = f"the parameter '{name}' holds an expression, which no declaration can"
        raise DefinitionError(what, hint="write its values out")
    node: Node = call("VerbatimParameter", quoted(name), draft.value(members))
    if kind in _PARAMETERS:
        default = [] if "DefaultValue" not in entry else [draft.value(entry["DefaultValue"])]
        choices = optional(entry.get("EnumValues"), draft) if kind == "String" else None
        typed = call(f"Parameter{kind}", quoted(name), *default, enum_values=choices)
        with suppress(DefinitionError):  # such as an empty default, which only a verbatim declaration can have
            node = typed if exact(draft.made(typed).declaration()) == exact(entry) else node
    draft.state(draft.parameters[name], node)


def _words(nodes: list[Node]) -> Iterator[str]:
    """The words of the vocabulary that nodes begin with."""
    waiting = [*nodes]
    while waiting:
        node = waiting.pop()
        word = re.match(r"[A-Z][A-Za-z]*(?=[.(])", node if isinstance(node, str) else node.opening)
        if word:
            yield word[0]
        if isinstance(node, Group):
            waiting.extend(item.node for item in node.items)


def _ignored(body: str) -> Iterator[str]:
    """The rules of ruff that texts and the length of a definition break, and nobody who writes a module by hand."""
    if any(len(line) > WIDTH for line in body.splitlines()):
        yield "E501"
    for node in ast.walk(ast.parse(body)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            if node.value.startswith(_TEMPORARY):
                yield "S108"
            if node.value == "0.0.0.0":  # noqa: S104 - what ruff looks for
                yield "S104"
        elif isinstance(node, ast.FunctionDef) and len(node.body) > _MOST_STATEMENTS:
            yield "PLR0915"


def _harmless(reason: str) -> str:
    """A reason as a docstring can hold it: what is cited in it may be anything."""
    plain = re.sub(r"[^ !#-\[\]-~]", "?", reason.replace('"', "'"))
    return plain if len(plain) <= _LONGEST_REASON else f"{plain[:_LONGEST_REASON]}..."
