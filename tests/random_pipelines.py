"""Random pipelines that can be run: steps in branches and outside, that read parameters, each other and files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from agreement import BUCKET, Dice, Example

T = TypeVar("T")
Json = dict[str, Any]

TEXTS = (
    "plain",
    "it's",
    "{braces} {}",
    "back\\slash \\n",
    'quo"te',
    "ünï→",
    "a, b (c)",
    "$.x",
    "$$.y",
    "1.5",
    "a\nb",
    " ",
)
NUMBERS = (0, 1, 2, -3, 40, 0.5, 0.875, 1.0, 2.5, 1e-05, 123456789)
REASONS = (
    "CapacityError: none left",
    "InternalServerError: sorry",
    "AlgorithmError: CapacityError: no",
    "ThrottlingException: Rate exceeded",
    "InternalFailure: unknown",
    "ResourceLimitExceeded: too many",
)
COMPARISONS = ("Equals", "GreaterThan", "GreaterThanOrEqualTo", "LessThan", "LessThanOrEqualTo")
PARAMETERS = (
    ("Text", "String"),
    ("Other-text", "String"),
    ("Whole", "Integer"),
    ("Share", "Float"),
    ("Flag", "Boolean"),
)
METRICS = ("metrics.auc", "metrics['val loss']", "rows[1]", "name", "ok", "metrics.missing", "rows", "nothing")
NUMERIC = (*METRICS[:3], "metrics.missing", "nothing")


@dataclass
class Drawing:
    """A pipeline while it is being drawn."""

    dice: Dice
    most: int
    example: Example = field(default_factory=lambda: Example({"Version": "2020-12-01", "Parameters": [], "Steps": []}))
    parameters: dict[str, str] = field(default_factory=dict)
    steps: dict[str, str] = field(default_factory=dict)
    """The types of the steps so far."""

    def one(self, values: Sequence[T]) -> T:
        return values[self.dice.number(0, len(values) - 1)]

    def chance(self, percent: int) -> bool:
        return self.dice.number(0, 99) < percent

    def draw(self) -> Example:
        for name, kind in PARAMETERS:
            if self.chance(60):
                self._parameter(name, kind)
        self.example.definition["Steps"] = self._list(self.dice.number(1, self.most), [], depth=0)
        return self.example

    def _parameter(self, name: str, kind: str) -> None:
        value = {
            "String": lambda: self.one(TEXTS),
            "Integer": lambda: self.dice.number(-5, 5),
            "Float": lambda: float(self.one(NUMBERS)),
            "Boolean": lambda: self.chance(50),
        }[kind]
        declared: Json = {"Name": name, "Type": kind}
        if self.chance(80):
            declared["DefaultValue"] = value()
        if "DefaultValue" not in declared or self.chance(40):
            self.example.given[name] = value()
        self.parameters[name] = kind
        self.example.definition["Parameters"].append(declared)

    # ---- steps ----

    def _list(self, count: int, around: list[str], depth: int) -> list[Json]:
        """Some steps; `around` are those that they may read."""
        made: list[Json] = []
        visible = list(around)
        while count > 0 and len(self.steps) < self.most:
            count -= 1
            name = f"{self.one(('A', 'b-', 'C_'))}{len(self.steps) + 1}"
            step = self._step(name, visible, depth)
            made.append(step)
            if step["Type"] != "Fail" and (self.chance(90) or depth == 0):
                visible.append(name)
        if depth == 0 and self.chance(15):
            made.reverse()
        return made

    def _step(self, name: str, visible: list[str], depth: int) -> Json:
        kinds = ["Processing"] * 4 + ["Training"] * 3 + ["Lambda", "Model", "RegisterModel"]
        if depth < 2:
            kinds += ["Condition"] * 3
        if depth:
            kinds.append("Fail")
        kind = self.one(kinds)
        self.steps[name] = kind
        near = [self.one(visible) for _ in range(self.dice.number(0, 3))] if visible else []
        near = list(dict.fromkeys(near))
        step: Json = {"Name": name, "Type": kind, "Arguments": {}}
        step.update(getattr(self, f"_{kind.lower()}")(name, near, visible, depth))
        order = [one for one in near if self.steps[one] not in ("Condition", "Fail") and self.chance(50)]
        if order and kind != "Condition":
            step["DependsOn"] = order
        if kind in ("Processing", "Training", "Lambda") and self.chance(6):
            self.example.fails |= {name}
        if kind in ("Processing", "Training") and self.chance(15):
            step["RetryPolicies"] = [self._policy() for _ in range(self.dice.number(1, 2))]
            self.example.stumbles[name] = [self.one(REASONS) for _ in range(self.dice.number(0, 6))]
        return step

    def _policy(self) -> Json:
        """Throttling and faults are named together, no end is in time: else a machine does otherwise, and says so."""
        kinds = (
            ["SageMaker.CAPACITY_ERROR"],
            ["SageMaker.JOB_INTERNAL_ERROR"],
            ["SageMaker.RESOURCE_LIMIT"],
            ["Step.THROTTLING", "Step.SERVICE_FAULT"],
        )
        ends = self.one(({"MaxAttempts": 1}, {"MaxAttempts": 3}, {}))
        named = [kind for some in kinds if self.chance(50) for kind in some] or kinds[0]
        return {"ExceptionType": named, "BackoffRate": self.one((1.0, 2.5)), "IntervalSeconds": 7, **ends}

    def _processing(self, name: str, near: list[str], visible: list[str], depth: int) -> Json:
        folder = self.one(
            (
                f"s3://{BUCKET}/{name}",
                {"Std:Join": {"On": "/", "Values": ["s3:/", BUCKET, {"Get": "Execution.PipelineExecutionId"}, name]}},
                {"Std:Join": {"On": "/", "Values": [f"s3://{BUCKET}", self._text(near), name]}},
            )
        )
        arguments: Json = {
            "AppSpecification": {"ImageUri": "image", "ContainerArguments": [self._text(near) for _ in range(3)]},
            "ProcessingInputs": [{"InputName": "in", "S3Input": {"S3Uri": self._text(near), "LocalPath": "/opt"}}],
            "ProcessingOutputConfig": {
                "Outputs": [{"OutputName": "out", "S3Output": {"S3Uri": folder, "LocalPath": "/opt"}}]
            },
            "ProcessingResources": {"ClusterConfig": {"InstanceCount": 1}},
            "Environment": {"FIRST": self._text(near), "odd.key": self._text(near)},
            "RoleArn": "role",
        }
        if self.chance(85):
            self.example.files[name] = {
                "metrics": {"auc": self.one(NUMBERS), "val loss": self.one(NUMBERS)},
                "rows": [self.one(NUMBERS), self.one(NUMBERS)],
                "name": self.one(("good", "bad")),
                "ok": self.chance(50),
                "nothing": None,
            }
        report = {"PropertyFileName": "Report", "OutputName": "out", "FilePath": "report.json"}
        return {"Arguments": arguments, "PropertyFiles": [report]}

    def _training(self, name: str, near: list[str], visible: list[str], depth: int) -> Json:
        arguments: Json = {
            "AlgorithmSpecification": {"TrainingImage": "image", "TrainingInputMode": "File"},
            "HyperParameters": {"rate": self._text(near), "a.b c": self._text(near), "plain": "7"},
            "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/models"},
            "ResourceConfig": {"InstanceCount": 1},
            "StoppingCondition": {"MaxRuntimeInSeconds": 60},
            "RoleArn": "role",
        }
        if self.chance(20):
            arguments["Environment"] = {"JOB": {"Get": "Execution.TrainingJobName"}}
        return {"Arguments": arguments}

    def _lambda(self, name: str, near: list[str], visible: list[str], depth: int) -> Json:
        self.example.answers[name] = {
            "text": self.one(("yes", "no")),
            "number": self.one(NUMBERS),
            "flag": self.chance(50),
        }
        outputs = [("text", "String"), ("number", "Float"), ("flag", "Boolean")]
        return {
            "FunctionArn": "arn:aws:lambda:us-east-1:000000000000:function:f",
            "Arguments": {"first": self._text(near), "nested": {"list": [self._text(near), self._text(near)]}},
            "OutputParameters": [{"OutputName": one, "OutputType": kind} for one, kind in outputs],
        }

    def _model(self, name: str, near: list[str], visible: list[str], depth: int) -> Json:
        container = {"Image": "image", "ModelDataUrl": self._text(near), "Environment": {"A": self._text(near)}}
        return {"Arguments": {"PrimaryContainer": container, "ExecutionRoleArn": "role"}}

    def _registermodel(self, name: str, near: list[str], visible: list[str], depth: int) -> Json:
        containers = [{"Image": "image", "ModelDataUrl": self._text(near)}]
        return {
            "Arguments": {
                "ModelPackageGroupName": "group",
                "InferenceSpecification": {"Containers": containers},
                "ModelApprovalStatus": self.one(("Approved", "PendingManualApproval")),
                "CustomerMetadataProperties": {"k": self._text(near)},
            }
        }

    def _fail(self, name: str, near: list[str], visible: list[str], depth: int) -> Json:
        return {"Arguments": {"ErrorMessage": self._text(near)}}

    def _condition(self, name: str, near: list[str], visible: list[str], depth: int) -> Json:
        conditions = [self._comparison(near, 0) for _ in range(self.dice.number(1, 2))]
        return {
            "Arguments": {
                "Conditions": conditions,
                "IfSteps": self._list(self.dice.number(0, 4), visible, depth + 1),
                "ElseSteps": self._list(self.dice.number(0, 3), visible, depth + 1),
            }
        }

    # ---- values ----

    def _text(self, near: list[str], depth: int = 0) -> Any:
        """Something for a field that takes a text."""
        kind = self.dice.number(0, 9) if depth < 3 else 0
        if kind < 2:
            return self.one(TEXTS)
        if kind < 4 and self.parameters:
            return {"Get": f"Parameters.{self.one([*self.parameters])}"}
        if kind == 4:
            return {"Get": f"Execution.{self.one(('PipelineExecutionId', 'PipelineName', 'StartDateTime'))}"}
        if kind < 7 and near:
            return self._property(self.one(near))
        if kind == 7:
            return self.one(TEXTS)
        values = [self._text(near, depth + 1) for _ in range(self.dice.number(1, 3))]
        return {"Std:Join": {"On": self.one(("", "/", "-", "{'\\")), "Values": values}}

    def _property(self, step: str) -> Any:
        """A single value that a step gives."""
        paths: dict[str, tuple[str, ...]] = {
            "Processing": (
                "ProcessingOutputConfig.Outputs['out'].S3Output.S3Uri",
                "ProcessingInputs['in'].S3Input.S3Uri",
                "Environment.FIRST",
                "Environment['odd.key']",
                "ProcessingJobArn",
            ),
            "Training": (
                "ModelArtifacts.S3ModelArtifacts",
                "FinalMetricDataList['val:auc'].Value",
                "FinalMetricDataList['unheard of'].Value",
                "FinalMetricDataList[0].Value",
                "HyperParameters['a.b c']",
                "HyperParameters.plain",
                "TrainingJobArn",
            ),
            "Lambda": ("OutputParameters['text']", "OutputParameters['number']", "OutputParameters['flag']"),
            "Model": ("ModelArn", "PrimaryContainer.Image"),
            "RegisterModel": ("ModelPackageArn", "ModelApprovalStatus"),
            "Condition": ("Outcome",),
        }
        kind = self.steps[step]
        if kind == "Processing" and self.chance(25):
            return self._from_file(step, METRICS)
        return {"Get": f"Steps.{step}.{self.one(paths[kind])}"}

    def _from_file(self, step: str, paths: Sequence[str]) -> Any:
        file = {"Get": f"Steps.{step}.PropertyFiles.Report"}
        return {"Std:JsonGet": {"PropertyFile": file, "Path": self.one(paths)}}

    # ---- conditions ----

    def _comparison(self, near: list[str], depth: int) -> Json:
        kind = self.dice.number(0, 9)
        if kind == 0 and depth < 2:
            return {"Type": "Not", "Condition": self._comparison(near, depth + 1)}
        if kind == 1 and depth < 2:
            parts = [self._comparison(near, depth + 1) for _ in range(self.dice.number(1, 3))]
            return {"Type": "Or", "Conditions": parts}
        side: Callable[[list[str]], Any] = self.one((self._number, self._number, self._word, self._truth))
        if kind == 2:
            return {"Type": "In", "QueryValue": side(near), "Values": [side(near) for _ in range(3)]}
        return {"Type": self.one(COMPARISONS), "LeftValue": side(near), "RightValue": side(near)}

    def _number(self, near: list[str]) -> Any:
        found: list[Any] = [self.one(NUMBERS)]
        found += [
            {"Get": f"Parameters.{name}"} for name, kind in self.parameters.items() if kind in ("Integer", "Float")
        ]
        for step in near:
            if self.steps[step] == "Processing":
                found += [self._from_file(step, NUMERIC)] * 2
            elif self.steps[step] == "Training":
                metric = self.one(("'val:auc'", "'val:auc'", "1", "7", "'unheard of'"))
                found.append({"Get": f"Steps.{step}.FinalMetricDataList[{metric}].Value"})
            elif self.steps[step] == "Lambda":
                found.append({"Get": f"Steps.{step}.OutputParameters['number']"})
        return self.one(found)

    def _word(self, near: list[str]) -> Any:
        found: list[Any] = [self.one(("good", "bad", "yes", "no", "plain"))]
        found += [{"Get": f"Parameters.{name}"} for name, kind in self.parameters.items() if kind == "String"]
        for step in near:
            if self.steps[step] == "Processing":
                found.append(self._from_file(step, ("name",)))
            elif self.steps[step] == "Lambda":
                found.append({"Get": f"Steps.{step}.OutputParameters['text']"})
        return self.one(found)

    def _truth(self, near: list[str]) -> Any:
        found: list[Any] = [self.chance(50)]
        found += [{"Get": f"Parameters.{name}"} for name, kind in self.parameters.items() if kind == "Boolean"]
        for step in near:
            if self.steps[step] == "Processing":
                found.append(self._from_file(step, ("ok",)))
            elif self.steps[step] == "Condition":
                found.append({"Get": f"Steps.{step}.Outcome"})
            elif self.steps[step] == "Lambda":
                found.append({"Get": f"Steps.{step}.OutputParameters['flag']"})
        return self.one(found)


def random_pipeline(dice: Dice, most: int = 30) -> Example:
    """A pipeline of at most this many steps."""
    return Drawing(dice, most).draw()
