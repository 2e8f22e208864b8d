"""What a scope is called, and how many there may be."""

from __future__ import annotations

import pytest
from pyspark.sql import SparkSession

from rfm_spark.capabilities.customers.scopes import with_scope
from rfm_spark.capabilities.rfm.cuts import CutSet
from rfm_spark.capabilities.rfm.scope_cuts import few_scopes, unseen_scopes
from rfm_spark.core.errors import ConfigError


def cut(measure: str, scope: str) -> CutSet:
    return CutSet(measure, "", "frozen", 5, (1.0, 2.0, 3.0, 4.0), 5, scope=scope, cuts_of=scope)


def test_names_of_markets_cannot_be_taken_for_others(spark: SparkSession) -> None:
    rows = [("a", "DE", "x"), ("b", "All", "x"), ("c", "unknown", "x"), ("d", None, "x"), ("e", "A / B", "C")]
    customers = spark.createDataFrame(rows, "customer_id string, country string, brand string")
    one = with_scope(customers, None, ("country",)).select("customer_id", "scope").collect()
    assert dict(map(tuple, one)) == {
        "a": "DE", "b": "All ()", "c": "unknown ()", "d": "unknown", "e": "A | B",
    }  # fmt: skip
    two = with_scope(customers, None, ("country", "brand")).select("customer_id", "scope").collect()
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
