"""S3 over the store, asked by boto3 itself."""

from __future__ import annotations

import io
import os
import socket
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from http.client import HTTPConnection
from itertools import product
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from dagwright.engines.local.endpoint.door import Endpoint
from dagwright.engines.local.home import Home
from dagwright.engines.local.scope import Account

MIB = 1 << 20


class Door:
    """An endpoint over the store of an empty project, and clients for it."""

    def __init__(self, folder: Path) -> None:
        self.notes: list[str] = []
        self.home = Home(folder)
        self.store = self.home.store
        self.endpoint = Endpoint(self.home, "execution", Account("eu-west-1"), self.notes.append)
        self.variables = self.endpoint.variables({})

    def client(self, service: str = "s3", key: str = "", **others: Any) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.variables["AWS_ENDPOINT_URL"],
            region_name=self.variables["AWS_REGION"],
            aws_access_key_id=key or self.variables["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.variables["AWS_SECRET_ACCESS_KEY"],
            **others,
        )

    def put(self, key: str, content: bytes = b"content") -> None:
        self.store.put_bytes(content, f"s3://bucket/{key}")

    def connection(self) -> HTTPConnection:
        return HTTPConnection(self.variables["AWS_ENDPOINT_URL"].removeprefix("http://"), timeout=10)


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    door = Door(tmp_path)
    with door.endpoint:
        yield door


@pytest.fixture
def s3(door: Door) -> Iterator[Any]:
    client = door.client()
    yield client
    client.close()


def code_of(error: pytest.ExceptionInfo[ClientError]) -> str:
    return str(error.value.response["Error"]["Code"])


# ---- objects ----


def test_what_is_put_is_a_file_of_the_store_and_what_the_store_has_is_got(door: Door, s3: Any) -> None:
    put = s3.put_object(Bucket="bucket", Key="a/b.txt", Body=b"one", ContentType="text/plain", Metadata={"by": "me"})
    assert (door.store.root / "bucket/a/b.txt").read_bytes() == b"one"
    assert (door.store.root / "bucket/a/b.txt").stat().st_mode & 0o777 == 0o644
    got = s3.get_object(Bucket="bucket", Key="a/b.txt")
    assert got["Body"].read() == b"one"
    assert (got["ETag"], got["ContentType"], got["Metadata"]) == (put["ETag"], "text/plain", {"by": "me"})
    door.put("from/a/step", b"two")
    head = s3.head_object(Bucket="bucket", Key="from/a/step")
    assert (head["ContentLength"], head["ETag"]) == (3, '"b8a9f715dbb64fd5c56e7783c6820a61"')


def test_an_object_that_a_step_replaces_has_another_etag_and_none_of_the_headers(door: Door, s3: Any) -> None:
    before = s3.put_object(Bucket="bucket", Key="a", Body=b"one", Metadata={"by": "me"})
    door.put("a", b"six")
    after = s3.head_object(Bucket="bucket", Key="a")
    assert after["Metadata"] == {}
    assert after["ETag"] != before["ETag"]


@pytest.mark.parametrize(
    "key", ["ä ö/日本語.csv", "a b+c&d=e?f#g%h;i", "quote'\"<>&.txt", "_-~!$()*,:@[]{}|\\^`", "x" * 250]
)
def test_keys_are_any_text(door: Door, s3: Any, key: str) -> None:
    s3.put_object(Bucket="bucket", Key=key, Body=b"1")
    assert (door.store.root / "bucket" / key).is_file()
    assert [item["Key"] for item in s3.list_objects_v2(Bucket="bucket")["Contents"]] == [key]
    assert [item["Key"] for item in s3.list_objects(Bucket="bucket", Prefix=key[:3])["Contents"]] == [key]
    s3.copy_object(Bucket="bucket", Key="copy", CopySource={"Bucket": "bucket", "Key": key})
    s3.delete_objects(Bucket="bucket", Delete={"Objects": [{"Key": key}]})
    assert [item["Key"] for item in s3.list_objects_v2(Bucket="bucket")["Contents"]] == ["copy"]


