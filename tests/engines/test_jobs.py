"""Which job of this machine is meant."""

from __future__ import annotations

import pytest
from engines.place import Place

from dagwright.engines.local.jobs import LocalJobs
from dagwright.engines.local.scope import Account
from dagwright.errors import UsageError


def test_a_whole_name_is_that_job_even_if_others_begin_with_it(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dagwright.engines.local.engine.new_job_name", lambda _, step: step)
    place.run(*(place.processing(name, "pass") for name in ("a-1", "a-12")))
    jobs = LocalJobs(place.engine, Account())
    arn = jobs.find("a-12").arn
    assert arn.endswith(":processing-job/a-12")
    for words in ("a-1", arn.removesuffix("2")):
        assert jobs.find(words).name == "a-1"
    with pytest.raises(UsageError, match="is the beginning of several jobs"):
        jobs.find("a-")
