from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from engines.place import Meeting, Place

from dagwright.engines.execution import Execution
from dagwright.engines.local.metrics import final_metrics
from dagwright.errors import DefinitionError


def test_channels_configuration_and_variables_stand_where_the_contract_says(place: Place) -> None:
    place.put("train/a.csv", "1")
    script = """
names = ("hyperparameters", "inputdataconfig", "resourceconfig")
seen = {name: json.load(open(f"{ML}/input/config/{name}.json")) for name in names}
seen["files"] = sorted(os.listdir(ML + "/input/data/train"))
seen["job"] = [os.environ["TRAINING_JOB_NAME"], os.environ["TRAINING_JOB_ARN"], os.environ["MINE"]]
seen["directory"] = os.getcwd()
seen["there"] = [os.path.isdir(ML + name) for name in ("/model", "/output/data", "/code")]
json.dump(seen, open(ML + "/model/seen.json", "w"))
"""
    channels = {"train": {"S3Uri": "s3://bucket/train", "S3DataDistributionType": "ShardedByS3Key"}}
    step = place.training("T", script, channels, {"rate": "0.1"}, variables={"MINE": "yes"})
    step["Arguments"]["InputDataConfig"][0]["ContentType"] = "text/csv"
    execution = place.run(step)
    assert execution.status == "Succeeded", execution.failure_reason
    output = place.output(execution, "T")
    seen = json.loads(place.archive(output["ModelArtifacts"]["S3ModelArtifacts"])["seen.json"])
    assert seen["hyperparameters"] == {"rate": "0.1"}
    assert seen["inputdataconfig"]["train"] == {
        "TrainingInputMode": "File",
        "S3DistributionType": "ShardedByS3Key",
        "RecordWrapperType": "None",
        "ContentType": "text/csv",
    }
    assert seen["resourceconfig"] == {
        "current_host": "algo-1",
        "current_instance_type": "ml.m5.large",
        "current_group_name": "homogeneousCluster",
        "hosts": ["algo-1"],
        "instance_groups": [
            {"instance_group_name": "homogeneousCluster", "instance_type": "ml.m5.large", "hosts": ["algo-1"]}
        ],
        "network_interface_name": "lo",
    }
    assert seen["files"] == ["a.csv"]
    assert seen["job"] == [execution.steps["T"].job, output["TrainingJobArn"], "yes"]
    assert seen["there"] == [True, True, True]
    assert seen["directory"] == "/" or not place.sandboxed


def test_artefacts_lie_where_sagemaker_puts_them(place: Place) -> None:
    script = """
for name in ("model/m.bin", "model/code/inference.py", "output/data/plot.txt"):
    os.makedirs(os.path.dirname(f"{ML}/{name}"), exist_ok=True)
    open(f"{ML}/{name}", "w").write(name)
"""
    execution = place.run(place.training("T", script))
    job = execution.steps["T"].job
    model = place.output(execution, "T")["ModelArtifacts"]["S3ModelArtifacts"]
    assert model == f"s3://bucket/models/{job}/output/model.tar.gz"
    assert place.archive(model) == {"m.bin": b"model/m.bin", "code/inference.py": b"model/code/inference.py"}
    assert place.archive(f"s3://bucket/models/{job}/output/output.tar.gz") == {"plot.txt": b"output/data/plot.txt"}


def test_without_output_there_is_a_model_archive_and_no_other(place: Place) -> None:
    execution = place.run(place.training("T", "pass"))
    assert place.keys("models") == [f"models/{execution.steps['T'].job}/output/model.tar.gz"]
    assert "T: wrote nothing to /opt/ml/model" in place.watcher.notes


def test_a_failure_file_is_the_reason_and_nothing_is_published(place: Place) -> None:
    script = """
open(ML + "/model/m", "w").write("m")
open(ML + "/output/failure", "wb").write(b"bad \\xff data")
sys.exit(2)
"""
    execution = place.run(place.training("T", script))
    output = place.output(execution, "T")
    assert execution.steps["T"].failure_reason == "AlgorithmError: bad \ufffd data, exit code 2"
    assert (output["TrainingJobStatus"], output["SecondaryStatus"]) == ("Failed", "Failed")
    assert output["FailureReason"] == execution.steps["T"].failure_reason
    assert "ModelArtifacts" not in output
    assert place.keys("models") == []


def test_checkpoints_go_in_and_out_also_after_a_failure(place: Place) -> None:
    script = """
path = ML + "/checkpoints/epoch"
before = int(open(path).read()) if os.path.exists(path) else 0
open(path, "w").write(str(before + 1))
sys.exit(before == 0)
"""
    step = place.training("T", script, CheckpointConfig={"S3Uri": "s3://bucket/checkpoints"})
    assert place.run(step).status == "Failed"
    assert place.text("checkpoints/epoch") == "1"
    assert place.run(step).status == "Succeeded"
    assert place.text("checkpoints/epoch") == "2"


