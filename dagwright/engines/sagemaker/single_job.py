"""One job by itself on SageMaker: the step of a definition becomes a CreateProcessingJob or CreateTrainingJob call.

What comes in: the definition of that step, and what the project gives to it. What goes out: an execution of that one
step, in which the job's Describe response stands; the job runs on AWS whether it is followed or not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, NoReturn

from dagwright.definition.expression import evaluate
from dagwright.definition.graph import Graph, Step
from dagwright.definition.parameters import start_values
from dagwright.engines.aws.clients import Clients, aws_errors, error_code
from dagwright.engines.aws.finding import Names
from dagwright.engines.aws.following import Clock, Watch
from dagwright.engines.aws.made import DESCRIPTIONS, Made
from dagwright.engines.aws.objects import Objects
from dagwright.engines.aws.service import pairs
from dagwright.engines.aws.wanted import deployed_arn
from dagwright.engines.engine import Start
from dagwright.engines.execution import Execution, Observer, StepRun
from dagwright.engines.jobs import KINDS, OF_STEPS, name_beginning, new_names
from dagwright.engines.sagemaker.engine import SageMakerEngine
from dagwright.engines.sagemaker.jobs import as_execution
from dagwright.engines.times import written
from dagwright.errors import AWSError, DefinitionError, EvaluationError, Problem, did_you_mean
from dagwright.marks import ENVIRONMENT, PROJECT
from dagwright.shapes import model

_TAKEN = "ResourceInUse"
# What a pipeline does with a step, and CreateProcessingJob and CreateTrainingJob know nothing of.
_LEFT_OUT = {"CacheConfig": "the job runs whatever ran before", "RetryPolicies": "the job is started once"}


@dataclass(frozen=True)
class JobScope:
    """What the expressions of a job by itself mean: parameters, and the variables that have a meaning without an
    execution of its pipeline. Its own name stands for the execution's id, so that its outputs are its own."""

    graph: Graph
    parameters: Mapping[str, Any]
    variables: Mapping[str, str]

    def parameter(self, name: str) -> Any:
        return self.parameters[name]

    def execution(self, variable: str) -> str:
        if variable not in self.variables:
            what = f"Execution.{variable} has no value: the job belongs to no execution of a pipeline"
            raise EvaluationError(what, hint=did_you_mean(variable, self.variables))
        return self.variables[variable]

    def experiment(self, variable: str) -> NoReturn:
        raise EvaluationError(f"PipelineExperimentConfig.{variable} has no value: the job belongs to no execution")

    def step(self, name: str) -> NoReturn:
        raise EvaluationError(f"'{name}' is another step")

    def property_file(self, step: str, name: str) -> NoReturn:
        raise EvaluationError(f"'{step}' is another step")

    def read_text(self, s3_uri: str) -> NoReturn:
        raise EvaluationError(f"{s3_uri} is read by pipelines only", hint="Give the value itself.")


