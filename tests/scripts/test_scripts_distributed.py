"""Distributed training as its hosts do it: a process each, on this machine."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from scripts.conftest import SCRIPTS, run_script

OLD = os.environ.get("DAGWRIGHT_OLD_PYTHON")


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("digits")
    assert run_script("sample_digits", "--out", folder, "--parts", 5) == (
        f"wrote 1438 digits to 5 files and 359 for the test, below {folder}\n"
    )
    return folder


@dataclass
class Hosts:
    """The hosts of one job, with every N-th file each; what a host wrote lies below `folder/<its name>`."""

    folder: Path
    digits: Path
    count: int
    port: int
    python: str = sys.executable

    def start(self, number: int, *words: object) -> subprocess.Popen[str]:
        names = [f"algo-{place}" for place in range(1, self.count + 1)]
        name = names[number - 1]
        home = self.folder / name
        (home / "train").mkdir(parents=True, exist_ok=True)
        for path in sorted((self.digits / "train").iterdir())[number - 1 :: self.count]:
            (home / "train" / path.name).write_bytes(path.read_bytes())
        (home / "resources.json").write_text(json.dumps({"current_host": name, "hosts": names}))
        given = {
            "resources": home / "resources.json",
            "train": home / "train",
            "checkpoints": home / "checkpoints",
            "model-dir": home / "model",
            "output-dir": home / "output",
            "coordinator": "127.0.0.1",
            "port": self.port,
        }
        options = [str(word) for pair in given.items() for word in (f"--{pair[0]}", pair[1])]
        command = [self.python, str(SCRIPTS / "distributed/train.py"), *options, *map(str, words)]
        surroundings = {key: value for key, value in os.environ.items() if not key.startswith("SM_")}
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=surroundings)

    def train(self, *words: object) -> Path:
        """All of them, to the end; the folder of the first."""
        running = [self.start(number, *words) for number in range(1, self.count + 1)]
        said = [process.communicate(timeout=120) for process in running]
        assert [process.returncode for process in running] == [0] * self.count, said
        return self.folder / "algo-1"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.fixture
def hosts(tmp_path: Path, digits: Path) -> Callable[..., Hosts]:
    return lambda count, name="job", **others: Hosts(tmp_path / name, digits, count, free_port(), **others)


def numbers(folder: Path) -> dict[str, np.ndarray]:
    with np.load(folder / "model/model.npz") as content:
        return dict(content)


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.npz")}


SHORT = ("--epochs", 20, "--checkpoint_every", 5)


def test_three_hosts_come_to_what_one_process_with_all_the_rows_comes_to(hosts: Callable[..., Hosts]) -> None:
    alone, together = numbers(hosts(1, "alone").train(*SHORT)), numbers(hosts(3, "together").train(*SHORT))
    assert sorted(alone) == sorted(together)
    for name, values in alone.items():
        assert np.abs(values - together[name]).max() < 1e-8, name
    assert np.array_equal(alone["mean"], together["mean"])


def test_a_training_that_goes_on_comes_to_the_same_bytes(hosts: Callable[..., Hosts]) -> None:
    whole = hosts(2, "whole").train(*SHORT)
    again = hosts(2, "again")
    assert sorted(files(again.train("--epochs", 12, "--checkpoint_every", 5) / "checkpoints")) == [
        "epoch-00005.npz", "epoch-00010.npz", "epoch-00012.npz",
    ]  # fmt: skip
    (again.folder / "algo-1/checkpoints/epoch-00012.npz").write_bytes(b"half a file")
    (again.folder / "algo-1/checkpoints/epoch-00015.npz.part").write_bytes(b"another half")
    assert files(again.train(*SHORT)) == files(whole)


def test_only_the_first_host_writes(hosts: Callable[..., Hosts]) -> None:
    folder = hosts(2).train(*SHORT).parent
    assert files(folder / "algo-2") == {}
    assert sorted(files(folder / "algo-1/checkpoints")) == ["epoch-00010.npz", "epoch-00015.npz", "epoch-00020.npz"]


def test_the_metric_lines_are_the_first_hosts(hosts: Callable[..., Hosts]) -> None:
    job = hosts(2)
    first, second = (job.start(number, *SHORT) for number in (1, 2))
    said, _ = first.communicate(timeout=60)
    lines = [line for line in said.splitlines() if line.startswith("epoch=")]
    assert [line.partition(";")[0] for line in lines] == ["epoch=5", "epoch=10", "epoch=15", "epoch=20"]
    assert all("; train:loss=0." in line and "; train:accuracy=0." in line for line in lines)
    assert "epoch=" not in second.communicate(timeout=60)[0]


def failure_of(process: subprocess.Popen[str], job: Hosts, name: str) -> str:
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1, errors
    (reason,) = errors.strip().splitlines()
    assert reason == f"train: {(job.folder / name / 'output/failure').read_text()}"
    return reason.removeprefix("train: ")


def test_a_host_that_was_lost_is_named_by_the_others(hosts: Callable[..., Hosts]) -> None:
    job = hosts(3)
    first, second, third = (job.start(number, "--epochs", 1_000_000) for number in (1, 2, 3))
    assert first.stdout is not None
    assert any(line.startswith("epoch=10;") for line in first.stdout)
    third.send_signal(signal.SIGKILL)
    assert failure_of(first, job, "algo-1").startswith("algo-3 has gone")
    assert failure_of(second, job, "algo-2").startswith("algo-3 has gone")
    third.communicate()


def test_the_loss_of_the_first_host_ends_the_others(hosts: Callable[..., Hosts]) -> None:
    job = hosts(2)
    first, second = (job.start(number, "--epochs", 1_000_000) for number in (1, 2))
    assert first.stdout is not None
    assert any(line.startswith("epoch=10;") for line in first.stdout)
    first.send_signal(signal.SIGKILL)
    assert failure_of(second, job, "algo-2").startswith("algo-1 has gone")
    first.communicate()


def test_a_host_that_is_silent_is_given_up(hosts: Callable[..., Hosts]) -> None:
    job = hosts(2)
    first, second = (job.start(number, "--epochs", 1_000_000, "--timeout", 2) for number in (1, 2))
    assert first.stdout is not None
    assert any(line.startswith("epoch=10;") for line in first.stdout)
    second.send_signal(signal.SIGSTOP)
    assert failure_of(first, job, "algo-1") == "algo-2 has been silent for 2 s"
    second.kill()
    second.communicate()


def test_a_host_that_never_comes_is_named(hosts: Callable[..., Hosts]) -> None:
    job = hosts(3)
    assert failure_of(job.start(1, "--timeout", 0.5), job, "algo-1") == "algo-2, algo-3 did not come within 0.5 s"
    said = failure_of(job.start(2, "--timeout", 0.5), job, "algo-2")
    assert said.startswith(f"algo-1 cannot be reached at 127.0.0.1, port {job.port}: ")


def test_why_one_host_fails_is_what_all_say(hosts: Callable[..., Hosts]) -> None:
    job = hosts(6)  # of five files
    running = [job.start(number, *SHORT) for number in range(1, 7)]
    said = [failure_of(process, job, f"algo-{number}") for number, process in enumerate(running, start=1)]
    own = f"no *.csv file below {job.folder}/algo-6/train: a job needs at least as many files as hosts"
    assert said == [f"algo-6: {own}"] * 5 + [own]


def test_checkpoints_of_another_training_are_refused(hosts: Callable[..., Hosts]) -> None:
    job = hosts(1)
    path = job.train(*SHORT) / "checkpoints/epoch-00020.npz"
    said = failure_of(job.start(1, *SHORT, "--hidden", 8, "--seed", 1), job, "algo-1")
    assert said == (f"{path} is of a training with other hidden, seed: use those, or another folder for checkpoints")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--epochs", "0", "--momentum", "1"], "epochs is 0 and must be at least 1; momentum is 1.0 and must be"),
        (["--learning_rate", "1e300", "--epochs", "3"], "the training has run away in epoch 3"),
        (["--classes", "3"], "must be whole numbers from 0 to 2"),
        (["--resources", __file__], "is no resourceconfig.json"),
    ],
)
def test_what_cannot_be_used_is_a_sentence(hosts: Callable[..., Hosts], words: list[str], sentence: str) -> None:
    job = hosts(1)
    assert sentence in failure_of(job.start(1, *words), job, "algo-1")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "has no rows"),
        ("digit,a\n1,x\n", "is not a table of numbers"),
        ("digit\n1\n", "no feature column"),
    ],
)
def test_a_file_that_is_no_table_is_a_sentence(
    hosts: Callable[..., Hosts], tmp_path: Path, text: str, sentence: str
) -> None:
    job = hosts(1)
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad/a.csv").write_text(text)
    assert sentence in failure_of(job.start(1, "--train", tmp_path / "bad"), job, "algo-1")


def test_the_evaluation_is_of_digits_that_were_not_seen(
    hosts: Callable[..., Hosts], digits: Path, tmp_path: Path
) -> None:
    model = hosts(2).train("--epochs", 60) / "model"
    words = ["--model", model, "--test", digits / "test", "--output", tmp_path / "out"]
    done = subprocess.run(
        [sys.executable, SCRIPTS / "evaluate_digits.py", *words], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    metrics = json.loads((tmp_path / "out/evaluation.json").read_text())["multiclass_classification_metrics"]
    right = sum(metrics["confusion_matrix"][str(digit)][str(digit)] for digit in range(10))
    assert metrics["accuracy"] == {"value": right / 359, "standard_deviation": "NaN"}
    assert metrics["accuracy"]["value"] > 0.95
    assert done.stdout == f"359 digits, accuracy {right / 359:.4f}\n"


def test_the_image_trains_as_well(hosts: Callable[..., Hosts]) -> None:
    if not OLD:
        pytest.skip("DAGWRIGHT_OLD_PYTHON names no interpreter with the image's libraries")
    assert sorted(numbers(hosts(2, python=OLD).train(*SHORT)))
