"""What reads text of other people, each as a function that takes bytes: `TARGETS`, by name.

A target returns, or raises what we raise on purpose. Anything else is a defect: another exception, or a broken law
(an AssertionError): an order that is none, a file outside its folder, text that does not come back as it was. The same
functions are asked by hypothesis, by a fuzzer that follows coverage (`coverage_guided.py`), and with the kept seeds.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

from dagwright.cli.local_words import _at_what_is_there
from dagwright.cli.sources import definition_text
from dagwright.definition.conditions import evaluate_conditions
from dagwright.definition.diff import compare
from dagwright.definition.draw import mermaid
from dagwright.definition.expression import evaluate, parse_reference, survey
from dagwright.definition.graph import Graph, examine_definition, read_definition
from dagwright.definition.parameters import read_assignments, start_values
from dagwright.definition.path import parse_path, write_path
from dagwright.definition.slices import Slice
from dagwright.definition.uses import uses_of
from dagwright.definition.validate import validate
from dagwright.engines.addresses import bucket_and_key, s3_form
from dagwright.engines.aws.clients import Clients
from dagwright.engines.aws.following import Clock
from dagwright.engines.aws.ownership import Owner
from dagwright.engines.aws.plan import Plan
from dagwright.engines.aws.saved_plan import engine_in, refuse_if_moved
from dagwright.engines.aws.wanted import Destination
from dagwright.engines.local.archives import unpack
from dagwright.engines.local.build_context import read_context
from dagwright.engines.local.dockerfile import read_dockerfile
from dagwright.engines.local.drift_documents import number, read_document
from dagwright.engines.local.job import AUGMENTED, MANIFEST, Input
from dagwright.engines.local.output_parameters import typed_outputs
from dagwright.engines.local.sources import augmented_manifest, objects_of
from dagwright.engines.local.stand_ins import read_stand_ins
from dagwright.engines.local.store import Store
from dagwright.engines.registry import read_evaluation
from dagwright.engines.stepfunctions.compiler.machine import compile_machine
from dagwright.engines.stepfunctions.compiler.settings import MachineSettings
from dagwright.engines.stepfunctions.state_machines import comparable
from dagwright.engines.uploads import mapped
from dagwright.errors import DagwrightError, DefinitionError, EvaluationError
from dagwright.importing import imported, round_trips
from dagwright.outputs import read_outputs
from dagwright.project import load_project
from dagwright.stacks.saved_plan import open_plan
from dagwright.stacks.wanted import InfraStack

Target = Callable[[bytes], None]
ROOT = Path(__file__).resolve().parents[2]
#: The types of parameters and of steps that any text meets.
GRAPH = {
    "Version": "2020-12-01",
    "Parameters": [
        {"Name": "Text", "Type": "String", "DefaultValue": ""},
        {"Name": "Whole", "Type": "Integer", "DefaultValue": 1, "EnumValues": [1, 2]},
        {"Name": "Real", "Type": "Float", "DefaultValue": 0.5},
        {"Name": "Truth", "Type": "Boolean", "DefaultValue": False},
    ],
    "Steps": [
        {"Name": "Job", "Type": "Processing", "Arguments": {}},
        {"Name": "Call", "Type": "Lambda", "DependsOn": ["Job"], "Arguments": {}},
    ],
}


def _definition(content: bytes) -> None:
    for target in ("sagemaker", "stepfunctions", "local"):
        problems = validate(content, target=target, strict=True, region="eu-west-1")
        assert all(problem.what for problem in problems)
    graph, problems = examine_definition(content)
    if problems:
        with suppress(DefinitionError):
            read_definition(content)
            raise AssertionError("it has problems, and is read all the same")
        return
    _laws(graph)
    with suppress(DagwrightError):
        start_values(graph, {})


def _laws(graph: Graph) -> None:
    position = {name: place for place, name in enumerate(graph.order())}
    assert position.keys() == graph.steps.keys(), "every step has its place"
    for edge in graph.edges():
        assert position[edge.source] < position[edge.target], f"{edge} goes backwards"
    assert mermaid(graph).startswith("flowchart")
    same = compare(graph.definition, json.loads(json.dumps(graph.definition)))
    assert not same, "nothing changes from a definition to itself"
    uses_of(graph)
    for name in list(graph.steps)[:3]:
        assert name in Slice(first=(name,)).steps(graph)


def _machine(content: bytes) -> None:
    machine = compile_machine(read_definition(content), MachineSettings("fuzzed"))
    assert json.loads(machine.text)["States"]
    assert comparable(machine.text)


def _imported(content: bytes) -> None:
    made = imported(content, "fuzzed")
    assert round_trips(made, json.loads(content.removeprefix(b"\xef\xbb\xbf"))) == (), "it is emitted again"


class _Scope:
    """Every step has answered, every file is there."""

    def parameter(self, name: str) -> Any:
        return {"Text": "a", "Whole": 3, "Real": 0.5, "Truth": True}.get(name, "0.5")

    def execution(self, variable: str) -> Any:
        return variable

    experiment = execution

    def step(self, name: str) -> Mapping[str, Any]:
        return {"Name": name, "Outputs": [{"OutputName": "a", "Value": 1}], "None": None}

    def property_file(self, step: str, name: str) -> tuple[str, str]:
        raise EvaluationError(f"{step} promises no {name}")

    def read_text(self, s3_uri: str) -> str:
        return s3_uri


def _expression(content: bytes) -> None:
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return
    wrong = [found for _, found in survey(value) if isinstance(found, DefinitionError)]
    with suppress(EvaluationError):
        try:
            json.dumps(evaluate(value, _Scope()))
        except DefinitionError:
            assert wrong, "what evaluation refuses is seen by whoever reads"
    evaluate_conditions(value if isinstance(value, list) else [value], _Scope())


def _path(content: bytes) -> None:
    text = content.decode(errors="surrogateescape")
    with suppress(DefinitionError):
        assert parse_reference(text).text == text
    path = parse_path(text)
    assert not path or parse_path(write_path(path)) == path, "a path comes back as it was written"


def _config(content: bytes) -> None:
    with _file(content, "config/project.yaml") as path:
        for environment in ("local", "production"):
            project = load_project(path, environment)
            with suppress(DagwrightError):
                project.pipeline_name("fuzzed")
                project.raw("a")


def _address(content: bytes) -> None:
    uri = s3_form(content.decode(errors="surrogateescape"))
    with _folder() as folder:
        store = Store(folder / "s3")
        path = store.path(uri)
        root = os.path.realpath(store.root)
        assert os.path.commonpath([os.path.realpath(path), root]) == root, f"{uri!r} is outside the store"
        assert store.path(store.uri(path)) == path, "the address of a place is the address of that place"
        bucket, key = bucket_and_key(uri)
        assert uri == f"s3://{bucket}/{key}"
        with suppress(DagwrightError):
            store.put_bytes(b"content", uri)
            assert store.read_text(uri) == "content"
            assert [item.path for item in store.objects(uri)] == [path]
        assert {entry.name for entry in folder.iterdir()} <= {"s3"}


def _mapped(content: bytes) -> None:
    text = content.decode(errors="surrogateescape").replace("\0", "")
    with _folder() as folder:
        (folder / "data").mkdir()
        (folder / "data" / "a=b.csv").write_bytes(b"1")
        with _inside(folder):
            prefix, _, place = _at_what_is_there(text)
            store = Store(folder / "s3")
            for path, uri in mapped({prefix: place or "data"}) if not os.path.isabs(place) else ():
                root = os.path.realpath(store.root)
                assert os.path.commonpath([os.path.realpath(store.path(uri)), root]) == root
                assert path.is_file()


def _parameters(content: bytes) -> None:
    words = content.decode(errors="surrogateescape").split("\n")
    given = read_assignments(words)
    values = start_values(_graph(), given)
    json.dumps(values, allow_nan=False)
    kinds = {"Text": str, "Whole": int, "Real": float, "Truth": bool}
    assert {name: type(value) for name, value in values.items()} == kinds


def _stand_in(content: bytes) -> None:
    with _file(content, "answer.json") as path:
        found = read_stand_ins({}, {"Job": path.name}, "fuzzed", _graph(), path.parent)
        json.dumps(found["Job"].given, allow_nan=False).encode()


def _saved_plan(content: bytes) -> None:
    text = content.decode(errors="replace")
    with suppress(DagwrightError):
        open_plan(text, _stack(), Clients("eu-west-1"), Clock())  # it is another stack's: AWS is not asked
    engine_in(text)
    refuse_if_moved(text, _plan())


def _outputs(content: bytes) -> None:
    with _file(content, "config/outputs/dev.json") as path:
        found = read_outputs(path.parents[2], "dev")
        again = json.loads(found.text)
        assert again == {name: value for name, value in json.loads(content).items() if value}


def _manifest(content: bytes) -> None:
    with _folder() as folder:
        store = Store(folder / "s3")
        store.put_bytes(content, "s3://bucket/list")
        store.put_bytes(b"1", "s3://bucket/data/a")
        with suppress(DagwrightError):
            for item in set(objects_of(Input("in", "s3://bucket/list", "/opt/ml/in", kind=MANIFEST), store)):
                _is_below(item.path, store.root)
                _is_below(folder / "in" / item.name, folder / "in")
        given = Input("in", "s3://bucket/list", "/opt/ml/in", kind=AUGMENTED)
        lines = augmented_manifest(given, store, ("a", "b-ref"))
        for place in range(len(lines)):
            for part in lines.parts(place):
                assert isinstance(part, bytes) or part.is_file()


def _archive(content: bytes) -> None:
    with _file(content, "around/source.tar.gz") as path:
        inside = path.parent / "inside"
        inside.mkdir()
        try:
            unpack(path, inside)
        finally:
            assert {entry.name for entry in path.parent.iterdir()} == {"source.tar.gz", "inside"}
            assert not any(entry.is_symlink() for entry in inside.rglob("*"))


def _dockerfile(content: bytes) -> None:
    with _file(content, "Dockerfile") as path:
        recipe = read_dockerfile(path, "/usr/bin")
        assert os.path.isabs(recipe.directory)
        assert all(os.path.normpath(copy.target).startswith("/") for copy in recipe.copies)
        assert all(isinstance(word, str) for word in recipe.command(()))


def _dockerignore(content: bytes) -> None:
    with _file(content, ".dockerignore") as path:
        (path.parent / "a").mkdir()
        (path.parent / "a" / "b.py").write_bytes(b"")
        context = read_context(path.parent / "Dockerfile")
        assert set(context.files()) <= {".dockerignore", "a/b.py"}
        with suppress(ValueError):
            context.matching(content.decode(errors="ignore").partition("\n")[0])


def _evaluation(content: bytes) -> None:
    for name, value in read_evaluation(content).numbers:
        assert isinstance(name, str)
        assert isinstance(value, float)
    text = content.decode(errors="replace")
    for name, value in read_document(text, "s3://bucket/constraints.json").items():
        number({name: value}, name)
        typed_outputs({"a": value}, {"a": "Integer"})


def _definition_file(content: bytes) -> None:
    with _file(content, "definition.json") as path:
        assert isinstance(definition_text(str(path)), str)
        comparable(content.decode(errors="replace"))


@cache
def _graph() -> Graph:
    return read_definition(json.dumps(GRAPH))


@cache
def _stack() -> InfraStack:
    return InfraStack("no-name", Owner("team-project", "dev"), "111122223333", "eu-west-1", {}, "bucket", "code")


@cache
def _plan() -> Plan:
    owner = Owner("team-project", "dev")
    role = "arn:aws:iam::111122223333:role/x"
    place = ("111122223333", "eu-west-1", "aws", "team-project-", role, role, "team-project", "s3://bucket/definitions")
    return Plan(Destination(owner, *place, tags={}), ())


@contextmanager
def _folder() -> Iterator[Path]:
    """A folder of our own, which is gone afterwards; in memory, where there is some."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    folder = tempfile.mkdtemp(prefix="dagwright-fuzz-", dir=memory)
    try:
        yield Path(os.path.realpath(folder))
    finally:
        shutil.rmtree(folder)


