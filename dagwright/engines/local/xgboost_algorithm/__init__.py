"""The program of the built-in XGBoost algorithm: it runs inside a training job that names no program of its own.

What comes in: the files that a SageMaker container would find, below one folder. What goes out: a model, metric lines,
checkpoints, or the sentence in `output/failure`. It needs xgboost, and imports nothing of the project but itself: its
files are copied into the job, where they keep their names. Its contract is that of the developer guide's pages on
XGBoost and of the published container (aws/sagemaker-xgboost-container). Python 3.8 or newer.
"""

from __future__ import annotations

import re


class CustomerError(Exception):
    """What who started the job can put right: hyperparameters, channels, data."""


def refusal(error: Exception) -> CustomerError:
    """What XGBoost does not take, without the place in the library's source, and without its stack."""
    text = re.sub(r"\[[0-9:]+\] \S+:[0-9]+: ", "", str(error).partition("Stack trace:")[0])
    return CustomerError(f"XGBoost refuses: {' '.join(text.split())}")
