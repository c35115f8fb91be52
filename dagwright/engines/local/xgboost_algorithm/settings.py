"""What a job of the built-in XGBoost is told: hyperparameters and channels.

What comes in: the content of `hyperparameters.json` and `inputdataconfig.json`. What goes out: `Settings`, with
everything that is wrong with them; it is asked before a job starts, and again by the job.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dagwright.engines.local.xgboost_algorithm import CustomerError
from dagwright.engines.local.xgboost_algorithm.data import LIBSVM, content_kind
from dagwright.engines.local.xgboost_algorithm.hyperparameters import read_hyperparameters

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TRAIN, VALIDATION = "train", "validation"
_CHANNELS = (TRAIN, VALIDATION, "code")


@dataclass(frozen=True)
class Settings:
    """Of one job. `kind` is the format of its data."""

    values: Mapping[str, Any]
    kind: str
    has_validation: bool
    problems: Sequence[str]
    notes: Sequence[str]


def read_settings(
    hyperparameters: Mapping[str, str], channels: Mapping[str, Mapping[str, str]], unknown: Sequence[str] = ()
) -> Settings:
    """`unknown` are hyperparameters whose values will be known later."""
    read = read_hyperparameters(hyperparameters, unknown)
    problems = list(read.problems)
    if TRAIN not in channels:
        problems.append("there is no channel train, and it is required")
    for name, channel in sorted(channels.items()):
        if name not in _CHANNELS:
            problems.append(f"there is a channel {name}, and the algorithm reads {TRAIN} and {VALIDATION} only")
        if channel.get("TrainingInputMode", "File") != "File":
            problems.append(f"channel {name} is streamed (Pipe mode), which XGBoost does not read here: use File mode")
    kind = LIBSVM
    try:
        kind = content_kind(channels.get(TRAIN, {}).get("ContentType"))
    except CustomerError as error:
        problems.append(f"channel {TRAIN}: {error}")
    return Settings(read.values, kind, VALIDATION in channels, problems, read.notes)
