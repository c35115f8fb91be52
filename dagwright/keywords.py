"""The keywords that a class takes: a wrong one is refused with the right one, beside whatever else is wrong.

In comes the call of a constructor; out comes the object, or one DefinitionError with everything that is wrong with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from inspect import Parameter, signature
from typing import TYPE_CHECKING, Any

from dagwright.errors import did_you_mean
from dagwright.refusals import Findings

# What the SageMaker SDK calls differently, and what it has that is not needed here.
SDK_WORDS: Mapping[str, str] = {
    "job_arguments": "arguments",
    "image_uri": "image",
    "training_image": "image",
    "env": "environment",
    "max_run": "max_runtime_in_seconds",
    "max_wait": "max_wait_in_seconds",
    "volume_size": "volume_size_in_gb",
    "kms_key": "output_kms_key",
    "max_payload": "max_payload_in_mb",
    "lambda_func": "function_arn",
    "hyper_parameters": "hyperparameters",
    "security_groups": "security_group_ids",
    "experiment_config": "pipeline_experiment_config",
}
_DIRECTLY = "a step takes what its job needs directly: image=…, code=… or entry_point=…, inputs=…"
SDK_ONLY: Mapping[str, str] = {
    **dict.fromkeys(("step_args", "processor", "estimator", "tuner", "transformer", "model"), _DIRECTLY),
    "network_config": "say subnets, security_group_ids and enable_network_isolation",
    "base_job_name": "leave it out: the service names the jobs of a pipeline",
    "sagemaker_session": "leave it out: nothing here talks to AWS",
}

_SPOT = "only training and tuning run on Spot instances: their steps take use_spot_instances and max_wait_in_seconds"
#: What a job says to the words of Spot that cannot have it; a table of `not_taken`.
NO_SPOT: Mapping[str, str] = dict.fromkeys(("use_spot_instances", "max_wait_in_seconds", "max_wait"), _SPOT)


@dataclass(frozen=True)
class Keywords:
    """The keywords of a class: all it takes, those to suggest, the required ones in their order, and what to say of
    those of other classes that it does not take."""

    names: frozenset[str]
    suggested: frozenset[str]
    required: tuple[tuple[int, str], ...]
    not_taken: Mapping[str, str]


class Declared(type):
    """The type of what collects its mistakes: an object has Findings while it is made, raised when it is complete.

    A required argument that is missing arrives as None, which its constructor refuses like any other None.
    """

    if not TYPE_CHECKING:  # a type checker is to see the signature of the constructor itself

        def __call__(cls, *args: Any, **given: Any) -> Any:
            made = cls.__new__(cls)
            made.found = Findings()
            known = keywords_of(cls)
            for name in given:
                if name not in known.names:
                    made.found.add("unknown-keyword", f"{cls.__name__} has no {name}", _hint(name, known), name)
            missing = {name: None for at, name in known.required if at >= len(args) and name not in given}
            made.__init__(*args, **missing, **{name: given[name] for name in given if name in known.names})
            made.found.raise_any()
            return made


@cache
def keywords_of(cls: type) -> Keywords:
    """What the constructor of a class takes by name, with what it hands on to those of its bases.

    What is `not_taken` by a class cannot be said though its bases take it, or has an answer though none does.
    """
    constructors = list(_constructors(cls))
    not_taken: Mapping[str, str] = getattr(cls, "not_taken", {})
    names = {one.name for parameters in constructors for one in parameters} - set(not_taken)
    needed = [(at, one.name) for at, one in enumerate(constructors[0]) if one.default is Parameter.empty]
    settings: frozenset[str] = getattr(cls, "setting_names", frozenset())
    out_of_place = settings - getattr(cls, "takes", settings)
    suggested = frozenset((names | settings) - out_of_place)
    return Keywords(frozenset(names | settings), suggested, tuple(needed), not_taken)


def _constructors(cls: type) -> Iterator[list[Parameter]]:
    """The named parameters of the class's constructor, and of its bases' as long as it hands keywords on to them."""
    for base in cls.__mro__:
        if "__init__" not in vars(base):
            continue
        _, *parameters = signature(vars(base)["__init__"]).parameters.values()
        yield [one for one in parameters if one.kind not in (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)]
        if not any(one.kind is Parameter.VAR_KEYWORD for one in parameters):
            return


def _hint(name: str, known: Keywords) -> str:
    if name in known.not_taken:
        return known.not_taken[name]
    if SDK_WORDS.get(name) in known.suggested:
        return f"it is called {SDK_WORDS[name]} here"
    return SDK_ONLY.get(name) or did_you_mean(name, known.suggested)