@pytest.mark.parametrize("key", ["../outside", "a/../../outside", "a/./b", "nul\0byte"])
def test_no_key_leads_out_of_its_bucket(door: Door, s3: Any, key: str) -> None:
    (door.store.root.parent / "outside").write_text("not an object")
    door.put("there")
    for call in (s3.get_object, s3.put_object, s3.delete_object, s3.create_multipart_upload):
        with pytest.raises(ClientError) as error:
            call(Bucket="bucket", Key=key)
        assert code_of(error) == "InvalidRequest"
    assert (door.store.root.parent / "outside").read_text() == "not an object"


def test_nothing_behind_a_link_to_a_folder_is_an_object(door: Door, s3: Any, tmp_path: Path) -> None:
    door.put("there")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/secret").write_text("secret")
    (door.store.root / "bucket/link").symlink_to(tmp_path / "elsewhere")
    for call in (s3.get_object, s3.put_object, s3.delete_object):
        with pytest.raises(ClientError, match="a link is on the way"):
            call(Bucket="bucket", Key="link/secret")
    assert [item["Key"] for item in s3.list_objects_v2(Bucket="bucket")["Contents"]] == ["there"]
    assert os.listdir(tmp_path / "elsewhere") == ["secret"]


def test_slashes_of_a_key_are_neither_doubled_nor_first(s3: Any) -> None:
    s3.put_object(Bucket="bucket", Key="/a//b", Body=b"1")
    assert s3.get_object(Bucket="bucket", Key="a/b")["Body"].read() == b"1"
    assert s3.list_objects_v2(Bucket="bucket", Prefix="a//")["Contents"][0]["Key"] == "a/b"


def test_a_folder_that_a_script_makes_is_no_object(door: Door, s3: Any) -> None:
    s3.put_object(Bucket="bucket", Key="made/")
    assert (door.store.root / "bucket/made").is_dir()
    assert "Contents" not in s3.list_objects_v2(Bucket="bucket")
    with pytest.raises(ClientError, match="it has no content"):
        s3.put_object(Bucket="bucket", Key="made/", Body=b"something")


def test_one_objects_key_cannot_be_the_folder_of_another(door: Door, s3: Any) -> None:
    door.put("a")
    with pytest.raises(ClientError, match="one object's key is the folder of another's"):
        s3.put_object(Bucket="bucket", Key="a/b", Body=b"1")


@pytest.mark.parametrize(
    ("asked", "got", "said"),
    [
        ("bytes=0-3", b"0123", "bytes 0-3/10"),
        ("bytes=8-", b"89", "bytes 8-9/10"),
        ("bytes=-3", b"789", "bytes 7-9/10"),
        ("bytes=4-400", b"456789", "bytes 4-9/10"),
    ],
)
def test_a_part_of_an_object(door: Door, s3: Any, asked: str, got: bytes, said: str) -> None:
    door.put("digits", b"0123456789")
    answer = s3.get_object(Bucket="bucket", Key="digits", Range=asked)
    assert (answer["Body"].read(), answer["ContentRange"]) == (got, said)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 206


def test_a_range_behind_the_end_is_an_error(door: Door, s3: Any) -> None:
    door.put("digits", b"0123456789")
    with pytest.raises(ClientError) as error:
        s3.get_object(Bucket="bucket", Key="digits", Range="bytes=10-")
    assert code_of(error) == "InvalidRange"


def test_what_is_not_there_is_said_as_s3_says_it(door: Door, s3: Any) -> None:
    with pytest.raises(s3.exceptions.NoSuchBucket):
        s3.list_objects_v2(Bucket="nowhere")
    with pytest.raises(ClientError) as head_bucket:
        s3.head_bucket(Bucket="nowhere")
    door.put("there")
    with pytest.raises(s3.exceptions.NoSuchKey):
        s3.get_object(Bucket="bucket", Key="other")
    with pytest.raises(ClientError) as head:
        s3.head_object(Bucket="bucket", Key="other")
    with pytest.raises(ClientError) as download:
        s3.download_file("bucket", "other", os.devnull)
    assert [code_of(error) for error in (head_bucket, head, download)] == ["404", "404", "404"]
    s3.delete_object(Bucket="bucket", Key="other")


