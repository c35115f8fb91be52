"""Steps that start no job: models, decisions, other services. An entry comes in, keywords of a class go out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from dagwright.definition.conditions import MEMBERS
from dagwright.definition.expression import Computation, is_expression, unrolled
from dagwright.importing.layout import Node, call, quoted, row
from dagwright.importing.reading import Reading, UnsuitableError, is_literal, member, optional, patch, proposed_list
from dagwright.importing.values import Draft
from dagwright.models import BASELINES, METRICS
from dagwright.steps import present
from dagwright.writing import written

_CONTAINER = "InferenceSpecification.Containers"


def read_model(reading: Reading) -> None:
    """Keywords of a ModelStep."""
    textual = reading.draft.is_textual
    reading.need("image", "PrimaryContainer.Image", textual)
    reading.take("model_data", "PrimaryContainer.ModelDataUrl", textual)
    reading.take_map("environment", "PrimaryContainer.Environment")
    reading.take("role", "ExecutionRoleArn", textual)
    reading.take_network("VpcConfig")
    reading.take_switch("enable_network_isolation", "EnableNetworkIsolation")
    reading.take_tags()


def read_register(reading: Reading) -> None:
    """Keywords of a RegisterModelStep."""
    draft, textual = reading.draft, reading.draft.is_textual
    containers = reading.at(_CONTAINER)
    if not isinstance(containers, list) or len(containers) != 1:
        raise UnsuitableError("the model has not just one container")
    container = Reading({**reading.entry, "Arguments": containers[0]}, draft)
    container.need("image", "Image", textual)
    container.need("model_data", "ModelDataUrl", textual)
    container.take_map("environment", "Environment")
    container.take("framework", "Framework", is_literal)
    container.take("framework_version", "FrameworkVersion", is_literal)
    said = {keyword: draft.made(node) for keyword, node in container.keywords.items()}
    spelled = {"Image": said["image"], "ModelDataUrl": said["model_data"], "Environment": said.get("environment")}
    spelled |= {"Framework": said.get("framework"), "FrameworkVersion": said.get("framework_version")}
    more = patch(written(present(spelled)), containers[0])
    if more:
        container.keywords["container_overrides"] = draft.value(more)
    reading.keywords.update(container.keywords)
    for keyword, name in (
        ("content_types", "SupportedContentTypes"),
        ("response_types", "SupportedResponseMIMETypes"),
        ("inference_instances", "SupportedRealtimeInferenceInstanceTypes"),
        ("transform_instances", "SupportedTransformInstanceTypes"),
    ):
        reading.take_texts(keyword, f"InferenceSpecification.{name}")
    reading.need("model_package_group_name", "ModelPackageGroupName", textual)
    reading.take("approval_status", "ModelApprovalStatus", textual)
    for keyword, kind, path, names in (
        ("model_metrics", "ModelMetrics", "ModelMetrics", METRICS),
        ("drift_check_baselines", "DriftCheckBaselines", "DriftCheckBaselines", BASELINES),
    ):
        sources = {name: _metrics_source(draft, reading.at(f"{path}.{place}")) for name, place in names.items()}
        if any(source is not None for source in sources.values()):
            reading.keywords[keyword] = call(kind, **sources)
    reading.take_map("customer_metadata_properties", "CustomerMetadataProperties")
    for keyword, name in (("domain", "Domain"), ("task", "Task")):
        reading.take(keyword, name, is_literal)
    for keyword, name in (("sample_payload_url", "SamplePayloadUrl"), ("source_uri", "SourceUri")):
        reading.take(keyword, name, textual)
    if reading.at("SkipModelValidation") != "None":
        reading.take("skip_model_validation", "SkipModelValidation", textual)


def read_lambda(reading: Reading) -> None:
    """Keywords of a LambdaStep."""
    _read_service(reading, "function_arn", "FunctionArn", "Lambda")


def read_callback(reading: Reading) -> None:
    """Keywords of a CallbackStep."""
    _read_service(reading, "sqs_queue_url", "SqsQueueUrl", "Callback")


def read_emr(reading: Reading) -> None:
    """Keywords of an EMRStep."""
    draft, jar = reading.draft, "StepConfig.HadoopJarStep"
    config = call(
        "EMRStepConfig",
        draft.value(reading.at(f"{jar}.Jar")),
        args=optional(reading.at(f"{jar}.Args"), draft),
        main_class=optional(reading.at(f"{jar}.MainClass"), draft),
        properties=optional(reading.at(f"{jar}.Properties"), draft),
    )
    if not draft.says(config, reading.at("StepConfig")):
        raise UnsuitableError("its StepConfig is no EMRStepConfig")
    reading.keywords["step_config"] = config
    reading.take("cluster_id", "ClusterId", draft.is_textual)
    reading.take("cluster_config", "ClusterConfig", lambda value: isinstance(value, dict))
    reading.take("execution_role_arn", "ExecutionRoleArn", draft.is_textual)


def read_fail(reading: Reading) -> None:
    """Keywords of a FailStep."""
    reading.need("error_message", "ErrorMessage", reading.draft.is_text)


def read_condition(reading: Reading) -> None:
    """Keywords of a ConditionStep; its branches are those variables that hold the steps."""
    draft = reading.draft
    conditions = reading.at("Conditions")
    reading.keywords["conditions"] = row(
        unrolled(_condition(draft, one)) for one in (conditions if isinstance(conditions, list) else [])
    )
    for keyword, branch in (("if_steps", "IfSteps"), ("else_steps", "ElseSteps")):
        steps = reading.at(branch)
        if steps:
            reading.keywords[keyword] = row(branch_variables(draft, steps))


def branch_variables(draft: Draft, steps: Iterable[Mapping[str, Any]]) -> Iterable[Node]:
    """The variables of the steps of a branch; all of them are there before their condition."""
    return (draft.steps[str(step["Name"])] for step in steps)


def _condition(draft: Draft, one: Any) -> Computation:
    kind = member(one, "Type")
    if not isinstance(kind, str) or kind not in MEMBERS or one.keys() != {"Type", *MEMBERS[kind]}:
        raise UnsuitableError("a condition has not the members of its type")
    name = f"Condition{kind}"
    if kind == "Not":
        node = call(name, (yield _condition(draft, one["Condition"])))
    elif kind == "Or":
        parts = []
        for part in one["Conditions"] if isinstance(one["Conditions"], list) else []:
            parts.append((yield _condition(draft, part)))
        node = call(name, row(parts))
    elif kind == "In":
        values = one["Values"] if isinstance(one["Values"], list) else []
        node = call(name, _operand(draft, one["QueryValue"]), row(_operand(draft, value) for value in values))
    else:
        node = call(name, _operand(draft, one["LeftValue"]), _operand(draft, one["RightValue"]))
    return draft.shallow(node)


def _operand(draft: Draft, value: Any) -> Node:
    if isinstance(value, dict | list) and not is_expression(value):
        raise UnsuitableError("a condition compares what is no single value")
    return draft.value(value)


def _read_service(reading: Reading, keyword: str, name: str, kind: str) -> None:
    draft = reading.draft
    target = reading.entry.get(name)
    if target is None or not draft.is_textual(target):
        raise UnsuitableError(f"{name} is no text")
    reading.keywords[keyword] = draft.value(target)
    if reading.arguments:
        reading.keywords["inputs"] = draft.value(reading.arguments)
    proposed_list(reading, "outputs", reading.entry.get("OutputParameters"), lambda one: _output(draft, kind, one))


def _output(draft: Draft, kind: str, one: Any) -> Node | None:
    name, type_of = member(one, "OutputName"), member(one, "OutputType")
    if not is_literal(name) or type_of not in ("String", "Integer", "Boolean", "Float"):
        return None
    more = [] if type_of == "String" else [f"{kind}OutputTypeEnum.{type_of}"]
    node = call(f"{kind}Output", quoted(name), *more)
    return node if draft.says(node, one) else None


def _metrics_source(draft: Draft, one: Any) -> Node | None:
    if not isinstance(one, dict):
        return None
    node = call(
        "MetricsSource",
        draft.value(one.get("ContentType")),
        draft.value(one.get("S3Uri")),
        content_digest=optional(one.get("ContentDigest"), draft),
    )
    return node if draft.says(node, one) else None
