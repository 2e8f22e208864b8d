"""Limits on the input: what a run warns of, and what stops it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from rfm_spark.capabilities.purchases.checks import BY_CODE, LINE_CHECKS
from rfm_spark.core.reading.checks import Severity, problems
from rfm_spark.core.reading.limits import Levels, Limit
from rfm_spark.core.strict import Strict


class RepeatLevels(Levels):
    """How many customers must have bought `orders` times or more."""

    orders: int = Field(2, ge=1)


_SHARES = ("max_reject_share",)
BATCH_REJECT_SHARE = 0.2


class BatchLimits(Strict):
    """Limits on the rows that are new; beyond them nothing of them is kept."""

    max_reject_share: Limit = Field(
        BATCH_REJECT_SHARE, description="Share of the new rows with a customer that may be rejected."
    )
    min_volume_ratio: Limit = Field(None, description="New rows against the mean of the four batches before.")

    @field_validator("max_reject_share", "min_volume_ratio")
    @classmethod
    def _sensible(cls, limit: Limit, info: Any) -> Limit:
        return _checked(limit, info.field_name)


def _checked(limit: Limit, name: str) -> Limit:
    values = [limit.warn, limit.fail] if isinstance(limit, Levels) else [limit]
    for value in values:
        if value is not None and (value < 0 or value == float("inf") or value != value):
            raise ValueError("must be 0 or more")
        if value is not None and name in _SHARES and value > 1:
            raise ValueError("must be 1 or less: it is a share")
    return limit


class QualityConfig(Strict):
    """Limits on a source; a breach at level fail stops the run before anything is published."""

    max_reject_share: Limit = Field(0.05, description="Share of the rows with a customer that may be rejected.")
    max_staleness_days: Limit = Field(3, description="Newest row against as-of; null switches it off.")
    min_volume_ratio: Limit = Field(
        Levels(warn=0.5), description="Rows of the last 7 days against the mean week of the 28 days before."
    )
    max_volume_ratio: Limit = Field(Levels(warn=3), description="The same, upwards.")
    min_buyers: Limit = Field(Levels(warn=500), description="Customers who ever purchased.")
    min_repeat_buyers: RepeatLevels | None = Field(
        RepeatLevels(warn=50), description="Customers with at least `orders` purchases in the window."
    )
    min_history_days: Limit = Field(Levels(warn=180), description="Days from the oldest to the newest row.")
    max_quantity: float = Field(10_000, gt=0, allow_inf_nan=False, description="A quantity beyond it is absurd.")
    batch: BatchLimits = Field(BatchLimits(), description="Limits on the rows that are new.")
    schema_drift: Literal["fail", "warn"] = Field(
        "fail", description="When the columns of a source differ from those of its last run."
    )
    checks: dict[str, Severity] = Field(
        default_factory=dict,
        description="Check to severity: reject, repair, flag or off.",
        json_schema_extra={"propertyNames": {"enum": list(BY_CODE)}},
    )
    on_breach: Literal["fail", "warn"] = Field("fail", description="Level of limits given as plain numbers.")

    @field_validator("max_reject_share", "max_staleness_days", "min_volume_ratio", "max_volume_ratio", "min_buyers",
                     "min_history_days")  # fmt: skip
    @classmethod
    def _sensible(cls, limit: Limit, info: Any) -> Limit:
        return _checked(limit, info.field_name)

    @field_validator("checks", mode="before")
    @classmethod
    def _off_is_a_word(cls, checks: Any) -> Any:
        # YAML reads a bare off as false.
        if not isinstance(checks, dict):
            return checks
        return {code: "off" if chosen is False else chosen for code, chosen in checks.items()}

    @model_validator(mode="after")
    def _known_checks(self) -> QualityConfig:
        found = problems(self.checks, LINE_CHECKS)
        if found:
            raise ValueError("; ".join(found))
        return self

    def stored(self) -> dict[str, Any]:
        """The limits; without those on batches as they were before there were any."""
        document = super().stored()
        if self.batch == BatchLimits():
            del document["batch"]
        return document

    def levels(self, name: str) -> Levels:
        """A limit as its two steps."""
        return self.as_levels(getattr(self, name))

    def as_levels(self, limit: Limit) -> Levels:
        """The two steps of a limit."""
        if isinstance(limit, Levels):
            return limit
        return Levels() if limit is None else Levels(**{self.on_breach: limit})

    @property
    def batch_reject_levels(self) -> Levels:
        """The limit on rejected rows among the new ones; unless it is set, never below the limit on all of them."""
        limit = self.batch.max_reject_share
        if "max_reject_share" in self.batch.model_fields_set:
            return self.as_levels(limit)
        whole = self.levels("max_reject_share").fail
        return Levels() if whole is None else Levels(fail=max(whole, BATCH_REJECT_SHARE))

    def with_own(self, own: QualityConfig | None) -> QualityConfig:
        """These limits, where a source has none of its own."""
        if own is None:
            return self
        given = {name: getattr(own, name) for name in own.model_fields_set}
        return self.model_copy(update={**given, "checks": {**self.checks, **own.checks}})
