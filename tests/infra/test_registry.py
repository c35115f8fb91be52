"""The model package group, and who may read it."""

from __future__ import annotations

from pathlib import Path

from infra.grounds import BASE, MADE, made, properties, statements

from dagwright.infra.registry import WITHOUT_GROUPS


def test_its_description_is_the_same_in_every_environment(tmp_path: Path) -> None:
    """CloudFormation would replace the group, with its versions, for another text."""
    apart = MADE + "environment_suffix: true\nstaging: {region: eu-west-1, bucket: acme-sm-rc-churn-staging}\n"

    templates = [made(tmp_path, apart, name) for name in ("dev", "staging")]
    texts = {properties(one, "ModelPackageGroup")["ModelPackageGroupDescription"] for one in templates}

    assert texts == {"The versions of the models of rc-churn"}


def test_the_first_environment_of_an_account_makes_it(tmp_path: Path) -> None:
    other = MADE + 'production: {account_id: "444455556666", bucket: acme-sm-rc-churn-production}\n'
    other += "staging: {bucket: acme-sm-rc-churn-staging}\n"

    makers = [name for name in ("dev", "staging", "production") if _makes(tmp_path, other, name)]

    assert makers == ["dev", "production"]


def _makes(folder: Path, text: str, environment: str) -> bool:
    return "ModelPackageGroup" in made(folder, text, environment).resources


def test_other_accounts_may_read_it_and_no_more(tmp_path: Path) -> None:
    template = made(tmp_path, BASE + 'infra: {registry_readers: ["444455556666"]}\n')

    said = statements(properties(template, "ModelPackageGroup")["ModelPackageGroupPolicy"])

    assert said["ReadVersions"]["Principal"] == {"AWS": ["arn:aws:iam::444455556666:root"]}
    assert said["ReadVersions"]["Action"] == [
        "sagemaker:DescribeModelPackage",
        "sagemaker:ListModelPackages",
        "sagemaker:CreateModel",
    ]
    assert said["ReadVersions"]["Resource"] == ["arn:aws:sagemaker:us-east-1:123456789012:model-package/rc-churn/*"]
    assert said["ReadGroup"]["Resource"] == ["arn:aws:sagemaker:us-east-1:123456789012:model-package-group/rc-churn"]


def test_it_is_left_out_where_cloudformation_does_not_know_it(tmp_path: Path) -> None:
    from cfnlint.helpers import REGIONS
    from cfnlint.schema import PROVIDER_SCHEMA_MANAGER, ResourceNotFoundError

    unknown = set()
    for region in REGIONS:
        try:
            PROVIDER_SCHEMA_MANAGER.get_resource_schema(region, "AWS::SageMaker::ModelPackageGroup")
        except ResourceNotFoundError:
            unknown.add(region)

    assert unknown <= {*WITHOUT_GROUPS}
    assert not _makes(tmp_path, MADE.replace("us-east-1", "ap-south-2"), "dev")
