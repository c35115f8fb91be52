"""A pipeline: its name, its steps and parameters, and the project that fills in what the steps leave open.

What goes with it when it is deployed is not part of the definition: description, schedules, which inputs decide on
machines, how many steps run at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dagwright.arguments import count, literal, of_kind, optional_text, sequence
from dagwright.keywords import Declared
from dagwright.parameters import Parameter
from dagwright.refusals import Findings, caller, pipeline_name
from dagwright.schedules import Schedule, check_schedules
from dagwright.steps import Step, present
from dagwright.variables import Text

if TYPE_CHECKING:
    from dagwright.code import Asset
    from dagwright.input_sizes import InputSize
    from dagwright.project import Project


@dataclass(frozen=True)
class PipelineExperimentConfig:
    """The experiment and trial that every execution is filed under."""

    experiment_name: Text | None = None
    trial_name: Text | None = None

    def __post_init__(self) -> None:
        found = Findings()
        optional_text(self.experiment_name, "ExperimentName", found)
        optional_text(self.trial_name, "TrialName", found)
        found.raise_any()

    def expression(self) -> dict[str, Any]:
        """AWS's PipelineExperimentConfig."""
        return present({"ExperimentName": self.experiment_name, "TrialName": self.trial_name})


class Pipeline(metaclass=Declared):
    """Steps, which run as soon as what they read from is there.

    >>> from dagwright import FailStep
    >>> Pipeline("nightly", steps=[FailStep("Stop", "not today")]).to_dict()["Steps"][0]["Arguments"]
    {'ErrorMessage': 'not today'}

    No experiment is made unless `pipeline_experiment_config` asks for one. `members` are, as they stand, all that the
    definition has besides its parameters and steps, such as its `Version`. `schedules` start the deployed pipeline;
    `max_parallel_steps` is how many of its steps run side by side on AWS. Neither is part of the definition. Of
    `input_sizes` the parameters are, which need not be listed.
    """

    found: Findings

    def __init__(
        self,
        name: str,
        *,
        steps: Sequence[Step] | None,
        parameters: Sequence[Parameter] | None = (),
        project: Project | None = None,
        description: str | None = None,
        pipeline_experiment_config: PipelineExperimentConfig | Mapping[str, Any] | None = None,
        members: Mapping[str, Any] | None = None,
        schedules: Sequence[Schedule] | None = (),
        input_sizes: Sequence[InputSize] | None = (),
        max_parallel_steps: int | None = None,
    ) -> None:
        self.place = caller()
        self.name = pipeline_name(name, self.found)
        self.steps = sequence(steps, Step, "a step", "Steps", self.found)
        declared = sequence(parameters, Parameter, "a parameter", "Parameters", self.found)
        self.input_sizes: tuple[InputSize, ...] = ()
        if input_sizes not in (None, (), []):
            from dagwright.input_sizes import checked_sizes

            self.input_sizes = checked_sizes(input_sizes, declared, self.found)
        self.parameters = (*declared, *(one for size in self.input_sizes for one in size.parameters))
        self.project = project
        self.description = literal(description, "description", self.found)
        self.pipeline_experiment_config = pipeline_experiment_config
        kinds, field = PipelineExperimentConfig | Mapping | None, "pipeline_experiment_config"
        of_kind(pipeline_experiment_config, kinds, "a PipelineExperimentConfig", field, self.found)
        self.members = members
        self._check_members()
        self.schedules = sequence(schedules, Schedule, "a schedule", "Schedules", self.found)
        check_schedules(self.schedules, self.parameters, self.found)
        self.max_parallel_steps = max_parallel_steps
        kinds, field = int | None, "max_parallel_steps"
        if of_kind(max_parallel_steps, kinds, "a whole number that is known beforehand", field, self.found):
            count(max_parallel_steps, field, self.found)

    def _check_members(self) -> None:
        of_kind(self.members, Mapping | None, "a map", "members", self.found, 'such as {"Version": "2020-12-01"}')
        if self.members is None:
            return
        if self.pipeline_experiment_config is not None:
            hint = "say PipelineExperimentConfig in the members"
            self.found.add("bad-members", "there is a pipeline_experiment_config beside the members", hint, "members")
        for name, there in (("Parameters", self.parameters), ("Steps", True)):
            if name in self.members and there:
                what = f"{name} are what the pipeline is made of"
                self.found.add("bad-members", what, "leave them out of the members", f"members.{name}")

    def __repr__(self) -> str:
        return f"Pipeline({self.name!r}, {len(self.steps)} steps)"

    def definition(self) -> str:
        """The pipeline definition (version 2020-12-01) as JSON, the same bytes every time.

        Raises DefinitionError with everything that is wrong. Nothing is uploaded or changed.
        """
        from dagwright.writing import text_of

        return text_of(self.to_dict())

    def to_dict(self) -> dict[str, Any]:
        """The same as a new dict."""
        from dagwright.emit import Emission

        return Emission(self).definition

    def assets(self) -> list[Asset]:
        """The code that has to be in S3 before a run, sorted by address; DefinitionError as for `definition`."""
        from dagwright.emit import Emission

        return Emission(self).assets
