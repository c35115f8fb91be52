from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from engines.place import Meeting, Place

from dagwright.errors import DefinitionError


def test_inputs_stand_where_the_contract_says(place: Place) -> None:
    place.put("raw/a.csv", "a")
    place.put("raw/deep/b.csv", "b")
    place.put("parts/part-1", "1")
    place.put("parts/part-2/x", "2")
    place.put("parts/other", "3")
    script = """
found = {}
for name in ("prefix", "object", "textual"):
    for folder, _, files in os.walk(f"{ML}/processing/{name}"):
        for file in files:
            path = os.path.join(folder, file)
            found[os.path.relpath(path, ML + "/processing")] = open(path).read()
write("found.json", found)
"""
    inputs = {
        "prefix": "s3://bucket/raw/",
        "object": "s3://bucket/raw/deep/b.csv",
        "textual": "s3://bucket/parts/part",
    }
    execution = place.run(place.writing("Look", script, inputs=inputs))
    assert execution.status == "Succeeded", execution.failure_reason
    assert place.json("Look/found.json") == {
        "prefix/a.csv": "a",
        "prefix/deep/b.csv": "b",
        "object/b.csv": "b",
        "textual/part-1": "1",
        "textual/part-2/x": "2",
    }


def test_configuration_files_working_folder_and_output_folders(place: Place) -> None:
    script = """
write("seen.json", {
    "job": json.load(open(ML + "/config/processingjobconfig.json")),
    "resources": json.load(open(ML + "/config/resourceconfig.json")),
    "directory": os.getcwd(),
    "made": os.path.isdir(OUT),
    "mine": os.environ["MINE"],
    "hostname": os.environ["HOSTNAME"],
})
"""
    step = place.writing("Look", script, variables={"MINE": "yes"}, limit=60)
    execution = place.run(step)
    seen = place.json("Look/seen.json")
    job = seen.pop("job")
    assert job["ProcessingJobName"] == execution.steps["Look"].job
    assert job["ProcessingJobArn"].endswith(f":processing-job/{job['ProcessingJobName']}")
    assert {name: job[name] for name in step["Arguments"]} == step["Arguments"]
    assert seen.pop("directory") == "/" or not place.sandboxed
    assert seen == {
        "resources": {"current_host": "algo-1", "hosts": ["algo-1"], "network_interface_name": "lo"},
        "made": True,
        "mine": "yes",
        "hostname": "algo-1",
    }


def test_the_response_is_the_requests_with_the_ending(place: Place) -> None:
    script = "os.makedirs(ML + '/output', exist_ok=True); open(ML + '/output/message', 'w').write(' all well ')"
    execution = place.run(place.processing("P", script))
    output = place.output(execution, "P")
    assert output["ProcessingJobStatus"] == "Completed"
    assert output["ExitMessage"] == "all well"
    assert output["ProcessingStartTime"] <= output["ProcessingEndTime"]
    assert output["RoleArn"].startswith("arn:")
    metadata = dict(execution.steps["P"].metadata)
    assert metadata.pop("Used")["MemoryMiB"] > 0
    assert metadata == {"ProcessingJob": {"Arn": output["ProcessingJobArn"]}}


@pytest.mark.parametrize(
    ("content", "said"),
    [("'é' * 600", "é" * 512), ("'a' + 'é' * 600", "a" + "é" * 511), ("'x' * 2000", "x" * 1024)],
)
def test_the_exit_message_is_the_first_kibibyte(place: Place, content: str, said: str) -> None:
    script = f"open(ML + '/output/message', 'w', encoding='utf-8').write({content})"
    assert place.output(place.run(place.processing("P", script)), "P")["ExitMessage"] == said


def test_a_message_that_is_no_text_is_a_failure_with_a_sentence(place: Place) -> None:
    execution = place.run(place.processing("P", "open(ML + '/output/message', 'wb').write(b'\\xff\\xfe')"))
    assert execution.status == "Failed"
    assert "/opt/ml/output/message is not UTF-8 text" in execution.failure_reason


