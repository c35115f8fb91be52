"""Roles: what they hold of the example, byte by byte, and that each right follows from what needs it."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from iam_simulator import allowed
from iam_templates import Template as Resolved
from iam_templates import policies_of
from infra.role_sites import (
    ENVIRONMENTS,
    FOREIGN,
    GOLDEN,
    KEY,
    NETWORK,
    ROOT,
    documents,
    example,
    foreign,
    lint,
    roles_of,
    site_of,
    statements,
    workload,
)

from dagwright import InputSize, ParameterString, Schedule
from dagwright.engines.stepfunctions.compiler.tasks import RESOURCES
from dagwright.errors import InternalError
from dagwright.infra.policy import Statement
from dagwright.infra.roles.integrations import INTEGRATIONS
from dagwright.infra.roles.machine_calls import integrations
from dagwright.infra.roles.role import size_of
from dagwright.infra.site import Site
from dagwright.infra.template import Template
from dagwright.infra.workload import Start, Workload
from dagwright.sizing import RULES

ROLES = ("ExecutionRole", "PipelineRole", "StateMachineRole", "SchedulerRole", "TriggerRole")
SAGEMAKER = "arn:aws:sagemaker:us-east-1:123456789012"


def resources(template: Template, logical_id: str, sid: str) -> list[Any]:
    found: list[Any] = statements(template, logical_id)[sid]["Resource"]
    return found


def sids(template: Template, logical_id: str) -> set[str]:
    return set(statements(template, logical_id))


def definition(*steps: dict[str, Any]) -> str:
    return json.dumps({"Version": "2020-12-01", "Steps": list(steps)})


def calling(function: str) -> dict[str, Any]:
    return {"Name": "Call", "Type": "Lambda", "Arguments": {}, "FunctionArn": function, "OutputParameters": []}


FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:notify"
FAIL = {"Name": "End", "Type": "Fail", "Arguments": {"ErrorMessage": "no"}}


# ---- the example ----


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_roles_of_the_example(environment: str) -> None:
    found = roles_of(example(environment)).text()
    assert found == (GOLDEN / f"{environment}.roles.json").read_text(encoding="utf-8"), (
        "if this is meant: cd tests && ../.venv/bin/python -m infra.role_sites"
    )


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_cloudformation_takes_the_roles_of_the_example(environment: str) -> None:
    assert lint(roles_of(example(environment))) == []


def test_cloudformation_takes_the_roles_of_all_kinds_of_steps(tmp_path: Path) -> None:
    names = [path.stem for path in sorted(FOREIGN.glob("*.json"))]
    every = [foreign(name) for name in names if name not in ("expected", "public", "dangling-names")]
    found = roles_of(site_of(tmp_path, NETWORK, every))
    assert lint(found) == []
    for role in (*ROLES, "SubmitPolicy", "ApproverPolicy"):
        told = documents(found, role)
        assert len(told) <= 10, "a role takes no more policies"
        for one in (statement for document in told for statement in document["Statement"]):
            assert not [action for action in one["Action"] if "*" in action]
            assert one["Action"] != ["iam:PassRole"] or not [arn for arn in one["Resource"] if "*" in arn]


def test_nothing_in_a_container_creates_anything() -> None:
    actions = [
        action for one in statements(roles_of(example("dev")), "ExecutionRole").values() for action in one["Action"]
    ]
    assert not [one for one in actions if one.startswith(("sagemaker:", "iam:", "states:", "lambda:", "s3:Delete"))]


# ---- what follows from what ----


@pytest.mark.parametrize(
    ("name", "role", "expected"),
    [
        ("train-evaluate-register", "PipelineRole", {"RegisterModels", "ModelPackageGroups", "NoSelfApproval"}),
        ("batch-transform", "PipelineRole", {"CreateTransformJobs", "CreateModels", "ReadModels"}),
        ("tuning", "PipelineRole", {"CreateJobs", "ReadTuning"}),
        ("auto-ml", "PipelineRole", {"CreateJobs", "ReadCandidates"}),
        ("function-steps", "PipelineRole", {"CreateJobs"}),
        ("callback", "PipelineRole", {"AskByQueue", "EncryptMessages"}),
        ("emr", "PipelineRole", {"RunOnClusters", "MakeClusters", "HearOfClusters", "PassClusterRoles"}),
        ("endpoint", "PipelineRole", {"Endpoints", "EndpointConfigs", "WatchEndpoints", "CreateModels"}),
        ("lineage", "PipelineRole", {"Lineage"}),
        ("quality-and-bias-checks", "PipelineRole", {"CreateJobs"}),
        ("feature-store", "ExecutionRole", {"Features"}),
        ("network-and-keys", "ExecutionRole", {"VpcInterfaces"}),
        ("tuning", "StateMachineRole", {"CreateHyperParameterTuningJob", "HyperParameterTuningJobs"}),
        ("endpoint", "StateMachineRole", {"CreateModel", "Endpoints", "EndpointConfigs"}),
        ("callback", "StateMachineRole", {"Queues", "EncryptMessages"}),
        ("batch-transform", "StateMachineRole", {"TransformJobs", "CreateModel"}),
    ],
)
def test_a_kind_of_step_has_its_rights_and_no_others_have_them(
    tmp_path: Path, name: str, role: str, expected: set[str]
) -> None:
    with_it = sids(roles_of(site_of(tmp_path, KEY, [foreign(name)])), role)
    without = sids(roles_of(site_of(tmp_path, KEY, [workload(definition(FAIL))])), role)
    assert expected <= with_it
    assert not expected & without


def test_the_right_to_call_a_function_goes_with_its_step(tmp_path: Path) -> None:
    called = roles_of(site_of(tmp_path, "", [workload(definition(calling(FUNCTION)))]))
    assert resources(called, "PipelineRole", "CallFunctions") == [FUNCTION]
    assert resources(called, "StateMachineRole", "Functions") == [FUNCTION]
    assert FUNCTION not in roles_of(site_of(tmp_path, "", [workload(definition(FAIL))])).text()


def test_what_a_function_is_told_is_no_right_of_ours(tmp_path: Path) -> None:
    told = {"RoleArn": "arn:aws:iam::123456789012:role/Admin", "From": "s3://secret/data"}
    text = roles_of(site_of(tmp_path, "", [workload(definition({**calling(FUNCTION), "Arguments": told}))])).text()
    assert "role/Admin" not in text
    assert "secret" not in text


def test_addresses_outside_of_the_layout_are_allowed_exactly(tmp_path: Path) -> None:
    found = roles_of(site_of(tmp_path, "", [foreign("train-evaluate-register")]))
    others = [one for one in resources(found, "ExecutionRole", "WriteResults") if ":::acme-sm-rc-churn/" not in one]
    assert others == [
        f"arn:aws:s3:::acme-ml/{one}/*" for one in ("demo/*/train", "demo/*/test", "models", "demo/*/evaluation")
    ]
    read = resources(found, "ExecutionRole", "ReadData")
    assert "arn:aws:s3:::acme-sm-rc-churn/raw/uploads/*" in read
    assert "arn:aws:s3:::acme-sm-rc-churn/raw/uploads/*" not in resources(found, "ExecutionRole", "WriteResults")
    assert "arn:aws:s3:::acme-ml/*" not in read
    buckets = [
        one["Resource"] for sid, one in statements(found, "ExecutionRole").items() if re.fullmatch(r"ListData\d", sid)
    ]
    assert buckets == [["arn:aws:s3:::acme-sm-rc-churn"], ["arn:aws:s3:::acme-ml"]]


def test_what_spark_is_told_to_read_is_allowed(tmp_path: Path) -> None:
    arguments = {"AppSpecification": {"ImageUri": "x", "ContainerArguments": ["--from", "s3a://lake/flights/"]}}
    step = {"Name": "Read", "Type": "Processing", "Arguments": arguments}
    found = roles_of(site_of(tmp_path, "", [workload(definition(step))]))
    assert "arn:aws:s3:::lake/flights/*" in resources(found, "ExecutionRole", "ReadData")
    assert "lake" not in str(resources(found, "ExecutionRole", "WriteResults"))


def test_a_bucket_that_only_a_run_knows_allows_nothing(tmp_path: Path) -> None:
    site = site_of(tmp_path, "", [workload(definition(FAIL))])
    one = replace(site.workloads.every[0], uses=replace(site.workloads.every[0].uses, reads=("s3://*/data",)))
    found = roles_of(site_of(tmp_path, "", [one]))
    assert not [arn for arn in resources(found, "ExecutionRole", "ReadData") if ":::*" in arn]


def test_images_are_those_of_the_definitions_in_any_registry(tmp_path: Path) -> None:
    found = roles_of(example("production"))
    assert resources(found, "ExecutionRole", "PullImages") == [
        "arn:aws:ecr:us-east-1:683313688378:repository/sagemaker-scikit-learn",
        "arn:aws:ecr:us-east-1:763104351884:repository/pytorch-training",
        "arn:aws:ecr:us-east-1:763104351884:repository/tensorflow-training",
        "arn:aws:ecr:us-east-1:444455556666:repository/acme-sm-rc-churn/file-report",
        "arn:aws:ecr:us-east-1:123456789012:repository/acme-sagemaker-shared/python",
        "arn:aws:ecr:us-east-1:173754725891:repository/sagemaker-spark-processing",
    ]
    assert "PullImages" not in sids(roles_of(site_of(tmp_path)), "ExecutionRole")


def test_a_pipeline_that_approves_is_not_kept_from_it(tmp_path: Path) -> None:
    one = foreign("train-evaluate-register")
    approving = replace(one, uses=replace(one.uses, approves=True))
    for role in ("PipelineRole", "StateMachineRole"):
        found = statements(roles_of(site_of(tmp_path, "", [one])), role)["NoSelfApproval"]
        assert found["Effect"] == "Deny"
        assert f"{SAGEMAKER}:model-package/rc-churn/*" in found["Resource"]
        assert "NoSelfApproval" not in sids(roles_of(site_of(tmp_path, "", [approving])), role)


def test_roles_are_passed_by_name_only(tmp_path: Path) -> None:
    one = foreign("endpoint")
    found = resources(roles_of(site_of(tmp_path, "", [one])), "PipelineRole", "PassRoles")
    own = "arn:aws:iam::123456789012:role/SageMaker-Rc-Churn-Dev-ExecutionRole"
    assert found == [own, "arn:aws:iam::123456789012:role/Jobs"]
    unknown = replace(one, uses=replace(one.uses, roles=("arn:aws:iam::123456789012:role/*", "*")))
    assert resources(roles_of(site_of(tmp_path, "", [unknown])), "PipelineRole", "PassRoles") == [own]


def test_a_pipeline_with_capitals_is_meant_in_both_spellings(tmp_path: Path) -> None:
    nightly = Schedule("nightly", cron="0 2 * * ? *")
    one = foreign("spark", deployed_name="AbalonePipeline", starts=(Start("nightly", nightly.members()),))
    found = roles_of(site_of(tmp_path, "", [one]))
    arns = [f"{SAGEMAKER}:pipeline/AbalonePipeline", f"{SAGEMAKER}:pipeline/abalonepipeline"]
    assert resources(found, "SchedulerRole", "StartPipelines") == arns
    assert resources(found, "SubmitPolicy", "RunPipelines") == [f"{SAGEMAKER}:pipeline/rc-churn-*-dev", *arns]


# ---- what the configuration names, and what it does not ----


def test_a_role_that_is_there_is_not_made_and_is_passed(tmp_path: Path) -> None:
    arn = "arn:aws:iam::123456789012:role/service/Jobs"
    given = roles_of(site_of(tmp_path, f"role: {arn}\n", [foreign("spark")]))
    assert "ExecutionRole" not in given.resources
    assert resources(given, "PipelineRole", "PassRoles")[0] == arn
    pipelines = arn.replace("Jobs", "Pipelines")
    assert (
        "PipelineRole" not in roles_of(site_of(tmp_path, f"pipeline_role: {pipelines}\n", [foreign("spark")])).resources
    )
    more = f"state_machines: {{role: {arn}}}\nscheduler: {{role: {pipelines}}}\n"
    both = roles_of(site_of(tmp_path, more, [foreign("spark")])).resources
    assert not {"StateMachineRole", "SchedulerRole"} & set(both)


def test_without_a_vpc_nothing_is_about_one(tmp_path: Path) -> None:
    text = roles_of(site_of(tmp_path, "", [foreign("spark"), foreign("train-evaluate-register")])).text()
    assert "ec2:" not in text
    assert "Vpc" not in text


def test_in_a_vpc_jobs_are_created_only_there(tmp_path: Path) -> None:
    found = roles_of(site_of(tmp_path, NETWORK, [foreign("spark")]))
    guard = {
        "sagemaker:VpcSubnets": ["subnet-0a1b2c3d", "subnet-1a1b2c3d"],
        "sagemaker:VpcSecurityGroupIds": ["sg-0a1b2c3d", "sg-1a1b2c3d", "sg-2a1b2c3d"],
    }
    some = dict.fromkeys(guard, "false")
    for role, sid in (("PipelineRole", "CreateJobs"), ("StateMachineRole", "CreateProcessingJob")):
        condition = statements(found, role)[sid]["Condition"]
        assert condition == {"ForAllValues:StringEquals": guard, "Null": some}
    condition = statements(found, "SubmitPolicy")["SubmitProcessing"]["Condition"]
    assert condition["ForAllValues:StringEquals"].items() >= guard.items()
    assert condition["Null"].items() >= some.items()
    assert "VpcInterfaces" in sids(found, "ExecutionRole")


def test_groups_that_the_stack_makes_count_before_their_ids_are_known(tmp_path: Path) -> None:
    more = "network: {subnets: [subnet-0a1b2c3d], security_groups: {inference: [sg-2a1b2c3d]}}\n"
    site = site_of(tmp_path, more, [foreign("spark")])
    assert not site.project.subnets
    condition = statements(roles_of(site), "PipelineRole")["CreateJobs"]["Condition"]
    assert condition["Null"] == {"sagemaker:VpcSubnets": "false", "sagemaker:VpcSecurityGroupIds": "false"}
    made = roles_of(site_of(tmp_path, "network: {subnets: [subnet-0a1b2c3d]}\n", [foreign("spark")]))
    known = statements(made, "PipelineRole")["CreateJobs"]["Condition"]["ForAllValues:StringEquals"]
    purposes = ("Processing", "Training", "Inference")
    assert known == {
        "sagemaker:VpcSubnets": ["subnet-0a1b2c3d"],
        "sagemaker:VpcSecurityGroupIds": [{"Fn::GetAtt": [f"SecurityGroup{one}", "GroupId"]} for one in purposes],
    }
    assert "VpcInterfaces" in sids(made, "ExecutionRole")


def test_keys_are_those_of_the_stack_of_the_file_or_known_by_an_alias(tmp_path: Path) -> None:
    made = roles_of(site_of(tmp_path, "", [foreign("spark")]))
    assert resources(made, "ExecutionRole", "UseKeys") == [{"Fn::GetAtt": ["Key", "Arn"]}]
    named = roles_of(site_of(tmp_path, KEY, [foreign("spark")]))
    arn = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    assert resources(named, "ExecutionRole", "UseKeys") == [arn]
    assert statements(named, "ExecutionRole")["EncryptVolumes"]["Condition"] == {
        "Bool": {"kms:GrantIsForAWSResource": "true"}
    }
    alias = statements(roles_of(site_of(tmp_path, "keys: {output: alias/ours}\n", [foreign("spark")])), "ExecutionRole")
    assert alias["UseKeysByAlias"]["Resource"] == ["arn:aws:kms:us-east-1:123456789012:key/*"]
    by_alias = {"ForAnyValue:StringEquals": {"kms:ResourceAliases": ["alias/ours"]}}
    assert alias["UseKeysByAlias"]["Condition"] == by_alias
    assert "UseKeys" not in alias
    none = site_of(tmp_path, "", [foreign("spark")])
    infra = replace(none.infra, made=none.infra.made - {"keys"})
    assert "kms:" not in roles_of(replace(none, project=replace(none.project, infra=infra))).text()


@pytest.mark.parametrize(
    ("region", "partition", "domain"),
    [("cn-north-1", "aws-cn", "amazonaws.com.cn"), ("us-gov-west-1", "aws-us-gov", "amazonaws.com")],
)
def test_in_other_partitions(tmp_path: Path, region: str, partition: str, domain: str) -> None:
    one = workload((FOREIGN / "callback.json").read_text(encoding="utf-8").replace("arn:aws:", f"arn:{partition}:"))
    one = replace(one, uses=replace(one.uses, queues=(f"https://sqs.{region}.{domain}/123456789012/ask",)))
    site = site_of(tmp_path, f"bucket: ours\n{KEY}", [one], region)
    found = roles_of(site)
    assert set(re.findall(r"arn:(aws[a-z-]*):", found.text())) == {partition}
    assert resources(found, "PipelineRole", "AskByQueue") == [f"arn:{partition}:sqs:{region}:123456789012:ask"]
    through = statements(found, "PipelineRole")["EncryptMessages"]["Condition"]
    assert through == {"StringEquals": {"kms:ViaService": f"sqs.{region}.{domain}"}}
    trusted = found.resources["PipelineRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"][0]
    assert trusted["Principal"] == {"Service": "sagemaker.amazonaws.com"}


@pytest.mark.parametrize("role", ROLES[:4])
def test_a_service_acts_for_this_account_alone(role: str) -> None:
    one = roles_of(example("dev")).resources[role]["Properties"]
    (trusted,) = one["AssumeRolePolicyDocument"]["Statement"]
    assert trusted["Condition"]["StringEquals"] == {"aws:SourceAccount": "123456789012"}
    assert all("123456789012" in source for source in trusted["Condition"]["ArnLike"]["aws:SourceArn"])
    assert one["PermissionsBoundary"] == {"Ref": "Boundary"}


def test_a_given_boundary_is_that_of_every_role(tmp_path: Path) -> None:
    arn = "arn:aws:iam::123456789012:policy/boundary"
    site = site_of(tmp_path, "", [foreign("spark")])
    site = replace(site, project=replace(site.project, infra=replace(site.infra, permissions_boundary=arn)))
    roles = [one["Properties"] for one in roles_of(site).resources.values() if one["Type"] == "AWS::IAM::Role"]
    assert {one["PermissionsBoundary"] for one in roles} == {arn}


# ---- limits of IAM ----


def many_buckets(folder: Path, count: int) -> Site:
    site = site_of(folder, "", [workload(definition(FAIL))])
    reads = tuple(f"s3://bucket-of-somebody-{number:03}/a/rather/long/prefix" for number in range(count))
    one = site.workloads.every[0]
    return site_of(folder, "", [replace(one, uses=replace(one.uses, reads=reads, kinds=("Processing",)))])


def test_what_no_inline_policy_holds_becomes_managed_policies(tmp_path: Path) -> None:
    template = roles_of(many_buckets(tmp_path, 120))
    role = template.resources["ExecutionRole"]["Properties"]
    attached = [one["Ref"] for one in role["ManagedPolicyArns"]]
    assert "Policies" not in role
    assert attached == [f"ExecutionRolePolicy{number}" for number in range(1, len(attached) + 1)]
    for document in documents(template, "ExecutionRole"):
        assert len(json.dumps(document, separators=(",", ":"))) <= 6144
    read = [
        arn
        for sid, one in statements(template, "ExecutionRole").items()
        if "ReadData" in sid
        for arn in one["Resource"]
    ]
    assert len([arn for arn in read if ":::bucket-of-somebody-" in arn]) == 120, "none is lost"
    assert "Policies" in roles_of(many_buckets(tmp_path, 5)).resources["ExecutionRole"]["Properties"]


def test_an_arn_that_aws_gives_counts_as_long_as_it_will_be() -> None:
    known = Statement("A", ("kms:Decrypt",), ("arn:aws-us-gov:kms:us-gov-west-1:123456789012:key/" + "0" * 36,))
    assert size_of([replace(known, resources=({"Fn::GetAtt": ["Key", "Arn"]},))]) >= size_of([known])


# ---- state machines ----


def test_the_rights_of_every_integration_are_known() -> None:
    assert set(RESOURCES.values()) <= set(INTEGRATIONS)
    machines = sorted((ROOT / "tests" / "golden").rglob("*.asl.json"))
    found = {name for path in machines for name in integrations(path.read_text(encoding="utf-8"))}
    assert "sagemaker:createTrainingJob.sync" in found
    assert found <= set(INTEGRATIONS)


def test_an_integration_that_is_not_known_is_a_mistake_of_ours(tmp_path: Path) -> None:
    state = {"Type": "Task", "Resource": "arn:aws:states:::batch:submitJob.sync", "End": True}
    inside = {"Type": "Parallel", "Branches": [{"StartAt": "A", "States": {"A": state}}], "End": True}
    machine = json.dumps({"StartAt": "All", "States": {"All": inside}})
    one = replace(workload(definition(FAIL)), machine=machine)
    with pytest.raises(InternalError, match=r"batch:submitJob\.sync"):
        roles_of(site_of(tmp_path, "", [one]))


def test_rules_are_those_of_the_jobs_that_occur(tmp_path: Path) -> None:
    found = resources(roles_of(site_of(tmp_path, "", [foreign("tuning")])), "StateMachineRole", "HearOfEnds")
    rule = "arn:aws:events:us-east-1:123456789012:rule/StepFunctionsGetEventsForSageMaker"
    assert found == [f"{rule}TuningJobsRule"]


def test_jobs_that_a_definition_names_otherwise_are_the_machines_too(tmp_path: Path) -> None:
    found = resources(
        roles_of(site_of(tmp_path, "", [foreign("job-name-prefix")])), "StateMachineRole", "CreateTrainingJob"
    )
    assert found == [f"{SAGEMAKER}:training-job/rc-churn-*", f"{SAGEMAKER}:training-job/demo-train-*"]


# ---- schedules, triggers, people ----


def scheduled(name: str, **words: Any) -> Workload:
    schedule = Schedule("nightly", cron="0 2 * * ? *", **words)
    return foreign("spark", deployed_name=f"rc-churn-{name}-dev", starts=(Start("nightly", schedule.members()),))


def test_schedules_start_the_scheduled_pipelines_alone(tmp_path: Path) -> None:
    queue = "arn:aws:sqs:us-east-1:123456789012:theirs"
    both = [scheduled("a", dead_letter_queue=queue), foreign("tuning")]
    found = roles_of(site_of(tmp_path, "", both))
    assert resources(found, "SchedulerRole", "StartPipelines") == [f"{SAGEMAKER}:pipeline/rc-churn-a-dev"]
    machine = "arn:aws:states:us-east-1:123456789012:stateMachine:rc-churn-a-dev"
    assert resources(found, "SchedulerRole", "StartMachines") == [machine]
    own = "arn:aws:sqs:us-east-1:123456789012:rc-churn-dev-dead-letters"
    assert resources(found, "SchedulerRole", "TellOfFailures") == [own, queue]
    trusted = found.resources["SchedulerRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"][0]
    group = "arn:aws:scheduler:us-east-1:123456789012:schedule-group/rc-churn-dev"
    assert trusted["Condition"]["ArnLike"] == {"aws:SourceArn": [group]}


def test_triggers_measure_their_inputs_and_start_their_pipelines(tmp_path: Path) -> None:
    fixed = InputSize("Raw", of="s3://theirs/raw/files", rule=RULES["economy"])
    given = InputSize("New", of=ParameterString("Where", "s3://ours/new"), rule=RULES["economy"])
    found = roles_of(site_of(tmp_path, "", [foreign("spark", sizes=(fixed, given))]))
    assert resources(found, "TriggerRole", "StartPipelines") == [f"{SAGEMAKER}:pipeline/rc-churn-spark-dev"]
    listed = statements(found, "TriggerRole")
    assert listed["Measure1"]["Resource"] == ["arn:aws:s3:::theirs"]
    assert listed["Measure1"]["Condition"] == {"StringLike": {"s3:prefix": ["raw/", "raw/files*"]}}
    assert listed["Measure2"]["Resource"] == ["arn:aws:s3:::ours"], "an event says where in the bucket"
    assert listed["Log"]["Resource"] == [
        "arn:aws:logs:us-east-1:123456789012:log-group:/aws/lambda/rc-churn-spark-dev-trigger:log-stream:*"
    ]
    through = {"StringEquals": {"kms:ViaService": "lambda.us-east-1.amazonaws.com"}}
    assert listed["DecryptSettings"]["Condition"] == through
    assert "TriggerRole" not in roles_of(site_of(tmp_path, "", [foreign("spark")])).resources


def test_people_submit_with_the_machines_and_limits_of_the_project(tmp_path: Path) -> None:
    found = roles_of(site_of(tmp_path, "", [foreign("spark")]))
    condition = statements(found, "SubmitPolicy")["SubmitProcessing"]["Condition"]
    types = condition["ForAllValues:StringEquals"]["sagemaker:InstanceTypes"]
    assert {"ml.m5.large", "ml.m5.12xlarge"} <= set(types), "sizes and rules"
    assert "ml.p4d.24xlarge" not in types
    assert int(condition["NumericLessThanEquals"]["sagemaker:MaxRuntimeInSeconds"]) >= 600
    assert condition["StringEquals"] == {
        "aws:RequestTag/dagwright:project": "rc-churn",
        "aws:RequestTag/dagwright:environment": "dev",
    }
    policies = [one["Properties"] for name, one in found.resources.items() if name.startswith("SubmitPolicy")]
    assert all(one["Roles"] == ["Studio"] for one in policies)


def test_people_upload_code_and_nothing_that_a_deployment_takes(tmp_path: Path) -> None:
    found = Resolved(roles_of(site_of(tmp_path, KEY, [foreign("spark")])).as_json())
    policies = policies_of(found, "Studio")
    code = "arn:aws:s3:::acme-sm-rc-churn/code"
    assert allowed(policies, "s3:PutObject", f"{code}/jobs/source.tar.gz")
    for place in ("infra", "infra-plans", "trigger"):
        assert not allowed(policies, "s3:PutObject", f"{code}/{place}/0a1b.json"), place


def test_approvers_decide_and_others_do_not(tmp_path: Path) -> None:
    found = roles_of(site_of(tmp_path, "", [foreign("train-evaluate-register")]))
    assert found.resources["ApproverPolicy"]["Properties"]["Roles"] == ["Reviewers"]
    decide = statements(found, "ApproverPolicy")["Decide"]
    assert decide["Condition"] == {"StringEquals": {"sagemaker:ModelApprovalStatus": ["Approved", "Rejected"]}}
    submit = [action for one in statements(found, "SubmitPolicy").values() for action in one["Action"]]
    assert "sagemaker:UpdateModelPackage" not in submit


def test_without_people_there_are_no_policies_for_them(tmp_path: Path) -> None:
    site = site_of(tmp_path, "", [foreign("spark")])
    infra = replace(site.infra, studio_roles=(), approver_roles=())
    found = roles_of(replace(site, project=replace(site.project, infra=infra))).resources
    assert not [name for name in found if name.startswith(("Submit", "Approver"))]
