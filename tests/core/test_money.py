"""Money: cents of every type of column, against Python's Decimal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from rfm_spark.core.money import cents, money
from rfm_spark.core.reading.mapping import LENIENT
from rfm_spark.core.session import session_settings

LIMIT = Decimal(10) ** 13
TIES = (2.675, 1.005, 0.285, 0.005, 0.015, 1.115, 8.345, 1234567.125, 999999999.995, 1000000000.005, 0.125)
LARGEST_BIGINT = 2**63 - 1


def half_up(text: str) -> int | None:
    """The definition: half-up to whole cents, once, from the decimal form; None where it is no usable amount."""
    with localcontext() as context:
        context.prec = 400
        exact = Decimal(text)
        if not exact.is_finite() or abs(exact) > LIMIT:
            return None
        return int((exact * 100).quantize(Decimal(1), ROUND_HALF_UP))


def cents_of(spark: SparkSession, values: Sequence[Any], kind: str) -> list[int | None]:
    frame = spark.createDataFrame(list(enumerate(values)), f"i INT, v {kind}").coalesce(1)
    with session_settings(spark, LENIENT):
        rows = frame.select("i", cents(F.col("v"), frame.schema["v"].dataType).alias("c")).collect()
    return [row["c"] for row in sorted(rows)]


def mismatches(values: Sequence[Any], got: Sequence[int | None], wanted: Sequence[int | None]) -> list[Any]:
    assert len(values) == len(got) == len(wanted)
    return [(v, g, w) for v, g, w in zip(values, got, wanted, strict=True) if g != w]


def generated_doubles() -> list[float]:
    found: list[float] = []

    @settings(max_examples=400, database=None)
    @given(
        st.one_of(
            st.floats(-2e13, 2e13, allow_subnormal=True),
            st.integers(-(10**12), 10**12).map(lambda n: n / 100),
            st.integers(-(10**9), 10**9).map(lambda n: (10 * n + 5) / 1000),
            st.floats(),
        )
    )
    def collect(value: float) -> None:
        found.append(value)

    collect()
    return found


def test_doubles_are_rounded_half_up_by_their_shortest_decimal_form(spark: SparkSession) -> None:
    special = [0.0, -0.0, 1e13, -1e13, 1e300, 5e-324, math.nan, math.inf, -math.inf]
    values = [*TIES, *(-tie for tie in TIES), *special, *generated_doubles()]
    wanted = [half_up(repr(value)) for value in values]
    assert len(values) > 300
    assert mismatches(values, cents_of(spark, values, "DOUBLE"), wanted) == []
    assert cents_of(spark, [2.675, 1.005, 0.285, -2.675], "DOUBLE") == [268, 101, 29, -268]


def test_a_double_next_to_half_a_cent_is_not_rounded_twice(spark: SparkSession) -> None:
    values = [edge for tie in TIES[:7] for edge in (math.nextafter(tie, 0), math.nextafter(tie, 10))]
    wanted = [half_up(repr(value)) for value in values]
    assert mismatches(values, cents_of(spark, values, "DOUBLE"), wanted) == []


def test_floats_are_rounded_by_their_own_shortest_form(spark: SparkSession) -> None:
    values = [2.675, 1.005, 0.285, -2.675, 0.5, 1234.565, 16777216.0, 1e12, 3e13, math.nan, math.inf, -math.inf]
    wanted = [half_up(str(np.float32(value))) for value in values]
    assert wanted[:4] == [268, 101, 29, -268]
    assert mismatches(values, cents_of(spark, values, "FLOAT"), wanted) == []


@pytest.mark.parametrize("kind", ["DECIMAL(18,2)", "DECIMAL(15,2)", "DECIMAL(13,1)", "DECIMAL(20,5)", "DECIMAL(38,12)"])
def test_decimals_of_any_scale_are_rounded_half_up(spark: SparkSession, kind: str) -> None:
    scale = int(kind.partition(",")[2].rstrip(")"))
    texts = ["0", "2.675", "-2.675", "1.005", "0.004999999999", "-0.005", "99999999999.994", "1234567.125"]
    values = [Decimal(text).quantize(Decimal(1).scaleb(-scale), ROUND_HALF_UP) for text in texts]
    wanted = [half_up(str(value)) for value in values]
    assert mismatches(values, cents_of(spark, values, kind), wanted) == []


def test_decimals_of_many_places_are_not_rounded_twice(spark: SparkSession) -> None:
    values = [Decimal("0.00499999999999999"), Decimal("-2.67499999999999999"), Decimal("2.67500000000000001")]
    assert cents_of(spark, values, "DECIMAL(38,18)") == [0, -267, 268]


def test_decimals_beyond_the_limit_are_no_amount(spark: SparkSession) -> None:
    values = [LIMIT, -LIMIT, LIMIT + Decimal("0.01"), -LIMIT - 1, Decimal(10) ** 17]
    assert cents_of(spark, values, "DECIMAL(20,2)") == [10**15, -(10**15), None, None, None]


def test_text_is_a_number_or_no_amount(spark: SparkSession) -> None:
    wanted = {
        "12": 1200, " 12.5 ": 1250, "2.675": 268, "-2.675": -268, "1e3": 100_000, "+5": 500, ".5": 50, "5.": 500,
        "-0": 0, "1e13": 10**15, "1e400": None, "-1e400": None, "": None, " ": None, "abc": None, "1,000.00": None,
        "12 EUR": None, "NaN": None, "Infinity": None, "0x10": None, "1_000": None, "10000000000000.01": None,
    }  # fmt: skip
    values: list[str | None] = [*wanted, None]
    assert mismatches(values, cents_of(spark, values, "STRING"), [*wanted.values(), None]) == []


def test_text_of_many_places_is_not_rounded_twice(spark: SparkSession) -> None:
    values = ["0.0049999999999999", "2.6749999999999999999", "-0.00499999999999999"]
    assert cents_of(spark, values, "STRING") == [0, 267, 0]


@pytest.mark.parametrize(("kind", "bits"), [("TINYINT", 8), ("SMALLINT", 16), ("INT", 32)])
def test_whole_numbers_do_not_overflow_their_own_type(spark: SparkSession, kind: str, bits: int) -> None:
    values = [0, 1, -1, 2 ** (bits - 1) - 1, -(2 ** (bits - 1))]
    assert cents_of(spark, values, kind) == [value * 100 for value in values]


def test_bigints_beyond_the_limit_are_no_amount(spark: SparkSession) -> None:
    values = [10**13, -(10**13), 10**13 + 1, -(10**13) - 1, LARGEST_BIGINT, -LARGEST_BIGINT]
    assert cents_of(spark, values, "BIGINT") == [10**15, -(10**15), None, None, None, None]


def test_the_smallest_bigint_is_no_amount(spark: SparkSession) -> None:
    assert cents_of(spark, [-LARGEST_BIGINT - 1], "BIGINT") == [None]


def test_cents_become_exact_decimals(spark: SparkSession) -> None:
    values = [0, 1, -1, 99, -12345, 10**15 + 7, 10**18 - 1, None]
    rows = spark.createDataFrame([(v,) for v in values], "c BIGINT").select("c", money(F.col("c")).alias("m"))
    assert rows.schema["m"].dataType.simpleString() == "decimal(18,2)"
    assert {row["c"]: row["m"] for row in rows.collect()} == {
        v: None if v is None else Decimal(v).scaleb(-2) for v in values
    }
