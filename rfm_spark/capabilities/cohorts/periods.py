"""Months and weeks."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Literal

from pyspark.sql import Column
from pyspark.sql import functions as F

Period = Literal["month", "week"]


def start_column(day: Column, period: Period) -> Column:
    """First day of the month, or of the week from Monday, that a DATE is in."""
    return F.trunc(day, period)


def start_of(day: date, period: Period) -> date:
    """The same of a date."""
    return day.replace(day=1) if period == "month" else day - timedelta(days=day.weekday())


def later(start: date, number: int, period: Period) -> date:
    """First day of the period so many after the one that begins on a day."""
    if period == "week":
        return start + timedelta(weeks=number)
    months = start.year * 12 + start.month - 1 + number
    return date(months // 12, months % 12 + 1, 1)


def between(start: date, end: date, period: Period) -> int:
    """How many periods lie between the first days of two of them."""
    if period == "week":
        return (end - start).days // 7
    return (end.year - start.year) * 12 + end.month - start.month
