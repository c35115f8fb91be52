"""Which request the Arguments of a step are, and how the pipeline service's form of it differs from the API's.

Keys are the names of shapes in AWS's models. Sources: [sdk] the Arguments that Amazon's SDK (2.257 and 3.27,
workflow/*_step.py) writes and the members it refuses to write; [model] the documentation in botocore's model.
"""

from __future__ import annotations

from collections.abc import Mapping

from dagwright.shapes import PIPELINES, Shape

#: By type of step, the shape of its Arguments. [sdk]
REQUESTS: Mapping[str, Shape] = {
    "Processing": Shape("sagemaker", "CreateProcessingJobRequest"),
    "QualityCheck": Shape("sagemaker", "CreateProcessingJobRequest"),
    "ClarifyCheck": Shape("sagemaker", "CreateProcessingJobRequest"),
    "Training": Shape("sagemaker", "CreateTrainingJobRequest"),
    "Transform": Shape("sagemaker", "CreateTransformJobRequest"),
    "Tuning": Shape("sagemaker", "CreateHyperParameterTuningJobRequest"),
    "AutoML": Shape("sagemaker", "CreateAutoMLJobRequest"),
    "Model": Shape("sagemaker", "CreateModelInput"),
    "RegisterModel": Shape("sagemaker", "CreateModelPackageInput"),
    "EndpointConfig": Shape("sagemaker", "CreateEndpointConfigInput"),
    "Endpoint": Shape("sagemaker", "CreateEndpointInput"),
    "InferenceComponent": Shape("sagemaker", "CreateInferenceComponentInput"),
    "Job": Shape("sagemaker", "CreateJobRequest"),
    "Lineage": Shape(PIPELINES, "LineageArguments"),
    "EMR": Shape(PIPELINES, "EMRArguments"),
    "EMRServerless": Shape(PIPELINES, "EMRServerlessArguments"),
}

#: By key of the definition, the shape of its settings. [sdk]
TOP_LEVEL: Mapping[str, Shape] = {
    "PipelineExperimentConfig": Shape(PIPELINES, "PipelineExperimentConfig"),
    "MlflowConfig": Shape(PIPELINES, "MlflowConfig"),
}

#: Required members that the pipeline service fills in: names, which may stand there where the pipeline has a custom
#: prefix [sdk], and roles ("By default, each step takes on the pipeline execution role": developer guide, IAM access
#: management of pipelines).
LEFT_OUT: Mapping[str, frozenset[str]] = {
    "CreateProcessingJobRequest": frozenset({"ProcessingJobName", "RoleArn"}),
    "CreateTrainingJobRequest": frozenset({"TrainingJobName", "RoleArn"}),
    "CreateTransformJobRequest": frozenset({"TransformJobName"}),
    "CreateHyperParameterTuningJobRequest": frozenset({"HyperParameterTuningJobName"}),
    "HyperParameterTrainingJobDefinition": frozenset({"RoleArn"}),
    "CreateAutoMLJobRequest": frozenset({"AutoMLJobName", "RoleArn"}),
    "CreateModelInput": frozenset({"ModelName"}),
    "CreateEndpointConfigInput": frozenset({"EndpointConfigName"}),
    "CreateJobRequest": frozenset({"JobName", "RoleArn"}),
    "StepConfig": frozenset({"Name"}),
    "RunJobFlowInput": frozenset({"Name"}),
    "StartJobRunRequest": frozenset({"applicationId"}),
}

