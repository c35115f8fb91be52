"""The command line of this project: `python deploy.py --help`."""

import os
import sys
from importlib.machinery import PathFinder

HERE = os.path.dirname(os.path.abspath(__file__))
OWN_PYTHON = os.path.join(HERE, ".venv", "bin", "python")

if sys.version_info < (3, 10) or not all(PathFinder.find_spec(name) for name in ("yaml", "rich", "boto3")):
    # A Python that cannot run the project: the one that `make setup` made can.
    if os.path.exists(OWN_PYTHON) and os.path.realpath(sys.prefix) != os.path.realpath(os.path.join(HERE, ".venv")):
        os.execv(OWN_PYTHON, [OWN_PYTHON, *sys.argv])  # noqa: S606 - no shell is wanted
    sys.exit("deploy.py needs Python 3.10 or newer with this project's packages. Run `make setup` once.")

from pathlib import Path  # noqa: E402 - an older Python has been dealt with

from dagwright.cli import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main(root=Path(HERE)))
