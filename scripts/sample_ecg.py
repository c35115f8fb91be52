"""Write the sample signals: a real 12-lead electrocardiogram that pydicom carries, as many CSV objects. No network.

In:  nothing.
Out: `--out FOLDER`: `--objects` files `ecg_001.csv` ..., one stretch of the recording after the other: a header, then
     a row per sample: `time` in seconds from the start of the recording, and the leads `I` to `V6` in microvolts as the
     device wrote them. Nothing is added, smoothed or left out. Always the same bytes.

The recording is `waveform_ecg.dcm` of pydicom's test files (MIT): 10 seconds at 1,000 samples a second.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydicom import dcmread
from pydicom.data import get_testdata_file


def read_recording() -> tuple[list[str], Any, float]:
    """(the names of the leads, their samples as an array of one row a sample, samples a second)."""
    data = dcmread(str(get_testdata_file("waveform_ecg.dcm", download=False)))
    rhythm = data.WaveformSequence[0]
    sources = [channel.ChannelSourceSequence[0].CodeMeaning for channel in rhythm.ChannelDefinitionSequence]
    # "Lead I (Einthoven)" is lead I
    return [name.split()[1] for name in sources], data.waveform_array(0), float(rhythm.SamplingFrequency)


def write_objects(folder: Path, objects: int) -> int:
    """Write the files, as equal in length as can be; the number of samples."""
    leads, samples, rate = read_recording()
    if not 1 <= objects <= len(samples):
        raise ValueError(f"{len(samples)} samples cannot be cut into {objects} objects")
    folder.mkdir(parents=True, exist_ok=True)
    header = ",".join(["time", *leads])
    for number in range(objects):
        first, end = (len(samples) * edge // objects for edge in (number, number + 1))
        rows = [
            ",".join([f"{place / rate:.3f}", *(f"{value:g}" for value in samples[place])])
            for place in range(first, end)
        ]
        (folder / f"ecg_{number + 1:03d}.csv").write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return len(samples)


def main(words: Sequence[str] | None = None) -> int:
    """Write the files; the exit code is 0, or 1 when they cannot be written."""
    parser = argparse.ArgumentParser(description="Write pydicom's electrocardiogram as CSV objects.")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="for the CSV files")
    parser.add_argument("--objects", type=int, default=64, metavar="N", help="into how many files it is cut (64)")
    arguments = parser.parse_args(words)
    try:
        samples = write_objects(arguments.out, arguments.objects)
    except (OSError, ValueError) as error:
        print(f"sample_ecg: {error}", file=sys.stderr)
        return 1
    print(f"wrote {samples} samples as {arguments.objects} objects to {arguments.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
