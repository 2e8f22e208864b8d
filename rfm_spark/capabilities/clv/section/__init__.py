"""The sections of the report on forecasts: what customers are expected to do, and how well that was told before."""

from __future__ import annotations

from rfm_spark.capabilities.clv.section.backtests import draw_backtest, read_backtest
from rfm_spark.capabilities.clv.section.forecasts import draw_forecasts, read_forecasts
from rfm_spark.report.section import Section, template_text

_HERE = "rfm_spark.capabilities.clv.section"

SECTIONS = (
    Section(
        name="clv", place=37, template=template_text(_HERE, "forecasts.html.j2"), read=read_forecasts,
        draw=draw_forecasts,
    ),
    Section(
        name="backtest", place=37, template=template_text(_HERE, "backtests.html.j2"), read=read_backtest,
        draw=draw_backtest,
    ),
)  # fmt: skip
