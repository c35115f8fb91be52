"""Fuzzing that follows coverage, outside CI: `python tests/fuzz/coverage_guided.py SECONDS [TARGET]…` (`make fuzz`).

What comes in: the targets of `targets.py`, and their seeds. What goes out: for each target how many inputs it was asked
and how far they led (libFuzzer's own words); each defect once, with an input beside it in `.dagwright/fuzz/`. What the
fuzzer found worth keeping stays there as well, so that the next time goes on from it. It needs atheris (Apache-2.0),
which is no dependency of ours: Python 3.11 or newer on Linux has wheels.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import traceback
from contextlib import suppress
from pathlib import Path
from random import Random

ROOT = Path(__file__).resolve().parents[2]
KEPT = ROOT / ".dagwright" / "fuzz"
_LONGEST = 16_384
_WORDS = (
    '{"Get": "', '"Std:Join"', '"Std:JsonGet"', '"Steps"', '"Parameters"', '"DependsOn"', '"Arguments"', '"Conditions"',
    '"Type": "Condition"', '"Type": "Processing"', '"Type": "Training"', '"IfSteps"', '"ElseSteps"', '"LeftValue"',
    '"PropertyFiles"', "Steps.", "Parameters.", "Execution.", "ForEach.", "s3://", "../", "1e999", "NaN", "\\ud800",
    '"Type": "Lambda"', '"RetryPolicies"', '"CacheConfig"', '"prefix"', "FROM ", "ENTRYPOINT [", "COPY ", "ENV ",
    "ARG ", "${", "<<: *", "&a ", "*a", "!!python/", "ustar",
)  # fmt: skip


def main(words: list[str]) -> int:
    """1 if a target has a defect."""
    from fuzz.targets import TARGETS

    seconds, names = int(words[0]), words[1:] or list(TARGETS)
    program = [sys.executable, __file__, "--one"]
    each = str(max(1, seconds // len(names)))
    return max(subprocess.run([*program, name, each], check=False).returncode != 0 for name in names)


def follow(name: str, seconds: int) -> None:
    """Ask one target for that long; ends the process."""
    import atheris

    with atheris.instrument_imports(include=["dagwright"]):
        from fuzz.targets import ask, seeds_of
    from fuzz.mutation import mutated

    corpus, found = KEPT / name, KEPT / "found"
    for folder in (corpus, found):
        folder.mkdir(parents=True, exist_ok=True)
    dictionary = KEPT / "words"
    dictionary.write_text("".join(f'"{_spelled(word)}"\n' for word in _WORDS))
    seen: set[str] = set()

    def one(content: bytes) -> None:
        try:
            ask(name, content)
        except Exception as error:  # every defect, not only the first
            frames = traceback.extract_tb(error.__traceback__)
            where = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}"
            kind = f"{type(error).__name__} at {where}"
            if kind not in seen:
                seen.add(kind)
                place = found / f"{name}-{hashlib.sha256(kind.encode()).hexdigest()[:8]}"
                place.write_bytes(content)
                print(f"DEFECT {name}: {kind}: {str(error)[:200]} ({place})", flush=True)

    def changed(content: bytes, longest: int, seed: int) -> bytes:
        """Half of what is JSON is changed as a tree."""
        if seed % 2:
            with suppress(ValueError, RecursionError):
                return json.dumps(mutated(json.loads(content), Random(seed))).encode()[:longest]
        return bytes(atheris.Mutate(content, longest))

    limits = [f"-max_total_time={seconds}", f"-max_len={_LONGEST}", "-timeout=20", "-rss_limit_mb=2048"]
    places = [str(corpus), str(seeds_of(name))]
    atheris.Setup(
        [name, *limits, f"-dict={dictionary}", "-print_final_stats=1", f"-artifact_prefix={found}/", *places],
        one,
        custom_mutator=changed,
    )
    atheris.Fuzz()


def _spelled(word: str) -> str:
    return "".join(char if char.isalnum() or char == " " else f"\\x{ord(char):02x}" for char in word)


if __name__ == "__main__":
    sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
    if sys.argv[1] == "--one":
        follow(sys.argv[2], int(sys.argv[3]))
    sys.exit(main(sys.argv[1:]))