def test_conditions(door: Door, s3: Any) -> None:
    door.put("a", b"one")
    etag = s3.head_object(Bucket="bucket", Key="a")["ETag"]
    assert s3.get_object(Bucket="bucket", Key="a", IfMatch=etag)["Body"].read() == b"one"
    with pytest.raises(ClientError) as other:
        s3.get_object(Bucket="bucket", Key="a", IfMatch='"other"')
    with pytest.raises(ClientError) as known:
        s3.get_object(Bucket="bucket", Key="a", IfNoneMatch=etag)
    with pytest.raises(ClientError) as there:
        s3.put_object(Bucket="bucket", Key="a", Body=b"two", IfNoneMatch="*")
    assert [code_of(error) for error in (other, known, there)] == ["PreconditionFailed", "304", "PreconditionFailed"]
    assert door.store.read_text("s3://bucket/a") == "one"


def test_a_copy_keeps_the_headers_or_gets_its_own(door: Door, s3: Any) -> None:
    s3.put_object(Bucket="bucket", Key="a", Body=b"one", Metadata={"by": "me"})
    s3.copy_object(Bucket="other-bucket", Key="b", CopySource="bucket/a")
    s3.copy_object(Bucket="bucket", Key="a", CopySource="bucket/a", MetadataDirective="REPLACE", Metadata={"by": "you"})
    assert s3.head_object(Bucket="other-bucket", Key="b")["Metadata"] == {"by": "me"}
    assert s3.head_object(Bucket="bucket", Key="a")["Metadata"] == {"by": "you"}
    assert door.store.read_text("s3://other-bucket/b") == "one"


def test_many_are_deleted_at_once(door: Door, s3: Any) -> None:
    for name in ("a", "b/c", "d"):
        door.put(name)
    keys = [{"Key": key} for key in ("a", "b/c", "not-there", "../x")]
    said = s3.delete_objects(Bucket="bucket", Delete={"Objects": keys})
    assert [item["Key"] for item in said["Deleted"]] == ["a", "b/c", "not-there"]
    assert [item["Key"] for item in said["Errors"]] == ["../x"]
    assert [item["Key"] for item in s3.list_objects_v2(Bucket="bucket")["Contents"]] == ["d"]


def test_an_address_that_was_signed_beforehand(door: Door, s3: Any) -> None:
    door.put("a", b"one")
    got = s3.generate_presigned_url("get_object", {"Bucket": "bucket", "Key": "a"})
    put = s3.generate_presigned_url("put_object", {"Bucket": "bucket", "Key": "b"})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(got) as answer:
        assert answer.read() == b"one"
    opener.open(urllib.request.Request(put, b"two", method="PUT")).close()  # noqa: S310 - our own address
    assert door.store.read_text("s3://bucket/b") == "two"


# ---- in parts ----


def test_a_large_object_goes_up_and_down_in_parts(door: Door, s3: Any, tmp_path: Path) -> None:
    content = os.urandom(MIB) * 20 + b"end"
    (tmp_path / "large").write_bytes(content)
    s3.upload_file(str(tmp_path / "large"), "bucket", "large.bin", ExtraArgs={"Metadata": {"by": "me"}})
    head = s3.head_object(Bucket="bucket", Key="large.bin")
    assert head["ETag"].endswith('-3"')
    assert head["Metadata"] == {"by": "me"}
    assert (door.store.root / "bucket/large.bin").read_bytes() == content
    s3.download_file("bucket", "large.bin", str(tmp_path / "back"))
    assert (tmp_path / "back").read_bytes() == content
    s3.copy({"Bucket": "bucket", "Key": "large.bin"}, "bucket", "copy.bin")
    assert (door.store.root / "bucket/copy.bin").read_bytes() == content


