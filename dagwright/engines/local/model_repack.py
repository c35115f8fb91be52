#!/usr/bin/env python3
"""Puts inference code into a model: what the SDK's repack jobs do, for a source archive that holds the code alone.

What comes in, as in the SDK's own program: the model of an earlier job, in the channel `training`; the hyperparameters
`inference_script`, `source_dir`, `dependencies` and `model_archive`; the code in `/opt/ml/code`. What goes out: in
`/opt/ml/model` the model's files and `code/`, the inference script in it, or all of the source folder, and what the
script depends on in `code/lib`.

It runs on the Python of the job's image, which may be 3.8, and imports the standard library only.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

LAUNCHER, PROGRAM = "_repack_script_launcher.sh", "_repack_model.py"
NAMES = (LAUNCHER, PROGRAM)
BASE = Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"))
_LAUNCH = """#!/bin/sh
exec python _repack_model.py --inference_script "$SM_HP_INFERENCE_SCRIPT" --model_archive "$SM_HP_MODEL_ARCHIVE" \\
    --dependencies "$SM_HP_DEPENDENCIES" --source_dir "$SM_HP_SOURCE_DIR"
"""


class RepackError(Exception):
    """The model cannot be repacked; the text is the sentence that the person sees."""


def packed_programs() -> dict[str, str]:
    """Name -> text of what the SDK packs beside the code; the archive's own, if it has them, take their place."""
    return {LAUNCHER: _LAUNCH, PROGRAM: Path(__file__).read_text(encoding="utf-8")}


def main(words: list[str]) -> int:
    """0 if the model is repacked, else 1 with the reason where the service looks for it."""
    import argparse
    from tarfile import TarError

    parser = argparse.ArgumentParser()
    for name in ("--inference_script", "--model_archive", "--dependencies", "--source_dir"):
        parser.add_argument(name, default="")
    told, _ = parser.parse_known_args(words)
    try:
        unpack(BASE / "input/data/training" / os.path.basename(_given(told.model_archive) or "model.tar.gz"))
        add_code(_given(told.inference_script) or "inference.py", bool(_given(told.source_dir)))
        add_dependencies((_given(told.dependencies) or "").split())
    except (RepackError, OSError, TarError, EOFError) as error:
        sys.stderr.write(f"{error}\n")
        (BASE / "output/failure").write_text(str(error), encoding="utf-8")
        return 1
    return 0


def unpack(archive: Path) -> None:
    """The model's files, with neither links nor a way out of the folder."""
    import tarfile

    if not archive.is_file():
        there = ", ".join(sorted(path.name for path in archive.parent.glob("*"))) or "nothing"
        raise RepackError(f"the channel 'training' has no {archive.name}; it holds {there}")
    with tarfile.open(archive) as tar:
        for member in tar.getmembers():
            inside = os.path.normpath(f"/x/{member.name}")
            if not (inside == "/x" or inside.startswith("/x/")) or not (member.isreg() or member.isdir()):
                raise RepackError(f"{archive.name} holds '{member.name}', which is refused: no links, no way out")
            place = BASE / "model" / inside[len("/x/") :]
            (place if member.isdir() else place.parent).mkdir(parents=True, exist_ok=True)
            if member.isdir() or inside == "/x":
                continue
            content = tar.extractfile(member)
            with open(place, "wb") as file:
                shutil.copyfileobj(content, file)  # type: ignore[arg-type]
            place.chmod(0o755 if member.mode & 0o100 else 0o644)


def add_code(script: str, is_folder: bool) -> None:
    """The inference script, or all of the source folder in place of what the model had as code."""
    code, source = BASE / "model/code", BASE / "code"
    if is_folder:
        shutil.rmtree(code, ignore_errors=True)
        shutil.copytree(source, code, ignore=shutil.ignore_patterns(*NAMES))
    code.mkdir(parents=True, exist_ok=True)
    found = source / script
    if not found.is_file():
        there = ", ".join(sorted(path.name for path in source.glob("*") if path.name not in NAMES)) or "nothing"
        raise RepackError(f"the source archive has no {script}; it holds {there}")
    (code / script).parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(found, code / script)


def add_dependencies(names: list[str]) -> None:
    """What the script imports, in `code/lib`; the SDK packs a folder's files flat, so for one all that is there."""
    lib, source = BASE / "model/code/lib", BASE / "code"
    if not all((source / name).is_file() for name in names):
        shutil.copytree(source, lib, ignore=shutil.ignore_patterns(*NAMES), dirs_exist_ok=True)
        return
    for name in names:
        lib.mkdir(exist_ok=True)
        shutil.copy(source / name, lib)


def _given(value: str) -> str | None:
    """A hyperparameter; null comes as nothing, or as Python's word for it."""
    return None if value in ("", "None", "null") else value


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
