"""`doctor` in a world where all is well."""

from __future__ import annotations

from doctor.world import World


def test_a_healthy_world_is_ok(world: World) -> None:
    found = world()
    assert found.but_ok() == []
    assert found.code == 0
