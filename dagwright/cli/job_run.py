"""`job run`: one step of a pipeline by itself, here or on SageMaker, followed to its end."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from typing import Any

from dagwright.cli import DONE, EXECUTION_FAILED, FAILED
from dagwright.cli.commit import PARAMETER, current_commit
from dagwright.cli.ending import failure, what_came_out
from dagwright.cli.engines import command, engine_of, job_engine
from dagwright.cli.findings import findings, placed
from dagwright.cli.inputs import given_inputs, put_inputs
from dagwright.cli.run import observer_of, refuse_libraries_on_aws
from dagwright.cli.sources import Source, pipeline_files, project_of, source_at, source_of
from dagwright.cli.text import as_json, columns, duration, seconds_between, shown
from dagwright.definition.alone import Results, alone, inputs_reading, steps_read
from dagwright.definition.graph import Graph
from dagwright.definition.parameters import read_assignments
from dagwright.engines.engine import Engine, Start
from dagwright.engines.execution import SUCCEEDED, Execution, Observer
from dagwright.engines.results import ExecutionResults, has_results
from dagwright.errors import DagwrightError, DefinitionError, ParameterError, Problem, UsageError, did_you_mean

_NEWEST_SEARCHED = 10
_LATEST = "latest"


def run(arguments: Namespace) -> int:
    """0 if it succeeded or is left on purpose, 1 if its end was not waited for, 3 if it failed or was stopped."""
    refuse_libraries_on_aws(arguments)
    source = _source_with(arguments)
    _refuse_no_job(source.graph, arguments)
    inputs = given_inputs(arguments)
    addresses = {name: one.uri for name, one in inputs.items()}
    graph = alone(source.graph, arguments.step, addresses, _results(source, addresses, arguments))
    start = _start(source, graph, arguments)
    if arguments.env != "local":
        _refuse_what_aws_would(source, graph, arguments)
    put_inputs([*inputs.values()], arguments)
    with closing(job_engine(arguments)) as engine:
        with closing(observer_of(arguments)) as observer:
            start = _sized(start, source, addresses, arguments, observer)
            execution = (engine.start if arguments.detach else engine.run)(start, observer)
        said = _ending(engine, execution, arguments) if execution.ended else _left(execution, arguments)
    print(said, file=sys.stderr if arguments.json else sys.stdout)
    if arguments.json:
        print(as_json(_as_json(execution)))
    if not execution.ended:
        return DONE if arguments.detach else FAILED
    return DONE if execution.status == SUCCEEDED else EXECUTION_FAILED


def _source_with(arguments: Namespace) -> Source:
    """The pipeline with the step: the one that is named, else the only one that has it. Raises UsageError."""
    if arguments.pipeline is not None or arguments.file is not None:
        source = source_of(arguments)
        _require_step(arguments.step, {source.name: source})
        return source
    sources: dict[str, Source] = {}
    project = project_of(arguments)
    for name, path in pipeline_files(arguments.root).items():
        try:
            sources[name] = source_at(arguments.root, path, project)
        except DagwrightError as error:
            print(shown(f"{name} cannot be built, and is not looked through: {error.message}"), file=sys.stderr)
    return _require_step(arguments.step, sources)


def _require_step(step: str, sources: Mapping[str, Source]) -> Source:
    """The only source with this step. Raises UsageError if there is none, or several."""
    found = [source for source in sources.values() if step in source.graph.steps]
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(source.name for source in found)
        hint = f"Say which one: --pipeline {found[0].name}"
        raise UsageError(f"Several pipelines have a step '{step}': {names}", hint=hint)
    known = [name for source in sources.values() for name in source.graph.steps]
    where = f"in {next(iter(sources))}" if len(sources) == 1 else "in any pipeline here"
    raise UsageError(f"There is no step '{step}' {where}", hint=did_you_mean(step, known))


def _refuse_no_job(graph: Graph, arguments: Namespace) -> None:
    kinds = ("Processing", "Training", *(["Lambda"] if arguments.env == "local" else []))
    kind = graph.steps[arguments.step].type
    if kind not in kinds:
        what = f"'{arguments.step}' is a {kind} step, which is no job that runs by itself"
        where = "here" if arguments.env == "local" else f"in {arguments.env}"
        hint = f"Steps that do {where}: {', '.join(kinds)}. Any other runs with its pipeline."
        raise UsageError(what, hint=hint)


def _results(source: Source, given: Mapping[str, str], arguments: Namespace) -> Results | None:
    """What the execution has given that --source names; None without one, or if the latest would be asked for nothing.
    Raises UsageError if there is no such execution, or if it is of another pipeline."""
    named = "" if arguments.source == _LATEST else arguments.source
    needed = steps_read(source.graph, arguments.step, given)
    if not arguments.source or not (named or needed):
        return None
    with closing(engine_of(arguments, named)) as engine:
        execution = engine.describe(named) if named else _latest(engine, source, needed, arguments)
        if named:
            _refuse_other_pipeline(execution, source, arguments)
        engine.complete(execution)
        return ExecutionResults(execution, engine.read)


def _refuse_other_pipeline(execution: Execution, source: Source, arguments: Namespace) -> None:
    """Steps of other pipelines may have the same names and give something else. Raises UsageError."""
    found = execution.pipeline.partition("/")[0]
    known = {source.name}
    if arguments.env != "local":
        from dagwright.engines.stepfunctions.derived import all_names

        project = project_of(arguments)
        known = {*all_names(source.name_on_aws(project), project)}
    if found.lower() not in {name.lower() for name in known}:  # the ARNs of SageMaker's pipelines are in lower case
        what = (
            f"Execution {execution.address} is of {found}, and '{arguments.step}' would run as a step of {source.name}"
        )
        raise UsageError(what, hint="Name an execution of its own pipeline, or --source latest.")


def _latest(engine: Engine, source: Source, needed: tuple[str, ...], arguments: Namespace) -> Execution:
    """The newest execution of the pipeline in which all steps have succeeded that are read; here also one of a step of
    the pipeline that ran by itself. Raises UsageError if there is none."""
    if arguments.env == "local":
        found = [one for one in engine.history() if one.pipeline.partition("/")[0] == source.name]
    else:
        found = engine.history(source.deployed_name or source.name, _NEWEST_SEARCHED)
    for summary in found[:_NEWEST_SEARCHED]:
        execution = engine.describe(summary.address)
        if has_results(execution, needed):
            return execution
    names = " and ".join(f"'{name}'" for name in needed)
    what = f"None of the newest {_NEWEST_SEARCHED} executions of {source.name} has results of {names}"
    raise UsageError(what, hint="Run the pipeline first, name an older execution, or give the inputs.")


def _start(source: Source, graph: Graph, arguments: Namespace) -> Start:
    """Raises ParameterError for parameters that the step does not read."""
    given = read_assignments(arguments.parameter)
    unread = [name for name in given if name in source.graph.parameters and name not in graph.parameters]
    if unread:
        hint = f"it reads {', '.join(graph.parameters) or 'none'}"
        problems = [Problem("unread-parameter", f"'{arguments.step}' does not read '{name}'", hint) for name in unread]
        raise ParameterError("These parameters would have no effect", problems)
    commit = current_commit(arguments.root) if PARAMETER in graph.parameters and PARAMETER not in given else ""
    texts = {*_texts(graph.definition)}
    return Start(
        pipeline=f"{source.name}/{arguments.step}",
        graph=graph,
        given=given,
        offered={PARAMETER: commit} if commit and arguments.file is None else {},
        assets=[asset for asset in source.assets if any(_leads_to(asset.uri, text) for text in texts)],
        deployed_name=source.deployed_name,
    )


def _sized(
    start: Start, source: Source, addresses: Mapping[str, str], arguments: Namespace, observer: Observer
) -> Start:
    """The same on machines that fit the inputs as they are now, which is noted: where `--input` has replaced one, what
    is read instead. Raises UserError, AWSError."""
    sizes = [one for one in source.input_sizes if any(each.name in start.graph.parameters for each in one.parameters)]
    if not sizes:
        return start
    from dagwright.cli.sizes import offered_sizes

    step = source.graph.steps[arguments.step]
    instead = {
        size.name: addresses[name]
        for size in sizes
        for name in inputs_reading(step, size.of if isinstance(size.of, str) else size.of.expression())
        if name in addresses
    }
    offered = offered_sizes(sizes, start.given, arguments, observer.noted, instead)
    return replace(start, offered={**start.offered, **offered})


def _texts(value: Any) -> Iterator[str]:
    """Every text in a JSON value."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, (Mapping, list)):
            waiting += one.values() if isinstance(one, Mapping) else one