def test_a_failure_gives_exit_code_message_and_no_outputs_but_the_continuous(place: Place) -> None:
    script = """
write("late.txt", "late")
os.makedirs(ML + "/processing/live", exist_ok=True)
open(ML + "/processing/live/now.txt", "w").write("now")
open(ML + "/output/message", "w").write("the third column is gone")
sys.exit(3)
"""
    live = {"S3Uri": "s3://bucket/live", "S3UploadMode": "Continuous"}
    execution = place.run(place.processing("P", script, outputs={"out": "s3://bucket/late", "live": live}))
    assert execution.steps["P"].failure_reason == "AlgorithmError: the third column is gone, exit code 3"
    output = place.output(execution, "P")
    assert (output["ProcessingJobStatus"], output["ExitMessage"]) == ("Failed", "the third column is gone")
    assert place.keys("live") == ["live/now.txt"]
    assert place.keys("late") == []


def test_continuous_outputs_appear_even_when_the_message_is_refused(place: Place) -> None:
    script = "write('a', 'a'); open(ML + '/output/message', 'wb').write(b'\\xff')"
    live = {"S3Uri": "s3://bucket/live", "S3UploadMode": "Continuous"}
    assert place.run(place.processing("P", script, outputs={"out": live})).status == "Failed"
    assert place.keys("live") == ["live/a"]


def test_without_a_message_the_last_line_of_the_log_explains(place: Place) -> None:
    execution = place.run(place.processing("P", "print('loading'); raise SystemExit('no column y\\n\\n')"))
    assert execution.steps["P"].failure_reason == "AlgorithmError: no column y, exit code 1"


@pytest.mark.parametrize(("number", "said"), [(9, "killed by SIGKILL"), (40, "signal 40"), (15, "TERM")])
def test_a_signal_is_named_and_explained(place: Place, number: int, said: str) -> None:
    execution = place.run(place.processing("P", f"os.kill(os.getpid(), {number})"))
    assert execution.status == "Failed"
    assert said in execution.failure_reason


def test_a_missing_program_is_said_in_the_log_and_the_reason(place: Place) -> None:
    execution = place.run(place.processing("P", entrypoint=["no-such-program"]))
    reason = "cannot start 'no-such-program': No such file or directory, exit code 127"
    assert reason in execution.failure_reason


@pytest.mark.parametrize("words", [["python3", "-c", "pass", "a\0b"], ["python3", "x" * 3_000_000]])
def test_a_command_line_that_no_system_takes_is_a_sentence(place: Place, words: list[str]) -> None:
    assert "cannot start 'python3'" in place.run(place.processing("P", entrypoint=words)).failure_reason


def test_outputs_that_overlap_each_have_all_their_files(place: Place) -> None:
    script = "write('a', 'a'); write('deep/b', 'b'); write('deeper/c', 'c')"
    outputs = {
        "same": {"S3Uri": "s3://bucket/one", "LocalPath": "/opt/ml/processing/out"},
        "again": {"S3Uri": "s3://bucket/two", "LocalPath": "/opt/ml/processing/./out/"},
        "inside": {"S3Uri": "s3://bucket/three", "LocalPath": "/opt/ml/processing/out/deep"},
        "above": {"S3Uri": "s3://bucket/four", "LocalPath": "/opt/ml/processing"},
    }
    for order in (outputs, dict(reversed(outputs.items()))):
        assert place.run(place.processing("P", script, outputs=order)).status == "Succeeded"
        assert place.keys("one") == ["one/a", "one/deep/b", "one/deeper/c"]
        assert place.keys("two") == ["two/a", "two/deep/b", "two/deeper/c"]
        assert place.keys("three") == ["three/b"]
        assert {"four/out/a", "four/out/deep/b"} < set(place.keys("four"))


def test_a_folder_whose_name_begins_with_dots_is_inside(place: Place) -> None:
    output = {"S3Uri": "s3://bucket/dots", "LocalPath": "/opt/ml/..foo"}
    execution = place.run(place.processing("P", "open(ML + '/..foo/x', 'w').write('x')", outputs={"out": output}))
    assert (execution.status, place.keys("dots")) == ("Succeeded", ["dots/x"])


