"""How an execution on this machine was begun, kept with its record: whoever goes on with it does it in the same way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from dagwright.definition.slices import Slice
from dagwright.engines.engine import Start

PIPELINES, STEP_FUNCTIONS, SINGLE_JOB = "pipelines", "stepfunctions", "job"
"""Who decides what runs next: the definition, the state machine it becomes, or nobody, as there is one step."""


@dataclass(frozen=True)
class Begun:
    """The words that an execution was begun with, as far as its definition and parameters do not tell them.

    `part` maps `first`, `last` and `only` to names of steps, `source` is the execution whose results it goes on from.
    """

    engine: str = PIPELINES
    runtime: str = ""
    libraries: str = ""
    words: str = ""
    part: Mapping[str, Any] = field(default_factory=dict)
    source: str = ""
    uses_cache: bool = True
    stand_ins: Mapping[str, str] = field(default_factory=dict)
    expected: tuple[str, ...] = ()

    @classmethod
    def read(cls, kept: Mapping[str, Any]) -> Begun:
        """What `as_json` has given, by this version or another."""
        return cls(**{one.name: kept[one.name] for one in fields(cls) if one.name in kept})

    @classmethod
    def of(cls, start: Start, engine: str, runtime: str, libraries: str) -> Begun:
        """How an engine begins with a start."""
        return cls(
            engine=engine,
            runtime=runtime,
            libraries=libraries,
            words=start.words or start.pipeline,
            part=asdict(start.part) if start.part else {},
            source=start.source,
            uses_cache=start.uses_cache,
            stand_ins=dict(start.stand_ins),
            expected=start.expected,
        )

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def slice(self) -> Slice:
        """The part of the pipeline that was meant; all of it if none was."""
        return Slice(**{name: tuple(steps) for name, steps in self.part.items()})
