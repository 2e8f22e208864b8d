"""Transaction lines for the benchmark: a seeded Delta table, written once per shape and used again."""

from __future__ import annotations

import math
import shutil
from datetime import date
from pathlib import Path

from deltalake import DeltaTable
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from benchmarks.shapes import Shape

SEED = 20251231
FIRST_SECOND = 1_704_067_200
"""2024-01-01 00:00:00 UTC."""
DAYS = 731
"""Two years, the first of them a leap year: the last day is 2025-12-31."""
YEAR = 365 * 86_400
DAY_AFTER = FIRST_SECOND + DAYS * 86_400
"""Midnight after the last day."""

NIGHT = date(2026, 1, 1)
"""The day after the last one, whose rows arrive in a commit of their own."""
NIGHT_SHARE = 0.0015
"""Its rows, of those of two years: about a day's worth."""
LATE, REFUNDED, OF = (3, 11, 19, 27), 5, 32
"""Of 32 orders of a night, by their number: those dated up to four weeks back, and the one refunding an old order."""
LATE_DAYS = 28

LINES_PER_FILE = 1_000_000
CATEGORIES = (
    *("grocery", "bakery", "dairy", "meat", "produce", "frozen"),
    *("drinks", "household", "beauty", "garden", "toys", "electronics"),
)


def is_complete(table: Path) -> bool:
    """Tells whether the table's first commit exists; without it, files are leftovers of a run that was stopped."""
    return (table / "_delta_log" / f"{0:020d}.json").is_file()


def is_written(night: Path) -> bool:
    """Tells whether the rows of the night are there whole."""
    return (night / "_SUCCESS").is_file()


def live_files(table: Path) -> list[Path]:
    """Lists the Parquet files of the table's newest version, so that other engines can read the very same data."""
    return sorted(Path(file) for file in DeltaTable(str(table)).file_uris())


def write_table(spark: SparkSession, table: Path, shape: Shape) -> None:
    """Writes the lines in order of time, as they arrive in a lake, in files of about a million."""
    if table.exists():
        shutil.rmtree(table)
    files = max(2, math.ceil(shape.lines / LINES_PER_FILE))
    (
        transaction_lines(spark, shape)
        .repartitionByRange(files, "order_ts", "order_id")
        .sortWithinPartitions("order_ts", "order_id")
        .write.format("delta")
        .save(str(table))
    )


def write_night(spark: SparkSession, night: Path, shape: Shape) -> None:
    """Writes the rows of the night as one Parquet file, to be appended to copies of the table."""
    rows = night_lines(spark, shape).coalesce(1).sortWithinPartitions("order_ts", "order_id")
    rows.write.mode("overwrite").option("outputTimestampType", "TIMESTAMP_MICROS").parquet(str(night))


def transaction_lines(spark: SparkSession, shape: Shape) -> DataFrame:
    """Gives the lines: every value is a hash of an id, so the same shape gives the same rows from any layout.

    Orders of as many lines as the shape has, all within minutes and by one customer. Without `years`, over two years in
    which customers come and go; with `years`, the same orders of the same customers' last year whatever came before.
    """
    line, order = F.col("line"), F.col("order")
    first_line = F.expr("(order * 5 + 1) div 2") if shape.basket is None else order * shape.basket
    numbered = spark.range(shape.lines).select(
        F.col("id").alias("line"),
        F.expr("id * 2 div 5" if shape.basket is None else f"id div {shape.basket}").alias("order"),
    )
    who = numbered.select(
        *("line", "order"),
        (line - first_line).alias("position"),
        _buyer(shape, order).alias("customer"),
        _product(line).alias("product"),
    )
    pause = F.floor(_uniform("pause", order) * 20) * F.col("position")
    began = _first_line_at(shape, F.col("customer"), order)
    return _rows(who, shape, _order_id(shape, order), began + pause)


def night_lines(spark: SparkSession, shape: Shape) -> DataFrame:
    """Gives what arrives in the night after the table's last day: its own orders, late ones, refunds of old ones.

    The number of rows and the customers do not hang on how many years the table has.
    """
    line, order = F.col("line"), F.col("order")
    # Far from the ids of the table's lines, so that amounts are others.
    numbered = spark.range(shape.night_lines(NIGHT_SHARE)).select(
        (F.col("id") + 10**15).alias("line"), F.expr("id * 2 div 5").alias("order")
    )
    old = F.floor(_uniform("night refunded", order) * shape.orders_of_last_year)
    is_refund = order % OF == REFUNDED
    new = _customer(_uniform("night customer", order), shape.customers)
    who = numbered.select(
        *("line", "order"),
        is_refund.alias("is_refund"),
        old.alias("old"),
        F.when(is_refund, _buyer(shape, old)).otherwise(new).alias("customer"),
        _product(line).alias("product"),
    )
    back = 1 + F.floor(_uniform("night late", order) * LATE_DAYS)
    days = F.when((order % OF).isin(*LATE), back).otherwise(0)
    seconds = F.lit(DAY_AFTER) - days * 86_400 + F.floor(_uniform("night moment", order) * 86_340)
    number = F.concat(F.lit(f"N{NIGHT:%Y%m%d}-"), order.cast("string"))
    order_id = F.when(F.col("is_refund"), _order_id(shape, F.col("old"))).otherwise(number)
    rows = _rows(who, shape, order_id, seconds, F.col("is_refund"))
    amount = F.when(F.col("is_refund"), -F.abs("amount")).otherwise(F.col("amount"))
    return rows.withColumn("amount", amount).drop("is_refund")


