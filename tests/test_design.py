"""The design itself: which room may import which, and what a command must not load."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXPENSIVE = ("boto3", "botocore", "rich", "moto", "sklearn", "numpy", "pandas", "tarfile", "importlib.metadata")
FLOOR = ("dagwright.definition", "dagwright.errors", "dagwright.job_facts", "dagwright.marks", "dagwright.shapes")
# What stands in the folder of the engines itself belongs to none of them.
NEUTRAL = tuple(f"dagwright.engines.{path.stem}" for path in sorted((ROOT / "dagwright/engines").glob("[!_]*.py")))
STATE_MACHINES = "dagwright.engines.stepfunctions"
# Each room and the rooms it may import; `errors`, `job_facts`, `marks`, and AWS's own model in `shapes`, are the floor.
ARROWS = {
    "dagwright/errors.py": (),
    "dagwright/shapes.py": ("dagwright.errors",),
    "dagwright/job_facts.py": (),
    "dagwright/marks.py": (),
    "dagwright/whole_files.py": (),
    "dagwright/definition": FLOOR,
    "dagwright/engines": ("dagwright.engines", "dagwright.whole_files", *FLOOR),
    "dagwright/engines/aws": ("dagwright.engines.aws", *NEUTRAL, *FLOOR),
    "dagwright/engines/sagemaker": ("dagwright.engines.sagemaker", "dagwright.engines.aws", *NEUTRAL, *FLOOR),
    "dagwright/engines/stepfunctions": (STATE_MACHINES, "dagwright.engines.aws", *NEUTRAL, *FLOOR),
    "dagwright/engines/stepfunctions/compiler": (f"{STATE_MACHINES}.compiler", "dagwright.engines.losses", *FLOOR),
    "dagwright/engines/stepfunctions/interpreter": (
        f"{STATE_MACHINES}.interpreter",
        "dagwright.engines.times",
        "dagwright.errors",
    ),
    "dagwright/sizing.py": (),
    "dagwright/images.py": ("dagwright.project_forms", "dagwright.variables", "dagwright.errors", "dagwright.shapes"),
    "dagwright/image_source.py": ("dagwright.images", "dagwright.errors"),
    "dagwright/image_rules.py": (
        "dagwright.images",
        "dagwright.project_file",
        "dagwright.project_forms",
        "dagwright.yaml_source",
        "dagwright.errors",
    ),
    "dagwright/trigger": ("dagwright.sizing", "dagwright.input_sizes", "dagwright.errors"),
    "dagwright/trigger/handler.py": ("dagwright.sizing",),
    "dagwright/infra": (
        "dagwright.infra",
        "dagwright.infra_settings",
        "dagwright.definition",
        "dagwright.project",
        "dagwright.project_forms",
        "dagwright.trigger",
        "dagwright.input_sizes",
        "dagwright.cron",
        "dagwright.cron_gaps",
        *FLOOR,
    ),
    "dagwright/outputs.py": ("dagwright.project_forms", "dagwright.whole_files", "dagwright.errors"),
    "dagwright/stacks": ("dagwright.stacks", "dagwright.engines.aws", "dagwright.outputs", *FLOOR),
    "dagwright/doctor": (
        "dagwright.doctor",
        "dagwright.engines.aws",
        "dagwright.engines.local",
        "dagwright.images",
        "dagwright.infra.names",
        "dagwright.outputs",
        "dagwright.project",
        *FLOOR,
    ),
    "dagwright/doctor/findings.py": (),
    "dagwright/doctor/workload.py": ("dagwright.definition", "dagwright.infra.names"),
    "dagwright/cli": ("dagwright",),
    "dagwright/importing": ("dagwright",),
    "steps": ("steps", "dagwright"),
    "pipelines": ("pipelines", "steps", "dagwright"),
    "scripts": (),
    "deploy.py": ("dagwright.cli",),
}
AUTHORING = [path for path in sorted((ROOT / "dagwright").glob("*.py")) if path.name != "errors.py"]
OURS = ("dagwright", "steps", "pipelines", "scripts", "tests", "bench", "deploy")


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are written in full"
            yield node.module or ""


def files_of(room: str) -> list[Path]:
    path = ROOT / room
    return [path] if path.is_file() else sorted(path.rglob("*.py"))


@pytest.mark.parametrize("room", ARROWS)
def test_imports_go_one_way(room: str) -> None:
    allowed = ARROWS[room]
    for path in files_of(room):
        for name in imported(path):
            if name.partition(".")[0] in OURS:
                inside = any(name == room or name.startswith(f"{room}.") for room in allowed)
                assert inside, f"{path.relative_to(ROOT)} imports {name}"


def test_the_authoring_vocabulary_knows_nothing_of_engines_and_commands() -> None:
    for path in AUTHORING:
        for name in imported(path):
            outside = tuple(
                f"dagwright.{room}" for room in ("engines", "cli", "trigger", "importing", "infra.", "stacks", "doctor")
            )
            assert not name.startswith(outside), f"{path.relative_to(ROOT)} imports {name}"
            reads = name.startswith("dagwright.definition")
            assert not reads or path.name == "emit.py", "what is emitted is read once, to be refused like any other"


def test_importing_knows_the_reader_and_the_vocabulary_alone() -> None:
    """It writes in our vocabulary what the reader has read; engines and configuration are not its business."""
    outside = tuple(f"dagwright.{room}" for room in ("engines", "cli", "trigger", "project", "definition.rules"))
    for path in files_of("dagwright/importing"):
        assert [name for name in imported(path) if name.startswith(outside)] == [], path.relative_to(ROOT)


def test_only_the_reader_knows_how_an_expression_is_spelled() -> None:
    """Writing it is the vocabulary's; taking it apart is the reader's alone."""
    for folder in ("engines", "cli", "importing"):
        for path in files_of(f"dagwright/{folder}"):
            text = path.read_text(encoding="utf-8")
            assert "Std:" not in text, path
            assert '"Get"' not in text, path


def test_what_runs_in_other_processes_imports_the_standard_library_only() -> None:
    """They start for every run or job, without installed packages; the sandbox's other parts are the one exception."""
    names = (
        "sandbox.py",
        "sandbox_root.py",
        "lambda_host.py",
        "metric_reader.py",
        "smspark_submit.py",
        "command_host.py",
        "memory_watch.py",
    )
    local = ROOT / "dagwright/engines/local"
    parts = {"dagwright.engines.local.sandbox_root", "dagwright.engines.local.memory_watch"}
    for path in [*(local / name for name in names), *(local / "serving").glob("*.py")]:
        ours = {name for name in imported(path) if name.startswith("dagwright.engines.local.serving")}
        modules = set(imported(path)) - ours - parts
        assert {module.partition(".")[0] for module in modules} <= set(sys.stdlib_module_names), path.name
    for name in ("sitecustomize.py", "dagwright_aws.py"):  # the first comes before the second
        modules = set(imported(ROOT / "dagwright/engines/local/endpoint" / name)) - {"dagwright_aws"}
        assert modules <= {*sys.stdlib_module_names, "importlib.util", "urllib.parse"}, name


