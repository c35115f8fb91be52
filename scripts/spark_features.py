"""Features of flights with Spark: a year of departures in, one row of features for each flight that arrived out.

In:  `--input`: a folder with `flights.csv`, `weather.csv`, `airlines.csv` and `airports.csv` (see sample_flights.py),
     whole on every host.
Out: `--features`: Parquet, one folder for each month (`month=1` …); `--summary`: `summary.json`: rows read and kept,
     rows by month, missing values and sums of every feature, flights and delays by carrier, route and hour.

Cleaning: flights without an arrival delay (cancelled, diverted) are counted and dropped; `late` is an arrival more than
15 minutes after schedule. Joined: the airline's name, the destination's place, the weather at the origin in that hour.
Made: weekday (0 is Monday), minutes of the day, the number of departures from the origin in that hour, and how the
carrier and the route did on the seven days before: never on the same day, so no feature knows what came after it.

It runs as it is in SageMaker's Spark 3.5 image (Python 3.9). There a path without a scheme means HDFS, and every host
has a disk of its own: files are named file://, and each task puts its file in place itself (committer version 2), as
the driver cannot move what lies on another host's disk. SageMaker collects the output folders of all hosts.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as F  # noqa: N812 - its usual name

PROCESSING = Path("/opt/ml/processing")
OUTPUT = Path("/opt/ml/output")
LATE_MINUTES = 15
PAST_DAYS = 7
FLIGHTS = (
    "year int, month int, day int, dep_time int, sched_dep_time int, dep_delay int, arr_time int, sched_arr_time int, "
    "arr_delay int, carrier string, flight int, tailnum string, origin string, dest string, air_time int, "
    "distance int, hour int, minute int, time_hour string"
)
WEATHER = (
    "origin string, year int, month int, day int, hour int, temp double, dewp double, humid double, wind_dir double, "
    "wind_speed double, wind_gust double, precip double, pressure double, visib double, time_hour string"
)
AIRLINES = "carrier string, name string"
AIRPORTS = "faa string, name string, lat double, lon double, alt int, tz int, dst string, tzone string"
TABLES: Mapping[str, str] = {"flights": FLIGHTS, "weather": WEATHER, "airlines": AIRLINES, "airports": AIRPORTS}
#: What goes out beside the month, in this order.
FEATURES = (
    "late", "arr_delay", "carrier", "airline", "origin", "dest", "distance", "weekday", "minute_of_day", "hour",
    "departures_in_hour", "carrier_delay_7d", "route_delay_7d", "route_flights_7d", "dest_lat", "dest_lon", "dest_alt",
    "temp", "wind_speed", "precip", "visib",
)  # fmt: skip
NUMBERS = tuple(name for name in FEATURES if name not in ("carrier", "airline", "origin", "dest"))


class InputError(Exception):
    """What came in cannot be used; the text is the sentence that the person sees."""


class Parser(argparse.ArgumentParser):
    """Wrong words end like every other bad input: one sentence, in the message file too."""

    def error(self, message: str) -> NoReturn:
        raise InputError(message)


def read_arguments(words: Sequence[str] | None) -> argparse.Namespace:
    """The folders of this run; they default to the container's."""
    parser = Parser(description="Features of flights, with Spark.", allow_abbrev=False)
    parser.add_argument("--input", type=Path, default=PROCESSING / "input/raw", help="folder with the four CSV")
    parser.add_argument("--features", type=Path, default=PROCESSING / "output/features", help="folder for the Parquet")
    parser.add_argument("--summary", type=Path, default=PROCESSING / "output/summary", help="folder for summary.json")
    parser.add_argument("--message-folder", type=Path, default=OUTPUT, help="where a failure leaves its reason")
    return parser.parse_args(words)


def file_uri(path: Path) -> str:
    """`file:///…`: without a scheme the image's Spark looks in HDFS."""
    return path.resolve().as_uri()


def read_table(spark: SparkSession, folder: Path, name: str) -> DataFrame:
    """One CSV under its schema; `NA` is missing, and what does not fit the schema ends the program."""
    path = folder / f"{name}.csv"
    columns = [word.split()[0] for word in TABLES[name].split(", ")]
    if not path.is_file():
        raise InputError(f"there is no {path.name} in {folder}")
    try:
        with path.open(encoding="utf-8") as file:
            header = file.readline().strip().replace('"', "").split(",")
    except UnicodeDecodeError as error:
        raise InputError(f"{path.name} is no text: {error}") from error
    if header != columns:
        raise InputError(f"the header of {path.name} is {','.join(header)}; it must be {','.join(columns)}")
    reader = spark.read.schema(TABLES[name]).option("header", True).option("nullValue", "NA")
    return reader.option("mode", "FAILFAST").csv(file_uri(path))


def past_days(flights: DataFrame, keys: Sequence[str], name: str) -> DataFrame:
    """For each key and day: the mean arrival delay and the number of flights of the days before."""
    daily = flights.groupBy(*keys, "day_number").agg(F.sum("arr_delay").alias("delay"), F.count("*").alias("flights"))
    window = Window.partitionBy(*keys).orderBy("day_number").rangeBetween(-PAST_DAYS, -1)
    delay, count = F.sum("delay").over(window), F.sum("flights").over(window)
    return daily.select(
        *keys,
        "day_number",
        (delay / count).alias(f"{name}_delay_{PAST_DAYS}d"),
        F.coalesce(count, F.lit(0)).alias(f"{name}_flights_{PAST_DAYS}d"),
    )


