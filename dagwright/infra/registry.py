"""The model package group: a site comes in, the group with its policy is added."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dagwright.infra.policy import Statement, document

if TYPE_CHECKING:
    from dagwright.infra.site import Site
    from dagwright.infra.template import Template

MODEL_PACKAGE_GROUP = "ModelPackageGroup"
#: Where CloudFormation does not know groups (its resource specification, November 2026); there the first pipeline that
#: registers a model makes the group.
WITHOUT_GROUPS = (
    *("ap-east-2", "ap-south-2", "ap-southeast-4", "ap-southeast-6"),
    *("cn-north-1", "cn-northwest-1", "us-gov-east-1"),
)


def add_registry(template: Template, site: Site) -> None:
    """The group, once in an account and Region: its environments register in the same."""
    if site.made_before("model_package_group") or site.project.region in WITHOUT_GROUPS:
        return
    template.add(
        MODEL_PACKAGE_GROUP,
        "AWS::SageMaker::ModelPackageGroup",
        {
            "ModelPackageGroupName": site.project.model_package_group,
            # Another text would be another group, and the versions of this one would stay behind.
            "ModelPackageGroupDescription": f"The versions of the models of {site.project.model_package_group}",
            "ModelPackageGroupPolicy": _readers(site),
            "Tags": site.tags,
        },
        kept=True,
    )


def _readers(site: Site) -> dict[str, Any] | None:
    """That other accounts may look at versions and make models of them (SageMaker developer guide, "Deploy a Model
    Version from a Different Account")."""
    if not site.infra.registry_readers:
        return None
    names, group = site.names, site.project.model_package_group
    readers = {"AWS": [f"arn:{site.project.partition}:iam::{one}:root" for one in site.infra.registry_readers]}
    return document(
        [
            Statement(
                "ReadGroup",
                ("sagemaker:DescribeModelPackageGroup",),
                (names.arn("sagemaker", f"model-package-group/{group}"),),
                principal=readers,
            ),
            Statement(
                "ReadVersions",
                ("sagemaker:DescribeModelPackage", "sagemaker:ListModelPackages", "sagemaker:CreateModel"),
                (names.arn("sagemaker", f"model-package/{group}/*"),),
                principal=readers,
            ),
        ]
    )
