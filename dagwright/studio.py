"""A deployed pipeline as an object of Amazon's SDK, for a notebook in SageMaker Studio.

What comes in: the `build` of a pipeline module, and the environment it is deployed to. What goes out: a `Pipeline` of
the SDK, version 3 (the extra `sagemaker`), whose `definition()` is ours, byte for byte, and which can be started.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from dagwright.errors import UsageError, UserError, did_you_mean
from dagwright.project import load_project
from dagwright.project_keys import ENVIRONMENTS

if TYPE_CHECKING:
    from dagwright.pipeline import Pipeline
    from dagwright.project import Project

_ON_AWS = tuple(name for name in ENVIRONMENTS if name != "local")


def sdk_pipeline(
    build: Callable[[Project], Pipeline], environment: str = "dev", sagemaker_session: object = None
) -> Any:
    """The SDK's Pipeline of what `build` makes for `environment`: its `name`, `parameters` and `definition()`, and all
    that the SDK does with a deployed pipeline: `start`, `describe`, `list_executions` ….

    The configuration is that of the project `build` is written in, wherever the notebook is. Without a session there is
    one for the project's Region and bucket. Raises UserError without the SDK, ConfigurationError, DefinitionError.
    """
    from dagwright.emit import Emission
    from dagwright.writing import text_of

    if environment not in _ON_AWS:
        what = f"get_pipeline('{environment}'): a pipeline is deployed to {', '.join(_ON_AWS)}"
        raise UsageError(what, hint=did_you_mean(environment, _ON_AWS))
    project = load_project(Path(inspect.getfile(build)).parents[1] / "config" / "project.yaml", environment)
    kind = _deployed_pipeline(project.region)
    pipeline = build(project)
    emission = Emission(pipeline)
    made = kind(
        name=project.pipeline_name(pipeline.name),
        parameters=[_sdk_parameter(one) for one in emission.graph.parameters.values()],
        pipeline_experiment_config=None,
        sagemaker_session=sagemaker_session or _session(project),
    )
    made.text = text_of(emission.definition)
    made.parameter_descriptions = {one.name: one.description or "" for one in pipeline.parameters}
    made.command = f"python deploy.py upsert {pipeline.name} --env {environment}"
    return made


class _Deployed:
    """What a pipeline that the command line deploys does in its own way; the rest is the SDK's."""

    name: str
    parameters: Sequence[Any]
    text: str
    parameter_descriptions: Mapping[str, str]
    command: str

    def __repr__(self) -> str:
        """Its name, and what it can be started with."""
        lines = [f"Pipeline {self.name}"]
        for one in self.parameters:
            given = "must be given" if one.default_value is None else f"= {one.default_value}"
            what = self.parameter_descriptions[one.name]
            lines.append(f"  {one.name}: {one.parameter_type.value} {given}  {what}".rstrip())
        return "\n".join(lines)

    def definition(self) -> str:
        """The pipeline definition, as `deploy.py render` prints it. Nothing is uploaded."""
        return self.text

    def upsert(self, *arguments: Any, **named: Any) -> NoReturn:
        """Raises UserError: the command line deploys, so that code, tags and schedules are right."""
        raise UserError(
            f"{self.name} is deployed by the command line, which puts its code, tags and schedules in place as well",
            hint=f"In the project's folder: {self.command}",
        )

    create = update = upsert


@cache
def _deployed_pipeline(region: str) -> Any:
    """The class of such pipelines, which is the SDK's. Raises UserError where the SDK is not.

    The SDK makes a client while it is imported (3.27, ai_registry/air_hub.py), and cannot be imported without a Region.
    """
    added = "AWS_DEFAULT_REGION" not in os.environ
    os.environ.setdefault("AWS_DEFAULT_REGION", region)
    try:
        from sagemaker.mlops.workflow.pipeline import Pipeline as SdkPipeline
    except ImportError as error:
        hint = "pip install 'dagwright[sagemaker]', which brings version 3, and start the notebook's kernel again."
        raise UserError(f"get_pipeline needs version 3 of Amazon's SDK; {_installed(error)}", hint=hint) from error
    finally:
        if added:
            del os.environ["AWS_DEFAULT_REGION"]
    return type("DeployedPipeline", (_Deployed, SdkPipeline), {})


def _session(project: Project) -> Any:
    import boto3
    from sagemaker.core.helper.session_helper import Session

    return Session(boto_session=boto3.Session(region_name=project.region), default_bucket=project.bucket)


def _installed(error: ImportError) -> str:
    from importlib import metadata

    try:
        version = metadata.version("sagemaker")
    except metadata.PackageNotFoundError:
        return "it is not installed here"
    return f"sagemaker {version} is installed here, and says: {error}"


def _sdk_parameter(parameter: Any) -> Any:
    """A parameter of a definition as the SDK's. Its classes insist that a default has the very type."""
    from sagemaker.core.workflow import parameters as sdk

    default = parameter.default if parameter.has_default else None
    if parameter.type == "Float" and default is not None:
        default = float(default)
    if parameter.type == "String":
        return sdk.ParameterString(parameter.name, default, enum_values=list(parameter.enum_values) or None)
    kind = {"Integer": sdk.ParameterInteger, "Float": sdk.ParameterFloat, "Boolean": sdk.ParameterBoolean}
    return kind[parameter.type](parameter.name, default_value=default)
