"""Where a project's things lie in its bucket.

In come a bucket, the layout of its keys, and parts of an address. Out comes an S3 address: a text as long as every part
is one; with a pipeline variable among the parts, a Join.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, overload

if TYPE_CHECKING:
    from dagwright.variables import PipelineVariable, Text

    Plain: TypeAlias = str | int
    Part: TypeAlias = str | int | PipelineVariable


@dataclass(frozen=True)
class Layout:
    """Key prefixes in the project's bucket, without slashes at either end; `features` holds `{version}`."""

    raw: str
    processed: str
    features: str
    models: str
    metrics: str
    code: str
    pipelines: str


class Addresses:
    """The addresses of whatever has a `bucket` and a `layout`. Slashes at the ends of a part do not count."""

    bucket: str
    layout: Layout

    @overload
    def s3_uri(self, *parts: Plain) -> str: ...
    @overload
    def s3_uri(self, *parts: Part) -> Text: ...
    def s3_uri(self, *parts: Part) -> Text:
        """`s3://{bucket}/a/b`: the parts below the bucket."""
        return self._address("", parts)

    @overload
    def raw(self, *parts: Plain) -> str: ...
    @overload
    def raw(self, *parts: Part) -> Text: ...
    def raw(self, *parts: Part) -> Text:
        """Where data lies as it came in."""
        return self._address(self.layout.raw, parts)

    @overload
    def processed(self, *parts: Plain) -> str: ...
    @overload
    def processed(self, *parts: Part) -> Text: ...
    def processed(self, *parts: Part) -> Text:
        """Where processing steps write."""
        return self._address(self.layout.processed, parts)

    @overload
    def features(self, version: Plain, *parts: Plain) -> str: ...
    @overload
    def features(self, version: Part, *parts: Part) -> Text: ...
    def features(self, version: Part, *parts: Part) -> Text:
        """Where one version of the features lies; the version may be a pipeline variable."""
        before, after = self.layout.features.split("{version}")
        return _written([f"s3://{self.bucket}/{before}", version, after, *_below(parts)])

    @overload
    def models(self, *parts: Plain) -> str: ...
    @overload
    def models(self, *parts: Part) -> Text: ...
    def models(self, *parts: Part) -> Text:
        """Where model artefacts lie."""
        return self._address(self.layout.models, parts)

    @overload
    def metrics(self, *parts: Plain) -> str: ...
    @overload
    def metrics(self, *parts: Part) -> Text: ...
    def metrics(self, *parts: Part) -> Text:
        """Where evaluation reports lie."""
        return self._address(self.layout.metrics, parts)

    @overload
    def code(self, *parts: Plain) -> str: ...
    @overload
    def code(self, *parts: Part) -> Text: ...
    def code(self, *parts: Part) -> Text:
        """Where scripts and source folders lie, each under the hash of its content."""
        return self._address(self.layout.code, parts)

    @overload
    def pipelines(self, *parts: Plain) -> str: ...
    @overload
    def pipelines(self, *parts: Part) -> Text: ...
    def pipelines(self, *parts: Part) -> Text:
        """Where pipeline definitions lie."""
        return self._address(self.layout.pipelines, parts)

    def _address(self, prefix: str, parts: tuple[Part, ...]) -> Text:
        return _written([f"s3://{self.bucket}", *_below((prefix, *parts))])


def _below(parts: tuple[Part, ...]) -> Iterator[Part]:
    for part in parts:
        clean = part.strip("/") if isinstance(part, str) else part
        if not isinstance(clean, str) or clean:
            yield "/"
            yield clean


def _written(pieces: list[Part]) -> Text:
    """The pieces one after the other: a text, or a Join with as few values as possible."""
    values: list[str | PipelineVariable] = []
    for piece in pieces:
        last = values[-1] if values else None
        if not isinstance(piece, str | int):
            values.append(piece)
        elif isinstance(last, str):
            values[-1] = f"{last}{piece}"
        elif piece != "":
            values.append(str(piece))
    if len(values) == 1 and isinstance(values[0], str):
        return values[0]
    from dagwright.functions import Join

    return Join("", values)
