"""Steps whose machines follow from the size of an input: declared with the pipeline, which gets parameters for them.

In: an input's address, and a rule of the configuration. Out: three parameters and the options of a step that reads
them. What the parameters come to is measured when the pipeline is deployed and when it is started; the rule itself is
in `sizing.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dagwright.arguments import of_kind, s3_address, sequence
from dagwright.errors import UserError
from dagwright.keywords import Declared
from dagwright.parameters import Parameter, ParameterInteger, ParameterString
from dagwright.refusals import Findings, caller, item_name
from dagwright.shapes import is_bucket
from dagwright.sizing import Machines, Row, Rule, TooLargeError, size_of

if TYPE_CHECKING:
    from dagwright.steps import JobOptions


class InputSize(metaclass=Declared):
    """The machines of the steps that read one input.

    >>> from dagwright.sizing import RULES
    >>> raw = InputSize("Raw", of="s3://acme-sm-rc-churn/raw/uploads", rule=RULES["standard"])
    >>> raw.parameters
    (Parameters.RawInstanceType, Parameters.RawInstanceCount, Parameters.RawVolumeSizeInGB)

    `of` is the input's S3 address, or the parameter that holds it. A step takes `**raw.options`, the pipeline
    `input_sizes=[raw]`, which declares the parameters `<name>InstanceType`, `<name>InstanceCount` and
    `<name>VolumeSizeInGB`; until something is measured they are the rule's first row. A rule's GB are 10^9 bytes.
    `sharded`: each machine gets its share of the input (ShardedByS3Key). `spark`: it is read by a Spark step, for which
    the rule has rows of its own.

    Raises DefinitionError for a name that no parameter can begin with, for what is no address or no rule with rows, and
    for a rule that begins with a row for Spark if this is none.
    """

    found: Findings

    def __init__(
        self, name: str, *, of: ParameterString | str, rule: Rule, sharded: bool = False, spark: bool = False
    ) -> None:
        self.place = caller()
        self.name = item_name("size", name, self.found)
        self.of = of
        self.rule = rule
        self.sharded = sharded
        self.spark = spark
        self._check_of()
        of_kind(sharded, bool, "True or False", "sharded", self.found)
        of_kind(spark, bool, "True or False", "spark", self.found)
        first = self._first_machines()
        self.found.raise_any()
        why = f"follows from the size of the input {self.name}"
        self.instance_type = ParameterString(f"{name}InstanceType", first.instance_type, description=why)
        self.instance_count = ParameterInteger(f"{name}InstanceCount", first.instance_count, description=why)
        self.volume_size_in_gb = ParameterInteger(f"{name}VolumeSizeInGB", first.volume_size_in_gb, description=why)
        for one in self.parameters:
            one.declared_by = f"give the pipeline input_sizes=[…] with the InputSize '{name}', which declares it"

    def __repr__(self) -> str:
        return f"InputSize({self.name!r})"

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """What the pipeline declares for it: instance type, instance count, volume."""
        return (self.instance_type, self.instance_count, self.volume_size_in_gb)

    @property
    def options(self) -> JobOptions:
        """What a processing or training step takes."""
        return {
            "instance_type": self.instance_type,
            "instance_count": self.instance_count,
            "volume_size_in_gb": self.volume_size_in_gb,
        }

    def machines(self, amount: int, instance_count: int | None = None) -> Machines:
        """The machines for so many bytes, or so many machines for them.

        Raises UserError if the rule does not hold them, or no volume does.
        """
        try:
            return size_of(
                amount,
                self.rule,
                largest_volume_in_gb=largest_volume_in_gb(),
                sharded=self.sharded,
                spark=self.spark,
                instance_count=instance_count,
            )
        except TooLargeError as error:
            raise UserError(str(error), hint=error.hint) from None

    def values(self, machines: Machines) -> dict[str, str | int]:
        """Those machines as values of the parameters."""
        return {
            self.instance_type.name: machines.instance_type,
            self.instance_count.name: machines.instance_count,
            self.volume_size_in_gb.name: machines.volume_size_in_gb,
        }

    def _check_of(self) -> None:
        hint = "an S3 address, or the ParameterString that holds it: what is put together is not known beforehand"
        if of_kind(self.of, ParameterString | str, "an input's address", "of", self.found, hint):
            s3_address(self.of, "of", self.found)
        if isinstance(self.of, str) and self.of.startswith("s3://"):
            bucket = self.of.removeprefix("s3://").partition("/")[0]
            if not is_bucket(bucket):
                what = f"'{self.of}' names no possible bucket: '{bucket}'"
                self.found.add("bad-s3-uri", what, "it has the form s3://bucket/prefix", "of")

    def _first_machines(self) -> Machines:
        nothing = Machines("", 1, 1)
        if not of_kind(self.rule, Rule, "a rule", "rule", self.found, 'such as project.sizing_rule("standard")'):
            return nothing
        rows: object = self.rule.rows
        if not isinstance(rows, tuple) or not rows or not all(isinstance(row, Row) for row in rows):
            what = f"the rule {self.rule.name} has no rows"
            self.found.add("bad-value", what, "they are a tuple of Row, at least one", "rule")
            return nothing
        first = self.rule.rows[0]
        if first.spark and not self.spark:
            what = f"the rule {self.rule.name} begins with a row for Spark steps"
            self.found.add("bad-value", what, "say spark=True, or take another rule", "rule")
        return first.machines


def largest_volume_in_gb() -> int:
    """The largest volume that a processing job may have (botocore, shape ProcessingVolumeSizeInGB)."""
    from dagwright.shapes import model

    return int(model("sagemaker")["ProcessingVolumeSizeInGB"]["max"])


def checked_sizes(given: object, parameters: Sequence[Parameter], found: Findings) -> tuple[InputSize, ...]:
    """The sizes that a pipeline with these parameters is given. What is wrong with them is noted."""
    sizes: tuple[InputSize, ...] = sequence(given, InputSize, "an input's size", "InputSizes", found)  # type: ignore[arg-type]
    names: set[str] = set()
    rules: dict[str, Rule] = {}
    for size in sizes:
        place = f"InputSizes.{size.name}"
        if size.name in names:
            found.add("duplicate-size", f"two sizes are named '{size.name}'", "rename one", place)
        names.add(size.name)
        if rules.setdefault(size.rule.name, size.rule) != size.rule:
            what = f"two rules are named '{size.rule.name}', with other rows"
            found.add("duplicate-rule", what, "rename one", f"{place}.rule")
        if isinstance(size.of, Parameter) and not any(size.of is one for one in parameters):
            what = f"the parameter '{size.of.name}' is not one of the pipeline's"
            found.add("unknown-parameter", what, "add it to parameters=[…]", f"{place}.of")
    return sizes
