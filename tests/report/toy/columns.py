"""What its columns are made from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def column_sources(_: Mapping[str, Any]) -> dict[str, str]:
    return {"visits": "visits"}
