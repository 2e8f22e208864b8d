"""The whole job without Spark: pandas, Polars or DuckDB to the segments, scikit-learn to the clusters, Parquet.

Each computes what a run of this project does, in its own words: orders with refunds netted, recency over all history,
frequency and monetary in the window, exact quintiles with ties together, the segments of `rf_grid`; and clusters, k
chosen over 2 … 10 by silhouette. It checks no rows, keeps no earlier state and explains nothing.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeAlias

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from benchmarks import names
from benchmarks.generate import live_files
from benchmarks.job import AS_OF, COLUMNS, CORES, WINDOW_DAYS, Job
from benchmarks.measure import Parts, Result, Timing, timed
from benchmarks.spark_jobs import ALL_HISTORY, KS, SEGMENT_RULES

STARTS = 10
SILHOUETTES_OF = 5_000
"""Customers of the sample that silhouettes are computed of; of all, they cost the square of their number."""
NEW_WITHIN = 90
_DAY = 86_400

Numbers: TypeAlias = NDArray[Any]

TUTORIAL_SQL = """
    WITH measures AS (
        SELECT customer_id, date_diff('day', CAST(max(order_ts) AS DATE), DATE '{as_of}') AS recency,
               count(DISTINCT order_id) AS frequency, sum(amount) AS monetary
        FROM transactions GROUP BY customer_id
    ), scored AS (
        SELECT *, ntile(5) OVER (ORDER BY recency DESC) AS r, ntile(5) OVER (ORDER BY frequency) AS f,
               ntile(5) OVER (ORDER BY monetary) AS m
        FROM measures
    )
    SELECT *, concat(r, f, m) AS rfm_code, {rules} AS segment FROM scored
"""

GRID_RULES = f"""
    CASE WHEN r = 5 AND f >= 4 THEN 'champions'
         WHEN r >= 3 AND f >= 4 THEN 'loyal'
         WHEN r >= 4 AND f >= 2 THEN 'potential_loyalist'
         WHEN r = 5 AND tenure_days <= {NEW_WITHIN} THEN 'new'
         WHEN r = 4 AND tenure_days <= {NEW_WITHIN} THEN 'promising'
         WHEN r >= 4 THEN 'returning'
         WHEN r = 3 AND f = 3 THEN 'need_attention'
         WHEN r = 3 THEN 'about_to_sleep'
         WHEN f = 5 THEN 'cannot_lose'
         WHEN f >= 3 THEN 'at_risk'
         ELSE 'hibernating' END
"""

WINDOW_SQL = """
    WITH orders AS (
        SELECT customer_id,
               CAST(coalesce(max(order_ts) FILTER (amount > 0), max(order_ts)) AS DATE) AS day,
               coalesce(sum(amount) FILTER (amount > 0), 0) AS gross,
               coalesce(-sum(amount) FILTER (amount < 0), 0) AS refund,
               coalesce(-sum(amount) FILTER (amount < 0 AND order_ts >= TIMESTAMPTZ '{start}'), 0) AS window_refund
        FROM transactions WHERE order_ts < TIMESTAMPTZ '{end}' GROUP BY customer_id, order_id
    ), customers AS (
        SELECT customer_id, date_diff('day', max(day) FILTER (gross > refund), DATE '{as_of}') AS recency_days,
               date_diff('day', min(day) FILTER (gross > refund), DATE '{as_of}') AS tenure_days,
               count(*) FILTER (gross > refund AND day >= DATE '{start}') AS frequency,
               coalesce(sum(gross) FILTER (day >= DATE '{start}'), 0) - sum(window_refund) AS monetary
        FROM orders GROUP BY customer_id
    ), buyers AS (
        FROM customers WHERE recency_days IS NOT NULL
    ), cuts AS (
        SELECT quantile_disc(recency_days, [0.2, 0.4, 0.6, 0.8]) AS r,
               quantile_disc(frequency, [0.2, 0.4, 0.6, 0.8]) FILTER (frequency > 0) AS f,
               quantile_disc(monetary, [0.2, 0.4, 0.6, 0.8]) FILTER (frequency > 0) AS m
        FROM buyers
    ), scored AS (
        SELECT buyers.*, 5 - ({recency}) AS r, CASE WHEN frequency > 0 THEN 1 + {frequency} ELSE 1 END AS f,
               CASE WHEN frequency > 0 THEN 1 + {monetary} ELSE 1 END AS m
        FROM buyers, cuts
    )
    SELECT *, {rules} AS segment FROM scored
"""


def window(as_of: date = AS_OF) -> str:
    """What is computed: the same customers, money and segments from everybody."""
    return f"{WINDOW_DAYS} days to {as_of}, refunds netted"


def tutorial_in_duckdb(job: Job) -> list[Timing]:
    """The tutorial's work in DuckDB, on the same Parquet files and as many threads."""
    with _database(job.table, job.scratch) as database:
        result = str(job.scratch / "segments.parquet")
        query = TUTORIAL_SQL.format(as_of=AS_OF, rules=SEGMENT_RULES)
        timing = timed(names.DUCKDB, lambda: database.sql(query).write_parquet(result))
        customers, monetary = database.read_parquet(result).aggregate("count(*), sum(monetary)").fetchall()[0]
    return [dataclasses.replace(timing, result=Result(ALL_HISTORY, int(customers), str(monetary)))]


