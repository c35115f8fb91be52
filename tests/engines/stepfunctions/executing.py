"""A deployed state machine whose executions a test tells: `Running(aws)` is what Step Functions says of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from engines.stepfunctions.histories import Told
from scripted import NOON, Refusal, Scripted, sagemaker_arn

from dagwright.definition.graph import read_definition
from dagwright.engines.stepfunctions.compiler.machine import compile_machine
from dagwright.engines.stepfunctions.compiler.settings import MachineSettings

if TYPE_CHECKING:
    from aws import AWS

NAME = "rc-churn-training-dev"
ID = "20261121T120000-0a1b2c3d"
PLACE = "arn:aws:states:us-east-1:123456789012"
MACHINE = f"{PLACE}:stateMachine:{NAME}"
BUCKET = "acme-sm-rc-churn"
SOURCE = f"s3://{BUCKET}/pipelines/{NAME}/abc.json"
ROLE = "arn:aws:iam::123456789012:role/SageMaker-Rc-Churn-Dev-StepFunctionsRole"


def execution_arn(identity: str = ID, name: str = NAME) -> str:
    return f"{PLACE}:execution:{name}:{identity}"


class Running:
    """What the service says: `told` are an execution's events, `answers` overrides what it says of an execution."""

    def __init__(self, aws: AWS, scripted: Scripted, definition: str) -> None:
        self.aws, self.scripted, self.definition = aws, scripted, definition
        self.told: dict[str, Told] = {execution_arn(): Told()}
        self.says: dict[str, dict[str, Any]] = {execution_arn(): {}}
        self.machines: dict[str, str] = {execution_arn(): self.compiled()}
        s3 = aws.client("s3")
        s3.create_bucket(Bucket=BUCKET)
        s3.put_object(Bucket=BUCKET, Key=SOURCE.removeprefix(f"s3://{BUCKET}/"), Body=definition)
        self.states = aws.client("stepfunctions")
        self.states.create_state_machine(
            name=NAME, definition=self.compiled(), roleArn=ROLE, tags=[{"key": key, "value": value} for key, value in {
                "dagwright:project": "rc-churn", "dagwright:environment": "dev", "dagwright:pipeline": "training",
            }.items()], loggingConfiguration={"level": "ERROR", "includeExecutionData": False},
        )  # fmt: skip
        scripted.answers |= {
            "DescribeExecution": self._describe,
            "DescribeStateMachineForExecution": self._machine,
            "GetExecutionHistory": lambda asked: {"events": self.told[asked["executionArn"]].events[::-1]},
            "StartExecution": self._start,
        }

    def compiled(self) -> str:
        settings = MachineSettings(NAME, account_id="123456789012", job_prefix="rc-churn", source=SOURCE)
        return compile_machine(read_definition(self.definition), settings).text

    @property
    def first(self) -> Told:
        return self.told[execution_arn()]

    def over(self, status: str, arn: str = "", **more: Any) -> None:
        """The execution has ended so."""
        self.says[arn or execution_arn()] |= {"status": status, "stopDate": NOON + 120, **more}

    def _describe(self, asked: Mapping[str, Any]) -> Any:
        arn = asked["executionArn"]
        if arn not in self.says:
            return Refusal("ExecutionDoesNotExist", "Execution Does Not Exist")
        name, identity = arn.split(":")[6:]
        described = {
            "executionArn": arn,
            "stateMachineArn": f"{PLACE}:stateMachine:{name}",
            "name": identity,
            "status": "RUNNING",
            "startDate": NOON,
            "input": '{"Trees": 50}',
        }
        return {**described, **self.says[arn]}

    def _machine(self, asked: Mapping[str, Any]) -> Any:
        arn = asked["executionArn"]
        name = arn.split(":")[6]
        return {
            "stateMachineArn": f"{PLACE}:stateMachine:{name}", "name": name, "definition": self.machines[arn],
            "roleArn": ROLE, "updateDate": NOON,
        }  # fmt: skip

    def _start(self, asked: Mapping[str, Any]) -> Any:
        machine = ":".join(asked["stateMachineArn"].split(":")[:7])
        described = self.states.describe_state_machine(stateMachineArn=machine)
        arn = execution_arn(asked["name"], described["name"])
        self.machines[arn] = described["definition"]
        self.told.setdefault(arn, self.first)
        self.says[arn] = {**self.says[execution_arn()], "input": asked["input"]}
        return {"executionArn": arn, "startDate": NOON}

    def describes_jobs(self) -> None:
        """SageMaker says of every processing job that it has been done."""

        def describe(asked: Mapping[str, Any]) -> Any:
            arn = sagemaker_arn(f"processing-job/{asked['ProcessingJobName']}")
            return {**asked, "ProcessingJobArn": arn, "ProcessingJobStatus": "Completed"}

        self.scripted.answers["DescribeProcessingJob"] = describe


def definition(*steps: dict[str, Any]) -> str:
    parameters = [
        {"Name": "Trees", "Type": "Integer", "DefaultValue": 200},
        {"Name": "Fast", "Type": "Boolean", "DefaultValue": False},
    ]
    return json.dumps({"Version": "2020-12-01", "Parameters": parameters, "Steps": steps})


def processing(name: str, *needs: str, **arguments: Any) -> dict[str, Any]:
    cluster = {"InstanceType": "ml.t3.medium", "InstanceCount": 1, "VolumeSizeInGB": 1}
    return {
        "Name": name,
        "Type": "Processing",
        "DependsOn": list(needs),
        "Arguments": {
            "ProcessingResources": {"ClusterConfig": cluster},
            "AppSpecification": {"ImageUri": "example:1"},
            "RoleArn": "arn:aws:iam::123456789012:role/jobs",
            **arguments,
        },
    }