def test_the_program_of_an_algorithm_imports_itself_and_what_its_image_has() -> None:
    """It is copied into the job, where nothing else of ours is; what is light of it is read before a job, too."""
    own = "dagwright.engines.local.xgboost_algorithm"
    there = {*sys.stdlib_module_names, "numpy", "pyarrow", "scipy", "xgboost"}
    for path in files_of("dagwright/engines/local/xgboost_algorithm"):
        assert all(
            name == own or name.startswith(f"{own}.") or name.partition(".")[0] in there for name in imported(path)
        )
    for path in files_of("dagwright/engines/local"):
        if path.parent.name != "xgboost_algorithm":
            assert not any(name.startswith(own) for name in imported_at_once(path)), path


def test_the_lambda_trigger_is_two_files_and_what_aws_has_there() -> None:
    for name in ("sizing.py", "trigger/handler.py"):
        modules = set(imported(ROOT / "dagwright" / name)) - {"dagwright.sizing"}
        assert {module.partition(".")[0] for module in modules} <= {*sys.stdlib_module_names, "boto3", "botocore"}, name


def imported_at_once(path: Path) -> Iterator[str]:
    """What a file imports as soon as it is imported itself: outside of functions and of TYPE_CHECKING.

    For `from a import b` that is `a.b`, whether b is a module or not.
    """
    waiting: list[ast.stmt] = [*ast.parse(path.read_text(encoding="utf-8")).body]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            waiting += node.orelse
        elif not isinstance(node, ast.FunctionDef):
            waiting += [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.stmt)]


