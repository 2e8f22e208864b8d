"""Late rows: whether a newer version of a source changes what a published run has counted."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date

from pyspark.sql import Row

from rfm_spark.capabilities.purchases.counts import day_number, fingerprint_text, fingerprints_by_day, is_comparable
from rfm_spark.capabilities.purchases.lines import validated_lines
from rfm_spark.capabilities.purchases.look import POSSIBLE_DUPLICATES, RATES, SOURCE
from rfm_spark.capabilities.purchases.options import read_options
from rfm_spark.capabilities.purchases.reading import reading
from rfm_spark.capabilities.purchases.settings import LineSettings
from rfm_spark.core.config import Config
from rfm_spark.core.runs import RunRow
from rfm_spark.pipeline.environment import Source


class TransactionRows:
    """Whether published runs have counted just the rows that the source has now, from one look at it."""

    sources = (SOURCE, RATES)

    def __init__(self, config: Config, pinned: Mapping[str, Source]) -> None:
        """Remember what to look at; nothing is read yet."""
        self._settings = LineSettings.of(config)
        self._pinned = pinned
        self._days: list[Row] | None = None

    def same(self, run: RunRow, canonical: str) -> bool:
        """Whether a published run surely has the same orders up to its date.

        Args:
            run: published.
            canonical: the present configuration.
        """
        # Whole rows decide about possible duplicates, and fingerprints hold only what is mapped.
        return run.rows.get(POSSIBLE_DUPLICATES) == 0 and self._has_same_rows(run, canonical)

    def touched(self, earlier: Mapping[date, RunRow], canonical: str) -> list[date]:
        """Published as-of dates whose rows are others by now, oldest first.

        Args:
            earlier: the current run of each date.
            canonical: the present configuration; dates published under another reading of the source are left out.
        """
        runs = [run for _, run in sorted(earlier.items()) if _comparable(run, canonical)]
        return [run.as_of for run in runs if not self._has_same_rows(run, canonical)]

    def _has_same_rows(self, run: RunRow, canonical: str) -> bool:
        # Events and messages change no order; where rates changed too, the amounts say it.
        if of_orders(run.inputs) == of_orders({name: source.version for name, source in self._pinned.items()}):
            return True
        return _comparable(run, canonical) and run.source_fingerprints[SOURCE] == self._fingerprint_until(run.as_of)

    def _fingerprint_until(self, as_of: date) -> str:
        """The fingerprint of the rows dated up to a day, as `LineCounts.fingerprint` has it."""
        if self._days is None:
            source = self._pinned[SOURCE]
            options = read_options(source, self._pinned.get(RATES), self._settings)
            self._days = fingerprints_by_day(
                validated_lines(source.frame, self._settings.source, options).lines
            ).collect()
        days = [counts for day, *counts in self._days if day <= day_number(as_of)]
        low, high = (sum(counts[part] for counts in days) for part in range(2))
        return fingerprint_text(low, high)


def of_orders(versions: Mapping[str, str]) -> dict[str, str]:
    """Versions of what orders are made of."""
    return {name: version for name, version in versions.items() if name.startswith(SOURCE)}


def _comparable(run: RunRow, canonical: str) -> bool:
    if not is_comparable(run.source_fingerprints.get(SOURCE, "")):
        return False
    return reading(json.loads(run.config)) == reading(json.loads(canonical))
