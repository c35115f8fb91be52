"""The model of a transform job: its containers, and what of each has to be there before it can answer.

What comes in: CreateModel requests as the Model steps of a run and the record have them. What goes out: `Served`
containers, or a sentence for an image of which nothing is known but its own program.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dagwright.engines.addresses import s3_form, split_uri
from dagwright.engines.local.job import ML
from dagwright.engines.local.registry import Registry
from dagwright.engines.local.request import member, needed, objects, text_map
from dagwright.engines.local.scope import UNKNOWN
from dagwright.engines.registry import PackageName
from dagwright.errors import ExecutionError, UsageError

_PROGRAM = "SAGEMAKER_PROGRAM"
_FOLDER = "SAGEMAKER_SUBMIT_DIRECTORY"
_STAND_IN = "Say what it does instead: --stand-in {}=file.py:function (docs/batch-transform.md)"
_USUAL_PROGRAM = "inference.py"  # what the toolkit of PyTorch's images looks for if nothing is named

SCIKIT_LEARN, XGBOOST, XGBOOST_PROGRAM, PYTORCH, PROGRAM = "scikit-learn", "xgboost", "xgboost-program", "pytorch", ""
"""The names of `serving.frameworks`."""

_MODULES = {
    SCIKIT_LEARN: ("numpy", "sklearn"),
    XGBOOST: ("numpy", "scipy", "xgboost"),
    XGBOOST_PROGRAM: ("numpy", "scipy", "xgboost"),
    PYTORCH: ("numpy", "torch"),
    PROGRAM: (),
}


@dataclass(frozen=True)
class Served:
    """One container of a model. `data` is the address of its archive, or of a folder if it is `unpacked`; `code` that
    of its source archive, or a path below /opt/ml."""

    image: str
    variables: Mapping[str, str]
    data: str
    unpacked: bool
    framework: str
    program: str
    needs_program: bool
    code: str

    @property
    def modules(self) -> tuple[str, ...]:
        """What the Python of its image has to have."""
        return _MODULES[self.framework]


def containers_of(model: Mapping[str, Any], step: str, registry: Registry) -> list[Served]:
    """Its containers in their order; none of a model of which nothing is known.

    Raises ExecutionError for one that no local run can ask.
    """
    return [
        _served(item, step) for container in named_containers(model) for item in _resolved(container, registry)
    ]  # fmt: skip


def archives_of(model: Mapping[str, Any], registry: Registry) -> list[Served]:
    """Where the data of its containers are, whatever their images do: for a function that stands in for all of them."""
    resolved = [item for container in named_containers(model) for item in _resolved(container, registry)]
    return [Served(UNKNOWN, {}, *_data(item), PROGRAM, "", False, "") for item in resolved]


def named_containers(model: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The containers as a request names them."""
    primary = member(model, "PrimaryContainer", dict)
    return [primary] if primary else objects(model, "Containers")


def _resolved(container: Mapping[str, Any], registry: Registry) -> Sequence[Mapping[str, Any]]:
    """A container, or those of the package that it names, with its own variables over theirs."""
    name = member(container, "ModelPackageName", str, "")
    if not name or name == UNKNOWN:
        return [container]
    group, _, version = name.rpartition("/")
    try:
        if name.startswith("arn:"):
            package = registry.package(PackageName(arn=name))
        else:
            package = registry.package(PackageName(group, int(version) if version.isdecimal() else 0))
    except UsageError as error:
        raise ExecutionError(error.message, hint=error.hint) from error
    own = text_map(container, "Environment")
    return [
        {**item, "Environment": text_map(item, "Environment") | own}
        for item in objects(package.content, "InferenceSpecification.Containers")
    ]


def _served(container: Mapping[str, Any], step: str) -> Served:
    image = member(container, "Image", str, UNKNOWN)
    if member(container, "Mode", str, "SingleModel") != "SingleModel":
        raise ExecutionError("The model has a container of several models, which no transform job takes")
    variables = text_map(container, "Environment")
    if "SAGEMAKER_INFERENCE_OUTPUT" in variables:
        raise ExecutionError(
            "The model's container selects what it answers by SAGEMAKER_INFERENCE_OUTPUT, which a local run does not",
            hint=_STAND_IN.format(step),
        )
    data, unpacked = _data(container)
    named = variables.get(_PROGRAM, "")
    framework = _framework(image, named, step)
    return Served(
        image=image,
        variables=variables,
        data=data,
        unpacked=unpacked,
        framework=framework,
        program=named or (_USUAL_PROGRAM if framework == PYTORCH else ""),
        needs_program=bool(named),
        code=_code(variables.get(_FOLDER, "")) if named or framework == PYTORCH else "",
    )


def _data(container: Mapping[str, Any]) -> tuple[str, bool]:
    """(address, whether it is a folder). Raises ExecutionError for an address that leads nowhere."""
    url = s3_form(member(container, "ModelDataUrl", str, ""))
    if not url and member(container, "ModelDataSource", dict):
        source = needed(container, "ModelDataSource.S3DataSource", dict)
        url = needed(source, "S3Uri", str)
        return url, member(source, "CompressionType", str, "None") == "None"
    if url not in ("", UNKNOWN):
        split_uri(url)
    return url, False


def _code(folder: str) -> str:
    """An address as it is; the path of a folder of the container without `file://`."""
    folder = folder.removeprefix("file://")
    if folder and folder != UNKNOWN and not folder.startswith(("s3://", f"{ML}/")):
        raise ExecutionError(
            f"{_FOLDER} must be the address of a source archive, or a folder below {ML}; it is {folder!r}"
        )
    return folder


def _framework(image: str, program: str, step: str) -> str:
    """Whose default functions stand in for those that are missing. Raises ExecutionError if nobody knows what the image
    does by itself."""
    name = image.rpartition("/")[2].partition(":")[0].partition("@")[0]
    if "tensorflow" in name:
        raise ExecutionError(
            f"The model's image '{name}' answers by TensorFlow Serving, a program that a local run has not",
            hint=_STAND_IN.format(step),
        )
    if "xgboost" in name:
        return XGBOOST_PROGRAM if program else XGBOOST
    if "pytorch" in name and "huggingface" not in name:
        return PYTORCH
    if program or image == UNKNOWN:
        return SCIKIT_LEARN if "scikit-learn" in name else PROGRAM
    if "scikit-learn" in name:
        raise ExecutionError(
            f"The model's container names no program, and '{name}' loads no model without its model_fn",
            hint=f"Set {_PROGRAM} and {_FOLDER} in the container's Environment (entry_point= in the SDK).",
        )
    raise ExecutionError(
        f"The model's image '{name}' answers by a program of its own, which a local run has not",
        hint=_STAND_IN.format(step),
    )
