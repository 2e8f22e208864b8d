"""What others say of the clusters of a stored configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def cluster_columns(settings: Mapping[str, Any]) -> frozenset[str]:
    """Columns that the clusters of a stored configuration are made from; older versions did not store them."""
    features = (settings.get("clusters") or {}).get("features") or ()
    return frozenset(str(one.get("column") if isinstance(one, Mapping) else one) for one in features)
