"""How measures are counted and become scores, as a user writes it."""

from __future__ import annotations

from collections.abc import Mapping
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


class RfmConfig(Strict):
    """Recency, frequency, monetary value and their scores."""

    scope: tuple[str, ...] | None = Field(
        None, min_length=1, description="What parts customers who are scored apart: currency, attributes of customers."
    )
    smallest_scope: int = Field(
        100, ge=1, description="Customers a scope needs for cut points of its own; a smaller one takes those of all."
    )
    window_days: int | None = Field(None, ge=1, description="Days counted for F and M; null is all history.")
    refunds: Literal["net", "ignore"] = "net"
    weights: Weights = Weights()
    scoring: Scoring = Scoring()
    value_tier_on: Literal["monetary", "weighted"] = Field("monetary", description="What the value tiers rank.")
    z_log: bool = Field(False, description="z-scores of log1p of the measures.")

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

    def problems_with(self, sources: Mapping[str, Any]) -> list[str]:
        """Names of `scope` that nothing tells."""
        known = getattr(sources.get("customers"), "attributes", {})
        return [
            f"rfm.scope: {name} is unknown; map it in sources.customers.attributes, or name {CURRENCY}"
            for name in self.scope or ()
            if name != CURRENCY and name not in known
        ]

    def stored(self) -> dict[str, Any]:
        """Without scopes where there are none: runs of before knew none."""
        document = super().stored()
        return {name: value for name, value in document.items() if self.scope or name not in _OF_SCOPES}


SETTINGS = {"rfm": RfmConfig}
