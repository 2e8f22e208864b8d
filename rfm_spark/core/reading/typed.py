"""Mapped columns as typed values: times, and words that have a number."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import DataType, StringType

from rfm_spark.core.reading.mapping import FILTERED

# A clock a day ahead is a clock; a date further ahead of the data's own writing is a mistake.
FUTURE_TOLERANCE = timedelta(days=1)
# A text must begin with a year and a month. Spark would take 12:30 for that time of the day on which it is asked, and
# 45292, a spreadsheet's number of a day, for a year.
_DATED = r"^[\x00-\x20]*[0-9]{4}-[0-9]"


Kinds = Mapping[str, DataType]


def moment_of(column: str, kinds: Kinds) -> Column:
    """A mapped time as TIMESTAMP, null where it can't be read; built with ANSI mode off."""
    written = F.col(column)
    is_text_time = isinstance(kinds[column], StringType)
    return (F.when(written.rlike(_DATED), written) if is_text_time else written).cast("timestamp")


def kinds_of(rows: DataFrame) -> dict[str, DataType]:
    """Types of the mapped columns."""
    return {column.name: column.dataType for column in rows.schema.fields if column.name not in ("record", FILTERED)}


def place_of_word(word: Column, places: Mapping[str, int]) -> Column:
    """The number of a word; one test for each number, so that the words of each are looked up as a set."""
    text = F.lower(F.trim(word.cast("string")))
    by_place: dict[int, list[str]] = {}
    for known, place in places.items():
        by_place.setdefault(place, []).append(known)
    return F.coalesce(*(F.when(text.isin(*words), F.lit(place)) for place, words in sorted(by_place.items())))


def channel_of_word(kinds: Kinds, places: Mapping[str, int]) -> Column:
    """The number of a row's channel: the first one where it names none, null for one that is not known."""
    if "channel" not in kinds:
        return F.lit(0)
    blank = F.coalesce(F.trim(F.col("channel").cast("string")) == "", F.lit(True))
    return F.when(blank, F.lit(0)).otherwise(place_of_word(F.col("channel"), places))
