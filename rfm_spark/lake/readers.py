"""Reading results: only ever rows of complete runs."""

from __future__ import annotations

from pyspark.sql import DataFrame, SparkSession

from rfm_spark.core.derived import derived
from rfm_spark.core.errors import LakeError
from rfm_spark.core.runs import RunRow
from rfm_spark.core.schemas import REJECTS, RUNS, tables
from rfm_spark.lake.batches import derived_rows, taken_for, taken_in
from rfm_spark.lake.history import COMMENT, columns_there, history_sql, knows_retirement
from rfm_spark.lake.history import NAME as HISTORY
from rfm_spark.lake.ledger import Ledger
from rfm_spark.lake.location import LakeLocation, checked_run_id, checked_slice_id
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
    newest = {run.config_name: run for run in _current_runs(spark, lake, config_name)}
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
    return _of_runs(spark, lake, table, [run for run in runs if run.has_rows])


def of_run(spark: SparkSession, lake: LakeLocation, table: str, run_id: str) -> DataFrame:
    """A run table as one complete run wrote it.

    Raises:
        ConfigError: not a run id.
        LakeError: no complete run of that id, no such table, or the run's rows were dropped.
    """
    store = Store(spark, lake)
    if table == REJECTS.name:
        # Rejects say why a run stopped, so they are readable before (and without) a row in the ledger.
        return rejects_of(store, run_id)
    found = Ledger(store).named(checked_run_id(run_id))
    if not found:
        raise LakeError(f"lake {lake}: no complete run {run_id}; `rfm-spark runs` lists them")
    if not found[0].has_rows:
        raise LakeError(f"lake {lake}: {found[0].retirement}")
    return _of_runs(spark, lake, table, found)


def rejects_of(store: Store, run_id: str) -> DataFrame:
    """Rejected rows of a run, with those of the batches that held for it; or of a batch, or of those folded into it.

    Raises:
        ConfigError: neither the id of a run nor of a batch.
    """
    found = Ledger(store).named(checked_slice_id(run_id))
    if found and not found[0].has_rows:
        raise LakeError(f"lake {store.location}: {found[0].retirement}")
    more = [batch_id for run in found for batch_id in taken_for(store, run)] if found else taken_in(store, run_id)
    ids = list(dict.fromkeys([run_id, *more]))
    if not store.exists(REJECTS.name):
        return store.spark.createDataFrame([], REJECTS.ddl)
    return store.of_runs(REJECTS.name, ids)


def new_in(store: Store, run_id: str) -> list[str]:
    """Ids under which rejected rows of a run are seen for the first time: its own, and those of its new batches."""
    ledger = Ledger(store)
    runs = ledger.named(run_id)
    before = ledger.named(*(run.previous_run_id for run in runs if run.previous_run_id is not None))
    mine, theirs = ([batch_id for run in some for batch_id in taken_for(store, run)] for some in (runs, before))
    return [run_id, *(batch_id for batch_id in mine if batch_id not in theirs)]


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
            f"AS {history_sql(store.location, columns_there(store), retires=knows_retirement(store))}"
        )


def _current_runs(spark: SparkSession, lake: LakeLocation, config_name: str | None) -> list[RunRow]:
    runs = Ledger(Store(spark, lake)).complete(config_name)
    if not runs:
        of = f" of {config_name}" if config_name else ""
        raise LakeError(f"lake {lake}: no complete run{of}; run `rfm-spark run` first, or check --lake")
    return list({(run.config_name, run.as_of): run for run in runs}.values())


def _of_runs(spark: SparkSession, lake: LakeLocation, table: str, runs: list[RunRow]) -> DataFrame:
    store, made = Store(spark, lake), derived()
    if table in made:
        rows = derived_rows(store, made[table], runs)
        # Lakes of an older version had it as a table.
        return store.read(table) if rows is None else rows
    if table not in tables():
        raise LakeError(f"lake {lake}: no table {table}; there are {', '.join(sorted((*tables(), *made)))}")
    if tables()[table].kind != "run":
        return store.read(table)
    ids = [run.run_id for run in runs]
    if table == REJECTS.name:
        ids += [batch_id for run in runs for batch_id in taken_for(store, run)]
    return store.of_runs(table, list(dict.fromkeys(ids)))
