"""The file of `--plan`: the words of the command line come in, its text goes out."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from dagwright.engines.local.store import storage_errors


def saved_text(arguments: Namespace) -> str | None:
    """What the file of `--plan` holds; None without one. Raises StorageError."""
    if arguments.plan is None:
        return None
    with storage_errors(f"{arguments.plan} cannot be read"):
        return Path(arguments.plan).read_text(encoding="utf-8", errors="replace")
