"""Python names for what a definition calls its own way: `Train-Model 2` is `train_model_2`.

Names are made, not copied: letters, digits and `_`, no word of Python's and none that is taken.
"""

from __future__ import annotations

import builtins
import keyword
import re

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_LONGEST = 48
_RESERVED = {*keyword.kwlist, *keyword.softkwlist, *dir(builtins), "project", "build", "l"}


class Names:
    """The names of one module; each is given once."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._next: dict[str, int] = {}

    def made(self, text: str, kind: str) -> str:
        """A name for what is called `text`; `kind` (step, parameter, report) is put behind one that is taken."""
        words = "_".join(_WORDS.findall(text)).lower()[:_LONGEST].strip("_")
        name = words if words[:1].isalpha() else f"{kind}_{words}".strip("_")
        if self._is_taken(name):
            name = self._numbered(f"{name}_{kind}")
        self._taken.add(name)
        return name

    def _numbered(self, base: str) -> str:
        name = base
        while self._is_taken(name):
            self._next[base] = self._next.get(base, 1) + 1
            name = f"{base}_{self._next[base]}"
        return name

    def _is_taken(self, name: str) -> bool:
        return name in _RESERVED or name in self._taken
