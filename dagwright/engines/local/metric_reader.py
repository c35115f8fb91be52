"""Finds metrics in logs. A process of its own, because an expression may take longer than anybody waits.

It is run by its path with `python -I -S` and imports the standard library only. What comes in, as JSON on standard
input: {"expressions": [[name, expression], …], "logs": [path, …], "seconds": how long each expression may take,
"series": whether all numbers are asked for}. What goes out, as JSON on standard output: {"values": the last number each
metric had, "series": all it had, "infinite": the last value that was none, by metric, "slow": the metrics given up}.
"""

from __future__ import annotations

import json
import math
import re
import signal
import sys
import time
from collections.abc import Iterable, Iterator

LINE_CHARACTERS = 1 << 16
BLOCK_CHARACTERS = 1 << 20
LONGEST_SERIES = 20_000  # of epochs, as many as the service looks at
NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
NO_NUMBER = re.compile(r"[+-]?(?:nan|inf|infinity)", re.IGNORECASE)


class TookTooLongError(Exception):
    """Raised by the clock in the middle of an expression."""


class Metric:
    """One metric: its expression, what it has found, how long it may still take."""

    def __init__(self, name: str, expression: str, seconds: float) -> None:
        self.name = name
        self.pattern = re.compile(expression)
        self.left = seconds
        self.value: float | None = None
        self.series: list[float] = []
        self.infinite = ""

    def read(self, lines: list[str]) -> None:
        """Look for it; raises TookTooLongError when its time is up."""
        began = time.monotonic()
        signal.setitimer(signal.ITIMER_REAL, self.left)
        try:
            for line in lines:
                for match in self.pattern.finditer(line):
                    self.keep(match.group(1) if match.re.groups else match.group())
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        self.left -= time.monotonic() - began
        if self.left <= 0:
            raise TookTooLongError

    def keep(self, text: str | None) -> None:
        """Anything but a plain decimal number is passed over: SageMaker publishes nothing either."""
        text = (text or "").strip()
        value = float(text) if NUMBER.fullmatch(text) else math.nan
        if math.isfinite(value):
            self.value = value
            if len(self.series) < LONGEST_SERIES:
                self.series.append(value)
        elif NUMBER.fullmatch(text) or NO_NUMBER.fullmatch(text):
            self.infinite = text[:40]


def ring(*_: object) -> None:
    raise TookTooLongError


def blocks(logs: Iterable[str]) -> Iterator[list[str]]:
    """The lines of all logs, some at a time."""
    lines, size = [], 0
    for line in (line for log in logs for line in lines_of(log)):
        lines.append(line)
        size += len(line)
        if size >= BLOCK_CHARACTERS:
            yield lines
            lines, size = [], 0
    yield lines


def lines_of(log: str) -> Iterator[str]:
    """Each line of a log, the beginning of a very long one: a log without a line's end must not fill the memory."""
    with open(log, encoding="utf-8", errors="replace") as file:
        while line := file.readline(LINE_CHARACTERS):
            yield line
            while len(line) == LINE_CHARACTERS and line[-1] != "\n":
                line = file.readline(LINE_CHARACTERS)


def main() -> None:
    request = json.load(sys.stdin)
    signal.signal(signal.SIGALRM, ring)
    metrics = [Metric(name, expression, request["seconds"]) for name, expression in request["expressions"]]
    slow: list[Metric] = []
    for lines in blocks(request["logs"]):
        for metric in [metric for metric in metrics if metric not in slow]:
            try:
                metric.read(lines)
            except TookTooLongError:
                slow.append(metric)
    values = {metric.name: metric.value for metric in metrics if metric.value is not None}
    infinite = {metric.name: metric.infinite for metric in metrics if metric.infinite}
    series = {metric.name: metric.series for metric in metrics} if request.get("series") else {}
    answer = {"values": values, "series": series, "infinite": infinite, "slow": [metric.name for metric in slow]}
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
