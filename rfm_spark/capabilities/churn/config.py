"""What a configuration says of churn: within how many days, of whom, and how much history it needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

from pydantic import Field

from rfm_spark.core.strict import Strict


class ChurnConfig(Strict):
    """Who is about to stop."""

    enabled: bool = Field(False, description="The probability that a customer stops, learnt from earlier customers.")
    label: Literal["auto", "orders", "subscriptions"] = Field(
        "auto", description="No order, or no subscription any more; auto takes subscriptions where there are any."
    )
    horizon_days: int = Field(90, ge=7, le=730, description="Days within which a customer stops, or doesn't.")
    gap_days: int = Field(7, ge=0, le=365, description="Days between what is learnt from and what is tested on.")
    active_days: int | None = Field(
        None, ge=7, description="Of orders: who is silent for longer is gone already; null for twice the horizon."
    )
    smallest: int = Field(500, ge=100, description="Customers that learning and testing need each.")
    retrain_days: int = Field(30, ge=1, description="Days for which a model is taken on by later runs.")

    @property
    def longest_silence(self) -> int:
        """Days of silence after which a customer is gone already."""
        return self.active_days or 2 * self.horizon_days


def learns_from_subscriptions(churn: ChurnConfig, sources: Mapping[str, Any]) -> bool:
    """Whether stopping is the end of a subscription, not silence.

    Args:
        churn: as configured.
        sources: of the configuration, those that are connected.
    """
    return churn.label == "subscriptions" or (churn.label == "auto" and bool(sources.get("subscriptions")))


def churn_problems(churn: ChurnConfig, sources: Mapping[str, Any]) -> list[str]:
    """What is asked for and can't be told."""
    if not churn.enabled:
        return []
    needed = "subscriptions" if learns_from_subscriptions(churn, sources) else "transactions"
    if not sources.get(needed):
        return [f"predict.churn needs sources.{needed}; set predict.churn.enabled: false"]
    return []


def shaped_by(document: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """What churn_probability hangs on in a stored configuration: settings, and sources beside purchases."""
    predict = document.get("predict") or {}
    churn = ChurnConfig.model_validate(predict.get("churn") or {})
    sources = {name: source for name, source in document["sources"].items() if source}
    own = churn.model_dump(mode="json", exclude={"enabled", "retrain_days", "smallest"})
    if learns_from_subscriptions(churn, sources):
        return own, ("subscriptions", "events")
    # The model of orders is a rule that may tell.
    clv = predict.get("clv") or {}
    return {**own, "orders": clv.get("model") if clv.get("enabled") else None}, ()


STAGES: dict[str, Callable[[Mapping[str, Any]], bool]] = {
    "churn": lambda document: bool(((document.get("predict") or {}).get("churn") or {}).get("enabled"))
}
SHAPED_BY = {"churn": shaped_by}
REMEDIES = {"churn": "set predict.churn.enabled: true"}
