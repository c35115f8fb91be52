"""AWS's own images: the addresses that Amazon's SDK gives (3.27), and what is said of those that there are not."""

from __future__ import annotations

import dataclasses
import json
import os
import re
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from pages import page, snippets

from dagwright.errors import ConfigurationError
from dagwright.images import FrameworkImage, ImageTable, Variant, nearest, processor_of, table_at, table_of
from dagwright.parameters import ParameterString
from dagwright.project import Project, Size, load_project, partition_of
from dagwright.shapes import model

ROOT = Path(__file__).parents[1]
PACKAGED = ROOT / "dagwright" / "image_table.json"
PYTORCH = FrameworkImage("pytorch", "2.3.0", "py311")


def project(
    *, region: str = "us-east-1", root: Path = ROOT, training: str = "", **images: FrameworkImage | str
) -> Project:
    """The example's project in a Region, with these images and, if it is said, a size for training."""
    sizes = {"training": Size(training)} if training else {}
    return dataclasses.replace(
        load_project(ROOT / "config" / "project.yaml"),
        region=region,
        partition=partition_of(region),
        images=MappingProxyType(images),
        sizes=MappingProxyType(sizes),
        root=root,
    )


def address(image: FrameworkImage, region: str = "us-east-1", **asked: Any) -> str:
    return project(region=region, it=image).image("it", **asked)


def refusal(image: FrameworkImage, region: str = "us-east-1", **asked: Any) -> tuple[str, str, str]:
    """The key, the problem and what to do."""
    with pytest.raises(ConfigurationError) as caught:
        address(image, region, **asked)
    (problem,) = caught.value.problems
    assert (problem.code, problem.where) == ("unknown-image", "")
    return problem.field, problem.what, problem.hint


SDK = [
    ("sklearn", "1.2-1", "", "683313688378", "121021644041", "sagemaker-scikit-learn:1.2-1-cpu-py3"),
    ("sklearn", "1.4-2", "", "683313688378", "121021644041", "sagemaker-scikit-learn:1.4-2-cpu-py3"),
    ("sklearn", "1.4-2-py312", "", "683313688378", "121021644041", "sagemaker-scikit-learn:1.4-2-py312-cpu-py3"),
    ("xgboost", "1", "", "811284229777", "475088953585", "xgboost:1"),
    ("xgboost", "1.0-1", "", "683313688378", "121021644041", "sagemaker-xgboost:1.0-1-cpu-py3"),
    ("xgboost", "1.7-1", "", "683313688378", "121021644041", "sagemaker-xgboost:1.7-1"),
    ("xgboost", "3.0-5", "", "683313688378", "121021644041", "sagemaker-xgboost:3.0-5"),
    ("spark", "3.5", "", "173754725891", "759080221371", "sagemaker-spark-processing:3.5-cpu"),
    ("spark", "3.5", "py312", "173754725891", "759080221371", "sagemaker-spark-processing:3.5-cpu-py312"),
    ("tensorflow", "2.14.1", "py310", "763104351884", "763104351884", "tensorflow-training:2.14.1-cpu-py310"),
    ("tensorflow", "1.13.1", "py2", "520713654638", "520713654638", "sagemaker-tensorflow-scriptmode:1.13.1-cpu-py2"),
    ("pytorch", "2.3", "", "763104351884", "763104351884", "pytorch-training:2.3-cpu-py311"),
]


@pytest.mark.parametrize(("framework", "version", "python", "virginia", "singapore", "rest"), SDK)
def test_an_address_is_that_of_the_sdk_in_each_region(
    framework: str, version: str, python: str, virginia: str, singapore: str, rest: str
) -> None:
    image = FrameworkImage(framework, version, python or None)

    assert address(image, instance_type="ml.m5.xlarge") == f"{virginia}.dkr.ecr.us-east-1.amazonaws.com/{rest}"
    there = address(image, "ap-southeast-1", instance_type="ml.m5.xlarge")
    assert there == f"{singapore}.dkr.ecr.ap-southeast-1.amazonaws.com/{rest}"