#: Members of the API that a pipeline must not have, and why. [sdk] where nothing else is said.
REFUSED: Mapping[str, Mapping[str, str]] = {
    "CreateModelPackageInput": dict.fromkeys(("ModelPackageName", "CertifyForMarketplace"), ""),
    "CreateEndpointConfigInput": dict.fromkeys(("DataCaptureConfig", "ExplainerConfig"), ""),
    "CreateEndpointInput": {"DeploymentConfig": ""},
    "CreateAutoMLJobRequest": dict.fromkeys(("ModelDeployConfig", "GenerateCandidateDefinitionsOnly"), ""),
    "ExperimentConfig": dict.fromkeys(
        ("ExperimentName", "TrialName", "RunName"), "the pipeline's PipelineExperimentConfig says it for all steps"
    ),
    "StepConfig": {"Name": "the step's name is taken"},
    "RunJobFlowInput": dict.fromkeys(("Name", "Steps", "AutoTerminationPolicy"), ""),
    "JobFlowInstancesConfig": dict.fromkeys(
        ("KeepJobFlowAliveWhenNoSteps", "TerminationProtected"), "the cluster lives as long as the step"
    ),
    # [model] "This field is read-only"
    "ProcessingClusterConfig": dict.fromkeys(
        ("SelectedInstanceType", "SelectedInstanceCount"), "only the response has it"
    ),
    "ResourceConfig": dict.fromkeys(("SelectedInstanceType", "SelectedInstanceCount"), "only the response has it"),
}

#: Members of which a structure has exactly one. [model], except JobFlowInstancesConfig and LineageEntity: [sdk]
EXACTLY_ONE: Mapping[str, tuple[str, ...]] = {
    "ProcessingInput": ("S3Input", "DatasetDefinition"),
    "ProcessingOutput": ("S3Output", "FeatureStoreOutput"),
    "DatasetDefinition": ("AthenaDatasetDefinition", "RedshiftDatasetDefinition"),
    "ProcessingClusterConfig": ("InstanceType", "InstancePreferences"),
    "CreateTrainingJobRequest": ("AlgorithmSpecification", "ServerlessJobConfig"),
    "AlgorithmSpecification": ("TrainingImage", "AlgorithmName"),
    "HyperParameterAlgorithmSpecification": ("TrainingImage", "AlgorithmName"),
    "ResourceConfig": ("InstanceType", "InstanceGroups", "InstancePreferences"),
    "CreateHyperParameterTuningJobRequest": ("TrainingJobDefinition", "TrainingJobDefinitions"),
    "HyperParameterTrainingJobDefinition": ("ResourceConfig", "HyperParameterTuningResourceConfig"),
    "HyperParameterTuningResourceConfig": ("InstanceType", "InstanceConfigs"),
    "CreateModelInput": ("PrimaryContainer", "Containers"),
    "ClarifyShapBaselineConfig": ("ShapBaseline", "ShapBaselineUri"),
    "JobFlowInstancesConfig": ("InstanceGroups", "InstanceFleets"),
    "LineageEntity": ("Arn", "Name"),
    "DataSource": ("S3DataSource", "FileSystemDataSource", "DatasetSource"),  # "the location of the channel data"
}

#: Members that a structure does not have beside another: the other, then these. [model]
NOT_BESIDE: Mapping[str, tuple[tuple[str, str], ...]] = {
    "CreateInferenceComponentInput": (("Specifications", "Specification"),),
    "ResourceConfig": (("InstancePreferences", "InstancePlacementConfig"),),
    "HyperParameterTuningResourceConfig": (("InstanceConfigs", "InstanceCount"), ("InstanceConfigs", "VolumeSizeInGB")),
    "LineageEntity": (("Arn", "Type"),),
    # "uses the tags associated with the model group. In this case, you cannot supply a tag argument."
    "CreateModelPackageInput": (("ModelPackageGroupName", "Tags"),),
}

#: Members that a structure needs beside another: the other, then these. CreateTrainingJob's API reference demands
#: ResourceConfig of every job that is not serverless, which the model cannot say; LineageEntity: [sdk].
NEEDED_BESIDE: Mapping[str, tuple[tuple[str, str], ...]] = {
    "CreateTrainingJobRequest": (("AlgorithmSpecification", "ResourceConfig"),),
    "LineageEntity": (("Name", "Type"),),
}

#: Members of no API that another rule (spot.py) speaks of.
SAID_ELSEWHERE: Mapping[str, frozenset[str]] = dict.fromkeys(
    (
        "CreateProcessingJobRequest",
        "ProcessingResources",
        "ProcessingClusterConfig",
        "ProcessingStoppingCondition",
    ),
    frozenset({"EnableManagedSpotTraining", "ManagedSpotTraining", "MaxWaitTimeInSeconds"}),
)
