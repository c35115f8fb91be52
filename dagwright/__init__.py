"""One ML pipeline definition in Python; three places to run it. In come declarations, out comes AWS's own JSON.

The names below are the authoring vocabulary. Each is imported when it is first asked for, so that a program pays
only for what it uses.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dagwright.code import Asset
    from dagwright.conditions import (
        Condition,
        ConditionEquals,
        ConditionGreaterThan,
        ConditionGreaterThanOrEqualTo,
        ConditionIn,
        ConditionLessThan,
        ConditionLessThanOrEqualTo,
        ConditionNot,
        ConditionOr,
    )
    from dagwright.errors import (
        AWSError,
        ConfigurationError,
        DagwrightError,
        DefinitionError,
        ExecutionError,
        ParameterError,
        Problem,
        StorageError,
        UserError,
    )
    from dagwright.flow import ConditionStep, FailStep
    from dagwright.functions import (
        ExecutionVariables,
        Join,
        JsonGet,
        PipelineExperimentConfigProperties,
    )
    from dagwright.input_sizes import InputSize
    from dagwright.models import (
        DriftCheckBaselines,
        MetricsSource,
        ModelMetrics,
        ModelStep,
        RegisterModelStep,
    )
    from dagwright.parameters import (
        Parameter,
        ParameterBoolean,
        ParameterFloat,
        ParameterInteger,
        ParameterString,
    )
    from dagwright.pipeline import Pipeline, PipelineExperimentConfig
    from dagwright.processing import (
        ProcessingInput,
        ProcessingOutput,
        ProcessingStep,
        PropertyFile,
    )
    from dagwright.project import Project, load_project
    from dagwright.properties import Properties, PropertyError
    from dagwright.retry import (
        RetryPolicy,
        SageMakerJobExceptionTypeEnum,
        SageMakerJobStepRetryPolicy,
        StepExceptionTypeEnum,
        StepRetryPolicy,
    )
    from dagwright.schedules import Schedule
    from dagwright.services import (
        CallbackOutput,
        CallbackOutputTypeEnum,
        CallbackStep,
        EMRStep,
        EMRStepConfig,
        LambdaOutput,
        LambdaOutputTypeEnum,
        LambdaStep,
        OutputTypeEnum,
    )
    from dagwright.spark import SparkStep
    from dagwright.steps import CacheConfig, Step
    from dagwright.training import TrainingInput, TrainingStep
    from dagwright.transform import TransformStep
    from dagwright.tuning import (
        CategoricalParameter,
        ContinuousParameter,
        IntegerParameter,
        ParameterRange,
        TuningStep,
    )
    from dagwright.variables import PipelineVariable
    from dagwright.verbatim import Verbatim, VerbatimParameter, VerbatimStep

__version__ = "0.1.0"

_HOMES = {
    "Asset": "code",
    "Condition": "conditions",
    "ConditionEquals": "conditions",
    "ConditionGreaterThan": "conditions",
    "ConditionGreaterThanOrEqualTo": "conditions",
    "ConditionIn": "conditions",
    "ConditionLessThan": "conditions",
    "ConditionLessThanOrEqualTo": "conditions",
    "ConditionNot": "conditions",
    "ConditionOr": "conditions",
    "AWSError": "errors",
    "ConfigurationError": "errors",
    "DagwrightError": "errors",
    "DefinitionError": "errors",
    "ExecutionError": "errors",
    "ParameterError": "errors",
    "Problem": "errors",
    "StorageError": "errors",
    "UserError": "errors",
    "ConditionStep": "flow",
    "FailStep": "flow",
    "ExecutionVariables": "functions",
    "Join": "functions",
    "JsonGet": "functions",
    "PipelineExperimentConfigProperties": "functions",
    "InputSize": "input_sizes",
    "DriftCheckBaselines": "models",
    "MetricsSource": "models",
    "ModelMetrics": "models",
    "ModelStep": "models",
    "RegisterModelStep": "models",
    "Parameter": "parameters",
    "ParameterBoolean": "parameters",
    "ParameterFloat": "parameters",
    "ParameterInteger": "parameters",
    "ParameterString": "parameters",
    "Pipeline": "pipeline",
    "PipelineExperimentConfig": "pipeline",
    "ProcessingInput": "processing",
    "ProcessingOutput": "processing",
    "ProcessingStep": "processing",
    "PropertyFile": "processing",
    "Project": "project",
    "load_project": "project",
    "Properties": "properties",
    "PropertyError": "properties",
    "RetryPolicy": "retry",
    "SageMakerJobExceptionTypeEnum": "retry",
    "SageMakerJobStepRetryPolicy": "retry",
    "StepExceptionTypeEnum": "retry",
    "StepRetryPolicy": "retry",
    "Schedule": "schedules",
    "CallbackOutput": "services",
    "CallbackOutputTypeEnum": "services",
    "CallbackStep": "services",
    "EMRStep": "services",
    "EMRStepConfig": "services",
    "LambdaOutput": "services",
    "LambdaOutputTypeEnum": "services",
    "LambdaStep": "services",
    "OutputTypeEnum": "services",
    "SparkStep": "spark",
    "CacheConfig": "steps",
    "Step": "steps",
    "TrainingInput": "training",
    "TrainingStep": "training",
    "TransformStep": "transform",
    "CategoricalParameter": "tuning",
    "ContinuousParameter": "tuning",
    "IntegerParameter": "tuning",
    "ParameterRange": "tuning",
    "TuningStep": "tuning",
    "PipelineVariable": "variables",
    "Verbatim": "verbatim",
    "VerbatimParameter": "verbatim",
    "VerbatimStep": "verbatim",
}

__all__ = [
    "AWSError",
    "Asset",
    "CacheConfig",
    "CallbackOutput",
    "CallbackOutputTypeEnum",
    "CallbackStep",
    "CategoricalParameter",
    "Condition",
    "ConditionEquals",
    "ConditionGreaterThan",
    "ConditionGreaterThanOrEqualTo",
    "ConditionIn",
    "ConditionLessThan",
    "ConditionLessThanOrEqualTo",
    "ConditionNot",
    "ConditionOr",
    "ConditionStep",
    "ConfigurationError",
    "ContinuousParameter",
    "DagwrightError",
    "DefinitionError",
    "DriftCheckBaselines",
    "EMRStep",
    "EMRStepConfig",
    "ExecutionError",
    "ExecutionVariables",
    "FailStep",
    "InputSize",
    "IntegerParameter",
    "Join",
    "JsonGet",
    "LambdaOutput",
    "LambdaOutputTypeEnum",
    "LambdaStep",
    "MetricsSource",
    "ModelMetrics",
    "ModelStep",
    "OutputTypeEnum",
    "Parameter",
    "ParameterBoolean",
    "ParameterError",
    "ParameterFloat",
    "ParameterInteger",
    "ParameterRange",
    "ParameterString",
    "Pipeline",
    "PipelineExperimentConfig",
    "PipelineExperimentConfigProperties",
    "PipelineVariable",
    "Problem",
    "ProcessingInput",
    "ProcessingOutput",
    "ProcessingStep",
    "Project",
    "Properties",
    "PropertyError",
    "PropertyFile",
    "RegisterModelStep",
    "RetryPolicy",
    "SageMakerJobExceptionTypeEnum",
    "SageMakerJobStepRetryPolicy",
    "Schedule",
    "SparkStep",
    "Step",
    "StepExceptionTypeEnum",
    "StepRetryPolicy",
    "StorageError",
    "TrainingInput",
    "TrainingStep",
    "TransformStep",
    "TuningStep",
    "UserError",
    "Verbatim",
    "VerbatimParameter",
    "VerbatimStep",
    "__version__",
    "load_project",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'dagwright' has no attribute {name!r}")
    value = getattr(import_module(f"dagwright.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
