"""Manifests: which objects of which names reach a job, and what is said of a manifest that is of no use."""

from __future__ import annotations

import json
from typing import Any

import pytest
from engines.place import Place

from dagwright.errors import DefinitionError

LISTED = {"S3Uri": "s3://bucket/list.manifest", "S3DataType": "ManifestFile"}
LOOK = """
host = json.load(open(ML + "/config/resourceconfig.json"))["current_host"]
found = {}
for folder, _, files in os.walk(ML + "/processing/in"):
    for file in files:
        path = os.path.join(folder, file)
        found[os.path.relpath(path, ML + "/processing/in")] = open(path).read()
write(host, found)
"""


def put_manifest(place: Place, *names: Any, prefix: Any = "s3://bucket/data/") -> None:
    place.put("list.manifest", json.dumps([{"prefix": prefix}, *names]))


def test_the_objects_of_a_manifest_lie_under_the_rest_of_their_keys(place: Place) -> None:
    for key in ("data/a", "data/deep/b", "data/not-listed"):
        place.put(key, key)
    put_manifest(place, "deep/b", "a")
    assert place.run(place.writing("P", LOOK, inputs={"in": LISTED})).status == "Succeeded"
    assert place.json("P/algo-1") == {"a": "data/a", "deep/b": "data/deep/b"}


def test_a_prefix_and_a_name_make_an_address_as_texts_do(place: Place) -> None:
    place.put("data/part-1", "1")
    put_manifest(place, "1", prefix="s3://bucket/data/part-")
    place.run(place.writing("P", LOOK, inputs={"in": LISTED}))
    assert place.json("P/algo-1") == {"1": "1"}


@pytest.mark.parametrize(("objects", "hosts"), [(5, 2), (2, 3)])
def test_a_sharded_manifest_reaches_each_host_in_part(place: Place, objects: int, hosts: int) -> None:
    names = [f"{number}" for number in range(objects)]
    for name in names:
        place.put(f"data/{name}", name)
    put_manifest(place, *names)
    source = {**LISTED, "S3DataDistributionType": "ShardedByS3Key"}
    place.run(place.writing("P", LOOK, inputs={"in": source}, count=hosts))
    shares = [place.json(f"P/algo-{number + 1}") for number in range(hosts)]
    assert sorted(name for share in shares for name in share) == names


def test_a_training_job_gets_the_manifest_as_well(place: Place) -> None:
    place.put("data/a", "a")
    put_manifest(place, "a")
    script = """
seen = [json.load(open(ML + "/input/data/train-manifest")), os.listdir(ML + "/input/data/train")]
json.dump(seen, open(ML + "/model/seen.json", "w"))
"""
    execution = place.run(place.training("T", script, {"train": LISTED}))
    model = place.archive(place.output(execution, "T")["ModelArtifacts"]["S3ModelArtifacts"])
    assert json.loads(model["seen.json"]) == [[{"prefix": "s3://bucket/data/"}, "a"], ["a"]]


def test_a_manifest_is_streamed_in_its_order(place: Place) -> None:
    for name in ("a", "b", "c"):
        place.put(f"data/{name}", name)
    put_manifest(place, "c", "a", "b", "a")
    script = "write('seen', open(ML + '/processing/in_0').read())"
    place.run(place.writing("P", script, inputs={"in": {**LISTED, "S3InputMode": "Pipe"}}))
    assert place.text("P/seen") == "caba"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[", "it is not JSON"),
        ("[" * 100_000, "it is not JSON"),
        ("{}", "it is not a JSON list"),
        ("[]", "its first element is not"),
        ('["a"]', "its first element is not"),
        ('[{"prefix": "/etc/"}, "passwd"]', "its first element is not"),
        ('[{"prefix": "s3://bucket/data/"}]', "it lists no object after its prefix"),
        ('[{"prefix": "s3://bucket/data/"}, "../secret"]', '"../secret" is not the rest of an object\'s key'),
        ('[{"prefix": "s3://bucket/data/"}, "/a"]', '"/a" is not the rest'),
        ('[{"prefix": "s3://bucket/data/"}, "a", 7]', "7 is not the rest"),
        ('[{"prefix": "s3://bucket/data/"}, "a", "x", "y"]', "lists s3://bucket/data/x and 1 more, which is not there"),
        (json.dumps([{"prefix": "s3://bucket/data/"}, "n" * 300]), "lists s3://bucket/data/nnn"),
        ('[{"prefix": "s3://bucket/../"}, "a"]', "would leave the bucket's folder"),
    ],
)
def test_a_manifest_that_is_of_no_use_is_said_before_anything_starts(place: Place, text: str, said: str) -> None:
    place.put("data/a", "a")
    place.put("list.manifest", text)
    with pytest.raises(DefinitionError) as refused:
        place.run(place.processing("P", "pass", inputs={"in": LISTED}))
    assert said in str(refused.value)
    assert [problem.step for problem in refused.value.problems] == ["P"]