class SageMakerJobEngine(SageMakerEngine):
    """Runs definitions of one step as jobs. `role` is for a step that names none, `key` encrypts code in S3."""

    def __init__(
        self, clients: Clients, names: Names, role: str, key: str | None = None, clock: Clock | None = None
    ) -> None:
        super().__init__(clients, names, clock)
        self._role = role
        self._code = Objects(clients, key)
        self._started: dict[str, tuple[str, str, Graph]] = {}

    def graph(self, execution: Execution) -> Graph:
        """The definition of the step that it runs."""
        return self._started[execution.arn][2]

    def _start(self, start: Start, observer: Observer) -> tuple[Execution, Graph]:
        """Create the job, after its code has been put where it reads it. Raises DefinitionError for no job."""
        (step,) = start.graph.steps.values()
        parameters = start_values(start.graph, start.values(start.graph))
        self._request("x", step, start, parameters)  # what has no value is said before anything is put into S3
        for asset in start.assets:
            if not self._code.exists(asset.uri):
                self._code.put(asset.content(), asset.uri)
        for key, meaning in _LEFT_OUT.items():
            if step.envelope.get(key):
                observer.noted(f"{key} of {step.name} is left out: {meaning}")
        kind = OF_STEPS[step.type]
        name, answer = self._create(kind, step, start, parameters)
        arn = answer[f"{KINDS[kind]}Arn"]
        self._started[arn] = kind, step.name, start.graph
        run = StepRun(step.name, step.type, started=written(_now()), metadata={KINDS[kind]: {"Arn": arn}}, job=name)
        execution = Execution(name, start.pipeline, parameters, started=run.started, steps={step.name: run}, arn=arn)
        return execution, start.graph

    def _create(self, kind: str, step: Step, start: Start, parameters: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        """The job's name and what the service answers. A name that another job has gives way to the next."""
        names = new_names(name_beginning(self._names.model_package_group, step.name), _now())
        for name in names:
            request = self._request(name, step, start, parameters)
            try:
                with aws_errors(f"{step.name} cannot be started"):
                    operation = getattr(self._clients("sagemaker"), f"create_{kind}_job")
                    return name, operation(**{f"{KINDS[kind]}Name": name}, **request)
            except AWSError as error:
                if error_code(error) != _TAKEN:
                    raise
                if _was_sent_again(error):  # the answer to the first request was lost: the job may be this one's
                    raise AWSError(error.message, hint=self._command(f"job describe {name}")) from error.__cause__
        raise AssertionError

    def _request(self, name: str, step: Step, start: Start, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """The request without the job's name. Raises EvaluationError for what has no value."""
        scope = JobScope(start.graph, parameters, self._variables(name, start))
        request: dict[str, Any] = evaluate(dict(step.arguments), scope)
        request.pop(f"{KINDS[OF_STEPS[step.type]]}Name", None)
        request.setdefault("RoleArn", self._role)
        tags = {tag["Key"]: tag["Value"] for tag in request.get("Tags") or []}
        tags |= {PROJECT: self._names.model_package_group, ENVIRONMENT: self._names.environment}
        most = model("sagemaker")["TagList"]["max"]
        if len(tags) > most:
            what = f"it would have {len(tags)} tags, two of which say whose it is; AWS takes {most}"
            raise DefinitionError(
                f"{step.name} cannot run by itself", [Problem("too-many-tags", what, "remove some", step=step.name)]
            )
        return {**request, "Tags": pairs(tags)}

    def _variables(self, name: str, start: Start) -> dict[str, str]:
        pipeline = start.deployed_name or self._names.pipeline_name(start.pipeline.partition("/")[0])
        names = self._names
        moment = written(_now())
        return {
            "StartDateTime": moment,
            "CurrentDateTime": moment,
            "PipelineName": pipeline,
            "PipelineArn": deployed_arn("sagemaker", names.partition, names.region, names.account_id, pipeline),
            "PipelineExecutionId": name,
            "ProcessingJobName": name,
            "TrainingJobName": name,
        }

    def _watch(self, execution: Execution, observer: Observer, before: str = "") -> Watch:
        kind, step, _ = self._started[execution.arn]
        made = Made(execution.arn, DESCRIPTIONS[f"{kind}-job"], execution.id)

        def look() -> Execution:
            found = as_execution(kind, made.describe(self._clients), execution.pipeline, step)
            found.parameters = execution.parameters
            return found

        return Watch(look, observer, self._clock, before)

    def _look_words(self, execution: Execution) -> str:
        return f"job describe {execution.id}"


def _now() -> datetime:
    return datetime.now(timezone.utc)


def _was_sent_again(error: AWSError) -> bool:
    """Whether the refused request was not the first of its kind."""
    response = getattr(error.__cause__, "response", None) or {}
    return bool(response.get("ResponseMetadata", {}).get("RetryAttempts"))
