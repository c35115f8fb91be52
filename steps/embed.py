"""Features to a few numbers per row, by an autoencoder in PyTorch and the same one in TensorFlow."""

from __future__ import annotations

from dagwright import (
    JsonGet,
    ParameterInteger,
    ProcessingInput,
    ProcessingOutput,
    ProcessingStep,
    PropertyFile,
)
from dagwright.project import Project
from steps.folders import folder_arguments, input_folders, output_folders

METRICS = PropertyFile("Metrics", output_name="metrics", path="metrics.json")


def embed_with_torch(
    project: Project, features: ProcessingStep, width: ParameterInteger, seed: ParameterInteger
) -> ProcessingStep:
    """Outputs `embeddings`: a CSV for train and one for test; `metrics`: metrics.json; `model`: the encoder."""
    return _embed(project, "EmbedWithTorch", "pytorch", "with_torch.py", features, width, seed)


def embed_with_tensorflow(
    project: Project, features: ProcessingStep, width: ParameterInteger, seed: ParameterInteger
) -> ProcessingStep:
    """The same outputs."""
    return _embed(project, "EmbedWithTensorflow", "tensorflow", "with_tensorflow.py", features, width, seed)


def explained_share(embedded: ProcessingStep) -> JsonGet:
    """How much less the autoencoder errs than the mean does, on rows it has not seen: 1 is not at all."""
    return JsonGet(embedded, METRICS, "explained.autoencoder")


def _embed(
    project: Project,
    name: str,
    image: str,
    program: str,
    features: ProcessingStep,
    width: ParameterInteger,
    seed: ParameterInteger,
) -> ProcessingStep:
    given = input_folders("train", "test")
    made = output_folders("embeddings", "metrics", "model")
    return ProcessingStep(
        name,
        image=project.image(image),
        source_dir="scripts/embedding",
        code=program,
        arguments=[*folder_arguments(given), *folder_arguments(made), "--width", width, "--seed", seed],
        environment={"TF_CPP_MIN_LOG_LEVEL": "2"} if image == "tensorflow" else None,
        inputs=[ProcessingInput(features.output_uri(split), folder, split) for split, folder in given.items()],
        outputs=[ProcessingOutput(folder, output_name=output) for output, folder in made.items()],
        property_files=[METRICS],
    )
