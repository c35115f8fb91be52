"""The hyperparameters of the built-in XGBoost: which there are, and what each may be.

What comes in: their texts. What goes out: typed values for `xgboost.train`, everything that is wrong with them, and
what is done otherwise here. Names and ranges are those of the published container's validation.
"""

from __future__ import annotations

import ast
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dagwright.engines.local.xgboost_algorithm.metrics import MAXIMIZED, METRICS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_WHOLE = {
    "num_round": "[1, inf)",
    "csv_weights": "[0, 1]",
    "early_stopping_rounds": "[1, inf)",
    "silent": "[0, 1]",
    "verbosity": "[0, 3]",
    "nthread": "[1, inf)",
    "max_depth": "[0, inf)",
    "refresh_leaf": "[0, 1]",
    "max_leaves": "[0, inf)",
    "max_bin": "[0, inf)",
    "one_drop": "[0, 1]",
    "num_class": "[2, inf)",
    "_kfold": "[2, inf)",
    "_num_cv_round": "[1, inf)",
    "seed": "(-2147483648, 2147483647)",
    "num_parallel_tree": "[1, inf)",
    "prob_buffer_row": "(1, inf)",
}
_REAL = {
    "eta": "[0, 1]",
    "gamma": "[0, inf)",
    "min_child_weight": "[0, inf)",
    "max_delta_step": "[0, inf)",
    "subsample": "(0, 1]",
    "colsample_bytree": "(0, 1]",
    "colsample_bylevel": "(0, 1]",
    "colsample_bynode": "(0, 1]",
    "lambda": "[0, inf)",
    "alpha": "[0, inf)",
    "sketch_eps": "(0, 1)",
    "scale_pos_weight": "(0, inf)",
    "rate_drop": "[0, 1]",
    "skip_drop": "[0, 1]",
    "lambda_bias": "[0, 1]",
    "tweedie_variance_power": "(1, 2)",
    "base_score": "[0, inf)",
    "aft_loss_distribution_scale": "[0, inf)",
}
_TRUTH = ("true", "false")
_WORDS = {
    "booster": ("gbtree", "gblinear", "dart"),
    "tree_method": ("auto", "exact", "approx", "hist", "gpu_hist"),
    "dsplit": ("row", "col"),
    "process_type": ("default", "update"),
    "grow_policy": ("depthwise", "lossguide"),
    "predictor": ("auto", "cpu_predictor", "gpu_predictor"),
    "sample_type": ("uniform", "weighted"),
    "normalize_type": ("tree", "forest"),
    "objective": (
        "binary:hinge", "binary:logistic", "binary:logitraw", "count:poisson", "multi:softmax", "multi:softprob",
        "rank:map", "rank:ndcg", "rank:pairwise", "reg:absoluteerror", "reg:gamma", "reg:linear", "reg:logistic",
        "reg:pseudohubererror", "reg:squarederror", "reg:squaredlogerror", "reg:tweedie", "survival:aft",
        "survival:cox",
    ),
    "save_model_on_termination": _TRUTH,
    "single_precision_histogram": _TRUTH,
    "deterministic_histogram": _TRUTH,
    "use_dask_gpu_training": _TRUTH,
    "sampling_method": ("uniform", "gradient_based"),
    "aft_loss_distribution": ("normal", "logistic", "extreme"),
    "_tuning_objective_metric": tuple(f"validation:{name}" for name in METRICS),
}  # fmt: skip
_LISTS = ("eval_metric", "updater")
_LITERALS = ("monotone_constraints", "interaction_constraints")
_ALIASES = {"learning_rate": "eta", "min_split_loss": "gamma", "reg_lambda": "lambda", "reg_alpha": "alpha"}
_WITH_THRESHOLD = ("error", "ndcg", "map")
_UPDATERS = (
    "grow_colmaker", "distcol", "grow_histmaker", "grow_local_histmaker", "grow_quantile_histmaker", "grow_skmaker",
    "sync", "refresh", "prune", "shotgun", "coord_descent",
)  # fmt: skip
_CONSTRAINED = {"monotone_constraints": ("exact", "hist"), "interaction_constraints": ("exact", "hist", "approx")}
_GONE = ("dsplit", "single_precision_histogram", "deterministic_histogram", "use_dask_gpu_training")
_FREE = "an unknown value"


@dataclass
class Hyperparameters:
    """Those of one job: `values` by name, as typed as `xgboost.train` wants them."""

    values: dict[str, Any] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def read_hyperparameters(texts: Mapping[str, str], unknown: Sequence[str] = ()) -> Hyperparameters:
    """The hyperparameters of a job; the values of those in `unknown` are not looked at."""
    read = Hyperparameters()
    for given, text in sorted(texts.items()):
        if given.startswith("sagemaker_"):
            continue  # the platform's own
        name = _ALIASES.get(given, given)
        if given in unknown and _is_known(name):
            read.values[name] = _FREE
        else:
            _read(name, _decoded(text), read)
    if "num_round" not in read.values and "num_round" not in texts:
        read.problems.append("the hyperparameter num_round is missing, and it is required")
    read.problems += _together(read.values)
    _modernize(read)
    return read