def make_features(tables: Mapping[str, DataFrame]) -> DataFrame:
    """One row for each flight that arrived: `month` and FEATURES."""
    scheduled = tables["flights"].withColumn("day_number", F.expr("unix_date(make_date(year, month, day))")).cache()
    load = scheduled.groupBy("origin", "time_hour").agg(F.count("*").alias("departures_in_hour"))
    arrived = scheduled.where(F.col("arr_delay").isNotNull())
    weather = tables["weather"].select("origin", "time_hour", "temp", "wind_speed", "precip", "visib")
    airlines = tables["airlines"].withColumnRenamed("name", "airline")
    airports = tables["airports"].select(
        F.col("faa").alias("dest"),
        F.col("lat").alias("dest_lat"),
        F.col("lon").alias("dest_lon"),
        F.col("alt").alias("dest_alt"),
    )
    # only the flights grow with the data: what they are joined with is small, and sent to every host
    return (
        arrived.join(F.broadcast(load), ["origin", "time_hour"])
        .join(F.broadcast(past_days(arrived, ["carrier"], "carrier")), ["carrier", "day_number"])
        .join(F.broadcast(past_days(arrived, ["origin", "dest"], "route")), ["origin", "dest", "day_number"])
        .join(F.broadcast(weather), ["origin", "time_hour"], "left")
        .join(F.broadcast(airlines), "carrier", "left")
        .join(F.broadcast(airports), "dest", "left")
        .withColumn("late", (F.col("arr_delay") > LATE_MINUTES).cast("int"))
        .withColumn("weekday", (F.dayofweek(F.expr("date_from_unix_date(day_number)")) + 5) % 7)
        .withColumn("minute_of_day", F.col("hour") * 60 + F.col("minute"))
        .select("month", *FEATURES)
    )


def group(features: DataFrame, *keys: str) -> list[dict[str, Any]]:
    """Flights, mean delay and share of late ones of each key, in the order of the keys."""
    measures = [
        F.count("*").alias("flights"),
        F.avg("arr_delay").alias("mean_delay"),
        F.avg("late").alias("late_share"),
    ]
    return [row.asDict() for row in features.groupBy(*keys).agg(*measures).orderBy(*keys).collect()]


def summarize(features: DataFrame, read: int) -> dict[str, Any]:
    """What summary.json holds."""

    def missing(name: str) -> Column:
        return F.sum(F.col(name).isNull().cast("int")).alias(name)

    kept = features.count()
    nulls = features.agg(*(missing(name) for name in FEATURES)).collect()[0].asDict()
    sums = features.agg(*(F.sum(F.col(name).cast("double")).alias(name) for name in NUMBERS)).collect()[0].asDict()
    return {
        "rows": {"read": read, "kept": kept, "dropped": read - kept},
        "months": {str(row["month"]): row["flights"] for row in group(features, "month")},
        "nulls": nulls,
        "sums": sums,
        "carriers": group(features, "carrier"),
        "routes": group(features, "origin", "dest"),
        "hours": group(features, "hour"),
    }


def run(arguments: argparse.Namespace) -> None:
    """Read, join, write. Raises InputError, and what Spark raises for a row that it refuses."""
    folder: Path = arguments.features
    if folder.is_dir() and any(folder.iterdir()):
        raise InputError(f"{folder} is not empty; the features of two runs would mix")
    builder = SparkSession.builder.appName("flight-features")
    spark = builder.config("spark.hadoop.mapreduce.fileoutputcommitter.algorithm.version", "2").getOrCreate()
    tables = {name: read_table(spark, arguments.input, name) for name in TABLES}
    features = make_features(tables).cache()
    features.repartition("month").write.mode("append").partitionBy("month").parquet(file_uri(folder))
    summary = summarize(features, tables["flights"].count())
    arguments.summary.mkdir(parents=True, exist_ok=True)
    (arguments.summary / "summary.json").write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")
    rows = summary["rows"]
    print(f"{rows['kept']} of {rows['read']} flights, {len(FEATURES)} features, {len(summary['months'])} months")
    spark.stop()


def describe_failure(error: Exception) -> str:
    """What Spark says before its traces, in one line; from its own name of the error on, if it has one."""
    text = str(error)
    named = re.search(r"\[[A-Z][A-Z0-9_.]+\] [^\n]+", text)
    return "Spark ends with " + " ".join((named.group() if named else text.partition("\n\tat ")[0]).split())


def leave_message(reason: str, folder: Path) -> None:
    """Write the reason where SageMaker reads a job's ExitMessage: 1 KB of UTF-8. Outside a container only if asked."""
    if folder != OUTPUT or OUTPUT.parent.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "message").write_bytes(reason.encode()[:1024].decode(errors="ignore").encode())


def main(words: Sequence[str] | None = None) -> int:
    """Make the features; the exit code is 0, or 1 with one sentence for input that cannot be used."""
    folder = OUTPUT
    try:
        arguments = read_arguments(words)
        folder = arguments.message_folder
        run(arguments)
    except (InputError, OSError, PySparkException, Py4JError) as error:
        reason = describe_failure(error) if isinstance(error, (PySparkException, Py4JError)) else str(error)
        print(f"spark_features: {reason}", file=sys.stderr)
        leave_message(reason, folder)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
