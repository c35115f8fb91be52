"""config/project.yaml: what a good file comes to, and one broken file for each rule."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest

from dagwright.errors import ConfigurationError, Problem
from dagwright.functions import Join
from dagwright.images import FrameworkImage
from dagwright.parameters import ParameterInteger, ParameterString
from dagwright.project import (
    EnvironmentRule,
    LocalSettings,
    Project,
    Size,
    load_project,
    partition_of,
)
from dagwright.project_keys import KEYS, LOCAL_KEYS

EXAMPLE = Path(__file__).parents[1] / "config" / "project.yaml"
BASE = """\
company: acme
team: rc
project: churn
account_id: "123456789012"
region: us-east-1
"""
NETWORK = """\
network:
  subnets: [subnet-0a1b2c3d]
  security_groups: {processing: [sg-0a1b2c3d], training: [sg-0a1b2c3d], inference: [sg-0a1b2c3d]}
"""


def written(folder: Path, content: str | bytes) -> Path:
    path = folder / "config" / "project.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def load(folder: Path, content: str, environment: str = "local") -> Project:
    return load_project(written(folder, content), environment)


def problems_of(folder: Path, content: str | bytes, environment: str = "local") -> list[Problem]:
    with pytest.raises(ConfigurationError) as caught:
        load_project(written(folder, content), environment)
    return list(caught.value.problems)


def short(problem: Problem) -> tuple[str, int, str]:
    """The code, the line and the key of a problem."""
    name, _, line = problem.where.partition(":")
    assert name == "config/project.yaml"
    return problem.code, int(line or 0), problem.field


class TestNames:
    def test_placeholders_become_names(self, tmp_path: Path) -> None:
        project = load(tmp_path, BASE.replace("churn", "fraud-detection"))

        assert project.role == "arn:aws:iam::123456789012:role/SageMaker-Rc-Fraud-Detection-ExecutionRole"
        assert project.bucket == "acme-sm-rc-fraud-detection"
        assert project.model_package_group == "rc-fraud-detection"
        assert project.pipeline_name("training") == "rc-fraud-detection-training"
        assert project.job_name_prefix("preprocess") == "rc-fraud-detection-preprocess"
        assert project.tags == {
            "Company": "acme",
            "Team": "rc",
            "Project": "fraud-detection",
            "Environment": "local",
        }
        assert project.root == tmp_path

    def test_what_is_given_wins_over_what_is_derived(self, tmp_path: Path) -> None:
        project = load(
            tmp_path,
            BASE + "bucket: other-bucket\nrole: arn:aws:iam::123456789012:role/a/b\ntags: {Team: Risk and Churn}\n",
        )

        assert project.s3_uri("a") == "s3://other-bucket/a"
        assert project.role == "arn:aws:iam::123456789012:role/a/b"
        assert project.tags["Team"] == "Risk and Churn"

    def test_suffix_only_outside_local_and_only_when_asked_for(self, tmp_path: Path) -> None:
        text = BASE + "environment_suffix: true\nproduction: {environment_suffix: false}\n"

        names = [load(tmp_path, text, env).pipeline_name("p") for env in ("local", "dev", "staging", "production")]

        assert names == ["rc-churn-p", "rc-churn-p-dev", "rc-churn-p-staging", "rc-churn-p"]

    def test_names_that_aws_refuses_are_errors(self, tmp_path: Path) -> None:
        project = load(tmp_path, BASE)

        with pytest.raises(ConfigurationError, match="cannot be the name of a pipeline"):
            project.pipeline_name("my_pipeline")
        with pytest.raises(ConfigurationError, match="AWS takes 256"):
            project.pipeline_name("p" * 250)
        longest = project.job_name_prefix("j" * 38)
        assert len(longest + "-20240101-120000") == 63
        with pytest.raises(ConfigurationError, match="AWS takes 63"):
            project.job_name_prefix("j" * 39)

    def test_partition_of_every_region_that_botocore_knows(self) -> None:
        data = json.loads(files("botocore").joinpath("data/partitions.json").read_text())

        regions = {
            region: one["id"] for one in data["partitions"] for region in one["regions"] if "global" not in region
        }

        assert len(regions) > 30
        assert {region: partition_of(region) for region in regions} == regions

    def test_partition_reaches_the_role(self, tmp_path: Path) -> None:
        assert load(tmp_path, BASE.replace("us-east-1", "cn-north-1")).role.startswith("arn:aws-cn:iam::")


class TestAddresses:
    def test_each_area_has_its_prefix(self, tmp_path: Path) -> None:
        project = load(tmp_path, BASE + "layout: {models: artefacts/models/}\n")

        assert project.s3_uri() == "s3://acme-sm-rc-churn"
        assert project.s3_uri("a", "/b/", "c.csv") == "s3://acme-sm-rc-churn/a/b/c.csv"
        assert project.raw("x.csv") == "s3://acme-sm-rc-churn/raw/uploads/x.csv"
        assert project.processed() == "s3://acme-sm-rc-churn/processed"
        assert project.models("m") == "s3://acme-sm-rc-churn/artefacts/models/m"
        assert project.metrics("e.json") == "s3://acme-sm-rc-churn/metrics/e.json"
        assert project.code("abc") == "s3://acme-sm-rc-churn/code/abc"
        assert project.pipelines("p.json") == "s3://acme-sm-rc-churn/pipelines/p.json"
        assert (
            project.features(3, "train") == project.features("3", "train") == "s3://acme-sm-rc-churn/features/v3/train"
        )

    def test_variables_make_a_join_of_as_few_values_as_possible(self, tmp_path: Path) -> None:
        project = load(tmp_path, BASE)
        version, day = ParameterInteger("Version", 1), ParameterString("Day", "2024-01-01")

        features = project.features(version, "train")
        raw = project.raw(day)

        assert isinstance(features, Join)
        assert isinstance(raw, Join)
        assert features.on == raw.on == ""
        assert features.values == ("s3://acme-sm-rc-churn/features/v", version, "/train")
        assert raw.values == ("s3://acme-sm-rc-churn/raw/uploads/", day)

    def test_image_by_name(self) -> None:
        project = load_project(EXAMPLE)

        assert project.image("sklearn").endswith("/sagemaker-scikit-learn:1.2-1-cpu-py3")
        with pytest.raises(ConfigurationError, match="did you mean 'sklearn'"):
            project.image("sklaern")


class TestEnvironments:
    def test_the_example_is_good_for_all_and_differs(self) -> None:
        local, dev, staging, production = (
            load_project(EXAMPLE, env) for env in ("local", "dev", "staging", "production")
        )

        assert dev.account_id == staging.account_id != production.account_id
        assert len({one.bucket for one in (dev, staging, production)}) == 3
        assert dev.sizes["processing"] == Size("ml.t3.medium", 1, 30, 1800)
        assert local.sizes["transform"].instance_type == "ml.m5.xlarge"
        assert production.sizes["training"].max_runtime_in_seconds > dev.sizes["training"].max_runtime_in_seconds
        assert [one.tags["Environment"] for one in (local, dev)] == ["local", "dev"]

    def test_maps_are_merged_lists_replaced_null_takes_back(self, tmp_path: Path) -> None:
        text = (
            BASE
            + NETWORK
            + "tags: {A: a, B: b}\nbucket: some-bucket\n"
            + "keys: {volume: 1234abcd-12ab-34cd-56ef-1234567890ab, output: alias/o}\n"
            + "dev:\n  tags: {B: null, C: c}\n  keys:\n  bucket: ~\n  network: {subnets: [subnet-0b1b2c3d]}\n"
            + "staging: {network: null}\n"
        )

        dev, staging = load(tmp_path, text, "dev"), load(tmp_path, text, "staging")

        assert {name: value for name, value in dev.tags.items() if len(name) == 1} == {"A": "a", "C": "c"}
        assert dev.volume_key is dev.output_key is None
        assert dev.bucket == "acme-sm-rc-churn"
        assert dev.subnets == ("subnet-0b1b2c3d",)
        assert dev.security_groups["training"] == ("sg-0a1b2c3d",)
        assert (staging.subnets, dict(staging.security_groups)) == ((), {})

    def test_local_section(self, tmp_path: Path) -> None:
        text = BASE + (
            "local:\n"
            "  environments:\n"
            '    - {image: "*/sklearn:*", requirements: r.txt, python: "3.9"}\n'
            '    - {image: "*", interpreter: .venv/bin/python}\n'
            "  lambdas: {notify-*: lambdas/notify.py:handler}\n"
            "  max_parallel: 3\n  sandbox: paths\n  stop_grace_seconds: 0\n  copy_below_mib: 1\n"
        )

        local = load(tmp_path, text).local

        assert local == LocalSettings(
            environments=(
                EnvironmentRule("*/sklearn:*", requirements="r.txt", python="3.9"),
                EnvironmentRule("*", interpreter=".venv/bin/python"),
            ),
            lambdas=local.lambdas,
            max_parallel=3,
            sandbox="paths",
            stop_grace_seconds=0,
            copy_below_mib=1,
        )
        assert local.lambdas == {"notify-*": "lambdas/notify.py:handler"}
        assert load(tmp_path, text, "dev").local == LocalSettings()

    def test_sections_that_hold_nothing_are_fine(self, tmp_path: Path) -> None:
        assert load(tmp_path, BASE + "local:\ndev: {}\ntags:\n").bucket == "acme-sm-rc-churn"

    def test_nothing_can_be_changed(self) -> None:
        project = load_project(EXAMPLE)

        with pytest.raises(dataclasses.FrozenInstanceError):
            project.bucket = "x"  # type: ignore[misc]
        for mapping in (project.tags, project.images, project.sizes, project.security_groups, project.local.lambdas):
            with pytest.raises(TypeError):
                mapping["x"] = "y"  # type: ignore[index]

    def test_defaults_of_the_classes_are_those_of_the_table(self) -> None:
        table = {key.path: key.default for key in (*KEYS, *LOCAL_KEYS)}
        size = Size("ml.m5.xlarge")

        for name in ("instance_count", "volume_size_in_gb", "max_runtime_in_seconds"):
            assert table[f"sizes.training.{name}"] == getattr(size, name)
        for name in ("max_parallel", "sandbox", "stop_grace_seconds", "copy_below_mib"):
            assert table[name] == getattr(LocalSettings(), name)


ONE_KEY_WRONG = {
    "unknown key": ("regoin: x", ("unknown-key", 6, "regoin"), "did you mean 'region'?"),
    "key of a group at the margin": ("subnets: []", ("unknown-key", 6, "subnets"), "did you mean 'network.subnets'?"),
    "key of local elsewhere": ("dev: {max_parallel: 2}", ("unknown-key", 6, "dev.max_parallel"), "below 'local'"),
    "short environment": ("prod: {}", ("unknown-key", 6, "prod"), "did you mean 'production'?"),
    "unknown purpose": (
        "network: {security_groups: {trainning: []}}",
        ("unknown-key", 6, "network.security_groups.trainning"),
        "did you mean 'training'?",
    ),
    "transform has no volume": (
        "sizes: {transform: {instance_type: ml.m5.large, volume_size_in_gb: 1}}",
        ("unknown-key", 6, "sizes.transform.volume_size_in_gb"),
        "known: instance_count, instance_type",
    ),
    "needed key taken back": ("dev:\n  region:", ("missing-key", 7, "dev.region"), "for example region: eu-west-1"),
    "a list for a mapping": ("layout: [a]", ("wrong-type", 6, "layout"), ""),
    "a text for a section": ("dev: no-thing", ("wrong-type", 6, "dev"), ""),
    "a text for a list": (
        "network: {subnets: subnet-0a1b2c3d}",
        ("wrong-type", 6, "network.subnets"),
        "[subnet-0a1b2c3d]",
    ),
    "a number for a text": ("tags: {Centre: 0471}", ("wrong-type", 6, "tags.Centre"), 'quote it: "0471"'),
    "a key that is not a text": ("tags: {yes: b}", ("wrong-type", 6, "tags.yes"), 'quote it: "yes"'),
    "a text for a number": ("local: {max_parallel: '2'}", ("wrong-type", 6, "local.max_parallel"), "without quotes"),
    "true for a number": ("local: {max_parallel: yes}", ("wrong-type", 6, "local.max_parallel"), "for example 2"),
    "a text for yes or no": ("network: {isolation: 'no'}", ("wrong-type", 6, "network.isolation"), "without quotes"),
    "nothing in a list": (
        "network:\n  subnets:\n    -",
        ("wrong-type", 8, "network.subnets[0]"),
        "for example subnet-",
    ),
    "upper-case bucket": ("bucket: Acme", ("bad-value", 6, "bucket"), "for example"),
    "underscore in a bucket": ("bucket: acme_data", ("bad-value", 6, "bucket"), "for example"),
    "short bucket": ("bucket: ab", ("bad-value", 6, "bucket"), "for example"),
    "long bucket": (f"bucket: {'a' * 64}", ("bad-value", 6, "bucket"), "for example"),
    "address as bucket": ("bucket: 192.168.1.1", ("bad-value", 6, "bucket"), "for example"),
    "two dots in a bucket": ("bucket: a..b", ("bad-value", 6, "bucket"), "for example"),
    "role that is no ARN": ("role: ExecutionRole", ("bad-value", 6, "role"), "for example arn:"),
    "features without version": ("layout: {features: features}", ("bad-value", 6, "layout.features"), "v{version}"),
    "version where there is none": ("layout: {raw: 'raw/{version}'}", ("bad-value", 6, "layout.raw"), "raw/uploads"),
    "prefix from the root": ("layout: {raw: /raw}", ("bad-value", 6, "layout.raw"), "raw/uploads"),
    "prefix upwards": ("layout: {code: a/../b}", ("bad-value", 6, "layout.code"), "raw/uploads"),
    "features upwards": ("layout: {features: '../{version}'}", ("bad-value", 6, "layout.features"), "v{version}"),
    "subnet id": ("network:\n  subnets:\n    - private-a", ("bad-value", 8, "network.subnets[0]"), "subnet-0a"),
    "security group id": (
        "network: {security_groups: {training: [sg-studio]}}",
        ("bad-value", 6, "network.security_groups.training[0]"),
        "sg-0a",
    ),
    "six security groups": (
        f"network: {{security_groups: {{training: [{', '.join(['sg-0a1b2c3d'] * 6)}]}}}}",
        ("bad-value", 6, "network.security_groups.training"),
        "",
    ),
    "KMS key": ("keys: {output: my key}", ("bad-value", 6, "keys.output"), "alias/"),
    "alias for volumes": ("keys: {volume: alias/v}", ("bad-value", 6, "keys.volume"), "arn:aws:kms"),
    "alias by its ARN": (
        "keys: {volume: 'arn:aws:kms:eu-west-1:123456789012:alias/v'}",
        ("bad-value", 6, "keys.volume"),
        "key/1234abcd",
    ),
    "tag of AWS": ("tags: {'AWS:x': y}", ("bad-value", 6, "tags.AWS:x"), ""),
    "long tag key": (f"tags: {{{'k' * 129}: v}}", ("bad-value", 6, f"tags.{'k' * 129}"), ""),
    "long tag value": (f"tags: {{k: {'v' * 257}}}", ("bad-value", 6, "tags.k"), ""),
    "image with a space": ("images: {a: 'host.tld/a b'}", ("bad-value", 6, "images.a"), "for example"),
    "image without a registry": ("images: {a: 'sklearn:1'}", ("bad-value", 6, "images.a"), "for example"),
    "image with half a digest": ("images: {a: 'h.tld/a@sha256:12'}", ("bad-value", 6, "images.a"), "for example"),
    "instance type": (
        "sizes: {training: {instance_type: m5.large}}",
        ("bad-value", 6, "sizes.training.instance_type"),
        "for example ml.m5.xlarge",
    ),
    "a size that no job has": (
        "sizes: {training: {instance_type: ml.t3.small}}",
        ("bad-value", 6, "sizes.training.instance_type"),
        "'ml.t3.small' is not an instance type, of which ml.t3.medium is the smallest",
    ),
    "no instances": (
        "sizes: {training: {instance_type: ml.m5.large, instance_count: 0}}",
        ("bad-value", 6, "sizes.training.instance_count"),
        "for example 2",
    ),
    "size without its type": (
        "sizes:\n  training:\n    volume_size_in_gb: 9",
        ("missing-key", 8, "sizes.training.instance_type"),
        "ml.m5.xlarge",
    ),
    "sandbox": ("local: {sandbox: path}", ("bad-value", 6, "local.sandbox"), "did you mean 'paths'?"),
    "negative seconds": ("local: {stop_grace_seconds: -1}", ("bad-value", 6, "local.stop_grace_seconds"), "10"),
    "handler": ("local: {lambdas: {f: f.py}}", ("bad-value", 6, "local.lambdas.f"), "path/to/file.py:handler"),
    "Python as a number": (
        'local:\n  environments:\n    - {image: "*", requirements: r, python: 3.10}',
        ("wrong-type", 8, "local.environments[0].python"),
        'quote it: "3.10"',
    ),
    "environment without image": (
        "local:\n  environments:\n    - interpreter: p",
        ("missing-key", 8, "local.environments[0].image"),
        "image",
    ),
    "environment without Python": (
        "local:\n  environments:\n    - image: x",
        ("missing-key", 8, "local.environments[0]"),
        "interpreter or requirements",
    ),
    "role of another account": (
        "dev:\n  role: arn:aws:iam::999999999999:role/x",
        ("role-of-other-account", 7, "role"),
        "of that account",
    ),
    "groups without subnets": (
        "network: {security_groups: {training: [sg-0a1b2c3d]}}",
        ("missing-key", 6, "network.security_groups"),
        "add network.subnets",
    ),
    "purpose outside the VPC": (
        NETWORK + "dev: {network: {security_groups: {inference: null}}}",
        ("missing-key", 8, "network.security_groups"),
        "add network.security_groups.inference",
    ),
    "51 tags": (
        "tags: {" + ", ".join(f"t{number}: x" for number in range(47)) + "}",
        ("too-many-tags", 6, "tags"),
        "remove some",
    ),
    "same key twice": ("region: eu-west-1", ("duplicate-key", 6, "region"), "keep one"),
    "same key twice below": (
        "tags:\n  A: a\n  B: b\n  A: c",
        ("duplicate-key", 9, "tags.A"),
        "keep one",
    ),
}


@pytest.mark.parametrize("name", ONE_KEY_WRONG)
def test_one_wrong_key_is_one_problem_at_its_line(tmp_path: Path, name: str) -> None:
    lines, expected, hint = ONE_KEY_WRONG[name]

    (problem,) = problems_of(tmp_path, f"{BASE}{lines}\n")

    assert short(problem) == expected
    assert hint in str(problem)
    assert problem.what


@pytest.mark.parametrize(
    ("replace", "by", "expected", "hint"),
    [
        ('account_id: "123456789012"\n', "", ("missing-key", 1, "account_id"), '"123456789012"'),
        ('"123456789012"', "012345670123", ("wrong-type", 4, "account_id"), 'quote it: "012345670123"'),
        ('"123456789012"', "123456789012", ("wrong-type", 4, "account_id"), 'quote it: "123456789012"'),
        ('"123456789012"', '"12345678901"', ("bad-value", 4, "account_id"), '"123456789012"'),
        ("us-east-1", "virginia", ("bad-value", 5, "region"), "eu-west-1"),
        ("acme", "Acme_Inc", ("bad-value", 1, "company"), "churn-model"),
        ("rc", "no", ("wrong-type", 2, "team"), 'quote it: "no"'),
        ("churn", "c" * 38, ("name-too-long", 3, "project"), "give 'role', 'state_machines.role', 'scheduler.role'"),
        ("churn", "c" * 34, ("name-too-long", 3, "project"), "or give 'state_machines.role'"),
        ("acme", "a" * 52, ("name-too-long", 3, "project"), "give 'bucket'"),
    ],
)
def test_one_wrong_placeholder(
    tmp_path: Path, replace: str, by: str, expected: tuple[str, int, str], hint: str
) -> None:
    (problem,) = problems_of(tmp_path, BASE.replace(replace, by))

    assert short(problem) == expected
    assert hint in problem.hint


NOT_A_CONFIGURATION: dict[str, tuple[str | bytes, tuple[str, int, str]]] = {
    "empty": ("", ("not-a-mapping", 0, "")),
    "only comments": ("# nothing\n", ("not-a-mapping", 0, "")),
    "a list": ("- a\n", ("not-a-mapping", 0, "")),
    "open bracket": (BASE + "tags: [", ("bad-yaml", 7, "")),
    "two colons": (BASE + "tags: a: b\n", ("bad-yaml", 6, "")),
    "tab": ("a:\n\tb: c\n", ("bad-yaml", 2, "")),
    "control character": ("a: b\nc: \x01\n", ("bad-yaml", 2, "")),
    "two documents": ("a: b\n---\nc: d\n", ("bad-yaml", 2, "")),
    "tag": ("a: !!python/object/apply:os.system [ls]\n", ("bad-yaml", 1, "")),
    "merge key": ("a: &a {b: c}\nd:\n  <<: *a\n", ("bad-yaml", 3, "")),
    "list as a key": ("? [a]\n: b\n", ("bad-yaml", 1, "")),
    "alias of itself": ("a: &a [*a]\n", ("bad-yaml", 1, "")),
    "alias of nothing": ("a: *b\n", ("bad-yaml", 1, "")),
    "endless number": ("a: " + "9" * 5000, ("bad-yaml", 1, "")),
    "not UTF-8": (b"a: b\nc: \xff\n", ("bad-encoding", 2, "")),
    "too large": ("#" * (1 << 20) + "\n", ("too-large", 0, "")),
    "too deep": ("a: " + "[" * 100_000, ("too-large", 1, "")),
    "alias bomb": (
        "a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n"
        + "".join(
            f"{new}: &{new} [{', '.join([f'*{old}'] * 10)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
        ),
        ("too-large", 5, ""),
    ),
}


@pytest.mark.parametrize("name", NOT_A_CONFIGURATION)
def test_a_file_that_cannot_be_understood(tmp_path: Path, name: str) -> None:
    content, expected = NOT_A_CONFIGURATION[name]

    (problem,) = problems_of(tmp_path, content)

    assert short(problem) == expected


def test_invalid_yaml_says_the_column(tmp_path: Path) -> None:
    (problem,) = problems_of(tmp_path, "a: b: c\n")

    assert "column 5" in problem.what


def test_files_that_cannot_be_opened(tmp_path: Path) -> None:
    for path in (tmp_path / "config" / "project.yaml", tmp_path):
        with pytest.raises(ConfigurationError) as caught:
            load_project(path)
        assert caught.value.problems[0].code == "unreadable-file"


def test_both_lines_of_a_duplicate_are_named(tmp_path: Path) -> None:
    (problem,) = problems_of(tmp_path, BASE + "team: algo\n")

    assert "on line 2 and on line 6" in problem.what


def test_unknown_environment(tmp_path: Path) -> None:
    (problem,) = problems_of(tmp_path, BASE, "prod")

    assert problem.code == "unknown-environment"
    assert problem.hint == "did you mean 'production'?"


def test_all_problems_come_together_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = """\
company: Acme
team: rc
project: churn
account_id: 123456789012
region: us-east-1
bukcet: x
images:
  sklearn: "not an image"
