"""Source as `ruff format` lays it out. That it is, ruff itself says in test_importing.py."""

from __future__ import annotations

import ast

import pytest

from dagwright.importing.layout import Item, call, followed, lines_of, quoted, row, table


@pytest.mark.parametrize("text", ["", '"', "'", "\"'", "''\"", "\\", "\n\t\x00", "ü", "\u202e", "\U0001f600", "a\\'b"])
def test_a_literal_is_its_text(text: str) -> None:
    assert ast.literal_eval(quoted(text)) == text


def test_a_literal_has_double_quotes_unless_single_ones_save_escapes() -> None:
    assert quoted("it's") == '"it\'s"'
    assert quoted('say "a"') == "'say \"a\"'"
    assert quoted("'\"") == '"\'\\""'


def test_what_looks_like_something_else_is_an_escape() -> None:
    assert quoted("\u0430 \u2013 \u202e") == '"\\u0430 \\u2013 \\u202e"'
    assert quoted("Größe 名") == '"Größe 名"'


def test_what_fits_stays_on_a_line() -> None:
    assert list(lines_of(call("f", "1", a=row(["x", "y"]), b=None), "z = ")) == ["z = f(1, a=[x, y])"]


def test_what_does_not_fit_is_opened() -> None:
    long, shorter = quoted("x" * 110), quoted("x" * 106)
    assert list(lines_of(call("f", long, "1"), "value = ")) == ["value = f(", f"    {long}, 1", ")"]
    assert list(lines_of(table([("a", shorter), ("b", "1")]))) == ["{", f'    "a": {shorter},', '    "b": 1,', "}"]


@pytest.mark.parametrize(
    "text", ["word " * 80, "s3://" + "part/" * 60, "x" * 500, "'\" \\ " * 50, "\n" * 200, "名 " * 90]
)
def test_a_text_that_is_too_long_is_cut(text: str) -> None:
    lines = list(lines_of(quoted(text), "a = ", indent=4))
    assert all(len(line) <= 120 for line in lines)
    made = ast.parse("\n".join(line[4:] for line in lines)).body[0]
    assert isinstance(made, ast.Assign)
    assert ast.literal_eval(made.value) == text


def test_a_comment_stands_above_its_item() -> None:
    group = call("f")
    commented = type(group)(group.opening, (Item("1", "a=", "why"),), group.closing)
    assert list(lines_of(commented)) == ["f(", "    # why", "    a=1,", ")"]


def test_what_follows_stands_behind_the_bracket() -> None:
    assert list(lines_of(followed(call("f", "1"), ".g()"))) == ["f(1).g()"]
    assert followed("x", ".g()") == "x.g()"
