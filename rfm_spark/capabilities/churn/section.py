"""The section of the report on who may stop: how well it is told, by what, and what to expect of each tenth."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from markupsafe import Markup
from pyspark.sql import functions as F

from rfm_spark.capabilities.churn.tables import CHURN_CALIBRATION, CHURN_MODELS
from rfm_spark.capabilities.churn.words import MODEL_WORDS, ORDERS
from rfm_spark.capabilities.segments.tables import SEGMENTS
from rfm_spark.core.stats import ExactSum
from rfm_spark.report.badges import REAL, sources_badge
from rfm_spark.report.charts import NARROW_WIDTH, Pair, paired_bars
from rfm_spark.report.colours import CATEGORIES
from rfm_spark.report.drawing import as_svg
from rfm_spark.report.figures import Figure
from rfm_spark.report.section import Drawn, Facts, Reader, Section, template_text
from rfm_spark.report.wording import Numbers, day

TERMS = {
    "Churn probability": Markup("How likely a customer is to stop within a stated number of days."),
    "AUC": Markup(
        "How often somebody who stopped was given a higher probability than somebody who did not: 50 % by chance."
    ),
    "PR-AUC": Markup(
        "Average precision: how many of those told the highest probabilities stopped, over all places where a list "
        "could be cut; by chance the share of all who stop."
    ),
    "Brier score": Markup("The mean squared difference of what was told and what happened; the lower, the better."),
}
_STOPPING = {ORDERS: "place no order", "subscriptions": "end their subscription"}
_STOPPED = {ORDERS: "placed no order", "subscriptions": "ended their subscription"}


@dataclass(frozen=True)
class ModelRow:
    """A model that was compared."""

    name: str
    is_chosen: bool
    metrics: Mapping[str, float]
    drivers: tuple[str, ...]


@dataclass(frozen=True)
class TenthRow:
    """A tenth of the customers tested."""

    decile: int
    customers: int
    predicted: float
    stopped: float
    low: float
    high: float
    lift: float


@dataclass(frozen=True)
class ChurnData:
    """Churn of a run; no models where there was too little to learn from.

    Attributes:
        models: that were compared.
        tenths: of the customers tested, by the chosen one.
        label: what stopping is.
        horizon: days.
        tested_as_of: last day of what they were tested on.
        tested: customers.
        stopped: those of them who stopped.
        told: customers who have a probability today.
        expected: sum of their probabilities.
    """

    models: tuple[ModelRow, ...] = ()
    tenths: tuple[TenthRow, ...] = ()
    label: str = ORDERS
    horizon: int = 0
    tested_as_of: date | None = None
    tested: int = 0
    stopped: int = 0
    told: int = 0
    expected: float = 0.0


@dataclass(frozen=True)
class ModelLine:
    """A model in words: its name, and its figures."""

    name: str
    cells: tuple[str, ...]
    is_chosen: bool


@dataclass(frozen=True)
class ChurnPart:
    """The section, ready to print."""

    today: str
    tested: str
    lines: tuple[ModelLine, ...]
    drivers: tuple[str, ...]
    figure: Figure | None


def read_churn(reader: Reader) -> ChurnData:
    """Churn of a run."""
    models = reader.of_all_scopes(CHURN_MODELS.name)
    if not models:
        return ChurnData()
    total = ExactSum("expected")
    sums = (F.count("churn_probability").alias("told"), *total.columns(F.col("churn_probability")))
    told = reader.frame(SEGMENTS.name).agg(*sums).collect()[0]
    found = data_of(models, reader.of_all_scopes(CHURN_CALIBRATION.name))
    return replace(found, told=int(told["told"]), expected=total.of(told))


def data_of(models: Iterable[Mapping[str, Any]], tenths: Iterable[Mapping[str, Any]]) -> ChurnData:
    """Of rows of `churn_models` and `churn_calibration`."""
    rows = sorted(models, key=lambda row: dict(row["metrics"])["brier"])
    one = rows[0]
    return ChurnData(
        models=tuple(
            ModelRow(row["model"], row["is_chosen"], dict(row["metrics"]), tuple(row["drivers"])) for row in rows
        ),
        tenths=tuple(
            TenthRow(
                row["decile"], row["customers"], row["predicted"], row["stopped"], row["low"], row["high"], row["lift"]
            )
            for row in sorted(tenths, key=lambda row: int(row["decile"]))
        ),
        label=one["label"],
        horizon=one["horizon_days"],
        tested_as_of=one["tested_as_of"],
        tested=one["tested_on"],
        stopped=one["stopped"],
    )


def draw_churn(data: ChurnData, facts: Facts, say: Numbers) -> Drawn:
    """Everything the section says; None where churn is off."""
    if not (facts.settings.get("predict") or {}).get("churn", {}).get("enabled"):
        return Drawn(REAL, None)
    sources = ("transactions",) if data.label == ORDERS else ("subscriptions", "events")
    badge = sources_badge(facts.settings, sources)
    if data.tested_as_of is None:
        return Drawn(badge, ChurnPart("", "", (), (), None), TERMS)
    stopping = f"{_STOPPING[data.label]} within {say.count(data.horizon)} days"
    end = data.tested_as_of + timedelta(days=data.horizon)
    today = (
        f"Of {say.count(data.told)} customers, {say.count(data.expected)} are expected to {stopping}."
        if data.told
        else f"Nobody is left who could {stopping}."
    )
    tested = (
        f"Models learnt from earlier days, and were tested on {say.count(data.tested)} customers as of "
        f"{day(data.tested_as_of)}, of whom {say.count(data.stopped)} {_STOPPED[data.label]} by {day(end)}."
    )
    chosen = next(one for one in data.models if one.is_chosen)
    lines = tuple(ModelLine(_capital(MODEL_WORDS[one.name]), _cells(one, say), one.is_chosen) for one in data.models)
    part = ChurnPart(today, tested, lines, chosen.drivers, _calibration(data, say))
    return Drawn(badge, part, TERMS)


def _cells(one: ModelRow, say: Numbers) -> tuple[str, ...]:
    return tuple(
        f"{say.decimal(one.metrics[name], 3)} "
        f"({say.decimal(one.metrics[f'{name}_low'], 3)} – {say.decimal(one.metrics[f'{name}_high'], 3)})"
        for name in ("auc", "pr_auc", "brier")
    )


def _calibration(data: ChurnData, say: Numbers) -> Figure | None:
    if not data.tenths:
        return None
    within = sum(1 for one in data.tenths if one.low <= one.predicted <= one.high)
    pairs = [
        Pair(
            f"{one.decile} ({say.count(one.customers)})", CATEGORIES[0], (one.predicted, one.stopped),
            (f"{say.percent(one.predicted)} told", f"{say.percent(one.stopped)} stopped"),
        )
        for one in reversed(data.tenths)
    ]  # fmt: skip
    title = (
        f"In {say.count(within)} of {say.count(len(data.tenths))} tenths of the customers as many stopped as was told"
    )
    caption = (
        "Customers tested, in tenths by the probability told of them (and how many): what was told, pale, and the "
        "share who stopped. As many means that what was told lies in the 95 % interval of that share. Of the tenth "
        f"likeliest to stop {say.decimal(data.tenths[-1].lift, 1)} times as many stopped as of all."
    )
    wide, narrow = (
        as_svg(drawn, f"churn-calibration{suffix}", title)
        for suffix, drawn in (("", paired_bars(pairs)), ("-narrow", paired_bars(pairs, NARROW_WIDTH)))
    )
    return Figure(title, wide, caption, narrow)


def _capital(words: str) -> str:
    return words[0].upper() + words[1:]


SECTIONS = (
    Section(
        name="churn",
        place=38,
        template=template_text("rfm_spark.capabilities.churn", "section.html.j2"),
        read=read_churn,
        draw=draw_churn,
    ),
)
