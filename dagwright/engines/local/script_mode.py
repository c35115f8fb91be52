"""Script mode: a training script from a source archive, started as the published sagemaker-training toolkit does.

What comes in: the hyperparameters of a training request. What goes out: the command, and the SM_* variables. Names and
encodings are those of the toolkit's `ENVIRONMENT_VARIABLES.md` and of its `mapping` module.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dagwright.engines.local.job import ML
from dagwright.errors import ExecutionError

INPUT, DATA = f"{ML}/input", f"{ML}/input/data"
MODEL, OUTPUT_DATA, CODE = f"{ML}/model", f"{ML}/output/data", f"{ML}/code"
TUNING_METRIC = "_tuning_objective_metric"
"""The hyperparameter by which a tuning job tells its training jobs the objective; no argument of the script."""
# What the toolkit does with each kind of program (its `entry_point` module). Requirements are for Python programs only;
# a folder with a setup.py is a package, installed, and its program started as a module.
_PYTHON = """\
program=$1; shift
if [ -f requirements.txt ]; then requirements='-r requirements.txt'; else requirements=; fi
if [ -f setup.py ]; then
    python -m pip install --quiet . $requirements || exit 1
    exec python -m "${program%.py}" "$@"
fi
if [ "$requirements" ]; then python -m pip install --quiet $requirements || exit 1; fi
exec python "$program" "$@"
"""
# By its own first line, else by this shell: not every shell program is one for sh.
_COMMAND = """\
program=$1; shift
chmod 777 "./$program" || exit 1
IFS= read -r first <"./$program"
case $first in "#!"*"$(printf '\\r')")
    echo "$program ends its first line with CR LF, and no program has such a name: save it with LF" >&2; exit 127;;
