"""What the configuration comes to for the stack: names, keys, what is made and what is there, and by whom."""

from __future__ import annotations

from dataclasses import replace

import pytest
from infra.sites import BASE, NETWORK, project, site, workload

from dagwright.infra.names import Names
from dagwright.infra.site import Site
from dagwright.infra.template import get_att
from dagwright.infra.workload import Workloads

KEY = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
SUFFIX = "environment_suffix: true\n"


def test_a_key_that_no_name_is_given_for_is_the_stacks() -> None:
    assert site().key == get_att("Key", "Arn")
    assert site().key_arns == [get_att("Key", "Arn")]


def test_a_key_is_known_by_its_arn_its_id_or_an_alias() -> None:
    by_id = site("infra: {platform: true}\nkeys: {volume: 1234abcd-12ab-34cd-56ef-1234567890ab, output: alias/churn}\n")
    assert by_id.key == KEY
    assert (by_id.key_arns, by_id.key_aliases) == ([KEY], ["alias/churn"])
    by_alias = site("infra: {platform: true}\nkeys: {output: alias/churn}\n")
    assert (by_alias.key, by_alias.key_arns, by_alias.key_aliases) == (None, [], ["alias/churn"])
    twice = site(f"infra: {{platform: true}}\nkeys: {{volume: '{KEY}', output: '{KEY}'}}\n")
    assert twice.key_arns == [KEY]


def test_without_a_key_there_is_none() -> None:
    assert site("infra: {key: none}\n").key is None


def test_what_two_environments_of_an_account_share_the_first_one_makes() -> None:
    shared = "environment_suffix: true\ninfra: {platform: false}\nstaging: {bucket: acme-staging}\n"
    dev, staging = project(shared), project(shared, "staging")
    here = Site(staging, Workloads(()), [dev])
    assert here.made_before("model_package_group")
    assert not here.made_before("bucket")
    elsewhere = Site(staging, Workloads(()), [replace(dev, region="eu-west-1")])
    assert not elsewhere.made_before("model_package_group")
    assert elsewhere.made_before("model_package_group", same_region=False)


@pytest.mark.parametrize(
    ("text", "environment", "role", "group"),
    [
        ("infra: {platform: true}\n", "dev", "SageMaker-Rc-Churn-TriggerRole", "rc-churn"),
        ("infra: {platform: true}\n" + SUFFIX, "dev", "SageMaker-Rc-Churn-Dev-TriggerRole", "rc-churn-dev"),
        ("infra: {platform: true}\n" + SUFFIX, "local", "SageMaker-Rc-Churn-TriggerRole", "rc-churn"),
    ],
)
def test_names_end_in_the_environment_where_several_share_an_account(
    text: str, environment: str, role: str, group: str
) -> None:
    names = Names(project(text, environment))
    assert names.trigger_role == f"arn:aws:iam::123456789012:role/{role}"
    assert names.project.schedule_group == group


def test_pipelines_of_one_environment_are_not_those_of_another() -> None:
    assert Names(project(SUFFIX + "infra: {platform: true}\n")).pipelines.endswith(":pipeline/rc-churn-*-dev")
    assert Names(project()).machines.endswith(":stateMachine:rc-churn-*")


def test_jobs_have_two_families_of_names() -> None:
    found = Names(project()).jobs("processing-job")
    assert [one.rpartition("/")[2] for one in found] == ["pipelines-*", "rc-churn-*"]


def test_the_part_of_a_prefix_that_varies_is_open() -> None:
    names = Names(project())
    layout = names.project.layout
    assert names.objects(layout.raw, layout.features) == [
        "arn:aws:s3:::acme-sm-rc-churn/raw/uploads/*",
        "arn:aws:s3:::acme-sm-rc-churn/features/v*",
    ]


def test_a_partition_has_its_own_registry() -> None:
    china = project(base=BASE.replace("us-east-1", "cn-north-1"))
    assert Names(china).registry() == "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn"


def test_workloads_tell_each_thing_once() -> None:
    both = Workloads((workload("a", images=("x", "y")), workload("b", images=("y", "z"), kinds=("Lambda",))))
    assert both.all("images") == ("x", "y", "z")
    assert both.have("Lambda", "EMR")
    assert not both.have("Training")


def test_groups_are_made_where_it_is_said_in_which_vpc() -> None:
    subnets = "network: {subnets: [subnet-0a1b2c3d]}\n"
    made = project("infra: {vpc: vpc-0a1b2c3d}\n" + subnets)
    assert made.infra.makes("network.security_groups.training")
    groups = [f"network.security_groups.{one}" for one in ("processing", "training", "inference")]
    assert made.unmade == (*groups, "keys")
    assert made.subnets == (), "as long as a group is not known, nothing is said of the network"
    given = project("infra: {vpc: vpc-0a1b2c3d}\n" + NETWORK)
    assert not given.infra.makes("network.security_groups.training")
    assert given.subnets
