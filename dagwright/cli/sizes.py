"""What the inputs of a pipeline are sized to, for a start and for a deployment.

In: a pipeline with its sizes, and the words of the command line. Out: values of its parameters, or the pipeline with
them as defaults. Inputs are measured in the local store, or in S3 by listing what is below their addresses.
"""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias

from dagwright.cli.local import local_store
from dagwright.cli.sources import project_of
from dagwright.cli.text import size as amount
from dagwright.definition.graph import Graph, read_definition
from dagwright.engines.addresses import split_uri
from dagwright.engines.local.store import Store, storage_errors
from dagwright.errors import AWSError, Problem, StorageError, UserError, did_you_mean
from dagwright.shapes import model
from dagwright.sizing import Machines, Measured, measured
from dagwright.writing import text_of

if TYPE_CHECKING:
    from dagwright.cli.sources import Source
    from dagwright.engines.aws.clients import Clients
    from dagwright.input_sizes import InputSize

Measure: TypeAlias = Callable[[str], Measured]
Say: TypeAlias = Callable[[str], None]

# What says which machines a job gets, by type of step, and its members in the order of a size's parameters.
_CLUSTERS = {"Processing": "ProcessingClusterConfig", "Training": "ResourceConfig", "Transform": "TransformResources"}
_MEMBERS = ("InstanceType", "InstanceCount", "VolumeSizeInGB")


def offered_sizes(
    sizes: Sequence[InputSize],
    given: Mapping[str, Any],
    arguments: Namespace,
    say: Say,
    addresses: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, str | int]:
    """The values that a start offers to parameters nobody has given: of the inputs as they are now.

    `addresses` are where inputs are instead, by the names of their sizes.

    Nothing for an input that is not there or cannot be seen: the pipeline's own defaults hold then, which is said.
    Raises UserError for an input that its rule does not hold, AWSError without credentials.
    """
    wanted = [size for size in sizes if any(one.name not in given for one in size.parameters)]
    if not wanted:
        return {}
    measure = _measure(arguments)
    offered: dict[str, str | int] = {}
    for size in wanted:
        address = addresses.get(size.name) or _address(size, given)
        machines = _machines(size, address, measure, say, "the pipeline's defaults hold", given)
        offered |= size.values(machines) if machines else {}
    return {name: value for name, value in offered.items() if name not in given}


def sized_source(source: Source, measure: Measure, say: Say) -> Source:
    """The pipeline whose defaults are what its inputs need now; the rule's first row for an input that cannot be seen.

    Raises UserError for an input that its rule does not hold.
    """
    values: dict[str, str | int] = {}
    for size in source.input_sizes:
        machines = _machines(size, _address(size), measure, say, "the first row of its rule counts")
        values |= size.values(machines) if machines else {}
    definition = json.loads(source.text)
    for parameter in definition["Parameters"]:
        if parameter["Name"] in values:
            parameter["DefaultValue"] = values[parameter["Name"]]
    text = text_of(definition)
    return replace(source, text=text, graph=read_definition(text))


def s3_measure(clients: Clients) -> Measure:
    """Measures below an S3 address, each once. It raises AWSError, and StorageError for what is no address."""

    @cache
    def measure(address: str) -> Measured:
        bucket, _ = split_uri(address)
        prefix = address.removeprefix(f"s3://{bucket}").removeprefix("/")
        what = f"{address} cannot be measured"
        return measured(clients.pages(what, "s3", "list_objects_v2", Bucket=bucket, Prefix=prefix))

    return measure


def store_measure(store: Store) -> Measure:
    """Measures below an address of the local store, each once. It raises StorageError."""

    @cache
    def measure(address: str) -> Measured:
        with storage_errors(f"{address} cannot be measured"):
            sizes = [one.path.stat().st_size for one in store.objects(address)]
        return Measured(sum(sizes), len(sizes))

    return measure


def rule_row_problems(source: Source) -> Iterator[Problem]:
    """Rows of the pipeline's rules whose machines the steps that take them cannot have: AWS's model tells."""
    yield from dict.fromkeys(problem for size in source.input_sizes for problem in _row_problems(size, source.graph))