def test_links_are_not_uploaded_and_nothing_is_taken_from_behind_one(place: Place) -> None:
    script = """
write("real", "real")
os.symlink(OUT + "/real", OUT + "/link")
os.symlink("/usr/lib", OUT + "/folder")
os.mkfifo(OUT + "/pipe")
"""
    assert place.run(place.writing("P", script)).status == "Succeeded"
    assert place.keys("P") == ["P/real"]


@pytest.mark.parametrize("where", ["processing/out", "processing"])
def test_an_output_folder_replaced_by_a_link_is_refused(place: Place, where: str) -> None:
    treasure = place.folder / "treasure" / "out"
    treasure.mkdir(parents=True)
    (treasure / "gold").write_text("gold")
    target = treasure if where.endswith("out") else treasure.parent
    script = f"import shutil; shutil.rmtree(f'{{ML}}/{where}'); os.symlink({str(target)!r}, f'{{ML}}/{where}')"
    execution = place.run(place.writing("P", script))
    assert f"The job has put a link at /opt/ml/{where}" in execution.failure_reason
    assert (treasure / "gold").read_text() == "gold"
    assert place.keys("P") == []


def test_a_message_that_is_a_link_or_a_pipe_is_not_followed(place: Place) -> None:
    link = place.processing("L", "os.symlink('/etc/passwd', ML + '/output/message')")
    pipe = place.processing("P", "os.mkfifo(ML + '/output/message')")
    execution = place.run(link, pipe)
    assert "The job has put a link at /opt/ml/output/message" in execution.steps["L"].failure_reason
    assert execution.steps["P"].status == "Succeeded"


def test_an_output_with_a_second_name_cannot_be_changed_through_it(plain: Place) -> None:
    mine = plain.folder / "mine.txt"
    mine.write_text("before")
    plain.run(plain.writing("P", f"os.link({str(mine)!r}, OUT + '/theirs.txt')"))
    mine.write_text("after")
    assert plain.text("P/theirs.txt") == "before"


def test_an_output_in_which_nothing_is_written_is_noted_and_its_reader_fails(place: Place) -> None:
    reader = place.processing("Reader", "pass", inputs={"in": "s3://bucket/Writer"}, depends_on=["Writer"])
    execution = place.run(place.writing("Writer", "pass"), reader)
    assert execution.steps["Writer"].status == "Succeeded"
    assert any("Writer: wrote nothing to s3://bucket/Writer" in note for note in place.watcher.notes)
    assert "Input 'in' finds no object at s3://bucket/Writer" in execution.steps["Reader"].failure_reason
    assert "left its output folder empty" in execution.steps["Reader"].failure_reason


def test_each_instance_is_a_process_with_its_own_name(sandboxed: Place) -> None:
    script = """
me = json.load(open(ML + "/config/resourceconfig.json"))
if me["current_host"] == "algo-1":
    server = socket.create_server(("algo-1", 4444))
    peers = sorted(server.accept()[0].recv(100).decode() for _ in range(2))
    write("met.json", [me, peers, socket.gethostname()])
else:
    while True:
        try:
            with socket.create_connection(("algo-1", 4444)) as to:
                to.sendall(me["current_host"].encode())
            break
        except ConnectionRefusedError:
            pass
"""
    execution = sandboxed.run(sandboxed.writing("P", script, count=3))
    assert execution.status == "Succeeded", execution.failure_reason
    me, peers, hostname = sandboxed.json("P/met.json")
    assert me["hosts"] == ["algo-1", "algo-2", "algo-3"]
    assert peers == ["algo-2", "algo-3"]
    assert hostname == "algo-1"


def test_sharded_objects_reach_exactly_one_instance(place: Place) -> None:
    keys = [f"many/{number:02}" for number in range(7)]
    for key in keys:
        place.put(key, key)
    script = """
host = json.load(open(ML + "/config/resourceconfig.json"))["current_host"]
write(host, sorted(os.listdir(ML + "/processing/in")))
"""
    source = {"S3Uri": "s3://bucket/many", "S3DataDistributionType": "ShardedByS3Key"}
    place.run(place.writing("P", script, inputs={"in": source}, count=3))
    shares = [place.json(f"P/algo-{number}") for number in (1, 2, 3)]
    assert sorted(name for share in shares for name in share) == [key[5:] for key in keys]
    assert {len(share) for share in shares} == {2, 3}