team: algo
production:
  network:
    subnets: [a, b]
  sizes: 4
"""

    problems = problems_of(tmp_path, text, "staging-1")

    assert [short(problem) for problem in problems] == [
        ("unknown-environment", 0, ""),
        ("bad-value", 1, "company"),
        ("wrong-type", 4, "account_id"),
        ("unknown-key", 6, "bukcet"),
        ("bad-value", 8, "images.sklearn"),
        ("duplicate-key", 9, "team"),
        ("bad-value", 12, "production.network.subnets[0]"),
        ("bad-value", 12, "production.network.subnets[1]"),
        ("wrong-type", 13, "production.sizes"),
    ]


def test_a_problem_of_the_base_is_said_once_for_all_environments(tmp_path: Path) -> None:
    problems = problems_of(tmp_path, BASE.replace("churn", "c" * 50) + "dev: {}\nstaging: {}\nproduction: {}\n")

    assert [problem.code for problem in problems] == ["name-too-long"]


def test_dates_and_unpinned_images_are_no_problem(tmp_path: Path) -> None:
    project = load(tmp_path, BASE + "tags: {Since: 2024-01-01}\nimages: {a: localhost:5000/a:latest}\n")

    assert project.tags["Since"] == "2024-01-01"
    assert project.image("a") == "localhost:5000/a:latest"


def test_byte_order_mark_and_line_ends_of_windows(tmp_path: Path) -> None:
    path = written(tmp_path, b"\xef\xbb\xbf" + BASE.replace("\n", "\r\n").encode())

    assert load_project(path).team == "rc"


def test_aliases_are_read(tmp_path: Path) -> None:
    text = BASE + "sizes: {processing: &size {instance_type: ml.m5.large}, training: *size}\n"

    assert load(tmp_path, text).sizes["training"].instance_type == "ml.m5.large"


def test_many_values_take_linear_time(tmp_path: Path) -> None:
    names = "".join(f"  n{number}: h.tld/a:{number}\n" for number in range(9000))
    nothing = "".join(f"    n{number}:\n" for number in range(9000))

    assert not load(tmp_path, f"{BASE}images:\n{names}dev:\n  images:\n{nothing}", "dev").images


def test_importing_the_room_does_not_import_yaml() -> None:
    script = "import sys, dagwright.project, dagwright.project_keys; sys.exit('yaml' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        ("a: {framework: sklearn}", ("missing-key", 7, "images.a.version")),
        ("a: {}", ("missing-key", 7, "images.a.framework")),
        ("a: {framework: sklearn, version: 1.2-1, proc: gpu}", ("unknown-key", 7, "images.a.proc")),
        ("a: {framework: spark, version: 3.5}", ("wrong-type", 7, "images.a.version")),
        ("a: {framework: spark, version: '3.5', python: '3.9'}", ("bad-value", 7, "images.a.python")),
        ("a: {framework: spark, version: '3.5', use: batch}", ("bad-value", 7, "images.a.use")),
        ("a: [sklearn]", ("wrong-type", 7, "images.a")),
        ("a:\n    framework: sklearn\n    version: 1.3-1", ("unknown-image", 9, "images.a.version")),
        ("a:\n    version: 1.2-1\n    framework: sklaern", ("unknown-image", 9, "images.a.framework")),
        ("a:\n    framework: pytorch\n    version: 1.4.0", ("unknown-image", 7, "images.a.python")),
        ("a:\n    framework: spark\n    version: '3.5'\n    use: training", ("unknown-image", 10, "images.a.use")),
    ],
)
def test_an_image_of_a_framework_that_is_wrong(tmp_path: Path, images: str, expected: tuple[str, int, str]) -> None:
    problems = problems_of(tmp_path, f"{BASE}images:\n  {images}\n")

    assert short(problems[0]) == expected
    assert problems[0].hint


def test_a_version_that_yaml_reads_as_a_number_is_to_be_quoted(tmp_path: Path) -> None:
    (problem,) = problems_of(tmp_path, BASE + "images: {a: {framework: pytorch, version: 1.10}}\n")

    assert problem.hint == 'quote it: "1.10"'


def test_images_are_judged_in_the_region_of_each_environment(tmp_path: Path) -> None:
    text = BASE + "images:\n  a: {framework: sklearn, version: 1.2-1}\n  b: {framework: xgboost, version: 9-9}\n"
    problems = problems_of(tmp_path, text + "dev: {region: mx-central-1}\nstaging: {region: eu-north-1}\n")

    assert [short(problem) for problem in problems] == [
        ("unknown-image", 7, "images.a"),
        ("unknown-image", 8, "images.b.version"),
    ]
    assert problems[0].what == "in dev sklearn 1.2-1 is not in mx-central-1"
    assert problems[0].hint.startswith("there are me-central-1, ca-central-1")


def test_a_region_without_any_image_is_one_problem(tmp_path: Path) -> None:
    text = BASE + "images:\n  a: {framework: sklearn, version: 1.2-1}\n  b: {framework: xgboost, version: 1.7-1}\n"
    (problem,) = problems_of(tmp_path, text + "dev:\n  region: eu-west-9\n")

    assert short(problem) == ("unknown-region", 10, "region")
    assert problem.what == "no Region eu-west-9 is known to have images of AWS's"
    assert "did you mean 'eu-west-" in problem.hint


def test_an_environment_replaces_an_image_whole(tmp_path: Path) -> None:
    text = BASE + (
        "images:\n  a: {framework: spark, version: '3.5', python: py39}\n  b: localhost:5000/b:1\n"
        "dev:\n  images:\n    a: {framework: sklearn, version: 1.2-1, python: null}\n"
        "    b: {framework: xgboost, version: 1.7-1}\n"
        "staging:\n  images:\n    a: localhost:5000/a:1\n    b: null\n"
    )

    assert load(tmp_path, text).images["a"] == FrameworkImage("spark", "3.5", "py39")
    dev = load(tmp_path, text, "dev").images
    assert dict(dev) == {"a": FrameworkImage("sklearn", "1.2-1"), "b": FrameworkImage("xgboost", "1.7-1")}
    assert dict(load(tmp_path, text, "staging").images) == {"a": "localhost:5000/a:1"}
