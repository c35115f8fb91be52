"""What a local run is told by the configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from dagwright.engines.local.environments import Rule
from dagwright.engines.local.limits import Rule as LimitRule


class Settings(Protocol):
    """The `local` section of the configuration."""

    @property
    def environments(self) -> tuple[Rule, ...]: ...
    @property
    def libraries(self) -> str: ...
    @property
    def lambdas(self) -> Mapping[str, str]: ...
    @property
    def callbacks(self) -> Mapping[str, str]: ...
    @property
    def stand_ins(self) -> Mapping[str, str]: ...
    @property
    def max_parallel(self) -> int | None: ...
    @property
    def limits(self) -> tuple[LimitRule, ...]: ...
    @property
    def sandbox(self) -> str: ...
    @property
    def stop_grace_seconds(self) -> int: ...
    @property
    def copy_below_mib(self) -> int: ...