def test_an_upload_is_nothing_before_it_is_complete_and_nothing_when_it_is_aborted(door: Door, s3: Any) -> None:
    door.put("there")
    begun = s3.create_multipart_upload(Bucket="bucket", Key="a")
    names = {"Bucket": "bucket", "Key": "a", "UploadId": begun["UploadId"]}
    etag = s3.upload_part(**names, PartNumber=2, Body=b"two")["ETag"]
    s3.upload_part(**names, PartNumber=1, Body=b"lost")
    assert [part["Size"] for part in s3.list_parts(**names)["Parts"]] == [4, 3]
    assert [each["Key"] for each in s3.list_multipart_uploads(Bucket="bucket")["Uploads"]] == ["a"]
    assert [item["Key"] for item in s3.list_objects_v2(Bucket="bucket")["Contents"]] == ["there"]
    for parts, code in (
        ([{"PartNumber": 3, "ETag": etag}], "InvalidPart"),
        ([{"PartNumber": 2, "ETag": '"other"'}], "InvalidPart"),
        ([{"PartNumber": 2, "ETag": etag}, {"PartNumber": 1, "ETag": etag}], "InvalidPartOrder"),
    ):
        with pytest.raises(ClientError) as error:
            s3.complete_multipart_upload(**names, MultipartUpload={"Parts": parts})
        assert code_of(error) == code
    s3.abort_multipart_upload(**names)
    with pytest.raises(s3.exceptions.NoSuchUpload):
        s3.upload_part(**names, PartNumber=1, Body=b"late")
    assert "a" not in os.listdir(door.store.root / "bucket")


# ---- lists ----

KEYS = ["a-b", "a/1", "a/2/x", "a/2/y", "a.b", "b/1", "c"]


def in_pages(s3: Any, operation: str, **asked: Any) -> list[str]:
    found = []
    for page in s3.get_paginator(operation).paginate(Bucket="bucket", **asked):
        found += [item["Key"] for item in page.get("Contents", ())]
        found += [item["Prefix"] for item in page.get("CommonPrefixes", ())]
        size = asked["PaginationConfig"]["PageSize"]
        assert len(page.get("Contents", ())) + len(page.get("CommonPrefixes", ())) <= size
    return found


@pytest.mark.parametrize("operation", ["list_objects", "list_objects_v2"])
def test_lists_are_those_of_a_flat_list_of_keys(door: Door, s3: Any, operation: str) -> None:
    for key in KEYS:
        door.put(key)
    (door.store.root / "bucket/empty/folder").mkdir(parents=True)
    for prefix, delimiter in product(["", "a", "a/", "a/2", "a/2/", "b/1", "x"], ["", "/", "b"]):
        begun = [key[len(prefix) :].partition(delimiter or "\0") for key in KEYS if key.startswith(prefix)]
        expected = sorted({prefix + head + cut if cut else prefix + head for head, cut, _ in begun})
        for size in (1, 2, 1000):
            words = {"Prefix": prefix, "Delimiter": delimiter, "PaginationConfig": {"PageSize": size}}
            assert sorted(in_pages(s3, operation, **words)) == expected, words


def test_a_list_may_start_after_a_key(door: Door, s3: Any) -> None:
    for key in ("a", "b", "c/1"):
        door.put(key)
    assert [item["Key"] for item in s3.list_objects_v2(Bucket="bucket", StartAfter="a")["Contents"]] == ["b", "c/1"]


# ---- buckets ----


def test_a_bucket_is_there_as_soon_as_something_is_put_into_it_which_is_said_once(door: Door, s3: Any) -> None:
    door.put("there")
    s3.put_object(Bucket="bucket", Key="known", Body=b"1")
    for key in ("a", "b"):
        s3.put_object(Bucket="new-bucket", Key=key, Body=b"1")
    s3.create_bucket(Bucket="made", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    assert [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]] == ["bucket", "made", "new-bucket"]
    assert s3.get_bucket_location(Bucket="made")["LocationConstraint"] == "eu-west-1"
    s3.head_bucket(Bucket="new-bucket")
    with pytest.raises(ClientError) as error:
        s3.delete_bucket(Bucket="new-bucket")
    assert code_of(error) == "BucketNotEmpty"
    s3.delete_bucket(Bucket="made")
    door.endpoint.__exit__()
    assert door.notes == ["a script has put something into a bucket that was not there: new-bucket"]


