"""The VPC that jobs run in: subnets, security groups, and the ways out of it.

https://docs.aws.amazon.com/sagemaker/latest/dg/process-vpc.html: two free addresses for each instance, and a group
whose members reach each other where a job has several.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dagwright.doctor.findings import Sayings, ok, problem, warning
from dagwright.doctor.ward import Ward, count_of, listed

_PER_INSTANCE = 2
_ALL = "-1"
_ANYWHERE = ("0.0.0.0/0", "::/0")
#: What containers call that are not isolated: the SDK, its credentials, logs and metrics of their own.
_CALLED = ("sagemaker.api", "sts", "logs", "monitoring")
# A default route by one of these leads out; by an internet gateway it does not: jobs have no public address.
_WAYS = ("NatGatewayId", "TransitGatewayId", "NetworkInterfaceId", "VpcPeeringConnectionId", "InstanceId")


def subnets(ward: Ward) -> Sayings:
    """Whether they are there, in one VPC and in two zones at least."""
    wanted = _wanted_subnets(ward)
    if not wanted:
        yield warning("jobs run outside a VPC", "Name private subnets: network.subnets.")
        return
    found = _subnets(ward)
    missing = [one for one in wanted if one not in found]
    if missing:
        hint = f"Correct network.subnets: it names subnets of {ward.project.account_id} in {ward.project.region}."
        yield problem(f"there is no {listed(missing)}", hint)
    vpcs = {one["VpcId"] for one in found.values()}
    zones = {one["AvailabilityZone"] for one in found.values()}
    if len(vpcs) > 1:
        yield problem(f"the subnets lie in several VPCs: {listed([*vpcs])}", "A job takes subnets of one VPC.")
    elif len(zones) == 1:
        yield warning(f"all subnets lie in {zones.pop()}", "Add one of another zone: a zone may be without machines.")
    elif found and not missing:
        yield ok(f"{count_of(len(found), 'subnet')} of {vpcs.pop()}, in {listed([*zones])}")


def addresses(ward: Ward) -> Sayings:
    """Whether the subnets have room for the largest job."""
    found, most = _subnets(ward), ward.workload.most_instances
    if not found or not most.instances:
        return
    needed = _PER_INSTANCE * most.instances
    free = {name: one["AvailableIpAddressCount"] for name, one in found.items()}
    short = [f"{name} has {count}" for name, count in free.items() if count < needed]
    asks = f"{most.who} takes {needed} free addresses ({count_of(most.instances, 'instance')})"
    if len(short) == len(free):
        yield problem(f"{asks}, and {listed(short)}", "Name larger subnets, or fewer instances.")
    elif short:
        yield warning(f"{asks}, and {listed(short)}", "Name larger subnets: the job cannot run in these.")
    else:
        yield ok(f"{asks}, and every subnet has {min(free.values())} at least")


def security_groups(ward: Ward) -> Sayings:
    """Whether they are there, and in the VPC of the subnets."""
    wanted = _wanted_groups(ward)
    if not wanted:
        return
    found = _groups(ward)
    missing = [one for one in wanted if one not in found]
    if missing:
        make = ward.command("infra upsert")
        yield problem(f"there is no {listed(missing)}", f"Correct network.security_groups; `{make}` can make them.")
    vpcs = {one["VpcId"] for one in _subnets(ward).values()}
    strange = [f"{name} is in {one['VpcId']}" for name, one in found.items() if vpcs and one["VpcId"] not in vpcs]
    if strange:
        yield problem(f"{listed(strange)}, and the subnets in {listed([*vpcs])}", "Name groups of that VPC.")
    if found and not missing and not strange:
        yield ok(f"{count_of(len(found), 'security group')}, in the VPC of the subnets")


def reach(ward: Ward) -> Sayings:
    """Whether the hosts of a job reach each other."""
    found = _groups(ward)
    several = {name: count for name, count in ward.workload.security_groups.items() if count > 1 and name in found}
    closed = [name for name in several if not _reaches_itself(found[name])]
    if closed:
        hint = "Add a rule: all traffic, in and out, from and to the group itself."
        yield problem(f"hosts of one job cannot reach each other in {listed(closed)}", hint)
    elif several:
        yield ok(f"hosts of one job reach each other in {listed([*several])}")


def egress(ward: Ward) -> Sayings:
    """Whether the groups let out what is needed, and not everything."""
    found = _groups(ward)
    shut = [name for name, one in found.items() if not one.get("IpPermissionsEgress")]
    wide = [name for name, one in found.items() if any(map(_is_anywhere, one.get("IpPermissionsEgress", [])))]
    if shut:
        hint = "Let 443 out, to the S3 prefix list and the endpoints' group."
        yield problem(f"{listed(shut)} lets nothing out: jobs cannot read their inputs", hint)
    if wide:
        hint = "Let 443 out to the S3 prefix list and the endpoints' group only."
        yield warning(f"{listed(wide)} lets everything out", hint)
    if found and not shut and not wide:
        yield ok("no security group lets everything out")


def ways_to_s3(ward: Ward) -> Sayings:
    """Whether each subnet has a way to S3, over which jobs get their data."""
    found = _subnets(ward)
    if not found:
        return
    lost = [name for name, one in found.items() if not _leads_to_s3(ward, one)]
    if lost:
        hint = "Add a gateway endpoint for S3 to their route table; infra.endpoints makes one."
        yield problem(f"{listed(lost)} has no way to S3: jobs cannot read their inputs", hint)
    else:
        yield ok("every subnet has a way to S3")


def ways_to_services(ward: Ward) -> Sayings:
    """Whether containers reach the services that they may call."""
    found = _subnets(ward)
    if not found:
        return
    if ward.workload.is_isolated:
        yield ok("containers have no network, and need no way out")
        return
    inside = [name for name, one in found.items() if not _leads_out(_table(ward, one))]
    called = [*_CALLED, *(["kms"] if ward.project.volume_key or ward.project.output_key else [])]
    missing = [one for one in called if not _has_endpoint(ward, one)]
    if inside and missing:
        what = f"{listed(inside)} has no way out, and its VPC no endpoint for {', '.join(missing)}"
        yield warning(what, "A script that calls these waits until its time is up: add endpoints (infra.endpoints).")
    else:
        yield ok("containers reach the services that they may call")


# ---- what there is ----


def _wanted_subnets(ward: Ward) -> list[str]:
    return [*dict.fromkeys((*ward.project.subnets, *ward.workload.subnets))]


def _wanted_groups(ward: Ward) -> list[str]:
    named = (one for groups in ward.project.security_groups.values() for one in groups)
    return [*dict.fromkeys((*named, *ward.workload.security_groups))]


def _subnets(ward: Ward) -> Mapping[str, Mapping[str, Any]]:
    """Those that are there: asked by a filter, because one that is not would spoil the answer for the others."""
    wanted = _wanted_subnets(ward)
    if not wanted:
        return {}
    found = ward.read("ec2", "describe_subnets", Filters=[{"Name": "subnet-id", "Values": wanted}])
    return {one["SubnetId"]: one for one in found["Subnets"]}


def _groups(ward: Ward) -> Mapping[str, Mapping[str, Any]]:
    wanted = _wanted_groups(ward)
    if not wanted:
        return {}
    found = ward.read("ec2", "describe_security_groups", Filters=[{"Name": "group-id", "Values": wanted}])
    return {one["GroupId"]: one for one in found["SecurityGroups"]}


def _reaches_itself(group: Mapping[str, Any]) -> bool:
    inward = any(_is_self(rule, group["GroupId"]) for rule in group.get("IpPermissions", []))
    rules = group.get("IpPermissionsEgress", [])
    return inward and any(_is_self(rule, group["GroupId"]) or _is_anywhere(rule) for rule in rules)


def _is_self(rule: Mapping[str, Any], group: str) -> bool:
    return rule.get("IpProtocol") == _ALL and any(
        pair.get("GroupId") == group for pair in rule.get("UserIdGroupPairs", [])
    )


def _is_anywhere(rule: Mapping[str, Any]) -> bool:
    ranges = [
        one.get("CidrIp") or one.get("CidrIpv6") for one in (*rule.get("IpRanges", []), *rule.get("Ipv6Ranges", []))
    ]
    return any(one in _ANYWHERE for one in ranges)


def _in_vpc(ward: Ward, method: str, vpc: str) -> Mapping[str, Any]:
    return ward.read("ec2", method, Filters=[{"Name": "vpc-id", "Values": [vpc]}])


def _table(ward: Ward, subnet: Mapping[str, Any]) -> Mapping[str, Any]:
    """The route table that counts for a subnet: its own, or its VPC's main one."""
    tables = _in_vpc(ward, "describe_route_tables", subnet["VpcId"])["RouteTables"]
    main: Mapping[str, Any] = {}
    for table in tables:
        for link in table.get("Associations", []):
            if link.get("SubnetId") == subnet["SubnetId"]:
                own: Mapping[str, Any] = table
                return own
            main = table if link.get("Main") else main
    return main


def _leads_out(table: Mapping[str, Any]) -> bool:
    return any(
        route.get("State", "active") == "active"
        and (any(route.get(way) for way in _WAYS) or str(route.get("GatewayId", "")).startswith("vgw-"))
        for route in table.get("Routes", [])
        if route.get("DestinationCidrBlock") == "0.0.0.0/0"
    )


def _endpoints(ward: Ward, service: str) -> Iterator[Mapping[str, Any]]:
    """The endpoints of the VPC for a service that can be used."""
    vpc = next(iter(_subnets(ward).values()))["VpcId"]
    for one in _in_vpc(ward, "describe_vpc_endpoints", vpc)["VpcEndpoints"]:
        if one["ServiceName"].endswith(f".{service}") and one.get("State", "").lower() == "available":
            yield one


def _has_endpoint(ward: Ward, service: str) -> bool:
    return next(_endpoints(ward, service), None) is not None


def _leads_to_s3(ward: Ward, subnet: Mapping[str, Any]) -> bool:
    table = _table(ward, subnet)
    return _leads_out(table) or any(
        one["VpcEndpointType"] == "Interface" or table.get("RouteTableId") in one.get("RouteTableIds", [])
        for one in _endpoints(ward, "s3")
    )
