"""`images`: the addresses of the project's images, which images of AWS's there are, and a newer list of them."""

from __future__ import annotations

import os
import re
import sys
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagwright.cli import DONE, FAILED
from dagwright.cli.sources import project_of
from dagwright.cli.text import as_json, columns, shown
from dagwright.errors import ConfigurationError, StorageError, UsageError

if TYPE_CHECKING:
    from dagwright.images import Variant
    from dagwright.project import Project


def run(arguments: Namespace) -> int:
    """Print what was asked for, or write the table anew."""
    if arguments.out is not None and not arguments.refresh:
        raise UsageError("--out goes with --refresh", hint="It says where the new table is written.")
    if arguments.refresh and arguments.framework is not None:
        raise UsageError("--refresh and --framework do not go together", hint="Refresh first, then look.")
    if arguments.refresh:
        return _refresh(arguments)
    project = project_of(arguments)
    return _named(arguments, project) if arguments.framework is None else _framework(arguments, project)


def _named(arguments: Namespace, project: Project) -> int:
    """Each name with its address for the machines of `sizes`; what has none there says why."""
    listed: list[dict[str, str]] = []
    for name in project.images:
        try:
            listed.append({"name": name, "image": project.image(name)})
        except ConfigurationError as error:
            listed.append({"name": name, "problem": "; ".join(map(str, error.problems))})
    if arguments.json:
        print(as_json({"region": project.region, "images": listed}))
    else:
        rows = [[one["name"], one.get("image") or one["problem"]] for one in listed]
        print(columns(rows) or "There are no images here: name them below 'images' in config/project.yaml.")
    return FAILED if any("problem" in one for one in listed) else DONE


def _framework(arguments: Namespace, project: Project) -> int:
    """Every version of a framework that the project's Region has, the newest last."""
    from dagwright.images import by_number, nearest, table_of

    table = table_of(project.root)
    if arguments.framework not in table.frameworks:
        hint = nearest(arguments.framework, table.frameworks)
        raise UsageError(f"There are no images of a framework '{arguments.framework}'", hint=hint)
    every = table.variants(arguments.framework)
    uses = list(dict.fromkeys(one.use for one in every))
    variants = [one for one in every if project.region in one.registries]
    variants.sort(key=lambda one: (uses.index(one.use), by_number(one.version)))
    found: dict[tuple[str, str], list[Variant]] = {}
    for one in variants:
        found.setdefault((one.use, one.version), []).append(one)
    if arguments.json:
        images = [_as_json(use, version, group) for (use, version), group in found.items()]
        whole = {"framework": arguments.framework, "region": project.region, "sdk": table.sdk, "date": table.date}
        print(as_json({**whole, "images": images}))
        return DONE
    rows = [[use, version, *map(", ".join, _members(group))] for (use, version), group in found.items()]
    print(columns([["use", "version", "python", "processor"], *rows] if rows else []))
    print(shown(f"in {project.region}, as {table.sdk} knew it on {table.date}"), file=sys.stderr)
    return DONE


def _as_json(use: str, version: str, group: list[Variant]) -> dict[str, Any]:
    pythons, processors = _members(group)
    return {"use": use, "version": version, "pythons": pythons, "processors": processors}


def _members(group: list[Variant]) -> tuple[list[str], list[str]]:
    pythons = dict.fromkeys(one.python for one in group if one.python)
    return list(pythons), list(dict.fromkeys(one.processor for one in group))


def _refresh(arguments: Namespace) -> int:
    """Write the table of the SDK that this Python has; where only the day would be another, nothing is written."""
    from datetime import datetime

    from dagwright.cli.out import write_out
    from dagwright.image_source import installed_tables, table_text
    from dagwright.images import TABLE

    path = Path(arguments.root, "config", TABLE) if arguments.out is None else Path(arguments.out)
    old = _old_text(path, own=arguments.out is None)
    folder, sdk = installed_tables()
    text = table_text(folder, sdk, datetime.now().astimezone().date().isoformat())
    is_new = _without_day(old) != _without_day(text)
    if is_new:
        write_out(path, text.encode())
    if arguments.json:
        print(as_json({"table": str(path), "sdk": sdk, "written": is_new}))
    else:
        print(shown(f"{path} {'is written' if is_new else 'says this already'}: {sdk}"))
    return DONE


def _old_text(path: Path, *, own: bool) -> str:
    """What the new table would take the place of. Only the project's `own` may be broken: no other file is lost."""
    from dagwright.images import ImageTable, small_text

    if not os.path.lexists(path):
        return ""
    if not path.is_file():
        raise StorageError(f"{path} is no file that a table could be written to", hint="Remove it, or name another.")
    try:
        text = small_text(path)
        ImageTable(text, str(path)).check()
    except (OSError, ValueError, ConfigurationError) as error:
        if not own:
            what = f"{path} is there and is no table of images: it stays as it is"
            raise StorageError(what, hint="Name another file with --out.") from error
        return ""
    return text


def _without_day(text: str) -> str:
    return re.sub(r'"date": "[0-9-]*"', '"date": ""', text, count=1)
