"""The programs of ours that run inside jobs: as files of a job, and as the programs of a folder for its PATH.

What comes in: a name beside this module. What goes out: texts of files, which the wheel holds as it holds every module.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from dagwright.engines.local.store import storage_errors
from dagwright.whole_files import write_whole

_HERE = Path(__file__).parent
_PACKAGE = __name__.rpartition(".")[0]


@cache
def program(name: str) -> str:
    """The text of a program that is one file: `lambda_host.py`."""
    return (_HERE / name).read_text(encoding="utf-8")


@cache
def package(name: str) -> Mapping[str, str]:
    """The files of a package (`serving`) by their paths below a folder of the job that is on its `sys.path`: there they
    keep the names by which they import each other, and nothing else of ours is."""
    parts = [*_PACKAGE.split("."), name]
    above = {"/".join([*parts[:count], "__init__.py"]): "" for count in range(1, len(parts))}
    own = {"/".join([*parts, path.name]): program(f"{name}/{path.name}") for path in (_HERE / name).glob("*.py")}
    return {**above, **own}


def program_folder(folder: Path, programs: Mapping[str, str]) -> Path:
    """The folder with these programs, made if they are not there. Each appears whole, as other runs may look for it.

    Raises StorageError.
    """
    with storage_errors(f"{folder} cannot be made"):
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in programs.items():
            if not (folder / name).exists():
                write_whole(folder / name, text.encode(), 0o755)
    return folder
