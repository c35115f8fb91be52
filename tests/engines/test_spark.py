"""`smspark-submit` on this machine: what it reads and what it tells spark-submit, which is a stand-in here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from engines.place import IMAGE, Place

from dagwright.engines.local import smspark_submit
from dagwright.engines.local.job import Job
from dagwright.engines.local.spark import java_home, submit_folder, with_spark
from dagwright.errors import DefinitionError, ExecutionError
from dagwright.project import EnvironmentRule

STAND_IN = """#!/usr/bin/env python3
import json, os, sys
base = os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml")
os.makedirs(base + "/processing/out", exist_ok=True)
names = ("JAVA_HOME", "PYSPARK_PYTHON", "SPARK_LOCAL_IP", "MINE")
seen = {"words": sys.argv[1:], "variables": {name: os.environ.get(name) for name in names}}
json.dump(seen, open(base + "/processing/out/seen.json", "w"))
sys.exit(int(os.environ.get("SPARK_ENDS_WITH", "0")))
"""


def write_program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


@pytest.fixture
def java(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Java that is only looked for."""
    write_program(tmp_path / "jdk/bin/java", "#!/bin/sh\n")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "jdk"))
    return tmp_path / "jdk"


# ---- the program by itself ----


class Submit:
    """`smspark-submit` as a process, with the stand-in on its PATH."""

    def __init__(self, folder: Path) -> None:
        self.base = folder / "ml"
        self.input = self.base / "processing/input"
        self.input.mkdir(parents=True)
        write_program(folder / "bin/spark-submit", STAND_IN)
        self.program = submit_folder(folder / "environments") / "smspark-submit"
        self.variables = {
            "PATH": os.pathsep.join([str(folder / "bin"), str(Path(sys.executable).parent), "/usr/bin", "/bin"]),
            "SAGEMAKER_BASE_DIR": str(self.base),
            "JAVA_HOME": str(folder),
        }

    def __call__(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.program), *words], env=self.variables, capture_output=True, text=True, check=False
        )

    def put(self, name: str, text: str = "") -> str:
        path = self.input / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return str(path)

    def configure(self, *classifications: dict[str, Any]) -> None:
        self.put("conf/configuration.json", json.dumps(classifications))

    def seen(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.base / "processing/out/seen.json").read_text())
        return found

    def settings(self) -> dict[str, str]:
        words = self.seen()["words"]
        pairs = [words[at + 1].partition("=") for at, word in enumerate(words) if word == "--conf"]
        return {name: value for name, _, value in pairs}


@pytest.fixture
def submit(tmp_path: Path) -> Submit:
    return Submit(tmp_path)


def test_options_become_those_of_spark_submit_and_folders_their_files_in_order(submit: Submit) -> None:
    library, other = submit.put("py-files/b.py"), submit.put("py-files/a.zip")
    submit.put("py-files/deep/c.py")
    jar = submit.put("one.jar")
    app = submit.put("code/app.py")
    folder = str(submit.input / "py-files")
    done = submit("-v", f"--jars={jar}", "--py-files", folder, "--class", "a.B", app, "--jars", "x y", "$HOME", "-v")
    assert done.returncode == 0, done.stderr
    words = submit.seen()["words"]
    assert words[:4] == ["--master", "local[*]", "--deploy-mode", "client"]
    plain = words[words.index("--class") :]
    lists = ["--jars", jar, "--py-files", f"{other},{library}"]
    assert plain == ["--class", "a.B", *lists, "--verbose", app, "--jars", "x y", "$HOME", "-v"]


