"""Dockerfiles as they are read: what the image's program is, where its files go, what is refused."""

from __future__ import annotations

import os
import subprocess
import tarfile
from pathlib import Path

import pytest

from dagwright.engines.local.dockerfile import Recipe, read_dockerfile
from dagwright.engines.local.image_content import content_of
from dagwright.engines.local.image_layer import make_layer
from dagwright.errors import ConfigurationError
from dagwright.whole_files import beside, remove_abandoned

DOUBLED = "\n".join(f"ENV A{number + 1}=$A{number}$A{number}" for number in range(60))


def recipe(folder: Path, text: str) -> Recipe:
    (folder / "Dockerfile").write_text(text)
    return read_dockerfile(folder / "Dockerfile", "/usr/bin:/bin")


def targets(folder: Path, *lines: str) -> dict[str, str]:
    """Where each file goes: its place in the image -> its name in the build's folder."""
    files = content_of(recipe(folder, "\n".join(["FROM base", *lines]))).files
    return {target: file.source.relative_to(folder).as_posix() for target, file in files.items()}


@pytest.fixture
def context(tmp_path: Path) -> Path:
    with tarfile.open(tmp_path / "packed", "w:gz") as archive:
        archive.add(__file__, "a")
    for name in ("run.sh", "lib/a.py", "lib/deep/b.py", "with space.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    return tmp_path


def test_the_last_stage_counts_with_what_it_goes_on_from(tmp_path: Path) -> None:
    read = recipe(
        tmp_path,
        """# syntax=docker/dockerfile:1
ARG VERSION=3.13
FROM python:${VERSION}-slim AS base
ENV HOME_OF=/opt/program LEVEL="a b" \\
    # a comment within
    PATH=/opt/tools/bin:$PATH

RUN make everything && \\
    make more
FROM alpine AS other
ENTRYPOINT ["no"]
FROM base
ARG VERSION
ARG USER_ID=10001
ENV OLD the rest of it
WORKDIR $HOME_OF
WORKDIR work
USER ${USER_ID}:${GROUP:-5}
LABEL version=$VERSION
ENTRYPOINT ["/opt/program/run.sh", "$HOME_OF"]
CMD ["--all"]
""",
    )
    assert read.base == "python:3.13-slim"
    assert read.variables == {
        "PATH": "/opt/tools/bin:/usr/bin:/bin", "HOME_OF": "/opt/program", "LEVEL": "a b", "OLD": "the rest of it",
    }  # fmt: skip
    assert read.directory == "/opt/program/work"
    assert read.user == "10001:5"
    assert read.runs == ("make everything && make more",)
    assert read.command(()) == ("/opt/program/run.sh", "$HOME_OF", "--all")


@pytest.mark.parametrize(
    ("lines", "given", "started"),
    [
        (['ENTRYPOINT ["e"]', 'CMD ["c"]'], [], ["e", "c"]),
        (['ENTRYPOINT ["e"]', 'CMD ["c"]'], ["a"], ["e", "a"]),
        (['CMD ["c", "d"]'], [], ["c", "d"]),
        (['CMD ["c", "d"]'], ["a"], ["a"]),
        (['CMD ["c"]', 'ENTRYPOINT ["e"]'], [], ["e", "c"]),
        (['ENTRYPOINT ["e"]', 'ENTRYPOINT ["f"]'], [], ["f"]),
    ],
)
def test_arguments_take_the_place_of_cmd(
    tmp_path: Path, lines: list[str], given: list[str], started: list[str]
) -> None:
    read = recipe(tmp_path, "\n".join(["FROM base", *lines]))
    assert read.command(tuple(given)) == tuple(started)


def test_an_entrypoint_takes_back_the_cmd_of_the_stage_it_goes_on_from(tmp_path: Path) -> None:
    read = recipe(tmp_path, 'FROM base AS one\nCMD ["c"]\nFROM one\nENTRYPOINT ["e"]\n')
    assert read.command(()) == ("e",)


def test_words_are_quoted_as_in_a_shell_and_never_run(tmp_path: Path) -> None:
    read = recipe(
        tmp_path,
        r"""FROM base
ENV A=1 Z="$A"
ENV P="/a:\
/b" Q=\\
ENV B="$A two" C='$A' D=\$A E=${A:+set} F=${NONE:-x}y G=$(id) H=`id` I=a\ b""",
    )
    assert {name: value for name, value in read.variables.items() if name != "PATH"} == {
        "A": "1", "P": "/a:/b", "Q": "\\",
        "Z": "", "B": "1 two", "C": "$A", "D": "$A", "E": "set", "F": "xy", "G": "$(id)", "H": "`id`",
        "I": "a b",
    }  # fmt: skip


def test_files_go_where_docker_puts_them(context: Path) -> None:
    assert targets(context, "COPY run.sh /opt/run") == {"/opt/run": "run.sh"}
    assert targets(context, "COPY run.sh /opt/") == {"/opt/run.sh": "run.sh"}
    assert targets(context, "WORKDIR /app", "COPY run.sh .") == {"/app/run.sh": "run.sh"}
    assert targets(context, "WORKDIR /app", "COPY run.sh sub/r") == {"/app/sub/r": "run.sh"}
    assert targets(context, "COPY lib /app") == {"/app/a.py": "lib/a.py", "/app/deep/b.py": "lib/deep/b.py"}
    assert targets(context, "COPY --chown=1:1 lib/*.py run.sh /app/") == {
        "/app/a.py": "lib/a.py", "/app/run.sh": "run.sh",
    }  # fmt: skip
    assert targets(context, 'COPY ["with space.txt", "/app/"]') == {"/app/with space.txt": "with space.txt"}
    assert targets(context, "COPY lib/a.py /x", "COPY run.sh /x") == {"/x": "run.sh"}
    assert "/all/Dockerfile" in targets(context, "ADD . /all")
    (context / ".hidden").touch()
    assert set(targets(context, "COPY * /x/")) >= {"/x/.hidden", "/x/a.py", "/x/run.sh"}
    assert targets(context, "COPY l[i-j]?/*.py /x/") == {"/x/a.py": "lib/a.py"}


@pytest.mark.parametrize(
    ("ignored", "copied"),
    [
        ("", {"lib/a.py", "lib/deep/b.py", "run.sh"}),
        ("# a comment\nlib", {"run.sh"}),
        ("/lib/deep/\n", {"lib/a.py", "run.sh"}),
        ("**/*.py\n!lib/deep", {"lib/deep/b.py", "run.sh"}),
        ("*\n!lib/a.py", {"lib/a.py"}),
        ("**/b.py\n?un.sh", {"lib/a.py"}),
    ],
)
def test_what_is_ignored_is_not_copied(context: Path, ignored: str, copied: set[str]) -> None:
    (context / ".dockerignore").write_text(f"{ignored}\nDockerfile*\n.*\nwith*\npacked\n")
    assert set(targets(context, "COPY . /x").values()) == copied


def test_a_file_of_a_dockerfiles_own_says_what_is_ignored(context: Path) -> None:
    (context / ".dockerignore").write_text("run.sh")
    (context / "Dockerfile.dockerignore").write_text("lib")
    assert targets(context, "COPY run.sh /x") == {"/x": "run.sh"}
    with pytest.raises(ConfigurationError, match=r"'lib' is kept out by Dockerfile\.dockerignore"):
        targets(context, "COPY lib /x")


def test_folders_are_copied_though_nothing_is_in_them(context: Path) -> None:
    (context / "lib/empty").mkdir()
    content = content_of(recipe(context, "FROM base\nCOPY lib /no-such\nWORKDIR /no-such-either\n"))
    assert content.folders_of_its_own() == ["/no-such", "/no-such-either", "/no-such/deep", "/no-such/empty"]
    layer = make_layer(content, context / "layers")
    assert layer.tops == ("/no-such", "/no-such-either")
    assert (layer.folder / "no-such/empty").is_dir()


def test_an_archive_is_copied_as_it_is(context: Path) -> None:
    (context / "x.tar.gz").touch()
    assert targets(context, "COPY packed x.tar.gz /x/") == {"/x/packed": "packed", "/x/x.tar.gz": "x.tar.gz"}


def test_words_are_parted_by_any_blank_after_a_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_bytes(
        b"\xef\xbb\xbfFROM base\r\nENV A\tb c\r\nENV B=\xe2\x80\xa8\r\nCOPY --chmod=000 a /b"
    )
    read = read_dockerfile(tmp_path / "Dockerfile", "/bin")
    assert (read.base, read.variables["A"], read.copies[0].mode) == ("base", "b c", 0)


@pytest.mark.parametrize("line", ['RUN python -c "print(1<<3, 1 <<x)"', "RUN cat <<< text", "RUN echo $((1<<3))"])
def test_what_only_looks_like_a_here_document_is_followed(tmp_path: Path, line: str) -> None:
    assert recipe(tmp_path, f"FROM base\n{line}\n").runs == (line.removeprefix("RUN "),)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("COPY absent /opt/", "line 2: there is no 'absent' in"),
        ("COPY *.none /opt/", "line 2: nothing is named like '*.none'"),
        ("COPY ../secret /opt/", "line 2: '../secret' is outside of the build's folder"),
        ("COPY way-out /opt/", "line 2: 'way-out' is a link that leads out of"),
        ("COPY run.sh /opt/ml/code/", "line 2: /opt/ml/code/run.sh would not be there: SageMaker lays its own folders"),
        ("COPY run.sh /proc/run.sh", "line 2: /proc/run.sh belongs to the kernel"),
        ("WORKDIR /sys/x", "line 2: /sys/x belongs to the kernel"),
        ("WORKDIR /etc/passwd", "line 2: /etc/passwd is a file: nothing can be below it"),
        ("COPY run.sh /etc", "line 2: /etc is a folder: end it with a slash to copy into it"),
        ("COPY run.sh /opt/zz\nCOPY run.sh /opt/zz/b", "line 3: /opt/zz is a file: nothing can be below it"),
        ("COPY run.sh /opt/zz/b\nCOPY run.sh /opt/zz", "line 3: /opt/zz is a folder"),
        ("COPY odd /opt/", "line 2: 'odd/lib' is a link to a folder"),
        ("COPY pipe /opt/x", "line 2: 'pipe' is neither a file nor a folder"),
        (f"COPY {300 * 'a'} /opt/", "line 2: there is no 'aaa"),
        ("COPY [z-a] /opt/", "line 2: '[z-a]' is no pattern"),
        ("COPY a\0 /opt/", "line 2: a NUL is in it"),
        ("WORKDIR /a\0b", "line 2: a NUL is in it"),
        ('COPY ["run.sh", "/opt/\\ud800"]', r"line 2: no file and no argument can be called '/opt/\ud800'"),
        ("ENV A=${B:-${C}}", "has a form of variable that is not followed here"),
        ("ARG TARGETARCH\nENV A=$TARGETARCH", "line 3: TARGETARCH is a builder's to say"),
        ("ENV A", "line 2: 'A' has no value"),
        ("COPY --from=build /a /b", "line 2: COPY --from=build takes files from another image"),
        ("COPY --parents a /b", "line 2: --parents is not followed here"),
        ("COPY --chmod=u+x run.sh /b", "line 2: --chmod=u+x is not followed here"),
        ("COPY <<EOF /b", "line 2: a here-document is not followed here"),
        ("COPY run.sh", "line 2: COPY names files of the build's folder, and where they go"),
        ("ADD https://example.com/x /b", "line 2: ADD from an address is not followed here: nothing is fetched"),
        ("ADD packed /b", "line 2: 'packed' is an archive"),
        ("ENTRYPOINT run.sh --all", "line 2: ENTRYPOINT is a line for a shell"),
        ("CMD run.sh", "line 2: CMD is a line for a shell"),
        ("RUN <<EOF", "line 2: a here-document is not followed here"),
        ("ENV A=1 B", "line 2: 'B' has no value"),
        ("ENV A=${B#c}", "has a form of variable that is not followed here"),
        ("INCLUDE other", "line 2: 'INCLUDE' is not followed here"),
        ("FROM a b", "line 2: FROM names an image"),
        (f"CMD {100_000 * '['}", "line 2: CMD is a line for a shell"),
        (f"ENV A0=x\n{DOUBLED}", "line 24: its variables come to more than 4 MiB"),
        (DOUBLED.replace("ENV", "ARG").replace("A1=", "A0=x A1="), "its variables come to more than 4 MiB"),
        (f"ENV B={'x' * 9_999}\nENV A={500 * '$B'}", "line 3: its variables come to more than 4 MiB"),
        ("RUN x\n" * 10_000, "line 10001: no image has more than 10,000 instructions"),
    ],
    ids=lambda value: f"{value:.40}",
)
def test_what_cannot_be_followed_is_a_sentence_with_its_line(context: Path, line: str, said: str) -> None:
    (context / "way-out").symlink_to("/etc/passwd")
    (context / "odd").mkdir()
    (context / "odd/lib").symlink_to("../lib")
    os.mkfifo(context / "pipe")
    with pytest.raises(ConfigurationError) as caught:
        content_of(recipe(context, f"FROM base\n{line}\n"))
    assert said in caught.value.message


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "has no FROM: it is no Dockerfile"),
        ("COPY a b\nFROM base\n", "line 1: COPY stands before FROM"),
        ("# escape=`\nFROM base\n", "another escape character"),
        ("FROM base\n", "it has neither ENTRYPOINT nor CMD"),
        ("FROM base\n" + "#" * (1 << 20), "is no Dockerfile: it has more than 1 MiB"),
    ],
)
def test_a_file_that_starts_nothing_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        recipe(tmp_path, text).command(())
    assert said in caught.value.message


