"""Who was in which segment, from when to when, and as known when: derived from the runs, never stored apart from them.

A run says what holds from its as-of date until the next one. Runs in a row that say the same of a customer make one
interval. What a superseded run said is kept beside it, with the run that replaced it, so that a question can be asked
as of any day, as known on any day.

Where retention has dropped the rows of runs, what the run before them says holds until the next one that is left: of
the time before `retention.daily` days one knows by the month, and no longer what superseded runs had said.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, timedelta

from pyspark.sql import DataFrame, SparkSession

from rfm_spark.core.columns import CUSTOMERS, CustomerColumn, customer_columns
from rfm_spark.core.errors import LakeError
from rfm_spark.core.schemas import RUNS
from rfm_spark.lake.location import LakeLocation
from rfm_spark.lake.spark_tables import sql_text
from rfm_spark.lake.store import Store

NAME = "segment_history"
COMMENT = "One row per customer, kind and interval in which they were in the same segment, cluster, stage or tier"


def segment_history(
    spark: SparkSession, lake: LakeLocation, config_name: str | None = None, known_on: date | None = None
) -> DataFrame:
    """Membership intervals of every customer.

    Args:
        spark: the session.
        lake: where the tables are.
        config_name: one segmentation; None for all.
        known_on: only what runs had found by the end of this day (in the session's time zone); None for all.

    Returns:
        config_name, customer_id, kind (of the columns with an `interval`: segment, cluster, tier …), value, valid_from,
        valid_to DATE (inclusive; null while it holds), run_id (the first that said so), superseded_by (run that
        replaced it; null for what holds), known_from, known_to TIMESTAMP.

    Raises:
        LakeError: no complete run yet.
    """
    store = Store(spark, lake)
    if not store.exists(RUNS.name):
        raise LakeError(f"lake {lake}: no complete run; run `rfm-spark run` first, or check --lake")
    conditions = []
    if config_name is not None:
        conditions.append(f"config_name = {sql_text(config_name)}")
    if known_on is not None:
        conditions.append(f"finished_at < DATE'{known_on + timedelta(days=1)}'")
    return spark.sql(history_sql(lake, columns_there(store), " AND ".join(conditions), retires=knows_retirement(store)))


def members(
    spark: SparkSession, lake: LakeLocation, value: str, day: date, *, kind: str = "segment",
    known_on: date | None = None, config_name: str | None = None,
) -> DataFrame:  # fmt: skip
    """Customers who were in a segment on a day, as known on a day.

    Args:
        spark: the session.
        lake: where the tables are.
        value: segment, cluster id, stage or tier.
        day: the day asked for; the last as-of date up to it tells.
        kind: as in `segment_history`.
        known_on: what was known by the end of this day; None for now.
        config_name: one segmentation; None for all.

    Returns:
        Rows of `segment_history`, one per customer and segmentation.
    """
    found = segment_history(spark, lake, config_name, known_on).where("superseded_by IS NULL")
    words = {old: new for column in customer_columns().values() if column.interval == kind
             for old, new in column.older_words}  # fmt: skip
    here = (found["kind"] == kind) & (found["value"] == words.get(value, value)) & (found["valid_from"] <= day)
    return found.where(here & (found["valid_to"].isNull() | (found["valid_to"] >= day)))


def columns_there(store: Store) -> list[str]:
    """Columns of customers that the lake has; one that an older version wrote lacks those that came later."""
    return store.spark.sql(f"SELECT * FROM {store.location.table(CUSTOMERS)}").columns


def knows_retirement(store: Store) -> bool:
    """Whether the ledger, which an older version may have made, says which runs lost their rows."""
    return "retired_at" in store.spark.sql(f"SELECT * FROM {store.location.table(RUNS.name)}").columns


def history_sql(lake: LakeLocation, there: Collection[str], condition: str = "", *, retires: bool = True) -> str:
    """The query behind `segment_history`.

    Args:
        lake: where the tables are.
        there: columns of customers that it has.
        condition: on runs; empty for all.
        retires: whether the ledger says which runs lost their rows.
    """
    has_rows = "retired_at IS NULL" if retires else "true"
    kinds = {kind: _text(column) for kind, column in _kinds().items() if column.name in there}
    stacked = ", ".join(f"{sql_text(kind)}, {expression}" for kind, expression in kinds.items())
    return f"""
WITH known AS (
  SELECT config_name, as_of_date, run_id, finished_at, {has_rows} AS has_rows,
    lead(run_id) OVER later AS superseded_by, lead(finished_at) OVER later AS known_to
  FROM {lake.table(RUNS.name)}{f" WHERE {condition}" if condition else ""}
  WINDOW later AS (PARTITION BY config_name, as_of_date ORDER BY finished_at, length(run_id), run_id)
), dates AS (
  SELECT config_name, as_of_date,
    row_number() OVER ascending AS place, lead(as_of_date) OVER ascending AS next_date
  FROM (SELECT config_name, as_of_date FROM known WHERE superseded_by IS NULL AND has_rows)
  WINDOW ascending AS (PARTITION BY config_name ORDER BY as_of_date)
), runs_known AS (
  SELECT known.*, dates.place, dates.next_date
  FROM known JOIN dates ON known.config_name = dates.config_name AND known.as_of_date = dates.as_of_date
  WHERE known.has_rows
), facts AS (
  SELECT /*+ BROADCAST(r) */ r.config_name, s.customer_id, r.as_of_date, r.run_id, r.finished_at,
    r.superseded_by, r.known_to, r.place, r.next_date, stack({len(kinds)}, {stacked}) AS (kind, value)
  FROM {lake.table(CUSTOMERS)} s JOIN runs_known r ON s.run_id = r.run_id
), spells AS (
  SELECT *,
    -- Runs in a row that say the same share this number; a superseded one stands alone.
    CASE WHEN superseded_by IS NULL THEN place - row_number() OVER (
      PARTITION BY config_name, customer_id, kind, value, superseded_by IS NULL ORDER BY place
    ) ELSE place END AS spell,
    CASE WHEN superseded_by IS NULL THEN '' ELSE run_id END AS alone
  FROM facts WHERE value IS NOT NULL
)
SELECT config_name, customer_id, kind, value,
  min(as_of_date) AS valid_from,
  date_sub(max_by(next_date, as_of_date), 1) AS valid_to,
  min_by(run_id, as_of_date) AS run_id,
  max(superseded_by) AS superseded_by,
  min_by(finished_at, as_of_date) AS known_from,
  max(known_to) AS known_to
FROM spells
GROUP BY config_name, customer_id, kind, value, spell, alone
"""


def _kinds() -> dict[str, CustomerColumn]:
    """What intervals are made of: kind, and its column of customers."""
    return {column.interval: column for column in customer_columns().values() if column.interval is not None}


def _text(column: CustomerColumn) -> str:
    if column.kind != "STRING":
        return f"CAST({column.name} AS STRING)"
    older = "".join(f" WHEN {sql_text(old)} THEN {sql_text(new)}" for old, new in column.older_words)
    return f"CASE {column.name}{older} ELSE {column.name} END" if older else column.name
