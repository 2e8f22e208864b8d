"""Whole runs over awkward input: returns to the cent, rates, changed columns, torn files, legal oddities."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import Row, SparkSession

from rfm_spark.capabilities.purchases.intake import accepted
from rfm_spark.core.config import Config
from rfm_spark.core.errors import BalanceError, GateError, SourceError
from rfm_spark.core.reading.balance import Balance
from rfm_spark.lake.location import LakeLocation
from rfm_spark.lake.readers import current, of_run
from rfm_spark.lake.store import Store
from tests.effort import amount, only_in_full
from tests.helpers import AS_OF, Stages, commits, config_for, purchases, run_tiny, write_source

RELAXED = {"max_staleness_days": None}


def csv_config(folder: Path, columns: dict[str, str], source: dict[str, Any] | None = None, **changes: Any) -> Config:
    location = {"path": str(folder / "in"), "format": "csv", "options": {"header": True}, "columns": columns}
    return config_for(folder, sources={"transactions": {**location, **(source or {})}}, quality=RELAXED, **changes)


def deliver(folder: Path, name: str, text: str) -> None:
    (folder / "in").mkdir(exist_ok=True)
    (folder / "in" / name).write_text(text, encoding="utf-8")


def measures(spark: SparkSession, config: Config) -> dict[str, tuple[int, Decimal]]:
    rows = current(spark, LakeLocation.of(config), "segments").select("customer_id", "frequency", "monetary").collect()
    return {row["customer_id"]: (row["frequency"], row["monetary"]) for row in rows}


SALES = [("a", "1", "2024-05-01", "30.00"), ("a", "2", "2024-05-10", "10.10"), ("b", "3", "2024-05-02", "20.00"),
         ("c", "4", "2023-01-01", "50.00"), ("c", "5", "2024-06-01", "8.00")]  # fmt: skip
# 2 comes back whole, 3 in part; c returns what they bought before the window, under a number of its own.
BACK = [("a", "2", "2024-06-02", "10.10"), ("b", "3", "2024-06-03", "5.05"), ("c", "R9", "2024-06-20", "2.50")]
TYPES = {"types": {"sale": ["X"], "refund": ["REFUND"]}}
RETURNS: dict[str, tuple[Callable[[str, str], tuple[str, str, str]], dict[str, str], dict[str, Any]]] = {
    "sign": (lambda order, money: (order, f"-{money}", "X"), {}, {}),
    "type": (lambda order, money: (order, money, "refund"), {"type": "kind"}, TYPES),
    "expression": (lambda order, money: (f"C{order}", money, "X"),
                   {"order_id": "regexp_replace(ord, '^C', '')", "is_return": "ord LIKE 'C%'"}, {}),
}  # fmt: skip


@pytest.mark.parametrize("way", amount(list(RETURNS)[-1:], list(RETURNS)))
def test_returns_are_netted_to_the_cent_however_they_are_told(spark: SparkSession, tmp_path: Path, way: str) -> None:
    told, mapping, source = RETURNS[way]
    lines = [(*sale, "X") for sale in SALES]
    for customer, order, day, money in BACK:
        number, amount, kind = told(order, money)
        lines.append((customer, number, day, amount, kind))
    deliver(tmp_path, "a.csv", "cust,ord,day,amt,kind\n" + "".join(",".join(line) + "\n" for line in lines))
    columns = {"customer_id": "cust", "order_id": "ord", "order_ts": "day", "amount": "amt", **mapping}
    config = csv_config(tmp_path, columns, source)
    outcome = run_tiny(spark, config)
    # a: order 2 is void; b keeps their order; c's return counts on its own date, in the window.
    assert measures(spark, config) == {
        "a": (1, Decimal("30.00")), "b": (1, Decimal("14.95")), "c": (1, Decimal("5.50")),
    }  # fmt: skip
    store = Store(spark, LakeLocation.of(config))
    orders = {row["order_id"]: row for row in current(spark, store.location, "orders").collect()}
    assert (orders["2"]["net"], orders["2"]["voided_on"]) == (Decimal("0.00"), date(2024, 6, 2))
    assert (orders["3"]["refunds"], orders["3"]["voided_on"]) == (Decimal("5.05"), None)
    row = store.read("runs").where(f"run_id = '{outcome.run_id}'").collect()[0]
    assert row["rows"]["transactions.flagged.refund_without_sale"] == 1
    assert row["money"]["refunds"] == Decimal("17.65")


def test_rates_convert_each_line_by_its_day(spark: SparkSession, tmp_path: Path) -> None:
    deliver(tmp_path, "a.csv", "cust,ord,day,amt,cur\n"
            "a,1,2024-05-01,10.00,EUR\na,2,2024-05-09,10.00,usd\na,3,2024-05-10,10.00,USD\n"
            "b,4,2024-05-10,0.05,USD\nb,5,2024-05-10,7.00,XXX\nb,6,2024-04-30,7.00,USD\n")  # fmt: skip
    (tmp_path / "rates.csv").write_text("day,code,value\n2024-05-01,USD,0.9\n2024-05-10,USD,0.5\n", encoding="utf-8")
    rates = {
        "path": str(tmp_path / "rates.csv"), "format": "csv", "options": {"header": True}, "to": "EUR",
        "columns": {"currency": "code", "rate": "value", "valid_from": "day"},
    }  # fmt: skip
    columns = {"customer_id": "cust", "order_id": "ord", "order_ts": "day", "amount": "amt", "currency": "cur"}
    config = csv_config(tmp_path, columns, {"rates": rates, "quality": {"max_reject_share": None}})
    outcome = run_tiny(spark, config)
    # 10.00 + 9.00 + 5.00; 0.05 at 0.5 is 0.025, half-up 0.03.
    assert measures(spark, config) == {"a": (3, Decimal("24.00")), "b": (1, Decimal("0.03"))}
    row = Store(spark, LakeLocation.of(config)).read("runs").collect()[0]
    assert row["rows"]["transactions.rejected.unknown_currency"] == 2
    assert set(row["inputs"]) == {"transactions", "transactions.rates", "transactions.batches"}

    # Another rate is another input; a rate that is none is refused.
    (tmp_path / "rates.csv").write_text("day,code,value\n2024-05-01,USD,1\n", encoding="utf-8")
    assert run_tiny(spark, config).run_id != outcome.run_id
    (tmp_path / "rates.csv").write_text("day,code,value\n2024-05-01,USD,1\n2024-05-01,USD,2\n", encoding="utf-8")
    with pytest.raises(SourceError, match="USD from 2024-05-01 has no single rate"):
        run_tiny(spark, config)
    mixed = csv_config(tmp_path, columns, {"quality": {"max_reject_share": None}}, name="mixed")
    with pytest.raises(GateError, match="never added up"):
        run_tiny(spark, mixed)


class Meanwhile(Stages):
    """Does something while a run is at work."""

    def __init__(self, act: Callable[[], object]) -> None:
        super().__init__()
        self.act = act

    def started(self, title: str, waits_for: str) -> None:
        if not self.seen:
            self.act()
        super().started(title, waits_for)


@only_in_full
def test_rates_that_change_while_they_are_read_stop_the_run(spark: SparkSession, tmp_path: Path) -> None:
    deliver(tmp_path, "a.csv", "cust,ord,day,amt,cur\na,1,2024-05-01,10.00,EUR\nb,2,2024-05-09,10.00,USD\n")
    file = tmp_path / "rates.csv"
    file.write_text("code,value\nUSD,0.9\n", encoding="utf-8")
    rates = {
        "path": str(file), "format": "csv", "options": {"header": True}, "to": "EUR",
        "columns": {"currency": "code", "rate": "value"},
    }  # fmt: skip
    columns = {"customer_id": "cust", "order_id": "ord", "order_ts": "day", "amount": "amt", "currency": "cur"}
    config = csv_config(tmp_path, columns, {"rates": rates})
    changed = Meanwhile(lambda: file.write_text("code,value\nUSD,0.85\n", encoding="utf-8"))
    with pytest.raises(GateError, match=r"transactions\.rates: files .* changed while they were read"):
        run_tiny(spark, config, progress=changed)
    # Started again it reads the new ones, which are of always: also of days long ago.
    deliver(tmp_path, "a.csv", "cust,ord,day,amt,cur\na,1,2024-05-01,10.00,EUR\nb,2,1961-05-09,10.00,USD\n")
    old = csv_config(tmp_path, columns, {"rates": rates, "quality": {"checks": {"before_1970": "flag"}}})
    run_tiny(spark, old)
    assert measures(spark, old)["b"] == (0, Decimal("0.00"))
    orders = {
        row["order_id"]: row["gross"] for row in current(spark, LakeLocation.of(old), "orders", old.name).collect()
    }
    assert orders == {"1": Decimal("10.00"), "2": Decimal("8.50")}
    file.write_text("code,value\nUSD,0.85\nUSD,0.86\n", encoding="utf-8")
    with pytest.raises(SourceError, match=r"USD has no single rate above 0; give each currency one rate$"):
        run_tiny(spark, config)


@only_in_full
def test_torn_lines_are_kept_though_permissive_is_written_out(spark: SparkSession, tmp_path: Path) -> None:
    deliver(tmp_path, "a.csv", "cust,ord,day,amt\na,1,2024-05-01,10.00\nb,2,2024-05-01,3.00,torn\n")
    columns = {"customer_id": "cust", "order_id": "ord", "order_ts": "day", "amount": "amt"}
    own = {"quality": {"max_reject_share": None}}
    config = csv_config(tmp_path, columns, {**own, "options": {"header": True, "mode": "permissive"}})
    run_tiny(spark, config)
    assert measures(spark, config) == {"a": (1, Decimal("10.00"))}
    strict = csv_config(tmp_path, columns, {**own, "options": {"header": True, "mode": "FAILFAST"}}, name="strict")
    with pytest.raises(GateError, match="a file can't be read"):
        run_tiny(spark, strict)


def test_torn_lines_of_csv_are_kept_as_text_and_a_corrected_file_is_read(spark: SparkSession, tmp_path: Path) -> None:
    columns = {"customer_id": "cust", "order_id": "ord", "order_ts": "day", "amount": "amt"}
    deliver(tmp_path, "a.csv", "cust,ord,day,amt\na,1,2024-05-01,10.00\nb,2,2024-05-01\nc,3,2024-05-01,5.00,x,y\n")
    config = csv_config(tmp_path, columns, {"quality": {"max_reject_share": None}})
    first = run_tiny(spark, config)
    assert measures(spark, config) == {"a": (1, Decimal("10.00"))}
    found = of_run(spark, LakeLocation.of(config), "rejects", first.run_id).collect()
    assert {(r["reason"], r["detail"]) for r in found} == {
        ("malformed", "raw text: b,2,2024-05-01"), ("malformed", "raw text: c,3,2024-05-01,5.00,x,y"),
    }  # fmt: skip
    # One of the two is corrected: the next run reads it, and the other one is known already.
    deliver(tmp_path, "a.csv", "cust,ord,day,amt\na,1,2024-05-01,10.00\nb,2,2024-05-01,7.00\nc,3,2024-05-01,5.00,x,y\n")
    second = run_tiny(spark, config)
    assert measures(spark, config) == {"a": (1, Decimal("10.00")), "b": (1, Decimal("7.00"))}
    (known,) = of_run(spark, LakeLocation.of(config), "rejects", second.run_id).collect()
    assert known["first_seen_run"] == found[0]["first_seen_run"] != known["run_id"]
    assert run_tiny(spark, config).repeated
    assert of_run(spark, LakeLocation.of(config), "rejects", second.run_id).count() == 1

    # Columns in another order would be mixed up by position.
    deliver(tmp_path, "b.csv", "ord,cust,day,amt\n9,z,2024-05-01,1.00\n")
    with pytest.raises(GateError, match="another header"):
        run_tiny(spark, config)


def test_changed_columns_are_refused_before_anything_is_written(spark: SparkSession, tmp_path: Path) -> None:
    write_source(spark, tmp_path / "source", purchases())
    config = config_for(tmp_path)
    run_tiny(spark, config)
    changed = spark.read.format("delta").load(str(tmp_path / "source")).selectExpr(
        "customer", "`order`", "at", "cast(amount as double) AS amount", "1 AS extra"
    )  # fmt: skip
    changed.write.format("delta").mode("overwrite").option("overwriteSchema", "true").save(str(tmp_path / "source"))
    before = commits(tmp_path / "lake")
    with pytest.raises(
        GateError, match=r"amount was decimal\(12,2\) and is double; extra is new \(int\).*schema_drift=warn"
    ):
        run_tiny(spark, config)
    assert commits(tmp_path / "lake") == before
    accepted = run_tiny(spark, config_for(tmp_path, quality={"schema_drift": "warn"}))
    assert any("its columns changed" in warning for warning in accepted.warnings)
    # What was accepted once is what is expected from then on.
    assert run_tiny(spark, config).exit_code == 0


def many_orders(customers: int, orders: int) -> list[tuple[str, str, datetime, str]]:
    start = datetime(2024, 6, 29, 12)
    return [
        (f"c{i}", f"o{i}-{j}", start - timedelta(days=i + j), f"{i + 1}.{j:02d}")
        for i in range(customers)
        for j in range(orders)
    ]


OFTEN = ("no rows", "one customer", "unicode everywhere")
ODD: dict[str, tuple[list[tuple[str, str, datetime, str]], str, int]] = {
    "no rows": ([], "empty", 0),
    "one customer": (many_orders(1, 3), "thin", 1),
    "everyone bought once": (many_orders(30, 1), "thin", 30),
    "ten customers": (many_orders(10, 4), "thin", 10),
    "one customer has half of all rows": (many_orders(20, 1) + [
        ("big", f"b{j}", datetime(2024, 6, 1), "1.00") for j in range(20)], "thin", 21),
    "unicode everywhere": ([
        ("Žofie 顧客 👩‍🚀", "заказ-1", datetime(2024, 6, 1), "5.00"), ("مريم", "طلب", datetime(2024, 6, 2), "6.00"),
        ("O'Brien \"x\" \\ `y`", "1;DROP", datetime(2024, 6, 3), "7.00")], "thin", 3),
}  # fmt: skip


@pytest.mark.parametrize("kind", amount([kind for kind in ODD if kind in OFTEN], list(ODD)))
def test_odd_but_legal_input_ends_in_a_valid_run_with_its_status(
    spark: SparkSession, tmp_path: Path, kind: str
) -> None:
    rows, status, customers = ODD[kind]
    write_source(spark, tmp_path / "source", rows)
    config = config_for(tmp_path, quality=RELAXED, clusters={"enabled": kind == "one customer", "k": 3})
    outcome = run_tiny(spark, config)
    assert (outcome.exit_code, outcome.status) == (0, status)
    assert outcome.warnings
    found: list[Row] = current(spark, LakeLocation.of(config), "segments").collect()
    assert sorted(row["customer_id"] for row in found) == sorted({row[0] for row in rows})
    assert len(found) == customers
    assert all(row["segment"] and 1 <= row["r_score"] <= 5 for row in found)
    assert Store(spark, LakeLocation.of(config)).read("runs").collect()[0]["status"] == status


def test_rows_that_do_not_add_up_stop_the_run(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(BalanceError, match="10 rows read, but 7 accepted"):
        Balance({"read": 10, "accepted": 7, "rejected": 1, "duplicates": 1}, {}).must_hold("transactions")
    # A stage that loses lines on the way is noticed, and nothing of its run is published.
    write_source(spark, tmp_path / "source", purchases())
    honest = accepted
    monkeypatch.setattr(
        "rfm_spark.capabilities.purchases.intake.accepted", lambda lines: honest(lines).where("customer_id <> 'c24'")
    )
    with pytest.raises(BalanceError, match="300 rows read, but 276 accepted"):
        run_tiny(spark, config_for(tmp_path), AS_OF)
    assert not Store(spark, LakeLocation.of(config_for(tmp_path))).exists("runs")


def test_a_discount_is_taken_off_on_every_date_and_late_rows_are_found(spark: SparkSession, tmp_path: Path) -> None:
    columns = {"customer_id": "who", "order_id": "ord", "order_ts": "day", "amount": "money", "discount": "off"}
    config = csv_config(tmp_path, columns, name="off")
    deliver(tmp_path, "a.csv", "who,ord,day,money,off\na,1,2024-05-01,30.00,5.00\na,2,2024-06-20,10.00,\n")
    run_tiny(spark, config, date(2024, 5, 31))
    deliver(tmp_path, "b.csv", "who,ord,day,money,off\nb,3,2024-05-20,20.00,-2.50\n")
    outcome = run_tiny(spark, config)
    assert measures(spark, config) == {"a": (2, Decimal("35.00")), "b": (1, Decimal("17.50"))}
    assert any("what was published as of 2024-05-31 has other rows by now" in said for said in outcome.warnings)
