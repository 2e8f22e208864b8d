"""What churn is told from: features of customers as of a date, and their words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

# Of a customer of a day their rhythm is unknown; a month of everybody's keeps a single order from being one a day.
_DAYS_OF_ALL = 30
# The variation of gaps of who orders at random times.
_AT_RANDOM = 1.0
PREFIX = "x_"
# Whoever never came has been silent for longer than anybody is looked at.
_NEVER = 3650


@dataclass(frozen=True)
class Feature:
    """One feature.

    Attributes:
        name: in tables of models.
        more: what a large value is, in words.
        value: of the columns of a customer; never null.
    """

    name: str
    more: str
    value: Column

    @property
    def column(self) -> str:
        """Its name in frames."""
        return f"{PREFIX}{self.name}"


def of_orders(*, amounts_apart: bool) -> tuple[Feature, ...]:
    """Features of the columns of table `measures`, as of any date.

    Args:
        amounts_apart: whether amounts are of several currencies, which are not compared.
    """
    days, tenure, silence = F.col("purchase_days"), F.col("tenure_days"), F.col("recency_days")
    gaps = days - F.lit(1)
    mean = (tenure - silence) / gaps
    variance = F.greatest(F.col("gap_squares") / gaps - mean * mean, F.lit(0.0))
    irregular = F.when((gaps >= 2) & (mean > 0), F.sqrt(variance) / mean).otherwise(F.lit(_AT_RANDOM))
    missed = silence * days / (tenure + F.lit(_DAYS_OF_ALL))
    positive = F.greatest(F.col("monetary").cast("double"), F.lit(0.0))
    spent = Feature("monetary", "more spend in the window", _log(positive))
    return (
        Feature("silence_days", "a longer silence since the last order", _log(silence)),
        Feature("missed_orders", "more orders missed, by their own rhythm", _log(missed)),
        Feature("tenure_days", "a longer time as a customer", _log(tenure)),
        Feature("order_days", "more days with an order", _log(days)),
        Feature("frequency", "more purchases in the window", _log(F.col("frequency"))),
        Feature("irregularity", "less regular gaps between orders", _log(irregular)),
        *(() if amounts_apart else (spent,)),
    )


def of_subscriptions(*, has_events: bool) -> tuple[Feature, ...]:
    """Features of the columns of `panel.subscribers`, as of any date.

    Args:
        has_events: whether what customers do is known.
    """
    used = (
        Feature("silence_days", "a longer time without using it", _log(F.coalesce("silence_days", F.lit(_NEVER)))),
        Feature("active_days", "more days of use in the last four weeks", _log(F.coalesce("active_days", F.lit(0)))),
        Feature(
            "active_days_before", "more days of use in the four weeks before these",
            _log(F.coalesce("active_days_before", F.lit(0))),
        ),
    )  # fmt: skip
    return (
        Feature("mrr", "a dearer subscription", _log(F.col("mrr"))),
        Feature("subscribed_days", "a longer time as a subscriber", _log(F.col("subscribed_days"))),
        Feature("subscriptions", "more subscriptions", _log(F.col("subscriptions"))),
        *(used if has_events else ()),
    )


def with_features(customers: DataFrame, features: Sequence[Feature], *others: str) -> DataFrame:
    """customer_id, some other columns, and the features."""
    return customers.select("customer_id", *others, *(one.value.alias(one.column) for one in features))


def _log(value: Column) -> Column:
    return F.log1p(value.cast("double"))