def test_what_is_expensive_is_imported_where_it_is_needed() -> None:
    """Only the live table, which is imported for a terminal alone, is made of rich, and what is made of moto's
    interpreter says so in its name."""
    for path in files_of("dagwright"):
        if path.name != "table.py" and not path.name.startswith("moto_"):
            expensive = [name for name in imported_at_once(path) if name.startswith(EXPENSIVE)]
            assert expensive == [], path.relative_to(ROOT)


def test_what_is_made_of_motos_interpreter_is_imported_when_it_runs() -> None:
    for path in files_of("dagwright"):
        if not path.name.startswith("moto_"):
            names = [name for name in imported_at_once(path) if ".moto_" in f".{name}"]
            assert names == [], path.relative_to(ROOT)


COMMANDS = {
    "--help": [],
    "list": ["list"],
    "images": ["images"],
    "render": ["render", "training"],
    "render a state machine": ["render", "training", "--target", "stepfunctions"],
    "validate": ["validate", "training"],
    "doctor": ["doctor", "--env", "dev", "--offline"],
    "validate a state machine": ["validate", "training", "--target", "stepfunctions"],
    "run": ["run", "--file", "{definition}"],
    "import": ["import", "--file", "{definition}", "--out", "{definition}.py"],
    "history": ["history"],
    "job list": ["job", "list"],
    "plan --help": ["plan", "--help"],
    "infra plan --help": ["infra", "plan", "--help"],
}


# Those that look into the project's data, or write.
ELSEWHERE = ("run", "import", "history", "job list")


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_loads_nothing_expensive(command: str, tmp_path: Path) -> None:
    definition = tmp_path / "d.json"
    definition.write_text('{"Version": "2020-12-01", "Steps": []}')
    words = [word.format(definition=definition) for word in COMMANDS[command]] or [command]
    program = (
        "import sys; from pathlib import Path; from dagwright.cli import main\n"
        f"try: code = main({words!r}, Path({str(tmp_path if command in ELSEWHERE else ROOT)!r}))\n"
        "except SystemExit as end: code = end.code\n"
        f"print([name for name in {EXPENSIVE!r} if name in sys.modules], code, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1] == "[] 0", done.stderr


def test_a_run_loads_what_its_kinds_of_steps_need() -> None:
    program = (
        "import sys; import dagwright.engines.local.engine, dagwright.engines.local.steps\n"
        "print([name for name in sys.modules if name.endswith(('tuning_search', 'drift_checks', 'served_model'))])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == "[]\n"


def test_help_reads_no_table_of_images() -> None:
    program = (
        "import sys; from dagwright.cli.words import parser; parser().format_help(); "
        "import dagwright.project; print([name for name in sys.modules if name.startswith('dagwright.image')])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == "[]\n"


def test_files_stay_short() -> None:
    """A file past about 400 lines asks to be two."""
    long = {
        str(path.relative_to(ROOT)): lines
        for room in ("dagwright", "pipelines", "steps", "scripts", "bench")
        for path in files_of(room)
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > 450
    }
    assert long == {}


def test_the_readme_shows_the_picture_that_the_command_draws() -> None:
    picture = (ROOT / "tests/golden/example/training.mmd").read_text(encoding="utf-8").rstrip()
    assert f"```mermaid\n{picture}\n```" in (ROOT / "README.md").read_text(encoding="utf-8")