def test_the_configuration_is_applied_over_what_suits_a_small_machine(submit: Submit) -> None:
    submit.configure(
        {"Classification": "spark-defaults", "Properties": {"spark.sql.shuffle.partitions": "7", "spark.x": True}},
        {"Classification": "core-site", "Properties": {"io.file.buffer.size": 65536}},
        {
            "Classification": "spark-env",
            "Properties": {},
            "Configurations": [{"Classification": "export", "Properties": {"MINE": "yes"}}],
        },
        {"Classification": "yarn-site", "Properties": {"yarn.a": "b"}},
    )
    done = submit(submit.put("app.py"))
    settings = submit.settings()
    assert settings["spark.sql.shuffle.partitions"] == "7"
    assert settings["spark.x"] == "true"
    assert settings["spark.hadoop.io.file.buffer.size"] == "65536"
    assert settings["spark.ui.enabled"] == "false"
    assert not [name for name in settings if "yarn" in name]
    assert submit.seen()["variables"]["MINE"] == "yes"
    assert "the configuration of yarn-site is for the cluster" in done.stderr


def test_without_a_configuration_there_are_as_many_shuffle_partitions_as_cores(submit: Submit) -> None:
    assert submit(submit.put("app.py")).returncode == 0
    assert submit.settings()["spark.sql.shuffle.partitions"] == str(os.cpu_count())
    assert submit.seen()["variables"]["SPARK_LOCAL_IP"] == "127.0.0.1"


def test_event_logs_go_into_the_folder_of_the_output(submit: Submit, tmp_path: Path) -> None:
    folder = tmp_path / "ml/processing/spark-events"
    assert submit("--local-spark-event-logs-dir", f"{folder}/", submit.put("app.py")).returncode == 0
    assert folder.is_dir()
    settings = submit.settings()
    assert (settings["spark.eventLog.enabled"], settings["spark.eventLog.dir"]) == ("true", folder.as_uri())


def test_event_logs_for_s3_are_left_out_and_said(submit: Submit) -> None:
    done = submit("--spark-event-logs-s3-uri", "s3://bucket/logs", submit.put("app.py"))
    assert "spark.eventLog.dir" not in submit.settings()
    assert "event logs go to S3 on AWS" in done.stderr


@pytest.mark.parametrize(("host", "runs"), [("algo-1", True), ("algo-2", False), ("algo-10", False)])
def test_the_first_host_runs_the_application_and_the_others_have_nothing_to_do(
    submit: Submit, host: str, runs: bool
) -> None:
    config = {"current_host": host, "hosts": ["algo-2", "algo-1", "algo-10"]}
    (submit.base / "config").mkdir()
    (submit.base / "config/resourceconfig.json").write_text(json.dumps(config))
    done = submit(submit.put("app.py"))
    assert done.returncode == 0
    assert (submit.base / "processing/out/seen.json").exists() is runs
    assert ("is a worker" in done.stderr) is not runs


def test_the_exit_code_is_that_of_spark(submit: Submit) -> None:
    submit.variables["SPARK_ENDS_WITH"] = "3"
    assert submit(submit.put("app.py")).returncode == 3


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "there is no application"),
        (["--conf", "a=b", "app.py"], "there is no option --conf; it has --jars, "),
        (["--jar", "x", "app.py"], "there is no option --jar;"),
        (["--jars"], "the option --jars needs a value"),
        (["--jars", "s3://bucket/a.jar", "app.py"], "there is no S3 here: read it through an input instead"),
        (["--py-files", "lib", "app.py"], "which is no absolute path"),
        (["--py-files", "/nowhere/lib", "app.py"], "/nowhere/lib, which does not exist"),
    ],
)
def test_what_cannot_be_submitted_is_a_sentence_in_the_message_file(
    submit: Submit, words: list[str], said: str
) -> None:
    done = submit(*words)
    assert (done.returncode, done.stdout) == (1, "")
    assert said in done.stderr
    assert said in (submit.base / "output/message").read_text()


def test_a_folder_without_files_is_refused(submit: Submit) -> None:
    (submit.input / "jars").mkdir()
    done = submit("--jars", str(submit.input / "jars"), submit.put("app.py"))
    assert "a folder without files" in done.stderr


