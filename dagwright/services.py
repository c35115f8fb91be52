"""Steps that call on other services: a Lambda function, a queue that answers, an EMR cluster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from dagwright.properties import OutputProperties, Properties
from dagwright.shapes import Shape
from dagwright.steps import CacheConfig, Step, present, text_list
from dagwright.variables import Text

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from dagwright.emit import Emission
    from dagwright.steps import StepOptions


class LambdaOutputTypeEnum(Enum):
    """The type of a value that a Lambda function returns."""

    STRING = "String"
    INTEGER = "Integer"
    BOOLEAN = "Boolean"
    FLOAT = "Float"


class CallbackOutputTypeEnum(Enum):
    """The type of a value that a callback brings back."""

    STRING = "String"
    INTEGER = "Integer"
    BOOLEAN = "Boolean"
    FLOAT = "Float"


@dataclass(frozen=True)
class LambdaOutput:
    """A value of the flat object that a Lambda function returns."""

    output_name: str
    output_type: LambdaOutputTypeEnum = LambdaOutputTypeEnum.STRING

    def expression(self) -> dict[str, Any]:
        """The JSON of the declaration."""
        return {"OutputName": self.output_name, "OutputType": self.output_type}


@dataclass(frozen=True)
class CallbackOutput:
    """A value that whoever answers the message sends back."""

    output_name: str
    output_type: CallbackOutputTypeEnum = CallbackOutputTypeEnum.STRING

    def expression(self) -> dict[str, Any]:
        """The JSON of the declaration."""
        return {"OutputName": self.output_name, "OutputType": self.output_type}


class _OutputStep(Step):
    """A step with free-form inputs and named outputs."""

    def __init__(
        self,
        name: str,
        inputs: Mapping[str, Any] | None,
        outputs: Sequence[LambdaOutput] | Sequence[CallbackOutput],
        cache_config: CacheConfig | None,
        **options: Unpack[StepOptions],
    ) -> None:
        super().__init__(name, **options)
        self.inputs = dict(inputs or {})
        self.outputs = {one.output_name: one for one in outputs}
        self.cache_config = cache_config
        if len(self.outputs) < len(outputs):
            self.refuse("duplicate-output", "two outputs have one name", field="OutputParameters")

    @property
    def properties(self) -> OutputProperties:
        """What comes back: `step.properties.Outputs["name"]`."""
        return OutputProperties(self, self.outputs)

    def arguments(self, emission: Emission) -> dict[str, Any]:
        return self.inputs


class LambdaStep(_OutputStep):
    """Call the Lambda function `function_arn` with `inputs` as its event."""

    type = "Lambda"

    def __init__(
        self,
        name: str,
        *,
        function_arn: Text,
        inputs: Mapping[str, Any] | None = None,
        outputs: Sequence[LambdaOutput] = (),
        cache_config: CacheConfig | None = None,
        **options: Unpack[StepOptions],
    ) -> None:
        super().__init__(name, inputs, outputs, cache_config, **options)
        self.function_arn = function_arn

    def siblings(self) -> dict[str, Any]:
        parameters = list(self.outputs.values())
        members = {"CacheConfig": self.cache_config, "FunctionArn": self.function_arn, "OutputParameters": parameters}
        return present(members)


class CallbackStep(_OutputStep):
    """Put a message with a token and `inputs` into the queue `sqs_queue_url`, and wait until somebody answers."""

    type = "Callback"

    def __init__(
        self,
        name: str,
        *,
        sqs_queue_url: Text,
        inputs: Mapping[str, Any] | None = None,
        outputs: Sequence[CallbackOutput] = (),
        cache_config: CacheConfig | None = None,
        **options: Unpack[StepOptions],
    ) -> None:
        super().__init__(name, inputs, outputs, cache_config, **options)
        self.sqs_queue_url = sqs_queue_url

    def siblings(self) -> dict[str, Any]:
        parameters = list(self.outputs.values())
        members = {"CacheConfig": self.cache_config, "SqsQueueUrl": self.sqs_queue_url, "OutputParameters": parameters}
        return present(members)


@dataclass(frozen=True)
class EMRStepConfig:
    """What an EMR cluster runs: a jar with its arguments, main class and Java properties."""

    jar: Text
    args: Sequence[object] | None = None
    main_class: Text | None = None
    properties: Mapping[str, Text] | None = None

    def expression(self) -> dict[str, Any]:
        """AWS's StepConfig."""
        properties = [{"Key": key, "Value": value} for key, value in (self.properties or {}).items()]
        jar_step = {
            "Jar": self.jar,
            "Args": text_list(self.args, "StepConfig.HadoopJarStep.Args", ""),
            "MainClass": self.main_class,
            "Properties": properties or None,
        }
        return {"HadoopJarStep": present(jar_step)}


class EMRStep(Step):
    """Run a step on the EMR cluster `cluster_id`, or on one that is made from `cluster_config` for it."""

    type = "EMR"

    def __init__(
        self,
        name: str,
        *,
        step_config: EMRStepConfig,
        cluster_id: Text | None = None,
        cluster_config: Mapping[str, Any] | None = None,
        execution_role_arn: Text | None = None,
        cache_config: CacheConfig | None = None,
        **options: Unpack[StepOptions],
    ) -> None:
        super().__init__(name, **options)
        self.step_config = step_config
        self.cluster_id = cluster_id
        self.cluster_config = cluster_config
        self.execution_role_arn = execution_role_arn
        self.cache_config = cache_config
        if (cluster_id is None) == (cluster_config is None):
            self.refuse(
                "bad-cluster", "an EMR step has a cluster_id or a cluster_config", "give one of them", "ClusterId"
            )

    @property
    def properties(self) -> Properties:
        """DescribeStep's `Step`, and `ClusterId`."""
        return Properties(self, "", Shape("emr", "Step"), extra={"ClusterId": Shape("emr", "ClusterId")})

    def arguments(self, emission: Emission) -> dict[str, Any]:
        return present(
            {
                "ExecutionRoleArn": self.execution_role_arn,
                "ClusterId": self.cluster_id,
                "ClusterConfig": self.cluster_config,
                "StepConfig": self.step_config,
            }
        )

    def siblings(self) -> dict[str, Any]:
        return present({"CacheConfig": self.cache_config})
