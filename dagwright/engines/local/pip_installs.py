"""What `pip install` inside a job changes: an environment of the job's own, over its image's, which all jobs share.

What comes in: the folder that is the job's home. What goes out: that folder ready for pip, and the variables that lead
pip, Python and PATH there. pip sees what the image holds and leaves it alone, so a job gets what it would get in a
container: a package that is there stays as it is, another version goes into the job's own folder and comes first.
"""

from __future__ import annotations

from pathlib import Path

_FOLDER = "python"
_PACKAGES, _PIP_PYTHON = f"{_FOLDER}/packages", f"{_FOLDER}/pip-python"
# Run by pip (`pip --python`) in its own place, with the words that start it again. A job that installs nothing pays
# for a folder and a file; one whose pip knows no --python (before 22.3) goes by PIP_TARGET, as if there were no image.
# What `python` means in the job stays the image's: of this environment only `bin`, with what pip puts there, is on
# PATH. Its packages are on PYTHONPATH already, and no module is to be found in two places.
_PROGRAM = r"""#!/bin/sh
set -e
own=$(dirname "$0")
if [ ! -e "$own/.complete" ]; then
    python -c '
import os, pathlib, sys, venv
own = pathlib.Path(sys.argv[1])
venv.create(own, symlinks=True)
(own / "bin").rename(own / "interpreter")
(own / "bin").mkdir()
(site,) = own.glob("lib/python*/site-packages")
site.rmdir()
site.symlink_to("../../packages")
folders = [path for path in sys.path if os.path.basename(path) in ("site-packages", "dist-packages")]
lines = ["import sys; sys.path = [path for path in sys.path if path != %r]\n" % str(own / "packages")]
lines += ["import site; site.addsitedir(%r)\n" % path for path in folders]
(own / "packages/image.pth").write_text("".join(lines), encoding="utf-8")
(own / ".complete").touch()
' "$own"
fi
unset PIP_TARGET PIP_PYTHON
exec "$own/interpreter/python" "$@"
"""


def prepare_pip(home: Path) -> None:
    """Make the folders of packages, which Python looks into from its start, and the program for pip. Raises OSError."""
    packages_folder(home).mkdir(parents=True)
    program = home / _PIP_PYTHON
    program.write_text(_PROGRAM, encoding="utf-8")
    program.chmod(0o755)


def packages_folder(home: Path) -> Path:
    """Where modules lie that the job finds before all others."""
    return home / _PACKAGES


def pip_variables(home: str) -> dict[str, str]:
    """For a job that sees its home at `home`; PYTHONPATH is for the image's own Python and programs."""
    packages = f"{home}/{_PACKAGES}"
    return {"PIP_TARGET": packages, "PIP_PYTHON": f"{home}/{_PIP_PYTHON}", "PYTHONPATH": packages}


def pip_programs(home: str) -> str:
    """The folder of the programs that installed packages bring, for PATH."""
    return f"{home}/{_FOLDER}/bin"
