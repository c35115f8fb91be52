"""Runs inside a job: python -m dagwright.engines.local.xgboost_algorithm ROOT FORM IMAGE [CHECKPOINTS]

ROOT is `/opt/ml`, FORM that of the model's file, IMAGE whose algorithm this is, CHECKPOINTS a folder.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from typing import Any

from dagwright.engines.local.xgboost_algorithm import CustomerError
from dagwright.engines.local.xgboost_algorithm.settings import read_settings


def run(root: str, form: str, image: str, checkpoints: str = "") -> None:
    """Raises CustomerError."""
    settings = read_settings(_config(root, "hyperparameters"), _config(root, "inputdataconfig"))
    if settings.problems:
        raise CustomerError("; ".join(settings.problems))
    try:
        import xgboost

        from dagwright.engines.local.xgboost_algorithm.training import Training, train
    except ImportError as error:
        raise CustomerError(f"the Python of the image cannot train: {error}") from error
    print(f"xgboost {xgboost.__version__} does the training of {image}", flush=True)  # noqa: T201
    for note in settings.notes:
        print(note, flush=True)  # noqa: T201
    resources = _config(root, "resourceconfig")
    data, model = os.path.join(root, "input", "data"), os.path.join(root, "model")
    hosts, host = resources["hosts"], resources["current_host"]
    train(Training(settings, data, model, checkpoints, os.getcwd(), form, hosts, host))


def _config(root: str, name: str) -> dict[str, Any]:
    with open(os.path.join(root, "input", "config", f"{name}.json"), encoding="utf-8") as file:
        content: dict[str, Any] = json.load(file)
    return content


def main(words: list[str]) -> int:
    try:
        run(*words)
    except CustomerError as error:
        said = f"ClientError: {error}"
    except Exception as error:  # as the service: its own failure is told apart from the customer's
        traceback.print_exc()
        said = f"{type(error).__name__}: {error}"
    else:
        return 0
    print(said, file=sys.stderr, flush=True)  # noqa: T201
    with open(os.path.join(words[0], "output", "failure"), "w", encoding="utf-8") as file:
        file.write(said)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
