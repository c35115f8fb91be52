"""The model of the built-in XGBoost as a file, in the form that the image's version has.

What comes in: a booster. What goes out: a file that is there whole or not at all.
"""

from __future__ import annotations

import os
import pickle
import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import xgboost

MODEL = "xgboost-model"
PICKLED, NATIVE = "pickled", "native"
"""Images before 1.3 pickle the booster, later ones call its `save_model`."""


def write_model(booster: xgboost.Booster, path: str, form: str, scratch: str) -> None:
    """`scratch` is a folder of the same file system."""
    aside = os.path.join(scratch, os.path.basename(path))
    if form == PICKLED:
        with open(aside, "wb") as file:
            pickle.dump(booster, file)
    else:
        with warnings.catch_warnings():  # that the name, which is the algorithm's, tells no format
            warnings.simplefilter("ignore")
            booster.save_model(aside)
    os.replace(aside, path)
