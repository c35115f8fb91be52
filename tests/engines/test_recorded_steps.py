from __future__ import annotations

import json
from typing import Any

import pytest
from engines.place import Place, get
from engines.test_machine_run import as_machines

from dagwright.errors import DefinitionError

VARIANT = {"VariantName": "all", "ModelName": "m", "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}


def configuration(**members: Any) -> dict[str, Any]:
    return {"Name": "Configure", "Type": "EndpointConfig", "Arguments": {"ProductionVariants": [VARIANT], **members}}


@pytest.mark.parametrize("own", ["", "mine"])
def test_an_endpoint_configuration_is_what_was_asked_for(place: Place, own: str) -> None:
    reader = place.writing(
        "Reader", "write('n', os.environ['N'])", variables={"N": get("Steps.Configure.EndpointConfigName")}
    )
    step = configuration(**({"EndpointConfigName": own} if own else {}))
    execution = place.run(step, reader)
    output = place.output(execution, "Configure")
    assert output["ProductionVariants"] == [VARIANT]
    assert output["EndpointConfigName"] == place.text("Reader/n") == (own or output["EndpointConfigName"])
    assert execution.steps["Configure"].metadata == {"EndpointConfig": {"Arn": output["EndpointConfigArn"]}}
    assert as_machines(place).run(step, reader).status == "Succeeded"


def test_variants_of_one_name_fail(place: Place) -> None:
    execution = place.run(configuration(ProductionVariants=[VARIANT, VARIANT]))
    assert "each with a name of its own" in execution.steps["Configure"].failure_reason


def lineage(**association: Any) -> dict[str, Any]:
    arguments = {
        "Actions": [{"ActionName": get("Execution.PipelineExecutionId"), "ActionType": "Evaluation"}],
        "Artifacts": [{"ArtifactName": "report", "Source": {"SourceUri": "s3://bucket/report"}}],
        "Contexts": [{"ContextName": "c", "ContextType": "PipelineExecution", "Source": {"SourceUri": "x"}}],
        "Associations": [
            {
                "Source": {"Name": "report", "Type": "Artifact"},
                "Destination": {"Name": get("Execution.PipelineExecutionId"), "Type": "Action"},
                "AssociationType": "ContributedTo",
                **association,
            }
        ],
    }
    return {"Name": "Record", "Type": "Lineage", "Arguments": arguments}


def test_lineage_has_arns_by_name(place: Place) -> None:
    execution = place.run(lineage())
    base, own = "arn:aws:sagemaker:us-east-1:000000000000", execution.id
    assert execution.steps["Record"].metadata["Lineage"] == {
        "ActionArns": {own: f"{base}:action/{own}"},
        "ArtifactArns": {"report": f"{base}:artifact/report"},
        "ContextArns": {"c": f"{base}:context/c"},
        "Associations": [
            {
                "SourceArn": f"{base}:artifact/report",
                "DestinationArn": f"{base}:action/{own}",
                "AssociationType": "ContributedTo",
            }
        ],
    }


def test_an_association_may_lead_elsewhere_by_its_arn_but_not_by_a_name(place: Place) -> None:
    elsewhere = {"Arn": "arn:aws:sagemaker:us-east-1:123456789012:artifact/abc"}
    assert place.run(lineage(Source=elsewhere)).status == "Succeeded"
    execution = place.run(lineage(Source={"Name": "nobody", "Type": "Context"}))
    assert "names the context 'nobody'" in execution.steps["Record"].failure_reason


@pytest.mark.parametrize(
    ("kind", "members"),
    [
        ("AutoML", "BestCandidate"),
        ("EMR", "smspark-submit"),
        ("EMRServerless", "smspark-submit"),
        ("Endpoint", "EndpointName"),
        ("InferenceComponent", "InferenceComponentName"),
        ("Job", "JobName"),
        ("Cleanup", "{}"),
        ("ForEach", "Files"),
        ("Quantum", "say what it gives"),
    ],
)
def test_a_type_that_does_not_run_here_says_what_to_declare(place: Place, kind: str, members: str) -> None:
    with pytest.raises(DefinitionError) as refused:
        place.run({"Name": "S", "Type": kind, "Arguments": {}})
    (problem,) = refused.value.problems
    assert members in problem.hint
    assert "--stand-in S=outputs.json" in problem.hint


def test_what_is_said_is_enough(place_with: Any) -> None:
    """The members that a hint names are those that later steps read."""
    place = place_with(stand_ins={"Best": "outputs.json"})
    candidate = {"InferenceContainers": [{"Image": "i", "ModelDataUrl": "s3://bucket/m.tar.gz", "Environment": {}}]}
    (place.folder / "model.tar.gz").write_bytes(b"model")
    (place.folder / "outputs.json").write_text(
        json.dumps({"BestCandidate": candidate, "Files": {"s3://bucket/m.tar.gz": "model.tar.gz"}})
    )
    container = "Steps.Best.BestCandidate.InferenceContainers[0]"
    arguments = {
        "PrimaryContainer": {"Image": get(f"{container}.Image"), "ModelDataUrl": get(f"{container}.ModelDataUrl")}
    }
    model = {"Name": "Model", "Type": "Model", "Arguments": arguments}
    assert place.run({"Name": "Best", "Type": "AutoML", "Arguments": {}}, model).status == "Succeeded"
