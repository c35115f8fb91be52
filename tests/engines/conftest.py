from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from engines.place import Meeting, Place

from dagwright.engines.local.launcher import Launcher


@pytest.fixture(scope="session")
def refusal(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Why this machine refuses sandboxes; empty if it does not."""
    with Launcher(tmp_path_factory.mktemp("probe")) as launcher:
        return launcher.refusal()


@pytest.fixture
def place_with(tmp_path: Path) -> Iterator[Callable[..., Place]]:
    """Places with settings of their own."""
    places = []

    def make(folder: Path = tmp_path, **settings: Any) -> Place:
        places.append(Place(folder, **settings))
        return places[-1]

    yield make
    for place in places:
        place.engine.close()


@pytest.fixture
def place(place_with: Callable[..., Place], refusal: str) -> Place:
    """A place as it is on this machine: with sandboxes if the kernel allows them."""
    return place_with(sandbox="paths" if refusal else "namespaces")


@pytest.fixture
def sandboxed(place_with: Callable[..., Place], refusal: str) -> Place:
    """A place with sandboxes."""
    if refusal:
        pytest.skip(f"this machine refuses sandboxes: {refusal}")
    return place_with(sandbox="namespaces")


@pytest.fixture
def plain(place_with: Callable[..., Place]) -> Place:
    """A place without sandboxes."""
    return place_with(sandbox="paths")


@pytest.fixture
def meeting() -> Iterator[Callable[[int], Meeting]]:
    meetings = []

    def make(expected: int) -> Meeting:
        meetings.append(Meeting(expected))
        return meetings[-1]

    yield make
    for each in meetings:
        each.close()
