"""docs/doctor.md has every check, with the permissions that it asks for."""

from __future__ import annotations

import re

from pages import page

from dagwright.doctor.checks import CREDENTIALS, OFFLINE, ON_AWS, machine_checks


def test_the_page_has_every_check_and_its_permissions() -> None:
    rows = [line.strip("| ").split(" | ") for line in page("doctor").splitlines() if line.startswith("| `")]
    told = {name: set(re.findall("`([a-z0-9]+:[A-Za-z]+)`", row[-1])) for row in rows for name in _names(row[0])}
    checks = {check.code: {*check.permissions} for check in (*OFFLINE, CREDENTIALS, *ON_AWS, *machine_checks())}
    assert {name: told.get(name) for name in checks} == checks
    assert told.keys() - checks.keys() == {"ok", "warning", "problem", "not seen"}


def _names(cell: str) -> list[str]:
    return re.findall("`([^`]+)`", cell)
