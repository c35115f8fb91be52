"""The training of the built-in XGBoost: data in, model out.

What comes in: a `Training`: what the job is told, and its folders. What goes out: `xgboost-model`, metric lines,
checkpoints.
"""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import xgboost

from dagwright.engines.local.xgboost_algorithm import CustomerError, refusal
from dagwright.engines.local.xgboost_algorithm.callbacks import Checkpoints, MetricLines, ModelSoFar, last_checkpoint
from dagwright.engines.local.xgboost_algorithm.data import read_matrix
from dagwright.engines.local.xgboost_algorithm.hyperparameters import is_maximized
from dagwright.engines.local.xgboost_algorithm.metrics import OwnMetrics
from dagwright.engines.local.xgboost_algorithm.model_file import MODEL, write_model
from dagwright.engines.local.xgboost_algorithm.settings import TRAIN, VALIDATION, Settings
from dagwright.engines.local.xgboost_algorithm.team import team

if TYPE_CHECKING:
    from collections.abc import Sequence

_NOT_XGBOOSTS = ("csv_weights", "early_stopping_rounds", "num_round", "save_model_on_termination")
_TUNED = "_tuning_objective_metric"


@dataclass(frozen=True)
class Training:
    """One host's part of a job. `form` is that of the model's file; `checkpoints` is empty if there are none."""

    settings: Settings
    data: str
    model: str
    checkpoints: str
    scratch: str
    form: str
    hosts: Sequence[str]
    host: str


def train(job: Training) -> None:
    """Raises CustomerError for data that cannot be read or trained on."""
    weighted = job.settings.values.get("csv_weights") == 1
    matrices = {}
    for channel in (TRAIN, VALIDATION) if job.settings.has_validation else (TRAIN,):
        matrix = read_matrix(os.path.join(job.data, channel), job.settings.kind, weighted)
        if matrix is not None:
            matrices[channel] = matrix
            _say(f"{channel}: {matrix.num_row()} rows, {matrix.num_col()} columns")
        elif len(job.hosts) == 1:
            raise CustomerError(f"there are no data in the channel {channel}")
    if len(job.hosts) == 1:
        _train(job, matrices, is_first=True)
    else:
        _train_together(job, matrices)


def _train_together(job: Training, matrices: dict[str, xgboost.DMatrix]) -> None:
    wanted = 2 if job.settings.has_validation else 1
    with team(job.hosts, job.host, len(matrices) == wanted) as members:
        if not members:
            raise CustomerError("no host has data of every channel: there are fewer objects than hosts to share them")
        if job.host in members:
            _train(job, matrices, is_first=job.host == members[0])
        else:
            _say(f"{job.host} takes no part: it has no data of some channel")


def _train(job: Training, matrices: dict[str, xgboost.DMatrix], is_first: bool) -> None:
    values = dict(job.settings.values)
    metrics = _metrics(values)
    known, first_round = last_checkpoint(job.checkpoints) if job.checkpoints else (None, 0)
    if known:
        _say(f"goes on from the checkpoint of {first_round} rounds")
    callbacks = _callbacks(job, metrics, first_round, is_first)
    own = OwnMetrics(metrics, str(values.get("objective", "")))
    given = {name: value for name, value in values.items() if name not in (*_NOT_XGBOOSTS, _TUNED, "eval_metric")}
    if metrics:
        given["eval_metric"] = [name for name in metrics if name not in own.names]
    try:
        booster = xgboost.train(
            given,
            matrices[TRAIN],
            num_boost_round=max(0, values["num_round"] - first_round),
            evals=[(matrix, channel) for channel, matrix in matrices.items()],
            custom_metric=own if own.names else None,
            callbacks=callbacks,
            xgb_model=known,
            verbose_eval=False,
        )
    except (xgboost.core.XGBoostError, ValueError) as error:
        raise refusal(error) from error
    if is_first:
        write_model(booster, os.path.join(job.model, MODEL), job.form, job.scratch)


def _metrics(values: dict[str, Any]) -> list[str]:
    """Those to compute, in an order that is the same on every host; a tuning job's objective is one of them."""
    asked = values.get("eval_metric") or []
    tuned = values.get(_TUNED, "").partition(":")[2]
    return sorted({*asked, tuned}) if tuned else list(asked)


def _callbacks(job: Training, metrics: list[str], first_round: int, is_first: bool) -> list[Any]:
    """What is done after each round; what writes anything, on the first host alone."""
    values = job.settings.values
    path = os.path.join(job.model, MODEL)
    callbacks: list[Any] = []
    if is_first:
        callbacks.append(MetricLines(first_round))
        if job.checkpoints:
            callbacks.append(Checkpoints(job.checkpoints, first_round, job.scratch))
        if values.get("save_model_on_termination") == "true":
            callbacks.append(ModelSoFar(path, job.form, job.scratch))
            signal.signal(signal.SIGTERM, lambda *_: os._exit(0))  # the model so far is the model
    rounds = values.get("early_stopping_rounds")
    tuned = values.get(_TUNED, "").partition(":")[2]
    judge = tuned or (values.get("eval_metric") or [""])[-1]
    if rounds and judge and job.settings.has_validation:
        callbacks.append(
            xgboost.callback.EarlyStopping(
                rounds=rounds, metric_name=judge, data_name=VALIDATION, maximize=is_maximized(judge), save_best=is_first
            )
        )
    elif rounds:
        _say("early_stopping_rounds has no effect: it needs the channel validation and an eval_metric")
    return callbacks


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - the log is its output
