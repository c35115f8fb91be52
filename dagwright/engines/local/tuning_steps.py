"""The Tuning step: many training jobs, and the best of them.

What comes in: a step whose arguments can be resolved, and the bench. What goes out: how its tuning job ended; and, for
the check before a run, one training job of each of its definitions.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from typing import Any

from dagwright.definition.expression import evaluate
from dagwright.definition.graph import Step
from dagwright.engines.execution import FAILED, STOPPED, SUCCEEDED
from dagwright.engines.local.bench import Bench, StepResult
from dagwright.engines.local.job import Job
from dagwright.engines.local.request import member
from dagwright.engines.local.scope import RunScope
from dagwright.engines.local.training import training_job
from dagwright.engines.local.tuning import BAYESIAN, HYPERBAND, Tuning, read_tuning, require_optimiser
from dagwright.engines.local.tuning_names import SUMMARIES
from dagwright.engines.local.tuning_response import OBJECTIVE, tuning_response
from dagwright.engines.local.tuning_search import Search, searches
from dagwright.engines.local.tuning_trials import COMPLETED, Trials

_SEEDS = 1 << 31
_STATUS = {SUCCEEDED: COMPLETED, FAILED: "Failed", STOPPED: "Stopped"}


def tuning_jobs(step: Step, arguments: Mapping[str, Any], scope: RunScope, bench: Bench) -> list[Job]:
    """One training job of each definition, as far as it is known. Raises ExecutionError for what the tuning job will
    not be able to do."""
    tuning = read_tuning(arguments)
    require_optimiser(tuning.strategy)
    found = []
    for definition in tuning.definitions:
        tuned = {one.name: one.at(0.5) for one in definition.ranges}
        found.append(training_job("check", "check", definition.request("check", tuned)))
    return found


def run_tuning(step: Step, scope: RunScope, bench: Bench) -> StepResult:
    """Raises ExecutionError before anything of the job exists."""
    request = evaluate(step.arguments, scope)
    tuning = read_tuning(request)
    require_optimiser(tuning.strategy)
    seed = secrets.randbelow(_SEEDS) if tuning.seed is None else tuning.seed
    for line in _said_before(tuning, seed, bench):
        bench.say(f"{step.name}: {line}")
    found = searches(tuning, seed)
    earlier = _learn(step, tuning, request, found, bench)
    trials = Trials(step, scope.job, tuning, found, bench)
    bench.watch(step.name, trials)
    created, began = bench.now(), time.monotonic()
    trials.run()
    times = {"created": created, "ended": bench.now(), "seconds": str(time.monotonic() - began)}
    status, reason = _ending(trials)
    response = tuning_response(
        scope.job, request, tuning, seed, trials, (_STATUS[status], reason), times, scope.account, earlier
    )
    arn = response["HyperParameterTuningJobArn"]
    return StepResult(status, reason, {"TuningJob": {"Arn": arn}}, response, _notes(trials))


def _said_before(tuning: Tuning, seed: int, bench: Bench) -> list[str]:
    said = []
    if tuning.seed is None and tuning.is_random:
        said.append(f"its trials are drawn with the seed {seed}: RandomSeed {seed} draws them again")
    if tuning.max_parallel > bench.max_parallel:
        said.append(f"{bench.max_parallel} of {tuning.max_parallel} parallel trials run at once (local.max_parallel)")
    if tuning.autotuned:
        said.append("Autotune is the service's own: the limits and ranges of the request are used as they are")
    return said


def _learn(
    step: Step, tuning: Tuning, request: Mapping[str, Any], found: list[Search], bench: Bench
) -> list[Mapping[str, Any]]:
    """Tell the search what its parents have found out; the summaries of their training jobs."""
    if not tuning.parents:
        return []
    if member(request, "WarmStartConfig.WarmStartType", str) != "IdenticalDataAndAlgorithm" or len(found) > 1:
        bench.say(f"{step.name}: it starts anew: only IdenticalDataAndAlgorithm with one definition starts warm here")
        return []
    earlier: list[Mapping[str, Any]] = []
    for name in tuning.parents:
        output = bench.tuned(name)
        if output is None:
            bench.say(f"{step.name}: it starts without its parent {name}, which has not run here")
            continue
        static = member(output, "TrainingJobDefinition.StaticHyperParameters", dict, {})
        for summary in [summary for summary in output.get(SUMMARIES, ()) if OBJECTIVE in summary]:
            found[0].learn({**static, **summary["TunedHyperParameters"]}, summary[OBJECTIVE]["Value"])
            earlier.append(summary)
    if earlier and tuning.strategy not in (BAYESIAN, HYPERBAND):
        bench.say(f"{step.name}: a {tuning.strategy} search learns nothing from its parents")
    return earlier


def _ending(done: Trials) -> tuple[str, str]:
    """(status of the step, why it failed)."""
    if done.is_stopping():
        return STOPPED, "stopped"
    trials = done.trials
    if any(done.objective(trial) is not None for trial in trials):
        return SUCCEEDED, ""
    if not trials:
        return FAILED, f"ClientError: no training job was started: {done.over or 'there is nothing to try'}"
    first = trials[0]
    failed = all(trial.status == "Failed" for trial in trials)
    what = "All training jobs failed" if failed else "No training job has an objective"
    return FAILED, f"{what}; the first, on {first.name}: {done.failure(first)}"


def _notes(done: Trials) -> tuple[str, ...]:
    """What the training jobs themselves have to say, each thing once."""
    said = [note for trial in done.trials if trial.result for note in trial.result.notes]
    return tuple(dict.fromkeys(said))
