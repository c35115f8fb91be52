"""`python -m dagwright.cli` is the command line too."""

import sys

from dagwright.cli import main

sys.exit(main())