@pytest.mark.parametrize(
    ("region", "registry"),
    [
        ("cn-north-1", "727897471807.dkr.ecr.cn-north-1.amazonaws.com.cn"),
        ("us-gov-west-1", "442386744353.dkr.ecr.us-gov-west-1.amazonaws.com"),
        ("us-iso-east-1", "886529160074.dkr.ecr.us-iso-east-1.c2s.ic.gov"),
        ("us-isob-east-1", "094389454867.dkr.ecr.us-isob-east-1.sc2s.sgov.gov"),
        ("il-central-1", "780543022126.dkr.ecr.il-central-1.amazonaws.com"),
    ],
)
def test_each_partition_has_its_own_ending(region: str, registry: str) -> None:
    image = FrameworkImage("pytorch", "2.1.0")

    assert address(image, region, instance_type="ml.m5.large") == f"{registry}/pytorch-training:2.1.0-cpu-py310"


def test_the_sovereign_cloud_has_its_own_ending() -> None:
    found = address(FrameworkImage("pytorch", "2.9.0"), "eusc-de-east-1", instance_type="ml.m5.large")

    assert found.endswith(".dkr.ecr.eusc-de-east-1.amazonaws.eu/pytorch-training:2.9.0-cpu-py312")


@pytest.mark.parametrize(
    ("image", "asked", "rest"),
    [
        (PYTORCH, {"instance_type": "ml.g5.xlarge"}, "pytorch-training:2.3.0-gpu-py311"),
        (PYTORCH, {"instance_type": "ml.p4d.24xlarge"}, "pytorch-training:2.3.0-gpu-py311"),
        (PYTORCH, {"instance_type": "ml.m5.xlarge", "use": "inference"}, "pytorch-inference:2.3.0-cpu-py311"),
        (
            PYTORCH,
            {"instance_type": "ml.c7g.xlarge", "use": "inference"},
            "pytorch-inference-graviton:2.3.0-cpu-py311-ubuntu20.04-sagemaker",
        ),
        (
            FrameworkImage("tensorflow", "2.14.1", use="inference"),
            {"instance_type": "ml.m6g.large"},
            "tensorflow-inference-graviton:2.14.1-cpu-py310-ubuntu20.04-sagemaker",
        ),
        (
            FrameworkImage("sklearn", "1.0-1", use="inference"),
            {"instance_type": "ml.m6g.large"},
            "sagemaker-scikit-learn:1.0-1-arm64-cpu-py3",
        ),
        (
            FrameworkImage("xgboost", "1.5-1", use="inference"),
            {"instance_type": "ml.c7g.large"},
            "sagemaker-xgboost:1.5-1-arm64",
        ),
        (
            FrameworkImage("pytorch", "1.11.0"),
            {"instance_type": "ml.trn1.2xlarge"},
            "pytorch-training-neuron:1.11.0-neuron-py38-sdk2.4.0-ubuntu20.04",
        ),
        (
            FrameworkImage("tensorflow", "2.3.1"),
            {"instance_type": "ml.p4d.24xlarge"},
            "tensorflow-training:2.3.1-gpu-py37-cu110-ubuntu18.04",
        ),
        (
            FrameworkImage("huggingface-pytorch", "2.5.1-transformers4.49.0"),
            {"instance_type": "ml.g5.xlarge"},
            "huggingface-pytorch-training:2.5.1-transformers4.49.0-gpu-py311-cu124-ubuntu22.04",
        ),
    ],
)
def test_another_machine_has_another_image(image: FrameworkImage, asked: dict[str, str], rest: str) -> None:
    assert address(image, **asked).partition("/")[2] == rest


