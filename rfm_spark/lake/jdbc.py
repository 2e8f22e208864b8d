"""Tables of a database, read through Spark's JDBC reader: partitioned where asked, secrets from the environment."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from decimal import Decimal

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import NumericType

from rfm_spark.core.config import fill_placeholders
from rfm_spark.core.errors import SourceError
from rfm_spark.core.reading.places import Where

_PLACEHOLDER = re.compile(r"\$\{env:[^}]+\}")
# A driver that Spark fetched is found by its class only; one that is not here is named by the option `driver`.
_DRIVERS = {
    "postgresql": "org.postgresql.Driver",
    "mysql": "com.mysql.cj.jdbc.Driver",
    "mariadb": "org.mariadb.jdbc.Driver",
    "sqlserver": "com.microsoft.sqlserver.jdbc.SQLServerDriver",
    "oracle": "oracle.jdbc.OracleDriver",
    "snowflake": "net.snowflake.client.jdbc.SnowflakeDriver",
}
# Bounds only share out the work; Spark reads them as BIGINT.
_MOST = 2**63 - 1
_NO_DRIVER = re.compile(r"No suitable driver|ClassNotFoundException", re.IGNORECASE)


def read_jdbc(spark: SparkSession, place: Where, name: str) -> DataFrame:
    """The rows of a table or query in a database; nothing is read yet but the columns.

    With `partitionColumn` and `numPartitions` but without bounds, the column is asked for its smallest and largest
    value: bounds only share out the work, so rows that come later are read too. A column without any is read whole.

    Args:
        spark: the session.
        place: with options of Spark's reader, as url, dbtable, user, password, partitionColumn.
        name: of the source, for messages.

    Raises:
        SourceError: no driver, no connection, no such table.
    """
    options = filled_options(place)
    kind = options["url"].split(":")[1] if ":" in options["url"] else ""
    if kind in _DRIVERS:
        options = {"driver": _DRIVERS[kind], **options}
    try:
        if "partitionColumn" in options and "lowerBound" not in options:
            options = _with_bounds(spark, options)
        return spark.read.format("jdbc").options(**options).load()
    except Exception as error:
        raise jdbc_error(error, place, name) from None


def filled_options(place: Where) -> dict[str, str]:
    """Options of the reader as text, with `${env:NAME}` filled in.

    Raises:
        ConfigError: an environment variable is not set.
    """
    texts = {key: str(value).lower() if isinstance(value, bool) else str(value) for key, value in place.options.items()}
    return {key: fill_placeholders(text, "sources.options") for key, text in texts.items()}


def jdbc_error(error: Exception, place: Where, name: str) -> SourceError:
    """What went wrong, without the secrets that a driver may repeat."""
    # What the driver said lies behind what Spark says of it.
    innermost: Exception = error
    while isinstance(behind := getattr(innermost, "_cause", None), Exception):
        innermost = behind
    lines = [line.strip() for line in str(innermost).splitlines() if line.strip()] or [type(error).__name__]
    causes = [line for line in lines if line.startswith("Caused by")]
    causes += [line for line in lines if "Exception" in line or "ERROR" in line]
    reason = (causes or lines)[0]
    reason = re.sub(r"^[:\s]*(?:Caused by: )?(?:[a-z]\w*\.)+\w+:\s*", "", reason)
    reason = without_secrets(reason, place)
    if _NO_DRIVER.search(str(error)):
        return SourceError(
            f"sources.{name}: no JDBC driver for {_database(place)} ({reason}); name its Maven coordinates, such as "
            "RFM_SPARK_PACKAGES=org.postgresql:postgresql:42.7.8 in the environment, or --packages of spark-submit"
        )
    return SourceError(
        f"sources.{name}: {place.shown} can't be read over JDBC ({reason}); check url, user, password and table"
    )


def without_secrets(text: str, place: Where) -> str:
    """A text without the values that the place's `${env:NAME}` stand for."""
    for value in (place.path, *place.options.values()):
        for placeholder in _PLACEHOLDER.findall(str(value)):
            secret = fill_placeholders(placeholder, "sources")
            text = text.replace(secret, "***") if secret else text
    return text


def _with_bounds(spark: SparkSession, options: Mapping[str, str]) -> dict[str, str]:
    """Options with the bounds that the column has; those of an unpartitioned read where it has none."""
    column, table = options["partitionColumn"], options["dbtable"]
    whole = {key: value for key, value in options.items() if key not in ("partitionColumn", "numPartitions")}
    asked = {key: value for key, value in whole.items() if key != "dbtable"}
    query = f"SELECT min({column}) AS low, max({column}) AS high FROM {table}"
    found = spark.read.format("jdbc").options(**asked).option("query", query).load()
    # By place: databases differ in how they write names.
    ends = found.toDF("low", "high").select(F.col("low").cast("string"), F.col("high").cast("string")).collect()[0]
    numeric = isinstance(found.schema[0].dataType, NumericType)
    low, high = _whole_numbers(*ends) if numeric else tuple(ends)
    if low is None or high is None:
        return whole
    return {**options, "lowerBound": low, "upperBound": high}


def _whole_numbers(low: str | None, high: str | None) -> tuple[str | None, str | None]:
    """The whole numbers around two bounds; Spark takes no other ones for a column of numbers."""
    if low is None or high is None:
        return None, None
    try:
        ends = math.floor(Decimal(low)), math.ceil(Decimal(high))
    except (ValueError, OverflowError):
        # The largest value of a column may be NaN or infinite.
        return None, None
    least, most = (str(min(max(end, -_MOST), _MOST)) for end in ends)
    return least, most


def _database(place: Where) -> str:
    return ":".join(str(place.options.get("url", "")).split(":")[:2])
