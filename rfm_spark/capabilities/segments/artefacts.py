"""What the steps of segments give."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from pyspark.sql import DataFrame

from rfm_spark.capabilities.segments.counting import CLUSTER_MOVES, SEGMENT_MOVES, moves_of
from rfm_spark.capabilities.segments.definition import column_changed, definition_changed, made_from, rule_map_of
from rfm_spark.capabilities.segments.load import rule_params_of
from rfm_spark.capabilities.segments.rules import RuleMap, segment_column
from rfm_spark.capabilities.segments.tables import SEGMENTS
from rfm_spark.core.counting import CountedCustomers
from rfm_spark.pipeline.artefact import Artefact, in_table, live

# Whoever compares two runs asks what their segments meant.
__all__ = [
    "CLUSTER_MOVES", "SEGMENT_MOVES", "CustomerCounts", "CustomerRows", "RuleMap",
    "SegmentSize", "SegmentSizes",
    "Segments", "Summary", "column_changed", "definition_changed", "made_from", "moves_of",
    "rule_map_of", "rule_params_of", "segment_column",
]  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class CustomerRows(Artefact):
    """Rows of customers who purchased, with the columns of every capability but for projections.

    Attributes:
        frame: one row per customer.
    """

    frame: DataFrame | None = live()

    @property
    def made(self) -> DataFrame:
        """The rows."""
        if self.frame is None:
            raise LookupError("rows of customers are made anew by every run")
        return self.frame


@dataclass(frozen=True, kw_only=True)
class Segments(Artefact):
    """The customers of the run as they are written.

    Attributes:
        customers: rows of table `segments`.
        definition_changed: whether segments mean something else than in the previous run.
    """

    customers: DataFrame = in_table(SEGMENTS)
    definition_changed: bool = False


@dataclass(frozen=True, kw_only=True)
class CustomerCounts(Artefact):
    """Counts of the run's customers, made when somebody asks.

    Attributes:
        counts: all that is asked of them.
    """

    counts: CountedCustomers | None = live()

    @property
    def made(self) -> CountedCustomers:
        """The counts."""
        if self.counts is None:
            raise LookupError("customers are counted anew by every run")
        return self.counts


@dataclass(frozen=True)
class SegmentSize:
    """One row of table `segment_summary`, without label and action."""

    scope: str
    segment: str
    customers: int
    customers_pct: float
    revenue: Decimal | None
    revenue_pct: float | None
    mean_recency: float | None
    mean_frequency: float | None
    mean_monetary: float | None
    median_recency: float | None
    median_frequency: float | None
    median_monetary: float | None


@dataclass(frozen=True, kw_only=True)
class SegmentSizes(Artefact):
    """Size, revenue and typical values of each segment.

    Attributes:
        sizes: of the segments that have customers.
    """

    sizes: tuple[SegmentSize, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Summary(Artefact):
    """The summary by segment is written."""
