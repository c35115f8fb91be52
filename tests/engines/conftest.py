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
def namespaces(refusal: str) -> str:
    """The value of `local.sandbox` that insists on sandboxes; skips the test where the machine refuses them."""
    if refusal:
        pytest.skip(f"this machine refuses sandboxes: {refusal}")
    return "namespaces"


@pytest.fixture(params=["namespaces", "paths"])
def each_way(request: pytest.FixtureRequest) -> str:
    """The values of `local.sandbox` one after the other: with sandboxes and without."""
    return request.getfixturevalue("namespaces") if request.param == "namespaces" else "paths"


@pytest.fixture
def place_with(tmp_path: Path, refusal: str) -> Iterator[Callable[..., Place]]:
    """Places with settings of their own: with sandboxes if the kernel allows them, unless told otherwise."""
    places = []

    def make(folder: Path = tmp_path, sandbox: str = "paths" if refusal else "namespaces", **settings: Any) -> Place:
        places.append(Place(folder, sandbox, **settings))
        return places[-1]

    yield make
    for place in places:
        place.engine.close()


@pytest.fixture
def place(place_with: Callable[..., Place]) -> Place:
    """A place as it is on this machine: with sandboxes if the kernel allows them."""
    return place_with()


@pytest.fixture
def sandboxed(place_with: Callable[..., Place], namespaces: str) -> Place:
    """A place with sandboxes."""
    return place_with(sandbox=namespaces)


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