def _leads_to(uri: str, text: str) -> bool:
    """Whether a text of a step is the address of an object or of a folder around it, or has it in quotes."""
    return uri in text or uri.startswith(f"{text.rstrip('/')}/")


def _refuse_what_aws_would(source: Source, graph: Graph, arguments: Namespace) -> None:
    """Raises DefinitionError with what `validate` calls an error in the step."""
    found = placed(findings(graph, project_of(arguments)), source)
    errors = [problem for problem in found if problem.severity == "error"]
    if errors:
        raise DefinitionError(f"'{arguments.step}' cannot run in {arguments.env}; nothing was started", errors)


def _ending(engine: Engine, execution: Execution, arguments: Namespace) -> str:
    lines = [f"{execution.status} after {duration(seconds_between(execution.started, execution.ended))}"]
    for step in execution.failed_steps:
        lines += failure(engine, step)
    made = what_came_out(engine, execution)
    if made:
        lines.append(made)
    look = [command(arguments, f"job describe {job}") for job in _jobs(execution)]
    if not execution.arn:
        look.append(command(arguments, f"logs {execution.id}"))
    lines.append(f"  look further: {'   '.join(look)}")
    return "\n".join(lines)


def _left(execution: Execution, arguments: Namespace) -> str:
    """What to say of a job that goes on without us."""
    ways = {"look": f"job describe {execution.id} --tail 20", "stop": f"job stop {execution.id}"}
    rows = [[word, command(arguments, words)] for word, words in ways.items()]
    return "\n".join([f"Job {execution.id} goes on.", columns(rows, indent="  ")])


def _jobs(execution: Execution) -> list[str]:
    """The names of what the service calls jobs."""
    return [step.job for step in execution.steps.values() if step.job and step.type != "Lambda"]


def _as_json(execution: Execution) -> dict[str, Any]:
    """The job as its Describe call gives it; of what has none, or none yet, the step."""
    (step,) = execution.steps.values()
    return dict(step.output) if step.output and step.type != "Lambda" else step.as_json()
