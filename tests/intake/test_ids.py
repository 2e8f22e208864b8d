"""Ids that went through floating point on their way are whole again."""

from decimal import Decimal

from pyspark.sql import SparkSession

from rfm_spark.core.reading.ids import id_text


def test_13085_is_the_same_customer_as_a_double_a_decimal_and_a_text(spark: SparkSession) -> None:
    rows = [(13085.0, Decimal(13085), "13085.0"), (0.5, Decimal("0.5"), " 007.00 "), (float("nan"), None, "1.0.0"),
            (1e9, Decimal("12345678901234567890"), "v1.0")]  # fmt: skip
    frame = spark.createDataFrame(rows, "a double, b decimal(38,10), c string")
    found = frame.select(*(id_text(field.name, field.dataType) for field in frame.schema.fields)).collect()
    assert [tuple(row) for row in found] == [
        ("13085", "13085", "13085"), ("0.5", "0.5000000000", " 007 "), (None, None, "1.0.0"),
        ("1000000000", "12345678901234567890", "v1.0"),
    ]  # fmt: skip