def test_what_is_not_answered_is_refused_by_name(door: Door, s3: Any) -> None:
    door.put("a")
    with pytest.raises(ClientError, match="a local run does not answer GET of acl of S3"):
        s3.get_object_acl(Bucket="bucket", Key="a")
    with pytest.raises(ClientError, match="an older version"):
        s3.get_object(Bucket="bucket", Key="a", VersionId="123")
    assert s3.get_bucket_versioning(Bucket="bucket").get("Status") is None


# ---- who asks, and how ----


def test_only_the_runs_own_key_opens_the_door(door: Door) -> None:
    door.put("a")
    stranger = door.client(key="AKIAIOSFODNN7EXAMPLE")
    nobody = door.client(config=Config(signature_version=__import__("botocore").UNSIGNED))
    for client, code in ((stranger, "InvalidAccessKeyId"), (nobody, "AccessDenied")):
        with pytest.raises(ClientError) as error:
            client.get_object(Bucket="bucket", Key="a")
        assert code_of(error) == code
        client.close()
    sts = door.client("sts", key="AKIAIOSFODNN7EXAMPLE")
    with pytest.raises(ClientError, match="leave those of your own out"):
        sts.get_caller_identity()
    sts.close()


@pytest.mark.parametrize("signature", ["s3v4", "s3"])
def test_signatures_old_and_new(door: Door, signature: str) -> None:
    client = door.client(config=Config(signature_version=signature))
    client.put_object(Bucket="bucket", Key="a", Body=b"one")
    assert client.get_object(Bucket="bucket", Key="a")["Body"].read() == b"one"
    client.close()


@pytest.mark.parametrize("algorithm", ["CRC32", "SHA256", "SHA1"])
def test_checksums_of_the_client_are_taken(door: Door, s3: Any, algorithm: str) -> None:
    s3.put_object(Bucket="bucket", Key="a", Body=io.BytesIO(b"one" * 1000), ChecksumAlgorithm=algorithm)
    s3.upload_fileobj(io.BytesIO(b"x" * 9 * MIB), "bucket", "b", ExtraArgs={"ChecksumAlgorithm": algorithm})
    assert door.store.read_text("s3://bucket/a") == "one" * 1000
    assert (door.store.root / "bucket/b").stat().st_size == 9 * MIB


def test_a_wrong_digest_is_no_object(door: Door, s3: Any) -> None:
    with pytest.raises(ClientError) as error:
        s3.put_object(Bucket="bucket", Key="a", Body=b"one", ContentMD5="CY9rzUYh03PK3k6DJie09g==")
    assert code_of(error) == "BadDigest"
    assert not (door.store.root / "bucket/a").exists()


def signed(door: Door, **others: str) -> dict[str, str]:
    scope = f"{door.variables['AWS_ACCESS_KEY_ID']}/20261121/eu-west-1/s3/aws4_request"
    return {"Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0", **others}


def test_the_chunks_of_a_signed_stream_are_put_together(door: Door) -> None:
    chunks = b"5;chunk-signature=0\r\nhello\r\n6;chunk-signature=1\r\n world\r\n0\r\nx-amz-checksum-crc32:AAAA\r\n\r\n"
    headers = signed(
        door,
        **{
            "Content-Encoding": "aws-chunked,gzip",
            "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
            "x-amz-decoded-content-length": "11",
        },
    )
    connection = door.connection()
    connection.request("PUT", "/bucket/a", chunks, headers)
    assert connection.getresponse().read() == b""
    connection.request("PUT", "/bucket/b", iter([chunks[:20], chunks[20:]]), headers, encode_chunked=True)
    assert connection.getresponse().read() == b""
    connection.request("HEAD", "/bucket/a", headers=signed(door))
    answer = connection.getresponse()
    assert (answer.read(), answer.getheader("Content-Encoding")) == (b"", "gzip")
    connection.close()
    assert door.store.read_text("s3://bucket/a") == door.store.read_text("s3://bucket/b") == "hello world"


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"Content-Length": "100"}, b"half of it"),
        ({"Transfer-Encoding": "chunked"}, b"100\r\nhalf of it"),
        ({"Transfer-Encoding": "chunked"}, b"4\r\nhalf\r\n"),
        ({"Transfer-Encoding": "chunked"}, b"no number\r\n"),
        ({"Content-Length": "14", "x-amz-content-sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"}, b"100\r\nhalf of it"),
        ({"Content-Length": "4", "x-amz-decoded-content-length": "5"}, b"half"),
    ],
)
def test_a_body_that_ends_too_early_is_no_object(door: Door, headers: dict[str, str], body: bytes) -> None:
    door.put("a", b"before")
    address = door.variables["AWS_ENDPOINT_URL"].removeprefix("http://").split(":")
    lines = [f"{name}: {value}" for name, value in signed(door, **headers).items()]
    with socket.create_connection((address[0], int(address[1]))) as connection:
        connection.sendall("\r\n".join(["PUT /bucket/a HTTP/1.1", *lines, "", ""]).encode() + body)
        connection.shutdown(socket.SHUT_WR)
        with connection.makefile("rb") as answer:
            assert b"IncompleteBody" in answer.read()
    assert door.store.read_text("s3://bucket/a") == "before"
    assert [path for path in (door.home.jobs("execution") / "endpoint").iterdir() if path.is_file()] == []


