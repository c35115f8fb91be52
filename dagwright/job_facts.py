"""What is so about SageMaker's jobs, said in the same words to who declares a step and to who reads a definition.

Nothing comes in. What goes out: the folder of a processing job, the members that ask for Spot instances, and sentences.
This file imports nothing of the project: like errors.py it is a floor that every room may stand on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

PROCESSING_FOLDER = "/opt/ml/processing/"
#: What stands behind a path: `'/data/in' is outside …`.
OUTSIDE = f"is outside {PROCESSING_FOLDER}, the folder that SageMaker reserves for what a job reads and writes"

GZIP_WITHOUT_PIPE = "Gzip goes with Pipe mode only: data is unpacked as it is streamed, a file is given as it is"
FAST_FILE_HINT = "FastFile is for training only: use File, or Pipe to stream"

_SPOT_MEMBERS = ("EnableManagedSpotTraining", "ManagedSpotTraining", "MaxWaitTimeInSeconds")
SPOT_ON_PROCESSING = "a processing job cannot run on Spot instances; only training jobs can"


def spot_members(request: object) -> Iterator[str]:
    """The dotted paths of the members that ask for Spot instances, wherever in a request somebody has put them.

    `Environment` is not looked into: its variables are the program's own, whatever they are called.
    """
    waiting = [("", request)]
    while waiting:
        place, members = waiting.pop()
        for key, value in members.items() if isinstance(members, Mapping) else ():
            if key != "Environment":
                waiting.append((f"{place}{key}.", value))
            if key in _SPOT_MEMBERS and value is not None:
                yield f"{place}{key}"
