"""Processing, training, tuning and transform steps: an entry of the definition comes in, keywords of a class go out."""

from __future__ import annotations

import re
from typing import Any

from dagwright.importing.layout import Node, call, quoted, table
from dagwright.importing.reading import (
    Reading,
    UnsuitableError,
    is_literal,
    is_whole,
    member,
    optional,
    proposed_list,
    unless_default,
)
from dagwright.importing.values import number_or_text

# Where Amazon's SDK writes the machines of a tuning step.
_TUNING_RESOURCES = "HyperParameterTuningResourceConfig"
_RANGES = (
    ("IntegerParameterRanges", "IntegerParameter"),
    ("ContinuousParameterRanges", "ContinuousParameter"),
    ("CategoricalParameterRanges", "CategoricalParameter"),
)


def read_processing(reading: Reading) -> None:
    """Keywords of a ProcessingStep."""
    draft = reading.draft
    reading.need("image", "AppSpecification.ImageUri", draft.is_textual)
    reading.take_texts("entrypoint", "AppSpecification.ContainerEntrypoint")
    reading.take_texts("arguments", "AppSpecification.ContainerArguments")
    reading.take_map("environment", "Environment")
    proposed_list(reading, "inputs", reading.at("ProcessingInputs"), lambda one: _processing_input(reading, one))
    outputs = reading.at("ProcessingOutputConfig.Outputs")
    if proposed_list(reading, "outputs", outputs, lambda one: _processing_output(reading, one)):
        reading.take("output_kms_key", "ProcessingOutputConfig.KmsKeyId", draft.is_textual)
        files = reading.entry.get("PropertyFiles")
        proposed_list(reading, "property_files", files, lambda one: property_file(reading, one))
    reading.take("role", "RoleArn", draft.is_textual)
    _read_machines(reading, "ProcessingResources.ClusterConfig")
    reading.take("max_runtime_in_seconds", "StoppingCondition.MaxRuntimeInSeconds", draft.is_count)
    reading.take_network("NetworkConfig.VpcConfig")
    reading.take_switch("enable_network_isolation", "NetworkConfig.EnableNetworkIsolation")
    reading.take_switch("encrypt_inter_container_traffic", "NetworkConfig.EnableInterContainerTrafficEncryption")
    reading.take_tags()
    _say_where_code_goes(reading)


def read_training(reading: Reading) -> None:
    """Keywords of a TrainingStep."""
    reading.need("image", "AlgorithmSpecification.TrainingImage", reading.draft.is_textual)
    reading.take_texts("container_entry_point", "AlgorithmSpecification.ContainerEntrypoint")
    reading.take_texts("container_arguments", "AlgorithmSpecification.ContainerArguments")
    _read_training_job(reading, "", "HyperParameters")
    reading.take("keep_alive_period_in_seconds", "ResourceConfig.KeepAlivePeriodInSeconds", is_whole)
    reading.take_tags()


def read_tuning(reading: Reading) -> None:
    """Keywords of a TuningStep."""
    draft, job = reading.draft, "TrainingJobDefinition."
    reading.need("image", f"{job}AlgorithmSpecification.TrainingImage", draft.is_textual)
    config = "HyperParameterTuningJobConfig."
    objective = f"{config}HyperParameterTuningJobObjective."
    reading.need("objective_metric_name", f"{objective}MetricName", is_literal)
    reading.take("objective_type", f"{objective}Type", is_literal)
    reading.keywords["hyperparameter_ranges"] = _ranges(reading, reading.at(f"{config}ParameterRanges"))
    reading.take("strategy", f"{config}Strategy", is_literal)
    reading.need("max_jobs", f"{config}ResourceLimits.MaxNumberOfTrainingJobs", draft.is_count)
    reading.need("max_parallel_jobs", f"{config}ResourceLimits.MaxParallelTrainingJobs", draft.is_count)
    reading.take("early_stopping_type", f"{config}TrainingJobEarlyStoppingType", is_literal)
    reading.take("random_seed", f"{config}RandomSeed", is_whole)
    _read_training_job(reading, job, "StaticHyperParameters")
    if reading.at(f"{job}{_TUNING_RESOURCES}") is not None and reading.at(f"{job}ResourceConfig") is None:
        reading.keywords["resource_member"] = quoted(_TUNING_RESOURCES)
        _read_machines(reading, f"{job}{_TUNING_RESOURCES}")
    reading.take_tags()


