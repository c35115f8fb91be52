"""The version of the project's code, for a pipeline that has a parameter `Commit`."""

from __future__ import annotations

from pathlib import Path

PARAMETER = "Commit"


def current_commit(root: Path) -> str:
    """The commit checked out in `root`, with `-modified` if files differ from it or are new; empty without one."""
    import subprocess

    def ask(*words: str) -> str:
        try:
            done = subprocess.run(["git", "-C", str(root), *words], capture_output=True, text=True, check=False)
        except OSError:
            return ""
        return done.stdout.strip() if done.returncode == 0 else ""

    commit = ask("rev-parse", "HEAD")
    changed = commit and ask("status", "--porcelain")
    return f"{commit}-modified" if changed else commit
