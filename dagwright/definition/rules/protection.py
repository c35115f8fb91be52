"""What protects a job: a graph comes in, jobs without keys, VPC, time limit or encrypted traffic go out.

These are rules of the project, not of the service. A Transform job has neither a VPC (its model has) nor a time limit.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from dagwright.definition.graph import Graph
from dagwright.definition.rules.jobs import Job, jobs
from dagwright.errors import Problem

#: Families whose machines have local NVMe disks: encrypted in hardware, they refuse a key (EC2's instance type pages;
#: of these SageMaker's own pages name p4d, g4dn and g5). A family that ends in `d` has them, too: r5d, m6id.
NVME = re.compile(r"ml\.([a-z]+[0-9]+[a-z]*d|g4dn|g5|g6e?|g7e|p3dn|p4de?|p5(e|en)?|p6e?-[a-z0-9]+|trn[12]n?)\.")

_VOLUME_KEYS = {"AutoML": "AutoMLJobConfig.SecurityConfig.VolumeKmsKeyId"}
_OUTPUT_KEYS = {
    "Processing": ("ProcessingOutputConfig.Outputs", "ProcessingOutputConfig.KmsKeyId"),
    "Training": ("OutputDataConfig", "OutputDataConfig.KmsKeyId"),
    "Transform": ("TransformOutput", "TransformOutput.KmsKeyId"),
    "AutoML": ("OutputDataConfig", "OutputDataConfig.KmsKeyId"),
}
_NETWORKS = {
    "Processing": "NetworkConfig.VpcConfig",
    "Training": "VpcConfig",
    "AutoML": "AutoMLJobConfig.SecurityConfig.VpcConfig",
    "Model": "VpcConfig",
}
_LIMITS = {
    "Processing": "StoppingCondition.MaxRuntimeInSeconds",
    "Training": "StoppingCondition.MaxRuntimeInSeconds",
    "AutoML": "AutoMLJobConfig.CompletionCriteria.MaxAutoMLJobRuntimeInSeconds",
}
_TRAFFIC = {
    "Processing": "NetworkConfig.EnableInterContainerTrafficEncryption",
    "Training": "EnableInterContainerTrafficEncryption",
}


def takes_no_volume_key(instance_type: object) -> bool:
    """Whether machines of this type have local disks, which encrypt themselves, and so refuse a key for a volume."""
    return isinstance(instance_type, str) and NVME.match(instance_type) is not None


def volume_key_problems(graph: Graph) -> Iterator[Problem]:
    """Volumes without a key of one's own, and keys for machines that take none."""
    for job in jobs(graph, "Processing", "Training", "Transform", "AutoML"):
        path = _volume_key(job)
        if path is None:
            continue
        with_disks = [kind for kind in job.instance_types if takes_no_volume_key(kind)]
        if job.raw(path) is None:
            if not with_disks:
                yield _unprotected("no-volume-key", job, path, "no key of yours encrypts the job's volume")
        elif with_disks:
            what = f"{with_disks[0]} encrypts its local disks itself and takes no key for them"
            hint = "leave the key out, or take a type without local disks"
            yield Problem("volume-key-on-nvme", what, hint, step=job.step, field=job.field(path))


def output_key_problems(graph: Graph) -> Iterator[Problem]:
    """Outputs without a key of one's own."""
    for job in jobs(graph, *_OUTPUT_KEYS):
        output, path = _OUTPUT_KEYS[job.kind]
        if _writes_to_s3(job.raw(output)) and job.raw(path) is None:
            yield _unprotected("no-output-key", job, path, "no key of yours encrypts what the job writes to S3")


def network_problems(graph: Graph) -> Iterator[Problem]:
    """Jobs and models outside a VPC."""
    for job in jobs(graph, *_NETWORKS):
        path = _NETWORKS[job.kind]
        if job.raw(path) is None:
            yield _unprotected("no-vpc", job, path, f"the {_word(job)} runs outside your VPC")


def time_limit_problems(graph: Graph) -> Iterator[Problem]:
    """Jobs that nothing ends when they hang."""
    for job in jobs(graph, *_LIMITS):
        path = _LIMITS[job.kind]
        if job.raw(path) is None:
            yield _unprotected("no-time-limit", job, path, "no limit of yours ends the job if it hangs")


def traffic_problems(graph: Graph) -> Iterator[Problem]:
    """Jobs on several instances that talk to each other in clear text."""
    for job in jobs(graph, *_TRAFFIC):
        path = _TRAFFIC[job.kind]
        if job.instance_count > 1 and job.usual(path) in (None, False) and not _given_at_start(job, path):
            what = f"the {job.instance_count} instances of the job talk to each other unencrypted"
            yield _unprotected("unencrypted-traffic", job, path, what)


def _volume_key(job: Job) -> str | None:
    """Where the key of the job's volume stands; None for a job that has no machines of its own."""
    if job.kind in _VOLUME_KEYS:
        return _VOLUME_KEYS[job.kind]
    found = job.resources
    return None if found is None else f"{found[0]}.VolumeKmsKeyId"


def _writes_to_s3(output: Any) -> bool:
    """Whether there is an address to write to; an output may go into a feature group instead."""
    if isinstance(output, list):
        return any(isinstance(one, Mapping) and one.get("S3Output") is not None for one in output)
    return isinstance(output, Mapping)


def _given_at_start(job: Job, path: str) -> bool:
    return isinstance(job.raw(path), Mapping) and job.usual(path) is None


def _unprotected(code: str, job: Job, path: str, what: str) -> Problem:
    return Problem(code, what, f"give {path.rpartition('.')[2]}", "warning", job.step, job.field(path))


def _word(job: Job) -> str:
    return "model" if job.kind == "Model" else "job"
