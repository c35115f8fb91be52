"""What others' checkers say of the machines we compile: cfn-lint in a template, and asl-validator (npm)."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from dagwright.definition.graph import read_definition
from dagwright.engines.stepfunctions.compiler.machine import compile_machine
from dagwright.engines.stepfunctions.compiler.settings import MachineSettings
from dagwright.errors import DefinitionError

TESTS = Path(__file__).parents[3]
ROOT = TESTS.parent
VALIDATOR = ROOT / ".npm" / "node_modules" / "asl-validator"
ASK = """
const [validate, ...paths] = process.argv.slice(1).map((path, index) => index ? path : require(path));
const errors = (path) => validate(JSON.parse(require("fs").readFileSync(path))).errors;
console.log(JSON.stringify(Object.fromEntries(paths.map((path) => [require("path").basename(path), errors(path)]))));
"""
OWN = [*sorted((TESTS / "golden").rglob("*.json")), *sorted((TESTS / "foreign").glob("*.json"))]
CORPUS = sorted((ROOT.parent / "shared" / "corpus" / "definitions").glob("*.json"))
ROLE = "arn:aws:iam::111122223333:role/jobs"


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Every definition at hand that makes a machine, as a file."""
    folder = tmp_path_factory.mktemp("machines")
    made = []
    for number, path in enumerate([*OWN, *CORPUS]):
        try:
            graph = read_definition(path.read_text(encoding="utf-8"))
            machine = compile_machine(graph, MachineSettings("acme-churn-training", role=ROLE))
        except DefinitionError:
            continue
        made.append(folder / f"{number}-{path.stem}.json")
        made[-1].write_text(machine.text, encoding="utf-8")
    assert len(made) > 25
    return made


def test_cfn_lint_finds_nothing(machines: list[Path], tmp_path: Path) -> None:
    resources = {
        f"Machine{number}": {
            "Type": "AWS::StepFunctions::StateMachine",
            "Properties": {"RoleArn": ROLE, "Definition": json.loads(path.read_text(encoding="utf-8"))},
        }
        for number, path in enumerate(machines)
    }
    # a template takes 1 MB
    template = tmp_path / "template.json"
    for first in range(0, len(resources), 12):
        some = dict([*resources.items()][first : first + 12])
        body = {"AWSTemplateFormatVersion": "2010-09-09", "Resources": some}
        template.write_text(json.dumps(body), encoding="utf-8")
        lint = [str(Path(sys.executable).with_name("cfn-lint")), "--template", str(template)]
        said = subprocess.run(lint, capture_output=True, text=True, check=False)
        assert said.returncode == 0, said.stdout


@pytest.mark.npm
def test_asl_validator_finds_nothing(machines: list[Path]) -> None:
    check = ["node", "--eval", ASK, str(VALIDATOR), *map(str, machines)]
    said = subprocess.run(check, capture_output=True, text=True, check=True)
    assert json.loads(said.stdout) == {path.name: [] for path in machines}
