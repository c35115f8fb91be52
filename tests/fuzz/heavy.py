"""Inputs that are large, deep or multiply: what reading each costs. `PYTHONPATH=.:tests python -m fuzz.heavy [WORD]`.

What comes in: nothing, or a word that the cases shall have in their names. What goes out: a table: the size of the
input, seconds of processor time, MiB above what the process has anyway, and what it ended with. Each is read in a
process of its own that may take `MOST_SECONDS` and `MOST_MIB`; it is killed where it wants more.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import tarfile
import zlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

from fuzz.targets import TARGETS

from dagwright.errors import DagwrightError

#: What no input may take, however it is made: generous, since machines differ; far below where one runs away.
MOST_SECONDS, MOST_MIB = 60, {"imported": 2048}  # a module is parsed by Python's own parser
_MOST_OF_OTHERS = 512
_DEEP = 10_000
_LONGEST_LINE = 20_000


class Case(NamedTuple):
    """What is read by which target; `content` makes it, as some are large."""

    target: str
    name: str
    content: Callable[[], bytes]


class Cost(NamedTuple):
    """`outcome` is `read`, the name of our exception, or what it came to that it must not."""

    seconds: float
    mib: float
    outcome: str

    @property
    def is_bounded(self) -> bool:
        return self.outcome.isalpha()


def cost_of(target: str, content: bytes) -> Cost:
    """What reading it took, in a child of this process that is killed at the limits."""
    read, write = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.close(read)
            os.write(write, _asked(target, content).encode())
        finally:
            os._exit(0)
    os.close(write)
    with open(read, encoding="utf-8") as pipe:
        said = pipe.read()
    _, status, used = os.wait4(child, 0)
    outcome, _, mib = said.partition("|")
    if not said:
        outcome = f"killed by {signal.Signals(status & 0x7F).name}" if status & 0x7F else f"exit {status >> 8}"
    return Cost(used.ru_utime + used.ru_stime, float(mib or 0), outcome)


def _asked(target: str, content: bytes) -> str:
    resource.setrlimit(resource.RLIMIT_CPU, (MOST_SECONDS, MOST_SECONDS))
    before = _mib("VmSize")
    most = int(before + MOST_MIB.get(target, _MOST_OF_OTHERS)) << 20
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 30, 1 << 30))
    try:
        TARGETS[target](content)
        outcome = "read"
    except DagwrightError as error:
        longest = max(map(len, str(error).splitlines()), default=0)
        outcome = type(error).__name__ if longest <= _LONGEST_LINE else f"!a line of {longest:,} characters"
    except BaseException as error:
        outcome = f"!{type(error).__name__}: {error}"[:200]
    return f"{outcome}|{_mib('VmPeak') - before:.0f}"


def _mib(name: str) -> float:
    with open("/proc/self/status", encoding="ascii") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith(f"{name}:"))


def _text(value: object) -> bytes:
    return json.dumps(value).encode()


def _steps(*steps: object, **more: object) -> bytes:
    return _text({"Version": "2020-12-01", "Steps": [*steps], **more})


def _nested(opening: str, inner: str, closing: str, times: int = _DEEP) -> bytes:
    step = '{"Version":"2020-12-01","Steps":[{"Name":"A","Type":"Lambda","Arguments":{"x":%s}}]}'
    return (step % (opening * times + inner + closing * times)).encode()


def _branches(depth: int) -> bytes:
    start = '{"Name":"C%d","Type":"Condition","Arguments":{"Conditions":[],"ElseSteps":[],"IfSteps":['
    text = "".join(start % number for number in range(depth)) + "]}}" * depth
    return f'{{"Version":"2020-12-01","Steps":[{text}]}}'.encode()


def _in_a_row(count: int, every: int = 1) -> bytes:
    return _steps(
        *(
            {
                "Name": f"S{number}",
                "Type": "Processing",
                "DependsOn": [f"S{other}" for other in range(max(0, number - every), number)],
                "Arguments": {"Environment": {"A": {"Get": f"Steps.S{number - 1}.ProcessingJobArn"}} if number else {}},
            }
            for number in range(count)
        )
    )


def _cycles(count: int) -> bytes:
    names = [f"S{number}" for number in range(count)]
    return _steps(*({"Name": name, "Type": "Lambda", "DependsOn": [names[at - 1]]} for at, name in enumerate(names)))


def _member(name: str, size: int, kind: bytes) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.type = size, kind
    return info.tobuf(tarfile.GNU_FORMAT)


def _bomb(head: bytes, size: int) -> bytes:
    """A gzip of a head and so many noughts, made without holding them."""
    packer = zlib.compressobj(1, wbits=31)
    parts = [packer.compress(head)]
    noughts = bytes(1 << 20)
    parts += [packer.compress(noughts) for _ in range(size >> 20)]
    return b"".join([*parts, packer.flush()])


def _many_members(count: int) -> bytes:
    packer = zlib.compressobj(1, wbits=31)
    return packer.compress(_member("a", 0, tarfile.REGTYPE) * count) + packer.flush()


def _laughs(times: int) -> bytes:
    lines = ["a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, times)]
    return "\n".join(lines).encode()


def _definitions() -> Iterator[tuple[str, Callable[[], bytes]]]:
    big = "x" * (5 << 20)
    yield "one text of 5 MB", lambda: _steps({"Name": "A", "Type": "Lambda", "Arguments": {"x": big}})
    yield "a step's name of 5 MB", lambda: _steps({"Name": big, "Type": "Lambda", "Arguments": {}})
    yield "a key of 5 MB", lambda: _steps({"Name": "A", "Type": "Lambda", "Arguments": {big: 1}})
    yield "a reference of 5 MB", lambda: _steps({"Name": "A", "Type": "Lambda", "Arguments": {"x": {"Get": big}}})
    yield (
        "a path of 5 MB",
        lambda: _steps({"Name": "A", "Type": "Lambda", "Arguments": {"x": {"Get": f"Steps.A{'.b' * (5 << 19)}"}}}),
    )
    yield "a list of a million", lambda: _steps({"Name": "A", "Type": "Lambda", "Arguments": {"x": [0] * 1_000_000}})
    yield (
        "a Join of 100,000",
        lambda: _steps({"Name": "A", "Type": "Lambda", "Arguments": {"x": {"Std:Join": {"Values": ["a"] * 100_000}}}}),
    )
    yield "30,000 steps in a row, 5 MB", lambda: _in_a_row(30_000)
    yield "2,000 steps that wait for 50 each", lambda: _in_a_row(2_000, 50)
    yield "20,000 steps in a circle", lambda: _cycles(20_000)
    yield (
        "100,000 parameters",
        lambda: _steps(Parameters=[{"Name": f"P{number}", "Type": "String"} for number in range(100_000)]),
    )
    yield (
        "20,000 unknown names",
        lambda: _steps(*({"Name": f"S{n}", "Type": "Lambda", "DependsOn": [f"T{n}"]} for n in range(20_000))),
    )
    yield "20,000 steps of one name", lambda: _steps(*[{"Name": "A", "Type": "Lambda"}] * 20_000)
    yield "a number of a million digits", lambda: _nested("", "9" * 1_000_000, "", 1)
    yield "10,000 lists deep", lambda: _nested("[", "", "]")
    yield "10,000 objects deep", lambda: _nested('{"a":', "1", "}")
    yield "10,000 Joins deep", lambda: _nested('{"Std:Join":{"On":"","Values":[', '"a"', "]}}")
    yield "100 Joins deep", lambda: _nested('{"Std:Join":{"On":"","Values":[', '"a"', "]}}", 100)
    yield "10,000 branches deep", lambda: _branches(_DEEP)
    yield "80 branches deep", lambda: _branches(80)
    yield "a million brackets, not closed", lambda: b"[" * 1_000_000


def _configurations() -> Iterator[tuple[str, Callable[[], bytes]]]:
    yield "billion laughs", lambda: _laughs(10)
    yield "merges of merges", lambda: b"a: &a {x: 1}\n" + b"".join(b"b%d: {<<: [*a, *a]}\n" % n for n in range(9_999))
    yield "10,000 lists deep", lambda: b"a: " + b"[" * _DEEP + b"]" * _DEEP
    yield "10,000 mappings deep", lambda: b"{a: " * _DEEP + b"}" * _DEEP
    yield "1,000 blocks deep", lambda: b"".join(b" " * n + b"a:\n" for n in range(1_000))
    yield "1 MiB of keys", lambda: b"".join(b"k%d: 1\n" % n for n in range(80_000))
    yield "20,000 tags", lambda: b"tags:\n" + b"".join(b"  k%d: x\n" % n for n in range(19_000))
    yield "20,000 unknown keys", lambda: b"".join(b"k%d: x\n" % n for n in range(19_000))
    yield "1 MiB in one line", lambda: b"company: " + b"x" * (1_000_000)
    yield "1 MiB of quotes", lambda: b'company: "' + b"\\n" * 500_000 + b'"'
    yield "64 MiB", lambda: b"a: 1\n" * ((64 << 20) // 5)


def _archives() -> Iterator[tuple[str, Callable[[], bytes]]]:
    yield "100 TB in a header", lambda: _bomb(_member("a", 100 << 40, tarfile.REGTYPE), 1 << 20)
    yield "8 EB in a header", lambda: _bomb(_member("a", 1 << 62, tarfile.REGTYPE), 1 << 20)
    yield "1 GiB of noughts in 5 MB", lambda: _bomb(_member("a", 1 << 30, tarfile.REGTYPE), 1 << 30)
    yield "a name of 1 GiB", lambda: _bomb(_member("././@LongLink", 1 << 30, tarfile.GNUTYPE_LONGNAME), 1 << 30)
    yield "attributes of 1 GiB", lambda: _bomb(_member("pax", 1 << 30, tarfile.XHDTYPE), 1 << 30)
    yield "1 GiB of noughts and nothing else", lambda: _bomb(b"", 1 << 30)
    yield "250,000 empty files", lambda: _many_members(250_000)


def _dockerfiles() -> Iterator[tuple[str, Callable[[], bytes]]]:
    doubling = b"".join(b"ENV A%d=$A%d$A%d\n" % (n + 1, n, n) for n in range(60))
    yield "a variable doubled 60 times", lambda: b"FROM a\nENV A0=xxxxxxxx\n" + doubling + b'CMD ["x"]'
    yield (
        "a variable doubled 60 times, ARG",
        lambda: b"ARG A0=xxxxxxxx\n" + doubling.replace(b"ENV", b"ARG") + b"FROM a",
    )
    yield "100,000 COPYs", lambda: b"FROM a\n" + b"COPY a b\n" * 100_000 + b'CMD ["x"]'
    yield "70,000 ENVs", lambda: b"FROM a\n" + b"".join(b"ENV A%d=1\n" % n for n in range(70_000)) + b'CMD ["x"]'
    yield "100,000 RUNs", lambda: b"FROM a\n" + b"RUN x\n" * 100_000 + b'CMD ["x"]'
    yield "a line continued 300,000 times", lambda: b"FROM a\nRUN x" + b"\\\n y" * 250_000
    yield "a million quotes", lambda: b"FROM a\nENV A=" + b"\"'" * 500_000
    yield "a million backslashes", lambda: b"FROM a\nENV A=" + b"\\" * 1_000_000
    yield "a million $", lambda: b"FROM a\nENV A=" + b"${" * 500_000
    yield "a million blanks behind backslashes", lambda: b"FROM a\nRUN " + b"\\ " * 500_000 + b"x"
    yield "a million brackets", lambda: b"FROM a\nCMD " + b"[" * 1_000_000
    yield "a million flags", lambda: b"FROM a\nCOPY " + b"--link " * 140_000 + b"a b"
    yield "WORKDIRs one below another", lambda: b"FROM a\n" + b"WORKDIR a\n" * 100_000 + b'CMD ["x"]'


def _others() -> Iterator[Case]:
    yield Case("path", "a million brackets", lambda: b"a" + b"[" * 1_000_000)
    yield Case("path", "a million quotes", lambda: b"a" + b"['" * 500_000)
    yield Case("path", "a million backslashes", lambda: b"a['" + b"\\" * 1_000_000)
    yield Case("path", "a million blanks", lambda: b"a[" + b" " * 1_000_000)
    yield Case("address", "a key of 1 MB", lambda: b"s3://bucket/" + b"a" * 1_000_000)
    yield Case("address", "500,000 folders deep", lambda: b"s3://bucket/" + b"a/" * 500_000 + b"a")
    yield Case("address", "a bucket of 1 MB", lambda: b"s3://" + b"a" * 1_000_000)
    yield Case("address", "https, 1 MB of dots", lambda: b"https://" + b"a." * 500_000)
    yield Case("mapped", "100,000 equals signs", lambda: b"s3://bucket/" + b"=" * 100_000)
    yield Case("parameters", "100,000 words", lambda: b"\n".join(b"P%d=1" % n for n in range(100_000)))
    yield Case("parameters", "a million digits", lambda: b"Whole=" + b"9" * 1_000_000)
    yield Case("parameters", "a text of 16 MiB", lambda: b"Text=" + b"9" * (16 << 20))
    yield Case("stand_in", "64 MiB", lambda: b'{"a": "' + b"x" * (64 << 20) + b'"}')
    yield Case("stand_in", "a million brackets", lambda: b"[" * 1_000_000)
    yield Case("stand_in", "10,000 lists deep", lambda: b'{"a":' + b"[" * _DEEP + b"]" * _DEEP + b"}")
    yield Case("saved_plan", "a million brackets", lambda: b"[" * 1_000_000)
    yield Case("saved_plan", "a number of a million digits", lambda: b"9" * 1_000_000)
    yield Case("outputs", "a million brackets", lambda: b"[" * 1_000_000)
    yield Case("outputs", "100,000 members", lambda: _text({f"k{n}": 1 for n in range(60_000)}))
    yield Case("manifest", "a million brackets", lambda: b"[" * 1_000_000)
    yield Case("manifest", "500,000 names", lambda: _text([{"prefix": "s3://bucket/data/"}, *["a"] * 500_000]))
    yield Case("manifest", "300,000 lines", lambda: b'{"a":1,"b-ref":"s3://bucket/data/a"}\n' * 30_000)
    yield Case("dockerignore", "a million stars", lambda: b"*" * 1_000_000)
    yield Case("dockerignore", "stars and names", lambda: b"*a" * 30 + b"b")
    yield Case("dockerignore", "deep stars and names", lambda: b"**/a" * 30 + b"/b")
    yield Case("dockerignore", "100,000 patterns", lambda: b"".join(b"a%d*\n" % n for n in range(100_000)))
    yield Case("evaluation", "a million brackets", lambda: b"[" * 1_000_000)
    yield Case("evaluation", "10,000 objects deep", lambda: b'{"a":' * _DEEP + b'{"value":1}' + b"}" * _DEEP)
    yield Case("evaluation", "500 objects deep", lambda: b'{"a":' * 500 + b'{"value":1}' + b"}" * 500)
    yield Case("definition_file", "a million brackets", lambda: b'"StartAt" "States"' + b"[" * 1_000_000)
    yield Case("definition_file", "70 MiB", lambda: b" " * (70 << 20))
    yield Case("expression", "300 Nots deep", lambda: b'{"Type":"Not","Condition":' * 300 + b"1" + b"}" * 300)
    yield Case("expression", "300 Joins deep", lambda: b'{"Std:Join":{"Values":[' * 300 + b"1" + b"]}}" * 300)


def cases() -> list[Case]:
    """All of them, in order."""
    found = [Case(target, *one) for target in ("definition", "machine", "imported") for one in _definitions()]
    found += [Case("config", *one) for one in _configurations()]
    found += [Case("archive", *one) for one in _archives()]
    return [*found, *(Case("dockerfile", *one) for one in _dockerfiles()), *_others()]


def main(words: list[str]) -> int:
    """Print the table; 1 if something in it must not be."""
    everything = True
    print(f"{'target':<16}{'input':<40}{'bytes':>12}{'seconds':>9}{'MiB':>7}  outcome")
    for case in cases():
        if all(word in f"{case.target} {case.name}" for word in words):
            content = case.content()
            cost = cost_of(case.target, content)
            everything = everything and cost.is_bounded
            told = f"{len(content):>12,}{cost.seconds:>9.2f}{cost.mib:>7.0f}  {cost.outcome}"
            print(f"{case.target:<16}{case.name:<40}{told}", flush=True)
    return 0 if everything else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
