"""What to declare for a step that nothing here can run: in words, by its type or by its image.

What comes in: a step, or the image of its job. What goes out: sentences, for the check before a run.
"""

from __future__ import annotations

from collections.abc import Mapping

from dagwright.definition.graph import Step
from dagwright.engines.local.stand_ins import CHECKS

_SERVED = (
    "no endpoint serves here: say what later steps read of it (EndpointName, EndpointArn), and let a Lambda step that "
    "invokes it have a local handler"
)
_EMR = (
    "no cluster runs here, and later steps read of it only what it wrote to S3: give an outputs.json whose Files say "
    "that, or make it a Processing step with smspark-submit, which runs here (docs/spark.md)"
)
_OF_TYPE: Mapping[str, str] = {
    "AutoML": "say what its best candidate is: BestCandidate (CandidateName, InferenceContainers with Image, "
    "ModelDataUrl and Environment) and BestCandidateProperties, and its model file under Files by its whole address",
    "EMR": _EMR,
    "EMRServerless": _EMR,
    "Endpoint": _SERVED,
    "InferenceComponent": "no endpoint serves here: say what later steps read of it (InferenceComponentName)",
    "Job": "say what later steps read of it (JobName, JobArn), and what it writes under Files",
    "Cleanup": "there is nothing here to take down: an outputs.json that holds {} says so",
    "ForEach": "its steps cannot be repeated here: give what they write under Files",
}
_OF_IMAGE: Mapping[str, str] = {
    "sagemaker-data-wrangler-container": "Data Wrangler's, which runs a .flow file",
    "sagemaker-clarify-processing": "Clarify's, which writes analysis.json",
    "sagemaker-model-monitor-analyzer": "Model Monitor's, which writes statistics.json and constraints.json",
}


def hint_for(step: Step) -> str:
    """What to declare for a step whose type does not run here."""
    way = f"--stand-in {step.name}=outputs.json"
    known = _OF_TYPE.get(step.type, "say what it gives")
    return f"{known}: {way}; or run it on AWS"


def hint_for_image(step: Step, image: str) -> str:
    """What to declare for a job that starts the program of its image; empty for an image nothing is known of."""
    repository = image.rpartition("/")[2].partition("@")[0].partition(":")[0]
    if step.type not in CHECKS and repository not in _OF_IMAGE:
        return ""
    whose = _OF_IMAGE.get(repository, "the check's")
    also = ", or what it calculates, --stand-in {0}=outputs.json" if step.type in CHECKS else ", or outputs.json"
    skipped = " The service calculates the baseline with SkipCheck as well." if step.type in CHECKS else ""
    return (
        f"Its image is {whose}; AWS does not publish it. Let a function of yours be that program: "
        f"--stand-in {step.name}=file.py:function{also.format(step.name)}.{skipped}"
    )