def _is_known(name: str) -> bool:
    return any(name in names for names in (_WHOLE, _REAL, _WORDS, _LISTS, _LITERALS))


def _decoded(text: str) -> str:
    """The platform's libraries read a value as JSON where it is JSON: `"\\"29\\""` is 29."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, str) else text


def _read(name: str, text: str, read: Hyperparameters) -> None:
    problem = ""
    value: Any = text
    if name in _WHOLE:
        value, problem = _number(text, int, _WHOLE[name])
    elif name in _REAL:
        value, problem = _number(text, float, _REAL[name])
    elif name in _WORDS:
        problem = "" if text in _WORDS[name] else f"must be one of {', '.join(_WORDS[name])}"
    elif name in _LISTS:
        value = text.split(",")
        problem = _metrics_problem(value) if name == "eval_metric" else _among(value, _UPDATERS)
    elif name in _LITERALS:
        problem = _constraints_problem(name, text)
    else:
        read.problems.append(f"there is no hyperparameter {name}")
        return
    if problem:
        read.problems.append(f"the hyperparameter {name} {problem}, it is {text!r}")
    else:
        read.values[name] = value


def _number(text: str, kind: type, interval: str) -> tuple[Any, str]:
    """(the number, what is wrong with it)."""
    what = "a whole number" if kind is int else "a number"
    try:
        value = kind(text)
    except ValueError:
        return None, f"must be {what}"
    low, high = (float(end) for end in interval[1:-1].split(","))
    above = value >= low if interval[0] == "[" else value > low
    below = value <= high if interval[-1] == "]" else value < high
    return value, "" if above and below else f"must be {what} in {interval}"


def _among(values: Sequence[str], allowed: Sequence[str]) -> str:
    return "" if all(value in allowed for value in values) else f"must be made of {', '.join(allowed)}"


def _metrics_problem(names: Sequence[str]) -> str:
    for name in names:
        metric, at, threshold = name.partition("@")
        if at and metric.strip() in _WITH_THRESHOLD and _number(threshold, float, "(-inf, inf)")[1] == "":
            continue
        if name not in METRICS:
            return f"must be a list of {', '.join(METRICS)}, error@t, ndcg@t or map@t"
    return ""


def _constraints_problem(name: str, text: str) -> str:
    form = "a tuple of -1, 0 and 1" if name == "monotone_constraints" else "a list of lists of column numbers"
    try:
        value = ast.literal_eval(text)
        if name == "monotone_constraints":
            right = all(item in (-1, 0, 1) for item in value)
        else:
            right = all(isinstance(item, int) and item >= 0 for group in value for item in group)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        right = False
    return "" if right else f"must be {form}"


def _together(values: Mapping[str, Any]) -> list[str]:
    """What is wrong although each is right by itself."""
    problems = []
    objective, trees = str(values.get("objective", "")), values.get("tree_method")
    if objective.startswith("multi:") and "num_class" not in values:
        problems.append(f"the objective {objective} needs the hyperparameter num_class")
    metrics = values.get("eval_metric", ())
    if objective != _FREE:
        if "auc" in metrics and not objective.startswith(("binary:", "multi:", "rank:")):
            problems.append("the eval_metric auc is for objectives of classification and ranking")
        if "aft-nloglik" in metrics and objective != "survival:aft":
            problems.append("the eval_metric aft-nloglik is for the objective survival:aft")
    for name, methods in _CONSTRAINED.items():
        if name in values and trees not in (*methods, _FREE):
            problems.append(f"{name} needs the hyperparameter tree_method: {' or '.join(methods)}")
    if "_kfold" in values or "_num_cv_round" in values:
        problems.append("_kfold is cross-validation inside of the algorithm, which is not done here")
    if values.get("use_dask_gpu_training") == "true":
        problems.append("use_dask_gpu_training needs GPUs, and training here is the CPU's")
    return problems


def _modernize(read: Hyperparameters) -> None:
    """What newer versions of xgboost call otherwise, or do without."""
    values = read.values
    if values.get("objective") == "reg:linear":
        values["objective"] = "reg:squarederror"
        read.notes.append("objective reg:linear is reg:squarederror now")
    if values.get("tree_method") == "gpu_hist":
        values["tree_method"] = "hist"
        read.notes.append("tree_method gpu_hist is hist here: training is the CPU's")
    if values.pop("predictor", "") == "gpu_predictor":
        read.notes.append("predictor gpu_predictor is left out: training is the CPU's")
    if "silent" in values:
        silent = values.pop("silent")
        values.setdefault("verbosity", 0 if silent == 1 else 1)
        read.notes.append(f"silent is verbosity now: {values['verbosity']}")
    for name in _GONE:
        if values.pop(name, None) is not None:
            read.notes.append(f"{name} is left out: xgboost has it no longer")
    if isinstance(values.get("updater"), list):
        values["updater"] = ",".join(values["updater"])


def is_maximized(metric: str) -> bool:
    """Whether more of a metric is better; also of one with a threshold."""
    return metric.partition("@")[0] in MAXIMIZED
