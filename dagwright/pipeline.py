"""A pipeline: its name, its steps and parameters, and the project that fills in what the steps leave open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dagwright.parameters import Parameter
from dagwright.refusals import caller, checked_pipeline_name, refuse
from dagwright.steps import Step, present
from dagwright.variables import Text

if TYPE_CHECKING:
    from dagwright.code import Asset
    from dagwright.project import Project


@dataclass(frozen=True)
class PipelineExperimentConfig:
    """The experiment and trial that every execution is filed under."""

    experiment_name: Text | None = None
    trial_name: Text | None = None

    def expression(self) -> dict[str, Any]:
        """AWS's PipelineExperimentConfig."""
        return present({"ExperimentName": self.experiment_name, "TrialName": self.trial_name})


class Pipeline:
    """Steps, which run as soon as what they read from is there.

    >>> from dagwright import FailStep
    >>> Pipeline("nightly", [FailStep("Stop", "not today")]).definition()["Steps"][0]["Arguments"]
    {'ErrorMessage': 'not today'}

    No experiment is made unless `experiment_config` asks for one.
    """

    def __init__(
        self,
        name: str,
        steps: Sequence[Step],
        parameters: Sequence[Parameter] = (),
        *,
        project: Project | None = None,
        description: str | None = None,
        experiment_config: PipelineExperimentConfig | Mapping[str, Any] | None = None,
    ) -> None:
        self.place = caller()
        self.name = checked_pipeline_name(name)
        self.steps = tuple(steps)
        self.parameters = tuple(parameters)
        self.project = project
        self.description = description
        self.experiment_config = experiment_config
        for one in self.steps:
            if not isinstance(one, Step):
                refuse("bad-step", f"{one!r} is not a step", field="Steps")
        for parameter in self.parameters:
            if not isinstance(parameter, Parameter):
                refuse("bad-parameter", f"{parameter!r} is not a parameter", field="Parameters")

    def __repr__(self) -> str:
        return f"Pipeline({self.name!r}, {len(self.steps)} steps)"

    def definition(self) -> dict[str, Any]:
        """The pipeline definition (version 2020-12-01) as a new dict; DefinitionError with everything that is wrong."""
        from dagwright.emit import Emission

        return Emission(self).definition

    def to_json(self) -> str:
        """The definition as text, the same bytes every time."""
        from dagwright.writing import text_of

        return text_of(self.definition())

    def assets(self) -> list[Asset]:
        """The code that has to be in S3 before a run, sorted by address; DefinitionError as for `definition`."""
        from dagwright.emit import Emission

        return Emission(self).assets
