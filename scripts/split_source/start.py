"""The same split as a source folder starts it: split.py beside this file, and a library that requirements.txt brings.

In and out: as in split.py. On standard output: the report as a table.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

from split import main, read_arguments
from tabulate import tabulate


def show(words: Sequence[str] | None = None) -> str:
    """The report of the run with these words, for people."""
    report = json.loads((read_arguments(words).report / "report.json").read_text(encoding="utf-8"))
    rows = [(name, split["rows"], split["sha256"][:12]) for name, split in report["splits"].items()]
    return tabulate(rows, headers=("split", "rows", "sha256"), tablefmt="github")


if __name__ == "__main__":
    code = main()
    if code == 0:
        print(show(), flush=True)
    sys.exit(code)
