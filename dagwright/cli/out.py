"""What `--out` names: bytes come in, and the file is there whole, or stays as it was."""

from __future__ import annotations

import os
from pathlib import Path


def write_out(path: Path, content: bytes) -> None:
    """Make `content` the file, through links; what is no file, such as /dev/stdout, is written into.

    Raises StorageError.
    """
    import uuid

    from dagwright.engines.local.store import storage_errors

    with storage_errors(f"{path} cannot be written"):
        if path.exists() and not path.is_file():
            path.write_bytes(content)
            return
        target = Path(os.path.realpath(path))
        aside = target.with_name(f".{uuid.uuid4().hex}")
        try:
            aside.write_bytes(content)
            if target.exists():
                aside.chmod(target.stat().st_mode & 0o777)
            os.replace(aside, target)
        finally:
            aside.unlink(missing_ok=True)
