"""Pipeline objects to a pipeline definition: in comes a Pipeline, out come the JSON and the code it needs in S3.

Emitting reads the scripts to hash them and changes nothing. Everything that is wrong is collected and raised at once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagwright import code
from dagwright.code import Asset, SourceFile
from dagwright.errors import Problem, StorageError, did_you_mean
from dagwright.functions import ExecutionVariables, Join, JsonGet
from dagwright.parameters import Parameter
from dagwright.processing import ProcessingStep
from dagwright.properties import Properties
from dagwright.refusals import refusal, shown
from dagwright.settings import JobSettings, filled
from dagwright.steps import JobStep, Step, present
from dagwright.variables import Text
from dagwright.writing import Trail, field_name, written

if TYPE_CHECKING:
    from dagwright.pipeline import Pipeline

_VERSION = "2020-12-01"
# Stands for an address that cannot be known; its problem is noted, so it never leaves this module.
_NOWHERE = "s3://nowhere"


class Emission:
    """One emission of one pipeline: `definition` and `assets` when it is done.

    Steps ask it for what depends on the whole: their settings, the addresses of their code and of their outputs.
    Raises DefinitionError with every problem found.
    """

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline
        self.project = pipeline.project
        self._problems: list[Problem] = []
        self._assets: dict[str, Asset] = {}
        self._packed: dict[tuple[str, str | None], tuple[tuple[SourceFile, ...], str] | StorageError] = {}
        self._parameters = {one.name: one for one in pipeline.parameters}
        self._steps = self._all_steps()
        self.definition = self._definition()
        if self._problems:
            raise refusal(self._problems)
        self.assets = [self._assets[uri] for uri in sorted(self._assets)]

    def report(self, code: str, what: str, hint: str = "", step: Step | None = None, field: str = "") -> None:
        """Note a problem; emission goes on to find the others."""
        name, where = (step.name, shown(step.place)) if step is not None else ("", shown(self.pipeline.place))
        self._problems.append(Problem(code, what, hint, step=name, field=field, where=where))

    # What steps ask for

    def settings(self, step: JobStep) -> JobSettings:
        """The step's settings with the project's values where it left them open."""
        settings = filled(step.settings, step.kind, step.takes, self.project)
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

    def script(self, step: Step, path: str) -> tuple[str, str]:
        """The S3 address of a script, and the name of its file."""
        if path.startswith("s3://"):
            return path, path.rpartition("/")[2]
        name = path.replace("\\", "/").rpartition("/")[2]
        packed = self._pack(step, "code", path, None)
        if packed is None:
            return _NOWHERE, name
        files, content_hash = packed
        return self._asset(step, content_hash, name, files[0].path, None), name

    def source(self, step: Step, source_dir: str | None, program: str, isolated: bool) -> str:
        """The S3 address of the packed folder that holds `program`, or of `program` packed alone.

        `isolated` says that the container has no network, and so cannot install the folder's requirements.txt.
        """
        if source_dir is not None and source_dir.startswith("s3://"):
            return source_dir
        packed = self._pack(step, "entry_point" if source_dir is None else "source_dir", program, source_dir)
        if packed is None:
            return _NOWHERE
        files, content_hash = packed
        if source_dir is not None:
            self._check_folder(step, source_dir, program, {file.name for file in files}, isolated)
        return self._asset(step, content_hash, "sourcedir.tar.gz", None, lambda: code.tarball(files))

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
        content = code.runproc(command, program)
        return self._asset(step, sha256(content).hexdigest(), "runproc.sh", None, lambda: content)

    def _pack(
        self, step: Step, field: str, program: str, source_dir: str | None
    ) -> tuple[tuple[SourceFile, ...], str] | None:
        key = (program, None) if source_dir is None else ("", source_dir)
        if key not in self._packed:
            self._packed[key] = self._read(program, source_dir)
        packed = self._packed[key]
        if isinstance(packed, StorageError):
            self.report("missing-file", packed.message, packed.hint, step, field)
            return None
        return packed

    def _read(self, program: str, source_dir: str | None) -> tuple[tuple[SourceFile, ...], str] | StorageError:
        root = Path(self.project.root) if self.project is not None else Path.cwd()
        try:
            files = (code.script(Path(program), root),) if source_dir is None else code.folder(Path(source_dir), root)
            return files, code.content_hash(files)
        except StorageError as error:
            return error

    def _asset(
        self, step: Step, content_hash: str, name: str, path: Path | None, build: Callable[[], bytes] | None
    ) -> str:
        if self.project is None:
            hint = "give the pipeline a project, or code that is in S3 already"
            self.report("missing-value", f"there is no bucket to put {name} into", hint, step, "code")
            return _NOWHERE
        uri = str(self.project.code(self.pipeline.name, content_hash, name))
        self._assets.setdefault(uri, Asset(uri, path, build))
        return uri

    # The whole

    def _all_steps(self) -> dict[str, Step]:
        """Every step by name, those inside branches too, in the order they are written."""
        found: dict[str, Step] = {}
        work: deque[Step] = deque(self.pipeline.steps)
        while work:
            step = work.popleft()
            if step.name in found:
                first = shown(found[step.name].place)
                what = "the step is there twice" if found[step.name] is step else "another step has this name"
                self.report("duplicate-step", what, f"the first is at {first}" if first else "", step, "Name")
                continue
            found[step.name] = step
            work.extendleft(reversed(step.children))
        return found

    def _definition(self) -> dict[str, Any]:
        entries: dict[Step, dict[str, Any]] = {step: {} for step in self._steps.values()}
        for step, entry in entries.items():
            entry.update(self._entry(step, entries))
        return {
            "Version": _VERSION,
            "Metadata": {},
            "Parameters": self._declarations(),
            "PipelineExperimentConfig": self._written(self.pipeline.experiment_config, None, {}),
            "Steps": [entries[step] for step in self.pipeline.steps if step in entries],
        }

    def _declarations(self) -> list[dict[str, Any]]:
        names: set[str] = set()
        for one in self.pipeline.parameters:
            if one.name in names:
                self.report("duplicate-parameter", f"the parameter '{one.name}' is declared twice", field="Parameters")
            names.add(one.name)
        return [one.declaration() for one in self.pipeline.parameters]

    def _entry(self, step: Step, entries: Mapping[Step, dict[str, Any]]) -> dict[str, Any]:
        members = {
            "Name": step.name,
            "Type": step.type,
            "Description": step.description,
            "DisplayName": step.display_name,
            "DependsOn": self._names_of(step) or None,
            "Arguments": step.arguments(self),
            **step.siblings(),
        }
        entry: dict[str, Any] = self._written(present(members), step, entries)
        return entry

    def _names_of(self, step: Step) -> list[str]:
        names = dict.fromkeys(one if isinstance(one, str) else one.name for one in step.depends_on)
        for name in names:
            self._check_step(name, step, "DependsOn")
        return list(names)

    def _written(self, value: object, step: Step | None, entries: Mapping[Step, dict[str, Any]]) -> Any:
        def seen(one: object, trail: Trail | None) -> None:
            self._check_reference(one, step, trail)

        def odd(one: object, trail: Trail | None) -> None:
            what = f"{one!r} cannot stand in a definition"
            self.report("bad-value", what, "texts, numbers, lists, maps, variables", step, field_name(trail))

        return written(value, entries, seen, odd)

    def _check_reference(self, one: object, step: Step | None, trail: Trail | None) -> None:
        """Whatever a variable refers to has to be in this pipeline."""
        if isinstance(one, Parameter):
            if one.name not in self._parameters:
                hint = did_you_mean(one.name, self._parameters) or "put it into the pipeline's parameters"
                self.report("unknown-parameter", f"'{one.name}' is not declared", hint, step, field_name(trail))
        elif isinstance(one, Properties):
            self._check_step(one.step_name, step, field_name(trail))
        elif isinstance(one, JsonGet) and one.step_name is not None:
            self._check_property_file(one, step, field_name(trail))

    def _check_step(self, name: str, step: Step | None, field: str) -> bool:
        if name not in self._steps:
            hint = did_you_mean(name, self._steps)
            self.report("unknown-step", f"there is no step '{name}' in the pipeline", hint, step, field)
        return name in self._steps

    def _check_property_file(self, one: JsonGet, step: Step | None, field: str) -> None:
        if not self._check_step(str(one.step_name), step, field):
            return
        source = self._steps[str(one.step_name)]
        declared = source.property_files if isinstance(source, ProcessingStep) else {}
        if one.property_file not in declared:
            hint = did_you_mean(str(one.property_file), declared) or "declare it in the step's property_files"
            what = f"the step '{source.name}' has no property file '{one.property_file}'"
            self.report("unknown-property-file", what, hint, step, field)
