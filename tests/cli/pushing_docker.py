"""A `docker` for tests of `images push`, to be put on PATH: writes down how it is called, and pushes into moto's ECR.

Its folder (FAKE_DOCKER) holds `calls`, an object a line: the words, what came in by standard input, and what the
client's configuration was. A word in `failing` fails that command. `pushed_by_another` names a tag that is in the
registry just before the push, which then fails as it does where tags cannot be moved.
"""

from __future__ import annotations

import json
import os
import sys
from hashlib import sha256
from pathlib import Path

HOME = Path(os.environ.get("FAKE_DOCKER", "."))
DOCKER = "application/vnd.docker.distribution.manifest.v2+json"


def note(words: list[str]) -> None:
    config = Path(os.environ["DOCKER_CONFIG"])
    call = {
        "words": words,
        "given": sys.stdin.read(),
        "folder": str(config),
        "mode": config.stat().st_mode & 0o777,
        "config": json.loads((config / "config.json").read_text()),
        "linked": sorted(path.name for path in config.iterdir() if path.is_symlink()),
    }
    with open(HOME / "calls", "a") as calls:
        calls.write(json.dumps(call) + "\n")


def put(image: str, content: bytes) -> None:
    import boto3

    address, _, tag = image.rpartition(":")
    config = {"mediaType": "application/vnd.docker.container.image.v1+json", "size": 1}
    layers = [{"mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip", "size": 1}]
    digest = f"sha256:{sha256(content).hexdigest()}"
    manifest = {
        "schemaVersion": 2,
        "mediaType": (HOME / "form").read_text() if (HOME / "form").exists() else DOCKER,
        "config": {**config, "digest": digest},
        "layers": [{**layer, "digest": digest} for layer in layers],
    }
    boto3.client("ecr", region_name="us-east-1").put_image(
        repositoryName=address.partition("/")[2],
        imageManifest=json.dumps(manifest),
        imageManifestMediaType=manifest["mediaType"],
        imageTag=tag,
    )


def main(words: list[str]) -> int:
    note(words)
    failing = (HOME / "failing").read_text() if (HOME / "failing").exists() else ""
    match words:
        case ["buildx", "build", *_]:
            for number in range(30):
                print(f"#{number} of the build\x1b[2K", file=sys.stderr, flush=True)
            image, folder = words[words.index("--tag") + 1], words[-1]
            (HOME / "built").write_text(json.dumps([image, folder]))
        case ["push", image]:
            if (HOME / "pushed_by_another").exists():
                put(image, b"another")
            if failing != "push":
                built, folder = json.loads((HOME / "built").read_text())
                assert built == image
                put(image, (Path(folder) / "Dockerfile").read_bytes())
    if failing and failing in words:
        print(f"ERROR: {failing} does not go", flush=True)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