def recorded_metrics(place: Place, execution: Execution) -> list[tuple[str, str, float]]:
    rows = place.engine.home.database.rows("metrics", execution=execution.id)
    return [(row["step"], row["name"], row["value"]) for row in rows]


def test_the_last_number_in_the_logs_is_the_final_metric(place: Place) -> None:
    script = "print('auc=0.5;'); print('auc=0.75; loss=nope'); print('auc=none;', file=sys.stderr)"
    definitions = [
        {"Name": "val:auc", "Regex": "auc=([0-9.]+);"},
        {"Name": "loss", "Regex": "loss=(\\S+)"},
        {"Name": "absent", "Regex": "recall=(.*)"},
    ]
    execution = place.run(place.training("T", script, AlgorithmSpecification={"MetricDefinitions": definitions}))
    metrics = place.output(execution, "T")["FinalMetricDataList"]
    assert [(m["MetricName"], m["Value"]) for m in metrics] == [("val:auc", 0.75)]
    assert recorded_metrics(place, execution) == [("T", "val:auc", 0.75)]


def test_a_number_that_is_none_is_left_out_with_a_note(place: Place) -> None:
    script = "print('a=nan b=0.5 c=-inf d=1e999 e=1_000 f=٣ g=5.e-1')\nprint('b=NaN e=7')"
    definitions = [{"Name": name, "Regex": f"{name}=(\\S+)"} for name in "abcdefg"]
    execution = place.run(place.training("T", script, AlgorithmSpecification={"MetricDefinitions": definitions}))
    assert execution.status == "Succeeded", execution.failure_reason
    assert recorded_metrics(place, execution) == [("T", "b", 0.5), ("T", "e", 7.0), ("T", "g", 0.5)]
    said = [note for note in place.watcher.notes if "T: metric" in note]
    assert said == [
        "T: metric 'a' was nan: it is left out",
        "T: metric 'b' was NaN: it is left out",
        "T: metric 'c' was -inf: it is left out",
        "T: metric 'd' was 1e999: it is left out",
    ]


def metrics_of(tmp_path: Path, log: str, *expressions: tuple[str, str], **given: Any) -> tuple[dict[str, float], str]:
    (tmp_path / "log").write_text(log)
    definitions = [{"Name": name, "Regex": expression} for name, expression in expressions]
    request = {"AlgorithmSpecification": {"MetricDefinitions": definitions}}
    metrics = final_metrics(request, [tmp_path / "log"], "now", **given)
    return {item["MetricName"]: item["Value"] for item in metrics.found}, "; ".join(metrics.notes)


def test_an_expression_without_an_end_is_given_up_and_the_others_are_not(tmp_path: Path) -> None:
    log = "auc=0.5\n" + "a" * 60 + "!\nauc=0.75\n"
    found, said = metrics_of(tmp_path, log, ("endless", "(a+)+$"), ("auc", "auc=(.+)"), seconds=0.2)
    assert found == {"auc": 0.75}
    assert said == "metric 'endless' was given up: its expression took more than 0.2 s"


def test_a_run_that_is_being_stopped_does_not_wait_for_an_expression(tmp_path: Path) -> None:
    found, said = metrics_of(tmp_path, "a" * 60 + "!", ("endless", "(a+)+$"), given_up=lambda: True)
    assert (found, said) == ({}, "its metrics were not read to the end")


def test_of_a_long_line_the_beginning_is_read(tmp_path: Path) -> None:
    log = "a=1 " + "x" * (1 << 16) + " a=2\nb=3\rc=4" + "\n" + "y" * 70000
    found, said = metrics_of(tmp_path, log, ("a", "a=([0-9]+)"), ("b", "b=([0-9]+)"), ("c", "c=([0-9]+)"))
    assert (found, said) == ({"a": 1.0, "b": 3.0, "c": 4.0}, "")


def test_a_bad_expression_is_refused_before_anything_starts(place: Place) -> None:
    definitions = [{"Name": "auc", "Regex": "auc=("}]
    with pytest.raises(DefinitionError, match="The metric 'auc' has no valid Regex: missing"):
        place.run(place.training("T", "pass", AlgorithmSpecification={"MetricDefinitions": definitions}))


def test_hosts_share_one_archive(place: Place) -> None:
    script = """
me = json.load(open(ML + "/input/config/resourceconfig.json"))
open(ML + "/model/same", "w").write(me["current_host"])
open(ML + "/model/" + me["current_host"], "w").write("mine")
"""
    execution = place.run(place.training("T", script, count=2))
    model = place.archive(place.output(execution, "T")["ModelArtifacts"]["S3ModelArtifacts"])
    assert model == {"same": b"algo-1", "algo-1": b"mine", "algo-2": b"mine"}


