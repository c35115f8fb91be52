"""Jobs that start the program of their image, of which a Dockerfile says what it is."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from engines.place import IMAGE, Place

from dagwright.errors import DagwrightError
from dagwright.project import EnvironmentRule

RULE = EnvironmentRule(IMAGE, dockerfile="image/Dockerfile")
PROGRAM = """#!/bin/sh
out=$1/processing/out
mkdir -p "$out"
exec > "$out/seen"
echo "program $0"
echo "arguments $2"
echo "where $(pwd)"
echo "mode $MODE"
cat "$(dirname "$0")/lib/note"
"""
DOCKERFILE = """FROM debian:13-slim
RUN apt-get install --yes jq
ENV MODE=gentle
WORKDIR /opt/program
COPY run.sh ./
COPY lib lib
USER 1000
ENTRYPOINT ["/opt/program/run.sh", "/opt/ml"]
CMD ["from-cmd"]
"""


@pytest.fixture
def imaged(place_with: Callable[..., Place], each_way: str) -> Place:
    """A place whose image has a Dockerfile."""
    made = place_with(sandbox=each_way, environments=(RULE,))
    (made.folder / "image/lib").mkdir(parents=True)
    (made.folder / "image/lib/note").write_text("note\n")
    (made.folder / "image/run.sh").write_text(PROGRAM)
    (made.folder / "image/run.sh").chmod(0o755)
    (made.folder / "image/Dockerfile").write_text(DOCKERFILE)
    return made


def step(place: Place, entrypoint: list[str] | None = None, arguments: list[str] | None = None) -> dict[str, Any]:
    made = place.processing("Own", entrypoint=entrypoint or [], outputs={"out": "s3://bucket/Own"})
    specification = made["Arguments"]["AppSpecification"]
    if not entrypoint:
        del specification["ContainerEntrypoint"]
    if arguments:
        specification["ContainerArguments"] = arguments
    return made


def seen(place: Place) -> dict[str, str]:
    lines = [line.partition(" ") for line in place.text("Own/seen").splitlines()]
    return {word: rest for word, _, rest in lines}


@pytest.mark.parametrize(("given", "arrived"), [(None, "from-cmd"), (["given"], "given")])
def test_the_image_starts_its_program(imaged: Place, given: list[str] | None, arrived: str) -> None:
    execution = imaged.run(step(imaged, arguments=given))
    assert execution.status == "Succeeded", execution.failure_reason
    found = seen(imaged)
    assert (found["arguments"], found["mode"]) == (arrived, "gentle")
    assert "note" in found
    folder = os.path.dirname(found["program"])
    assert found["where"] == folder
    assert folder.endswith("/opt/program")
    assert (folder == "/opt/program") == imaged.sandboxed


def test_an_entrypoint_of_the_job_drops_the_images_and_keeps_its_files(imaged: Place) -> None:
    execution = imaged.run(step(imaged, ["sh", "/opt/program/run.sh", "/opt/ml", "mine"]))
    assert execution.status == "Succeeded", execution.failure_reason
    assert seen(imaged)["arguments"] == "mine"


def test_variables_of_the_job_win_over_the_images(imaged: Place) -> None:
    made = step(imaged)
    made["Arguments"]["Environment"]["MODE"] = "firm"
    assert imaged.run(made).status == "Succeeded"
    assert seen(imaged)["mode"] == "firm"


def test_what_is_not_done_is_said_once(imaged: Place) -> None:
    imaged.run(step(imaged), {**step(imaged), "Name": "Again"})
    (line,) = [note for note in imaged.watcher.notes if "Dockerfile" in note]
    assert line == (
        "image image:1 is what image/Dockerfile copies, on this machine instead of debian:13-slim; "
        "not followed: RUN apt-get install --yes jq, USER 1000"
    )


def test_a_job_cannot_change_the_files_of_its_image(imaged: Place) -> None:
    if not imaged.sandboxed:
        pytest.skip("without a sandbox a job can change what you can")
    assert imaged.run(step(imaged, ["sh", "-c", "echo changed > /opt/program/lib/note"])).status == "Failed"
    assert (imaged.folder / "image/lib/note").read_text() == "note\n"


def test_without_a_sandbox_a_job_changes_its_own_copy_of_the_image(place_with: Callable[..., Place]) -> None:
    place = place_with(sandbox="paths", environments=(RULE,))
    (place.folder / "image").mkdir()
    (place.folder / "image/note").write_text("note\n")
    (place.folder / "image/Dockerfile").write_text("FROM x\nWORKDIR /no-such-app\nCOPY note ./\n")
    script = "cat note > /opt/ml/processing/out/seen && ls >> /opt/ml/processing/out/seen && echo x > note && touch new"
    for _ in range(2):
        execution = place.run(step(place, ["sh", "-c", script]))
        assert execution.status == "Succeeded", execution.failure_reason
        assert place.text("Own/seen") == "note\nnote\n"


def test_files_may_lie_among_those_of_the_machine(imaged: Place) -> None:
    """Where the machine has a folder of that name, its own files stay where they are."""
    if not imaged.sandboxed:
        pytest.skip("without a sandbox paths in arguments are replaced, folders are not laid over each other")
    text = "FROM x\nCOPY run.sh /usr/local/bin/own-program\nCOPY lib /app\n"
    (imaged.folder / "image/Dockerfile").write_text(text)
    script = (
        "ls /etc/hosts /usr/bin/env && cat /app/note && test -x /usr/local/bin/own-program && command -v own-program"
    )
    execution = imaged.run(step(imaged, ["sh", "-c", script]))
    assert execution.status == "Succeeded", execution.failure_reason
    assert not os.path.exists("/usr/local/bin/own-program")
    assert not os.path.exists("/app/note")


def test_a_folder_that_was_opened_for_a_file_keeps_the_rest_read_only(imaged: Place) -> None:
    if not imaged.sandboxed:
        pytest.skip("without a sandbox a job can change what you can")
    (imaged.folder / "image/Dockerfile").write_text("FROM x\nCOPY run.sh /etc/own-program\n")
    before = Path("/etc/passwd").read_bytes()
    script = "cat /etc/own-program /etc/passwd > /dev/null && ls -d /etc/ssl && ! (echo x >> /etc/passwd) 2> /dev/null"
    execution = imaged.run(step(imaged, ["sh", "-c", script]))
    assert execution.status == "Succeeded", execution.failure_reason
    assert Path("/etc/passwd").read_bytes() == before
    assert not os.path.exists("/etc/own-program")


def test_a_working_folder_of_sagemaker_is_the_jobs(imaged: Place) -> None:
    (imaged.folder / "image/Dockerfile").write_text(
        'FROM x\nWORKDIR /opt/ml/processing/work\nENTRYPOINT ["sh", "-c"]\n'
    )
    execution = imaged.run(step(imaged, arguments=["mkdir -p ../out && pwd > ../out/seen"]))
    assert execution.status == "Succeeded", execution.failure_reason
    assert imaged.text("Own/seen").strip().endswith("/processing/work")


def test_a_training_image_is_started_with_train(imaged: Place) -> None:
    made = imaged.training("Own", "")
    made["Arguments"]["AlgorithmSpecification"].pop("ContainerEntrypoint", None)
    program = 'mkdir -p "$1/model" && echo "$2" > "$1/model/seen"\n'
    (imaged.folder / "image/run.sh").write_text("#!/bin/sh\n" + program)
    execution = imaged.run(made)
    assert execution.status == "Succeeded", execution.failure_reason
    output = execution.steps["Own"].output
    assert output
    assert imaged.archive(output["ModelArtifacts"]["S3ModelArtifacts"]) == {"seen": b"train\n"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("FROM x\nENTRYPOINT run.sh\n", "line 2: ENTRYPOINT is a line for a shell"),
        ('FROM x\nCOPY absent /opt/\nENTRYPOINT ["a"]\n', "line 2: there is no 'absent'"),
        ("FROM x\n", "neither ENTRYPOINT nor CMD"),
    ],
)
def test_a_dockerfile_that_cannot_be_followed_is_said_before_anything_starts(
    imaged: Place, text: str, said: str
) -> None:
    (imaged.folder / "image/Dockerfile").write_text(text)
    with pytest.raises(DagwrightError) as caught:
        imaged.run(step(imaged))
    assert said in str(caught.value)
    assert not (Path(imaged.folder) / ".dagwright/logs").exists()


def test_without_a_rule_the_hint_names_the_ways(place_with: Callable[..., Place]) -> None:
    bare = place_with(sandbox="paths")
    with pytest.raises(DagwrightError) as caught:
        bare.run(step(bare))
    text = str(caught.value)
    assert "starts the program built into its image 'registry/image:1'" in text
    for way in ("local.environments", "Dockerfile", "ContainerEntrypoint", "--runtime docker"):
        assert way in text
