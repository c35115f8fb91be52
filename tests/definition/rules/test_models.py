"""Images by digest, and who approves a model."""

from __future__ import annotations

from definition.rules.samples import IMAGE, REGISTRY, found, get, model, parameter, processing, step, training

from dagwright.definition.rules.models import approval_problems, image_name_problems


def test_images_are_pinned_by_their_digest() -> None:
    registered = {"Containers": [{"Image": f"{REGISTRY}/a:1", "ImageDigest": "sha256:" + "0" * 64}]}
    pinned = step("Register", "RegisterModel", {"InferenceSpecification": registered})
    assert found(image_name_problems, processing(), training(), model(), pinned) == []
    several = step("Create", "Model", {"Containers": [{"Image": IMAGE}, {"Image": f"{REGISTRY}/a"}]})
    assert found(image_name_problems, several) == [("image-by-tag", "Arguments.Containers[1].Image")]


def test_an_image_from_a_parameter_is_its_default() -> None:
    job = training(AlgorithmSpecification={"TrainingImage": get("Parameters.Image")})
    assert found(image_name_problems, job, parameters=[parameter("Image", DefaultValue=f"{REGISTRY}/a:1")]) != []
    assert found(image_name_problems, job, parameters=[parameter("Image", DefaultValue=IMAGE)]) == []
    assert found(image_name_problems, job, parameters=[parameter("Image")]) == []


def test_a_model_that_a_person_approves_is_fine() -> None:
    for status in ("PendingManualApproval", "Rejected", get("Parameters.Approval"), None):
        registered = step("Register", "RegisterModel", {"ModelApprovalStatus": status})
        assert found(approval_problems, registered, parameters=[parameter("Approval")]) == []
    by_default = step("Register", "RegisterModel", {"ModelApprovalStatus": get("Parameters.Approval")})
    assert found(approval_problems, by_default, parameters=[parameter("Approval", DefaultValue="Approved")]) != []
