"""Transaction lines for the benchmark: a seeded Delta table, written once per size and used again."""

from __future__ import annotations

import json
import math
import shutil
import urllib.parse
from pathlib import Path

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

SEED = 20251231
VERSION = 1
"""Part of the folder's name: raise it whenever a formula below changes."""

FIRST_SECOND = 1_704_067_200
"""2024-01-01 00:00:00 UTC."""
DAYS = 731
"""Two years, the first of them a leap year: the last day is 2025-12-31."""

LINES_PER_FILE = 1_000_000
CATEGORIES = (
    *("grocery", "bakery", "dairy", "meat", "produce", "frozen"),
    *("drinks", "household", "beauty", "garden", "toys", "electronics"),
)


def table_path(data: Path, lines: int, customers: int) -> Path:
    """Gives the folder of the table of this size."""
    return data / f"transactions-{lines}-{customers}-v{VERSION}"


def is_complete(table: Path) -> bool:
    """Tells whether the table's one commit exists; without it, files there are leftovers of a run that was stopped."""
    return _commit(table).is_file()


def live_files(table: Path) -> list[Path]:
    """Lists the Parquet files that the table's one commit names, so that other engines can read the very same data."""
    actions = [json.loads(line) for line in _commit(table).read_text(encoding="utf-8").splitlines()]
    return sorted(table / urllib.parse.unquote(action["add"]["path"]) for action in actions if "add" in action)


def write_table(spark: SparkSession, table: Path, lines: int, customers: int) -> None:
    """Writes the lines in order of time, as they arrive in a lake, in files of about a million."""
    if table.exists():
        shutil.rmtree(table)
    files = max(2, math.ceil(lines / LINES_PER_FILE))
    (
        transaction_lines(spark, lines, customers)
        .repartitionByRange(files, "order_ts", "order_id")
        .sortWithinPartitions("order_ts", "order_id")
        .write.format("delta")
        .save(str(table))
    )


def transaction_lines(spark: SparkSession, lines: int, customers: int) -> DataFrame:
    """Gives the lines: every value is a hash of an id, so the same size gives the same rows from any layout.

    Args:
        spark: The session.
        lines: How many lines there are, exactly.
        customers: The population orders are drawn from. About one in eight of it never buys.

    Returns:
        Orders of two or three lines within a minute, belonging to one customer, over two years.
    """
    orders = max(1, 2 * lines // 5)
    line = F.col("line")
    order = F.col("order")
    customer = F.col("customer")
    numbered = spark.range(lines).select(F.col("id").alias("line"), F.expr("id * 2 div 5").alias("order"))
    who = numbered.select(
        *("line", "order"),
        (line - F.expr("(order * 5 + 1) div 2")).alias("position"),
        _customer(_uniform("customer", order), customers).alias("customer"),
        F.floor(20_000 * F.pow(_uniform("product", line), F.lit(2.0))).alias("product"),
    )
    since_start = F.floor(_moment(customer, order) * (DAYS * 86_400 - 60))
    pause = F.floor(_uniform("pause", order) * 20) * F.col("position")
    digits = len(str(orders))
    return who.select(
        F.concat(F.lit("C"), F.lpad(customer.cast("string"), len(str(customers)), "0")).alias("customer_id"),
        F.concat(F.lit("O"), F.lpad(order.cast("string"), digits, "0")).alias("order_id"),
        F.timestamp_seconds(F.lit(FIRST_SECOND) + since_start + pause).alias("order_ts"),
        _amount(line).alias("amount"),
        F.concat(F.lit("P"), F.lpad(F.col("product").cast("string"), 5, "0")).alias("product_id"),
        F.concat(F.lit("S"), F.lpad(F.floor(_uniform("store", order) * 200).cast("string"), 3, "0")).alias("store_id"),
        F.least(F.lit(12), 1 + F.floor(-1.2 * F.log(_uniform("quantity", line)))).cast("int").alias("quantity"),
        _category(F.col("product")).alias("category"),
    )


def _commit(table: Path) -> Path:
    return table / "_delta_log" / f"{0:020d}.json"


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