def with_duckdb(job: Job) -> list[Timing]:
    """The segments by DuckDB."""
    return _whole_job(names.DUCKDB_SKLEARN, duckdb_segments, job)


def with_polars(job: Job) -> list[Timing]:
    """The segments by Polars."""
    return _whole_job(names.POLARS_SKLEARN, polars_segments, job)


def with_pandas(job: Job) -> list[Timing]:
    """The segments by pandas."""
    return _whole_job(names.PANDAS_SKLEARN, pandas_segments, job)


def _whole_job(name: str, segments: Callable[[Path, date], pd.DataFrame], job: Job) -> list[Timing]:
    parts = Parts()
    found: list[pd.DataFrame] = []

    def work() -> None:
        with parts.part("measures and segments"):
            customers = segments(job.table, AS_OF)
        clustered = customers.assign(cluster=clusters(customers, parts))
        with parts.part("writing"):
            clustered.to_parquet(job.scratch / "customers.parquet", index=False)
        found.append(clustered)

    timing = timed(name, work)
    return [dataclasses.replace(timing, steps=parts.seconds, result=result_of(found[0], window()))]


def result_of(customers: pd.DataFrame, of: str) -> Result:
    """Customers, money and segments of the frame of a whole job."""
    counts = customers["segment"].value_counts()
    money = Decimal(int(customers["monetary_cents"].sum())).scaleb(-2)
    return Result(
        of, len(customers), str(money), {str(name): int(count) for name, count in counts.sort_index().items()}
    )


def clusters(customers: pd.DataFrame, parts: Parts) -> Numbers:
    """The cluster of each, k chosen over 2 … 10 by the silhouette of a sample, ten starts each."""
    from sklearn.cluster import KMeans
    from sklearn.metrics import silhouette_score

    values = np.column_stack([customers[name] for name in ("recency_days", "frequency", "monetary_cents")]).astype(
        float
    )
    values[:, 2] /= 100
    logs = np.log1p(np.maximum(values, 0))
    points = (logs - logs.mean(axis=0)) / logs.std(axis=0)
    found = []
    for k in KS:
        with parts.part("KMeans"):
            labels = KMeans(k, n_init=STARTS, random_state=42).fit_predict(points)
        with parts.part("silhouettes"):
            sample = min(SILHOUETTES_OF, len(points))
            found.append((silhouette_score(points, labels, sample_size=sample, random_state=42), labels))
    best: Numbers = max(found, key=lambda one: one[0])[1]
    return best


def duckdb_segments(table: Path, as_of: date) -> pd.DataFrame:
    """Measures, scores and segments in one query."""

    def above(measure: str, cuts: str) -> str:
        return " + ".join(f"({measure} > cuts.{cuts}[{place}])::INT" for place in range(1, 5))

    start, end = as_of - timedelta(days=WINDOW_DAYS - 1), as_of + timedelta(days=1)
    query = WINDOW_SQL.format(
        as_of=as_of, start=start, end=end, rules=GRID_RULES, recency=above("recency_days", "r"),
        frequency=above("frequency", "f"), monetary=above("monetary", "m"),
    )  # fmt: skip
    with _database(table, None) as database:
        found: pd.DataFrame = (
            database.sql(query).project("* EXCLUDE (monetary), (monetary * 100)::BIGINT AS monetary_cents").df()
        )
    return found


def pandas_segments(table: Path, as_of: date) -> pd.DataFrame:
    """Cents and seconds in Arrow, ids as categories, two group-bys."""
    lines = pq.read_table(live_files(table), columns=list(COLUMNS))
    seconds = pc.cast(lines["order_ts"], pa.timestamp("s", "UTC"), safe=False).cast(pa.int64())
    cents = pc.call_function("multiply", [lines["amount"], pa.scalar(Decimal(100))]).cast(pa.int64())
    ids = lines.select(["customer_id", "order_id"])
    frame = ids.append_column("second", seconds).append_column("cents", cents).to_pandas(strings_to_categorical=True)
    start, end = _window_seconds(as_of)
    frame = frame[frame["second"] < end]
    frame["gross"] = frame["cents"].clip(lower=0)
    frame["refund"] = (-frame["cents"]).clip(lower=0)
    frame["window_refund"] = frame["refund"].where(frame["second"] >= start, 0)
    frame["sold_at"] = frame["second"].where(frame["cents"] > 0, -1)
    orders = frame.groupby(["customer_id", "order_id"], observed=True, sort=False).agg(
        gross=("gross", "sum"), refund=("refund", "sum"), window_refund=("window_refund", "sum"),
        sold_at=("sold_at", "max"), last_at=("second", "max"),
    )  # fmt: skip
    orders["day"] = orders["sold_at"].where(orders["sold_at"] >= 0, orders["last_at"]) // _DAY
    purchase, inside = orders["gross"] > orders["refund"], orders["day"] >= start // _DAY
    orders["last"] = orders["day"].where(purchase)
    orders["purchases"] = (purchase & inside).astype("int64")
    orders["net"] = orders["gross"].where(inside, 0) - orders["window_refund"]
    grouped = orders.groupby(level="customer_id", observed=True, sort=False)
    customers = grouped.agg(
        last=("last", "max"), first=("last", "min"), frequency=("purchases", "sum"), monetary_cents=("net", "sum")
    )
    customers = customers.dropna(subset=["last"]).reset_index()
    today = end // _DAY - 1
    return scored(customers.assign(recency_days=today - customers["last"], tenure_days=today - customers["first"]))


