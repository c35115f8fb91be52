"""`--limit` and `--max-parallel` on the command line."""

from __future__ import annotations

import pytest

from dagwright.cli.limits import read_limits
from dagwright.errors import UsageError
from dagwright.project import LimitRule


def test_a_limit_is_a_row_before_those_of_the_configuration() -> None:
    assert read_limits(["Train=memory_mib:2048,processors:1.5", "p/E*=processors:2"]) == (
        LimitRule("Train", 2048, 1.5, "--limit"),
        LimitRule("p/E*", None, 2.0, "--limit"),
    )


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("Train", "it has another form"),
        ("=memory_mib:2048", "it has another form"),
        ("Train=memory_mib", "it has another form"),
        ("Train=memory:2048", "there is no limit 'memory'"),
        ("Train=memory_mib:64,memory_mib:65", "'memory_mib' is given twice"),
        ("Train=memory_mib:1.5", "'1.5' is not a whole number of MiB from 16"),
        ("Train=memory_mib:15", "'15' is not a whole number"),
        ("Train=processors:0", "'0' is not a number of processors from 0.1"),
        ("Train=processors:inf", "'inf' is not a number"),
        ("Train=processors:99999999", "'99999999' is not a number"),
    ],
)
def test_what_is_no_limit_is_refused(value: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        read_limits([value])