def test_a_file_that_cannot_be_read_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="Dockerfile cannot be read: No such file"):
        read_dockerfile(tmp_path / "Dockerfile", "")
    (tmp_path / "Dockerfile").write_bytes(b"\xff")
    with pytest.raises(ConfigurationError, match="it is not UTF-8 text"):
        read_dockerfile(tmp_path / "Dockerfile", "")


def test_a_layer_is_made_once_and_again_when_a_file_changes(context: Path) -> None:
    text = "FROM base\nWORKDIR /no-such/work\nCOPY --chmod=0755 run.sh /no-such/\nCOPY lib /usr/no-such-lib\n"
    read = recipe(context, text)
    layer = make_layer(content_of(read), context / "layers")
    assert layer.tops == ("/no-such", "/usr/no-such-lib")
    assert (layer.folder / "no-such/work").is_dir()
    assert (layer.folder / "no-such/run.sh").stat().st_mode & 0o777 == 0o755
    assert make_layer(content_of(read), context / "layers") == layer
    (context / "run.sh").write_text("other")
    other = make_layer(content_of(read), context / "layers")
    assert other.folder != layer.folder
    assert (other.folder / "no-such/run.sh").read_text() == "other"
    assert (layer.folder / "no-such/run.sh").read_text() == "run.sh"


def test_what_a_killed_run_left_of_a_layer_is_not_in_it(context: Path) -> None:
    content = content_of(recipe(context, "FROM base\nCOPY run.sh /no-such/\nWORKDIR /no-such/work\n"))
    layers = context / "layers"
    layer = make_layer(content, layers)
    gone = subprocess.Popen(["true"])
    gone.wait()
    left = beside(layer.folder).with_name(beside(layer.folder).name.replace(str(os.getpid()), str(gone.pid)))
    layer.folder.rename(left)
    (left / "no-such/half").touch()
    assert make_layer(content, layers) == layer
    assert sorted(path.name for path in (layer.folder / "no-such").iterdir()) == ["run.sh", "work"]
    remove_abandoned(layers)  # as whoever settles does
    assert list(layers.iterdir()) == [layer.folder]
