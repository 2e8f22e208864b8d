"""What a configuration says of predictions: the model of orders, how far ahead, margin and discount."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, Literal

from pydantic import Field, field_validator

from rfm_spark.capabilities.churn.config import ChurnConfig, churn_problems
from rfm_spark.core.strict import Strict

DAYS = {"day": 1.0, "week": 7.0, "month": 30.4375}
# A horizon of more days than this is no forecast any more.
_FARTHEST = 3660


class ClvConfig(Strict):
    """How often customers will order, for how much, and who is still one."""

    enabled: bool = Field(False, description="Orders, spend and lifetime value that customers are expected to bring.")
    model: Literal["bg_nbd", "mbg_nbd", "pareto_nbd"] = Field(
        "bg_nbd", description="When customers stop: after an order but the first, after any order, or at any time."
    )
    period: Literal["day", "week", "month"] = Field("week", description="Unit of parameters and horizons.")
    horizons: tuple[int, ...] = Field(
        (13, 52), min_length=1, max_length=8, description="Periods ahead; clv is of the last one."
    )
    margin: float = Field(1.0, gt=0, le=1, description="Share of revenue that is earned.")
    discount: float = Field(0.1, ge=0, le=10, description="Of money a year from now; 0.1 is ten per cent.")
    smallest: int = Field(100, ge=10, description="Customers who ordered on two days that a model needs.")
    shortest_days: int = Field(90, ge=1, description="Days from the first order of all to now that it needs.")

    @field_validator("horizons")
    @classmethod
    def _ascending(cls, horizons: tuple[int, ...]) -> tuple[int, ...]:
        if list(horizons) != sorted(set(horizons)) or horizons[0] < 1:
            raise ValueError("horizons are whole periods, at least 1, ascending")
        return horizons

    @property
    def days(self) -> float:
        """Of a period."""
        return DAYS[self.period]


class PredictConfig(Strict):
    """What is looked for ahead."""

    came_later = True

    clv: ClvConfig = ClvConfig()
    churn: ChurnConfig = ChurnConfig()

    def problems(self, stages: Collection[str]) -> list[str]:
        """Horizons beyond what anybody can tell."""
        if self.clv.horizons[-1] * self.clv.days > _FARTHEST:
            return [f"predict.clv.horizons: {self.clv.horizons[-1]} {self.clv.period}s are more than ten years"]
        return []

    def problems_with(self, sources: Mapping[str, Any]) -> list[str]:
        """Predictions of what there is no source for."""
        found = churn_problems(self.churn, sources)
        if self.clv.enabled and "transactions" not in sources:
            found.append("predict.clv needs sources.transactions; set predict.clv.enabled: false")
        return found


def shaped_by(document: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """What forecasts hang on in a stored configuration: settings, and sources beside purchases, which are none."""
    clv = ClvConfig.model_validate((document.get("predict") or {}).get("clv") or {})
    return clv.model_dump(mode="json", exclude={"enabled"}), ()


SETTINGS = {"predict": PredictConfig}
SHAPED_BY = {"clv": shaped_by}
STAGES: dict[str, Callable[[Mapping[str, Any]], bool]] = {
    "clv": lambda document: bool(((document.get("predict") or {}).get("clv") or {}).get("enabled"))
}
REMEDIES = {"clv": "set predict.clv.enabled: true"}
