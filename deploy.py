"""The command line of this project: `python deploy.py --help`."""

import sys
from pathlib import Path

from dagwright.cli import main

if __name__ == "__main__":
    sys.exit(main(root=Path(__file__).resolve().parent))
