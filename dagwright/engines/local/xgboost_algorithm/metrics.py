"""The metrics of the built-in XGBoost: their names, how its log is read, and those that xgboost does not compute.

What comes in: predictions and labels. What goes out: numbers; and, for who reads the log, regular expressions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

MAXIMIZED = (
    "accuracy", "auc", "aucpr", "balanced_accuracy", "f1", "f1_binary", "f1_macro", "map", "ndcg", "precision",
    "precision_macro", "precision_micro", "r2", "recall", "recall_macro", "recall_micro",
)  # fmt: skip
MINIMIZED = (
    "aft-nloglik", "cox-nloglik", "error", "gamma-deviance", "gamma-nloglik", "interval-regression-accuracy", "logloss",
    "mae", "mape", "merror", "mlogloss", "mphe", "mse", "poisson-nloglik", "rmse", "rmsle", "tweedie-nloglik",
)  # fmt: skip
METRICS = (*MAXIMIZED, *MINIMIZED)
TAB = "#011"
"""How a tab stands in the service's logs, and so in what people have written to find metrics."""


def metric_definitions() -> list[tuple[str, str]]:
    """(name, regular expression) of every metric of the algorithm's log."""
    return [
        (f"{data}:{metric}", rf"\[[0-9]+\].*(?:{TAB}|\t){data}-{metric}:([^\s#]+)")
        for data in ("train", "validation")
        for metric in METRICS
    ]


def metric_line(round_number: int, results: Sequence[tuple[str, float]]) -> str:
    """`[0]#011train-rmse:0.50000#011validation-rmse:0.60000`."""
    return f"[{round_number}]" + "".join(f"{TAB}{name}:{value:.5f}" for name, value in results)


class OwnMetrics:
    """Those of the metrics asked for that xgboost does not know, in the form that `xgboost.train` wants."""

    def __init__(self, names: Sequence[str], objective: str) -> None:
        self.names = [name for name in names if name in _COMPUTED]
        self._objective = objective

    def __call__(self, predictions: Any, matrix: Any) -> list[tuple[str, float]]:
        truth = matrix.get_label()
        if not len(truth):
            return [(name, 0.0) for name in self.names]
        return [(name, _COMPUTED[name](truth, self._predicted(name, predictions))) for name in self.names]

    def _predicted(self, name: str, predictions: Any) -> Any:
        """Values for metrics of regression, classes for all others."""
        if name in ("mse", "r2"):
            return predictions
        if len(predictions.shape) > 1:
            return predictions.argmax(axis=1)
        if self._objective.startswith("multi:"):
            return predictions
        return (predictions > (0.0 if self._objective == "binary:logitraw" else 0.5)).astype(float)


def _mse(truth: Any, predicted: Any) -> float:
    return float(((truth - predicted) ** 2).mean())


def _r2(truth: Any, predicted: Any) -> float:
    spread = float(((truth - truth.mean()) ** 2).sum())
    return 1.0 - float(((truth - predicted) ** 2).sum()) / spread if spread else 0.0


def _accuracy(truth: Any, predicted: Any) -> float:
    return float((truth == predicted).mean())


def _classes(truth: Any, predicted: Any) -> list[float]:
    return sorted({*truth.tolist(), *predicted.tolist()})


def _share(part: float, whole: float) -> float:
    return float(part) / float(whole) if whole else 0.0


def _precision(truth: Any, predicted: Any, of: float = 1.0) -> float:
    return _share(((truth == of) & (predicted == of)).sum(), (predicted == of).sum())


def _recall(truth: Any, predicted: Any, of: float = 1.0) -> float:
    return _share(((truth == of) & (predicted == of)).sum(), (truth == of).sum())


def _f1(truth: Any, predicted: Any, of: float = 1.0) -> float:
    hits = ((truth == of) & (predicted == of)).sum()
    return _share(2 * hits, (truth == of).sum() + (predicted == of).sum())


def _balanced(truth: Any, predicted: Any) -> float:
    recalls = [_recall(truth, predicted, of) for of in sorted(set(truth.tolist()))]
    return sum(recalls) / len(recalls)


def _macro(metric: Callable[..., float]) -> Callable[[Any, Any], float]:
    """The mean over the classes."""

    def mean(truth: Any, predicted: Any) -> float:
        classes = _classes(truth, predicted)
        return sum(metric(truth, predicted, of) for of in classes) / len(classes)

    return mean


_COMPUTED: dict[str, Callable[[Any, Any], float]] = {
    "accuracy": _accuracy,
    "balanced_accuracy": _balanced,
    "f1": _macro(_f1),
    "f1_binary": _f1,
    "f1_macro": _macro(_f1),
    "mse": _mse,
    "precision": _precision,
    "precision_macro": _macro(_precision),
    "precision_micro": _accuracy,  # over all classes, each mistake is a false positive of one and a miss of another
    "r2": _r2,
    "recall": _recall,
    "recall_macro": _macro(_recall),
    "recall_micro": _accuracy,
}
