"""The user's columns become ours: names or SQL expressions, evaluated without ANSI errors, checked all at once."""

from __future__ import annotations

import re
from collections.abc import Mapping

from pyspark.errors import PySparkException
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import BooleanType, DataType, DateType, NumericType, StringType, TimestampNTZType, TimestampType

from rfm_spark.core.errors import SourceError
from rfm_spark.core.reading.places import CORRUPT
from rfm_spark.core.session import session_settings

# A bad cast in a user's expression gives NULL, and then a reject with a reason, instead of killing the job.
LENIENT = {"spark.sql.ansi.enabled": "false"}
_TIMES = (TimestampType, TimestampNTZType, DateType, StringType)
NUMBERS = (NumericType, StringType)
# A column of mapped rows, where the source has a condition; and the verdict on rows outside it.
FILTERED = "filtered"

# Texts in quotes; and names, which may have backticks and parts.
_LITERAL = re.compile(r"'(?:[^'\\]|\\.|'')*'|\"(?:[^\"\\]|\\.)*\"")
_PART = re.compile(r"`(?:[^`]|``)+`|[^\W\d]\w*")
_PATH = re.compile(rf"(?:{_PART.pattern})(?:\.(?:{_PART.pattern}))*")
Wanted = Mapping[str, tuple[tuple[type[DataType], ...], str]]
A_TIME = (
    _TIMES,
    "a date or time; map it with an expression such as "
    "to_date(cast({} as string), 'yyyyMMdd') or timestamp_seconds({})",
)


def mapped_columns(
    raw: DataFrame, columns: Mapping[str, str], wanted: Wanted, name: str, where: str | None = None
) -> DataFrame:
    """Our columns beside an untouched copy of the row.

    Args:
        raw: rows of the source.
        columns: ours: theirs.
        wanted: types that some of our columns must have, and how to get there.
        name: of the source, for messages.
        where: the source's condition; None lets every row in.

    Returns:
        One column for each mapped name (of the source's type), `filtered` BOOLEAN where there is a condition (true for
        rows outside it), and `record`, a struct of the row as read.

    Raises:
        SourceError: naming every expression that does not resolve or has an unusable type.
    """
    with session_settings(raw.sparkSession, LENIENT):
        types = checked_types(raw, columns, name)
        _check_types(types, columns, wanted, name)
        ours = [theirs(raw, text).alias(column) for column, text in columns.items()]
        outside = [] if where is None else [left_out(raw, where, name).alias(FILTERED)]
        record = F.struct(*(F.col(_quoted(column)) for column in raw.columns)).alias("record")
        return raw.select(*ours, *outside, record)


def left_out(raw: DataFrame, where: str, name: str) -> Column:
    """Whether a row is outside a source's condition; built with ANSI mode off.

    A line that can't be parsed is inside: nobody knows what its columns were.

    Raises:
        SourceError: the condition is none, or looks beyond the row.
    """
    inside = F.coalesce(_condition(raw, where, name), F.lit(False))
    return ~inside & F.col(CORRUPT).isNull() if CORRUPT in raw.columns else ~inside


def filtered_or(rows: DataFrame, reason: Column) -> Column:
    """The verdict on mapped rows: `filtered` comes before whatever the checks say."""
    return F.when(F.col(FILTERED), F.lit(FILTERED)).otherwise(reason) if FILTERED in rows.columns else reason


def named_columns(raw: DataFrame, where: str) -> list[str]:
    """Columns of the source that a condition names, as its text has them: `status`, or `customer.id` of nested ones."""
    known = {column.casefold() for column in raw.columns}
    found: dict[str, str] = {}
    for path in _PATH.findall(_LITERAL.sub("''", where)):
        first = _PART.findall(path)[0].strip("`").replace("``", "`")
        if first.casefold() in known:
            found.setdefault(path.casefold(), path)
    if where in raw.columns:
        return [_quoted(where)]
    return list(found.values())


def _condition(raw: DataFrame, where: str, name: str) -> Column:
    place = f"sources.{name}.where"
    try:
        condition = theirs(raw, where)
        # Spark lets no query stand inside a lambda, and neither aggregates nor generators in a condition.
        alone = F.transform(F.array(F.lit(1)), lambda _: F.struct(condition))
        kind = raw.where(F.struct(condition).isNotNull()).select(condition, alone).schema[0].dataType
    except PySparkException as error:
        if (error.getCondition() or "").startswith("UNSUPPORTED_SUBQUERY"):
            reason = f"{where!r} looks beyond the row it is asked of; name columns of the source alone"
        else:
            reason = _reason(where, error)
        raise SourceError(f"{place}: {reason} (the source has: {', '.join(raw.columns) or 'no columns'})") from error
    if not isinstance(kind, BooleanType):
        raise SourceError(
            f"{place} is {kind.simpleString().upper()}, and must be true or false; write a condition such as "
            f"{where} = 'paid'"
        )
    return condition


def theirs(raw: DataFrame, text: str) -> Column:
    """A column of the source when `text` is the name of one, otherwise an SQL expression."""
    return F.col(_quoted(text)) if text in raw.columns else F.expr(text)


def checked_types(raw: DataFrame, columns: Mapping[str, str], name: str) -> dict[str, DataType]:
    """Types of mapped columns; built with ANSI mode off.

    Raises:
        SourceError: naming every expression that does not resolve to one value per row.
    """
    types: dict[str, DataType] = {}
    problems = []
    for column, text in columns.items():
        try:
            value = theirs(raw, text).alias(column)
            # A condition takes neither aggregates nor generators nor windows: what passes is a value per row.
            types[column] = raw.where(F.struct(value).isNotNull()).select(value).schema[0].dataType
        except PySparkException as error:
            problems.append(f"columns.{column}: {_reason(text, error)}")
    if problems:
        listing = "; ".join(problems)
        raise SourceError(f"sources.{name}: {listing} (the source has: {', '.join(raw.columns) or 'no columns'})")
    return types


def _check_types(types: Mapping[str, DataType], columns: Mapping[str, str], wanted: Wanted, name: str) -> None:
    problems = []
    for column, (kinds, advice) in wanted.items():
        kind = types.get(column)
        if kind is not None and not isinstance(kind, kinds):
            text = advice.replace("{}", columns[column])
            problems.append(f"columns.{column} is {kind.simpleString().upper()}, and must be {text}")
    if problems:
        raise SourceError(f"sources.{name}: {'; '.join(problems)}")


def _reason(text: str, error: PySparkException) -> str:
    condition = error.getCondition() or ""
    if condition.startswith("UNRESOLVED_COLUMN"):
        parameters = error.getMessageParameters() or {}
        missing = parameters.get("objectName", text).replace("`", "")
        return f"the source has no column {missing}"
    first = re.sub(r"^\[[^\]]*\]\s*", "", str(error).strip().splitlines()[0])
    return f"{text!r} is not a usable SQL expression ({first})"


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"
