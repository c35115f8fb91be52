"""`python -m bench`: measures, and prints the table."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench import imports, machine, nesting, table
from bench.work import measure_all, works


def main(argv: Sequence[str] | None = None) -> int:
    """0 if everything ran; whether the goals are met is for the reader."""
    arguments = _parser().parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        if arguments.profile:
            print(imports.shown(folder / "imports"))
            return 0
        described = machine.described()
        todo = [work for work in works(folder) if arguments.only in work.name]
        results = measure_all(todo, arguments.rounds, lambda line: print(line, file=sys.stderr, flush=True))
    if arguments.json:
        print(json.dumps(table.as_json(described, results), indent=2))
    else:
        print(table.shown(described, results))
        if not arguments.only:
            print(f"\n{nesting.shown()}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description="What our work costs, beside its floor.")
    parser.add_argument("--json", action="store_true", help="every figure, as one JSON object")
    parser.add_argument("--only", default="", metavar="WORD", help="the works with this in their name")
    parser.add_argument("--profile", action="store_true", help="instead: where the start of `render` goes, by import")
    parser.add_argument("--rounds", type=_odd, default=5, metavar="N", help="runs of each work, an odd number (5)")
    return parser


def _odd(text: str) -> int:
    if not text.isdigit() or int(text) % 2 == 0:
        raise argparse.ArgumentTypeError(f"'{text}' is not an odd number of 1 or more")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
