"""`run --check`: what a run on this machine would do with each step, the data it needs and the libraries it gets.

Nothing is started.
"""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import TYPE_CHECKING

from dagwright.cli import DONE, FAILED
from dagwright.cli.local import local_engine
from dagwright.cli.progress import Lines
from dagwright.cli.text import as_json, columns, shown

if TYPE_CHECKING:
    from dagwright.engines.engine import Start
    from dagwright.engines.execution import Observer
    from dagwright.engines.local.check import Checked, StepCheck
    from dagwright.engines.local.data_needed import Needed


_TOLD = [
    "  what its arguments and variables name a program may read: bring that with --map ADDRESS=PATH;",
    "  or write: then nothing has to be there",
]


def run_check(arguments: Namespace, start_of: Callable[[Namespace, Observer], Start]) -> int:
    """Print it; 1 if something keeps the pipeline from running, 0 otherwise."""
    with closing(local_engine(arguments)) as engine:
        observer = Lines(sys.stderr)
        checked = engine.check(start_of(arguments, observer), observer)
        print(as_json(_as_json(checked)) if arguments.json else _text(checked))
    return FAILED if checked.problems else DONE


def _text(checked: Checked) -> str:
    from dagwright.engines.local.data_needed import NAMED

    lines = [columns([["step", "type", "how"], *(_row(step) for step in checked.steps)])]
    data = [[step.step, one.name, _source(one), one.uri] for step in checked.steps for one in step.needed]
    if data:
        lines += ["", columns([["step", "input", "is", "address"], *data])]
        lines += ["", *_TOLD] if any(one.source == NAMED for step in checked.steps for one in step.needed) else []
    libraries = {image: name for step in checked.steps for image, name in step.libraries.items()}
    if libraries:
        lines += ["", columns([["image", "its jobs run in"], *([image, name] for image, name in libraries.items())])]
    if any(step.cache for step in checked.steps):
        asked = [[step.step, step.cache] for step in checked.steps if step.cache]
        lines += ["", columns([["step", "is going to be"], *asked])]
    if checked.problems:
        lines += ["", *_problems(checked)]
    count = len(checked.problems)
    found = f"{count} problem{'s' if count != 1 else ''} to solve first" if count else "it can run on this machine"
    return "\n".join([*lines, "", f"{checked.pipeline}: {found}; nothing was started"])


def _row(step: StepCheck) -> list[str]:
    return [step.step, step.type, f"{step.how} {step.stand_in}".rstrip()]


def _source(needed: Needed) -> str:
    return f"from {' and '.join(needed.steps)}" if needed.steps else needed.source


def _problems(checked: Checked) -> Iterator[str]:
    for problem in checked.problems:
        place = " ".join(part for part in (problem.step, problem.field) if part)
        yield f"  {shown(place)}: {shown(problem.what)}"
        if problem.hint:
            yield f"      {shown(problem.hint)}"


def _as_json(checked: Checked) -> dict[str, object]:
    steps = [
        {
            "StepName": step.step,
            "StepType": step.type,
            "how": step.how,
            **({"stand_in": step.stand_in} if step.stand_in else {}),
            "data": [
                {"name": one.name, "uri": one.uri, "source": one.source, **({"steps": one.steps} if one.steps else {})}
                for one in step.needed
            ],
            "libraries": dict(step.libraries),
            **({"cache": step.cache} if step.cache else {}),
        }
        for step in checked.steps
    ]
    return {"PipelineName": checked.pipeline, "steps": steps, "problems": [one.as_json() for one in checked.problems]}
