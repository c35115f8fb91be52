"""What a deployment touches: a site comes in, ARNs and patterns of them go out, the same for whoever deploys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dagwright.infra.names import JOB_LOG_GROUPS
from dagwright.infra.roles import arns

if TYPE_CHECKING:
    from dagwright.infra.names import Names
    from dagwright.infra.site import Site


@dataclass(frozen=True)
class Places:
    """The places of one site."""

    site: Site

    @property
    def names(self) -> Names:
        return self.site.names

    @property
    def stack(self) -> str:
        """The stack, which has an id that AWS gives behind its name."""
        return self.names.arn("cloudformation", f"stack/{self.site.infra.stack}/*")

    @property
    def pipelines(self) -> list[str]:
        """The project's pipelines, and those of Amazon's SDK that bring a name of their own."""
        named = (self.names.arn("sagemaker", f"pipeline/{one.deployed_name}") for one in self.site.workloads)
        return arns.with_others(self.names.pipelines, named)

    @property
    def pipeline_runs(self) -> list[str]:
        return [f"{arn}/execution/*" for arn in self.pipelines]

    @property
    def machines(self) -> list[str]:
        return arns.machine_arns(self.site)

    @property
    def machine_runs(self) -> list[str]:
        return [f"{arn.replace(':stateMachine:', ':execution:')}:*" for arn in self.machines]

    @property
    def named_alike(self) -> list[str]:
        """Whatever is named as the project names things, in any environment: only its tags say whose it is."""
        things = (("sagemaker", "pipeline/"), ("states", "stateMachine:"))
        return [self.names.arn(service, f"{word}{self.site.project.model_package_group}-*") for service, word in things]

    @property
    def repositories(self) -> list[str]:
        """The project's repositories, of which the configuration gets new ones, and those that all projects share."""
        prefixes = (self.names.repositories, self.names.shared_repositories)
        return self.names.repository_arns([f"{prefix}*" for prefix in prefixes])

    @property
    def workload_roles(self) -> list[str]:
        """Those of the project's roles that run something, whoever made them."""
        one = self.site.project
        roles = (one.role, one.pipeline_role, one.state_machine_role, one.scheduler_role, self.names.trigger_role)
        return [*dict.fromkeys(roles)]

    @property
    def job_logs(self) -> list[str]:
        return [self.names.arn("logs", f"log-group:{group}") for group in JOB_LOG_GROUPS.values()]

    @property
    def triggers(self) -> str:
        """What the functions are called that start pipelines."""
        return self.names.trigger(self.names.pipelines.rpartition("/")[2])

    @property
    def trigger_logs(self) -> str:
        return f"/aws/lambda/{self.triggers}"

    def code(self, *below: str) -> list[str]:
        """What lies in these folders of the code; all of it without one."""
        prefix = self.site.project.layout.code
        return self.names.objects(*(f"{prefix}/{folder}" for folder in below)) if below else self.names.objects(prefix)
