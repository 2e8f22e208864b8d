"""What the values of a column look like: numbers in some notation, dates in some format, flags, codes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from rfm_spark.intake.guess_found import identifier

# Share of a column's values that must fit before it is taken for numbers or dates.
ENOUGH = 0.9
_TIME = r"(?: (?P<h>\d{1,2}):\d{2}(?P<s>:\d{2})?(?:\.(?P<f>\d{1,6}))?(?P<am> ?[AaPp][Mm])?)?$"
_ZONE = r"(?: ?(?:Z|UTC|GMT|[+-]\d{2}(?::?\d{2})?))?"
_ISO = re.compile(r"\d{4}-\d{1,2}-\d{1,2}(?:[T ]\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?" + _ZONE + ")?$")
_NUMERIC = re.compile(r"(?P<a>\d{1,2})(?P<sep>[/.\-])(?P<b>\d{1,2})(?P=sep)(?P<y>\d{4}|\d{2})" + _TIME)
_YEAR_FIRST = re.compile(r"\d{4}(?P<sep>[/.])\d{1,2}(?P=sep)\d{1,2}" + _TIME)
_MONTH_NAME = re.compile(r"\d{1,2}(?P<sep>[ /.\-])(?P<m>[A-Za-z]{3,9})(?P=sep)(?P<y>\d{4}|\d{2})" + _TIME)
_MONTH_FIRST = re.compile(r"(?P<m>[A-Za-z]{3,9}) \d{1,2}, (?P<y>\d{4})" + _TIME)
_COMPACT = re.compile(r"(19|20)\d{2}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])$")
_COMPACT_TIME = re.compile(_COMPACT.pattern[:-1] + r"([01]\d|2[0-3])[0-5]\d[0-5]\d$")
_PLAIN = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$")
_COMMA = re.compile(r"-?(\d{1,3}(\.\d{3})+|\d+)(,\d+)?$")
_GROUPED = re.compile(r"-?(\d{1,3}(,\d{3})+|\d+)(\.\d+)?$")
_MONEY_SIGNS = re.compile(r"[$€£¥\s\u00a0']|[A-Z]{3}\b|\b[A-Z]{3}")
# 1990 to 2050.
_SECONDS = (631_152_000, 2_524_608_000)


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


@dataclass(frozen=True)
class NumberForm:
    """How a column writes its numbers.

    Attributes:
        text: what goes into `columns:`.
        sql: the same as an expression.
        values: of the looked-at rows, None where a value is no number.
        label: for people, empty where the notation is Spark's own.
    """

    text: str
    sql: str
    values: tuple[float | None, ...]
    label: str = ""


@dataclass(frozen=True)
class Profile:
    """One column of the rows that were looked at.

    Attributes:
        name: in the source.
        type_name: Spark's, such as string or decimal(10,2).
        values: as text, stripped, None where null or blank.
    """

    name: str
    type_name: str
    values: tuple[str | None, ...]

    @cached_property
    def filled(self) -> list[str]:
        """The values that are there."""
        return [value for value in self.values if value is not None]

    @cached_property
    def distinct(self) -> int:
        """How many different values."""
        return len(set(self.filled))

    @cached_property
    def dates(self) -> tuple[DateForm, ...]:
        """Ways to read it as dates, the likelier first; empty when it holds none."""
        sql = identifier(self.name)
        if self.type_name in ("timestamp", "timestamp_ntz", "date"):
            return (DateForm(self.name, f"cast({sql} as timestamp)", f"of type {self.type_name}"),)
        if self.type_name != "string":
            return _number_dates(self.filled, sql) if self.type_name in ("int", "bigint") else ()
        return _text_dates(self.filled, self.name) or _number_dates(self.filled, sql)

    @cached_property
    def number(self) -> NumberForm | None:
        """How it writes numbers; None when it holds others."""
        return _numbers(self)

    @property
    def whole(self) -> bool:
        """Whether no value has decimals: an id or a count may be in it."""
        found = [value for value in self.number.values if value is not None] if self.number else []
        return all(value == int(value) for value in found)

    @property
    def repeats(self) -> bool:
        """Whether some value is there twice."""
        return self.distinct < len(self.filled)


def determines(left: Profile, right: Profile) -> bool:
    """Whether (nearly) every value of one column goes with one value of the other."""
    partners: dict[str, set[str]] = {}
    for one, other in zip(left.values, right.values, strict=True):
        if one is not None and other is not None:
            partners.setdefault(one, set()).add(other)
    single = sum(len(found) == 1 for found in partners.values())
    return bool(partners) and single >= 0.95 * len(partners)


def _numbers(profile: Profile) -> NumberForm | None:
    name, sql = profile.name, identifier(profile.name)
    if profile.type_name not in ("string", "tinyint", "smallint", "int", "bigint", "float", "double"):
        if not profile.type_name.startswith("decimal"):
            return None
    plain = _parsed(profile.values, lambda value: value if _PLAIN.match(value) else None)
    forms = [NumberForm(name, sql, plain)]
    if profile.type_name == "string":
        bare = [None if value is None else _MONEY_SIGNS.sub("", value) for value in profile.values]
        grouped = _parsed(bare, lambda value: value.replace(",", "") if _GROUPED.match(value) else None)
        text = f"regexp_replace({sql}, '[^0-9.-]', '')"
        forms.append(NumberForm(text, text, grouped, "with currency signs or separators of thousands"))
        comma = _parsed(bare, lambda value: value.replace(".", "").replace(",", ".") if _COMMA.match(value) else None)
        text = f"replace(regexp_replace({sql}, '[^0-9,-]', ''), ',', '.')"
        forms.append(NumberForm(text, text, comma, "with a decimal comma"))
    # The first of equals, so that a plain column stays a plain name.
    best = max(forms, key=lambda form: sum(value is not None for value in form.values))
    found = sum(value is not None for value in best.values)
    return best if found and found >= ENOUGH * len(profile.filled) else None


def _parsed(values: Sequence[str | None], digits: Callable[[str], str | None]) -> tuple[float | None, ...]:
    plain = (None if value is None else digits(value) for value in values)
    return tuple(None if value is None else float(value) for value in plain)


def _number_dates(values: list[str], sql: str) -> tuple[DateForm, ...]:
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


def _text_dates(values: list[str], name: str) -> tuple[DateForm, ...]:
    shapes = Counter(shape for shape in map(_date_shape, values) if shape is not None)
    kept = [shape for shape, count in shapes.most_common(3) if count >= 0.01 * len(values)]
    if not kept or sum(shapes[shape] for shape in kept) < ENOUGH * len(values):
        return ()
    month_first = _text_form(name, [month for month, _ in kept])
    day_first = _text_form(name, [day for _, day in kept])
    if month_first == day_first:
        return (month_first,)
    parts = [found for found in map(_NUMERIC.match, values) if found]
    day_leads = any(int(found["a"]) > 12 for found in parts)
    month_leads = any(int(found["b"]) > 12 for found in parts)
    if day_leads != month_leads:
        return (day_first if day_leads else month_first,)
    # Slashes are mostly American, dots and hyphens mostly not; a pass over all rows decides.
    return (month_first, day_first) if any(found["sep"] == "/" for found in parts) else (day_first, month_first)


def _text_form(name: str, patterns: list[str]) -> DateForm:
    sql = identifier(name)
    if patterns == [""]:
        return DateForm(name, f"try_cast({sql} as timestamp)", "ISO dates")
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
    else:
        return None
    return pattern, pattern


def _month(found: re.Match[str]) -> str:
    return "MMM" if len(found["m"]) == 3 else "MMMM"


def _clock(found: re.Match[str]) -> str:
    if found["h"] is None:
        return ""
    noon = found["am"]
    clock = f" {'h' if noon else 'H'}:mm" + (":ss" if found["s"] else "")
    fraction = "." + "S" * len(found["f"]) if found["f"] else ""
    return clock + fraction + ({True: " a", False: "a"}[noon.startswith(" ")] if noon else "")
