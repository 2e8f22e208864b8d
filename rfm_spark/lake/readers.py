"""Reading results: only ever rows of complete runs."""

from __future__ import annotations

from pyspark.sql import DataFrame, SparkSession

from rfm_spark.core.errors import LakeError
from rfm_spark.core.runs import RunRow
from rfm_spark.core.schemas import REJECTS, RUNS, tables
from rfm_spark.lake.history import COMMENT, history_sql, knows_retirement
from rfm_spark.lake.history import NAME as HISTORY
from rfm_spark.lake.ledger import Ledger
from rfm_spark.lake.location import LakeLocation, checked_run_id
from rfm_spark.lake.spark_tables import sql_text
from rfm_spark.lake.store import Store


def current(spark: SparkSession, lake: LakeLocation, table: str, config_name: str | None = None) -> DataFrame:
    """A table as it stands now: of each segmentation the newest as-of date, and of that the newest complete run.

    Args:
        spark: the session.
        lake: where the tables are.
        table: name of a table of the lake; kept tables and ledgers come whole.
        config_name: one segmentation; None for all.

    Raises:
        LakeError: no such table, or no complete run yet.
    """
    newest: dict[str, str] = {run.config_name: run.run_id for run in _current_runs(spark, lake, config_name)}
    return _of_runs(spark, lake, table, list(newest.values()))


def history(spark: SparkSession, lake: LakeLocation, table: str, config_name: str | None = None) -> DataFrame:
    """A run table over time: the current run of every as-of date, but for those whose rows retention has dropped.

    Args:
        spark: the session.
        lake: where the tables are.
        table: name of a table of the lake; kept tables and ledgers come whole.
        config_name: one segmentation; None for all.

    Raises:
        LakeError: no such table, or no complete run yet.
    """
    runs = _current_runs(spark, lake, config_name)
    return _of_runs(spark, lake, table, [run.run_id for run in runs if run.has_rows])


def of_run(spark: SparkSession, lake: LakeLocation, table: str, run_id: str) -> DataFrame:
    """A run table as one complete run wrote it.

    Raises:
        ConfigError: not a run id.
        LakeError: no complete run of that id, no such table, or the run's rows were dropped.
    """
    checked_run_id(run_id)
    found = next((run for run in Ledger(Store(spark, lake)).complete() if run.run_id == run_id), None)
    # Rejects say why a run stopped, so they are readable before (and without) its row in the ledger.
    if table != REJECTS.name and found is None:
        raise LakeError(f"lake {lake}: no complete run {run_id}; `rfm-spark runs` lists them")
    if found is not None and not found.has_rows:
        raise LakeError(f"lake {lake}: {found.retirement}")
    return _of_runs(spark, lake, table, [run_id])


def refresh_views(store: Store) -> None:
    """Define `<table>_current` for every run table, in catalog mode; the views follow the ledger by themselves."""
    if not store.location.is_catalog:
        return
    runs = store.location.table(RUNS.name)
    newest = (
        "SELECT run_id FROM (SELECT run_id, row_number() OVER (PARTITION BY config_name "
        f"ORDER BY as_of_date DESC, finished_at DESC, length(run_id) DESC, run_id DESC) AS place FROM {runs}) "
        "WHERE place = 1"
    )
    for table in tables().values():
        if table.kind == "run" and store.exists(table.name):
            store.spark.sql(
                f"CREATE OR REPLACE VIEW {store.location.table(f'{table.name}_current')} "
                f"COMMENT {sql_text(f'Newest complete run: {table.comment}')} "
                f"AS SELECT * FROM {store.location.table(table.name)} WHERE run_id IN ({newest})"
            )
    if store.exists(RUNS.name):
        store.spark.sql(
            f"CREATE OR REPLACE VIEW {store.location.table(HISTORY)} COMMENT {sql_text(COMMENT)} "
            f"AS {history_sql(store.location, retires=knows_retirement(store))}"
        )


def _current_runs(spark: SparkSession, lake: LakeLocation, config_name: str | None) -> list[RunRow]:
    runs = Ledger(Store(spark, lake)).complete(config_name)
    if not runs:
        of = f" of {config_name}" if config_name else ""
        raise LakeError(f"lake {lake}: no complete run{of}; run `rfm-spark run` first, or check --lake")
    return list({(run.config_name, run.as_of): run for run in runs}.values())


def _of_runs(spark: SparkSession, lake: LakeLocation, table: str, run_ids: list[str]) -> DataFrame:
    if table not in tables():
        raise LakeError(f"lake {lake}: no table {table}; there are {', '.join(sorted(tables()))}")
    store = Store(spark, lake)
    return store.read(table) if tables()[table].kind != "run" else store.of_runs(table, run_ids)
