"""How measures are counted and become scores, as a user writes it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from rfm_spark.core.scopes import CURRENCY
from rfm_spark.core.strict import Strict

MEASURES = ("r", "f", "m")
_OF_SCOPES = ("scope", "smallest_scope")


class Bins(Strict):
    """Number of scores per measure, 2 to 10."""

    r: int = Field(5, ge=2, le=10)
    f: int = Field(5, ge=2, le=10)
    m: int = Field(5, ge=2, le=10)

    @model_validator(mode="before")
    @classmethod
    def _one_number(cls, value: Any) -> Any:
        return dict.fromkeys(MEASURES, value) if isinstance(value, int) else value


class Weights(Strict):
    """Weights of the three scores in `rfm_weighted`."""

    r: float = Field(1, ge=0, allow_inf_nan=False)
    f: float = Field(1, ge=0, allow_inf_nan=False)
    m: float = Field(1, ge=0, allow_inf_nan=False)

    @model_validator(mode="after")
    def _some_weight(self) -> Weights:
        if self.r + self.f + self.m <= 0:
            raise ValueError("at least one weight must be above 0")
        return self


class Cuts(Strict):
    """Business cut points, ascending, one fewer than bins; in days, purchases and money."""

    r: tuple[float, ...]
    f: tuple[float, ...]
    m: tuple[float, ...]

    @field_validator("r", "f", "m")
    @classmethod
    def _ascending(cls, cuts: tuple[float, ...]) -> tuple[float, ...]:
        if list(cuts) != sorted(cuts):
            raise ValueError("cut points must ascend")
        return cuts


class Scoring(Strict):
    """How measures become scores: `quantile`, `fixed` (own cuts) or `frozen` (the cuts of a named run)."""

    method: Literal["quantile", "fixed", "frozen"] = "quantile"
    bins: Bins = Bins()
    relative_error: float = Field(
        0.001, gt=0, le=0.1, description="Without effect: cut points are exact and need no sketch."
    )
    nested: bool = Field(False, description="Cut F within R, and M within R and F.")
    cuts: Cuts | None = Field(None, description="With method fixed.")
    run: str | None = Field(None, description="With method frozen: the run whose cuts are used.")

    @model_validator(mode="after")
    def _fits_method(self) -> Scoring:
        if (self.method == "fixed") != (self.cuts is not None):
            raise ValueError("cuts goes with method: fixed")
        if (self.method == "frozen") != (self.run is not None):
            raise ValueError("run goes with method: frozen")
        if self.nested and self.method == "fixed":
            raise ValueError("nested can't be combined with method: fixed")
        if self.cuts is not None:
            for measure in MEASURES:
                wanted, given = getattr(self.bins, measure) - 1, len(getattr(self.cuts, measure))
                if given != wanted:
                    raise ValueError(f"cuts.{measure} needs {wanted} cut points for {wanted + 1} bins, not {given}")
        return self


class EventRecency(Strict):
    """Recency of an event instead of a purchase."""

    event: str = Field(min_length=1, description="A type of ours, or a word as the source has it, such as login.")


class MeasuresConfig(Strict):
    """What recency, frequency and monetary value are made of."""

    recency: Literal["purchase"] | EventRecency = Field(
        "purchase", description="Days since the last purchase, or since the last event of a type: {event: login}."
    )
    frequency: Literal["purchases", "weekly_sessions"] = Field(
        "purchases", description="Purchases of the window, or sessions of the last 28 days."
    )
    monetary: Literal["purchases", "mrr"] = Field(
        "purchases", description="Money of the window's purchases, or current monthly recurring revenue."
    )

    @field_validator("recency", mode="before")
    @classmethod
    def _a_mapping(cls, value: Any) -> Any:
        if value == "purchase" or isinstance(value, (dict, EventRecency)):
            return value
        raise ValueError("recency takes purchase, or an event such as {event: login}")

    @property
    def event(self) -> str | None:
        """The event that recency is of; None for purchases."""
        return self.recency.event if isinstance(self.recency, EventRecency) else None

    @property
    def sources(self) -> dict[str, str]:
        """Source that each measure is made from."""
        return {
            "recency": "transactions" if self.event is None else "events",
            "frequency": "transactions" if self.frequency == "purchases" else "events",
            "monetary": "transactions" if self.monetary == "purchases" else "subscriptions",
        }

    @property
    def of_purchases(self) -> bool:
        """Whether all three are of purchases."""
        return set(self.sources.values()) == {"transactions"}


class RfmConfig(Strict):
    """Recency, frequency, monetary value and their scores."""

    scope: tuple[str, ...] | None = Field(
        None, min_length=1, description="What parts customers who are scored apart: currency, attributes of customers."
    )
    smallest_scope: int = Field(
        100, ge=1, description="Customers a scope needs for cut points of its own; a smaller one takes those of all."
    )
    measures: MeasuresConfig = MeasuresConfig()
    window_days: int | None = Field(None, ge=1, description="Days counted for F and M; null is all history.")
    refunds: Literal["net", "ignore"] = "net"
    weights: Weights = Weights()
    scoring: Scoring = Scoring()
    value_tier_on: Literal["monetary", "weighted"] = Field("monetary", description="What the value tiers rank.")
    z_log: bool = Field(False, description="z-scores of log1p of the measures.")

    @property
    def amounts_apart(self) -> bool:
        """Whether scopes have amounts of different currencies, which are never added up nor compared."""
        return CURRENCY in (self.scope or ())

    @field_validator("scope", mode="before")
    @classmethod
    def _one_column(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value

    @model_validator(mode="after")
    def _scope_fits(self) -> RfmConfig:
        if self.scope and self.scoring.nested:
            raise ValueError("scope can't be combined with scoring.nested")
        if self.scope and len(set(self.scope)) < len(self.scope):
            raise ValueError("scope names a column twice")
        return self

    def problems(self, stages: Collection[str]) -> list[str]:
        """Stages of a customer's life, and forecasts of orders, go by purchases."""
        if self.measures.of_purchases:
            return []
        off = {"lifecycle": "lifecycle.enabled", "clv": "predict.clv.enabled"}
        return [
            f"{name} goes by purchases; leave rfm.measures out, or set {key}: false"
            for name, key in off.items()
            if name in stages
        ]

    def problems_with(self, sources: Mapping[str, Any]) -> list[str]:
        """Measures without a source, and names of `scope` that nothing tells."""
        known = getattr(sources.get("customers"), "attributes", {})
        found = [
            f"rfm.measures.{measure} is made from sources.{source}, which is missing; give it, or another measure"
            for measure, source in self.measures.sources.items()
            if source not in sources
        ]
        if self.amounts_apart and not self.measures.of_purchases:
            found.append(f"rfm.scope: {CURRENCY} is that of purchases, which rfm.measures is not all made of")
        if self.amounts_apart and "subscriptions" in sources:
            found.append(f"rfm.scope: {CURRENCY} can't be combined with sources.subscriptions, which has no currency")
        if self.amounts_apart and self.scoring.method == "fixed":
            found.append(f"rfm.scope: {CURRENCY} can't be combined with fixed cut points, which are of one currency")
        return found + [
            f"rfm.scope: {name} is unknown; map it in sources.customers.attributes, or name {CURRENCY}"
            for name in self.scope or ()
            if name != CURRENCY and name not in known
        ]

    def stored(self) -> dict[str, Any]:
        """Without scopes and measures that are none: runs of before knew neither."""
        document = super().stored()
        left_out = {*(() if self.scope else _OF_SCOPES), *(("measures",) if self.measures.of_purchases else ())}
        return {name: value for name, value in document.items() if name not in left_out}


SETTINGS = {"rfm": RfmConfig}
