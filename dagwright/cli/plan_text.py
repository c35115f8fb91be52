"""A plan as people read it: lines on a terminal, or a comment on a pull request.

In: a plan. Out: text in which `+` is added, `-` removed, `~` changed and `!` worth a second look.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from os.path import commonprefix
from typing import Any, NamedTuple

from dagwright.cli.text import shown
from dagwright.definition.diff import Change, StepChange
from dagwright.definition.diff_values import Expression
from dagwright.engines.aws.plan import Orphan, PipelinePlan, Plan, SchedulePlan

# GitHub's limit on the body of a comment is 65,536 characters; some room is left to whoever adds a line of their own.
LONGEST_COMMENT = 65_000
_LONGEST_VALUE = 160
_WIDEST_COLUMN = 72
_FOLDED_FROM = 60
_SIGNS = {"added": "+", "removed": "-", "changed": "~", "moved": "~", "code": "~"}
_SIGNS |= {"create": "+", "update": "~", "keep": "~", "disable": "!"}
_COLOURS = {"+": "green", "-": "red", "~": "yellow", "!": "bold magenta"}


class Line(NamedTuple):
    """A line: how deep it stands, its sign (or none), and its cells, which its neighbours' are aligned with."""

    depth: int
    sign: str
    cells: tuple[str, ...]


class Page(NamedTuple):
    """A plan as it is printed: where it is for, what it does line by line, and what that comes to."""

    title: str
    lines: list[Line]
    total: str


BLANK = Line(0, "", ("",))


def print_plan(plan: Plan) -> None:
    """The plan on standard output, in colours on a terminal."""
    print_page(page_of(plan))


def as_markdown(plan: Plan) -> str:
    """The plan as the body of a comment on GitHub."""
    return page_as_markdown(page_of(plan))


def print_page(page: Page) -> None:
    """A plan, whatever it is of, on standard output, in colours on a terminal."""
    between = [BLANK, *page.lines, BLANK] if page.lines else [BLANK]
    lines = [Line(0, "", (page.title,)), *between, Line(0, "", (page.total,))]
    texts = ["    " * line.depth + f"{line.sign} {text}".strip() for line, text in _aligned(lines)]
    if not sys.stdout.isatty():
        print("\n".join(texts))
        return
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False)
    for line, text in zip(lines, texts, strict=True):
        console.print(Text(text, style=_COLOURS.get(line.sign, "")), soft_wrap=True)


def page_as_markdown(page: Page) -> str:
    """A plan as the body of a comment on GitHub, which colours a line by its first column."""
    signs = {"~": "!", "": " "}
    texts = [
        f"{signs.get(line.sign, line.sign)} {'    ' * line.depth}{text}".rstrip() for line, text in _aligned(page.lines)
    ]
    fence = "`" * max([3, *(len(run) + 1 for text in texts for run in re.findall("`+", text))])
    head = f"**{page.title}**: {page.total}\n\n"
    before, after = ("<details><summary>changes</summary>\n\n", "\n</details>\n")
    if len(texts) < _FOLDED_FROM:
        before = after = ""
    room = LONGEST_COMMENT - len(head + before + after) - 2 * len(fence) - 100
    kept = 0
    while kept < len(texts) and len(texts[kept]) < room:
        room -= len(texts[kept]) + 1
        kept += 1
    if kept < len(texts):
        texts[kept:] = [f"! and {len(texts) - kept} more lines: see `plan` itself"]
    return f"{head}{before}{fence}diff\n" + "\n".join(texts) + f"\n{fence}\n{after}"


def page_of(plan: Plan) -> Page:
    """The plan as a page: a block of lines for each pipeline, and for what is there besides."""
    place = plan.destination
    engine = "" if place.engine == "sagemaker" else ", state machines of Step Functions"
    blocks = [[*_pipeline_lines(one)] for one in plan.pipelines]
    if plan.new_group:
        blocks.append([Line(0, "+", (f"schedule group {plan.new_group}",))])
    if plan.orphans:
        doomed = [line for orphan in plan.orphans for line in _orphan_lines(orphan)]
        blocks.append([Line(0, "", ("not defined any more; upsert --prune deletes it:",)), *doomed])
    lines = [line for block in blocks for line in (BLANK, *block)]
    title = f"{place.owner.environment}: account {place.account_id}, {place.region}{engine}"
    return Page(title, lines[1:], _total(plan))


def _total(plan: Plan) -> str:
    words = {"create": "to create", "update": "to change", "keep": "unchanged"}
    kinds = ["update" if one.action == "keep" and one.has_changes else one.action for one in plan.pipelines]
    counts = [f"{kinds.count(kind)} {word}" for kind, word in words.items() if kind in kinds]
    if plan.orphans:
        counts.append(f"{len(plan.orphans)} to delete with --prune")
    return ", ".join(counts) if plan.has_changes or plan.orphans else "nothing to change"


