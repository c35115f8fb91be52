"""What a job in a sandbox can see and do. Each script reports what it managed."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from engines.place import Meeting, Place

from dagwright.engines.local.job_run import NETWORK_VARIABLES, translated

ATTEMPTS = """
def attempt(work):
    try:
        work()
        return "done"
    except OSError as error:
        return type(error).__name__ + " " + str(error.errno)
def touch(path):
    return attempt(lambda: open(path, "w").close())
"""
ABSENT = "FileNotFoundError 2"
READ_ONLY, REFUSED = "OSError 30", "PermissionError"


@pytest.fixture
def in_home(namespaces: str) -> Iterator[Place]:
    """A project outside the folders that a sandbox has as its own."""
    folder = Path(tempfile.mkdtemp(dir=Path.home()))
    place = Place(folder, namespaces)
    yield place
    place.engine.close()
    shutil.rmtree(folder)


def test_the_same_paths_are_two_places_at_once(sandboxed: Place, meeting: Callable[[int], Meeting]) -> None:
    door = meeting(2)
    script = """
open("/opt/ml/processing/out/mine", "w").write(open("/opt/ml/processing/in/who").read())
open("/tmp/mine", "w").write("x")
meet()
write("seen.json", [open("/opt/ml/processing/out/mine").read(), os.listdir("/opt/ml/processing/in")])
"""
    steps = []
    for name in ("A", "B"):
        sandboxed.put(f"in/{name}/who", name)
        variables = {"MEETING": door.port}
        steps.append(sandboxed.writing(name, script, inputs={"in": f"s3://bucket/in/{name}"}, variables=variables))
    import threading

    threading.Thread(target=lambda: door.complete.wait() and door.release(), daemon=True).start()
    assert sandboxed.run(*steps).status == "Succeeded"
    assert [sandboxed.json(f"{name}/seen.json") for name in ("A", "B")] == [["A", ["who"]], ["B", ["who"]]]


def test_a_job_writes_in_its_own_places_only(in_home: Place) -> None:
    (in_home.folder / "mine.txt").write_text("mine")
    own = ["/tmp/x", "/var/tmp/x", "/dev/shm/x", "/x", "/opt/ml/x", "/run/x"]
    others = ["/usr/x", "/etc/x", "/proc/sys/kernel/hostname", f"{in_home.folder}/x"]
    others += [f"{in_home.folder}/{name}" for name in ("mine.txt", ".dagwright/x", ".dagwright/record.sqlite3")]
    script = f"""
{ATTEMPTS}
write("seen.json", {{
    "own": [touch(path) for path in {own}],
    "others": [touch(path) for path in {others}],
    "found": [os.listdir(path) for path in ("/tmp", "/var/tmp", "/dev/shm")],
    "home": touch(os.path.expanduser("~/x")),
    "null": attempt(lambda: open("/dev/null", "w").write("x")),
    "remove": attempt(lambda: os.unlink({str(in_home.folder / "mine.txt")!r})),
    "rename": attempt(lambda: os.rename({str(in_home.folder)!r}, {str(in_home.folder) + "-2"!r})),
}})
"""
    execution = in_home.run(in_home.writing("P", script))
    assert execution.status == "Succeeded", in_home.log(execution, "P")
    seen = in_home.json("P/seen.json")
    assert seen["own"] == ["done"] * len(own)
    out_of_reach = (READ_ONLY, REFUSED, ABSENT)  # absent: the user's own folder is empty to a job
    assert all(word.startswith(out_of_reach) for word in seen["others"]), seen
    shown = Path(sys.prefix).parts[2:3] if sys.prefix.startswith("/tmp/") else ()  # where the interpreter has to be
    assert [set(names) - {*shown, "python"} for names in seen["found"]] == [{"x"}] * 3, "and where pip is led to"
    assert (seen["home"], seen["null"]) == ("done", "done")
    assert all(word.startswith((*out_of_reach, "OSError 16")) for word in (seen["remove"], seen["rename"]))
    assert (in_home.folder / "mine.txt").read_text() == "mine"
    assert not Path("/x").exists()


def test_a_job_sees_its_own_processes_and_cannot_leave(sandboxed: Place) -> None:
    script = f"""
{ATTEMPTS}
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
def call(name, *arguments):
    return "done" if getattr(libc, name)(*arguments) == 0 else ctypes.get_errno()