def _rows(who: DataFrame, shape: Shape, order_id: Column, seconds: Column, *extra: Column) -> DataFrame:
    """The columns of the table, from ids: line, order, customer and product."""
    line, order = F.col("line"), F.col("order")
    customer = F.lpad(F.col("customer").cast("string"), len(str(shape.customers)), "0")
    return who.select(
        F.concat(F.lit("C"), customer).alias("customer_id"),
        order_id.alias("order_id"),
        F.timestamp_seconds(seconds).alias("order_ts"),
        _amount(line).alias("amount"),
        F.concat(F.lit("P"), F.lpad(F.col("product").cast("string"), 5, "0")).alias("product_id"),
        F.concat(F.lit("S"), F.lpad(F.floor(_uniform("store", order) * 200).cast("string"), 3, "0")).alias("store_id"),
        F.least(F.lit(12), 1 + F.floor(-1.2 * F.log(_uniform("quantity", line)))).cast("int").alias("quantity"),
        _category(F.col("product")).alias("category"),
        *extra,
    )


def _order_id(shape: Shape, order: Column) -> Column:
    return F.concat(F.lit("O"), F.lpad(order.cast("string"), shape.digits, "0"))


def _buyer(shape: Shape, order: Column) -> Column:
    """The rank of who made an order; of a history of years, the same for the n-th order of every year."""
    key = order if shape.years is None else order % shape.orders_of_last_year
    rank = _customer(_uniform("customer", key), shape.customers)
    # The first rank: who buys most anyway.
    return F.when(_uniform("skew", order) < 0.1, F.lit(0)).otherwise(rank) if shape.skewed else rank


def _first_line_at(shape: Shape, customer: Column, order: Column) -> Column:
    """When an order begins, in seconds since 1970; its last line still falls into the last day."""
    margin = 20 * math.ceil(shape.basket or 3)
    if shape.years is None:
        return F.lit(FIRST_SECOND) + F.floor(_moment(customer, order) * (DAYS * 86_400 - margin))
    ago = F.floor(order / shape.orders_of_last_year)
    return F.lit(DAY_AFTER) - (ago + 1) * YEAR + F.floor(_uniform("moment", order) * (YEAR - margin))


def _product(line: Column) -> Column:
    return F.floor(20_000 * F.pow(_uniform("product", line), F.lit(2.0)))


def _uniform(purpose: str, key: Column) -> Column:
    """A number strictly between 0 and 1 from the hash of a key; each purpose has its own."""
    bits = F.shiftrightunsigned(F.xxhash64(F.lit(SEED), F.lit(purpose), key), 11)
    return (bits.cast("double") + 0.5) * 2.0**-53


def _normal(purpose: str, key: Column) -> Column:
    """A standard normal number from the hash of a key (Box and Muller)."""
    radius = F.sqrt(-2 * F.log(_uniform(purpose + " radius", key)))
    return radius * F.cos(2 * math.pi * _uniform(purpose + " angle", key))


def _customer(uniform: Column, customers: int) -> Column:
    """The rank of the buyer, where rank r buys in proportion to (r + offset)^-0.7 (Zipf and Mandelbrot).

    With four orders a customer on average, the first ranks buy about 800 times and the last third mostly once or twice.
    """
    power = 1 - 0.7
    offset = max(1.0, customers / 10_000)
    low, high = offset**power, (customers + offset) ** power
    rank = F.floor(F.pow(low + uniform * (high - low), F.lit(1 / power)) - offset)
    return F.greatest(F.lit(0), F.least(F.lit(customers - 1), rank))


def _moment(customer: Column, order: Column) -> Column:
    """When the order falls, as a share of the two years, within the time its customer was active."""
    joined = F.when(_uniform("veteran", customer) < 0.35, 0.0).otherwise(_uniform("joined", customer))
    stayed = F.when(_uniform("loyal", customer) < 0.3, 1.0).otherwise(_uniform("stayed", customer))
    return joined + (1 - joined) * stayed * _uniform("moment", order)


def _amount(line: Column) -> Column:
    """A log-normal amount with the median 12.00; one line in a hundred is a refund."""
    size = F.greatest(F.lit(0.01), F.exp(math.log(12.0) + 0.9 * _normal("amount", line)))
    sign = F.when(_uniform("refund", line) < 0.01, -1).otherwise(1)
    return (sign * size).cast("decimal(12,2)")


def _category(product: Column) -> Column:
    return F.element_at(F.array(*map(F.lit, CATEGORIES)), (product % len(CATEGORIES) + 1).cast("int"))
