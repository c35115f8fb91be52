from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from vocabulary_example import ROOT, bare, everything, project

import dagwright as dw
from dagwright.definition.graph import read_definition
from dagwright.shapes import model
from dagwright.writing import text_of

GOLDEN = Path(__file__).parent / "golden" / "vocabulary" / "everything.json"


def every_step(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    found = []
    work = list(steps)
    while work:
        step = work.pop()
        found.append(step)
        if step["Type"] == "Condition":
            work += step["Arguments"]["IfSteps"] + step["Arguments"]["ElseSteps"]
    return found


def test_everything_is_the_golden_file_byte_for_byte() -> None:
    assert everything().definition() == GOLDEN.read_text(encoding="utf-8")


def test_the_golden_file_has_every_kind() -> None:
    definition = json.loads(GOLDEN.read_text(encoding="utf-8"))
    steps = every_step(definition["Steps"])
    kinds = {"Processing", "Training", "Tuning", "Transform", "Model", "RegisterModel"}
    assert {one["Type"] for one in steps} == kinds | {"Condition", "Fail", "Lambda", "Callback", "EMR"}
    assert list(definition) == ["Version", "Metadata", "Parameters", "PipelineExperimentConfig", "Steps"]
    assert not [key for one in steps for key in one["Arguments"] if key.endswith("JobName")]


def test_the_golden_file_is_read_back_and_emitted_again() -> None:
    graph = read_definition(GOLDEN.read_text(encoding="utf-8"))
    assert len(graph.steps) == len(every_step(json.loads(GOLDEN.read_text(encoding="utf-8"))["Steps"]))
    assert graph.steps["Evaluate"].property_files["Report"].file_path == "evaluation.json"
    assert text_of(dict(graph.definition)) == GOLDEN.read_text(encoding="utf-8")


def circle() -> list[Any]:
    values: list[Any] = []
    values.append(values)
    return values


@pytest.mark.parametrize(("value", "what"), [(circle(), "contains itself"), ("a\ud800", "half of a surrogate pair")])
def test_what_no_json_can_hold_is_refused(value: Any, what: str) -> None:
    with pytest.raises(dw.DefinitionError, match=what):
        dw.Pipeline("p", steps=[dw.LambdaStep("L", function_arn="f", inputs={"X": value})]).definition()


def test_emitting_twice_changes_nothing() -> None:
    pipeline = everything()
    first = pipeline.definition()
    pipeline.assets()
    definition = pipeline.to_dict()
    definition["Steps"][0]["Arguments"].clear()
    assert pipeline.definition() == first


def test_the_bytes_do_not_depend_on_the_hash_seed_or_the_folder(tmp_path: Path) -> None:
    program = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import vocabulary_example as v; "
    program += "sys.stdout.write(v.everything().definition())"
    found = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(dw.__file__).parent.parent)},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert found == {GOLDEN.read_text(encoding="utf-8")}


def test_envelope_order_and_default_experiment() -> None:
    step = bare(
        "B",
        depends_on=["A", "A"],
        display_name="Bee",
        description="the second",
        cache_config=dw.CacheConfig(False),
        retry_policies=[dw.StepRetryPolicy([dw.StepExceptionTypeEnum.SERVICE_FAULT], max_attempts=2)],
    )
    definition = dw.Pipeline("p", steps=[bare("A"), step]).to_dict()
    assert definition["PipelineExperimentConfig"] is None
    assert definition["Metadata"] == {}
    assert list(definition["Steps"][0]) == ["Name", "Type", "Arguments"]
    envelope = ["Name", "Type", "Description", "DisplayName", "DependsOn", "Arguments", "CacheConfig", "RetryPolicies"]
    assert list(definition["Steps"][1]) == envelope
    assert definition["Steps"][1]["DependsOn"] == ["A"]


def test_assets_are_what_the_definition_points_to() -> None:
    pipeline = everything()
    text = pipeline.definition()
    assets = pipeline.assets()
    assert [one.uri.rpartition("/")[2] for one in sorted(assets, key=lambda one: one.uri.rpartition("/")[2])] == [
        "evaluate.py",
        "preprocess.py",
        "runproc.sh",
        "sourcedir.tar.gz",
    ]
    for one in assets:
        assert one.uri in text
        assert one.content() == one.content() != b""
    (script,) = (one for one in assets if one.uri.endswith("preprocess.py"))
    assert script.path == ROOT / "scripts" / "preprocess.py"


def test_changed_code_changes_its_address_and_nothing_else(tmp_path: Path) -> None:
    script = tmp_path / "run.py"

    def lines(content: str) -> list[str]:
        script.write_text(content)
        return dw.Pipeline("p", steps=[bare(code="run.py")], project=project(tmp_path)).definition().splitlines()

    before, again, after = lines("1"), lines("1"), lines("2")
    assert before == again
    changed = [one for one, other in zip(before, after, strict=True) if one != other]
    assert len(changed) == 1
    assert "/code/p/" in changed[0]