def test_instances_beyond_the_objects_get_an_empty_folder(place: Place) -> None:
    for key in ("few/a", "few/b"):
        place.put(key, key)
    script = """
host = json.load(open(ML + "/config/resourceconfig.json"))["current_host"]
write(host, sorted(os.listdir(ML + "/processing/in")))
"""
    source = {"S3Uri": "s3://bucket/few", "S3DataDistributionType": "ShardedByS3Key"}
    assert place.run(place.writing("P", script, inputs={"in": source}, count=4)).status == "Succeeded"
    assert [place.json(f"P/algo-{number}") for number in (1, 2, 3, 4)] == [["a"], ["b"], [], []]


def test_a_name_that_several_instances_wrote_is_said(place: Place) -> None:
    execution = place.run(place.writing("P", 'write("one.json", 1)', count=3))
    assert execution.status == "Succeeded", execution.failure_reason
    (note,) = (line for line in place.watcher.notes if "hosts wrote" in line)
    assert note.endswith("/one.json: the last one's is kept, so give each its own name")
    assert "P: 3 hosts wrote s3://" in note


def test_one_failing_instance_ends_the_others_and_is_named(place: Place) -> None:
    script = """
host = json.load(open(ML + "/config/resourceconfig.json"))["current_host"]
if host == "algo-2":
    sys.exit("out of luck")
import signal; signal.pause()
"""
    execution = place.run(place.processing("P", script, count=3))
    assert execution.failure_reason == "step 'P' failed: AlgorithmError: out of luck, exit code 1 on algo-2"


def test_the_message_of_the_instance_that_failed_is_the_reason(place: Place, meeting: Callable[[int], Meeting]) -> None:
    """The other has left one before."""
    door = meeting(2)
    script = """
host = json.load(open(ML + "/config/resourceconfig.json"))["current_host"]
open(ML + "/output/message", "w").write(f"{host} says")
if host == "algo-2":
    meet()
    sys.exit(4)
meet()
"""
    guest = threading.Thread(target=lambda: door.complete.wait(30) and door.release())
    guest.start()
    execution = place.run(place.processing("P", script, count=2, variables={"MEETING": door.port}))
    guest.join()
    assert execution.steps["P"].failure_reason == "AlgorithmError: algo-2 says, exit code 4 on algo-2"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"ProcessingInputs": "x"}, 'ProcessingInputs must be a list, it is "x"'),
        ({"ProcessingInputs": ["x"]}, 'ProcessingInputs[0] must be an object, it is "x"'),
        ({"ProcessingInputs": [{"InputName": "a", "S3Input": []}]}, "S3Input must be an object, it is []"),
        ({"ProcessingInputs": [{"S3Input": {"S3Uri": 5}}]}, "S3Uri must be a string, it is 5"),
        ({"ProcessingOutputConfig": []}, "ProcessingOutputConfig must be an object, it is []"),
        ({"ProcessingOutputConfig": {"Outputs": [None]}}, "Outputs[0] must be an object, it is null"),
        ({"AppSpecification": None}, "starts the program built into its image"),
        ({"AppSpecification": {"ContainerEntrypoint": ["a", 1]}}, "ContainerEntrypoint[1] must be a string, it is 1"),
        ({"Environment": {"A": 1}}, "Environment['A'] must be a string, it is 1"),
        ({"Environment": ["A"]}, 'Environment must be an object, it is ["A"]'),
        ({"ProcessingResources": {"ClusterConfig": {"InstanceCount": True}}}, "InstanceCount must be a whole number"),
        ({"ProcessingResources": {"ClusterConfig": {"InstanceCount": 0}}}, "InstanceCount must be from 1 to 100"),
        ({"ProcessingResources": []}, "ProcessingResources must be an object"),
        ({"StoppingCondition": {"MaxRuntimeInSeconds": 0}}, "MaxRuntimeInSeconds must be at least 1"),
        ({"StoppingCondition": {"MaxRuntimeInSeconds": "9" * 5000}}, "must be a whole number"),
        ({"NetworkConfig": {"EnableNetworkIsolation": "yes"}}, "must be true or false"),
    ],
)
def test_a_member_of_the_wrong_kind_is_a_sentence(place: Place, change: dict[str, object], said: str) -> None:
    step = place.processing("P", "pass")
    step["Arguments"] |= change
    with pytest.raises(DefinitionError) as refused:
        place.run(step)
    assert said in str(refused.value)
    assert "P: " in str(refused.value)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ({"S3Uri": "https://x/y"}, "'https://x/y' is not an S3 address"),
        ({"S3Uri": "s3://bucket/a/../../b"}, "would leave the bucket's folder"),
        ({"S3Uri": "s3://bucket/code", "LocalPath": "/opt/data"}, "The job uses the folder '/opt/data'"),
        (
            {"S3Uri": "s3://bucket/code", "LocalPath": "/opt/ml/../../etc"},
            "SageMaker gives a job folders below /opt/ml",
        ),
        ({"S3Uri": "s3://bucket/code", "S3InputMode": "FastFile"}, "S3InputMode must be File or Pipe in a local run"),
        ({"S3Uri": "s3://bucket/code", "S3DataType": "AugmentedManifestFile"}, "must be S3Prefix or ManifestFile"),
        ({"S3Uri": "s3://bucket/code", "S3CompressionType": "Gzip"}, "Gzip without Pipe mode"),
    ],
)
def test_an_impossible_input_is_refused_before_anything_starts(place: Place, source: dict[str, str], said: str) -> None:
    with pytest.raises(DefinitionError) as refused:
        place.run(place.processing("P", "pass", inputs={"in": source}))
    assert said in str(refused.value)
    assert place.engine.history() == []


