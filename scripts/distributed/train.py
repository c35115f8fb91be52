"""Train a digit classifier on all hosts of a job together (SageMaker script mode).

In:  channel `train`: CSV files, the class (0 to `--classes` - 1) first, then the features; each host has its own share
     of them (ShardedByS3Key). `resourceconfig.json` names the hosts; without it this is the only one.
     Checkpoint folder: what the job wrote before it was interrupted, or an earlier job under the same settings.
     Hyperparameters arrive as words: `--epochs 200 --hidden 32 ...`.
Out: of the first host only. Checkpoint folder: `epoch-00010.npz` and so on, the newest three; each appears whole, by a
     rename. Model folder: `model.npz` and `model.json` (layers, settings, epochs, how it did on the training data).

The model is a network with one hidden layer, trained by gradient descent with momentum. In every step each host adds up
the gradients of its own rows, the first host adds up those of all hosts, always in the order of their names in
`resourceconfig.json`, and every host takes the same step. So the result is that of one process with all the rows, but
for the last digits of a sum; and a job that was interrupted comes to the same bytes as one that was not.

`team.py`, beside this file, is how the hosts talk to each other: `--port`, `--timeout`.

Metric lines, of the first host: `epoch=10; train:loss=0.411520; train:accuracy=0.928025;` with the regexes
     `train:loss=([0-9.]+);`  `train:accuracy=([0-9.]+);`
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import warnings
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

# Its matrices are small: more threads take ten times as long as one, and hosts on one machine have to share its cores.
os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
from team import PeerError, Team

INPUT = Path("/opt/ml/input")
OUTPUT = Path("/opt/ml/output")
CHECKPOINTS_KEPT = 3
MOST_SECONDS = 86_400


class InputError(Exception):
    """What came in cannot be used; the text is the sentence that the person sees."""


class Parser(argparse.ArgumentParser):
    """Wrong words end like every other bad input: one sentence, in the failure file too."""

    def error(self, message: str) -> NoReturn:
        raise InputError(message)


def read_arguments(words: Sequence[str] | None) -> argparse.Namespace:
    """Hyperparameters and folders; the folders default to what SageMaker says, else to the container's."""
    parser = Parser(description="Train a digit classifier on all hosts of a job.", allow_abbrev=False)
    parser.add_argument("--epochs", type=int, default=200, help="times that all rows are seen, at least 1")
    parser.add_argument("--batches", type=int, default=4, help="steps an epoch, at least 1")
    parser.add_argument("--hidden", type=int, default=32, help="units of the hidden layer, at least 1")
    parser.add_argument("--classes", type=int, default=10, help="at least 2")
    parser.add_argument("--learning_rate", type=float, default=0.1, help="length of a step, above 0")
    parser.add_argument("--momentum", type=float, default=0.9, help="what is kept of the last step, 0 to below 1")
    parser.add_argument("--checkpoint_every", type=int, default=10, help="epochs, at least 1")
    parser.add_argument("--seed", type=int, default=42, help="of the first weights, 0 to 4294967295")
    parser.add_argument("--coordinator", default="", help="name or address of the first host; default: its name")
    parser.add_argument("--port", type=int, default=7777, help="where the first host listens")
    parser.add_argument("--timeout", type=float, default=120.0, help="seconds to wait for another host")
    config = Path(os.environ.get("SM_INPUT_CONFIG_DIR", str(INPUT / "config")))
    parser.add_argument(
        "--resources", type=Path, default=config / "resourceconfig.json", help="who the hosts are (resourceconfig.json)"
    )
    train = Path(os.environ.get("SM_CHANNEL_TRAIN", str(INPUT / "data/train")))
    parser.add_argument("--train", type=Path, default=train, help="folder of the channel train")
    parser.add_argument("--checkpoints", type=Path, default=Path("/opt/ml/checkpoints"), help="folder of checkpoints")
    model = Path(os.environ.get("SM_MODEL_DIR", "/opt/ml/model"))
    parser.add_argument("--model-dir", type=Path, default=model, help="becomes model.tar.gz")
    output = Path(os.environ.get("SM_OUTPUT_DIR", str(OUTPUT)))
    parser.add_argument("--output-dir", type=Path, default=output, help="where a failure leaves its reason")
    return parser.parse_args(words)


