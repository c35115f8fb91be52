"""The steps that wait for somebody's answer: of a Lambda function, or of whoever reads a Callback step's queue.

What comes in: a step whose arguments can be resolved, and the bench. What goes out: how it ended, with its output
parameters; and, for the check before a run, its job as far as it is known.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dagwright.definition.expression import evaluate, render
from dagwright.definition.graph import Step
from dagwright.engines.execution import SUCCEEDED
from dagwright.engines.local import callbacks, lambdas
from dagwright.engines.local.bench import Bench, StepResult
from dagwright.engines.local.handlers import Handler, handler_job, read_result
from dagwright.engines.local.job import Job, JobEnding
from dagwright.engines.local.job_steps import explained, missing_object, prepared, result_after
from dagwright.engines.local.output_parameters import declared_outputs, typed_outputs
from dagwright.engines.local.scope import RunScope, evaluate_known


def lambda_jobs(step: Step, arguments: Mapping[str, Any], scope: RunScope, bench: Bench) -> list[Job]:
    """The call of a Lambda step's handler. Raises ExecutionError if nothing stands for the function."""
    function = str(evaluate_known(step.envelope.get("FunctionArn", ""), scope))
    declared_outputs(step.envelope)
    return [handler_job("check", _handler(step, function, bench), {}, {}, lambdas.LIMIT_SECONDS)]


def callback_jobs(step: Step, arguments: Mapping[str, Any], scope: RunScope, bench: Bench) -> list[Job]:
    """The call of a Callback step's worker. Raises ExecutionError if nothing answers its queue."""
    queue = str(evaluate_known(step.envelope.get("SqsQueueUrl", ""), scope))
    declared_outputs(step.envelope)
    return [handler_job("check", _worker(step, queue, bench), {}, {}, callbacks.LIMIT_SECONDS)]


def run_lambda(step: Step, scope: RunScope, bench: Bench) -> StepResult:
    """Raises ExecutionError if no handler stands for the function, or its answer is of no use."""
    event = evaluate(step.arguments, scope)
    function = render(evaluate(step.envelope.get("FunctionArn", ""), scope))
    variables = {"AWS_LAMBDA_FUNCTION_NAME": lambdas.function_name(function)}
    job = handler_job(scope.job, _handler(step, function, bench), event, variables, lambdas.LIMIT_SECONDS)
    ending, answer = _answer(step, job, bench)
    if ending.outcome != "Completed":
        return result_after(ending, {"Lambda": {"Arn": function}}, {})
    outputs = typed_outputs(answer, declared_outputs(step.envelope))
    metadata = {"Lambda": {"Arn": function, "OutputParameters": _listed(outputs)}}
    return StepResult(SUCCEEDED, "", metadata, {"OutputParameters": outputs}, answer=answer)


def run_callback(step: Step, scope: RunScope, bench: Bench) -> StepResult:
    """Raises ExecutionError if nothing answers the queue, or the answer is of no use."""
    arguments = evaluate(step.arguments, scope)
    queue = render(evaluate(step.envelope.get("SqsQueueUrl", ""), scope))
    token = callbacks.new_token()
    message = callbacks.message_of(token, scope.execution("PipelineExecutionArn"), arguments)
    variables = {"CALLBACK_TOKEN": token}
    job = handler_job(scope.job, _worker(step, queue, bench), message, variables, callbacks.LIMIT_SECONDS)
    asked = {"CallbackToken": token, "SqsQueueUrl": queue}
    ending, answer = _answer(step, job, bench)
    if ending.outcome != "Completed":
        return result_after(ending, {"Callback": asked}, {})
    outputs = callbacks.answered_outputs(answer, declared_outputs(step.envelope))
    metadata = {"Callback": {**asked, "OutputParameters": _listed(outputs)}}
    return StepResult(SUCCEEDED, "", metadata, {"OutputParameters": outputs}, answer=outputs)


def _answer(step: Step, job: Job, bench: Bench) -> tuple[JobEnding, Any]:
    """(how the call ended, what it answered)."""
    run, _ = prepared(step, job, bench)
    answer: Any = None

    def finish(ending: JobEnding) -> JobEnding:
        nonlocal answer
        answer, failure = read_result(run.hosts[0]) if ending.outcome == "Completed" else (None, "")
        if failure:
            reason = "; ".join(filter(None, (failure, missing_object(failure, run))))
            return JobEnding("Failed", reason, 1, run.hosts[0].name)
        return explained(ending, run, "")

    return run.run(finish), answer


def _listed(outputs: Mapping[str, Any]) -> list[dict[str, str]]:
    return [{"Name": name, "Value": render(value)} for name, value in outputs.items()]


def _handler(step: Step, function: str, bench: Bench) -> Handler:
    return _declared(step, bench) or lambdas.handler_of(function, bench.lambdas, bench.project)


def _worker(step: Step, queue: str, bench: Bench) -> Handler:
    return _declared(step, bench) or callbacks.worker_of(queue, bench.callbacks, bench.project)


def _declared(step: Step, bench: Bench) -> Handler | None:
    """The function that the user has declared for this very step."""
    stand_in = bench.stand_ins.get(step.name)
    return Handler(stand_in.function) if stand_in and stand_in.function else None
