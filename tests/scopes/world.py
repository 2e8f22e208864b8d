"""A shop in three markets, of which one is small, and with two currencies; every number follows from a seed."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pyspark.sql import SparkSession

from rfm_spark.core.config import Config
from tests.helpers import config_for

AS_OF = date(2024, 6, 30)
# Markets, customers, typical amount, orders in a year: nobody's cut points are another's.
MARKETS = (("DE", 160, 40.0, 9), ("FR", 120, 900.0, 4), ("LI", 8, 5000.0, 20))
NOBODY_KNOWS = ("x1", "x2", "x3")
COLUMNS = {"customer_id": "customer", "order_id": "`order`", "order_ts": "at", "amount": "amount"}


def orders(until: date = AS_OF) -> pd.DataFrame:
    """Lines up to a date: customer, order, at, amount, currency."""
    rng = np.random.default_rng(7)
    rows: list[tuple[str, str, datetime, float, str]] = []
    for market, customers, typical, often in (*MARKETS, ("x", len(NOBODY_KNOWS), 100.0, 5)):
        for number in range(1, customers + 1):
            customer = f"{market.lower()}{number}"
            for _ in range(1 + rng.poisson(often)):
                day = datetime(2024, 8, 31, 12) - timedelta(days=int(rng.gamma(1.5, 110)))
                amount = round(float(rng.lognormal(np.log(typical), 0.7)), 2)
                rows.append((customer, f"o{len(rows)}", day, amount, _currency(market, rng)))
    found = pd.DataFrame(rows, columns=["customer", "order", "at", "amount", "currency"])
    return found[found["at"] < datetime.combine(until + timedelta(days=1), datetime.min.time())]


def _currency(market: str, rng: np.random.Generator) -> str:
    """Liechtenstein pays in CHF; the others now and then."""
    return "CHF" if market == "LI" or rng.random() < 0.03 else "EUR"


def records() -> pd.DataFrame:
    """Records of customers: customer, changed, country; one moved, and only their last country counts."""
    rows = [
        (f"{market.lower()}{number}", datetime(2023, 1, 1), market)
        for market, customers, _, _ in MARKETS
        for number in range(1, customers + 1)
    ]
    rows.append(("de1", datetime(2022, 1, 1), "FR"))
    rows.append(("x1", datetime(2023, 1, 1), " "))
    return pd.DataFrame(rows, columns=["customer", "changed", "country"])


def write(spark: SparkSession, folder: Path, until: date = AS_OF) -> None:
    """Both as Delta tables of a folder."""
    kinds = "customer string, `order` string, at timestamp, amount double, currency string"
    lines = spark.createDataFrame(orders(until), kinds).selectExpr(
        "customer", "`order`", "at", "cast(amount as decimal(12,2)) amount", "currency"
    )
    lines.write.format("delta").mode("overwrite").save(str(folder / "source"))
    write_records(spark, folder)


def write_records(spark: SparkSession, folder: Path) -> None:
    """Records of customers alone."""
    known = spark.createDataFrame(records(), "customer string, changed timestamp, country string")
    known.write.format("delta").mode("overwrite").save(str(folder / "records"))


def scoped(
    folder: Path, lake: str = "lake", where: str | None = None, *, currency: bool = False, **changes: Any
) -> Config:
    """A configuration over these tables; without changes one of all customers."""
    columns = {**COLUMNS, "currency": "currency"} if currency else COLUMNS
    transactions = {"path": str(folder / "source"), "format": "delta", "columns": columns}
    if where is not None:
        transactions["where"] = where
    customers = {
        "path": str(folder / "records"),
        "format": "delta",
        "columns": {"customer_id": "customer", "created_ts": "changed"},
        "attributes": {"country": "country"},
    }
    sources = {"transactions": transactions, "customers": customers}
    quiet = {"max_staleness_days": None}
    return config_for(folder, sources=sources, quality=quiet, lake={"root": str(folder / lake)}, **changes)
