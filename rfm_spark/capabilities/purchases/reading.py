"""How rows of transactions were read under a stored configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rfm_spark.capabilities.purchases.config import OPTIONAL_COLUMNS, REQUIRED_COLUMNS, TransactionsSource
from rfm_spark.capabilities.purchases.quality import QualityConfig


def reading(document: Mapping[str, Any]) -> dict[str, Any]:
    """What decides how a row of the source is read, of a stored configuration; limits of gates are no part of it.

    Nothing without transactions.
    """
    given = document["sources"].get("transactions")
    if given is None:
        return {}
    # Older versions let columns be mapped that nothing read.
    known = (*REQUIRED_COLUMNS, *OPTIONAL_COLUMNS)
    columns = {name: text for name, text in given["columns"].items() if name in known}
    source = TransactionsSource.model_validate({**given, "columns": columns, "quality": None})
    general = QualityConfig.model_validate(document.get("quality") or {})
    quality = general.with_own(QualityConfig.model_validate(given["quality"]) if given.get("quality") else None)
    return {
        "source": source.as_read(),
        "discount": document.get("discount"),
        "timezone": document["timezone"],
        "checks": quality.checks,
        "max_quantity": quality.max_quantity,
    }