def _pipeline_lines(plan: PipelinePlan) -> Iterator[Line]:
    sign, state = (_SIGNS[plan.action], "") if plan.has_changes else ("", "nothing to change")
    yield Line(0, sign, (plan.name, plan.deployed_name, state))
    if plan.belongs_to:
        yield Line(1, "!", (f"it belongs to {shown(plan.belongs_to)}: upsert refuses to touch it",))
    if plan.adopts:
        yield Line(1, "!", ("it is on AWS and nobody's: upsert takes it over only with --plan, a plan that you saved",))
    for step in plan.definition.steps:
        yield from _step_lines(step, plan)
    for change in (*plan.definition.fields, *plan.settings):
        yield _change_line(change, plan, 1)
    for change in plan.tags if plan.action != "create" else ():
        yield _change_line(change, plan, 1, "tag ")
    for schedule in plan.schedules:
        yield from _schedule_lines(schedule, plan)
    for missing in plan.code:
        yield Line(1, "+", (f"upload {missing.origin or missing.uri.rpartition('/')[2]}", missing.uri))
    for loss in plan.losses if plan.has_changes else ():
        yield Line(1, "!", (f"does not carry over: {shown(str(loss))}",))
    for note in plan.notes:
        yield Line(1, "!", (shown(note),))


def _step_lines(step: StepChange, plan: PipelinePlan) -> Iterator[Line]:
    where = f"in the {step.branch}" if step.branch and step.kind == "added" else ""
    yield Line(1, _SIGNS[step.kind], (f"step {shown(step.name)}", shown(step.type), shown(where)))
    for change in step.fields:
        yield _change_line(change, plan, 2)


def _schedule_lines(schedule: SchedulePlan, plan: PipelinePlan) -> Iterator[Line]:
    why = "no longer declared, so switched off; upsert --prune deletes it" if schedule.action == "disable" else ""
    yield Line(1, _SIGNS[schedule.action], (f"schedule {schedule.name}", shown(schedule.when), why))
    for change in schedule.fields:
        yield _change_line(change, plan, 2)


def _orphan_lines(orphan: Orphan) -> Iterator[Line]:
    yield Line(1, "-", (f"{orphan.kind} {orphan.name}",))
    for start in orphan.starts:
        yield Line(2, "!", (f"as long as it is there, it is started: {shown(start)}",))


def _change_line(change: Change, plan: PipelinePlan, depth: int, before: str = "") -> Line:
    sign = _SIGNS[change.kind]
    if change.kind == "code":
        origins = (one.origin for one in plan.code if one.uri in change.new)
        name = next(origins, "") or change.new.rpartition("/")[2].strip('"')
        old, new = change.hashes
        return Line(depth, sign, (f"code changed: {shown(name)}", f"{old} -> {new}"))
    if change.kind == "moved":
        return Line(depth, sign, ("moved", f"from the {shown(change.old)} to the {shown(change.new)}"))
    path = shown(f"{before}{change.path}")
    if change.old is None and change.new is None:
        return Line(depth, sign, (path,))
    if change.kind == "changed":
        return Line(depth, sign, (path, " -> ".join(_values(change.old, change.new))))
    return Line(depth, sign, (path, *_values(change.old if change.kind == "removed" else change.new)))


def _values(*values: Any) -> list[str]:
    """The values as texts that fit on a line."""
    return short_texts(
        shown(value if isinstance(value, Expression) else json.dumps(value, ensure_ascii=False)) for value in values
    )


def short_texts(values: Iterable[str]) -> list[str]:
    """Texts cut so that they fit on a line; of long ones that begin alike, what they begin with is left out."""
    texts = [*values]
    same = len(commonprefix(texts)) - 20  # noqa: RUF071 - characters are meant
    if len(texts) > 1 and same > 0 and max(map(len, texts)) > _LONGEST_VALUE:
        texts = [f"…{text[same:]}" for text in texts]
    return [text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}… ({len(text)})" for text in texts]


def _aligned(lines: Sequence[Line]) -> Iterator[tuple[Line, str]]:
    """Each line with its text. Cells of lines that follow each other at one depth stand in columns, unless too wide."""
    start = 0
    while start < len(lines):
        end = start + 1
        while end < len(lines) and lines[end].depth == lines[start].depth:
            end += 1
        widths: dict[int, int] = {}
        for line in lines[start:end]:
            for at, cell in enumerate(line.cells[:-1]):
                widths[at] = max(widths.get(at, 0), len(cell) if len(cell) <= _WIDEST_COLUMN else 0)
        for line in lines[start:end]:
            padded = [cell.ljust(widths[at]) for at, cell in enumerate(line.cells[:-1])]
            yield line, "  ".join([*padded, *line.cells[-1:]]).rstrip()
        start = end