write("seen.json", {{
    "processes": sorted(int(name) for name in os.listdir("/proc") if name.isdigit()),
    "mine": os.getpid(),
    "descriptors": [os.readlink(f"/proc/self/fd/{{fd}}") for fd in os.listdir("/proc/self/fd") if int(fd) > 2
                    and os.path.exists(f"/proc/self/fd/{{fd}}")],
    "streams": [os.readlink(f"/proc/self/fd/{{fd}}").rpartition("/")[2] for fd in (0, 1, 2)],
    "mount": call("mount", b"none", b"/usr", None, 32 | 4096, None),
    "umount": call("umount2", b"/opt/ml", 2),
    "chroot": attempt(lambda: os.chroot("/tmp")),
    "init": attempt(lambda: os.listdir("/proc/1/root")),
    "memory": attempt(lambda: open("/proc/1/mem", "rb")),
    "hostname": attempt(lambda: socket.sethostname("other")),
    "user": os.geteuid(),
}})
"""
    execution = sandboxed.run(sandboxed.writing("P", script))
    assert execution.status == "Succeeded", sandboxed.log(execution, "P")
    seen = sandboxed.json("P/seen.json")
    assert seen["processes"] == [1, seen["mine"]]
    assert seen["descriptors"] == []
    assert seen["streams"] == ["null", "algo-1.log", "algo-1.log"]
    refused = [seen[name] for name in ("mount", "umount", "chroot", "init", "memory", "hostname")]
    assert all(word == 1 or str(word).startswith(REFUSED) for word in refused), seen
    assert seen["user"] == 0


def test_network_isolation_leaves_no_way_out_but_its_own_loopback(sandboxed: Place) -> None:
    with socket.create_server(("127.0.0.1", 0)) as outside:
        script = f"""
{ATTEMPTS}
own = socket.create_server(("127.0.0.1", 0))
write("seen.json", {{
    "outside": attempt(lambda: socket.create_connection(("127.0.0.1", {outside.getsockname()[1]}))),
    "own": attempt(lambda: socket.create_connection(own.getsockname())),
    "far": attempt(lambda: socket.create_connection(("192.0.2.1", 80))),
    "interfaces": [name for _, name in socket.if_nameindex()],
}})
"""
        open_job, isolated = sandboxed.writing("Open", script), sandboxed.writing("Isolated", script, isolated=True)
        isolated["Arguments"]["Environment"]["far"] = "no"
        open_job["Arguments"]["AppSpecification"]["ContainerEntrypoint"] = [
            "python3", "-c", f"import socket; socket.create_connection(('127.0.0.1', {outside.getsockname()[1]}))",
        ]  # fmt: skip
        execution = sandboxed.run(open_job, isolated)
    assert execution.status == "Succeeded", execution.failure_reason
    seen = sandboxed.json("Isolated/seen.json")
    assert seen["outside"].startswith("ConnectionRefusedError")
    assert seen["far"].startswith("OSError 101")
    assert seen["own"] == "done"
    assert "lo" in seen["interfaces"]
    assert not {"eth0", "ens5"} & set(seen["interfaces"])


def test_nothing_of_the_callers_environment_enters_a_job(sandboxed: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NETWORK_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name in (
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_PROFILE",
        "SECRET",
        "VIRTUAL_ENV",
        "PYTHONSTARTUP",
    ):
        monkeypatch.setenv(name, "from outside")
    monkeypatch.setenv("PYTHONPATH", "/from/outside")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy")
    script = "write('seen.json', dict(os.environ))"
    sandboxed.run(sandboxed.writing("Open", script), sandboxed.writing("Isolated", script, isolated=True))
    seen = sandboxed.json("Open/seen.json")
    assert not [value for value in seen.values() if "outside" in value]
    assert seen["HTTPS_PROXY"] == "http://proxy"
    assert "HTTPS_PROXY" not in sandboxed.json("Isolated/seen.json")
    assert set(seen) - {"HTTPS_PROXY", "LC_CTYPE"} == {
        "PATH", "HOME", "LANG", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE", "PIP_TARGET", "PIP_PYTHON",
        "PIP_DISABLE_PIP_VERSION_CHECK", "PYTHONPATH", "ML", "HOSTNAME", "NO_PROXY", "no_proxy", "DAGWRIGHT_ENDPOINT",
        "AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_DEFAULT_REGION",
        "AWS_EC2_METADATA_DISABLED",
    }  # fmt: skip


def test_python_on_path_is_the_environments(sandboxed: Place) -> None:
    script = """