def read_settings(arguments: argparse.Namespace) -> dict[str, Any]:
    """What decides the model, by name. Raises InputError with everything that is out of range."""
    ranges = {
        "epochs": (arguments.epochs >= 1, "at least 1"),
        "batches": (arguments.batches >= 1, "at least 1"),
        "hidden": (arguments.hidden >= 1, "at least 1"),
        "classes": (arguments.classes >= 2, "at least 2"),
        "learning_rate": (arguments.learning_rate > 0, "above 0"),
        "momentum": (0 <= arguments.momentum < 1, "at least 0 and below 1"),
        "checkpoint_every": (arguments.checkpoint_every >= 1, "at least 1"),
        "seed": (0 <= arguments.seed < 2**32, "between 0 and 4294967295"),
        "port": (0 < arguments.port < 2**16, "between 1 and 65535"),
        "timeout": (0 < arguments.timeout <= MOST_SECONDS, f"above 0 and at most {MOST_SECONDS}"),
    }
    wrong = [f"{k} is {getattr(arguments, k)} and must be {text}" for k, (good, text) in ranges.items() if not good]
    if wrong:
        raise InputError("; ".join(wrong))
    decide = ("batches", "hidden", "classes", "learning_rate", "momentum", "seed")
    return {name: getattr(arguments, name) for name in decide}


# ---- the hosts ----


def read_hosts(path: Path) -> tuple[str, list[str]]:
    """(This host, all hosts in order); one alone where nothing says otherwise."""
    if not path.is_file():
        return "algo-1", ["algo-1"]
    try:
        resources = json.loads(path.read_text(encoding="utf-8"))
        me, hosts = str(resources["current_host"]), [str(host) for host in resources["hosts"]]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} is no resourceconfig.json: {error!r}") from error
    if me not in hosts:
        raise InputError(f"{path} does not name this host, {me!r}, among the hosts")
    return me, hosts


# ---- the rows ----


class Rows(NamedTuple):
    """Features as rows x columns of float, labels as whole numbers, and the step of an epoch each row belongs to."""

    features: np.ndarray
    labels: np.ndarray
    batch: np.ndarray


def read_rows(folder: Path, batches: int, classes: int) -> Rows:
    """All *.csv below the folder. Which step a row belongs to depends on its own file only, so not on the hosts."""
    paths = sorted(path for path in folder.rglob("*.csv") if path.is_file())
    if not paths:
        raise InputError(f"no *.csv file below {folder}: a job needs at least as many files as hosts")
    tables = [read_table(path) for path in paths]
    if len({table.shape[1] for table in tables}) > 1:
        raise InputError(f"the CSV files below {folder} differ in their number of columns")
    values = np.concatenate(tables)
    if values.shape[1] < 2 or not np.isfinite(values).all():
        raise InputError(f"a CSV below {folder} has empty cells or no feature column beside the label")
    if not np.isin(values[:, 0], range(classes)).all():
        raise InputError(f"the labels below {folder} must be whole numbers from 0 to {classes - 1}")
    steps = np.concatenate([np.arange(len(table)) % batches for table in tables])
    return Rows(values[:, 1:], values[:, 0].astype(int), steps)


