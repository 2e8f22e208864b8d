"""The step of value."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pandas as pd
from pyspark.sql import Column
from pyspark.sql import functions as F

from rfm_spark.capabilities.churn.artefacts import Churn
from rfm_spark.capabilities.clv.artefacts import Forecasts
from rfm_spark.capabilities.rfm.config import RfmConfig
from rfm_spark.capabilities.segments.artefacts import Segments
from rfm_spark.capabilities.value.artefacts import Value
from rfm_spark.capabilities.value.config import ValueConfig
from rfm_spark.capabilities.value.sums import (
    Known,
    added_up,
    by_scope,
    concentration,
    curve_rows,
    gini,
    pareto,
    segment_rows,
    share_of,
)
from rfm_spark.capabilities.value.tables import VALUE_CURVE, VALUE_SEGMENTS, VALUE_SUMMARY
from rfm_spark.core.config import Config
from rfm_spark.core.table import SCOPE_COLUMN
from rfm_spark.pipeline.artefact import Account
from rfm_spark.pipeline.environment import Environment
from rfm_spark.pipeline.step import step


@dataclass(frozen=True)
class ValueSettings:
    """What value is told by.

    Attributes:
        apart: whether scopes have amounts of different currencies.
        messages: whether it is known who may be written to.
    """

    apart: bool
    messages: bool

    @classmethod
    def of(cls, config: Config) -> ValueSettings | None:
        """As configured; None where it is off."""
        if not config.part(ValueConfig).enabled:
            return None
        return cls(config.part(RfmConfig).amounts_apart, "engagement" in config.stages)


@step(
    "Value", "customers are added up by what they spend", writes=(VALUE_SUMMARY, VALUE_CURVE, VALUE_SEGMENTS)
)  # fmt: skip
def add_up(
    environment: Environment, segments: Segments, forecasts: Forecasts | None, churn: Churn | None,
    settings: ValueSettings,
) -> Value:  # fmt: skip
    """How much of the revenue comes from how few, and what of it may be lost?"""
    by, risk, gone = _risk(forecasts, churn)
    known = Known(forecasts is not None and bool(forecasts.spends), risk, settings.messages, gone)
    sums = added_up(segments.customers, known)
    summaries, curves, rows = list[dict[str, Any]](), list[dict[str, Any]](), list[dict[str, Any]]()
    for scope, mine in by_scope(sums, apart=settings.apart):
        if mine.empty:
            continue
        curve = pareto(mine)
        summaries.append({SCOPE_COLUMN: scope, "at_risk_by": by, **_summary(mine, curve, known)})
        curves += curve_rows(scope, curve)
        rows += segment_rows(scope, mine, known)
    for table, written in ((VALUE_SUMMARY, summaries), (VALUE_CURVE, curves), (VALUE_SEGMENTS, rows)):
        environment.write(table, written)
    return Value(account=Account(dealt_with=len(sums)))


def _risk(forecasts: Forecasts | None, churn: Churn | None) -> tuple[str | None, Column | None, Column | None]:
    """What tells who may stop, by which probability, and who has stopped already."""
    alive = None
    if forecasts is not None and forecasts.spends:
        alive = F.lit(1.0) - F.col("p_alive")
    if churn is None or churn.scorer is None:
        return (None, None, None) if alive is None else ("p_alive", alive, None)
    told = F.col("churn_probability")
    gone = None if churn.longest_silence is None else F.col("recency_days") > F.lit(churn.longest_silence)
    return "churn_probability", told if alive is None else F.coalesce(told, alive), gone


def _summary(sums: pd.DataFrame, curve: Any, known: Known) -> dict[str, Any]:
    return {
        "customers": int(sums["customers"].sum()),
        "revenue": sums["revenue"].sum(),
        "gini": gini(curve),
        "top_10_share": share_of(curve, 0.1),
        "top_20_share": share_of(curve, 0.2),
        "segment_concentration": concentration(sums),
        "clv": float(sums["clv"].sum()) if known.clv else None,
        "value_at_risk": float(sums["at_risk"].sum()) if known.risk is not None else None,
        "value_lost": float(sums["lost"].sum()) if known.risk is not None else None,
        "risk_unknown": int(sums["unknown"].sum()) if known.risk is not None else None,
        "negative": sums.loc[sums["cell"] < 0, "revenue"].sum() or Decimal(0),
    }


STEPS = (add_up,)