esac
exec "./$program" "$@"
"""


@dataclass(frozen=True)
class ScriptMode:
    """A script to run: its file in the archive, where the archive is, the hyperparameters decoded."""

    program: str
    archive: str
    own: Mapping[str, Any]
    framework: Mapping[str, Any]

    @property
    def arguments(self) -> list[str]:
        """`--name value` for every hyperparameter of the user, sorted by name; one-letter names get one dash."""
        words = []
        for name, value in sorted(self.own.items()):
            words += [f"-{name}" if len(name) == 1 else f"--{name}", _argument(value)]
        return words

    @property
    def command(self) -> tuple[str, ...]:
        """Python for `.py` and `-m module`; whatever else there is, is a program by itself."""
        if self.program.startswith("-m "):
            return ("python", "-m", self.program[3:].strip(), *self.arguments)
        start = _PYTHON if self.program.endswith(".py") else _COMMAND
        return ("/bin/sh", "-c", start, "script-mode", self.program, *self.arguments)

    def variables(self, job_name: str, inputs: Mapping[str, Any], resources: Mapping[str, Any]) -> dict[str, str]:
        """The SM_* variables on the host that `resources`, its resourceconfig.json, describes."""
        values: dict[str, Any] = {
            "SM_CHANNELS": sorted(inputs),
            "SM_CURRENT_HOST": resources["current_host"],
            "SM_CURRENT_INSTANCE_GROUP": resources["current_group_name"],
            "SM_CURRENT_INSTANCE_GROUP_HOSTS": resources["hosts"],
            "SM_CURRENT_INSTANCE_TYPE": resources["current_instance_type"],
            "SM_DISTRIBUTION_INSTANCE_GROUPS": [],
            "SM_FRAMEWORK_MODULE": "",
            "SM_FRAMEWORK_PARAMS": self.framework,
            "SM_HOSTS": resources["hosts"],
            "SM_HPS": self.own,
            "SM_INPUT_CONFIG_DIR": f"{INPUT}/config",
            "SM_INPUT_DATA_CONFIG": inputs,
            "SM_INPUT_DIR": INPUT,
            "SM_INSTANCE_GROUPS": [resources["current_group_name"]],
            "SM_INSTANCE_GROUPS_DICT": {resources["current_group_name"]: resources["instance_groups"][0]},
            "SM_IS_HETERO": False,
            "SM_LOG_LEVEL": self.framework.get("sagemaker_container_log_level", 20),
            "SM_MODEL_DIR": MODEL,
            "SM_MODULE_DIR": self.archive,
            "SM_MODULE_NAME": self.program.removesuffix(".py"),
            "SM_NETWORK_INTERFACE_NAME": resources["network_interface_name"],
            "SM_NUM_CPUS": os.cpu_count() or 1,
            "SM_NUM_GPUS": 0,
            "SM_NUM_NEURONS": 0,
            "SM_OUTPUT_DATA_DIR": OUTPUT_DATA,
            "SM_OUTPUT_DIR": f"{ML}/output",
            "SM_OUTPUT_INTERMEDIATE_DIR": f"{ML}/output/intermediate",
            "SM_RESOURCE_CONFIG": resources,
            "SM_USER_ARGS": self.arguments,
            "SM_USER_ENTRY_POINT": self.program,
        }
        values |= {f"SM_CHANNEL_{name.upper()}": f"{DATA}/{name}" for name in inputs}
        values |= {f"SM_HP_{name.upper()}": value for name, value in self.own.items()}
        values["SM_TRAINING_ENV"] = self._summary(job_name, values)
        return {name: variable_text(value) for name, value in values.items()}

    def _summary(self, job_name: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """SM_TRAINING_ENV: the same facts again, under the names the toolkit gives them in one object."""
        first = values["SM_HOSTS"][0]
        same = (
            "current_host", "current_instance_group", "current_instance_group_hosts", "current_instance_type",
            "framework_module", "hosts", "input_config_dir", "input_data_config", "input_dir", "instance_groups",
            "instance_groups_dict", "is_hetero", "log_level", "model_dir", "module_dir", "module_name",
            "network_interface_name", "num_cpus", "num_gpus", "num_neurons", "output_data_dir", "output_dir",
            "output_intermediate_dir", "resource_config", "user_entry_point",
        )  # fmt: skip
        return {name: values[f"SM_{name.upper()}"] for name in same} | {
            "additional_framework_parameters": self.framework,
            "channel_input_dirs": {name: f"{DATA}/{name}" for name in values["SM_CHANNELS"]},
            "hyperparameters": self.own,
            "is_master": values["SM_CURRENT_HOST"] == first,
            "job_name": job_name,
            "master_hostname": first,
        }


def script_mode(hyperparameters: Mapping[str, str]) -> ScriptMode:
    """Read `sagemaker_program` and `sagemaker_submit_directory`. Raises ExecutionError if they are of no use."""
    values = {name: decoded(value) for name, value in hyperparameters.items()}
    of_framework = {name for name in values if name.startswith("sagemaker_") or name == TUNING_METRIC}
    framework = {name: value for name, value in sorted(values.items()) if name in of_framework}
    program, archive = framework.get("sagemaker_program"), framework.get("sagemaker_submit_directory")
    if not isinstance(program, str) or not program or program.startswith("/") or ".." in program.split("/"):
        raise ExecutionError(f"sagemaker_program must be a file of the source archive, it is {program!r}")
    if not isinstance(archive, str) or not archive.startswith(("s3://", f"{DATA}/")):
        raise ExecutionError(
            f"sagemaker_submit_directory must be the S3 address of a source archive, it is {archive!r}",
            hint=f"Under network isolation it is the place of the archive in a channel: {DATA}/code/sourcedir.tar.gz.",
        )
    own = {name: value for name, value in sorted(values.items()) if name not in framework}
    return ScriptMode(program, archive, own, framework)


def decoded(value: str) -> Any:
    """A hyperparameter as the toolkit hands it on: JSON where it is JSON, else the text itself."""
    try:
        return json.loads(value)
    except ValueError:
        return value


def _argument(value: Any) -> str:
    """One value of a command line: a map is `k=v,k=v`."""
    if isinstance(value, dict):
        return ",".join(f"{key}={_argument(item)}" for key, item in sorted(value.items()))
    return value if isinstance(value, str) else str(value)


def variable_text(value: Any) -> str:
    """One value of a variable: strings as they are, None empty, the rest compact JSON with sorted keys."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), sort_keys=True)
