"""The source of the toy."""

from __future__ import annotations

from rfm_spark.core.reading.places import Where

OPTIONAL_SOURCES = {"visits": Where}
