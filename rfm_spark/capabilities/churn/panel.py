"""Customers as they were known on earlier days, with what became of them: what churn is learnt from and tested on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from rfm_spark.capabilities.churn.features import Feature, with_features
from rfm_spark.capabilities.subscriptions.artefacts import mrr_of

LEARNT, HELD, TESTED = "learnt", "held", "tested"
STOPPED = "stopped"
# So many customers tell a model all that it can know, and fit on a driver with what became of them.
MOST = 100_000
_SHARES, _HELD = 100_000, 3
_FOUR_WEEKS = 28


@dataclass(frozen=True)
class Dates:
    """The days that matter.

    Attributes:
        learnt: last day of what is learnt from.
        tested: last day of what is tested on.
        horizon: days after each of these in which customers stop, or don't.
    """

    learnt: date
    tested: date
    horizon: int

    @classmethod
    def before(cls, as_of: date, horizon: int, gap: int) -> Dates:
        """The latest days whose outcome is known; the days after `learnt` that matter end before `tested`."""
        tested = as_of - timedelta(days=horizon)
        return cls(tested - timedelta(days=horizon + gap), tested, horizon)

    def until(self, day: date) -> date:
        """Last day on which the outcome of a day is looked for."""
        return day + timedelta(days=self.horizon)


def is_sampled(active: int) -> Column:
    """Whether a customer is among those who are looked at: by their id alone, so that the same ones are every time.

    Args:
        active: customers who have not stopped today, about as many as on earlier days.
    """
    share = min(round(_SHARES * MOST / max(active, 1)), _SHARES)
    return F.lit(True) if share == _SHARES else _place("churn", _SHARES) < F.lit(share)


def order_panel(
    measured: Callable[[date], DataFrame], bought: Callable[[date], DataFrame], dates: Dates, longest_silence: int,
    features: Sequence[Feature],
) -> DataFrame:  # fmt: skip
    """Customers who had not been silent for too long, on both days.

    Args:
        measured: measures of customers as of a day, as in table `measures`.
        bought: customer_id, order_date of purchases, as they were known at the end of the horizon after a day.
        dates: days.
        longest_silence: days of silence after which a customer is gone already.
        features: of `features.of_orders`.

    Returns:
        part STRING (LEARNT, HELD or TESTED), customer_id, recency_days, tenure_days, purchase_days INT, the features,
        STOPPED DOUBLE: 1 without a purchase in the horizon after the day.
    """
    sides = []
    for name, day in _sides(dates):
        known = measured(day).where(F.col("recency_days") <= F.lit(longest_silence))
        told = with_features(known, features, "recency_days", "tenure_days", "purchase_days")
        came = bought(day).where(_within(F.col("order_date"), day, dates)).select("customer_id").distinct()
        joined = told.join(came.withColumn(STOPPED, F.lit(0.0)), "customer_id", "left").fillna(1.0, [STOPPED])
        sides.append(joined.withColumn("part", _part(name)))
    return reduce(DataFrame.unionByName, sides)


def subscription_panel(
    versions: DataFrame, used: DataFrame | None, dates: Dates, features: Sequence[Feature]
) -> DataFrame:
    """Customers who paid for a subscription, on both days.

    Args:
        versions: of subscriptions.
        used: customer_id, event_date of days on which customers did something; None where nobody knows.
        dates: days.
        features: of `features.of_subscriptions`.

    Returns:
        As `order_panel`, without columns of orders; STOPPED is 1 for who pays for none at the end of the horizon.
    """
    sides = []
    for name, day in _sides(dates):
        told = with_features(subscribers(versions, used, day), features)
        later = mrr_of(versions, dates.until(day)).where("mrr > 0").select("customer_id", F.lit(0.0).alias(STOPPED))
        joined = told.join(later, "customer_id", "left").fillna(1.0, [STOPPED])
        sides.append(joined.withColumn("part", _part(name)))
    return reduce(DataFrame.unionByName, sides)


def subscribers(versions: DataFrame, used: DataFrame | None, day: date) -> DataFrame:
    """Who pays for a subscription on a day.

    Returns:
        customer_id, mrr, subscriptions, subscribed_days INT, and, where `used` is known: silence_days INT, active_days,
        active_days_before BIGINT, of four weeks each; null of who did nothing.
    """
    paying = mrr_of(versions, day).where("mrr > 0").select(
        "customer_id", "mrr", "subscriptions", F.datediff(F.lit(day), "subscribed_since").alias("subscribed_days")
    )  # fmt: skip
    if used is None:
        return paying
    ago = F.datediff(F.lit(day), "event_date")
    counts = used.where(F.col("event_date") <= F.lit(day)).groupBy("customer_id").agg(
        F.min(ago).alias("silence_days"),
        F.count_if(ago < _FOUR_WEEKS).alias("active_days"),
        F.count_if((ago >= _FOUR_WEEKS) & (ago < 2 * _FOUR_WEEKS)).alias("active_days_before"),
    )  # fmt: skip
    return paying.join(counts, "customer_id", "left")


def _sides(dates: Dates) -> tuple[tuple[str, date], ...]:
    return (LEARNT, dates.learnt), (TESTED, dates.tested)


def _within(day: Column, after: date, dates: Dates) -> Column:
    return (day > F.lit(after)) & (day <= F.lit(dates.until(after)))


def _part(name: str) -> Column:
    """Three tenths of those learnt from are held back: they tell what a score means as a probability."""
    if name == TESTED:
        return F.lit(TESTED)
    return F.when(_place("held", 10) < _HELD, F.lit(HELD)).otherwise(F.lit(LEARNT))


def _place(salt: str, places: int) -> Column:
    return F.pmod(F.xxhash64("customer_id", F.lit(salt)), F.lit(places))
