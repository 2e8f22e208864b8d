"""Ids of customers and orders: trimmed, in one Unicode form, and never folded by case."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from functools import reduce

import pandas as pd
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import DataType, DecimalType, DoubleType, FloatType, StringType

# Texts that programs write for a missing value, in the spellings that occur: a set is looked up faster than folded.
_MISSING = ("null", "(null)", "none", "nan", "n/a", "#n/a", "undefined", "unknown")
PLACEHOLDERS = (*_MISSING, *map(str.upper, _MISSING), *map(str.capitalize, _MISSING), "NaN", "\\N")
# All of Unicode's white space, and the invisible ones that survive copying from web pages.
_SPACES = (
    "\t\n\x0b\x0c\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000\u200b\ufeff"
)
# Digits with nothing but zeros behind the point; of a text, with white space around it, which is trimmed later.
_WHOLE = r"^(\s*-?[0-9]+)\.0+(\s*)$"


def id_text(column: str, kind: DataType, *, tidy: bool = False) -> Column:
    """A mapped id as text, as it was written or without white space around it; null where it is null or NaN.

    Numbers that went through floating point on their way, as pandas makes them of columns with gaps, are whole again:
    13085.0 is 13085, as a number of any type and as a text.
    """
    if isinstance(kind, DecimalType):
        text = F.col(column).cast("string")
        if kind.scale == 0:
            return text
        # A whole one is written without an exponent, which Spark gives to 0 with many places.
        whole = F.col(column).cast(DecimalType(38, 0))
        return F.when(F.col(column) % F.lit(1) == 0, whole.cast("string")).otherwise(text)
    if isinstance(kind, StringType):
        text = F.col(column)
        whole = F.regexp_replace(text, _WHOLE, "$1$2")
        # One cheap look, of the column alone: what is made of an id is repeated wherever it is looked at.
        if tidy:
            return F.when(untidy(text) | text.contains(".0"), F.trim(whole, F.lit(_SPACES))).otherwise(text)
        return F.when(text.contains(".0"), whole).otherwise(text)
    if not isinstance(kind, (FloatType, DoubleType)):
        return F.col(column).cast("string")
    # NaN was an empty cell.
    number = F.col(column).cast("double")
    whole = F.when(number == F.floor(number), F.floor(number).cast("string")).otherwise(number.cast("string"))
    return F.when(~F.isnan(number), whole)


def is_text(kind: DataType) -> bool:
    """Whether ids of this type can have white space or Unicode forms at all."""
    return isinstance(kind, StringType)


def untidy(text: Column) -> Column:
    """Whether an id may need trimming: it begins or ends with a blank, or has letters beyond ASCII."""
    behind = (text.endswith(blank) for blank in (" ", "\t", "\r", "\n"))
    return reduce(lambda left, right: left | right, behind, text < F.lit("!")) | non_ascii(text)


def non_ascii(text: Column) -> Column:
    """Whether a text has other letters than ASCII's."""
    return F.octet_length(text) != F.char_length(text)


def trimmed(text: Column) -> Column:
    """A text without white space around it; the slow way is taken only where it may matter."""
    return F.when(untidy(text), F.trim(text, F.lit(_SPACES))).otherwise(text)


def is_placeholder(text: Column) -> Column:
    """Whether an id is the text of a missing value."""
    return text.isin(*PLACEHOLDERS)


def unicode_changes(lines: DataFrame, columns: tuple[str, ...]) -> DataFrame:
    """Ids that are not in Unicode's normal form C, which makes é one letter however it was typed.

    Spark has no function for it, so the distinct ids beyond ASCII, and only these, go through Arrow.

    Args:
        lines: with the columns.
        columns: of ids.

    Returns:
        `id` and its normal form `nfc`, one row for each id that changes.
    """
    each = lines.select(F.explode(F.array(*(F.col(name) for name in columns))).alias("id"))
    foreign = each.where(non_ascii(F.col("id"))).distinct()

    # Within, so that it travels as it is: a server of Spark Connect does not have this package.
    def normalised(batches: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        for batch in batches:
            normal = [unicodedata.normalize("NFC", text) for text in batch["id"]]
            yield pd.DataFrame({"id": batch["id"], "nfc": normal})

    return foreign.mapInPandas(normalised, "id STRING, nfc STRING").where(F.col("id") != F.col("nfc"))


def with_normal_ids(lines: DataFrame, changes: DataFrame, columns: tuple[str, ...]) -> DataFrame:
    """Lines whose ids are in normal form C.

    Args:
        lines: with the columns, and BIGINT `marks`.
        changes: of `unicode_changes`; few rows.
        columns: of ids.

    Returns:
        The same columns; `id_changed` BOOLEAN says whether an id of the line changed.
    """
    known = lines.withColumn("id_changed", F.lit(False))
    for name in columns:
        renamed = F.broadcast(changes.select(F.col("id").alias(f"{name}_found"), F.col("nfc").alias(f"{name}_nfc")))
        joined = known.join(renamed, F.col(name) == F.col(f"{name}_found"), "left")
        known = joined.withColumns(
            {
                name: F.coalesce(F.col(f"{name}_nfc"), F.col(name)),
                "id_changed": F.col("id_changed") | F.col(f"{name}_nfc").isNotNull(),
            }
        ).drop(f"{name}_found", f"{name}_nfc")
    return known