NONE = [
    "{",
    "[" * 100_000,
    "[1]",
    '{"Properties": []}',
    '{"Classification": []}',
    '{"Classification": "spark-env", "Configurations": 5}',
    '{"Classification": "spark-env", "Configurations": [{"Classification": "export", "Properties": []}]}',
    *(
        json.dumps(
            {"Classification": "spark-env", "Configurations": [{"Classification": "export", "Properties": {n: "1"}}]}
        )
        for n in ("A=B", "A\0B", "\ud800", "")
    ),
]


@pytest.mark.parametrize("text", NONE)
def test_a_configuration_that_is_none_is_refused(submit: Submit, text: str) -> None:
    path = submit.put("conf/configuration.json", text)
    done = submit(submit.put("app.py"))
    assert done.returncode == 1
    assert path in done.stderr


@pytest.mark.parametrize("value", ["x" * 200_000, "a\0b", "\ud800"])
def test_what_no_program_can_be_told_is_a_sentence(submit: Submit, value: str) -> None:
    submit.configure({"Classification": "spark-defaults", "Properties": {"spark.x": value}})
    done = submit(submit.put("app.py"))
    assert done.returncode == 1
    assert done.stderr.startswith("smspark-submit: Spark cannot be started: ")
    assert done.stderr.count("\n") == 1
    assert "Spark cannot be started" in (submit.base / "output/message").read_text()


def test_event_logs_in_the_place_of_a_file_are_refused(submit: Submit) -> None:
    app = submit.put("app.py")
    assert (
        f"--local-spark-event-logs-dir {app} cannot be made" in submit("--local-spark-event-logs-dir", app, app).stderr
    )