def test_each_host_knows_itself_and_the_others(place: Place) -> None:
    script = """
me = json.load(open(ML + "/input/config/resourceconfig.json"))
seen = {name: os.environ[f"SM_{name}"] for name in ("HOSTS", "CURRENT_HOST", "NETWORK_INTERFACE_NAME")}
seen["resources"] = json.loads(os.environ["SM_RESOURCE_CONFIG"]) == me
seen["names"] = [me["current_host"], me["hosts"], os.environ["HOSTNAME"]]
json.dump(seen, open(f"{ML}/model/{me['current_host']}", "w"))
"""
    place.put_archive("code/source.tar.gz", {"main.py": "import json, os\nML = os.environ['ML']\n" + script})
    hyperparameters = {
        "sagemaker_program": '"main.py"',
        "sagemaker_submit_directory": '"s3://bucket/code/source.tar.gz"',
    }
    execution = place.run(place.training("T", hyperparameters=hyperparameters, count=3))
    assert execution.status == "Succeeded", execution.failure_reason
    files = place.archive(place.output(execution, "T")["ModelArtifacts"]["S3ModelArtifacts"])
    hosts = ["algo-1", "algo-2", "algo-3"]
    for name in hosts:
        assert json.loads(files[name]) == {
            "HOSTS": '["algo-1","algo-2","algo-3"]',
            "CURRENT_HOST": name,
            "NETWORK_INTERFACE_NAME": "lo",
            "resources": True,
            "names": [name, hosts, name],
        }


def test_hosts_find_each_other_by_name_at_addresses_of_their_own(sandboxed: Place) -> None:
    script = """
me = json.load(open(ML + "/input/config/resourceconfig.json"))
addresses = [socket.gethostbyname(host) for host in me["hosts"]]
assert len(set(addresses)) == 2 and all(address.startswith("127.") for address in addresses), addresses
if me["current_host"] == "algo-1":
    with socket.create_server((addresses[0], 7777)) as server, server.accept()[0] as other:
        open(ML + "/model/heard", "wb").write(other.recv(9))
else:
    while True:
        try:
            other = socket.create_connection(("algo-1", 7777))
            break
        except ConnectionRefusedError:
            pass
    other.sendall(b"hello")
"""
    steps = [sandboxed.training(name, script, count=2) for name in ("One", "Two")]  # on the same port, side by side
    execution = sandboxed.run(*steps)
    assert execution.status == "Succeeded", execution.failure_reason
    for name in ("One", "Two"):
        model = sandboxed.output(execution, name)["ModelArtifacts"]["S3ModelArtifacts"]
        assert sandboxed.archive(model) == {"heard": b"hello"}


def test_a_host_that_fails_ends_the_others_and_is_named(place: Place) -> None:
    script = """
me = json.load(open(ML + "/input/config/resourceconfig.json"))["current_host"]
if me == "algo-2":
    open(ML + "/output/failure", "w").write("no rows")
    sys.exit(3)
__import__("signal").pause()
"""
    execution = place.run(place.training("T", script, count=3))
    assert execution.steps["T"].failure_reason == "AlgorithmError: no rows, exit code 3 on algo-2"


def test_a_model_folder_that_is_a_link_is_refused(place: Place) -> None:
    execution = place.run(place.training("T", "os.rmdir(ML + '/model'); os.symlink('/etc', ML + '/model')"))
    assert "The job has put a link at /opt/ml/model" in execution.failure_reason
    assert place.keys("models") == []


def test_a_model_file_without_permissions_is_in_the_archive(place: Place) -> None:
    execution = place.run(place.training("T", "open(ML + '/model/m', 'w').write('m'); os.chmod(ML + '/model/m', 0)"))
    assert place.archive(place.output(execution, "T")["ModelArtifacts"]["S3ModelArtifacts"]) == {"m": b"m"}


