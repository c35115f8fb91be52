"""Runs a module of `pipelines/`: what its `build(project)` gives, or why it gives nothing, in a sentence.

What comes in: a file and the project. What goes out: our own Pipeline, or the definition that a pipeline of Amazon's
SDK (any object with a name and a `definition()`) gives of itself.
"""

from __future__ import annotations

import importlib.util
import inspect
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagwright.errors import DagwrightError, DefinitionError

if TYPE_CHECKING:
    from dagwright.pipeline import Pipeline
    from dagwright.project import Project

# What the parameters of a `get_pipeline` stand for in Amazon's project templates, written with the project.
_TEMPLATE_WORDS = {
    "region": "project.region",
    "role": "project.role",
    "role_arn": "project.role",
    "default_bucket": "project.bucket",
    "model_package_group_name": "project.model_package_group",
    "pipeline_name": 'project.pipeline_name("{name}")',
    "base_job_prefix": 'f"{{project.team}}-{{project.project}}"',
}
_NO_AWS = "or write it with dagwright's own steps, which need no AWS (docs/authoring.md)"


@dataclass(frozen=True)
class SdkPipeline:
    """What a pipeline that our vocabulary did not write says of itself."""

    name: str
    text: str
    description: str = ""


def built_pipeline(root: Path, path: Path, project: Project) -> Pipeline | SdkPipeline:
    """Import one module of `pipelines/` and call its `build(project)`. Raises DefinitionError.

    `definition()` of another library's object is called here too: it may upload, print, and fail like any other code
    that we did not write.
    """
    from dagwright.pipeline import Pipeline

    where = f"pipelines/{path.name}"
    with _explained(root, where, project):
        build = _build_of(_import(root, path), path)
        _leave_out_notes()
        built = build(project)
        if isinstance(built, Pipeline):
            return built
        text, name = _definition_of(built, where), str(getattr(built, "name", "") or "")
        description = getattr(built, "description", None)
    return SdkPipeline(name, text, description if isinstance(description, str) else "")


def _leave_out_notes() -> None:
    """Amazon's SDK switches the notes of every library on, for the rest of the program; warnings are still shown."""
    if "sagemaker" in sys.modules:
        import logging

        logging.disable(logging.INFO)


def _definition_of(built: object, where: str) -> str:
    definition = getattr(built, "definition", None)
    if not callable(definition) or not hasattr(built, "name"):
        raise DefinitionError(
            f"build(project) of {where} returns a {type(built).__name__}, not a Pipeline",
            hint="It may be dagwright's, or any object with a name and a definition() that gives the JSON.",
        )
    text = definition()
    if not isinstance(text, str):
        raise DefinitionError(f"definition() of what {where} builds gives a {type(text).__name__}, not JSON text")
    return text


def _build_of(module: object, path: Path) -> Callable[[Any], object]:
    """The module's `build`. Raises DefinitionError with what to write if it has none."""
    build, other = getattr(module, "build", None), getattr(module, "get_pipeline", None)
    if callable(build):
        return build  # type: ignore[no-any-return]
    what = f"pipelines/{path.name} has no function build(project)"
    if callable(other):
        call = f"get_pipeline({', '.join(_template_arguments(other, path.stem.replace('_', '-')))})"
        raise DefinitionError(
            f"{what}, only get_pipeline",
            hint=f"Add these two lines, and check them:\n\n    def build(project):\n        return {call}\n",
        )
    raise DefinitionError(what, hint="It returns the Pipeline.")


