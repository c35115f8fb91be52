"""How long `clean` takes: 200 executions with 10,000 objects, the younger half of which is kept."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from dagwright.engines.local.home import Home
from dagwright.engines.times import now

EXECUTIONS, OBJECTS_EACH = 200, 50
LONG_AGO = "2020-01-01T00:00:00.000Z"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        _fill(Home(Path(folder) / ".dagwright"))
        for words in ([], ["--yes"]):
            began = time.perf_counter()
            command = [sys.executable, "-c", "from dagwright.cli import main; main()", "clean", "--json", *words]
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
            counts = {one["kind"]: one["count"] for one in json.loads(done.stdout)["kinds"] if one["count"]}
            print(f"clean {' '.join(words) or '(shows)'}: {time.perf_counter() - began:.2f} s  {counts}")


def _fill(home: Home) -> None:
    for number in range(EXECUTIONS):
        name, ended = f"execution{number:03}", LONG_AGO if number < EXECUTIONS // 2 else now()
        uris = [f"s3://bucket/out/{name}/{place}" for place in range(OBJECTS_EACH)]
        for uri in uris:
            home.store.put_bytes(b"x" * 1000, uri)
        output = {"ProcessingOutputConfig": {"Outputs": [{"S3Output": {"S3Uri": f"s3://bucket/out/{name}"}}]}}
        home.database.insert(
            "executions", id=name, pipeline="p", status="Succeeded", started=ended, ended=ended, parameters={},
            definition={"Version": "2020-12-01", "Steps": []},
        )  # fmt: skip
        home.database.insert(
            "steps", execution=name, name="S", type="Processing", status="Succeeded", started=ended, output=output
        )
        with home.database.transaction() as record:
            rows = [(name, "S", uri, *(home.store.stamp(uri) or ())) for uri in uris]
            record.executemany("INSERT INTO written VALUES (?, ?, ?, ?, ?, ?)", rows)
    home.close()


if __name__ == "__main__":
    main()
