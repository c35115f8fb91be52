"""What on AWS is ours: pipelines by their tags, schedules (which AWS cannot tag) by the end of their description.

In: a project's name and its environment. Out: the tags to give, the words to write, and whether something found on AWS
carries them. Nothing that does not is ever deleted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dagwright.engines.aws.clients import Clients
from dagwright.marks import ENVIRONMENT, PIPELINE, PROJECT

_FILE, REST, PART = "file:", "rest:", "part:"


@dataclass(frozen=True)
class Owner:
    """A project (`{team}-{project}`) in one environment.

    >>> Owner("rc-churn", "dev").tags("training")
    {'dagwright:project': 'rc-churn', 'dagwright:environment': 'dev', 'dagwright:pipeline': 'training'}
    """

    project: str
    environment: str

    def tags(self, pipeline: str) -> dict[str, str]:
        """What tells a pipeline as ours; `pipeline` is its name here, without the project's."""
        return {PROJECT: self.project, ENVIRONMENT: self.environment, PIPELINE: pipeline}

    def file_tags(self, pipeline: str) -> dict[str, str]:
        """What tells a pipeline as ours that came out of a file; whether that is still there cannot be seen here."""
        return self.tags(f"{_FILE}{pipeline}")

    def defines(self, tags: Mapping[str, str]) -> bool:
        """Whether a pipeline with these tags is ours and was defined in `pipelines/`: neither in a file, nor made of
        some steps of another."""
        return self.owns(tags) and not tags.get(PIPELINE, "").startswith((_FILE, REST, PART))

    def stack_tags(self) -> dict[str, str]:
        """What tells a stack as ours."""
        return {PROJECT: self.project, ENVIRONMENT: self.environment}

    def group_tags(self) -> dict[str, str]:
        """What tells a schedule group as ours; the environments of an account may share it."""
        return {PROJECT: self.project}

    def owns(self, tags: Mapping[str, str]) -> bool:
        """Whether a pipeline with these tags is of this project and this environment."""
        return tags.get(PROJECT) == self.project and tags.get(ENVIRONMENT) == self.environment

    def other_owner(self, tags: Mapping[str, str]) -> str:
        """Whose a pipeline with these tags is, if another project's or environment's; else empty."""
        if PROJECT not in tags or self.owns(tags):
            return ""
        return f"{tags[PROJECT]} in {tags.get(ENVIRONMENT, 'an environment without a name')}"

    def signed(self, description: str) -> str:
        """A schedule's description with the words that tell it as ours at its end."""
        return f"{description} {self._signature}".lstrip()

    def has_signed(self, description: str) -> bool:
        """Whether a schedule with this description is of this project and this environment."""
        return description.endswith(self._signature)

    @property
    def _signature(self) -> str:
        return f"({PROJECT}={self.project} {ENVIRONMENT}={self.environment})"


def tags_of(clients: Clients, arn: str) -> dict[str, str]:
    """The tags of something of SageMaker's. Raises AWSError."""
    pages = clients.pages(f"The tags of {arn} cannot be listed", "sagemaker", "list_tags", ResourceArn=arn)
    return {tag["Key"]: tag["Value"] for page in pages for tag in page["Tags"]}
