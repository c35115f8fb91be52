"""What is deployed: the environment's stack with its alarms and its topic, the pipelines, the model package groups."""

from __future__ import annotations

from dagwright.doctor.findings import Sayings, ok, problem, warning
from dagwright.doctor.ward import Declared, Ward, count_of, listed, said_by_all
from dagwright.engines.aws.wanted import THINGS


def stack(ward: Ward) -> Sayings:
    """The CloudFormation stack of the environment, if it is to have one."""
    if not ward.project.infra.is_used:
        return
    name = ward.project.infra.stack
    found = ward.find("cloudformation", "describe_stacks", StackName=name)
    if found is None:
        yield warning(f"there is no stack {name}", f"`{ward.command('infra upsert')}` makes it.")
        return
    one = found["Stacks"][0]
    status = one["StackStatus"]
    drift = one.get("DriftInformation", {})
    if status.endswith("IN_PROGRESS"):
        yield warning(f"{name} is {status}", "Wait until it has ended.")
    elif "FAILED" in status or status in ("ROLLBACK_COMPLETE", "DELETE_COMPLETE"):
        hint = f"`{ward.command('infra plan')}` says what differs, and why the last change failed."
        yield problem(f"{name} is {status}", hint)
    elif status == "UPDATE_ROLLBACK_COMPLETE":
        yield warning(f"the last change of {name} was taken back", ward.command("infra plan"))
    else:
        yield ok(f"{name} is {status}")
    if drift.get("StackDriftStatus") == "DRIFTED":
        what = f"somebody changed what {name} made (seen {drift.get('LastCheckTimestamp', 'once'):%Y-%m-%d})"
        yield warning(what, f"`{ward.command('infra plan')}` shows it.")


def alarms(ward: Ward) -> Sayings:
    """Alarms of the environment that ring."""
    if not ward.project.infra.is_used:
        return
    stem = ward.names.stem
    pages = ward.pages("cloudwatch", "describe_alarms", AlarmNamePrefix=f"{stem}-")
    found = [one for page in pages for one in page.get("MetricAlarms", [])]
    ringing = [one for one in found if one["StateValue"] == "ALARM"]
    for one in ringing:
        what = f"{one['AlarmName']} rings: {one.get('StateReason', '')}".rstrip(": ")
        yield warning(what, f"`{ward.command('history')}` shows what ran.")
    if not found:
        yield warning(f"no alarm is called {stem}-…", f"`{ward.command('infra upsert')}` makes them.")
    elif not ringing:
        yield ok(f"{count_of(len(found), 'alarm')}, none of which rings")


def topic(ward: Ward) -> Sayings:
    """Whether somebody hears of what fails."""
    if not ward.project.infra.is_used:
        return
    name = ward.names.topic
    arn = ward.arn("sns", name)
    found = ward.find("sns", "list_subscriptions_by_topic", TopicArn=arn)
    if found is None:
        yield warning(f"there is no topic {name}", f"`{ward.command('infra upsert')}` makes it.")
        return
    subscriptions = found["Subscriptions"]
    confirmed = [one for one in subscriptions if one["SubscriptionArn"].startswith("arn:")]
    if confirmed:
        yield ok(f"{name} tells {count_of(len(confirmed), 'subscriber')}")
    elif subscriptions:
        waiting = listed([one["Endpoint"] for one in subscriptions])
        yield warning(f"{waiting} has not confirmed its subscription of {name}", "Follow the link of the mail.")
    else:
        yield warning(f"nobody subscribes to {name}", "Name somebody: infra.alert_emails.")


def pipelines(ward: Ward) -> Sayings:
    """Whether each pipeline is deployed; what an upsert would change is the plan's to say."""
    declared = {one.name: one for one in ward.pipelines if one.deployed_name}
    yield from said_by_all({name: _deployed(ward, one) for name, one in declared.items()})


def _deployed(ward: Ward, one: Declared) -> Sayings:
    engine, name = ward.project.engine, one.deployed_name
    if engine == "sagemaker":
        found = ward.find("sagemaker", "describe_pipeline", PipelineName=name)
    else:
        arn = ward.arn("states", f"stateMachine:{name}")
        found = ward.find("stepfunctions", "describe_state_machine", stateMachineArn=arn)
    if found is None:
        what = f"{one.name}: the {THINGS[engine]} {name} is not deployed"
        yield warning(what, ward.command(f"upsert {one.name}"))
    else:
        yield ok(f"{one.name} is deployed as {name}")


def package_groups(ward: Ward) -> Sayings:
    """Where models are registered."""
    yield from said_by_all({name: _group(ward, name) for name in ward.workload.package_groups})


def _group(ward: Ward, name: str) -> Sayings:
    found = ward.find("sagemaker", "describe_model_package_group", ModelPackageGroupName=name)
    if found is None:
        yield warning(f"there is no model package group {name}", f"`{ward.command('infra upsert')}` makes it.")
    else:
        yield ok(f"the model package group {name} is there")