def test_an_output_that_is_no_address_is_refused_before_anything_starts(place: Place) -> None:
    with pytest.raises(DefinitionError, match="'here' is not an S3 address"):
        place.run(place.processing("P", "pass", outputs={"out": "here"}))


def test_files_without_permissions_are_published_and_cleaned_up(place: Place) -> None:
    script = """
write("deep/a", "a")
os.chmod(OUT + "/deep/a", 0)
os.chmod(OUT + "/deep", 0)
os.chmod(ML + "/processing", 0)
"""
    execution = place.run(place.writing("P", script))
    assert execution.status == "Succeeded", execution.failure_reason
    assert place.text("P/deep/a") == "a"
    assert list((place.folder / ".dagwright" / "jobs").iterdir()) == []


def test_a_chain_of_folders_longer_than_any_path_is_a_sentence_and_goes(place: Place) -> None:
    script = "os.makedirs(OUT, exist_ok=True); os.chdir(OUT)\nfor i in range(3000): os.mkdir('d'); os.chdir('d')"
    execution = place.run(place.writing("P", script))
    assert "File name too long" in execution.failure_reason
    assert list((place.folder / ".dagwright" / "jobs").iterdir()) == []


def test_a_feature_group_is_the_programs_own_affair(place: Place) -> None:
    step = place.writing("P", "write('x', 'x')")
    managed = {"OutputName": "group", "AppManaged": True, "FeatureStoreOutput": {"FeatureGroupName": "people"}}
    step["Arguments"]["ProcessingOutputConfig"]["Outputs"].append(managed)
    assert place.run(step).status == "Succeeded"
    assert "feature groups get nothing here but what programs put there: people" in place.watcher.notes
    managed["AppManaged"] = False
    with pytest.raises(DefinitionError, match="goes to a feature store"):
        place.run(step)


def test_a_name_that_no_key_can_have_fails_the_step_before_anything_appears(place: Place) -> None:
    execution = place.run(place.writing("P", "write('a', 'a'); open(os.fsencode(OUT) + b'/b\\xff', 'w').write('b')"))
    assert execution.status == "Failed"
    assert "its key is no text in UTF-8" in execution.failure_reason
    assert place.keys() == ["code/P/main.py"]