def test_objects_that_an_earlier_step_writes_need_not_be_there(place: Place) -> None:
    put_manifest(place, "x", prefix="s3://bucket/First/")
    second = place.writing("Second", LOOK, inputs={"in": LISTED}, depends_on=["First"])
    assert place.run(place.writing("First", "write('x', 'x')"), second).status == "Succeeded"
    assert place.json("Second/algo-1") == {"x": "x"}


def test_a_manifest_that_an_earlier_step_writes_is_read_when_its_reader_starts(place: Place) -> None:
    first = place.writing("First", "write('m', [{'prefix': 's3://bucket/data/'}, 'gone'])")
    second = place.processing("Second", "pass", inputs={"in": {**LISTED, "S3Uri": "s3://bucket/First/m"}})
    execution = place.run(first, second | {"DependsOn": ["First"]})
    reason = execution.steps["Second"].failure_reason
    assert reason.startswith("The manifest s3://bucket/First/m of input 'in' lists s3://bucket/data/gone, which is not")


# ---- augmented manifests ----

AUGMENTED = {
    "S3Uri": "s3://bucket/lines.manifest",
    "S3DataType": "AugmentedManifestFile",
    "AttributeNames": ["image-ref", "is-a-cat"],
    "InputMode": "Pipe",
    "RecordWrapperType": "RecordIO",
}
RECORDS = """
import struct
def records(data):
    while data:
        _, size = struct.unpack_from("<II", data)
        yield data[8:8 + size].decode()
        data = data[8 + (size + 3) // 4 * 4:]
seen = [list(records(open(f"{ML}/input/data/train_{epoch}", "rb").read())) for epoch in range(2)]
seen.append(os.path.isfile(ML + "/input/data/train-manifest"))
json.dump(seen, open(ML + "/model/seen.json", "w"))
"""


def put_lines(place: Place, *lines: Any) -> None:
    place.put("lines.manifest", "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines))


def test_an_augmented_manifest_streams_the_attributes_of_each_line(place: Place) -> None:
    one, two = place.put("images/1.jpg", "first image"), place.put("images/2.jpg", "second")
    put_lines(
        place,
        {"is-a-cat": 1, "image-ref": one, "other": "x"},
        "",
        {"image-ref": two, "is-a-cat": {"no": ["é", None]}},
    )
    execution = place.run(place.training("T", RECORDS, {"train": AUGMENTED}))
    assert execution.status == "Succeeded", execution.failure_reason
    model = place.archive(place.output(execution, "T")["ModelArtifacts"]["S3ModelArtifacts"])
    expected = ["first image", "1", "second", '{"no":["é",null]}']
    assert json.loads(model["seen.json"]) == [expected, expected, True]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "Line 4 of the manifest s3://bucket/lines.manifest of input 'train' is not JSON"),
        ({"is-a-cat": 1}, "Line 4 of the manifest s3://bucket/lines.manifest of input 'train' has no 'image-ref'"),
        ([1], "has no 'image-ref', which AttributeNames lists"),
        ({"is-a-cat": 1, "image-ref": "/etc/passwd"}, "has no address at 'image-ref'"),
        (
            {"is-a-cat": 1, "image-ref": "s3://bucket/images/3.jpg"},
            "lists s3://bucket/images/3.jpg, which is not there",
        ),
        ({"is-a-cat": 1, "image-ref": f"s3://bucket/{'n' * 300}"}, "lists s3://bucket/nnn"),
    ],
)
def test_a_line_that_is_of_no_use_is_said_before_anything_starts(place: Place, line: Any, said: str) -> None:
    put_lines(place, {"image-ref": place.put("images/1.jpg", "1"), "is-a-cat": 1}, "", " ", line)
    with pytest.raises(DefinitionError) as refused:
        place.run(place.training("T", RECORDS, {"train": AUGMENTED}))
    assert said in str(refused.value)


def test_a_line_that_an_earlier_step_spoils_ends_its_reader(place: Place) -> None:
    first = place.writing("First", "write('m', '{\"is-a-cat\": 1}')")
    second = place.training("T", RECORDS, {"train": {**AUGMENTED, "S3Uri": "s3://bucket/First/m"}})
    execution = place.run(first, second | {"DependsOn": ["First"]})
    reason = execution.steps["T"].failure_reason
    assert reason.startswith(
        "ClientError: Line 1 of the manifest s3://bucket/First/m of input 'train' has no 'image-ref'"
    )
