"""What `--out` names: bytes come in, and the file is there whole, or stays as it was."""

from __future__ import annotations

import os
from pathlib import Path

from dagwright.whole_files import write_whole


def write_out(path: Path, content: bytes) -> None:
    """Make `content` the file, through links; what is no file, such as /dev/stdout, is written into.

    Raises StorageError.
    """
    from dagwright.engines.local.store import storage_errors

    with storage_errors(f"{path} cannot be written"):
        if path.exists() and not path.is_file():
            path.write_bytes(content)
            return
        write_whole(Path(os.path.realpath(path)), content)
