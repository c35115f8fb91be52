"""Spot instances: a graph comes in, problems with training on them and with asking for them elsewhere go out.

Only training jobs run on Spot instances; `MaxWaitTimeInSeconds` is what they wait and run together (botocore's model).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from dagwright.definition.graph import Graph
from dagwright.definition.rules.jobs import Job, jobs
from dagwright.errors import Problem
from dagwright.job_facts import SPOT_ON_PROCESSING, spot_members


def spot_problems(graph: Graph) -> Iterator[Problem]:
    """Spot training without checkpoints or with too short a wait, and processing that asks for Spot."""
    for job in jobs(graph, "Training", "Processing"):
        if job.kind == "Processing":
            yield from _on_processing(job)
        elif job.usual("EnableManagedSpotTraining") is True:
            yield from _on_training(job)


def _on_processing(job: Job) -> Iterator[Problem]:
    for member in spot_members(job.request):
        hint = "remove it; a Training step with EnableManagedSpotTraining saves what Spot saves"
        yield Problem("spot-on-processing", SPOT_ON_PROCESSING, hint, step=job.step, field=job.field(member))


def _on_training(job: Job) -> Iterator[Problem]:
    if not isinstance(job.raw("CheckpointConfig"), Mapping):
        what = "an interruption loses all of the training so far"
        hint = "give CheckpointConfig, and let the script continue from /opt/ml/checkpoints"
        yield Problem("spot-without-checkpoint", what, hint, "warning", job.step, job.field("CheckpointConfig"))
    wait, run = (job.usual(f"StoppingCondition.{key}") for key in ("MaxWaitTimeInSeconds", "MaxRuntimeInSeconds"))
    field = job.field("StoppingCondition.MaxWaitTimeInSeconds")
    hint = "at least MaxRuntimeInSeconds: it is the waiting and the running together"
    if job.raw("StoppingCondition.MaxWaitTimeInSeconds") is None:
        what = "a training on Spot instances needs MaxWaitTimeInSeconds"
        yield Problem("bad-spot-wait", what, hint, step=job.step, field=field)
    elif isinstance(wait, int) and isinstance(run, int) and wait < run:
        what = f"MaxWaitTimeInSeconds is {wait}, shorter than MaxRuntimeInSeconds, {run}"
        yield Problem("bad-spot-wait", what, hint, step=job.step, field=field)
