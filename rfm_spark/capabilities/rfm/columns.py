"""What a customer's row says of how their measures compare with those of others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rfm_spark.capabilities.rfm.config import MeasuresConfig
from rfm_spark.core.columns import CustomerColumn

_SHORT = {"r": "recency", "f": "frequency", "m": "monetary value"}
_COLUMN = {"r": "recency_days", "f": "frequency", "m": "monetary"}
_PCT = {"r": "Percentile of recency: share strictly worse plus half the ties, 0 to 100"}
_Z = {"r": "z-score of recency_days (population standard deviation)"}
_SCORE = {"r": "Recency score, highest is most recent", "f": "Frequency score", "m": "Monetary score"}

COLUMNS = (
    *(CustomerColumn(m, "INT", _SCORE[m], "score", m.upper(), low=1, stored=False) for m in _SHORT),
    CustomerColumn("fm", "DOUBLE", "Mean of the frequency and the monetary score", "mean", "FM", low=1, stored=False),
    *(
        CustomerColumn(
            f"{m}_pct", "DOUBLE", _PCT.get(m, f"Percentile of {_SHORT[m]}"), "real", f"{m.upper()} percentile",
            low=0, high=100, transform="none",
        )
        for m in _SHORT
    ),
    *(
        CustomerColumn(
            f"{m}_z", "DOUBLE", _Z.get(m, f"z-score of {_COLUMN[m]}"), "real", f"{m.upper()} z-score", transform="none"
        )
        for m in _SHORT
    ),
    CustomerColumn("outliers", "ARRAY<STRING>", "Measures with |z| above 3"),
    *(CustomerColumn(f"{m}_score", "INT", _SCORE[m], transform="none") for m in _SHORT),
    CustomerColumn("rfm_code", "STRING", "The three scores, as 545; with hyphens where a measure has 10 bins"),
    CustomerColumn(
        "rfm_weighted", "DOUBLE", "Weighted mean of the three scores", "real", "weighted score", low=1, transform="none"
    ),
    CustomerColumn(
        "value_tier", "STRING", "top_10 is the best tenth, top_20 the next, to top_100", "text",
        "value tier",
    ),
)  # fmt: skip


def measured_sources(document: Mapping[str, Any]) -> dict[str, set[str]]:
    """Sources that measures and their scores are made from, where these are others than purchases.

    Args:
        document: the stored configuration.
    """
    measures = MeasuresConfig.model_validate((document.get("rfm") or {}).get("measures") or {})
    sources: dict[str, set[str]] = {
        "r": set() if measures.event is None else {"events"},
        "f": {"events"} if measures.frequency == "weekly_sessions" else set(),
        "m": {"subscriptions"} if measures.monetary == "mrr" else set(),
    }
    found = {f"{m}{end}": sources[m] for m in _SHORT for end in ("", "_pct", "_z", "_score")}
    found |= {_COLUMN[m]: sources[m] for m in _SHORT}
    every = sources["r"] | sources["f"] | sources["m"]
    found |= dict.fromkeys(("outliers", "rfm_code", "rfm_weighted"), every)
    return {**found, "fm": sources["f"] | sources["m"], "value_tier": sources["m"]}