def test_without_a_machine_the_one_of_the_configuration_counts() -> None:
    with_gpu = project(training="ml.g5.xlarge", torch=PYTORCH)

    assert with_gpu.image("torch").endswith("pytorch-training:2.3.0-gpu-py311")
    assert with_gpu.image("torch", "ml.m5.large").endswith("pytorch-training:2.3.0-cpu-py311")
    _, what, hint = refusal(PYTORCH)
    assert what == "pytorch 2.3.0 py311 has an image for each of cpu, gpu, and no instance type is said"
    assert "instance_type=" in hint


def test_an_image_that_all_machines_share_needs_none() -> None:
    assert address(FrameworkImage("xgboost", "1.5-1", use="inference")).endswith("/sagemaker-xgboost:1.5-1")


def test_processing_takes_the_image_for_training_where_there_is_no_other() -> None:
    assert address(PYTORCH, instance_type="ml.m5.large", use="processing").endswith("training:2.3.0-cpu-py311")
    assert "/sagemaker-spark-processing:" in address(FrameworkImage("spark", "3.3"))


def test_an_own_image_stays_as_it_is() -> None:
    own = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/a@sha256:" + "0" * 64

    assert project(own=own).image("own", "ml.g5.xlarge", "inference") == own


@pytest.mark.parametrize(
    ("image", "asked", "key", "what", "hint"),
    [
        (
            FrameworkImage("sklaern", "1.2-1"),
            {},
            "framework",
            "there is no framework 'sklaern'",
            "there are sklearn, spark, tensorflow, huggingface-pytorch, pytorch, xgboost, huggingface-tensorflow",
        ),
        (
            FrameworkImage("sklearn", "1.3-1"),
            {},
            "version",
            "there is no sklearn 1.3-1 for training",
            "there are 1.0-1, 1.2-1, 0.23-1, 1.4-2, 1.9-0, 1.4-2-py312, 0.20.0: deploy.py images --framework sklearn",
        ),
        (
            FrameworkImage("sklearn", "1.4-2", use="inference"),
            {},
            "version",
            "there is no sklearn 1.4-2 for inference",
            "there is for training: add 'use'",
        ),
        (
            FrameworkImage("spark", "3.5", "py311"),
            {},
            "python",
            "spark 3.5 does not have py311",
            "there are py312, py39",
        ),
        (
            FrameworkImage("pytorch", "1.4.0"),
            {},
            "python",
            "pytorch 1.4.0 has an image for each of py2, py3, py36",
            "add python: py36",
        ),
        (
            FrameworkImage("xgboost", "1.7-1", "py3"),
            {},
            "python",
            "the tag of xgboost 1.7-1 names no Python",
            "take 'python' out",
        ),
        (
            FrameworkImage("spark", "3.5", use="training"),
            {},
            "use",
            "spark has no images for training",
            "it has some for processing",
        ),
        (
            FrameworkImage("sklearn", "1.2-1"),
            {"instance_type": "ml.g5.xlarge"},
            "",
            "sklearn 1.2-1 for training has no image for ml.g5.xlarge (gpu)",
            "it has one for cpu",
        ),
        (
            PYTORCH,
            {"instance_type": "ml.c7g.xlarge"},
            "",
            "pytorch 2.3.0 py311 for training has no image for ml.c7g.xlarge (graviton)",
            "it has one for cpu, gpu",
        ),
    ],
)
def test_what_does_not_exist_lists_what_does(
    image: FrameworkImage, asked: dict[str, str], key: str, what: str, hint: str
) -> None:
    assert refusal(image, **asked) == (f"images.it.{key}".rstrip("."), what, hint)


def test_a_region_without_the_image_lists_those_with_it() -> None:
    _, what, hint = refusal(FrameworkImage("sklearn", "1.2-1"), "eu-west-9")

    assert what == "sklearn 1.2-1 is not in eu-west-9"
    assert hint.startswith("there are eu-west-1, eu-west-2, eu-west-3, ")
    assert hint.endswith(" and 29 more")


def test_a_machine_that_is_a_parameter_is_refused() -> None:
    _, what, hint = refusal(PYTORCH, instance_type=ParameterString("Type", "ml.m5.large"))

    assert "only while the pipeline runs" in what
    assert "default" in hint


