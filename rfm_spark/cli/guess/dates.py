"""Dates in the forms in which people write them, as patterns of Spark."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

# Share of a column's values that must fit before it is taken for dates.
ENOUGH = 0.9
_TIME = r"(?:(?P<gap>,? )(?P<h>\d{1,2}):\d{2}(?P<s>:\d{2})?(?:\.(?P<f>\d{1,6}))?(?P<am> ?[AaPp][Mm])?)?$"
_ZONE = r"(?: ?(?:Z|UTC|GMT|[+-]\d{2}(?::?\d{2})?))?"
_ISO = re.compile(r"\d{4}-\d{1,2}-\d{1,2}(?:[T ]\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?" + _ZONE + ")?$")
_NUMERIC = re.compile(r"(?P<a>\d{1,2})(?P<sep>[/.\-])(?P<b>\d{1,2})(?P=sep)(?P<y>\d{4}|\d{2})" + _TIME)
_YEAR_FIRST = re.compile(r"\d{4}(?P<sep>[/.-])\d{1,2}(?P=sep)\d{1,2}" + _TIME)
_MONTH_NAME = re.compile(r"\d{1,2}(?P<sep>[ /.\-])(?P<m>[A-Za-z]{3,9})(?P=sep)(?P<y>\d{4}|\d{2})" + _TIME)
_MONTH_FIRST = re.compile(r"(?P<m>[A-Za-z]{3,9}) \d{1,2}, (?P<y>\d{4})" + _TIME)
_MONTH_DASHED = re.compile(r"(?P<m>[A-Za-z]{3,9})-\d{1,2}-(?P<y>\d{4}|\d{2})" + _TIME)
_COMPACT = re.compile(r"(19|20)\d{2}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])$")
_COMPACT_TIME = re.compile(_COMPACT.pattern[:-1] + r"([01]\d|2[0-3])[0-5]\d[0-5]\d$")
# 1990 to 2050.
_SECONDS = (631_152_000, 2_524_608_000)
# Blanks of web pages, and several in a row where hours are aligned.
_BLANKS = re.compile("[ \u00a0\u202f]+")


@dataclass(frozen=True)
class DateForm:
    """One way to read a column as dates.

    Attributes:
        text: what goes into `columns:`.
        sql: the same as an expression that gives a TIMESTAMP, or NULL where a value can't be read.
        label: for people.
        epoch: the values are counts of seconds, which only a name tells from other large numbers.
    """

    text: str
    sql: str
    label: str
    epoch: bool = False


def number_dates(values: list[str], sql: str) -> tuple[DateForm, ...]:
    """Ways to read whole numbers as dates; empty where they are none."""
    text = f"cast({sql} as string)"
    for shape, pattern in ((_COMPACT, "yyyyMMdd"), (_COMPACT_TIME, "yyyyMMddHHmmss")):
        if values and sum(bool(shape.match(value)) for value in values) >= ENOUGH * len(values):
            parsed = f"try_to_timestamp({text}, '{pattern}')"
            return (DateForm(parsed, parsed, f"numbers of the form {pattern}"),)
    numbers = [int(value) for value in values if value.isdigit() and len(value) < 17]
    for unit, factor in (("seconds", 1), ("millis", 1000), ("micros", 1_000_000)):
        low, high = (bound * factor for bound in _SECONDS)
        if numbers and sum(low <= number < high for number in numbers) >= ENOUGH * len(values):
            parsed = f"timestamp_{unit}(try_cast({sql} as bigint))"
            return (DateForm(parsed, parsed, f"{unit} since 1970", epoch=True),)
    return ()


def text_dates(values: list[str], text: str, sql: str) -> tuple[DateForm, ...]:
    """Ways to read texts as dates, the likelier first.

    Args:
        values: those that are there.
        text: the column as it goes into `columns:`.
        sql: the same as an expression.
    """
    if any(_BLANKS.sub(" ", value) != value for value in values):
        values = [_BLANKS.sub(" ", value) for value in values]
        text = sql = f"regexp_replace({sql}, '[ \\u00a0\\u202f]+', ' ')"
    shapes = Counter(shape for shape in map(_date_shape, values) if shape is not None)
    kept = [shape for shape, count in shapes.most_common(3) if count >= 0.01 * len(values)]
    if not kept or sum(shapes[shape] for shape in kept) < ENOUGH * len(values):
        return ()
    month_first = _text_form(text, sql, [month for month, _ in kept])
    day_first = _text_form(text, sql, [day for _, day in kept])
    if month_first == day_first:
        return (month_first,)
    parts = [found for found in map(_NUMERIC.match, values) if found]
    day_leads = any(int(found["a"]) > 12 for found in parts)
    month_leads = any(int(found["b"]) > 12 for found in parts)
    if day_leads != month_leads:
        return (day_first if day_leads else month_first,)
    # Slashes are mostly American, dots and hyphens mostly not; a pass over all rows decides.
    return (month_first, day_first) if any(found["sep"] == "/" for found in parts) else (day_first, month_first)


def _text_form(text: str, sql: str, patterns: list[str]) -> DateForm:
    if patterns == [""]:
        return DateForm(text, f"try_cast({sql} as timestamp)", "ISO dates")
    iso = f"try_cast({sql} as timestamp)"
    tries = [f"try_to_timestamp({sql}, '{pattern}')" if pattern else iso for pattern in patterns]
    text = tries[0] if len(tries) == 1 else f"coalesce({', '.join(tries)})"
    return DateForm(text, text, "dates of the form " + " or ".join(pattern or "ISO" for pattern in patterns))


def _date_shape(value: str) -> tuple[str, str] | None:
    """The pattern of one value, month first and day first; both the same where its form leaves no doubt."""
    if _ISO.match(value):
        return "", ""
    if found := _NUMERIC.match(value):
        a, b, sep = int(found["a"]), int(found["b"]), found["sep"]
        if not (1 <= min(a, b) <= 12 and max(a, b) <= 31):
            return None
        rest = sep + "y" * len(found["y"]) + _clock(found)
        return f"M{sep}d{rest}", f"d{sep}M{rest}"
    if found := _YEAR_FIRST.match(value):
        pattern = f"yyyy{found['sep']}M{found['sep']}d{_clock(found)}"
    elif found := _MONTH_NAME.match(value):
        pattern = f"d{found['sep']}{_month(found)}{found['sep']}{'y' * len(found['y'])}{_clock(found)}"
    elif found := _MONTH_FIRST.match(value):
        pattern = f"{_month(found)} d, yyyy{_clock(found)}"
    elif found := _MONTH_DASHED.match(value):
        pattern = f"{_month(found)}-d-{'y' * len(found['y'])}{_clock(found)}"
    else:
        return None
    return pattern, pattern


def _month(found: re.Match[str]) -> str:
    return "MMM" if len(found["m"]) == 3 else "MMMM"


def _clock(found: re.Match[str]) -> str:
    if found["h"] is None:
        return ""
    noon = found["am"]
    clock = f"{found['gap']}{'h' if noon else 'H'}:mm" + (":ss" if found["s"] else "")
    fraction = "." + "S" * len(found["f"]) if found["f"] else ""
    return clock + fraction + ({True: " a", False: "a"}[noon.startswith(" ")] if noon else "")
