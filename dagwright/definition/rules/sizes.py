"""Lengths and counts: a graph comes in, what is longer than the service takes goes out.

The limits are those of botocore's model. Steps are not counted: a pipeline of 2,000 is accepted.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from dagwright.definition.graph import Graph
from dagwright.errors import Problem
from dagwright.shapes import model

_TEXTS = {"DisplayName": "StepDisplayName", "Description": "StepDescription"}


def size_problems(graph: Graph) -> Iterator[Problem]:
    """Texts of steps that are too long, and a definition that does not fit into the call."""
    shapes = model("sagemaker")
    for step in graph.steps.values():
        for key, shape in _TEXTS.items():
            text, most = step.envelope.get(key), shapes[shape]["max"]
            if isinstance(text, str) and len(text) > most:
                what = f"{key} has {len(text)} characters; at most {most} are allowed"
                yield Problem("text-too-long", what, "shorten it", step=step.name, field=key)
    length, most = len(json.dumps(graph.definition, separators=(",", ":"))), shapes["PipelineDefinition"]["max"]
    if length > most:
        what = f"the definition has {length} characters; CreatePipeline takes {most}, and more only from S3"
        yield Problem("large-definition", what, "deploy it from S3, as upsert does, or divide it", "warning")
