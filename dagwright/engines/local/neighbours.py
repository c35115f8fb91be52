"""Other runs that write where this one does: objects stay whole, and the outputs of the two may come to be mixed.

What comes in: an execution that begins, and the record of those that are running. What goes out: a sentence for each of
them that puts outputs at the same addresses.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from dagwright.engines.execution import Execution
from dagwright.engines.local.home import Home

_SHOWN = 3


def same_outputs(home: Home, execution: Execution, definition: Mapping[str, Any]) -> Iterator[str]:
    """`execution x of training is running and writes s3://… too`."""
    others = [one for one in home.living() if one != execution.id]
    if not others:
        return
    from dagwright.definition.addresses import outputs  # most runs are alone

    own = outputs(definition, execution.parameters, _variables(execution.id, execution.pipeline, execution.started))
    for other in others:
        for row in home.database.rows("executions", id=other):
            variables = _variables(other, row["pipeline"], row["started"])
            theirs = outputs(json.loads(row["definition"]), json.loads(row["parameters"]), variables)
            shared = sorted(own & theirs)
            if shared:
                more = f" and {len(shared) - _SHOWN} more" if len(shared) > _SHOWN else ""
                which = "the same pipeline" if row["pipeline"] == execution.pipeline else row["pipeline"]
                where = f"{', '.join(shared[:_SHOWN])}{more}"
                yield f"execution {other} of {which} is running and writes {where} too: the later file is kept"


def _variables(execution: str, pipeline: str, started: str) -> dict[str, str]:
    return {"PipelineExecutionId": execution, "PipelineName": pipeline.partition("/")[0], "StartDateTime": started}
