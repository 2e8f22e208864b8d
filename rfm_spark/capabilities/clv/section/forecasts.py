"""The section of the report on what customers are expected to do: orders, spend, and who is still a customer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from markupsafe import Markup
from pyspark.sql import functions as F

from rfm_spark.capabilities.clv.spending import GAMMA_GAMMA
from rfm_spark.capabilities.clv.tables import CLV_MODELS, CLV_TOTALS
from rfm_spark.capabilities.segments.tables import SEGMENTS
from rfm_spark.core.stats import ExactSum
from rfm_spark.core.table import ALL
from rfm_spark.report.badges import REAL, source_badge
from rfm_spark.report.charts import histogram
from rfm_spark.report.drawing import as_svg
from rfm_spark.report.figures import Figure
from rfm_spark.report.section import Drawn, Facts, Reader
from rfm_spark.report.wording import Numbers, day

TERMS = {
    "P(alive)": Markup("The probability that a customer has not stopped ordering, by their history of orders."),
    "CLV": Markup("Customer lifetime value: money a customer is expected to earn the company within a stated time."),
}
STOPS = {
    "bg_nbd": "customers who may stop after each order but the first (BG/NBD)",
    "mbg_nbd": "customers who may stop after each order (MBG/NBD)",
    "pareto_nbd": "customers who may stop at any time (Pareto/NBD)",
    "nbd": "customers who never stop (NBD)",
}
_CLASSES = 10


@dataclass(frozen=True)
class HorizonTotal:
    """What all customers together are expected to do."""

    horizon: int
    until: date
    orders: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class ClvData:
    """Forecasts of a run; nothing where they are off.

    Attributes:
        model: of orders.
        spend: model of spend of the scope shown.
        customers: that the model of orders was fitted on.
        totals: per horizon, of all customers.
        classes: customers by tenths of p_alive.
        alive: sum of p_alive.
        orders: sum of expected_orders.
        value: sum of clv; None where amounts are of several currencies.
    """

    model: str = ""
    spend: str = ""
    customers: int = 0
    totals: tuple[HorizonTotal, ...] = ()
    classes: tuple[int, ...] = ()
    alive: float = 0.0
    orders: float = 0.0
    value: float | None = None


@dataclass(frozen=True)
class TotalLine:
    """A horizon in words."""

    until: str
    orders: str
    interval: str


@dataclass(frozen=True)
class ClvPart:
    """The section, ready to print."""

    model: str
    spend: str
    alive: str
    value: str
    totals: tuple[TotalLine, ...]
    figure: Figure | None


def read_forecasts(reader: Reader) -> ClvData:
    """Forecasts of a run."""
    models = reader.of_all_scopes(CLV_MODELS.name)
    models = [row for row in models if row["is_used"]]
    orders = next((row for row in models if row["kind"] == "orders"), None)
    if orders is None:
        return ClvData()
    spends = {row["scope"]: row["model"] for row in models if row["kind"] == "spend"}
    totals = reader.rows(CLV_TOTALS.name) if reader.scope == ALL else []
    told = _told(reader)
    return ClvData(
        model=orders["model"],
        spend=spends.get(reader.scope, spends.get(ALL, "")),
        customers=orders["customers"],
        totals=totals_of(totals),
        **told,
    )


def totals_of(rows: Sequence[Mapping[str, Any]]) -> tuple[HorizonTotal, ...]:
    """Horizons from rows of `clv_totals`, the nearest first."""
    found = (
        HorizonTotal(row["horizon"], row["until"], row["expected_orders"], row["low"], row["high"]) for row in rows
    )  # fmt: skip
    return tuple(sorted(found, key=lambda one: one.horizon))


def _told(reader: Reader) -> dict[str, Any]:
    """Sums over customers of the scope, by tenths of p_alive."""
    rows = reader.frame(SEGMENTS.name).where("p_alive IS NOT NULL")
    tenth = F.least(F.floor(F.col("p_alive") * _CLASSES), F.lit(_CLASSES - 1))
    # Where amounts are apart, the frame of all customers has none.
    worth = F.when(F.col("monetary").isNotNull(), F.col("clv"))
    values = {"alive": F.col("p_alive"), "orders": F.col("expected_orders"), "value": worth}
    sums = {name: ExactSum(name) for name in values}
    counted = rows.groupBy(tenth.alias("tenth")).agg(
        F.count(F.lit(1)).alias("customers"), F.count(worth).alias("valued"),
        *(column for name, one in sums.items() for column in one.columns(values[name])),
    ).orderBy("tenth").collect()  # fmt: skip
    by_tenth = {row["tenth"]: row["customers"] for row in counted}
    found = {name: sum(one.of(row) for row in counted) for name, one in sums.items()}
    return {
        "classes": tuple(by_tenth.get(at, 0) for at in range(_CLASSES)),
        **found,
        "value": found["value"] if any(row["valued"] for row in counted) else None,
    }


def draw_forecasts(data: ClvData, facts: Facts, say: Numbers) -> Drawn:
    """Everything the section says; None where forecasts are off."""
    if not (facts.settings.get("predict") or {}).get("clv", {}).get("enabled"):
        return Drawn(REAL, None)
    badge = source_badge(facts.settings, "transactions")
    if not data.model:
        return Drawn(badge, ClvPart("", "", "", "", (), None), TERMS)
    config = facts.settings["predict"]["clv"]
    total = sum(data.classes)
    ahead = f"{say.count(config['horizons'][-1])} {config['period']}s"
    alive = (
        f"Of {say.count(total)} customers, {say.count(data.alive)} are expected to be customers still, and to order on "
        f"{say.count(data.orders)} days within {ahead}."
    )
    value = (
        f"They are expected to bring {say.short_money(data.value)} in that time, at a margin of "
        f"{say.percent(config['margin'], 0)} and discounted by {say.percent(config['discount'], 0)} a year."
        if data.value is not None
        else ""
    )
    lines = (
        TotalLine(
            f"{day(one.until)} ({say.count(one.horizon)} {config['period']}s)", say.count(one.orders),
            "–" if one.low is None or one.high is None else f"{say.count(one.low)} – {say.count(one.high)}",
        )
        for one in data.totals
    )  # fmt: skip
    part = ClvPart(_model(data, config["model"], say), _spend(data), alive, value, tuple(lines), _classes(data, say))
    return Drawn(badge, part, TERMS)


def _model(data: ClvData, wanted: str, say: Numbers) -> str:
    customers = say.count(data.customers)
    said = f"Days with an order are expected by a model of {STOPS[data.model]}, fitted on {customers} customers."
    if data.model != wanted:
        said += f" The configuration asks for {STOPS[wanted]}; warnings of the run say why it does not hold here."
    return said


def _spend(data: ClvData) -> str:
    if data.spend == GAMMA_GAMMA:
        return "What an order is worth is between a customer's own mean and that of all (Gamma–Gamma)."
    return "What an order is worth is a customer's own mean, and that of all where they ordered on one day only."


def _classes(data: ClvData, say: Numbers) -> Figure | None:
    total = sum(data.classes)
    if not total:
        return None
    labels = [f"{say.percent(at / _CLASSES, 0)} – {say.percent((at + 1) / _CLASSES, 0)}" for at in range(_CLASSES)]
    texts = [say.count(count) for count in data.classes]
    sure = sum(data.classes[-1:]) / total
    title = (
        f"{say.percent(sure, 0)} of customers are still customers with a probability of {say.percent(0.9, 0)} or more"
    )
    drawn = histogram(labels[::-1], list(data.classes[::-1]), texts[::-1])
    return Figure(title, as_svg(drawn, "p-alive", title), "Customers by the probability that they still order.")