def test_a_document_that_could_grow_is_not_read(door: Door) -> None:
    door.put("a")
    connection = door.connection()
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaa">]><Delete><Object><Key>&a;</Key></Object></Delete>'
    connection.request("POST", "/bucket?delete", bomb, signed(door))
    assert b"MalformedXML" in connection.getresponse().read()
    connection.close()


def test_what_is_read_is_whole_although_another_takes_its_place_meanwhile(door: Door, s3: Any) -> None:
    door.put("a", b"old" * MIB)
    body = s3.get_object(Bucket="bucket", Key="a")["Body"]
    start = body.read(3)
    door.put("a", b"new" * MIB)
    assert start + body.read() == b"old" * MIB
    assert s3.get_object(Bucket="bucket", Key="a")["Body"].read() == b"new" * MIB


@pytest.mark.parametrize(
    "framing",
    [
        {"Content-Length": "many"},
        {"Content-Length": "-5"},
        {"Content-Length": "9" * 5000},
        {"Transfer-Encoding": "chunked", "x-body": "-5\r\nhello\r\n0\r\n\r\n"},
        {"Transfer-Encoding": "chunked", "x-body": "0x5\r\nhello\r\n0\r\n\r\n"},
        {"Content-Encoding": "aws-chunked", "Content-Length": "10", "x-body": "5\r\nhello\r\n"},
    ],
)
def test_a_body_whose_end_nobody_knows_is_no_object(door: Door, framing: dict[str, str]) -> None:
    body = framing.pop("x-body", "hello")
    with closing(door.connection()) as connection:
        connection.putrequest("PUT", "/bucket/a")
        for name, value in signed(door, **framing).items():
            connection.putheader(name, value)
        connection.endheaders(body.encode())
        connection.sock.shutdown(socket.SHUT_WR)
        answer = connection.getresponse()
        assert (answer.status, b"IncompleteBody" in answer.read()) == (400, True)
    assert not (door.store.root / "bucket/a").exists()


def test_numbers_without_end_are_answered(door: Door) -> None:
    door.put("a", b"0123")
    for path, headers, status in (
        ("/bucket/a", {"Range": f"bytes={'9' * 5000}-"}, 200),
        ("/bucket?max-keys=" + "9" * 5000, {}, 400),
        ("/bucket/a?response-content-disposition=%E2%82%AC%0D%0AX-Own:%20x", {}, 200),
    ):
        with closing(door.connection()) as connection:
            connection.request("GET", path, headers=signed(door, **headers))
            answer = connection.getresponse()
            assert (answer.status, answer.getheader("X-Own")) == (status, None)


def test_an_object_that_cannot_be_is_not_there(s3: Any, door: Door) -> None:
    door.put("a")
    with pytest.raises(ClientError) as error:
        s3.head_object(Bucket="bucket", Key="x" * 300)
    assert code_of(error) == "404"
    said = s3.delete_objects(Bucket="bucket", Delete={"Objects": [{"Key": "x" * 300}, {"Key": "a"}]})
    assert [each["Key"] for each in said["Deleted"]] == ["x" * 300, "a"]