@contextmanager
def _file(content: bytes, name: str) -> Iterator[Path]:
    with _folder() as folder:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        yield path


@contextmanager
def _inside(folder: Path) -> Iterator[None]:
    """`contextlib.chdir`, which Python 3.10 has not."""
    before = os.getcwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def _is_below(path: Path, folder: Path) -> None:
    root = os.path.realpath(folder)
    assert os.path.commonpath([os.path.realpath(path), root]) == root, f"{path} is outside {folder}"


TARGETS: Mapping[str, Target] = {
    "definition": _definition,
    "machine": _machine,
    "imported": _imported,
    "expression": _expression,
    "path": _path,
    "config": _config,
    "address": _address,
    "mapped": _mapped,
    "parameters": _parameters,
    "stand_in": _stand_in,
    "saved_plan": _saved_plan,
    "outputs": _outputs,
    "manifest": _manifest,
    "archive": _archive,
    "dockerfile": _dockerfile,
    "dockerignore": _dockerignore,
    "evaluation": _evaluation,
    "definition_file": _definition_file,
}


#: The targets that read what another one reads begin with its seeds.
_SEEDS = {"machine": "definition", "imported": "definition"}


def seeds_of(name: str) -> Path:
    """The folder of the inputs that a target has to take for ever."""
    return Path(__file__).with_name("seeds") / _SEEDS.get(name, name)


def ask(name: str, content: bytes) -> None:
    """Give a target these bytes. What it raises is a defect."""
    with suppress(DagwrightError):
        TARGETS[name](content)
