"""What others say of the window that frequency and monetary value are counted in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def window_days(settings: Mapping[str, Any]) -> int | None:
    """Days that count under a stored configuration; None for all history."""
    found: int | None = (settings.get("rfm") or {}).get("window_days")
    return found
