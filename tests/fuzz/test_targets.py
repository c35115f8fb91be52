"""Everything that reads foreign text, asked with text that nobody expects: it returns, or raises our own.

A few inputs each, always the same, in `make test`; `FUZZ=2000` asks so many of each, other ones each time. What is kept
in `seeds/` is asked for ever.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from random import Random

import pytest
from fuzz.mutation import ODD, definitions, mutated
from fuzz.targets import TARGETS, ask, seeds_of
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

MANY = int(os.environ.get("FUZZ", "0"))
FUZZED = settings(
    max_examples=MANY or 15,
    derandomize=not MANY,
    database=None,
    deadline=None,
    suppress_health_check=[*HealthCheck],
)
SEEDS = sorted((name, path) for name in TARGETS for path in seeds_of(name).iterdir())
OF_DEFINITIONS = ("definition", "machine", "imported")
OF_JSON = ("expression", "stand_in", "saved_plan", "outputs", "manifest", "evaluation", "definition_file")

TEXT = st.text(st.characters(codec=None, exclude_categories=())) | st.sampled_from([str(odd) for odd in ODD])
NUMBERS = st.integers() | st.floats() | st.sampled_from([1 << 4000, -(1 << 64), 5e-324])
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT | st.sampled_from(ODD),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(TEXT, inner, max_size=4)
        | st.dictionaries(st.sampled_from(["Get", "Std:Join", "Std:JsonGet", "Type", "Values", "On", "Path"]), inner)
        | inner.map(lambda value: {"Std:Join": {"On": "/", "Values": [value, "x"]}})
        | inner.map(lambda value: {"Get": value})
    ),
    max_leaves=20,
)
CHANCE = st.integers(0, 1 << 32).map(Random)
LINES = st.lists(TEXT | st.sampled_from(["Text=", "Whole=1", "Real=1e5", "Truth=TRUE", "\udcff"]), max_size=4)
PIECES = st.sampled_from(
    ["s3://", "bucket", "/", "..", ".", "\0", "a", "*", "=", "https://", ".amazonaws.com", "%2e", "\\"]
)


@pytest.mark.parametrize(("name", "path"), SEEDS, ids=lambda value: getattr(value, "name", value))
def test_what_was_once_found_is_read_or_refused(name: str, path: Path) -> None:
    ask(name, path.read_bytes())


def test_every_target_has_seeds_and_all_of_them_are_small() -> None:
    assert {name for name, _ in SEEDS} == set(TARGETS)
    assert sum(path.stat().st_size for path in {path for _, path in SEEDS}) < 200_000


@pytest.mark.parametrize("name", OF_DEFINITIONS)
@FUZZED
@given(chance=CHANCE)
def test_a_real_definition_made_wrong(name: str, chance: Random) -> None:
    ask(name, json.dumps(mutated(chance.choice(definitions()), chance, 6)).encode())


@pytest.mark.parametrize("name", [*OF_DEFINITIONS, *OF_JSON])
@FUZZED
@given(value=JSON)
@example(value=float("nan"))
@example(value={"a": float("inf"), "\ud800": "\udfff"})
def test_any_json_and_what_python_takes_for_it(name: str, value: object) -> None:
    ask(name, json.dumps(value).encode())
    ask(name, json.dumps(value, ensure_ascii=False).encode(errors="surrogatepass"))
    ask(name, json.dumps({"Version": "2020-12-01", "Steps": [value, {"Name": "A", "Arguments": value}]}).encode())


@pytest.mark.parametrize("name", TARGETS)
@FUZZED
@given(content=st.binary() | TEXT.map(lambda text: text.encode(errors="surrogatepass")))
def test_any_bytes_and_any_text(name: str, content: bytes) -> None:
    ask(name, content)


@pytest.mark.parametrize("name", TARGETS)
@FUZZED
@given(chance=CHANCE)
def test_a_seed_with_pieces_of_others(name: str, chance: Random) -> None:
    """Cut, repeated and put together at any place."""
    one, other = (chance.choice(sorted(seeds_of(name).iterdir())).read_bytes() for _ in range(2))
    start, end = sorted(chance.randint(0, len(one)) for _ in range(2))
    cut = chance.randint(0, len(other))
    ask(name, one[:end] * chance.randint(1, 3) + other[cut : cut + 40] + one[start:])


@pytest.mark.parametrize("name", ["address", "mapped", "path"])
@FUZZED
@given(pieces=st.lists(PIECES | TEXT, max_size=8))
def test_addresses_of_pieces(name: str, pieces: list[str]) -> None:
    text = "".join(pieces)
    for whole in (text, f"s3://bucket/{text}", f"s3://bucket/{text}=data"):
        ask(name, whole.encode(errors="surrogatepass"))


@FUZZED
@given(lines=LINES)
def test_parameters_of_lines(lines: list[str]) -> None:
    ask("parameters", "\n".join(lines).encode(errors="surrogatepass"))


@FUZZED
@given(
    lines=st.lists(
        st.tuples(
            st.sampled_from(
                ["company", "sizes", "training", "-", "<<", "&a x", "*a", "tags", "local", "dev", "{", "!!x"]
            ),
            st.sampled_from([": ", ":", "", ": &a [", ": *a", ": {", ": |"]),
            TEXT,
            st.integers(0, 6),
        ),
        max_size=8,
    )
)
def test_configurations_of_lines(lines: list[tuple[str, str, str, int]]) -> None:
    text = "\n".join(f"{' ' * indent}{key}{sign}{value}" for key, sign, value, indent in lines)
    ask("config", text.encode(errors="surrogatepass"))
    whole = (Path(__file__).parents[2] / "config/project.yaml").read_text()
    ask("config", f"{whole}\n{text}".encode(errors="surrogatepass"))
