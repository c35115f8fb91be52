"""What AWS answers, as JSON has it: a response of boto3 comes in, its members with times as texts go out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from dagwright.engines.times import written


def plain(response: Mapping[str, Any]) -> dict[str, Any]:
    """The members of a response, or of a part of one, without what boto3 adds; times are ISO-8601 texts in UTC."""
    members = {name: value for name, value in response.items() if name != "ResponseMetadata"}
    content: dict[str, Any] = json.loads(json.dumps(members, default=_text))
    return content


def _text(value: Any) -> str:
    return written(value) if isinstance(value, datetime) else str(value)
