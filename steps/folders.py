"""Where a processing job finds its inputs and leaves its outputs, and how its script is told.

The scripts have these folders as defaults. Said in the arguments as well, they are also found where a local run cannot
give a job an /opt/ml of its own.
"""

from __future__ import annotations

from collections.abc import Mapping


def input_folders(*names: str) -> dict[str, str]:
    """The folder of each input by its name."""
    return {name: f"/opt/ml/processing/input/{name}" for name in names}


def output_folders(*names: str) -> dict[str, str]:
    """The folder of each output by its name."""
    return {name: f"/opt/ml/processing/output/{name}" for name in names}


def folder_arguments(folders: Mapping[str, str], suffix: str = "") -> list[str]:
    """`--train /opt/ml/…` for each folder; with a suffix `--train-output /opt/ml/…`."""
    return [word for name, folder in folders.items() for word in (f"--{name}{suffix}", folder)]
