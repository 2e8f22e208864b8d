"""What the steps of scoring give."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pyspark.sql import DataFrame

from rfm_spark.capabilities.rfm.config import RfmConfig
from rfm_spark.capabilities.rfm.cuts import CutSet, as_rows, from_rows, quantile_cuts, with_scores
from rfm_spark.capabilities.rfm.scores import code_separator, score_code, scored_customers, with_codes
from rfm_spark.core.distribution import Rank
from rfm_spark.core.stats import Moments
from rfm_spark.pipeline.artefact import Artefact

# Others score what they measure by the same rules.
__all__ = [
    "CutPoints", "CutSet", "KeptCuts", "Scores", "code_separator", "from_rows", "quantile_cuts", "score_code",
    "with_codes", "with_scores",
]  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class CutPoints(Artefact):
    """Cut points of scores.

    Attributes:
        cut_sets: per measure, and per group where they are nested.
        measured: column that each measure stands for, where it is not the usual one.
    """

    cut_sets: tuple[CutSet, ...] = ()
    measured: Mapping[str, str] = field(default_factory=dict)

    def as_rows(self) -> list[dict[str, object]]:
        """Rows of table `segment_cuts`."""
        rows = [dict(row) for row in as_rows(self.cut_sets)]
        return [{**row, "measure": self.measured.get(str(row["measure"]), row["measure"])} for row in rows]


@dataclass(frozen=True, kw_only=True)
class Scores(CutPoints):
    """What turns measures of purchases into scores and standings.

    Attributes:
        ranks: per measure, exact ranks over all customers, and over those of each scope where there are some.
        moments: per measure and scope, of what z-scores standardise.
    """

    ranks: Mapping[str, tuple[Rank, ...]]
    moments: Mapping[str, Mapping[str, Moments]]

    def scored(self, purchased: DataFrame, rfm: RfmConfig) -> DataFrame:
        """Customers with scores and standings; see `scores.scored_customers`."""
        return scored_customers(purchased, rfm, self.cut_sets, self.ranks, self.moments)


@dataclass(frozen=True, kw_only=True)
class KeptCuts(Artefact):
    """The cut points of the run are in their table."""