def channel(data_type: str = "S3Prefix", **members: object) -> dict[str, object]:
    """The channels of a request: one, called `a`."""
    source = {"S3DataType": data_type, "S3Uri": "s3://bucket/x"}
    return {"InputDataConfig": [{"ChannelName": "a", "DataSource": {"S3DataSource": source}, **members}]}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"InputDataConfig": {"a": 1}}, "InputDataConfig must be a list"),
        ({"InputDataConfig": [7]}, "InputDataConfig[0] must be an object, it is 7"),
        ({"InputDataConfig": [{"ChannelName": "../x"}]}, "The channel name '../x' has other characters"),
        ({"InputDataConfig": [{"ChannelName": ".."}]}, "The channel name '..' has other characters"),
        ({"InputDataConfig": [{"ChannelName": "a", "DataSource": {}}]}, "Channel 'a' reads a file system"),
        ({"HyperParameters": {"a": 1}}, "HyperParameters['a'] must be a string, it is 1"),
        ({"HyperParameters": []}, "HyperParameters must be an object"),
        ({"OutputDataConfig": None}, "OutputDataConfig.S3OutputPath is missing"),
        ({"OutputDataConfig": []}, "OutputDataConfig must be an object"),
        ({"OutputDataConfig": {"S3OutputPath": "models"}}, "'models' is not an S3 address"),
        ({"CheckpointConfig": {"S3Uri": 1}}, "CheckpointConfig.S3Uri must be a string"),
        ({"ResourceConfig": "big"}, 'ResourceConfig must be an object, it is "big"'),
        ({"AlgorithmSpecification": {}}, "starts the program built into its image"),
        ({"AlgorithmSpecification": {"ContainerEntrypoint": "x"}}, "ContainerEntrypoint must be a list"),
        (channel(CompressionType="Gzip"), "Channel 'a' has CompressionType Gzip without Pipe mode"),
        (channel(RecordWrapperType="RecordIO"), "Channel 'a' wraps objects in RecordIO, which is done only as"),
        (channel(data_type="AugmentedManifestFile"), "Channel 'a' reads an augmented manifest, which is done only as"),
        (channel(data_type="AugmentedManifestFile", InputMode="Pipe"), "List in AttributeNames what is to be streamed"),
        (channel(data_type="Converse"), "S3DataType must be S3Prefix or ManifestFile or AugmentedManifestFile"),
        ({"OutputDataConfig": {"S3OutputPath": "s3://bucket/m", "CompressionType": "ZIP"}}, "CompressionType must be"),
        ({"ResourceConfig": {"InstanceGroups": [{}]}}, "ResourceConfig has InstanceGroups"),
        ({"EnableNetworkIsolation": True, "ResourceConfig": {"InstanceCount": 2}}, "isolates 2 instances"),
        ({"EnableNetworkIsolation": 1}, "EnableNetworkIsolation must be true or false"),
    ],
)
def test_a_member_of_the_wrong_kind_is_a_sentence(place: Place, change: dict[str, object], said: str) -> None:
    step = place.training("T", "pass")
    step["Arguments"] |= change
    with pytest.raises(DefinitionError) as refused:
        place.run(step)
    assert said in str(refused.value)


@pytest.mark.parametrize("metric", [{"Name": "a"}, {"Regex": "a"}, "a", {"Name": 1, "Regex": "a"}])
def test_a_malformed_metric_is_a_sentence(place: Place, metric: object) -> None:
    step = place.training("T", "pass", AlgorithmSpecification={"MetricDefinitions": [metric]})
    with pytest.raises(DefinitionError, match=r"must be|is missing"):
        place.run(step)


SAVING = "open(ML + '/model/m', 'w').write('m'); meet(); __import__('signal').pause()"


@pytest.mark.parametrize(("limit", "secondary"), [(1, "MaxRuntimeExceeded"), (60, "Stopped")])
def test_a_model_that_was_saved_before_the_end_is_kept(
    place: Place, meeting: Callable[[int], Meeting], limit: int, secondary: str
) -> None:
    door = meeting(1)

    def stop() -> None:
        if door.complete.wait(10) and secondary == "Stopped":
            os.kill(os.getpid(), signal.SIGTERM)

    stopper = threading.Thread(target=stop)
    stopper.start()
    step = place.training(
        "T", SAVING, variables={"MEETING": door.port}, StoppingCondition={"MaxRuntimeInSeconds": limit}
    )
    output = place.output(place.run(step), "T")
    stopper.join()
    assert (output["TrainingJobStatus"], output["SecondaryStatus"]) == ("Stopped", secondary)
    assert place.archive(output["ModelArtifacts"]["S3ModelArtifacts"]) == {"m": b"m"}


def test_a_model_that_is_not_to_be_compressed_is_its_files(place: Place) -> None:
    script = "os.makedirs(ML + '/model/deep')\nopen(ML + '/model/deep/w', 'w').write('w')\n"
    script += "os.symlink('/etc/passwd', ML + '/model/link')\nopen(ML + '/output/data/d', 'w').write('d')\n"
    uncompressed = {"S3OutputPath": "s3://bucket/m/", "CompressionType": "NONE"}
    execution = place.run(place.training("T", script, OutputDataConfig=uncompressed))
    assert execution.status == "Succeeded", execution.failure_reason
    job = execution.steps["T"].job
    model = place.output(execution, "T")["ModelArtifacts"]["S3ModelArtifacts"]
    assert model == f"s3://bucket/m/{job}/output/model/"
    assert place.keys("m") == [f"m/{job}/output/data/d", f"m/{job}/output/model/deep/w"]