def _row_problems(size: InputSize, graph: Graph) -> Iterator[Problem]:
    shapes = model("sagemaker")
    asked = [
        (kind, member, shapes[shapes[_CLUSTERS[kind]]["members"][member]["shape"]])
        for kind, members in _members_read(size, graph).items()
        for member in members
    ]
    for at, row in enumerate(size.rule.rows):
        values = {_MEMBERS[0]: row.instance_type, _MEMBERS[1]: row.instance_count, _MEMBERS[2]: row.volume_size_in_gb}
        fields = dict(zip(_MEMBERS, ("instance_type", "instance_count", "volume_size_in_gb"), strict=True))
        for kind, member, shape in asked:
            value, field = values[member], f"sizing.{size.rule.name}[{at}].{fields[member]}"
            if value not in shape.get("enum", (value,)):
                what, hint = f"{value} is no instance type of {kind} jobs", did_you_mean(str(value), shape["enum"])
                yield Problem("not-in-enum", what, hint, field=field, where="config/project.yaml")
            elif isinstance(value, int) and value > shape.get("max", value):
                what = f"{value} is more than the {shape['max']} that {kind} jobs may have"
                yield Problem("out-of-range", what, field=field, where="config/project.yaml")


def _members_read(size: InputSize, graph: Graph) -> dict[str, list[str]]:
    """By type of step, what of a job's machines follows from this size."""
    members = dict(zip((one.name for one in size.parameters), _MEMBERS, strict=True))
    found: dict[str, dict[str, None]] = {}
    for step in graph.steps.values():
        read = [members[one.name] for one in step.references if one.root == "Parameters" and one.name in members]
        if step.type in _CLUSTERS:
            found.setdefault(step.type, {}).update(dict.fromkeys(read))
    return {kind: [*read] for kind, read in found.items()}


def _measure(arguments: Namespace) -> Measure:
    """The way to measure where the words run. Raises AWSError, UserError for credentials of another account."""
    if arguments.env == "local":
        return store_measure(local_store(arguments))
    from dagwright.engines.aws.clients import Clients, check_account

    project = project_of(arguments)
    clients = Clients(project.region)
    check_account(clients, project.account_id, project.environment)
    return s3_measure(clients)


def _address(size: InputSize, given: Mapping[str, Any] = MappingProxyType({})) -> str:
    """Where the input is, with these start values; empty for a parameter without a value."""
    if isinstance(size.of, str):
        return size.of
    return str(given.get(size.of.name, size.of.default_value or ""))


def _machines(
    size: InputSize,
    address: str,
    measure: Measure,
    say: Say,
    otherwise: str,
    given: Mapping[str, Any] = MappingProxyType({}),
) -> Machines | None:
    """What the rule gives an input, which is said with what is `given` instead; None for one that is not there or
    cannot be seen."""
    if not address:
        say(f"{size.name}: its address has no value: {otherwise}")
        return None
    try:
        found = measure(address)
    except (AWSError, StorageError) as error:
        say(f"{size.name}: {error.message}: {otherwise}")
        return None
    if not found.objects:
        say(f"{size.name}: there is nothing at {address}: {otherwise}")
        return None
    what = f"{size.name}: {amount(found.bytes)} in {found.objects:,} object{'s' * (found.objects > 1)} at {address}"
    try:
        machines = size.machines(found.bytes, _whole(given.get(size.instance_count.name)))
    except UserError as error:
        names = " ".join(f"-p {one.name}=…" for one in size.parameters)
        raise UserError(
            f"{what}: {error.message}", hint=f"{error.hint} To start it on machines of your own: {names}"
        ) from None
    own = {name: given[name] for name in size.values(machines) if name in given}
    instead = "".join(f"; {name} {value} as given" for name, value in own.items())
    say(f"{what} -> {machines} (rule {size.rule.name}{instead})")
    return machines


def _whole(value: object) -> int | None:
    """A number of machines as somebody wrote it; None for what is none: a start refuses that itself."""
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 and int(text) else None
