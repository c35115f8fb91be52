"""A definition to a pipeline module in our vocabulary: JSON comes in, Python that emits the very same JSON goes out.

The definition is read by the one reader. Each statement is made while it is written, and what it emits is compared:
what a class would say otherwise goes into its `overrides` and `members`, what no class can say into a `VerbatimStep`.
"""

from __future__ import annotations

from dagwright.importing.comparison import differences, round_trips
from dagwright.importing.module import Imported, imported

__all__ = ["Imported", "differences", "imported", "round_trips"]
