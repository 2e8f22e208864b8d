"""The checks on its source."""

from __future__ import annotations

from rfm_spark.core.reading.checks import Check

CHECKS = {"visits": (Check("closed", "flag", ("flag",), "a visit while the shop was closed", unit="ids"),)}
