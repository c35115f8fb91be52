from __future__ import annotations

from typing import Any

import pytest

from dagwright.engines.local.serving.paths import Path, PathError

ROW = ["7", "0.5", "1", "yes"]
DOCUMENT = {"id": 7, "features": [1, 2, 3], "a": {"b": {"c d": 4}, "x": 5}, "many": [{"n": 1}, {"n": 2}]}


@pytest.mark.parametrize(
    ("path", "value", "selected"),
    [
        ("$", ROW, ROW),
        ("$[0]", ROW, "7"),
        ("$[-1]", ROW, "yes"),
        ("$[1:]", ROW, ["0.5", "1", "yes"]),
        ("$[:-1]", ROW, ["7", "0.5", "1"]),
        ("$[-2:]", ROW, ["1", "yes"]),
        ("$[:]", ROW, ROW),
        ("$[9:]", ROW, []),
        ("$[0,-1]", ROW, ["7", "yes"]),
        ("$[3, 0]", ROW, ["yes", "7"]),
        ("$[0,2:]", ROW, ["7", "1", "yes"]),
        ("$[*]", ROW, ROW),
        ("$.features", DOCUMENT, [1, 2, 3]),
        ("$.features[1:]", DOCUMENT, [2, 3]),
        ("$['features'][0]", DOCUMENT, 1),
        ('$["id"]', DOCUMENT, 7),
        ("$.a.b", DOCUMENT, {"c d": 4}),
        ("$.a.b['c d']", DOCUMENT, 4),
        ("$['id','features']", DOCUMENT, {"id": 7, "features": [1, 2, 3]}),
        ("$.a.['x', 'b']", DOCUMENT, {"x": 5, "b": {"c d": 4}}),
        ("$.a.*", DOCUMENT, [{"c d": 4}, 5]),
        ("$.many[*].n", DOCUMENT, [1, 2]),
        ("$.many[0:1].n", DOCUMENT, [1]),
    ],
)
def test_what_a_path_selects(path: str, value: Any, selected: Any) -> None:
    assert Path(path).select(value) == selected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "id",
        "$.",
        "$..id",
        "$[",
        "$[a]",
        "$[]",
        "$[1,]",
        "$[?(@.a)]",
        "$['a'",
        "$[0:2:1]",
        "$['a',1]",
        "$x",
        "$ [0]",
    ],
)
def test_what_is_no_path_is_refused(text: str) -> None:
    with pytest.raises(PathError):
        Path(text)


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("$[4]", ROW, "place 4 of 4"),
        ("$[-5]", ROW, "place -5 of 4"),
        ("$.score", DOCUMENT, "'score', which is not there"),
        ("$['id','score']", DOCUMENT, "'score', which is not there"),
        ("$.id.more", DOCUMENT, "in what is no object"),
        ("$[0]", DOCUMENT, "in what is no list"),
        ("$.id[*]", DOCUMENT, "in what is no list"),
    ],
)
def test_a_value_without_what_a_path_selects(path: str, value: Any, said: str) -> None:
    with pytest.raises(PathError, match=said):
        Path(path).select(value)


def test_what_can_be_known_of_a_path_before_there_is_a_value() -> None:
    assert Path("$").selects_all
    assert not Path("$[*]").selects_all
    assert Path("$[0]").is_of_lists
    assert Path("$[*]").is_of_lists
    assert not Path("$.a").is_of_lists