def _template_arguments(function: Callable[..., Any], name: str) -> Iterator[str]:
    """Its arguments as they can be written with a project; those without a default that nobody knows as `...`."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return
    for parameter in parameters:
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        if parameter.name in _TEMPLATE_WORDS:
            yield f"{parameter.name}={_TEMPLATE_WORDS[parameter.name].format(name=name)}"
        elif parameter.default is parameter.empty:
            yield f"{parameter.name}=..."


@contextmanager
def _explained(root: Path, where: str, project: Project) -> Iterator[None]:
    """Code that is not ours at work: standard output is the command's own, the working folder and the environment are
    afterwards as they were, and what it raises becomes a DefinitionError that names the line.

    Amazon's SDK asks for a Region while it builds, also where it is given one: it finds the project's, unless the
    environment has another.
    """
    folder, variables = os.getcwd(), dict(os.environ)
    os.environ.setdefault("AWS_DEFAULT_REGION", project.region)
    try:
        with redirect_stdout(sys.stderr), _programs_print_to_stderr():
            yield
    except (DagwrightError, KeyboardInterrupt):
        raise
    except BaseException as error:
        raise _refusal(root, where, project, error) from error
    finally:
        os.chdir(folder)
        if os.environ != variables:
            os.environ.clear()
            os.environ.update(variables)


@contextmanager
def _programs_print_to_stderr() -> Iterator[None]:
    """Programs that are started inside the block, such as git and docker, print to standard error as well."""
    sys.stdout.flush()
    try:
        kept = os.dup(1)
    except OSError:  # it is closed
        yield
        return
    try:
        with suppress(OSError):
            os.dup2(2, 1)
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


def _refusal(root: Path, where: str, project: Project, error: BaseException) -> DefinitionError:
    line = _last_line_in(root, error) or where
    told = f"{line}: {type(error).__name__}: {error}"
    if isinstance(error, ModuleNotFoundError) and (error.name or "").partition(".")[0] == "sagemaker":
        return DefinitionError(f"{where} cannot be built: {told}", hint=_missing_sdk(error.name or ""))
    for cause in _causes(error):
        if _is_about_aws(cause):
            return DefinitionError(
                f"{where} needs AWS while it is built: Amazon's SDK uploads code and asks for names and Regions then.\n"
                f"{line}: {type(cause).__name__}: {cause}",
                hint=f"Sign in to {project.region} (AWS_PROFILE, aws sso login, or the AWS_* variables), {_NO_AWS}.",
            )
    return DefinitionError(f"{where} cannot be built: {told}", hint="Run it again with --debug for the traceback.")


def _is_about_aws(error: BaseException) -> bool:
    """Whether AWS could not be reached or refused; version 2 of the SDK has words of its own for no Region."""
    kind = type(error)
    raised_there = (
        kind.__module__.partition(".")[0] in ("botocore", "boto3") and kind.__name__ != "ParamValidationError"
    )
    return raised_there or "local AWS configuration" in str(error)


def _missing_sdk(module: str) -> str:
    """Which version of the SDK has a module: only version 2 has `sagemaker.workflow`, only 3 `sagemaker.mlops`."""
    parts = module.split(".")
    if len(parts) == 1:
        return "Amazon's SDK is not installed here: pip install 'dagwright[sagemaker]', or 'sagemaker<3' for version 2."
    if parts[1] in ("core", "mlops", "train", "serve"):
        return "This is written for version 3 of Amazon's SDK: pip install 'dagwright[sagemaker]'."
    return "This is written for version 2 of Amazon's SDK: pip install 'sagemaker<3'."


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error, and what led to it."""
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        cause = cause.__cause__ or cause.__context__


def _import(root: Path, path: Path) -> object:
    """The module as `pipelines.<stem>`, with the project's folder first on the path, so that `steps` is found."""
    for known in [name for name in sys.modules if name.partition(".")[0] in ("pipelines", "steps")]:
        del sys.modules[known]
    folder = str(root)
    if folder in sys.path:
        sys.path.remove(folder)
    sys.path.insert(0, folder)
    spec = importlib.util.spec_from_file_location(f"pipelines.{path.stem}", path)
    if spec is None or spec.loader is None:
        raise DefinitionError(f"pipelines/{path.name} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _last_line_in(root: Path, error: BaseException) -> str:
    """`steps/train.py, line 12`: the deepest line of the project's own files on the way to the error."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{_relative(root, error.filename)}, line {error.lineno}"
    found = ""
    trace = error.__traceback__
    while trace:
        file = trace.tb_frame.f_code.co_filename
        relative = _relative(root, file)
        if relative.split("/")[0] in ("pipelines", "steps"):
            found = f"{relative}, line {trace.tb_lineno}"
        trace = trace.tb_next
    return found


def _relative(root: Path, file: str) -> str:
    try:
        return Path(file).relative_to(root).as_posix()
    except ValueError:
        return file
