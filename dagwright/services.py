"""Steps that call on other services: a Lambda function, a queue that answers, an EMR cluster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar

from dagwright.arguments import (
    as_text,
    mapping,
    of_kind,
    optional_text,
    required_literal,
    required_text,
    sequence,
    text,
    text_list,
)
from dagwright.properties import OutputProperties, Properties
from dagwright.refusals import Findings
from dagwright.shapes import EXTRA_MEMBERS, RESPONSES
from dagwright.steps import CacheConfig, Step, present
from dagwright.variables import Text

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from dagwright.emit import Emission
    from dagwright.steps import StepOptions


class OutputTypeEnum(Enum):
    """The type of a value that comes back from a Lambda function or a callback."""

    String = "String"
    Integer = "Integer"
    Boolean = "Boolean"
    Float = "Float"


# The SageMaker SDK has two names for these four types.
LambdaOutputTypeEnum = OutputTypeEnum
CallbackOutputTypeEnum = OutputTypeEnum


@dataclass(frozen=True)
class _Output:
    output_name: str
    output_type: OutputTypeEnum = OutputTypeEnum.String

    def __post_init__(self) -> None:
        found = Findings()
        required_literal(self.output_name, "output_name", found)
        hint = "OutputTypeEnum.String, .Integer, .Boolean or .Float"
        of_kind(self.output_type, OutputTypeEnum, "the type of an output", "output_type", found, hint)
        found.raise_any()

    def expression(self) -> dict[str, Any]:
        """The JSON of the declaration."""
        return {"OutputName": self.output_name, "OutputType": self.output_type}


class LambdaOutput(_Output):
    """A value of the flat object that a Lambda function returns."""


class CallbackOutput(_Output):
    """A value that whoever answers the message sends back."""


class _OutputStep(Step):
    """A step with free-form inputs and named outputs of its own kind."""

    output_kind: ClassVar[type[_Output]]

    def __init__(
        self,
        name: str,
        inputs: Mapping[str, Any] | None,
        outputs: Sequence[_Output] | None,
        cache_config: CacheConfig | None,
        **options: Unpack[StepOptions],
    ) -> None:
        super().__init__(name, **options)
        self.inputs = mapping(inputs, "inputs", self.found)
        kind = self.output_kind
        given = sequence(outputs, kind, f"a {kind.__name__}", "outputs", self.found)
        self.outputs = {one.output_name: one for one in given}
        self.cache_config = cache_config
        if len(self.outputs) < len(given):
            self.found.add("duplicate-output", "two outputs have one name", "", "OutputParameters")

    @property
    def properties(self) -> OutputProperties:
        """What comes back: `step.properties.Outputs["name"]`."""
        return OutputProperties(self, self.outputs)

    def arguments(self, emission: Emission) -> dict[str, Any]:
        return self.inputs


class LambdaStep(_OutputStep):
    """Call the Lambda function `function_arn` with `inputs` as its event."""

    type = "Lambda"
    output_kind = LambdaOutput

    def __init__(
        self,
        name: str,
        *,
        function_arn: Text,
        inputs: Mapping[str, Any] | None = None,
        outputs: Sequence[LambdaOutput] | None = (),
        cache_config: CacheConfig | None = None,
        **options: Unpack[StepOptions],
    ) -> None:
        super().__init__(name, inputs, outputs, cache_config, **options)
        self.function_arn = required_text(function_arn, "function_arn", self.found)

    def siblings(self) -> dict[str, Any]:
        parameters = list(self.outputs.values())
        members = {"CacheConfig": self.cache_config, "FunctionArn": self.function_arn, "OutputParameters": parameters}
        return present(members)


class CallbackStep(_OutputStep):
    """Put a message with a token and `inputs` into the queue `sqs_queue_url`, and wait until somebody answers."""

    type = "Callback"
    output_kind = CallbackOutput

    def __init__(
        self,
        name: str,
        *,
        sqs_queue_url: Text,
        inputs: Mapping[str, Any] | None = None,
        outputs: Sequence[CallbackOutput] | None = (),
        cache_config: CacheConfig | None = None,
        **options: Unpack[StepOptions],
    ) -> None:
        super().__init__(name, inputs, outputs, cache_config, **options)
        self.sqs_queue_url = required_text(sqs_queue_url, "sqs_queue_url", self.found)

    def siblings(self) -> dict[str, Any]:
        parameters = list(self.outputs.values())
        members = {"CacheConfig": self.cache_config, "SqsQueueUrl": self.sqs_queue_url, "OutputParameters": parameters}
        return present(members)


JavaProperties = Mapping[str, Text] | Sequence[Mapping[str, Text]] | Sequence[tuple[str, Text]]


@dataclass(frozen=True)
class EMRStepConfig:
    """What an EMR cluster runs: a jar with its arguments, main class and Java properties.

    `properties` are a map, or a list of `{"Key": …, "Value": …}` or of pairs.
    """

    jar: Text
    args: Sequence[object] | None = None
    main_class: Text | None = None
    properties: JavaProperties | None = None

    def __post_init__(self) -> None:
        found = Findings()
        required_text(self.jar, "StepConfig.HadoopJarStep.Jar", found)
        text_list(self.args, "StepConfig.HadoopJarStep.Args", found)
        optional_text(self.main_class, "StepConfig.HadoopJarStep.MainClass", found)
        field = "StepConfig.HadoopJarStep.Properties"
        if not isinstance(self.properties, Mapping):
            sequence(self.properties, object, "a property", field, found)
        for at, pair in enumerate(_pairs(self.properties)):
            if pair is None:
                found.add(
                    "bad-value", "a property has a Key and a Value", 'such as {"name": "value"}', f"{field}[{at}]"
                )
            else:
                text(pair[1], f"{field}['{pair[0]}']", found)
        found.raise_any()

    def expression(self) -> dict[str, Any]:
        """AWS's StepConfig."""
        properties = [{"Key": pair[0], "Value": as_text(pair[1])} for pair in _pairs(self.properties) if pair]
        jar_step = {
            "Jar": self.jar,
            "Args": [as_text(one) for one in self.args or ()] or None,
            "MainClass": self.main_class,
            "Properties": properties or None,
        }
        return {"HadoopJarStep": present(jar_step)}


def _pairs(properties: object) -> list[tuple[str, object] | None]:
    """Key and value of every property; None for what has not just these."""
    if isinstance(properties, Mapping):
        properties = list(properties.items())
    if isinstance(properties, str) or not isinstance(properties, Sequence):
        return []
    pairs = []
    for one in properties:
        key, value = None, None
        if isinstance(one, Mapping) and one.keys() == {"Key", "Value"}:
            key, value = one["Key"], one["Value"]
        elif isinstance(one, list | tuple) and len(one) == 2:
            key, value = one
        pairs.append((key, value) if isinstance(key, str) else None)
    return pairs


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
        hint = 'EMRStepConfig("command-runner.jar", [...])'
        of_kind(step_config, EMRStepConfig, "an EMRStepConfig", "step_config", self.found, hint)
        self.step_config = step_config
        self.cluster_id = optional_text(cluster_id, "ClusterId", self.found)
        self.cluster_config = cluster_config
        self.execution_role_arn = execution_role_arn
        self.cache_config = cache_config
        if (cluster_id is None) == (cluster_config is None):
            what = "an EMR step has a cluster_id or a cluster_config"
            self.found.add("bad-cluster", what, "give one of them", "ClusterId")

    @property
    def properties(self) -> Properties:
        """DescribeStep's `Step`, and `ClusterId`."""
        return Properties(self, "", RESPONSES[self.type], extra=EXTRA_MEMBERS[self.type])

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
