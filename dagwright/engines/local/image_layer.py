"""What a Dockerfile puts into an image, as a folder of this machine.

What comes in: the `Content` of an image. What goes out: a `Layer`: a folder that holds the copied files at their places
below it, named by the hash of its content, and how a job gets to see them.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from dataclasses import dataclass, replace
from pathlib import Path

from dagwright.engines.local.image_content import Content, File
from dagwright.engines.local.launcher import Bind
from dagwright.engines.local.removal import remove_tree
from dagwright.engines.local.store import storage_errors
from dagwright.whole_files import beside, sync_all

_PIECE_BYTES = 1 << 20


@dataclass(frozen=True)
class Layer:
    """The files of an image that its Dockerfile copied, below `folder`."""

    folder: Path
    tops: tuple[str, ...]
    """The highest places in the image that are the layer's alone: nothing of the machine is there."""

    def binds(self) -> list[Bind]:
        """How a sandbox shows them; no link is on the way to a target."""
        return [
            Bind(Path(self.place(top)), os.path.join(os.path.realpath(os.path.dirname(top)), os.path.basename(top)))
            for top in self.tops
        ]

    def place(self, top: str) -> str:
        """Where one of `tops` lies on the machine."""
        return str(self.folder / top.lstrip("/"))

    def copy(self, folder: Path) -> Layer:
        """The same in a new folder, which a job may write to. Raises OSError."""
        shutil.copytree(self.folder, folder)
        return replace(self, folder=folder)


def make_layer(content: Content, root: Path) -> Layer:
    """The layer of what an image brings, in a folder of `root`, made if it is not there yet.

    Raises StorageError.
    """
    folders, files = content.folders_of_its_own(), list(content.files.values())
    with storage_errors(f"{root} cannot be written"):
        folder = root / f"layer-{_digest(files, folders)}"
        if folder.is_dir():
            os.utime(folder)  # when it was used last, for whoever frees space
        else:
            aside = beside(folder)
            for place in folders:
                (aside / place.lstrip("/")).mkdir(parents=True, exist_ok=True)
            for file in files:
                path = aside / file.target.lstrip("/")
                path.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file.source, path)
                path.chmod(file.mode | stat.S_IRUSR | stat.S_IWUSR)
            aside.mkdir(parents=True, exist_ok=True)
            sync_all(aside)
            try:
                aside.rename(folder)
            except OSError:  # another run has made the same one
                remove_tree(aside)
    return Layer(folder, tuple(sorted({_top(place) for place in (*folders, *content.files)})))


def _digest(files: list[File], folders: list[str]) -> str:
    digest = hashlib.sha256(os.fsencode("\0".join([*folders, "\n"])))
    for file in sorted(files, key=lambda file: file.target):
        digest.update(os.fsencode(f"{file.target}\0{file.mode:o}\0{_digest_of(file.source)}\n"))
    return digest.hexdigest()[:16]


def _digest_of(path: Path) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while piece := file.read(_PIECE_BYTES):
            digest.update(piece)
    return digest.hexdigest()


def _top(target: str) -> str:
    """The highest folder above `target` that the machine does not have, or `target` itself."""
    here = "/"
    for name in target.split("/")[1:]:
        here = os.path.join(here, name)
        if not os.path.isdir(here):
            return here
    return here
