"""What the built-in XGBoost does after each round: metric lines, checkpoints, the model so far.

What comes in: the booster and its results. What goes out: lines and files, in the forms that the service's users know.
"""

from __future__ import annotations

import os
import re
import warnings
from typing import Any

from xgboost import Booster
from xgboost.callback import TrainingCallback
from xgboost.core import XGBoostError

from dagwright.engines.local.xgboost_algorithm.metrics import metric_line
from dagwright.engines.local.xgboost_algorithm.model_file import NATIVE, write_model

_CHECKPOINT = re.compile(r"xgboost-checkpoint\.([0-9]+)")
_KEPT = 5


class MetricLines(TrainingCallback):
    """One line a round, which is where the service's metrics come from."""

    def __init__(self, first_round: int) -> None:
        self._first = first_round

    def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
        results = [(f"{data}-{name}", values[-1]) for data, log in evals_log.items() for name, values in log.items()]
        print(metric_line(self._first + epoch, results), flush=True)  # noqa: T201 - the log is its output
        return False


class Checkpoints(TrainingCallback):
    """The model after each round; the last five are kept."""

    def __init__(self, folder: str, first_round: int, scratch: str) -> None:
        self._folder = folder
        self._first = first_round
        self._scratch = scratch

    def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
        number = self._first + epoch
        write_model(model, self._path(number), NATIVE, self._scratch)
        if number >= _KEPT and os.path.exists(self._path(number - _KEPT)):
            os.remove(self._path(number - _KEPT))
        return False

    def _path(self, number: int) -> str:
        return os.path.join(self._folder, f"xgboost-checkpoint.{number}")


class ModelSoFar(TrainingCallback):
    """The model after each round in its final place: what `save_model_on_termination` asks for."""

    def __init__(self, path: str, form: str, scratch: str) -> None:
        self._path = path
        self._form = form
        self._scratch = scratch

    def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
        write_model(model, self._path, self._form, self._scratch)
        return False


def last_checkpoint(folder: str) -> tuple[Booster | None, int]:
    """(the newest checkpoint that can be read, the number of rounds it has); (None, 0) if there is none."""
    found = [match for match in map(_CHECKPOINT.fullmatch, os.listdir(folder)) if match]
    for match in sorted(found, key=lambda match: int(match[1]), reverse=True):
        booster = Booster()
        try:
            with warnings.catch_warnings():  # that the name, which is the algorithm's, tells no format
                warnings.simplefilter("ignore")
                booster.load_model(os.path.join(folder, match[0]))
        except XGBoostError:
            continue
        return booster, int(match[1]) + 1
    return None, 0