def test_without_spark_or_java_it_says_what_to_install(submit: Submit, tmp_path: Path) -> None:
    python = {"PATH": f"{tmp_path / 'bare'}:/usr/bin:/bin", "SAGEMAKER_BASE_DIR": str(submit.base)}
    write_program(tmp_path / "bare/python3", f'#!/bin/sh\nexec {sys.executable} -S "$@"\n')
    submit.variables = python
    app = submit.put("app.py")
    assert "pip install 'dagwright[spark]'" in submit(app).stderr
    write_program(tmp_path / "bare/spark-submit", STAND_IN)
    submit.variables = {**python, "PATH": str(tmp_path / "bare"), "HOME": "/"}
    done = subprocess.run(
        [str(tmp_path / "bare/python3"), submit.program, app],
        env=submit.variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "install a JDK 17" in done.stderr


def test_half_of_the_memory_is_the_drivers() -> None:
    half = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2 >> 20
    assert smspark_submit.driver_memory_mib() == max(1024, min(8192, half))


# ---- in a run ----


@pytest.fixture
def spark_place(place_with: Callable[..., Place], each_way: str, tmp_path: Path, java: Path) -> Place:
    """A place whose image runs in an environment with the stand-in."""
    folder = tmp_path / "environment"
    subprocess.check_call([sys.executable, "-m", "venv", "--without-pip", str(folder)])
    write_program(folder / "bin/spark-submit", STAND_IN)
    (packages,) = folder.glob("lib/python3*/site-packages")
    (packages / "pyspark").mkdir()
    (packages / "pyspark/__init__.py").touch()
    rule = EnvironmentRule(IMAGE, interpreter=str(folder / "bin/python"))
    (tmp_path / "project").mkdir()
    return place_with(tmp_path / "project", each_way, environments=(rule,))


APP = "/opt/ml/processing/code/app.py"


def test_a_job_finds_the_program_its_files_and_java(spark_place: Place, java: Path) -> None:
    code, jar = spark_place.put("code/app.py", "pass"), spark_place.put("jars/a.jar", "jar")
    options = ["--jars", f"s3a://{jar.removeprefix('s3://')},/opt/ml/processing/code"]
    out = {"out": "s3://bucket/out"}
    step = spark_place.processing(
        "Spark", entrypoint=["/usr/bin/smspark-submit", *options, APP], inputs={"code": code}, outputs=out, count=2
    )
    execution = spark_place.run(step)
    assert execution.status == "Succeeded", spark_place.log(execution, "Spark")
    seen = spark_place.json("out/seen.json")
    words = seen["words"]
    jars = words[words.index("--jars") + 1].split(",")
    assert [path.partition("/processing/")[2] for path in jars] == ["input/jars-from-s3-1/a.jar", "code/app.py"]
    assert words[-1].endswith("/processing/code/app.py")
    assert seen["variables"]["JAVA_HOME"] == str(java)
    assert "algo-2 is a worker" in spark_place.log(execution, "Spark")


def test_a_program_of_its_own_may_start_it_too(spark_place: Place) -> None:
    code = spark_place.put("code/app.py", "pass")
    entrypoint = ["/bin/sh", "-c", f"smspark-submit {APP} 1"]
    step = spark_place.processing(
        "Spark", entrypoint=entrypoint, inputs={"code": code}, outputs={"out": "s3://bucket/out"}
    )
    step["Arguments"]["Environment"]["JAVA_HOME"] = "/anywhere"
    execution = spark_place.run(step)
    assert execution.status == "Succeeded", spark_place.log(execution, "Spark")
    assert spark_place.json("out/seen.json")["words"][-1] == "1"


def test_words_behind_the_application_are_its_own(spark_place: Place) -> None:
    code, own = spark_place.put("code/app.py", "pass"), ["--files", spark_place.put("own.txt", "own")]
    step = spark_place.processing(
        "Spark", entrypoint=["smspark-submit", "-v", APP], inputs={"code": code}, outputs={"out": "s3://bucket/out"}
    )
    step["Arguments"]["AppSpecification"]["ContainerArguments"] = own
    execution = spark_place.run(step)
    assert execution.status == "Succeeded", spark_place.log(execution, "Spark")
    assert spark_place.json("out/seen.json")["words"][-2:] == own


@pytest.mark.parametrize("is_the_images", [True, False])
def test_an_image_with_a_dockerfile_submits_with_java_and_the_files_of_s3(
    place_with: Callable[..., Place], each_way: str, java: Path, monkeypatch: pytest.MonkeyPatch, is_the_images: bool
) -> None:
    """Its program submits, or the job's own entrypoint does."""
    place = place_with(sandbox=each_way, environments=(EnvironmentRule(IMAGE, dockerfile="image/Dockerfile"),))
    write_program(place.folder / "image/spark-submit", STAND_IN)
    options = ["smspark-submit", "--jars", place.put("jars/a.jar", "jar"), APP]
    dockerfile = f"FROM x\nENV PATH=/opt/spark:$PATH\nCOPY spark-submit /opt/spark/\nENTRYPOINT {json.dumps(options)}\n"
    (place.folder / "image/Dockerfile").write_text(dockerfile)
    write_program(place.folder / "packages/pyspark/__init__.py", "")  # it is only looked for
    monkeypatch.syspath_prepend(place.folder / "packages")
    code = place.put("code/app.py", "pass")
    step = place.processing("Spark", entrypoint=options, inputs={"code": code}, outputs={"out": "s3://bucket/out"})
    if is_the_images:
        del step["Arguments"]["AppSpecification"]["ContainerEntrypoint"]
    execution = place.run(step)
    assert execution.status == "Succeeded", place.log(execution, "Spark")
    seen = place.json("out/seen.json")
    jar = seen["words"][seen["words"].index("--jars") + 1]
    assert jar.endswith("/processing/input/jars-from-s3-1/a.jar")
    assert seen["variables"]["JAVA_HOME"] == str(java)


@pytest.mark.usefixtures("java")
def test_a_python_without_pyspark_is_refused_before_anything_starts(place_with: Callable[..., Place]) -> None:
    folder = place_with().folder / "empty"
    subprocess.check_call([sys.executable, "-m", "venv", "--without-pip", str(folder)])
    rule = EnvironmentRule(IMAGE, interpreter=str(folder / "bin/python"))
    place = place_with(folder, environments=(rule,))
    step = place.processing("Spark", entrypoint=["smspark-submit", APP], inputs={"code": place.put("a.py", "")})
    with pytest.raises(DefinitionError, match=r"`make spark`") as refused:
        place.run(step)
    assert [problem.step for problem in refused.value.problems] == ["Spark"]


def test_a_machine_without_java_is_told_which_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(ExecutionError, match="there is none on this machine"):
        java_home()


@pytest.mark.parametrize(
    ("words", "fetched"),
    [
        (["--jars=s3://b/k.jar", "app.py"], ["s3://b/k.jar"]),
        (["--class", "--jars", "s3://b/app.jar"], []),
        (["-v", "--files", "/x,s3a://b/f", "--", "-app.py", "--jars", "s3://b/own"], ["s3://b/f"]),
        (["--jar=s3://b/k.jar", "app.py"], []),
    ],
)
@pytest.mark.usefixtures("java")
def test_what_spark_would_fetch_is_found_as_the_program_reads_its_words(words: list[str], fetched: list[str]) -> None:
    job = with_spark(Job("j", "", ("smspark-submit", *words), lambda _: {}, ("algo-1",), lambda _: {}))
    assert [given.uri for given in job.inputs] == fetched
    if fetched:
        places = [given.target for given in job.inputs]
        told = smspark_submit.Submission(list(job.command[1:]))
        assert set(places) <= {place for value in told.options.values() for place in value.split(",")}
        assert [told.app, *told.arguments] == words[-len(told.arguments) - 1 :]


@pytest.mark.usefixtures("java")
def test_an_argument_on_s3a_is_refused_because_spark_here_has_no_s3(place: Place) -> None:
    step = place.processing("Spark", entrypoint=["smspark-submit", APP], inputs={"code": place.put("a.py", "")})
    step["Arguments"]["AppSpecification"]["ContainerArguments"] = ["--from", "s3a://bucket/a"]
    with pytest.raises(DefinitionError, match="read it through an input instead"):
        place.run(step)


# ---- with Spark itself ----

COUNTS = """
import sys
from pathlib import Path
from helper import double
from pyspark.sql import SparkSession

spark = SparkSession.builder.getOrCreate()
out = Path(sys.argv[1])
doubled = spark.range(5).rdd.map(lambda row: double(row.id)).sum()
spark.range(doubled).repartition(2).write.mode("append").parquet(out.as_uri())
(out / "count").write_text(str(spark.read.parquet(out.as_uri()).count()))
"""


@pytest.mark.spark
def test_spark_reads_and_writes_files_with_and_without_a_sandbox_or_a_network(
    place_with: Callable[..., Place], each_way: str
) -> None:
    place = place_with(sandbox=each_way)
    inputs = {"code": place.put("code/app.py", COUNTS)}
    inputs["input/py-files"] = place.put("lib/helper.py", "def double(number):\n    return 2 * number\n")
    options = ["--py-files", "/opt/ml/processing/input/py-files"]
    step = place.processing(
        "Spark",
        entrypoint=["smspark-submit", *options, APP],
        inputs=inputs,
        outputs={"out": "s3://bucket/out"},
        isolated=each_way == "namespaces",
    )
    step["Arguments"]["AppSpecification"]["ContainerArguments"] = ["/opt/ml/processing/out"]
    execution = place.run(step)
    assert execution.status == "Succeeded", place.log(execution, "Spark")
    assert place.text("out/count") == "20"


@pytest.mark.spark
def test_the_last_line_of_a_failing_application_is_the_reason(place: Place) -> None:
    failing = "from pyspark.sql import SparkSession\nSparkSession.builder.getOrCreate().range(3).count()\n"
    failing += "raise SystemExit('there is no column y')"
    step = place.processing(
        "Spark", entrypoint=["smspark-submit", APP], inputs={"code": place.put("code/app.py", failing)}
    )
    execution = place.run(step)
    assert execution.status == "Failed"
    assert execution.steps["Spark"].failure_reason == "AlgorithmError: there is no column y, exit code 1"
