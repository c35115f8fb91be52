"""Every rule of `validate`: its code, how much it counts, and in a sentence what it finds.

The page docs/validating.md shows this table; a broken example of each is in tests/broken/.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

#: How much a rule counts. What keeps a definition from being read is an error that no project can lower.
STRUCTURE, ERROR, WARNING = "structure", "error", "warning"
#: The project's own rules: warnings where one tries things out, errors where it counts (staging, production).
PROJECT = "project"


class Rule(NamedTuple):
    """One rule: `weight` is one of the four words above."""

    weight: str
    finds: str


_STRUCTURE = {
    "not-json": "a text that is not JSON, or not an object, or holds a number above 1.8e308",
    "duplicate-key": "two members of one name in one object",
    "no-steps": "a definition without a list of Steps",
    "step-shape": "a step that is not an object",
    "step-without-name": "a step without a Name",
    "step-without-type": "a step without a Type",
    "arguments-shape": "Arguments that are not an object",
    "condition-shape": "Conditions, IfSteps or ElseSteps that are not a list",
    "depends-on-shape": "DependsOn that is not a list of step names",
    "property-file-shape": "a property file without name, output or path",
    "parameters-shape": "Parameters that are not a list",
    "parameter-shape": "a parameter that is not an object",
    "parameter-without-name": "a parameter without a Name",
    "unknown-parameter-type": "a parameter of a type that does not exist",
    "duplicate-step": "two steps of one name, in branches too",
    "duplicate-parameter": "two parameters of one name",
    "duplicate-property-file": "two property files of one name on a step",
    "malformed-expression": "a Get, Std:Join or Std:JsonGet that cannot be read",
    "unknown-step": "the name of a step that does not exist",
    "unknown-parameter": "the name of a parameter that does not exist",
    "unknown-property-file": "the name of a property file that does not exist",
    "unknown-output": "a property file of an output that does not exist",
    "depends-on-fail": "a step that waits for a Fail step",
    "cycle": "steps that wait for each other",
}
_ERRORS = {
    "bad-version": "a Version other than 2020-12-01",
    "empty-pipeline": "a pipeline without steps",
    "bad-name": "a name of other than 1 to 64 letters, digits, `-` and `_`",
    "unknown-parameter-key": "a key that no parameter has",
    "unknown-step-key": "a key that no step has",
    "key-of-other-type": "a key that steps of other types have: CacheConfig on a Model",
    "missing-step-key": "a key that the type of step needs: FunctionArn, SqsQueueUrl, CheckType",
    "bad-step-value": "a key of a step that holds what it cannot hold",
    "unknown-argument": "a member that Condition or Fail steps do not have",
    "bad-output-parameter": "output parameters of a Lambda or Callback step without name or type, doubled, or over 50",
    "emr-cluster": "an EMR or EMR Serverless step with neither or both of a cluster and what to make one of",
    "bad-cache-config": "CacheConfig without Enabled, or with other members",
    "bad-duration": "ExpireAfter that is no duration",
    "bad-retry-policy": "a retry policy that says nothing, too much, or numbers out of range",
    "bad-retry-exception": "a retry policy for a failure that does not exist or that the step cannot have",
    "bad-property-files": "PropertyFiles that are not a list, or with other members",
    "bad-trigger": "DependsOn an ending that does not exist, or with other members",
    "parameter-without-type": "a parameter without a Type",
    "default-not-of-type": "a default that is not of the parameter's type",
    "default-not-in-enum": "a default that is not among EnumValues",
    "default-too-long": "a default of over 4096 characters (a warning from 1025 on: a start takes 1024)",
    "bad-enum-values": "EnumValues that are not a list of values of the parameter's type",
    "too-many-parameters": "more than 200 parameters",
    "text-too-long": "a DisplayName or Description that is too long",
    "nested-condition": "a condition in the branch of another (for SageMaker)",
    "depends-on-condition": "DependsOn with the name of a condition (for SageMaker)",
    "never-runs": "a step that waits for both branches of a condition",
    "malformed-condition": "a condition of an unknown type, without its operands, or with other members",
    "incomparable": "a comparison of what can never be compared",
    "volume-key-on-nvme": "a volume key for an instance type with local NVMe disks, which refuses it",
    "bad-spot-wait": "Spot training without MaxWaitTimeInSeconds, or less of it than MaxRuntimeInSeconds",
    "spot-on-processing": "Spot asked for on a processing job",
    "unknown-member": "a member that AWS's model does not know, in Arguments or in an expression",
    "missing-member": "a member of Arguments that AWS demands",
    "refused-member": "a member of the API that a pipeline must not have",
    "exclusive-members": "members of Arguments that exclude each other",
    "null-member": "a null where a value has to stand",
    "wrong-type": "a value of another type than AWS's model says (a warning for 5.0 instead of 5)",
    "not-in-enum": "a value that AWS's model does not list: an instance type, a mode",
    "pattern-mismatch": "a value without the form AWS demands: an ARN, an S3 address (a warning for an empty default)",
    "out-of-range": "a number that is too small or too large",
    "wrong-size": "too few or too many characters or entries",
    "expression-for-structure": "an expression where a list or an object has to be written out",
    "expression-type": "an expression of another type than its place wants",
    "bad-local-path": "a LocalPath outside /opt/ml/processing/",
    "gzip-without-pipe": "Gzip input without Pipe mode",
    "stream-without-pipe": "RecordIO or an augmented manifest without Pipe mode",
    "duplicate-input": "two inputs of one name",
    "duplicate-output": "two outputs of one name",
    "duplicate-channel": "two channels of one name",
    "duplicate-tag": "two tags of one key",
    "wait-without-spot": "MaxWaitTimeInSeconds without Spot training",
    "auto-ml-mode": "an AutoML step in another mode than ENSEMBLING",
    "unknown-property": "a property that no step of its type has",
    "unknown-name": "an output, metric or hyperparameter that the step does not have",
    "bad-key": "a property path that counts what goes by name, or names what is counted",
    "no-properties": "a property of a step of a type that has none",
    "not-a-single-value": "a property that is a list or an object (a warning in a free payload)",
    "property-file-as-value": "a property file where a value has to stand",
    "unknown-variable": "an execution or experiment variable that does not exist",
    "outside-for-each": "a value of an iteration outside a ForEach step",
    "image-in-other-region": "an image in another Region than the project's",
    "unknown-region": "a Region that does not exist (a warning if it may be newer than botocore)",
}
_WARNINGS = {
    "unknown-key": "a key that no definition has",
    "unknown-step-type": "a type of step that is not known and so not checked",
    "unused-parameter": "a parameter that nothing reads",
    "enum-not-of-text": "EnumValues on a parameter that is not a String",
    "lenient-duration": "ExpireAfter that works without being ISO 8601: 30d, T12H",
    "retry-without-effect": "a retry policy for a failure that the step never tries again",
    "fail-without-message": "a Fail step that does not say why",
    "no-conditions": "a Condition step without conditions",
    "mixed-comparison": "a text compared with a number or a boolean",
    "waits-for-branch": "a step that runs only if another step's branch is taken",
    "path-without-order": "a step that reads an S3 address another writes, without waiting for it",
    "same-local-path": "two inputs or outputs with one LocalPath",
    "job-name-outside-job": "Execution.TrainingJobName or ProcessingJobName in a step of another type",
    "json-get-without-order": "a JsonGet by address in a step that waits for no other",
    "large-definition": "a definition of over 1 MiB, which AWS takes only from S3",
    "self-approval": "a model that is registered as Approved",
    "unknown-check": "a rule in `checks` that does not exist",
    "fixed-check": "a rule in `checks` that cannot be lowered",
}
_PROJECT = {
    "no-volume-key": "a job without a key for its volume",
    "no-output-key": "a job without a key for what it writes to S3",
    "no-vpc": "a job or model outside a VPC",
    "no-time-limit": "a job without a time limit",
    "unencrypted-traffic": "a job whose instances talk to each other unencrypted",
    "needs-network": "network isolation on a container that needs the network",
    "image-by-tag": "an image that is not named by its digest",
    "digest-of-nothing": "an image whose digest is all noughts: it was never pushed",
    "spot-without-checkpoint": "Spot training without a checkpoint",
    "secret": "a password, token or key written into the definition",
}

RULES: Mapping[str, Rule] = {
    code: Rule(weight, finds)
    for weight, codes in ((STRUCTURE, _STRUCTURE), (ERROR, _ERRORS), (WARNING, _WARNINGS), (PROJECT, _PROJECT))
    for code, finds in codes.items()
}
