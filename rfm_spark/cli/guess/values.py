"""What the values of a column look like: numbers in some notation, dates in some format, flags, codes."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from rfm_spark.cli.guess.dates import DateForm, number_dates, text_dates
from rfm_spark.cli.guess.found import identifier

# Share of a column's values that must fit before it is taken for numbers or dates.
ENOUGH = 0.9
_PLAIN = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$")
_COMMA = re.compile(r"-?(\d{1,3}(\.\d{3})+|\d+)(,\d+)?$")
_GROUPED = re.compile(r"-?(\d{1,3}(,\d{3})+|\d+)(\.\d+)?$")
_BRACKETS = re.compile(r"\((.*)\)$")
_MONEY_SIGNS = re.compile(r"[$€£¥\s\u00a0']|[A-Z]{3}\b|\b[A-Z]{3}")


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
        name: in the source; of a field inside others, all names from the outside in, joined by dots.
        type_name: Spark's, such as string or decimal(10,2).
        values: as text, stripped, None where null or blank.
        steps: the names of such a field one by one; empty for a column.
    """

    name: str
    type_name: str
    values: tuple[str | None, ...]
    steps: tuple[str, ...] = ()

    @property
    def sql(self) -> str:
        """It as an expression."""
        return ".".join(identifier(step) for step in self.steps) if self.steps else identifier(self.name)

    @property
    def text(self) -> str:
        """What goes into `columns:`."""
        return self.sql if self.steps else self.name

    def kept(self, rows: Sequence[int]) -> Profile:
        """The same column in some of the rows."""
        return Profile(self.name, self.type_name, tuple(self.values[row] for row in rows), self.steps)

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
        if self.type_name in ("timestamp", "timestamp_ntz", "date"):
            return (DateForm(self.text, f"cast({self.sql} as timestamp)", f"of type {self.type_name}"),)
        if self.type_name != "string":
            return number_dates(self.filled, self.sql) if self.type_name in ("int", "bigint") else ()
        return text_dates(self.filled, self.text, self.sql) or number_dates(self.filled, self.sql)

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
    name, sql = profile.text, profile.sql
    if profile.type_name not in ("string", "tinyint", "smallint", "int", "bigint", "float", "double"):
        if not profile.type_name.startswith("decimal"):
            return None
    plain = _parsed(profile.values, lambda value: value if _PLAIN.match(value) else None)
    forms = [NumberForm(name, sql, plain)]
    if profile.type_name == "string":
        bare = [
            None if value is None else _BRACKETS.sub(r"-\1", _MONEY_SIGNS.sub("", value)) for value in profile.values
        ]
        has_brackets = any(_BRACKETS.match(value) for value in profile.filled)
        grouped = _parsed(bare, lambda value: value.replace(",", "") if _GROUPED.match(value) else None)
        text = _bare_sql(sql, ".", brackets=has_brackets)
        forms.append(NumberForm(text, text, grouped, "with currency signs or separators of thousands"))
        comma = _parsed(bare, lambda value: value.replace(".", "").replace(",", ".") if _COMMA.match(value) else None)
        text = f"replace({_bare_sql(sql, ',', brackets=has_brackets)}, ',', '.')"
        forms.append(NumberForm(text, text, comma, "with a decimal comma"))
    # The first of equals, so that a plain column stays a plain name.
    best = max(forms, key=lambda form: sum(value is not None for value in form.values))
    found = sum(value is not None for value in best.values)
    return best if found and found >= ENOUGH * len(profile.filled) else None


def _bare_sql(sql: str, decimal: str, *, brackets: bool) -> str:
    """A number without what stands around it; in brackets it is negative."""
    if not brackets:
        return f"regexp_replace({sql}, '[^0-9{decimal}-]', '')"
    return f"regexp_replace(regexp_replace({sql}, '[^0-9{decimal}()-]', ''), '[(](.*)[)]', '-$1')"


def _parsed(values: Sequence[str | None], digits: Callable[[str], str | None]) -> tuple[float | None, ...]:
    plain = (None if value is None else digits(value) for value in values)
    return tuple(None if value is None else float(value) for value in plain)