def polars_segments(table: Path, as_of: date) -> pd.DataFrame:
    """Lazy scans and two group-bys in the streaming engine."""
    import polars as pl

    start, end = (datetime.fromtimestamp(second, timezone.utc) for second in _window_seconds(as_of))
    cents, day = (pl.col("amount") * 100).cast(pl.Int64), pl.col("day")
    sold, gave_back = cents.filter(cents > 0), cents.filter(cents < 0)
    order_ts = pl.col("order_ts")
    orders = (
        pl.scan_delta(str(table))
        .select(*COLUMNS)
        .filter(order_ts < end)
        .group_by("customer_id", "order_id")
        .agg(
            pl.coalesce(order_ts.filter(cents > 0).max(), order_ts.max()).dt.date().alias("day"),
            sold.sum().alias("gross"),
            (-gave_back.sum()).alias("refund"),
            (-cents.filter((cents < 0) & (order_ts >= start)).sum()).alias("window_refund"),
        )
    )
    purchase, inside = pl.col("gross") > pl.col("refund"), day >= start.date()
    customers = orders.group_by("customer_id").agg(
        (pl.lit(as_of) - day.filter(purchase).max()).dt.total_days().alias("recency_days"),
        (pl.lit(as_of) - day.filter(purchase).min()).dt.total_days().alias("tenure_days"),
        (purchase & inside).sum().cast(pl.Int64).alias("frequency"),
        (pl.col("gross").filter(inside).sum() - pl.col("window_refund").sum()).alias("monetary_cents"),
    )
    return scored(customers.filter(pl.col("recency_days").is_not_null()).collect(engine="streaming").to_pandas())


def scored(customers: pd.DataFrame) -> pd.DataFrame:
    """The scores of exact quintiles, ties together, and the segments of `rf_grid`."""
    bought = (customers["frequency"] > 0).to_numpy()
    r = 5 - _above(customers["recency_days"].to_numpy(), np.ones_like(bought))
    f, m = (
        np.where(bought, 1 + _above(customers[name].to_numpy(), bought), 1) for name in ("frequency", "monetary_cents")
    )
    early = (customers["tenure_days"] <= NEW_WITHIN).to_numpy()
    rules = [
        ("champions", (r == 5) & (f >= 4)), ("loyal", (r >= 3) & (f >= 4)),
        ("potential_loyalist", (r >= 4) & (f >= 2)), ("new", (r == 5) & early), ("promising", (r == 4) & early),
        ("returning", r >= 4), ("need_attention", (r == 3) & (f == 3)), ("about_to_sleep", r == 3),
        ("cannot_lose", f == 5), ("at_risk", f >= 3),
    ]  # fmt: skip
    segment = np.select([fits for _, fits in rules], [name for name, _ in rules], "hibernating")
    return customers.assign(r=r, f=f, m=m, segment=segment)


def _above(values: Numbers, counted: Numbers) -> Numbers:
    """How many of the four cuts, the values at ranks ⌈j·n/5⌉ of those counted, lie strictly below each value."""
    sample = values[counted]
    places = [-(-j * len(sample) // 5) - 1 for j in range(1, 5)]
    cuts = np.partition(sample, places)[places]
    found: Numbers = np.searchsorted(cuts, values, side="left")
    return found


def _window_seconds(as_of: date) -> tuple[int, int]:
    """First second of the window, and the first one after it."""
    end = datetime(as_of.year, as_of.month, as_of.day, tzinfo=timezone.utc) + timedelta(days=1)
    return int((end - timedelta(days=WINDOW_DAYS)).timestamp()), int(end.timestamp())


def _database(table: Path, spill: Path | None) -> duckdb.DuckDBPyConnection:
    """DuckDB with a view of the table's files, after a query of something tiny."""
    database = duckdb.connect(config={"threads": CORES, **({} if spill is None else {"temp_directory": str(spill)})})
    database.execute("SET TimeZone = 'UTC'")
    database.read_parquet([str(file) for file in live_files(table)]).create_view("transactions")
    database.sql("SELECT count(*) FROM (FROM transactions LIMIT 1000) GROUP BY store_id").fetchall()
    return database