@pytest.mark.parametrize(
    "kind", ["ML.G5.XLARGE", "nonsense", "", 5, b"ml", "xlarge", "m5.xlarge", "ml.m5.xlarge\n", ["ml.m5.xlarge"]]
)
def test_what_is_no_instance_type_is_refused(kind: Any) -> None:
    assert refusal(PYTORCH, instance_type=kind) == (
        "images.it",
        f"{kind!r} is no instance type",
        "such as ml.m5.xlarge",
    )


def test_a_use_that_the_call_says_is_not_the_files() -> None:
    assert refusal(FrameworkImage("spark", "3.5"), use="training")[0] == "images.it"
    assert refusal(FrameworkImage("spark", "3.5"), use="")[1] == "spark has no images for "


@pytest.mark.parametrize("name", [None, ["x"], 5, {}])
def test_a_name_that_is_no_text_is_refused(name: Any) -> None:
    for ask in (project().image, project().sizing_rule):
        with pytest.raises(ConfigurationError, match="is no name"):
            ask(name)


def test_the_nearest_come_first_and_no_more_than_can_be_read() -> None:
    assert nearest("2.30.1", [f"2.{number}" for number in range(60)]).startswith("there are 2.30, ")
    assert nearest("a", ["b"]) == "there is b"
    assert nearest("x", map(str, range(20))).endswith(" and 12 more")


def test_processors_of_all_instance_types_of_aws() -> None:
    shapes = model("sagemaker")
    types = {*shapes["ProductionVariantInstanceType"]["enum"], *shapes["TrainingInstanceType"]["enum"]}
    families = {one.split(".")[1]: processor_of(one) for one in types}

    # Those that the SDK takes for Graviton are, and newer ones that it takes for ordinary processors.
    arm = {family for family, processor in families.items() if processor == "graviton"}
    assert arm >= {"m6g", "m6gd", "c6g", "c6gd", "c6gn", "c7g", "r6g", "r6gd"}
    assert not arm & {"g4dn", "g5", "g6", "g6e", "p4d", "p5en", "m5", "inf2", "trn1"}
    assert {families[one] for one in ("g4dn", "g5", "p3", "p4d", "p5")} == {"gpu"}
    assert (families["inf2"], families["trn1"], families["m7i"], families["c5"]) == ("inf", "trn", "cpu", "cpu")


def test_the_packaged_table_says_where_it_is_from_and_is_small() -> None:
    table = table_at(PACKAGED)

    assert PACKAGED.stat().st_size < 100_000
    assert table.sdk.startswith("sagemaker-core ")
    assert len(table.date) == 10
    assert "Apache-2.0" in json.loads(PACKAGED.read_text())["about"]
    for framework in table.frameworks:
        for image in table.variants(framework):
            assert "{" not in image.tag
            assert all(len(account) == 12 and account.isdigit() for account in image.registries.values())


def test_the_table_of_the_project_takes_precedence(tmp_path: Path) -> None:
    own = tmp_path / "config" / "image_table.json"
    own.parent.mkdir()
    own.write_text(PACKAGED.read_text().replace("1.2-1", "1.2-9"))

    assert project(root=tmp_path, it=FrameworkImage("sklearn", "1.2-9")).image("it").endswith(":1.2-9-cpu-py3")
    assert table_of(tmp_path / "elsewhere").frameworks == table_of(tmp_path).frameworks


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b"[]", b"\xff", b'{"sdk": "s", "date": "d", "registries": [], "frameworks": {"sklearn": [{}]}}'],
)
def test_a_broken_table_is_said(tmp_path: Path, content: bytes) -> None:
    own = tmp_path / "config" / "image_table.json"
    own.parent.mkdir()
    own.write_bytes(content)

    with pytest.raises(ConfigurationError, match=r"config/image_table.json is no table of images") as caught:
        project(root=tmp_path, it=FrameworkImage("sklearn", "1.2-1")).image("it")
    assert "images --refresh" in caught.value.hint


