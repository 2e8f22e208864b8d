"""Late rows: whether a newer version of a source changes what a published run has counted."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from typing import Any

from pyspark.sql import Row

from rfm_spark.capabilities.purchases.config import OPTIONAL_COLUMNS, REQUIRED_COLUMNS, TransactionsSource
from rfm_spark.capabilities.purchases.counts import contents_by_day, contents_text, day_number, is_comparable
from rfm_spark.capabilities.purchases.lines import Intake, judged_lines
from rfm_spark.capabilities.purchases.quality import QualityConfig
from rfm_spark.core.config import Config
from rfm_spark.core.runs import RunRow
from rfm_spark.lake.sources import PinnedSource

SOURCE = "transactions"
# Customers whose lines may repeat, for all that what is mapped tells.
SUSPECTS = "transactions.suspects"


class Contents:
    """Fingerprints of a source's rows up to any day, from one look at it."""

    def __init__(self, source: PinnedSource, config: Config, intake: Intake) -> None:
        """Remember what to look at; nothing is read yet."""
        self._source = source
        self._config = config
        self._intake = intake
        self._days: list[Row] | None = None

    def until(self, as_of: date) -> str:
        """The fingerprint of the rows dated up to a day, as `LineCounts.contents` has it."""
        if self._days is None:
            lines = judged_lines(self._source.frame, self._config.part(TransactionsSource), self._intake).lines
            self._days = contents_by_day(lines).collect()
        days = [counts for day, *counts in self._days if day <= day_number(as_of)]
        low, high = (sum(counts[part] for counts in days) for part in range(2))
        return contents_text(low, high)


def same_rows(run: RunRow, canonical: str, versions: Mapping[str, str], contents: Contents) -> bool:
    """Whether a published run has counted just the rows that the source's present version has up to its date.

    Args:
        run: published.
        canonical: the present configuration.
        versions: of all sources; where rates changed too, the amounts say it.
        contents: of the present version.
    """
    # Events and messages change no order; `interaction_reading.same_interactions` asks for them.
    if of_orders(run.inputs) == of_orders(versions):
        return True
    return _comparable(run, canonical) and run.contents[SOURCE] == contents.until(run.as_of)


def of_orders(versions: Mapping[str, str]) -> dict[str, str]:
    """Versions of what orders are made of."""
    return {name: version for name, version in versions.items() if name.startswith(SOURCE)}


def surely_same(run: RunRow) -> bool:
    """Whether equal contents prove equal results: whole rows decide about duplicates, contents hold what is mapped."""
    return run.rows.get(SUSPECTS) == 0


def touched_dates(
    current: Mapping[date, RunRow], as_of: date, canonical: str, versions: Mapping[str, str], contents: Contents
) -> list[date]:
    """Published as-of dates before this one whose rows are others by now, oldest first.

    Args:
        current: the current run of each date.
        as_of: of the run that asks.
        canonical: its configuration; dates that were published under another reading of the source are left out.
        versions: of all sources.
        contents: of the present version.
    """
    earlier = [run for day, run in sorted(current.items()) if day < as_of and _comparable(run, canonical)]
    return [run.as_of for run in earlier if not same_rows(run, canonical, versions, contents)]


def reading(document: Mapping[str, Any]) -> dict[str, Any]:
    """What decides how a row of the source is read, of a stored configuration; limits of gates are no part of it."""
    given = document["sources"][SOURCE]
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


def _comparable(run: RunRow, canonical: str) -> bool:
    if not is_comparable(run.contents.get(SOURCE, "")):
        return False
    return reading(json.loads(run.config)) == reading(json.loads(canonical))
