"""Taking in rows without a lake: what `LineIntake` makes of them, kept in memory."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date

from pyspark.sql import DataFrame

from rfm_spark.capabilities.purchases.batches import live_rows
from rfm_spark.capabilities.purchases.config import TransactionsSource
from rfm_spark.capabilities.purchases.counts import CURRENCIES, LineCounts, currencies_text, line_counts
from rfm_spark.capabilities.purchases.intake import SOURCE, LineIntake, Replaced, Taken
from rfm_spark.capabilities.purchases.lines import ReadOptions
from rfm_spark.capabilities.purchases.quality import QualityConfig
from rfm_spark.capabilities.purchases.settings import LineSettings
from rfm_spark.core.batches import Batch, Batches
from rfm_spark.pipeline.environment import Frames


@dataclass
class InMemory:
    """Keeps days of orders and rejected rows as frames."""

    held: ExitStack = field(default_factory=ExitStack)
    kept: DataFrame | None = None
    rejected: DataFrame | None = None

    def days(self, rows: DataFrame, *, more: bool) -> DataFrame:
        """Keep rows, in place of those kept before or beside them."""
        frame = rows.localCheckpoint()
        before = self.kept if more else None
        self.kept = frame if before is None else before.unionByName(frame.select(*before.columns))
        return self.kept

    def rejects(self, rows: DataFrame) -> None:
        """Keep rejected rows."""
        self.rejected = rows.localCheckpoint()


@dataclass(frozen=True)
class TakenRows:
    """What was taken, with the rows that were rejected."""

    taken: Taken
    rejected: DataFrame | None

    @property
    def days(self) -> DataFrame:
        """Rows of `order_days`, without the marks of customers who were read again."""
        return live_rows(self.taken.days_frame, Batches())

    def counts(self, as_of: date) -> LineCounts:
        """Figures as of a date, as the gates see them."""
        facts = {CURRENCIES: currencies_text(self.taken.currencies)}
        one = Batch("", 1, "", SOURCE, None, "", "rebuild", "", self.taken.rows, self.taken.money, self.taken.days, (),
                    facts)  # fmt: skip
        return line_counts(Batches((one,)), SOURCE, as_of)


def take(
    raw: DataFrame, source: TransactionsSource, quality: QualityConfig | None = None,
    options: ReadOptions | None = None, replaced: Replaced | None = None, gone: DataFrame | None = None,
) -> TakenRows:  # fmt: skip
    """Take in rows as a batch of a lake would be; see `LineIntake.take`."""
    checks = quality or QualityConfig()
    keep = InMemory()
    with ExitStack() as held:
        intake = LineIntake(LineSettings(source, checks, "UTC"), Frames(raw.sparkSession, held), keep)
        taken = intake.take(raw, options or ReadOptions(checks), replaced, gone)
    return TakenRows(taken, keep.rejected)