def read_table(path: Path) -> np.ndarray:
    """The numbers of one file under a header."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of no rows, which is said below
            table = np.loadtxt(path, delimiter=",", skiprows=1, ndmin=2)
    except ValueError as error:
        raise InputError(f"{path} is not a table of numbers: {error}") from error
    if not table.size:
        raise InputError(f"{path} has no rows")
    return table


def scale(rows: Rows, team: Team) -> tuple[Rows, np.ndarray, np.ndarray]:
    """The rows with mean 0 and deviation 1 over all hosts, and the mean and deviation of each feature."""
    parts = ([len(rows.labels)], rows.features.sum(axis=0), (rows.features**2).sum(axis=0))
    count, *sums = team.add(np.concatenate(parts))
    mean, squares = np.split(np.array(sums) / count, 2)
    deviation = np.sqrt(np.maximum(squares - mean**2, 0))
    deviation[deviation < 1e-9] = 1.0
    return rows._replace(features=(rows.features - mean) / deviation), mean, deviation


# ---- the network ----


class Network(NamedTuple):
    """The layers, as views of one row of numbers."""

    first: np.ndarray
    first_bias: np.ndarray
    second: np.ndarray
    second_bias: np.ndarray


def layers(numbers: np.ndarray, features: int, hidden: int, classes: int) -> Network:
    """The row of numbers as layers."""
    ends = np.cumsum([features * hidden, hidden, hidden * classes])
    one, two, three, four = np.split(numbers, ends)
    return Network(one.reshape(features, hidden), two, three.reshape(hidden, classes), four)


def first_numbers(features: int, hidden: int, classes: int, seed: int) -> np.ndarray:
    """Where the training begins."""
    random = np.random.RandomState(seed)
    return np.concatenate([
        random.normal(0, np.sqrt(2 / features), features * hidden),
        np.zeros(hidden),
        random.normal(0, np.sqrt(1 / hidden), hidden * classes),
        np.zeros(classes),
    ])  # fmt: skip


def gradient(network: Network, features: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Sums over the rows: of the gradients, then of the loss and of the right answers, and the number of rows."""
    raised = np.maximum(features @ network.first + network.first_bias, 0)
    scores = raised @ network.second + network.second_bias
    scores -= scores.max(axis=1, keepdims=True)
    chances = np.exp(scores)
    chances /= chances.sum(axis=1, keepdims=True)
    here = np.arange(len(labels))
    loss = -np.log(np.maximum(chances[here, labels], 1e-300)).sum()
    right = (chances.argmax(axis=1) == labels).sum()
    chances[here, labels] -= 1
    below = (chances @ network.second.T) * (raised > 0)
    return np.concatenate([
        (features.T @ below).ravel(), below.sum(axis=0), (raised.T @ chances).ravel(), chances.sum(axis=0),
        [loss, right, len(labels)],
    ])  # fmt: skip


# ---- checkpoints ----


class State(NamedTuple):
    """How far the training is: epochs done, the network's numbers, and its last step."""

    epoch: int
    numbers: np.ndarray
    velocity: np.ndarray


