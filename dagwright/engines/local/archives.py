"""Unpacks a tar archive that somebody else made.

What comes in: an archive, plain or packed as tarfile knows it, and a folder. What goes out: its files and folders, all
below that folder and as ordinary as any: no links, no owners. An archive is looked at whole before anything is written,
and what is refused is refused while it is looked at: a few kilobytes can say anything of what is in them.
"""

from __future__ import annotations

import errno
import os
import shutil
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from dagwright.errors import ExecutionError

if TYPE_CHECKING:
    from tarfile import TarFile, TarInfo

#: A reader holds a kilobyte for each.
MOST_MEMBERS = 200_000
# What stands before a member: a name of any length, attributes. tarfile reads it as one piece.
_LONGEST_HEADER = 1 << 20
_LONGEST_NAME = 4096  # bytes, as of any path
# What only its names can lead to in a folder that was empty before: a file below a file, a name that no file has.
_ITS_FAULT = (errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG, errno.EINVAL, errno.EFBIG, errno.EILSEQ)


def unpack(archive: Path, folder: Path) -> None:
    """Raises ExecutionError for what is no archive, would leave `folder`, or is more than the disk has room for, and
    OSError where the machine fails."""
    import lzma
    import tarfile

    try:
        with tarfile.open(archive, tarinfo=_bounded()) as tar:
            members = [*_ordinary(tar, archive.name, folder)]
            tar.fileobj.read(_LONGEST_HEADER)  # to its end, where a packed file has its sum
            tar.extraction_filter = getattr(tarfile, "data_filter", None)  # a second look, by Pythons that have it
            tar.extractall(folder, members)  # noqa: S202 - every member was looked at
    except (tarfile.TarError, EOFError, ValueError, OverflowError, RecursionError, zlib.error, lzma.LZMAError) as error:
        raise _unreadable(archive, error) from error
    except OSError as error:
        if error.errno and error.errno not in _ITS_FAULT:
            raise  # the machine's failure, not the archive's
        raise _unreadable(archive, error) from error


def _unreadable(archive: Path, error: Exception) -> ExecutionError:
    why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return ExecutionError(f"{archive.name} is no readable tar archive: {why:.200}")


def _bounded() -> type[TarInfo]:
    """Members whose headers do not say more than a header can; tarfile would read all that they say into memory."""
    import tarfile

    headers = (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE)
    names = (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK)

    class Bounded(tarfile.TarInfo):
        @classmethod
        def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Bounded:
            found = super().frombuf(buf, encoding, errors)
            if found.size < 0 or (found.type in (*headers, *names) and found.size > _LONGEST_HEADER):
                raise tarfile.ReadError("a header says a size that none has")
            return found

    return Bounded


def _ordinary(tar: TarFile, name: str, folder: Path) -> Iterator[TarInfo]:
    """The members, one by one, as long as there is nothing against them."""
    room, count = _room(folder), 0
    for member in tar:
        count, room = count + 1, room - member.size
        if count > MOST_MEMBERS:
            raise ExecutionError(f"{name} holds more than {MOST_MEMBERS:,} files, which is refused")
        if len(os.fsencode(member.name)) > _LONGEST_NAME or not _may_be_unpacked(member):
            raise ExecutionError(f"{name} holds '{member.name:.200}', which is refused: no links, no way out")
        if room < 0:
            raise ExecutionError(f"{name} holds more than there is room for on the disk", hint="Free space.")
        _make_ordinary(member)
        yield member


def _room(folder: Path) -> int:
    """How many bytes are free where a folder is, or will be."""
    there = next(place for place in (folder, *folder.parents) if place.is_dir())
    return shutil.disk_usage(there).free


def _may_be_unpacked(member: TarInfo) -> bool:
    """A file or a folder, inside the folder it is unpacked to."""
    place = os.path.normpath(f"/x/{member.name}")
    inside = place.startswith("/x/") or (place == "/x" and member.isdir())
    return inside and not member.name.startswith("/") and member.size >= 0 and (member.isreg() or member.isdir())


def _make_ordinary(member: TarInfo) -> None:
    """Its owner is who unpacks it, and may read it; nobody else may write it. Owners of another machine are nobody
    inside a sandbox."""
    member.uid, member.gid, member.uname, member.gname = os.getuid(), os.getgid(), "", ""
    member.pax_headers, member.linkname = {}, ""  # they may be long, and the reader holds every member to the end
    member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