def test_a_part_of_an_object_is_not_the_whole(s3: Any, door: Door) -> None:
    door.put("a")
    assert s3.get_object(Bucket="bucket", Key="a", PartNumber=1)["ContentLength"] == 7
    with pytest.raises(ClientError, match="ask for a range"):
        s3.get_object(Bucket="bucket", Key="a", PartNumber=2)


def test_only_one_of_many_puts_that_want_to_be_the_first_is(door: Door) -> None:
    door.put("there")
    clients = [door.client() for _ in range(8)]
    start, said = threading.Barrier(len(clients)), []

    def put(number: int) -> None:
        start.wait()
        with suppress(ClientError):
            clients[number].put_object(Bucket="bucket", Key="lock", Body=b"%d" % number * 1000, IfNoneMatch="*")
            said.append(number)

    in_threads(put, len(clients))
    assert door.store.read_text("s3://bucket/lock") == str(said[0]) * 1000
    assert len(said) == 1


def test_an_object_is_replaced_only_if_it_is_the_one_that_the_client_knows(door: Door, s3: Any) -> None:
    known = s3.put_object(Bucket="bucket", Key="a", Body=b"one")["ETag"]
    s3.put_object(Bucket="bucket", Key="a", Body=b"two", IfMatch=known)
    for key, code in (("a", "PreconditionFailed"), ("b", "NoSuchKey")):
        with pytest.raises(ClientError) as error:
            s3.put_object(Bucket="bucket", Key=key, Body=b"three", IfMatch=known)
        assert code_of(error) == code
    assert door.store.read_text("s3://bucket/a") == "two"


def test_an_upload_that_is_completed_again_and_again_is_one_object(door: Door, s3: Any) -> None:
    names = {"Bucket": "bucket", "Key": "a"}
    names["UploadId"] = s3.create_multipart_upload(**names)["UploadId"]
    parts = [
        {"PartNumber": n, "ETag": s3.upload_part(**names, PartNumber=n, Body=b"%d" % n * (4 * MIB))["ETag"]}
        for n in (1, 2, 3)
    ]
    clients = [door.client() for _ in range(4)]
    etags = []

    def complete(number: int) -> None:
        answer = clients[number].complete_multipart_upload(**names, MultipartUpload={"Parts": parts})
        etags.append((answer["ETag"], (door.store.root / "bucket/a").read_bytes()))

    in_threads(complete, len(clients))
    whole = b"1" * (4 * MIB) + b"2" * (4 * MIB) + b"3" * (4 * MIB)
    assert etags == [(s3.head_object(Bucket="bucket", Key="a")["ETag"], whole)] * 4
    with pytest.raises(s3.exceptions.NoSuchUpload):
        s3.abort_multipart_upload(**names)


def in_threads(work: Callable[[int], None], count: int) -> None:
    threads = [threading.Thread(target=work, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


# ---- other services ----


@pytest.mark.parametrize("service", ["cloudformation", "lambda", "batch"])
def test_a_mock_that_runs_what_it_is_sent_is_not_asked(door: Door, tmp_path: Path, service: str) -> None:
    client = door.client(service)
    template = f"Resources: !!python/object/apply:os.mkdir [{tmp_path}/ran]\n"
    calls: dict[str, tuple[str, dict[str, str]]] = {
        "cloudformation": ("create_stack", {"StackName": "s", "TemplateBody": template}),
        "lambda": ("list_functions", {}),
        "batch": ("describe_job_queues", {}),
    }
    operation, words = calls[service]
    with pytest.raises(ClientError, match="outside the job's sandbox"):
        getattr(client, operation)(**words)
    assert not (tmp_path / "ran").exists()
    client.close()


def test_a_call_that_is_too_long_is_refused_not_cut(door: Door) -> None:
    headers = signed(door)
    headers["Authorization"] = headers["Authorization"].replace("/s3/", "/sqs/")
    with closing(door.connection()) as connection:
        connection.request("POST", "/", bytes((64 << 20) + 1), headers)
        assert connection.getresponse().status == 413
