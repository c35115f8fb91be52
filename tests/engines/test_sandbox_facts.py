"""What a sandbox is made of, as a job itself finds it: compared with what it should be, word for word."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from engines.place import Place

FACTS = """
import ctypes, re
status = dict(line.split(":", 1) for line in open("/proc/self/status") if ":" in line)
def attempt(work):
    try:
        work()
        return "done"
    except OSError as error:
        return type(error).__name__
def unshare():
    if ctypes.CDLL(None, use_errno=True).unshare(0x10000000) != 0:
        raise OSError(ctypes.get_errno(), "refused")
mounts = [line.split() for line in open("/proc/self/mountinfo")]
write("facts.json", {
    "capabilities": [status[name].strip() for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")],
    "new privileges": status["NoNewPrivs"].strip(),
    "devices": sorted(name for name in os.listdir("/dev") if not name.startswith("nvidia")),
    "spaces": {name: os.readlink(f"/proc/self/ns/{name}") for name in ("user", "mnt", "pid", "uts", "ipc")},
    "writable": sorted({fields[4] for fields in mounts if "ro" not in fields[5].split(",")}),
    "with devices": sorted({fields[4] for fields in mounts if "nodev" not in fields[5].split(",")}),
    "processes": sorted(int(name) for name in os.listdir("/proc") if name.isdigit()),
    "user namespace": attempt(unshare),
    "terminal": attempt(os.openpty),
    "home": os.listdir(sys.argv[1]) if len(sys.argv) > 1 else [],
})
"""
KEPT = "00000000000024fb"  # chown, permissions, owner, set-ID bits, kill, setgid, setuid, low ports, raw sockets
OWN = ["/", "/dev/shm", "/etc/hosts", "/opt/ml", "/proc", "/run", "/tmp", "/var/tmp"]


def facts_of(place: Place) -> Any:
    execution = place.run(place.writing("P", FACTS))
    assert execution.status == "Succeeded", place.log(execution, "P")
    return place.json("P/facts.json")


def test_a_job_has_what_a_container_has_and_no_more(sandboxed: Place) -> None:
    facts = facts_of(sandboxed)
    nothing = "0" * 16
    assert facts["capabilities"] == [nothing, KEPT, KEPT, KEPT, nothing]
    assert facts["new privileges"] == "1"
    links = {"fd", "stdin", "stdout", "stderr", "ptmx"}
    allowed = {"null", "zero", "full", "random", "urandom", "tty", "shm", "pts"} | links
    assert set(facts["devices"]) <= allowed
    assert {"null", "zero", "urandom", "shm"} <= set(facts["devices"])
    for name, space in facts["spaces"].items():
        assert space != os.readlink(f"/proc/self/ns/{name}"), name
    assert facts["user namespace"] != "done"
    assert facts["processes"][0] == 1
    assert len(facts["processes"]) == 2


def test_only_its_own_places_can_be_written_and_only_devices_have_devices(sandboxed: Place) -> None:
    facts = facts_of(sandboxed)
    own = [*OWN, "/dev/pts", *(f"/dev/{name}" for name in os.listdir("/dev"))]
    assert set(facts["writable"]) <= set(own)
    devices = [place for place in facts["with devices"] if place.startswith("/dev/")]
    others = set(facts["with devices"]) - set(devices) - set(OWN)
    assert others == set()


@pytest.fixture
def linked(namespaces: str) -> Iterator[Place]:
    """A project whose `.dagwright` is a link to another disk, as people make it when theirs is full."""
    with tempfile.TemporaryDirectory(dir=Path.home()) as folder, tempfile.TemporaryDirectory(dir="/var/tmp") as disk:
        (Path(folder) / ".dagwright").symlink_to(disk)
        place = Place(Path(folder), namespaces)
        yield place
        place.engine.close()


def test_a_linked_project_folder_protects_as_well(linked: Place) -> None:
    facts = facts_of(linked)
    assert set(facts["writable"]) <= {*OWN, "/dev/pts", *(f"/dev/{name}" for name in os.listdir("/dev"))}


@pytest.mark.parametrize("target", ["/opt/ml/processing/in/", "/opt/ml/processing/./in", "/opt/ml//processing/in"])
def test_a_linked_input_is_read_only_however_its_path_is_spelled(
    target: str, place_with: Callable[..., Place], namespaces: str
) -> None:
    place = place_with(sandbox=namespaces, copy_below_mib=0)
    place.put("raw/x", "original")
    step = place.writing(
        "P", "write('seen', open('/opt/ml/processing/in/x').read())\nopen('/opt/ml/processing/in/x', 'w')"
    )
    source = {"S3Uri": "s3://bucket/raw", "LocalPath": target, "S3DataType": "S3Prefix", "S3InputMode": "File"}
    step["Arguments"]["ProcessingInputs"].append({"InputName": "in", "S3Input": source})
    execution = place.run(step)
    assert "Read-only file system" in execution.steps["P"].failure_reason
    assert place.text("raw/x") == "original"


def test_a_job_does_not_find_the_users_own_files_and_sockets(sandboxed: Place) -> None:
    with tempfile.TemporaryDirectory(dir=Path.home()) as folder:
        door = Path(folder) / "agent"
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(str(door))
            listening.listen()
            (Path(folder) / "secret").write_text("secret")
            script = f"write('seen.json', [os.path.exists({str(door)!r}), os.path.exists({folder + '/secret'!r})])"
            assert sandboxed.run(sandboxed.writing("P", script)).status == "Succeeded"
    assert sandboxed.json("P/seen.json") == [False, False]
