"""`--limit` and `--max-parallel` on the command line."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cli.deploying import Site, site

from dagwright.cli.limits import read_limits
from dagwright.errors import UsageError
from dagwright.project import LimitRule

__all__ = ["site"]


def test_a_limit_is_a_row_before_those_of_the_configuration() -> None:
    assert read_limits(["Train=memory_mib:2048,processors:1.5", "p/E*=processors:2"]) == (
        LimitRule("Train", 2048, 1.5, "--limit"),
        LimitRule("p/E*", None, 2.0, "--limit"),
    )


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("Train", "it has another form"),
        ("=memory_mib:2048", "it has another form"),
        ("Train=memory_mib", "it has another form"),
        ("Train=memory:2048", "there is no limit 'memory'"),
        ("Train=memory_mib:64,memory_mib:65", "'memory_mib' is given twice"),
        ("Train=memory_mib:1.5", "'1.5' is not a whole number of MiB from 16"),
        ("Train=memory_mib:15", "'15' is not a whole number"),
        ("Train=processors:0", "'0' is not a number of processors from 0.1"),
        ("Train=processors:inf", "'inf' is not a number"),
        ("Train=processors:99999999", "'99999999' is not a number"),
    ],
)
def test_what_is_no_limit_is_refused(value: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        read_limits([value])


def definition(deploy: Any, **scripts: str) -> str:
    steps = [
        {
            "Name": name,
            "Type": "Processing",
            "Arguments": {
                "ProcessingResources": {
                    "ClusterConfig": {"InstanceType": "ml.t3.medium", "InstanceCount": 1, "VolumeSizeInGB": 1}
                },
                "AppSpecification": {"ImageUri": "example:1", "ContainerEntrypoint": ["python3", "-c", script]},
                "RoleArn": "arn:aws:iam::123456789012:role/any",
            },
        }
        for name, script in scripts.items()
    ]
    path = deploy.folder / "d.json"
    path.write_text(json.dumps({"Version": "2020-12-01", "Steps": steps}))
    return str(path)


def test_a_job_past_the_limit_of_the_command_line(deploy: Any) -> None:
    file = definition(deploy, Big="held = []\nwhile True: held.append(bytearray(4 << 20))", Small="pass")
    done = deploy("run", "--file", file, "--limit", "Big=memory_mib:128,processors:1")
    assert done.returncode == 3, done.stderr
    assert "limits: the memory of a job is watched" in done.stderr or "limits: by control groups" in done.stderr
    assert "of the 128 MiB that --limit gives 'Big'; raise it there" in done.stdout
    (job,) = [line.split()[0] for line in deploy("job", "list").stdout.splitlines() if "-Big-" in line]
    described = deploy("job", "describe", job).stdout
    assert "MiB of memory at most" in described
    assert "of processor time" in described
    assert deploy("run", "--file", file, "--limit", "Bigger=processors:1").returncode == 64


@pytest.mark.parametrize("engine", ["sagemaker", "stepfunctions"])
def test_one_step_at_a_time(deploy: Any, engine: str) -> None:
    file = definition(deploy, A="pass", B="pass")
    execution = deploy.json("run", "--file", file, "--max-parallel", "1", "--engine", engine)
    first, second = sorted(execution["PipelineExecutionSteps"], key=lambda step: step["StartTime"])
    assert first["EndTime"] <= second["StartTime"]


def test_what_a_state_machine_has_instead_is_said(site: Site) -> None:
    said = site("run", "training", "--engine", "stepfunctions", "--max-parallel", "2")
    assert said.code == 64
    assert "--max-parallel: a state machine starts whatever may start, side by side" in said.err
    assert "depends_on" in said.err
    assert "--limit: only a run on this machine" in site("run", "training", "--limit", "Train=processors:1").err
