"""What the step of events gives."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from rfm_spark.capabilities.drift.artefacts import TrackedVolumes, WatchedRates
from rfm_spark.capabilities.events.activity import active_days
from rfm_spark.capabilities.events.config import FOUR_WEEKS
from rfm_spark.capabilities.events.tables import (
    FEATURE_ADOPTION,
    INTERACTION_COLUMNS,
    INTERACTIONS,
    LAST_EVENTS,
    VISITS,
)
from rfm_spark.pipeline.artefact import Artefact, CustomerColumns, in_table, live

__all__ = ["FeatureAdoption", "Interactions", "LastEvents", "active_days"]


@dataclass(frozen=True, kw_only=True)
class Interactions(CustomerColumns, WatchedRates, TrackedVolumes):
    """What customers did beside buying.

    Attributes:
        interactions: rows of table `interactions`.
        visits: customer_id and the date of their latest event, of all days that were read.
        main_window: days of the window whose columns rows of customers have.
        longest: days of the longest window.
        counts_weeks: whether the window of weekly sessions is among them.
        made: the columns, as they were made; None where another process made them.
    """

    interactions: DataFrame = in_table(INTERACTIONS)
    visits: DataFrame = in_table(VISITS)
    main_window: int
    longest: int
    counts_weeks: bool = False
    made: DataFrame | None = live()

    @property
    def columns(self) -> DataFrame:
        """customer_id and the columns of the main window, and weekly sessions."""
        if self.made is not None:
            return self.made
        found = self.of_window(self.main_window)
        return found.join(self.weekly_sessions, "customer_id", "full_outer") if self.counts_weeks else found

    @property
    def weekly_sessions(self) -> DataFrame:
        """customer_id and weekly_sessions of those with an event in the last 28 days."""
        return self.of_window(FOUR_WEEKS).select("customer_id", (F.col("sessions") / 4).alias("weekly_sessions"))

    def of_window(self, days: int) -> DataFrame:
        """customer_id and the columns of a window; who has no event in it is not in it."""
        names = [name for name, _, _ in INTERACTION_COLUMNS]
        return self.interactions.where(F.col("window_days") == days).select("customer_id", *names)


@dataclass(frozen=True, kw_only=True)
class LastEvents(Artefact):
    """When customers last did what recency is of.

    Attributes:
        dates: rows of table `last_events`.
    """

    dates: DataFrame = in_table(LAST_EVENTS)


@dataclass(frozen=True, kw_only=True)
class FeatureAdoption(CustomerColumns):
    """Which features customers used.

    Attributes:
        adoption: rows of table `feature_adoption`.
    """

    adoption: DataFrame = in_table(FEATURE_ADOPTION)

    @property
    def columns(self) -> DataFrame:
        """customer_id and features_used; who used none is not in it."""
        return self.adoption.groupBy("customer_id").agg(F.count(F.lit(1)).alias("features_used"))
