"""Pipelines in SageMaker: what one is to be, and the calls that read, make, change and delete it.

In: what a project wants. Out: requests of SageMaker, and what it has under a name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dagwright.definition.diff import Difference, compare
from dagwright.definition.diff_secrets import hidden
from dagwright.definition.graph import Graph, examine_definition
from dagwright.engines.addresses import bucket_and_key
from dagwright.engines.aws.clients import Clients, aws_errors, is_absent, largest_page
from dagwright.engines.aws.ownership import tags_of
from dagwright.engines.aws.remote import Deployed
from dagwright.engines.aws.service import Done, Held, pairs
from dagwright.engines.aws.wanted import Comparison, Destination, Wanted, WantedObject, definition_object
from dagwright.errors import AWSError, DefinitionError

# Where Amazon's SDK changes from a definition in the request to one in S3 (SDK v2 and v3, workflow/pipeline.py).
LARGEST_INLINE_BYTES = 100 * 1024


@dataclass(frozen=True)
class WantedPipeline(Wanted):
    """A pipeline for SageMaker.

    A description that is empty and a `max_parallel_steps` that is None are not said: AWS keeps what it has.
    """

    description: str = ""
    max_parallel_steps: int | None = None

    @property
    def settings(self) -> dict[str, Any]:
        return _set(self.role, self.description, self.max_parallel_steps)

    @property
    def rendered(self) -> str:
        return self.text

    @property
    def compared(self) -> str:
        return self.text

    def compare(self, deployed: Deployed, read: Callable[[str], str]) -> Comparison:
        difference = compare(*hidden(_graph_of(deployed.text), self.graph))
        return Comparison(bool(difference), difference if deployed.arn else Difference(steps=difference.steps))

    def stored_definition(self, destination: Destination) -> WantedObject | None:
        if len(self.text.encode()) <= LARGEST_INLINE_BYTES:
            return None
        return definition_object(self.text, self.deployed_name, destination)


def _set(role: str, description: str, max_parallel_steps: int | None) -> dict[str, Any]:
    """The settings that are set."""
    settings = {
        "RoleArn": role,
        "PipelineDescription": description,
        "MaxParallelExecutionSteps": max_parallel_steps,
    }
    return {name: value for name, value in settings.items() if value}


def _graph_of(text: str) -> Graph:
    """What is deployed, to be compared; nothing if there is none, or none that could be read."""
    try:
        return examine_definition(text or "{}")[0]
    except DefinitionError:
        return examine_definition("{}")[0]


class Pipelines:
    """The pipelines of one account and Region."""

    def __init__(self, clients: Clients, destination: Destination) -> None:
        self._clients = clients
        self._destination = destination

    def read(self, name: str) -> Held | None:
        try:
            with aws_errors(f"The pipeline {name} cannot be described"):
                found = self._clients("sagemaker").describe_pipeline(PipelineName=name)
        except AWSError as error:
            if is_absent(error):
                return None
            raise
        most = found.get("ParallelismConfiguration", {}).get("MaxParallelExecutionSteps")
        settings = _set(found.get("RoleArn", ""), found.get("PipelineDescription", ""), most)
        return Held(found["PipelineArn"], found.get("PipelineDefinition", ""), settings)

    def candidates(self) -> Iterator[tuple[str, str]]:
        what = "The pipelines of the account cannot be listed"
        for page in self._clients.pages(what, "sagemaker", "list_pipelines", MaxResults=largest_page()):
            for summary in page["PipelineSummaries"]:
                name = summary["PipelineName"]
                # ours have our names or run under our role
                if name.startswith(self._destination.prefix) or summary.get("RoleArn") == self._destination.role:
                    yield name, summary["PipelineArn"]

    def tags(self, arn: str) -> dict[str, str]:
        return tags_of(self._clients, arn)

    def create(self, wanted: Wanted, stored: WantedObject | None) -> Done:
        # The same wishes make the same token, so that two who create at once both get the one pipeline.
        request = {**_request(wanted, stored), "Tags": pairs(wanted.tags), "ClientRequestToken": wanted.fingerprint}
        with aws_errors(f"The pipeline {wanted.deployed_name} could not be created"):
            answer = self._clients("sagemaker").create_pipeline(**request)
        return Done("CreatePipeline", wanted.deployed_name, answer["PipelineArn"])

    def update(self, wanted: Wanted, stored: WantedObject | None) -> Done:
        with aws_errors(f"The pipeline {wanted.deployed_name} could not be updated"):
            answer = self._clients("sagemaker").update_pipeline(**_request(wanted, stored))
        version = answer.get("PipelineVersionId")
        said = {"PipelineVersionId": version} if version else {}
        return Done("UpdatePipeline", wanted.deployed_name, answer["PipelineArn"], version, said)

    def add_tags(self, name: str, arn: str, tags: Mapping[str, str]) -> Done:
        with aws_errors(f"The tags of {name} could not be changed"):
            self._clients("sagemaker").add_tags(ResourceArn=arn, Tags=pairs(tags))
        return Done("AddTags", name, arn)

    def delete(self, name: str, arn: str) -> Done:
        with aws_errors(f"The pipeline {name} could not be deleted"):
            self._clients("sagemaker").delete_pipeline(PipelineName=name)
        return Done("DeletePipeline", name, arn)


def _request(wanted: Wanted, stored: WantedObject | None) -> dict[str, Any]:
    """What CreatePipeline and UpdatePipeline share."""
    request = {"PipelineName": wanted.deployed_name, **wanted.settings}
    if stored is None:
        request["PipelineDefinition"] = wanted.text
    else:
        bucket, key = bucket_and_key(stored.uri)
        request["PipelineDefinitionS3Location"] = {"Bucket": bucket, "ObjectKey": key}
    most = request.pop("MaxParallelExecutionSteps", None)
    return {**request, "ParallelismConfiguration": {"MaxParallelExecutionSteps": most}} if most else request