import subprocess
write("seen.json", [subprocess.check_output([name, "-c", "import sys; print(sys.prefix)"], text=True).strip()
                    for name in ("python", "python3")])
"""
    sandboxed.run(sandboxed.writing("P", script))
    assert sandboxed.json("P/seen.json") == [os.path.realpath(sys.prefix)] * 2


def test_large_inputs_are_links_that_cannot_be_harmed(place_with: Callable[..., Place], namespaces: str) -> None:
    place = place_with(sandbox=namespaces, copy_below_mib=0)
    place.put("raw/x", "original")
    script = f"""
{ATTEMPTS}
import shutil, subprocess
x = "/opt/ml/processing/in/x"
held = open(x)
write("seen.json", {{
    "write": touch(x),
    "again": touch(f"/proc/self/fd/{{held.fileno()}}"),
    "remove": attempt(lambda: os.unlink(x)),
    "chmod": attempt(lambda: os.chmod(x, 0o777)),
    "times": attempt(lambda: os.utime(x)),
    "link": attempt(lambda: os.link(x, "/opt/ml/processing/out/link")),
    "rename": attempt(lambda: os.rename(x, "/opt/ml/processing/out/moved")),
    "folder": attempt(lambda: os.rename("/opt/ml/processing/in", "/opt/ml/processing/other")),
    "tree": attempt(lambda: shutil.rmtree("/opt/ml/processing/in")),
    "unmount": subprocess.run(["unshare", "-Urm", "umount", "/opt/ml/processing/in"]).returncode,
    "names": os.stat(x).st_nlink,
}})
"""
    execution = place.run(place.writing("P", script, inputs={"in": "s3://bucket/raw"}))
    assert execution.status == "Succeeded", place.log(execution, "P")
    seen = place.json("P/seen.json")
    assert seen.pop("names") == 2
    assert seen.pop("unmount") != 0
    assert all(word != "done" for word in seen.values()), seen
    assert place.text("raw/x") == "original"


def test_small_inputs_are_copies_that_a_job_may_change(place: Place) -> None:
    place.put("raw/x", "original")
    script = "open(ML + '/processing/in/x', 'a').write(' changed'); write('x', open(ML + '/processing/in/x').read())"
    place.run(place.writing("P", script, inputs={"in": "s3://bucket/raw"}))
    assert (place.text("raw/x"), place.text("P/x")) == ("original", "original changed")


def test_an_input_is_not_a_link_where_the_job_writes(place_with: Callable[..., Place]) -> None:
    place = place_with(copy_below_mib=0)
    place.put("raw/x", "original")
    inputs = {"in": {"S3Uri": "s3://bucket/raw", "LocalPath": "/opt/ml/processing/out"}}
    assert place.run(place.writing("P", "write('x', 'new')", inputs=inputs)).status == "Succeeded"
    assert (place.text("raw/x"), place.text("P/x")) == ("original", "new")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("/opt/ml", True),
        ("/opt/ml/", True),
        ("/opt/ml/model", True),
        ("--out=/opt/ml/x", True),
        ("a:/opt/ml/x", True),
        ("x,/opt/ml", True),
        ('{"dir": "/opt/ml"}', True),
        ("['/opt/ml/x']", True),
        ("cp @/opt/ml/x (/opt/ml)", True),
        ("sort </opt/ml/x >/opt/ml/y;", True),
        ("tar -C/opt/ml/x", True),
        ("-I/opt/ml/x", True),
        ("${DIR:-/opt/ml/x}", True),
        ("file:///opt/ml/x", True),
        ("s3://bucket/opt/ml/x", False),
        ("https://host/opt/ml/x", False),
        ("/opt/mlflow/x", False),
        ("/opt/ml-data", False),
        ("/opt/ml.txt", False),
        ("/data/opt/ml/y", False),
        ("../opt/ml/y", False),
        ("a-b/opt/ml", False),
        ("/opt//ml", False),
    ],
)
def test_opt_ml_is_replaced_where_it_is_a_path_of_its_own(text: str, named: bool) -> None:
    assert translated(text, "/f\\1") == (text.replace("/opt/ml", "/f\\1") if named else text)


def test_the_names_of_hosts_are_the_jobs_own(sandboxed: Place) -> None:
    before = Path("/etc/hosts").read_bytes()
    script = "open('/etc/hosts', 'a').write('127.9.9.9 mine'); write('x', socket.gethostbyname('mine'))"
    execution = sandboxed.run(sandboxed.writing("P", script))
    assert execution.status == "Succeeded", execution.failure_reason
    assert (sandboxed.text("P/x"), Path("/etc/hosts").read_bytes()) == ("127.9.9.9", before)


def test_without_a_sandbox_arguments_and_variables_name_the_jobs_folder(plain: Place) -> None:
    script = "write('seen.json', [sys.argv[1], os.environ['WHERE'], os.getcwd(), os.path.expanduser('~')])"
    step = plain.writing("P", script, variables={"WHERE": "/opt/ml/processing/out:/opt/ml"})
    step["Arguments"]["AppSpecification"]["ContainerArguments"] = ["--out=/opt/ml/processing/out"]
    assert plain.run(step).status == "Succeeded"
    argument, variable, directory, home = plain.json("P/seen.json")
    assert argument == f"--out={directory}/ml/processing/out"
    assert variable == f"{directory}/ml/processing/out:{directory}/ml"
    assert home == f"{directory}/tmp"
    assert [note for note in plain.watcher.notes if note.startswith("sandbox: none")] == plain.watcher.notes[:1]


UNPRIVILEGED = """
import sys
sys.path[:0] = {path}
from pathlib import Path
from engines.place import Place
folder = Path({folder!r})
place = Place(folder, sandbox="namespaces")
write = "write('d/f', str(os.geteuid())); os.chmod(OUT + '/d/f', 0); os.chmod(OUT + '/d', 0); os.chmod(OUT, 0)"
train = "open('/opt/ml/model/m', 'w'); os.chmod('/opt/ml/model/m', 0)"
execution = place.run(place.writing("P", write), place.training("T", train))
left = list((folder / ".dagwright/jobs").iterdir())
print(execution.status, execution.failure_reason, place.text("P/d/f"), len(left))
"""


def test_an_unprivileged_user_has_sandboxes_too(refusal: str) -> None:
    if refusal or os.geteuid() != 0 or not shutil.which("setpriv"):
        pytest.skip("this test starts as root and steps down")
    root = Path(__file__).parents[2]
    user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    probe = "import subprocess, sys, dagwright.project; subprocess.run([sys.executable, '-c', ''], check=True)"
    pythons = (sys.executable, "/usr/bin/python3")
    usable = [
        python
        for python in pythons
        if subprocess.run([*user, python, "-c", probe], cwd=root, capture_output=True, check=False).returncode == 0
    ]
    if not usable:
        pytest.skip("an unprivileged user cannot read this checkout or its Python")
    folder = tempfile.mkdtemp(dir="/var/tmp")
    os.chown(folder, 65534, 65534)
    program = UNPRIVILEGED.format(path=[str(root), str(root / "tests")], folder=folder)
    words = [*user, usable[0], "-c", program]
    try:
        done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    finally:
        shutil.rmtree(folder)
    assert (done.stdout, done.returncode) == ("Succeeded  0 0\n", 0), done.stderr
