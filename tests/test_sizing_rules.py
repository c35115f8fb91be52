"""The rules that the configuration gives: the two tables, and own ones."""

from __future__ import annotations

from pathlib import Path

import pytest
from pages import page, snippets
from test_project import BASE, load, problems_of, short

from dagwright.errors import ConfigurationError
from dagwright.sizing import RULES, Row, Rule


def test_the_two_tables_are_there_without_a_word(tmp_path: Path) -> None:
    assert dict(load(tmp_path, BASE).sizing) == dict(RULES)


def test_own_rules_stand_beside_the_tables_or_in_their_place(tmp_path: Path) -> None:
    text = """\
sizing:
  nightly:
    - { below_gb: 50, instance_type: ml.m5.2xlarge, volume_size_in_gb: 60 }
    - { instance_type: ml.m5.4xlarge, instance_count: 8, spark: true }
  economy: [{ instance_type: ml.t3.large }]
dev:
  sizing: { economy: null, nightly: [{ instance_type: ml.t3.medium, below_gb: null }] }
"""
    base, dev = load(tmp_path, BASE + text), load(tmp_path, BASE + text, "dev")
    assert base.sizing_rule("nightly") == Rule(
        "nightly", (Row("ml.m5.2xlarge", 50, 1, 60), Row("ml.m5.4xlarge", None, 8, 30, spark=True))
    )
    assert base.sizing_rule("economy") == Rule("economy", (Row("ml.t3.large"),))
    assert base.sizing_rule("standard") == RULES["standard"]
    assert dev.sizing_rule("economy") == RULES["economy"]
    assert dev.sizing_rule("nightly") == Rule("nightly", (Row("ml.t3.medium"),))
    with pytest.raises(ConfigurationError, match=r"no rule 'econmy' in local \(did you mean 'economy'"):
        base.sizing_rule("econmy")


def test_rows_that_no_input_comes_to_are_errors_at_their_lines(tmp_path: Path) -> None:
    text = """\
sizing:
  down:
    - { below_gb: 10, instance_type: ml.m5.large }
    - { below_gb: 10, instance_type: ml.m5.xlarge }
  never:
    - instance_type: ml.m5.large
    - below_gb: 10
      instance_type: ml.m5.xlarge
"""
    found = problems_of(tmp_path, BASE + text)
    assert [short(problem) for problem in found] == [
        ("bad-value", 9, "sizing.down[1]"),
        ("bad-value", 12, "sizing.never[1]"),
    ]
    assert "below_gb is 10 after 10 in the row before" in found[0].what
    assert "the row before holds any input" in found[1].what


def test_rows_that_are_wrong_in_themselves_are_errors_at_their_lines(tmp_path: Path) -> None:
    text = """\
sizing:
  empty: []
  text: ml.m5.large
  rows:
    - { below_gb: 0.5, instance_type: m5.large }
    - { below_gb: 10, instance_typ: ml.m5.large, spark: 1 }
    -
"""
    assert [short(problem) for problem in problems_of(tmp_path, BASE + text)] == [
        ("bad-value", 7, "sizing.empty"),
        ("wrong-type", 8, "sizing.text"),
        ("wrong-type", 10, "sizing.rows[0].below_gb"),
        ("bad-value", 10, "sizing.rows[0].instance_type"),
        ("unknown-key", 11, "sizing.rows[1].instance_typ"),
        ("missing-key", 11, "sizing.rows[1].instance_type"),
        ("wrong-type", 11, "sizing.rows[1].spark"),
        ("wrong-type", 12, "sizing.rows[2]"),
    ]


def test_the_page_shows_the_tables_as_they_are_and_rules_that_can_be_read(tmp_path: Path) -> None:
    table = page("sizing").partition("| `standard`: input")[2].partition("\n\n")[0]
    for rule in RULES.values():
        for row in rule.rows:
            limit = f"below {row.below_gb:,} GB" if row.below_gb else "from there on, Spark steps only"
            count = f"{row.instance_count} × " if row.instance_count > 1 else ""  # noqa: RUF001
            volume = f", {row.volume_size_in_gb} GB" if rule.name == "economy" else ""
            assert f"| {limit} | {count}{row.instance_type}{volume} |" in table
    (snippet,) = snippets("sizing", "yaml")
    assert [row.below_gb for row in load(tmp_path, BASE + snippet).sizing_rule("nightly").rows] == [50, 2000, None]
