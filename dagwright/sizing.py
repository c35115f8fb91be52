"""Which machines an input needs: a rule and a number of bytes come in; instance type, count and volume go out.

A rule is rows, of which the first that holds the input counts. GB are 10^9 bytes, here, in the configuration and in
what is printed; a volume's GB, which AWS counts in larger ones, is never smaller than what is asked for. The standard
library is all this needs: the Lambda trigger carries the file as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

GB = 10**9

# A volume holds a machine's share of the input, as much again for what the program writes, and room for itself.
_FACTOR = 2
_ROOM_IN_GB = 5
# It grows in steps, so that an input that grows a little is not another volume: (volumes up to, in steps of) in GB.
_STEPS = ((100, 10), (1000, 50))
_LARGEST_STEP = 500


class TooLargeError(ValueError):
    """A rule does not hold an input. `hint` is the way out."""

    def __init__(self, what: str, hint: str) -> None:
        super().__init__(what)
        self.hint = hint


@dataclass(frozen=True)
class Machines:
    """What a job runs on; the volume is each machine's."""

    instance_type: str
    instance_count: int
    volume_size_in_gb: int

    def __str__(self) -> str:
        return f"{self.instance_count} × {self.instance_type}, {self.volume_size_in_gb} GB"  # noqa: RUF001


@dataclass(frozen=True)
class Row:
    """The machines for inputs below a size, in GB; for any size without one. The volume is at least so large.

    A `spark` row is for programs that spread over machines and do not load their input onto a volume.
    """

    instance_type: str
    below_gb: int | None = None
    instance_count: int = 1
    volume_size_in_gb: int = 30
    spark: bool = False

    @property
    def machines(self) -> Machines:
        """For an input of which nothing is known."""
        return Machines(self.instance_type, self.instance_count, self.volume_size_in_gb)

    def holds(self, amount: int) -> bool:
        """Whether an input of so many bytes is below this row's size."""
        return self.below_gb is None or amount < self.below_gb * GB


@dataclass(frozen=True)
class Rule:
    """Rows by growing size, under the name that the configuration gives them."""

    name: str
    rows: tuple[Row, ...]

    def row(self, amount: int, *, spark: bool = False) -> Row:
        """The first row that holds so many bytes. Raises TooLargeError if there is none, or only one for Spark."""
        found = next((row for row in self.rows if row.holds(amount)), None)
        if found is None:
            what = f"the rule {self.name} ends below {self.rows[-1].below_gb:,} GB"
            raise TooLargeError(what, f"Add a row to sizing.{self.name} in config/project.yaml.")
        if found.spark and not spark:
            what = f"from {self._before(found):,} GB on the rule {self.name} is for Spark steps only"
            raise TooLargeError(what, "Use Spark: docs/spark.md.")
        return found

    def _before(self, row: Row) -> int:
        """Where a row begins, in GB."""
        at = self.rows.index(row)
        return (self.rows[at - 1].below_gb or 0) if at else 0


# The documents' two tables. They name no machines for more than 1 TB, only Spark: it gets four of its table's largest.
# ml.t3.small, with which the second begins, is no type that SageMaker has: its smallest is ml.t3.medium.
RULES: Mapping[str, Rule] = {
    rule.name: rule
    for rule in (
        Rule(
            "standard",
            (
                Row("ml.m5.xlarge", 10),
                Row("ml.m5.4xlarge", 100),
                Row("ml.m5.12xlarge", 1000),
                Row("ml.m5.12xlarge", instance_count=4, spark=True),
            ),
        ),
        Rule(
            "economy",
            (
                Row("ml.t3.medium", 1, volume_size_in_gb=10),
                Row("ml.t3.medium", 10, volume_size_in_gb=20),
                Row("ml.m5.large", 100, volume_size_in_gb=50),
                Row("ml.m5.xlarge", 1000, volume_size_in_gb=100),
                Row("ml.m5.xlarge", instance_count=4, volume_size_in_gb=100, spark=True),
            ),
        ),
    )
}


def size_of(
    amount: int,
    rule: Rule,
    *,
    largest_volume_in_gb: int,
    sharded: bool = False,
    spark: bool = False,
    instance_count: int | None = None,
) -> Machines:
    """The machines for an input of so many bytes; `instance_count` is somebody's own, in place of the row's.

    Each machine of a `sharded` input, or of a Spark step, holds its share; else every one holds all of it. The volume
    is twice that and 5 GB, at least the row's, in steps of 10 GB up to 100, of 50 up to 1,000 and of 500 from there on.
    Raises TooLargeError if the rule does not hold the input, or no volume does.

    >>> size_of(34_200_000_000, RULES["standard"], largest_volume_in_gb=16384)
    Machines(instance_type='ml.m5.4xlarge', instance_count=1, volume_size_in_gb=80)
    """
    row = rule.row(amount, spark=spark)
    count = instance_count or row.instance_count
    shares = count if sharded or spark else 1
    needed = -(-_FACTOR * amount // (shares * GB)) + _ROOM_IN_GB
    if needed > largest_volume_in_gb:
        what = f"each machine would need a volume of {needed:,} GB, and AWS has none above {largest_volume_in_gb:,}"
        hint = f"More machines that share the input: instance_count in sizing.{rule.name} of config/project.yaml."
        if not (sharded or spark):
            hint = "Share the input among machines (ShardedByS3Key and sharded=True), or use Spark: docs/spark.md."
        raise TooLargeError(what, hint)
    volume = max(row.volume_size_in_gb, min(_in_steps(needed), largest_volume_in_gb))
    return Machines(row.instance_type, count, volume)


def _in_steps(volume: int) -> int:
    step = next((step for most, step in _STEPS if volume <= most), _LARGEST_STEP)
    return -(-volume // step) * step


@dataclass(frozen=True)
class Measured:
    """What lies below an address: bytes, and the objects that hold them."""

    bytes: int
    objects: int


def measured(pages: Iterable[Mapping[str, Any]]) -> Measured:
    """The sum of the answers of ListObjectsV2; what only marks a folder, a key that ends in a slash, is no object."""
    sizes = [one["Size"] for page in pages for one in page.get("Contents", ()) if not one["Key"].endswith("/")]
    return Measured(sum(sizes), len(sizes))