def read_transform(reading: Reading) -> None:
    """Keywords of a TransformStep."""
    draft, source = reading.draft, "TransformInput.DataSource.S3DataSource."
    reading.need("model_name", "ModelName", draft.is_textual)
    reading.need("data", f"{source}S3Uri", draft.is_textual)
    if reading.at(f"{source}S3DataType") != "S3Prefix":
        reading.take("data_type", f"{source}S3DataType", is_literal)
    for keyword, path in (
        ("content_type", "TransformInput.ContentType"),
        ("compression_type", "TransformInput.CompressionType"),
        ("split_type", "TransformInput.SplitType"),
        ("output_path", "TransformOutput.S3OutputPath"),
        ("accept", "TransformOutput.Accept"),
        ("assemble_with", "TransformOutput.AssembleWith"),
        ("input_filter", "DataProcessing.InputFilter"),
        ("output_filter", "DataProcessing.OutputFilter"),
        ("join_source", "DataProcessing.JoinSource"),
        ("strategy", "BatchStrategy"),
        ("output_kms_key", "TransformOutput.KmsKeyId"),
    ):
        reading.take(keyword, path, draft.is_textual)
    reading.take("max_concurrent_transforms", "MaxConcurrentTransforms", draft.is_count)
    reading.take("max_payload_in_mb", "MaxPayloadInMB", draft.is_count)
    reading.take_map("environment", "Environment")
    _read_machines(reading, "TransformResources")
    reading.take_tags()


def property_file(reading: Reading, one: Any) -> Node | None:
    """The variable of a property file, or the file itself; None for what is none."""
    draft, name = reading.draft, member(one, "PropertyFileName")
    variable = draft.files.get((str(reading.entry["Name"]), str(name)))
    if variable is not None:
        return variable
    node = property_file_call(one)
    return node if node is not None and draft.says(node, one) else None


def property_file_call(one: Any) -> Node | None:
    """A PropertyFile; None for what has not its three texts."""
    texts = [member(one, name) for name in ("PropertyFileName", "OutputName", "FilePath")]
    if not all(map(is_literal, texts)):
        return None
    name, output, path = map(quoted, texts)
    return call("PropertyFile", name, output_name=output, path=path)


def _read_machines(reading: Reading, path: str) -> None:
    draft = reading.draft
    reading.take("instance_type", f"{path}.InstanceType", draft.is_textual)
    reading.take("instance_count", f"{path}.InstanceCount", draft.is_count)
    reading.take("volume_size_in_gb", f"{path}.VolumeSizeInGB", draft.is_count)
    reading.take("volume_kms_key", f"{path}.VolumeKmsKeyId", draft.is_textual)


def _read_training_job(reading: Reading, job: str, hyperparameters: str) -> None:
    """What training and tuning jobs have in common."""
    draft = reading.draft
    reading.take_map("hyperparameters", f"{job}{hyperparameters}", number_or_text)
    _read_channels(reading, reading.at(f"{job}InputDataConfig"))
    reading.take("output_path", f"{job}OutputDataConfig.S3OutputPath", draft.is_textual)
    reading.take("output_kms_key", f"{job}OutputDataConfig.KmsKeyId", draft.is_textual)
    reading.take("metric_definitions", f"{job}AlgorithmSpecification.MetricDefinitions", _are_maps)
    reading.take_map("environment", f"{job}Environment")
    if reading.at(f"{job}AlgorithmSpecification.TrainingInputMode") != "File":
        reading.take("input_mode", f"{job}AlgorithmSpecification.TrainingInputMode", is_literal)
    if draft.is_count(reading.at(f"{job}StoppingCondition.MaxWaitTimeInSeconds")):
        reading.take("use_spot_instances", f"{job}EnableManagedSpotTraining", lambda value: value is True)
        if "use_spot_instances" in reading.keywords:
            reading.take("max_wait_in_seconds", f"{job}StoppingCondition.MaxWaitTimeInSeconds", draft.is_count)
    reading.take("checkpoint_s3_uri", f"{job}CheckpointConfig.S3Uri", draft.is_textual)
    if "checkpoint_s3_uri" in reading.keywords:
        reading.take("checkpoint_local_path", f"{job}CheckpointConfig.LocalPath", is_literal)
    reading.take("role", f"{job}RoleArn", draft.is_textual)
    _read_machines(reading, f"{job}ResourceConfig")
    reading.take("max_runtime_in_seconds", f"{job}StoppingCondition.MaxRuntimeInSeconds", draft.is_count)
    reading.take_network(f"{job}VpcConfig")
    reading.take_switch("enable_network_isolation", f"{job}EnableNetworkIsolation")
    reading.take_switch("encrypt_inter_container_traffic", f"{job}EnableInterContainerTrafficEncryption")
    if reading.at(f"{job}{hyperparameters}.sagemaker_submit_directory") is not None:
        what = "your own code: entry_point=… and source_dir=… in the place of the hyperparameters sagemaker_…"
        reading.comments["hyperparameters"] = what


def _read_channels(reading: Reading, channels: Any) -> None:
    """Propose the channels if each has a name of its own, and nothing that a TrainingInput cannot say."""
    if not isinstance(channels, list):
        return
    named = {name: one for one in channels if is_literal(name := member(one, "ChannelName"))}
    nodes = {name: _channel(reading, name, one) for name, one in named.items()}
    if len(named) == len(channels) and all(node is not None for node in nodes.values()):
        reading.keywords["inputs"] = table((name, node) for name, node in nodes.items() if node is not None)


