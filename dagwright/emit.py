"""Pipeline objects to a pipeline definition: in comes a Pipeline, out come the JSON and the code it needs in S3.

Emitting reads the scripts to hash them and changes nothing. The definition is read back by the one reader, so what
comes out of here holds together. Everything that is wrong is collected and raised at once, at the line of its step.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagwright import code
from dagwright.code import Asset, SourceFile
from dagwright.definition.expression import Place, spell_place
from dagwright.definition.graph import Graph, read_definition
from dagwright.definition.rules.protection import takes_no_volume_key
from dagwright.errors import DefinitionError, Problem, StorageError, did_you_mean
from dagwright.functions import ExecutionVariables, Join, JsonGet
from dagwright.parameters import Parameter
from dagwright.properties import Properties
from dagwright.refusals import refusal, shown
from dagwright.settings import JobSettings, filled
from dagwright.steps import JobStep, Step
from dagwright.variables import Text
from dagwright.writing import written

if TYPE_CHECKING:
    from dagwright.pipeline import Pipeline

_VERSION = "2020-12-01"
# Stands for an address that cannot be known; its problem is noted, so it never leaves this module.
_NOWHERE = "s3://nowhere"


@dataclass(frozen=True)
class _Packed:
    """A script or a folder as it was found: its files and their hash, or why there are none."""

    files: tuple[SourceFile, ...] = ()
    content_hash: str = ""
    error: StorageError | None = None


class Emission:
    """One emission of one pipeline: `definition`, the `graph` it reads as, and `assets` when it is done.

    Steps ask it for what depends on the whole: their settings, the addresses of their code and of their outputs.
    Raises DefinitionError with every problem found.
    """

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline
        self.project = pipeline.project
        self._problems: list[Problem] = []
        self._assets: dict[str, Asset] = {}
        self._packed: dict[tuple[str, str | None], _Packed] = {}
        self._steps = self._all_steps()
        self._by_name = {step.name: step for step in reversed(self._steps)}
        self._parameters = {one.name: one for one in reversed(pipeline.parameters)}
        self._ours = {id(one) for one in (*self._steps, *pipeline.parameters)}
        self.definition = self._definition()
        graph = self._read_back()
        if graph is None or self._problems:
            raise refusal(self._problems)
        self.graph = graph
        self.assets = [self._assets[uri] for uri in sorted(self._assets)]

    def report(self, code: str, what: str, hint: str = "", step: Step | None = None, field: str = "") -> None:
        """Note a problem; emission goes on to find the others."""
        name, where = (step.name, shown(step.place)) if step is not None else ("", shown(self.pipeline.place))
        self._problems.append(Problem(code, what, hint, step=name, field=field, where=where))

    # What steps ask for

    def settings(self, step: JobStep) -> JobSettings:
        """The step's settings with the project's values where it left them open."""
        settings = filled(step.settings, step.kind, step.takes, self.project)
        if step.settings.volume_kms_key is None and takes_no_volume_key(settings.instance_type):
            settings = replace(settings, volume_kms_key=None)
        elsewhere = "set it in the project's configuration" if self.project else "give the pipeline a project"
        for name in step.needs:
            if getattr(settings, name) is None:
                self.report("missing-value", f"{name} is not given", f"say {name}=…, or {elsewhere}", step, name)
        if "subnets" in step.takes and bool(settings.subnets) != bool(settings.security_group_ids):
            there, absent = ("subnets", "security_group_ids") if settings.subnets else ("security_group_ids", "subnets")
            hint = f"say {absent}=…, or {elsewhere}; an empty list for both means no VPC"
            self.report("missing-value", f"there are {there} but no {absent}", hint, step, absent)
        return settings

    def processed(self, step: Step, *parts: str) -> Text:
        """The address of what a step makes, its own for each execution; a problem without a project."""
        if self.project is None:
            named = f" of the output '{parts[0]}'" if parts else ""
            hint = "say where it goes, or give the pipeline a project"
            self.report("missing-value", f"the destination{named} is not given", hint, step, "destination")
            return _NOWHERE
        base = self.project.processed(self.pipeline.name)
        return Join("/", [base, ExecutionVariables.PIPELINE_EXECUTION_ID, step.name, *parts])

    def models(self, step: Step) -> Text:
        """The address below which artifacts go; a problem without a project."""
        if self.project is None:
            hint = "say where artifacts go, or give the pipeline a project"
            self.report("missing-value", "output_path is not given", hint, step, "output_path")
            return _NOWHERE
        return self.project.models()

    def model_package_group(self, step: Step) -> Text:
        """The project's model package group; a problem without a project."""
        if self.project is None:
            hint = "name the group, or give the pipeline a project"
            self.report(
                "missing-value", "model_package_group_name is not given", hint, step, "model_package_group_name"
            )
            return _NOWHERE
        return self.project.model_package_group

    def script(self, step: Step, path: str, field: str = "code") -> tuple[str, str]:
        """The S3 address of a script, and the name of its file."""
        if path.startswith("s3://"):
            return path, path.rpartition("/")[2]
        name = path.replace("\\", "/").rpartition("/")[2]
        packed = self._pack(step, field, path, None)
        if packed is None:
            return _NOWHERE, name
        return self._asset(step, field, packed.content_hash, name, path, packed.files[0].path), name

    def files(self, step: Step, folder: str, paths: Mapping[str, str]) -> str:
        """The S3 address of a folder of this name that holds these files, under the hash of all of them.

        `paths` are the files by the field of the step that names each.
        """
        packed = {path: self._pack(step, field, path, None) for field, path in paths.items()}
        found = {path: one.files[0] for path, one in packed.items() if one is not None}
        if len(found) < len(packed):
            return _NOWHERE
        content_hash = code.content_hash(tuple(sorted(found.values(), key=lambda file: file.name)))
        for field, path in paths.items():
            one = found[path]
            uri = self._asset(step, field, content_hash, f"{folder}/{one.name}", path, one.path)
        return uri.removesuffix(f"/{one.name}")

    def source(self, step: Step, source_dir: str | None, program: str, isolated: bool) -> str:
        """The S3 address of the packed folder that holds `program`, or of `program` packed alone.

        `isolated` says that the container has no network, and so cannot install the folder's requirements.txt.
        """
        if source_dir is not None and source_dir.startswith("s3://"):
            return source_dir
        field = "entry_point" if source_dir is None else "source_dir"
        packed = self._pack(step, field, program, source_dir)
        if packed is None:
            return _NOWHERE
        if source_dir is not None:
            self._check_folder(step, source_dir, program, {file.name for file in packed.files}, isolated)
        return self._asset(
            step,
            field,
            packed.content_hash,
            "sourcedir.tar.gz",
            source_dir or program,
            None,
            lambda: code.tarball(packed.files),
        )

    def _check_folder(self, step: Step, source_dir: str, program: str, names: set[str], isolated: bool) -> None:
        if program not in names:
            what = f"{program} is not in the folder {source_dir}"
            self.report("missing-file", what, did_you_mean(program, names), step, "code")
        if isolated and "requirements.txt" in names:
            what = f"{source_dir}/requirements.txt cannot be installed without a network"
            hint = "use an image that has the packages, or say enable_network_isolation=False"
            self.report("needs-network", what, hint, step, "enable_network_isolation")

    def launcher(self, step: Step, command: list[str], program: str) -> str:
        """The S3 address of the shell script that starts a packed program."""
        return self.generated(step, "code", "runproc.sh", code.runproc(command, program), f"the start of {program}")

    def generated(self, step: Step, field: str, name: str, content: bytes, origin: str) -> str:
        """The S3 address of a file of this name and content, which is no file of the project."""
        return self._asset(step, field, sha256(content).hexdigest(), name, origin, None, lambda: content)

    def _pack(self, step: Step, field: str, program: str, source_dir: str | None) -> _Packed | None:
        key = (program, None) if source_dir is None else ("", source_dir)
        if key not in self._packed:
            self._packed[key] = self._read(program, source_dir)
        packed = self._packed[key]
        if packed.error is not None:
            self.report("missing-file", packed.error.message, packed.error.hint, step, field)
            return None
        return packed

    def _read(self, program: str, source_dir: str | None) -> _Packed:
        root = Path(self.project.root) if self.project is not None else Path.cwd()
        try:
            files = (code.script(Path(program), root),) if source_dir is None else code.folder(Path(source_dir), root)
            return _Packed(files, code.content_hash(files))
        except StorageError as error:
            return _Packed(error=error)

    def _asset(
        self,
        step: Step,
        field: str,
        content_hash: str,
        name: str,
        origin: str,
        path: Path | None,
        build: Callable[[], bytes] | None = None,
    ) -> str:
        if self.project is None:
            hint = "give the pipeline a project, or code that is in S3 already"
            self.report("missing-value", f"there is no bucket to put {name} into", hint, step, field)
            return _NOWHERE
        uri = self.project.code(self.pipeline.name, content_hash, name)
        self._assets.setdefault(uri, Asset(uri, path, build, origin))
        return uri

    # The whole

    def _all_steps(self) -> list[Step]:
        """Every step in the order they are written, those inside branches too; one that is there twice stands once."""
        found: dict[Step, None] = {}
        work: deque[Step] = deque(self.pipeline.steps)
        while work:
            step = work.popleft()
            if step not in found:
                found[step] = None
                work.extendleft(reversed(step.children))
        return list(found)

    def _definition(self) -> dict[str, Any]:
        entries: dict[Step, dict[str, Any]] = {step: {} for step in self._steps}
        for step, entry in entries.items():
            entry.update(self._entry(step, entries))
        parameters = [one.declaration() for one in self.pipeline.parameters]
        steps = [entries[step] for step in self.pipeline.steps]
        if self.pipeline.members is not None:
            declared = {"Parameters": parameters} if parameters else {}
            return {**self._written(self.pipeline.members, None, {}), **declared, "Steps": steps}
        return {
            "Version": _VERSION,
            "Metadata": {},
            "Parameters": parameters,
            "PipelineExperimentConfig": self._written(self.pipeline.pipeline_experiment_config, None, {}),
            "Steps": steps,
        }

    def _entry(self, step: Step, entries: Mapping[Step, dict[str, Any]]) -> dict[str, Any]:
        envelope = {"Name": step.name, "Type": step.type}
        try:
            self._check_names(step)
            entry: dict[str, Any] = self._written(step.entry(self), step, entries)
        except DefinitionError as error:
            self._problems.extend(self._placed(problem, step) for problem in error.problems)
            return envelope
        return entry

    def _check_names(self, step: Step) -> None:
        for one in step.depends_on:
            for problem in self._misuses(one):
                self.report(*problem, step, "DependsOn")

    def _written(self, value: object, step: Step | None, entries: Mapping[Step, dict[str, Any]]) -> Any:
        def seen(one: object, place: Place) -> None:
            for problem in self._misuses(one):
                self.report(*problem, step, spell_place(place))

        def odd(one: object, place: Place) -> None:
            what = f"{one!r} cannot stand in a definition"
            self.report("bad-value", what, "texts, numbers, lists, maps, variables", step, spell_place(place))

        return written(value, entries, seen, odd)

    def _misuses(self, one: object) -> Iterator[tuple[str, str, str]]:
        """Code, what and hint of what the reader cannot see: it knows names, not objects and AWS's shapes.

        A name that nobody declared is for the reader to refuse, unless it is known who declares it; another object than
        the declared one is refused here.
        So is a property that is a whole structure, list or map: the service takes single values only, and refuses it
        when the pipeline is created ("Expecting start of Json Array").
        """
        of = one.step if isinstance(one, Properties | JsonGet) else one
        if isinstance(of, Step | Parameter) and id(of) not in self._ours:
            kind, declared = ("parameter", self._parameters) if isinstance(of, Parameter) else ("step", self._by_name)
            if of.name in declared:
                what = f"this is another {kind} '{of.name}' than the one in the pipeline"
                yield f"other-{kind}", what, "make it once and hand it on"
            elif isinstance(of, Parameter) and of.declared_by:
                yield "unknown-parameter", f"the parameter '{of.name}' is not declared", of.declared_by
        if isinstance(one, Properties) and not one.is_single:
            yield "not-a-value", f"{one!r} is not one value", one.ways_on

    def _read_back(self) -> Graph | None:
        """The definition as everybody else will read it; None, with the reader's problems noted, if it is refused."""
        try:
            return read_definition(self.definition)
        except DefinitionError as error:
            namesakes: dict[str, deque[Step]] = {}
            for step in self._steps:
                if self._by_name[step.name] is not step:
                    namesakes.setdefault(step.name, deque()).append(step)
            told = {(problem.code, problem.step, problem.field) for problem in self._problems}
            for problem in error.problems:
                if (problem.code, problem.step, problem.field) in told:
                    continue  # it is refused above, with a better way out
                first = self._by_name.get(problem.step)
                if problem.code == "duplicate-step" and first is not None:
                    others = namesakes.get(problem.step)
                    step = others.popleft() if others else first
                    more = f"{problem.hint}; the first is at {shown(first.place) or 'another place'}"
                    self._problems.append(replace(problem, hint=more, where=shown(step.place)))
                else:
                    self._problems.append(self._placed(problem, first))
            return None

    def _placed(self, problem: Problem, step: Step | None) -> Problem:
        """The problem at the line of its step, or of the pipeline."""
        name, place = (step.name, step.place) if step is not None else (problem.step, self.pipeline.place)
        return replace(problem, step=name, where=shown(place))
