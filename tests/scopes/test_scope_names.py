"""What a scope is called, and how many there may be."""

from __future__ import annotations

from datetime import date

import pytest
from pyspark.sql import SparkSession

from rfm_spark.capabilities.customers.config import CustomersSource
from rfm_spark.capabilities.customers.records import attributes_of, records_seen, validated_customers
from rfm_spark.capabilities.customers.scopes import with_scope
from rfm_spark.capabilities.rfm.cuts import CutSet, with_scores
from rfm_spark.capabilities.rfm.scope_cuts import few_scopes, unseen_scopes
from rfm_spark.core.errors import ConfigError


def cut(measure: str, scope: str) -> CutSet:
    return CutSet(measure, "", "frozen", 5, (1.0, 2.0, 3.0, 4.0), 5, scope=scope, cuts_of=scope)


def test_names_of_markets_cannot_be_taken_for_others(spark: SparkSession) -> None:
    rows = [("a", "DE", "x"), ("b", "All", "x"), ("c", "unknown", "x"), ("d", None, "x"), ("e", "A / B", "C")]
    known = spark.createDataFrame(rows, "customer_id string, _attribute_country string, _attribute_brand string")
    customers = known.select("customer_id")
    one = with_scope(customers, known, ("country",)).select("customer_id", "scope").collect()
    assert dict(map(tuple, one)) == {
        "a": "DE", "b": "All ()", "c": "unknown ()", "d": "unknown", "e": "A | B",
    }  # fmt: skip
    two = with_scope(customers, known, ("country", "brand")).select("customer_id", "scope").collect()
    assert dict(map(tuple, two))["e"] == "A | B / C"


def test_too_many_scopes_are_refused_before_anything_is_counted_by_them(spark: SparkSession) -> None:
    customers = spark.range(202).selectExpr("cast(id % 101 as string) scope")
    with pytest.raises(ConfigError, match=r"more than 100 scopes, which are the most; name a coarser column"):
        few_scopes(customers)
    assert few_scopes(customers.where("scope < '2'"))[:3] == ["0", "1", "10"]


def test_scopes_that_a_frozen_run_never_saw() -> None:
    known = [cut(measure, scope) for measure in ("r", "f", "m") for scope in ("all", "DE")]
    assert unseen_scopes(["DE"], known, "run") == []
    assert unseen_scopes(["DE", "FR"], known, "run") == [
        "run run had no customers in FR, who were scored by its cut points of all customers"
    ]
    apart = [one for one in known if (one.measure, one.scope) != ("m", "all")]
    with pytest.raises(ConfigError, match=r"run run has no cut points for amounts of FR"):
        unseen_scopes(["DE", "FR"], apart, "run")


def test_attributes_may_be_called_as_columns_on_the_way_are(spark: SparkSession) -> None:
    names = ("id_changed", "place", "reason", "customer_id_nfc", "region")
    source = CustomersSource.model_validate(
        {"path": "x", "format": "delta", "columns": {"customer_id": "id"}, "attributes": {name: name for name in names}}
    )
    kinds = ", ".join(f"{name} string" for name in ("id", *names))
    raw = spark.createDataFrame([("a", *names), ("e\u0301", *names)], kinds)
    found = attributes_of(validated_customers(raw, source, date(2024, 1, 1)).where("reason IS NULL"), names)
    assert [tuple(row) for row in found.orderBy("customer_id").collect()] == [("a", *names), ("\u00e9", *names)]


def test_fingerprints_of_records_know_which_value_is_missing(spark: SparkSession) -> None:
    kinds = "customer_id string, created_ts timestamp, _attribute_a string, _attribute_b string, reason string"

    def fingerprint(*rows: tuple[str | None, ...]) -> str:
        records = spark.createDataFrame([(one, None, a, b, None) for one, a, b in rows], kinds)
        return records_seen(records, ("a", "b"), "customers").fingerprint

    assert fingerprint(("1", None, "x")) != fingerprint(("1", "x", None))
    assert fingerprint(("1", "x", "y"), ("2", "x", "z")) == fingerprint(("2", "x", "z"), ("1", "x", "y"))


def test_scores_of_a_scope_without_cut_points_of_money_are_none(spark: SparkSession) -> None:
    cuts = [cut(m, scope) for scope in ("all", "EUR") for m in ("r", "f", "m") if (m, scope) != ("m", "all")]
    customers = spark.createDataFrame(
        [("EUR", 3, 3, 3.5), ("JPY", 3, 3, 3.5)], "scope string, recency_days int, frequency int, monetary double"
    )
    rows = with_scores(customers, cuts).select("scope", "r_score", "f_score", "m_score").collect()
    assert [tuple(row) for row in rows] == [("EUR", 3, 3, 4), ("JPY", 3, 3, None)]