ENTRY = {
    "use": "training",
    "repository": "r",
    "registries": 0,
    "versions": ["1.2-1"],
    "pythons": [],
    "tags": {"cpu": "t"},
}
WRONG: dict[str, Any] = {
    "use in a list": {"use": ["training"]},
    "unknown use": {"use": "batch"},
    "no tags": {"tags": {}},
    "tag with a space": {"tags": {"cpu": "{version} x"}},
    "repository that is a number": {"repository": 5},
    "registries from the end": {"registries": -1},
    "version by letters": {"versions": "1.2-1"},
    "version with a raised digit": {"versions": ["\u00b2"]},
    "python by letters": {"pythons": "py3"},
}
WRONG_AROUND: dict[str, Any] = {
    "framework without entries": {"frameworks": {"sklearn": []}},
    "frameworks in pairs": {"frameworks": [["sklearn", [ENTRY]]]},
    "account without digits": {"registries": [{"": ["us-east-1"]}]},
    "short account": {"registries": [{"12345678901": ["us-east-1"]}]},
    "Regions by letters": {"registries": [{"1" * 12: "us-east-1"}]},
    "sdk that is a list": {"sdk": []},
}


def content_of(entry: dict[str, Any], around: dict[str, Any]) -> str:
    whole = {"sdk": "s", "date": "d", "registries": [{"1" * 12: ["us-east-1"]}], "frameworks": {"sklearn": [entry]}}
    return json.dumps(whole | around)


def test_the_smallest_table_is_one() -> None:
    (only,) = ImageTable(content_of(ENTRY, {}), "it").variants("sklearn")

    assert only == Variant("training", "1.2-1", "", "cpu", "r", "t", {"us-east-1": "1" * 12})


@pytest.mark.parametrize("wrong", [*WRONG, *WRONG_AROUND])
def test_a_table_of_another_form_is_said(wrong: str) -> None:
    content = content_of(ENTRY | WRONG.get(wrong, {}), WRONG_AROUND.get(wrong, {}))

    with pytest.raises(ConfigurationError, match=r"^it is no table of images: "):
        ImageTable(content, "it").check()


@pytest.mark.parametrize("kind", ["device", "pipe", "link to nothing", "folder", "deep", "long"])
def test_what_is_no_file_of_a_tables_size_is_not_read(tmp_path: Path, kind: str) -> None:
    own = tmp_path / "config" / "image_table.json"
    own.parent.mkdir()
    if kind in ("device", "link to nothing"):
        own.symlink_to("/dev/zero" if kind == "device" else "nothing")
    elif kind == "pipe":
        os.mkfifo(own)
    elif kind == "folder":
        own.mkdir()
    else:
        own.write_text("[" * 100_000 if kind == "deep" else " " * (5 << 20))

    with pytest.raises(ConfigurationError, match=r"config/image_table.json is no table of images"):
        table_of(tmp_path)


def test_the_guide_gives_the_addresses_that_there_are(tmp_path: Path) -> None:
    guide = page("images")
    images = snippets("images", "yaml")[0].replace("…64 digits…", "0" * 64)
    path = tmp_path / "config" / "project.yaml"
    path.parent.mkdir()
    path.write_text(
        'company: acme\nteam: rc\nproject: churn\naccount_id: "123456789012"\nregion: us-east-1\n'
        f"sizes: {{training: {{instance_type: ml.m5.xlarge}}}}\n{images}"
    )
    loaded = load_project(path)

    for name in ("sklearn", "pytorch"):
        assert f"{name:7}  {loaded.image(name)}\n" in guide
    assert loaded.image("pytorch", instance_type="ml.g5.xlarge").endswith("/pytorch-training:2.3.0-gpu-py311")
    said = guide.split("The frameworks are ")[1].split(". A version")[0]
    assert re.findall(r"`([a-z-]+)`", said) == sorted(table_at(PACKAGED).frameworks, key=said.index)
