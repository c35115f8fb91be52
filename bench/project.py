"""A project folder to render in: a configuration, a script, and one pipeline written in the vocabulary."""

from __future__ import annotations

from pathlib import Path

STEPS_OF_A_ROUND = 5

_CONFIGURATION = """\
company: acme
team: rc
project: churn
account_id: "123456789012"
region: us-east-1
network:
  subnets: [subnet-0a1b2c3d4e5f60718, subnet-0b2c3d4e5f6071829]
  security_groups:
    processing: [sg-0a1b2c3d4e5f60718]
    training: [sg-0b2c3d4e5f6071829]
    inference: [sg-0c3d4e5f607182930]
  encrypt_traffic: true
keys:
  volume: 1234abcd-12ab-34cd-56ef-1234567890ab
  output: alias/sagemaker-rc-churn
tags:
  CostCentre: "4711"
images:
  sklearn: { framework: sklearn, version: 1.2-1 }
sizes:
  processing: { instance_type: ml.m5.xlarge, max_runtime_in_seconds: 3600 }
  training: { instance_type: ml.m5.xlarge, max_runtime_in_seconds: 7200 }
local:
  stop_grace_seconds: 10
production:
  account_id: "444455556666"
  bucket: acme-sm-rc-churn-production
"""

_COMMAND_LINE = """\
import sys
from pathlib import Path

from dagwright.cli import main

if __name__ == "__main__":
    sys.exit(main(root=Path(__file__).resolve().parent))
"""

_PIPELINE = """\
from dagwright import MetricsSource, ModelMetrics, Pipeline, ProcessingInput, ProcessingOutput, ProcessingStep
from dagwright import PropertyFile, RegisterModelStep, TrainingInput, TrainingStep

INPUT, OUTPUT = "/opt/ml/processing/input", "/opt/ml/processing/output"


def one_round(number, image, raw, after):
    prepare = ProcessingStep(
        f"Prepare{number}",
        image=image,
        code="scripts/work.py",
        arguments=["--seed", number],
        inputs=[ProcessingInput(raw, f"{INPUT}/raw", "raw")],
        outputs=[ProcessingOutput(f"{OUTPUT}/train", output_name="train")],
        depends_on=after,
    )
    features = ProcessingStep(
        f"Features{number}",
        image=image,
        code="scripts/work.py",
        inputs=[ProcessingInput(prepare.output_uri("train"), f"{INPUT}/train", "train")],
        outputs=[ProcessingOutput(f"{OUTPUT}/features", output_name="features")],
    )
    train = TrainingStep(
        f"Train{number}",
        image=image,
        entry_point="scripts/work.py",
        hyperparameters={"depth": 5, "rate": 0.1},
        inputs={"train": TrainingInput(features.output_uri("features"), content_type="text/csv")},
    )
    model = train.properties.ModelArtifacts.S3ModelArtifacts
    evaluate = ProcessingStep(
        f"Evaluate{number}",
        image=image,
        code="scripts/work.py",
        inputs=[
            ProcessingInput(model, f"{INPUT}/model", "model"),
            ProcessingInput(features.output_uri("features"), f"{INPUT}/features", "features"),
        ],
        outputs=[ProcessingOutput(f"{OUTPUT}/evaluation", output_name="evaluation")],
        property_files=[PropertyFile("Report", "evaluation", "evaluation.json")],
    )
    report = MetricsSource("application/json", evaluate.output_uri("evaluation", "evaluation.json"))
    register = RegisterModelStep(
        f"Register{number}",
        image=image,
        model_data=model,
        content_types=["text/csv"],
        response_types=["text/csv"],
        inference_instances=["ml.m5.large"],
        transform_instances=["ml.m5.large"],
        model_metrics=ModelMetrics(model_statistics=report),
    )
    return [prepare, features, train, evaluate, register]


def build(project):
    steps = []
    for number in range(ROUNDS):
        steps += one_round(number, project.image("sklearn"), project.raw(), steps[-1:])
    return Pipeline(name="NAME", steps=steps, project=project)
"""


def write_project(folder: Path, steps: int) -> str:
    """Make `folder` a project with one pipeline of so many steps, a multiple of five; the pipeline's name.

    Each round is prepare, features, train, evaluate, register, wired by what they read; a round begins after the last.
    """
    name = f"bench-{steps}"
    pipeline = _PIPELINE.replace("ROUNDS", str(steps // STEPS_OF_A_ROUND)).replace("NAME", name)
    files = {
        "config/project.yaml": _CONFIGURATION,
        "deploy.py": _COMMAND_LINE,
        "scripts/work.py": "print('work')\n",
        f"pipelines/{name.replace('-', '_')}.py": pipeline,
    }
    for place, text in files.items():
        path = folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return name
