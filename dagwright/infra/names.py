"""What everything around a project's pipelines is called: a project comes in, names and ARNs go out.

The names of what an environment has for itself end in the environment where several share an account.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dagwright.project import Project

#: Log groups that SageMaker writes to, of which an account has one each in a Region (SageMaker developer guide,
#: "Log groups and streams"), by the kinds of `infra.retention`.
JOB_LOG_GROUPS = {
    "processing": "/aws/sagemaker/ProcessingJobs",
    "training": "/aws/sagemaker/TrainingJobs",
    "transform": "/aws/sagemaker/TransformJobs",
}
#: What SageMaker Pipelines calls jobs that it starts: `pipelines-<execution>-<step>-<random>`.
OF_PIPELINES = "pipelines-"
#: The roles of workflows, and the one that triggers have: logical ids, and the last words of their names.
DEPLOYER_ROLE, PLAN_ROLE, TRIGGER_ROLE = "DeployerRole", "PlanRole", "TriggerRole"
_DERIVED = ("rest", "part")
#: Folders below the prefix of the code. What plans of pull requests put there is nothing that a deployment ever reads:
#: templates are found by their hash, and whoever could write where a deployment looks could leave another there before.
TEMPLATES, PLANNED, TRIGGERS = "infra", "infra-plans", "trigger"


def shortened(name: str, most: int) -> str:
    """The name, with a digest for its end if it has more characters than AWS takes."""
    return name if len(name) <= most else f"{name[: most - 9]}-{sha256(name.encode()).hexdigest()[:8]}"


@dataclass(frozen=True)
class Names:
    """The names of one project and environment.

    >>> Names(project).arn("sagemaker", "pipeline/rc-churn-training")
    'arn:aws:sagemaker:us-east-1:123456789012:pipeline/rc-churn-training'
    """

    project: Project

    def arn(self, service: str, resource: str) -> str:
        """The ARN of a resource of this account and Region."""
        one = self.project
        return f"arn:{one.partition}:{service}:{one.region}:{one.account_id}:{resource}"

    def role(self, word: str) -> str:
        """The ARN of a role that the stack makes: `SageMaker-{Team}-{Project}-{word}`."""
        return f"arn:{self.project.partition}:iam::{self.project.account_id}:role/{self.project.role_stem}-{word}"

    def policy(self, word: str) -> str:
        """The ARN of a managed policy that the stack makes."""
        return self.role(word).replace(":role/", ":policy/")

    @property
    def stem(self) -> str:
        return self.project.stem

    @property
    def trigger_role(self) -> str:
        return self.role(TRIGGER_ROLE)

    @property
    def deployer_role(self) -> str:
        return self.role(DEPLOYER_ROLE)

    @property
    def plan_role(self) -> str:
        return self.role(PLAN_ROLE)

    @property
    def bucket(self) -> str:
        return f"arn:{self.project.partition}:s3:::{self.project.bucket}"

    def objects(self, *prefixes: str) -> list[str]:
        """ARNs of the bucket's objects below key prefixes, of which the features' has a `{version}` that varies."""
        parts = [prefix.partition("{version}") for prefix in prefixes]
        return [f"{self.bucket}/{fixed}*" if varies else f"{self.bucket}/{fixed}/*" for fixed, varies, _ in parts]

    @property
    def pipelines(self) -> str:
        """Every pipeline that the project has or will have here."""
        return self.arn("sagemaker", f"pipeline/{self._deployed}")

    def pipeline(self, deployed_name: str) -> list[str]:
        """One pipeline: as it is called, and in lower case, as SageMaker has written names in ARNs."""
        return [
            self.arn("sagemaker", f"pipeline/{name}") for name in dict.fromkeys((deployed_name, deployed_name.lower()))
        ]

    def machine(self, deployed_name: str) -> str:
        return self.arn("states", f"stateMachine:{deployed_name}")

    @property
    def derived_machines(self) -> list[str]:
        """Every machine of some steps of one of the project's: `{pipeline}-rest`, which goes on where that has failed,
        and `{pipeline}-part`."""
        return [
            self.arn("states", f"stateMachine:{self._deployed.replace('-*', f'-*-{word}', 1)}") for word in _DERIVED
        ]

    @property
    def machines(self) -> str:
        """Every state machine that the project has or will have here."""
        return self.arn("states", f"stateMachine:{self._deployed}")

    @property
    def schedule_group(self) -> str:
        return self.arn("scheduler", f"schedule-group/{self.project.schedule_group}")

    @property
    def schedules(self) -> str:
        """Every schedule of the group."""
        return self.arn("scheduler", f"schedule/{self.project.schedule_group}/*")

    @property
    def _deployed(self) -> str:
        apart = self.project.environment_suffix and self.project.environment != "local"
        return f"{self.project.model_package_group}-*" + (f"-{self.project.environment}" if apart else "")

    def jobs(self, *kinds: str) -> list[str]:
        """ARNs of the project's jobs of these kinds (`processing-job`, …): those that pipelines start, which are named
        by the service, and those that the project names."""
        own = f"{self.project.model_package_group}-"
        return [self.arn("sagemaker", f"{kind}/{prefix}*") for kind in kinds for prefix in (OF_PIPELINES, own)]

    @property
    def topic(self) -> str:
        return f"{self.stem}-alerts"

    @property
    def dead_letter_queue(self) -> str:
        return f"{self.stem}-dead-letters"

    @property
    def trigger_queue(self) -> str:
        return f"{self.stem}-trigger-dead-letters"

    @property
    def alert_queue(self) -> str:
        """Where messages wait that the topic did not take."""
        return f"{self.stem}-alert-dead-letters"

    def trigger(self, pipeline: str) -> str:
        """The function that sizes the inputs of a pipeline, given by the pipeline's deployed name, and starts it."""
        return shortened(f"{pipeline}-trigger", 64)

    def trigger_logs(self, pipeline: str) -> str:
        """The log group of such a function."""
        return f"/aws/lambda/{self.trigger(pipeline)}"

    @property
    def key_alias(self) -> str:
        return f"alias/sagemaker-{self.stem}"

    @property
    def replica_key(self) -> str:
        """The ARN of the alias of the key in the second Region."""
        one, region = self.project, self.project.infra.replica_region
        return f"arn:{one.partition}:kms:{region}:{one.account_id}:{self.key_alias}-{region}"

    @property
    def replication_role(self) -> str:
        """Under which S3 copies objects to the second Region."""
        return self.role("ReplicationRole")

    @property
    def repositories(self) -> str:
        """What the names of the project's image repositories begin with."""
        return f"{self.project.company}-sm-{self.project.team}-{self.project.project}/"

    @property
    def shared_repositories(self) -> str:
        """The same of those that all projects of the company share."""
        return f"{self.project.company}-sagemaker-shared/"

    @property
    def domain(self) -> str:
        """What the addresses of AWS's services end with."""
        return "amazonaws.com.cn" if self.project.partition == "aws-cn" else "amazonaws.com"

    def registry(self, account_id: str = "", region: str = "") -> str:
        """The registry that addresses of images begin with."""
        one = self.project
        return f"{account_id or one.account_id}.dkr.ecr.{region or one.region}.{self.domain}"

    def repository_arns(self, names: Sequence[str]) -> list[str]:
        return [self.arn("ecr", f"repository/{name}") for name in names]
