"""Rows of events and messages as a run looks at them: of which days, validated, counted in one pass."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from rfm_spark.core.reading.checks import IGNORED, Check, Severity, severity
from rfm_spark.core.reading.ids import unicode_changes
from rfm_spark.core.reading.interaction_counts import InteractionCounts, interaction_counts, tallied
from rfm_spark.core.reading.presets import Kind
from rfm_spark.core.reading.unknown_words import UNKNOWN_TYPE, how_to_map, unknown_words

Hold = Callable[[DataFrame], DataFrame]


def unheld(frame: DataFrame) -> DataFrame:
    """A frame that is looked at before there is a run, so that nobody would release it."""
    return frame


@dataclass(frozen=True)
class Reading:
    """How the rows of an interaction source are read, beside the mapping.

    Attributes:
        written: when the source was last written; times beyond it come from the future. None looks for none.
        first_day: rows before it are not read at all; None reads everything.
        last_day: what a visitor says of themselves after it is not known yet; None knows everything.
        visitors: of `events.rows.visitors`, where they are known already.
        id_changes: of `core.reading.ids.unicode_changes`, where there are any.
    """

    written: datetime | None = None
    first_day: date | None = None
    last_day: date | None = None
    visitors: DataFrame | None = None
    id_changes: DataFrame | None = None


@dataclass(frozen=True)
class Rows:
    """Rows of a source with their verdicts, what one pass over them saw, and how they were read."""

    validated: DataFrame
    counts: InteractionCounts
    reading: Reading


@dataclass(frozen=True)
class Catalogue:
    """What rows are held against.

    Attributes:
        checks: of the source.
        overrides: severities as configured.
        content: columns that shape results.
        nameless: whether a row lacks the name of its session; None where sessions have none.
    """

    checks: Sequence[Check]
    overrides: Mapping[str, Severity]
    content: tuple[str, ...]
    nameless: Column | None = None


def read_rows(
    judge: Callable[[Reading], DataFrame], reading: Reading, catalogue: Catalogue, as_of: date, hold: Hold
) -> Rows:
    """The rows of a source that a run as of a day looks at, ids in one Unicode form.

    Args:
        judge: validates the rows.
        reading: how they are read.
        catalogue: what they are held against.
        as_of: last day that counts.
        hold: keeps what is read more than once.
    """
    shaping = [F.col(column) for column in catalogue.content]
    rows = judge(reading)
    counts = interaction_counts(tallied(rows, shaping, catalogue.nameless), catalogue.checks, as_of)
    if counts.non_ascii_ids and severity("id_unicode", catalogue.overrides, catalogue.checks) != "off":
        changes = hold(unicode_changes(rows.where(F.col("reason").isNull()), ("customer_id",)))
        if not changes.isEmpty():
            reading = replace(reading, id_changes=changes)
            rows = judge(reading)
            counts = interaction_counts(tallied(rows, shaping, catalogue.nameless), catalogue.checks, as_of)
    return Rows(rows, counts, reading)


def technical(counts: InteractionCounts, kinds: Sequence[str]) -> int:
    """Rows up to as_of that nobody counts, since nobody did anything."""
    place = kinds.index(IGNORED)
    return sum(sum(days.values()) for (_, kind), days in counts.series.items() if kind == place)


def unknown_in(source: Kind, rows: Rows) -> str:
    """How the words that nobody knows can be mapped; empty, and nothing is looked at, where no row has one."""
    words = unknown_words(rows.validated) if rows.counts.rejected.get(UNKNOWN_TYPE) else []
    return how_to_map(source, words) if words else ""
