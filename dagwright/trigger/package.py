"""The trigger as AWS takes it: what it is to start and to measure comes in, a zip and its environment go out.

The zip is the same bytes for every pipeline and on every machine; all that differs is in the environment.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagwright.errors import DefinitionError
from dagwright.sizing import Row

if TYPE_CHECKING:
    from dagwright.input_sizes import InputSize

#: What Lambda calls, and the files it takes. No __init__.py goes along: without one, folders are packages too.
HANDLER = "dagwright.trigger.handler.handler"
_FILES = ("dagwright/sizing.py", "dagwright/trigger/handler.py")
# Of all variables together, names and values (Lambda developer guide, "Lambda quotas").
_LARGEST_ENVIRONMENT = 4096


def trigger_zip() -> bytes:
    """The function's code. Nothing in it is compressed: how well that works depends on the machine."""
    import io
    from zipfile import ZipFile, ZipInfo

    root, packed = Path(__file__).parents[2], io.BytesIO()
    with ZipFile(packed, "w") as archive:
        for name in _FILES:
            entry = ZipInfo(name)  # its time is that of 1980, the first a zip can have
            entry.create_system = 3
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, (root / name).read_bytes())
    return packed.getvalue()


def trigger_environment(target: str, sizes: Sequence[InputSize]) -> dict[str, str]:
    """The function's environment variables: the pipeline or machine by its ARN, and the inputs with their rules.

    Raises DefinitionError for more than a function may have.
    """
    rules = {size.rule.name: [_row(row) for row in size.rule.rows] for size in sizes}
    values = {"INPUTS": [_input(size) for size in sizes], "RULES": rules, "PARAMETERS": {}}
    written = {name: json.dumps(value, separators=(",", ":")) for name, value in values.items()}
    variables = {"TARGET_ARN": target, **written}
    taken = sum(len(name.encode()) + len(value.encode()) for name, value in variables.items())
    if taken > _LARGEST_ENVIRONMENT:
        what = f"the trigger's environment would have {taken:,} bytes; Lambda takes {_LARGEST_ENVIRONMENT:,}"
        raise DefinitionError(what, hint="Let sizes share a rule, or take rows out of their rules.")
    return variables


def _row(row: Row) -> dict[str, Any]:
    """What a row says that is not its default."""
    plain = vars(Row(row.instance_type))
    return {name: value for name, value in vars(row).items() if name == "instance_type" or value != plain[name]}


def _input(size: InputSize) -> dict[str, Any]:
    from dagwright.input_sizes import largest_volume_in_gb

    return {
        "name": size.name,
        "parameter": "" if isinstance(size.of, str) else size.of.name,
        "address": size.of if isinstance(size.of, str) else size.of.default_value or "",
        "rule": size.rule.name,
        "sharded": size.sharded,
        "spark": size.spark,
        "largest_volume_in_gb": largest_volume_in_gb(),
        "names": [one.name for one in size.parameters],
    }