@pytest.mark.parametrize(
    "value", [{}, [], {"a": [], "b": {}}, [[[1, 2.5, None, True]]], {"ü": 'quote " and \n line'}, "text", 0, [{}]]
)
def test_text_is_as_the_json_module_writes_it(value: Any) -> None:
    assert text_of(value) == json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def declared_names() -> dict[str, str]:
    """The public names and their modules, as a type checker sees them."""
    tree = ast.parse(Path(dw.__file__).read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    return {alias.name: str(node.module).removeprefix("dagwright.") for node in imports for alias in node.names}


def test_the_lazy_table_is_what_a_type_checker_sees() -> None:
    assert declared_names() == dw._HOMES
    assert dw.__all__ == sorted([*declared_names(), "__version__"])


def test_every_public_name_is_there() -> None:
    assert all(getattr(dw, name) is not None for name in dw.__all__)
    assert set(dw.__all__) <= set(dir(dw))
    with pytest.raises(AttributeError):
        _ = dw.Pipline


def test_the_version_is_that_of_the_package() -> None:
    project_file = Path(dw.__file__).parents[1] / "pyproject.toml"
    assert f'version = "{dw.__version__}"' in project_file.read_text(encoding="utf-8").splitlines()


REQUESTS = {
    "Processing": "CreateProcessingJobRequest",
    "Training": "CreateTrainingJobRequest",
    "Tuning": "CreateHyperParameterTuningJobRequest",
    "Transform": "CreateTransformJobRequest",
    "Model": "CreateModelInput",
    "RegisterModel": "CreateModelPackageInput",
}


# What the service names itself in a pipeline; nothing else that an API requires may be missing.
NAMED_BY_THE_SERVICE = {
    "CreateProcessingJobRequest.ProcessingJobName",
    "CreateTrainingJobRequest.TrainingJobName",
    "CreateHyperParameterTuningJobRequest.HyperParameterTuningJobName",
    "CreateTransformJobRequest.TransformJobName",
    "CreateModelInput.ModelName",
}
SCALARS: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "boolean": (bool,),
}


def strays(value: Any, shape: str) -> list[str]:
    """Members that AWS's model does not have, or requires and does not find; values that its shapes do not take."""
    found: list[str] = []
    work = [(value, shape)]
    while work:
        one, name = work.pop()
        own = model("sagemaker")[name]
        kind = own["type"]
        if isinstance(one, dict) and set(one) & {"Get", "Std:Join", "Std:JsonGet"}:
            found += [] if kind in SCALARS else [f"{name}: {one!r}"]
        elif kind in SCALARS:
            fits = isinstance(one, SCALARS[kind]) and isinstance(one, bool) == (kind == "boolean")
            found += [] if fits and one in own.get("enum", [one]) else [f"{name}: {one!r}"]
        elif kind == "structure":
            found += [f"{name}.{key}" for key in set(one) - set(own["members"])]
            found += [f"{name}.{key}" for key in set(own.get("required", ())) - set(one)]
            work += [(item, own["members"][key]["shape"]) for key, item in one.items() if key in own["members"]]
        else:
            work += [(item, own["member" if kind == "list" else "value"]["shape"]) for item in as_items(one, kind)]
    return sorted(set(found) - NAMED_BY_THE_SERVICE)


def as_items(value: Any, kind: str) -> list[Any]:
    """The elements of a list or the values of a map, and nothing else."""
    assert isinstance(value, list if kind == "list" else dict), value
    return list(value if isinstance(value, list) else value.values())


@pytest.mark.parametrize(
    ("request_name", "value", "wrong"),
    [
        ("CreateTrainingJobRequest", {"RoleArm": "x"}, "CreateTrainingJobRequest.RoleArm"),
        ("CreateTransformJobRequest", {"ModelName": True}, "ModelName: True"),
        ("CreateTrainingJobRequest", {"EnableNetworkIsolation": 1}, "Boolean: 1"),
        ("CreateTrainingJobRequest", {"ResourceConfig": {"InstanceType": "big"}}, "TrainingInstanceType: 'big'"),
        ("CreateTrainingJobRequest", {"ResourceConfig": {"InstanceCount": "1"}}, "TrainingInstanceCount: '1'"),
        ("CreateTrainingJobRequest", {"OutputDataConfig": {"Get": "x"}}, "OutputDataConfig: {'Get': 'x'}"),
        ("CreateTransformJobRequest", {}, "CreateTransformJobRequest.ModelName"),
    ],
)
def test_the_check_sees_what_does_not_fit(request_name: str, value: Any, wrong: str) -> None:
    assert wrong in strays(value, request_name)


EXAMPLES = ("vocabulary/everything.json", "example/training.json", "example/training.production.json")


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_request_fits_the_model_of_its_api(example: str) -> None:
    definition = json.loads((GOLDEN.parents[1] / example).read_text(encoding="utf-8"))
    checked = set()
    for step in every_step(definition["Steps"]):
        if step["Type"] in REQUESTS:
            checked.add(step["Type"])
            assert strays(step["Arguments"], REQUESTS[step["Type"]]) == [], step["Name"]
    assert checked == set(REQUESTS) if example.startswith("vocabulary") else checked


@pytest.mark.parametrize(("machine", "key"), [("ml.g5.xlarge", None), ("ml.m5.xlarge", "the project's"), ("", "own")])
def test_a_machine_with_local_disks_gets_no_key_of_the_project(machine: str, key: str | None, tmp_path: Path) -> None:
    own = {"volume_kms_key": "own-key"} if key == "own" else {}
    step = bare(instance_type=machine or "ml.g5.xlarge", **own)
    where = project(tmp_path)
    cluster = dw.Pipeline("p", steps=[step], project=where).to_dict()["Steps"][0]["Arguments"]["ProcessingResources"]
    wanted = {"own": "own-key", "the project's": where.volume_key, None: None}[key]
    assert cluster["ClusterConfig"].get("VolumeKmsKeyId") == wanted