def write_checkpoint(folder: Path, state: State, settings: dict[str, Any]) -> None:
    """A file that appears whole; the oldest go."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"epoch-{state.epoch:05d}.npz"
    aside = folder / f"{path.name}.part"
    with aside.open("wb") as file:
        np.savez(file, settings=json.dumps(settings, sort_keys=True), **state._asdict())
    aside.replace(path)
    for old in sorted(folder.glob("epoch-*.npz"))[:-CHECKPOINTS_KEPT]:
        old.unlink()


def read_checkpoint(folder: Path, settings: dict[str, Any], size: int) -> State | None:
    """The newest that can be read; None if there is none. Raises InputError for one of another training."""
    for path in sorted(folder.glob("epoch-*.npz"), reverse=True):
        try:
            with np.load(path, allow_pickle=False) as content:
                state = State(int(content["epoch"]), content["numbers"], content["velocity"])
                written = dict(json.loads(str(content["settings"])))
        except (ValueError, TypeError, AttributeError, KeyError, EOFError, zipfile.BadZipFile) as error:
            print(f"{path.name} is broken, it is removed and the one before is taken: {error}", flush=True)
            path.unlink()
            continue
        if written != settings or not state.numbers.shape == state.velocity.shape == (size,):
            different = sorted(name for name in settings if settings[name] != written.get(name)) or ["features"]
            what = f"{path} is of a training with other {', '.join(different)}"
            raise InputError(f"{what}: use those, or another folder for checkpoints")
        return state
    return None


def begin(folder: Path, settings: dict[str, Any], features: int, team: Team) -> State:
    """Where all hosts begin: the newest checkpoint of the first host, or the first weights."""
    shape = (features, settings["hidden"], settings["classes"])
    numbers = first_numbers(*shape, settings["seed"])
    state = State(0, numbers, np.zeros_like(numbers))
    if team.leads:
        found = read_checkpoint(folder, settings, numbers.size)
        if found:
            print(f"goes on after epoch {found.epoch}", flush=True)
        state = found or state
    packed = team.share(np.concatenate([[state.epoch], state.numbers, state.velocity]))
    return State(int(packed[0]), *np.split(packed[1:], 2))


# ---- the training ----


def train(rows: Rows, state: State, settings: dict[str, Any], team: Team, arguments: argparse.Namespace) -> State:
    """From `state` to the last epoch, together."""
    shape = (rows.features.shape[1], settings["hidden"], settings["classes"])
    shares = [
        (rows.features[rows.batch == step], rows.labels[rows.batch == step]) for step in range(settings["batches"])
    ]
    for epoch in range(state.epoch + 1, arguments.epochs + 1):
        seen = np.zeros(3)
        for features, labels in shares:
            total = team.add(gradient(layers(state.numbers, *shape), features, labels))
            seen += total[-3:]
            mean = total[:-3] / max(1.0, total[-1])
            velocity = settings["momentum"] * state.velocity - settings["learning_rate"] * mean
            state = State(epoch, state.numbers + velocity, velocity)
        if team.leads and (epoch % arguments.checkpoint_every == 0 or epoch == arguments.epochs):
            loss, right = seen[:2] / seen[2]
            print(f"epoch={epoch}; train:loss={loss:.6f}; train:accuracy={right:.6f};", flush=True)
            if not np.isfinite(state.numbers).all():
                raise InputError(f"the training has run away in epoch {epoch}: try a smaller learning_rate")
            write_checkpoint(arguments.checkpoints, state, settings)
    return state


def write_model(folder: Path, state: State, mean: np.ndarray, deviation: np.ndarray, settings: dict[str, Any]) -> None:
    """Everything that evaluate_digits.py needs."""
    folder.mkdir(parents=True, exist_ok=True)
    network = layers(state.numbers, len(mean), settings["hidden"], settings["classes"])
    np.savez(folder / "model.npz", mean=mean, deviation=deviation, **network._asdict())
    card = {"features": len(mean), "epochs": state.epoch, "settings": settings, "numpy": np.__version__}
    (folder / "model.json").write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")


def run(arguments: argparse.Namespace) -> None:
    """Meet, read, train, write. What keeps this host from it is told to the others."""
    settings = read_settings(arguments)
    me, hosts = read_hosts(arguments.resources)
    team = Team(me, hosts, (arguments.coordinator or hosts[0], arguments.port), arguments.timeout)
    reason = ""
    try:
        rows = read_rows(arguments.train, settings["batches"], settings["classes"])
        print(f"{me} of {len(hosts)}: {len(rows.labels)} rows, {rows.features.shape[1]} features", flush=True)
        with np.errstate(over="ignore", invalid="ignore"):  # said in a sentence when an epoch is over
            rows, mean, deviation = scale(rows, team)
            state = begin(arguments.checkpoints, settings, len(mean), team)
            state = train(rows, state, settings, team, arguments)
        if team.leads:
            write_model(arguments.model_dir, state, mean, deviation, settings)
    except PeerError as error:
        reason = str(error)
        raise
    except (InputError, OSError) as error:
        reason = f"{me}: {error}"
        raise
    finally:
        team.leave(reason)


def leave_failure(reason: str, folder: Path) -> None:
    """Write the reason where SageMaker reads a job's FailureReason: 1024 characters. Outside only if asked."""
    if folder != OUTPUT or OUTPUT.parent.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "failure").write_text(reason[:1024], encoding="utf-8")


def main(words: Sequence[str] | None = None) -> int:
    """Run with these words; the exit code is 0, or 1 when the training cannot be done."""
    folder = Path(os.environ.get("SM_OUTPUT_DIR", str(OUTPUT)))
    try:
        arguments = read_arguments(words)
        folder = arguments.output_dir
        run(arguments)
    except (InputError, PeerError, OSError) as error:
        print(f"train: {error}", file=sys.stderr)
        leave_failure(str(error), folder)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
