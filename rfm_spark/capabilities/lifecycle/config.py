"""What a configuration says of stages: whose rhythm counts, where a stage begins, what to do with customers in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from rfm_spark.capabilities.lifecycle.words import STAGES_OF_CUSTOMERS
from rfm_spark.core.strict import Strict


class GapLimits(Strict):
    """Where stages begin, in gaps that are expected between a customer's orders."""

    lapsing: float = Field(1.5, gt=0, le=100, description="A longer silence is lapsing.")
    lapsed: float = Field(3.0, gt=0, le=100, description="A longer one is lapsed; ended by an order: reactivated.")
    loyal: float = Field(4.0, ge=0, le=1000, description="So long since the first order, for loyal.")

    @model_validator(mode="after")
    def _ascending(self) -> GapLimits:
        if self.lapsed < self.lapsing:
            raise ValueError("lapsed must not be below lapsing")
        return self


class DayLimits(Strict):
    """Where stages begin, in days."""

    lapsing: int = Field(90, ge=1, le=3660, description="A longer silence is lapsing.")
    lapsed: int = Field(180, ge=1, le=3660, description="A longer one is lapsed; ended by an order: reactivated.")
    loyal: int = Field(365, ge=0, le=36600, description="So long since the first order, for loyal.")

    @model_validator(mode="after")
    def _ascending(self) -> DayLimits:
        if self.lapsed < self.lapsing:
            raise ValueError("lapsed must not be below lapsing")
        return self


DEFAULT_ACTIONS = {
    "prospect": "invite to a first order",
    "new": "welcome, and make a second order easy",
    "repeat": "suggest what goes with what they bought",
    "loyal": "thank them; early access, referrals",
    "reactivated": "welcome back, and find out why they left",
    "lapsing": "remind them before they are gone",
    "lapsed": "one win-back offer, then leave them alone",
}


class LifecycleConfig(Strict):
    """At which stage customers are."""

    advice = ("actions",)
    came_later = True

    enabled: bool = Field(False, description="Stages of customers, and who moved between them.")
    rhythm: Literal["own", "fixed"] = Field(
        "own", description="own: limits in gaps expected between a customer's orders; fixed: the same days for all."
    )
    loyal_orders: int = Field(5, ge=1, le=1000, description="Orders that make a customer loyal, with enough time.")
    gaps: GapLimits = GapLimits()
    days: DayLimits = DayLimits()
    remember_days: int = Field(
        365, ge=0, le=3660, description="So long a prospect is remembered whom events or messages don't show any more."
    )
    actions: dict[str, str] = Field(DEFAULT_ACTIONS, description="What to do with the customers of each stage.")

    @property
    def terms(self) -> LifecycleConfig:
        """Without what shapes no stage."""
        return self.model_copy(update={"actions": {}})

    @field_validator("actions")
    @classmethod
    def _known_stages(cls, actions: dict[str, str]) -> dict[str, str]:
        for stage, action in actions.items():
            if stage not in STAGES_OF_CUSTOMERS:
                raise ValueError(f"{stage} is no stage; there are {', '.join(STAGES_OF_CUSTOMERS)}")
            if not action:
                raise ValueError(f"{stage}: say what to do, or leave it out")
        return {**DEFAULT_ACTIONS, **actions}


SETTINGS = {"lifecycle": LifecycleConfig}
STAGES: dict[str, Callable[[Mapping[str, Any]], bool]] = {
    "lifecycle": lambda document: bool((document.get("lifecycle") or {}).get("enabled"))
}
REMEDIES = {"lifecycle": "set lifecycle.enabled: true"}