def _channel(reading: Reading, name: str, one: Any) -> Node | None:
    draft, source = reading.draft, "DataSource.S3DataSource"
    address = member(one, f"{source}.S3Uri")
    if address is None:
        return None
    node = call(
        "TrainingInput",
        draft.value(address),
        content_type=optional(member(one, "ContentType"), draft),
        distribution=unless_default(member(one, f"{source}.S3DataDistributionType"), "FullyReplicated", draft),
        s3_data_type=unless_default(member(one, f"{source}.S3DataType"), "S3Prefix", draft),
        compression=optional(member(one, "CompressionType"), draft),
        record_wrapping=optional(member(one, "RecordWrapperType"), draft),
        input_mode=optional(member(one, "InputMode"), draft),
        attribute_names=optional(member(one, f"{source}.AttributeNames"), draft),
        shuffle_seed=optional(member(one, "ShuffleConfig.Seed"), draft),
    )
    return node if draft.says(node, one, name) else None


def _processing_input(reading: Reading, one: Any) -> Node | None:
    draft, name = reading.draft, member(one, "InputName")
    if not is_literal(name):
        return None
    dataset, managed = member(one, "DatasetDefinition"), optional(member(one, "AppManaged"), draft)
    if dataset is not None:
        node = call(
            "ProcessingInput", input_name=quoted(name), dataset_definition=draft.value(dataset), app_managed=managed
        )
    else:
        node = call(
            "ProcessingInput",
            draft.value(member(one, "S3Input.S3Uri")),
            draft.value(member(one, "S3Input.LocalPath")),
            quoted(name),
            s3_data_type=unless_default(member(one, "S3Input.S3DataType"), "S3Prefix", draft),
            s3_input_mode=unless_default(member(one, "S3Input.S3InputMode"), "File", draft),
            s3_data_distribution_type=unless_default(
                member(one, "S3Input.S3DataDistributionType"), "FullyReplicated", draft
            ),
            s3_compression_type=unless_default(member(one, "S3Input.S3CompressionType"), "None", draft),
            app_managed=managed,
        )
    return node if draft.says(node, one, name) else None


def _processing_output(reading: Reading, one: Any) -> Node | None:
    draft, name = reading.draft, member(one, "OutputName")
    if not is_literal(name):
        return None
    address = member(one, "S3Output.S3Uri")
    destination, mode = optional(address, draft), member(one, "S3Output.S3UploadMode")
    node = call(
        "ProcessingOutput",
        source=optional(member(one, "S3Output.LocalPath"), draft),
        destination=destination,
        output_name=quoted(name),
        s3_upload_mode=unless_default(mode, "EndOfJob", draft) if destination is not None else None,
        app_managed=optional(member(one, "AppManaged"), draft),
        feature_store_output=optional(member(one, "FeatureStoreOutput"), draft),
    )
    given = None if destination is None else draft.made(destination)
    return node if draft.says(node, one, name, given) else None


def _ranges(reading: Reading, groups: Any) -> Node:
    members: list[tuple[str, Node]] = []
    for group, kind in _RANGES:
        ranges = member(groups, group)
        for one in ranges if isinstance(ranges, list) else []:
            if not is_literal(member(one, "Name")):
                raise UnsuitableError("a range has no name")
            members.append((one["Name"], _range(reading, kind, one)))
    return table(members)


def _range(reading: Reading, kind: str, one: Any) -> Node:
    draft = reading.draft
    if kind == "CategoricalParameter":
        values = member(one, "Values")
        return call(kind, draft.row(values if isinstance(values, list) else []))
    low, high = (_number(reading, member(one, end)) for end in ("MinValue", "MaxValue"))
    return call(kind, low, high, scaling_type=unless_default(member(one, "ScalingType"), "Auto", draft))


def _number(reading: Reading, value: Any) -> Node:
    return number_or_text(value) if isinstance(value, str) else reading.draft.value(value)


def _are_maps(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, dict) for one in value)


def _say_where_code_goes(reading: Reading) -> None:
    """Above the entrypoint: how a file of the project takes the place of a script in S3."""
    inputs = reading.at("ProcessingInputs")
    named = [member(one, "InputName") for one in inputs] if isinstance(inputs, list) else []
    entrypoint = reading.at("AppSpecification.ContainerEntrypoint")
    last = entrypoint[-1] if isinstance(entrypoint, list) and entrypoint else None
    if "entrypoint" not in reading.keywords or "code" not in named or not isinstance(last, str):
        return
    if "entrypoint" in named:
        what = "your own code: source_dir=… and code=… in the place of entrypoint and of the inputs code and entrypoint"
    else:
        name = re.sub(r"[^A-Za-z0-9_.-]", "", last.rpartition("/")[2])[:60]
        what = f'your own code: code="scripts/{name}" in the place of entrypoint and of the input code'
    reading.comments["entrypoint"] = what
