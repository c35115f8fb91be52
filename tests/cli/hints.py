"""The commands that a text suggests, each read as the command line would read it."""

from __future__ import annotations

import re
import shlex

from dagwright.cli.words import parser

# A command goes on to the end of its line, to the bracket or backtick that closes it, or to two blanks: a column.
_COMMAND = re.compile(r"(?<!usage: )deploy\.py ((?:(?!  )[^\n`)])+)")


def commands(text: str) -> list[list[str]]:
    """The words of every command in a text, without the program's name."""
    return [shlex.split(found) for found in _COMMAND.findall(text)]


def check_commands(text: str) -> list[list[str]]:
    """The same, none of which is wrong usage; a call for help ends the program, which is right too."""
    found = commands(text)
    for words in found:
        if "--help" not in words:
            parser().parse_args(words)
    return found
