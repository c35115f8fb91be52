"""The address that Amazon's SDK has for each image that can be asked for, as JSON: run by a Python that has the SDK.

Printed: a list of [framework, use, version, base, Python, Region, instance type, address or null]. `base` is what
Hugging Face needs besides. The SDK reads its tables and botocore's for every address; here once, for the sake of time.
"""

import json
import logging
import sys
from collections.abc import Iterator
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

try:
    from sagemaker.core import image_uris
except ImportError:
    from sagemaker import image_uris

FRAMEWORKS = ("sklearn", "xgboost", "spark", "pytorch", "tensorflow", "huggingface")
REGIONS = ("us-east-1", "ap-southeast-1", "cn-north-1", "us-gov-west-1", "us-east-9")
TYPES = (None, "ml.m5.xlarge", "ml.g5.xlarge", "ml.m6g.xlarge", "ml.c7g.xlarge", "ml.p4d.24xlarge")
FOLDER = Path(image_uris.__file__).parent / "image_uri_config"


def asked() -> Iterator[tuple[Any, ...]]:
    """Framework, use, version, base and Python: all that the tables have, and one each that they do not."""
    for framework in FRAMEWORKS:
        config = json.loads((FOLDER / f"{framework}.json").read_text(encoding="utf-8"))
        for use in {"training", "inference", "processing"} & config.keys():
            aliases = {} if framework == "huggingface" else config[use].get("version_aliases", {})
            for version in (*config[use]["versions"], *aliases, "9.9.9"):
                inner = config[use]["versions"].get(aliases.get(version, version), {})
                bases = inner.keys() - {"version_aliases"} if framework == "huggingface" else {None}
                for base in bases:
                    one = inner[base] if base else inner
                    pythons = one.get("py_versions") or [name for name in one if name in ("py2", "py3")]
                    for python in (None, *pythons, *(["py99"] if pythons else [])):
                        yield framework, use, version, base, python


def address(framework: str, use: str, version: str, base: str, python: str, region: str, kind: str) -> str | None:
    try:
        return image_uris.retrieve(
            framework,
            region,
            version=version,
            py_version=python,
            instance_type=kind,
            image_scope=use,
            base_framework_version=base,
        )
    except (ValueError, KeyError):
        return None


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    image_uris.utils._botocore_resolver = cache(image_uris.utils._botocore_resolver)
    image_uris.config_for_framework = cache(image_uris.config_for_framework)
    rows = [(*one, region, kind) for one, region, kind in product(sorted(asked(), key=str), REGIONS, TYPES)]
    json.dump([(*row, address(*row)) for row in rows], sys.stdout)
