"""What a configuration says of subscriptions: where they are, and how their columns map to ours."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from rfm_spark.capabilities.subscriptions.checks import SUBSCRIPTION_CHECKS
from rfm_spark.capabilities.subscriptions.words import ENDED, INTERVALS, PAUSED, RUNNING
from rfm_spark.core.reading.checks import Severity
from rfm_spark.core.reading.limits import (
    Levels,
    Limit,
    as_lists,
    column_problems,
    levels_of,
    must_be_known,
    off_as_word,
    word_problems,
)
from rfm_spark.core.reading.places import Where
from rfm_spark.core.strict import Strict

SUBSCRIPTION_COLUMNS = (
    "customer_id", "subscription_id", "start_date", "end_date", "plan", "mrr", "amount", "discount", "interval",
    "status",
)  # fmt: skip


class SubscriptionLimits(Strict):
    """Limits of the subscriptions; a plain number is the level at which the run stops."""

    max_reject_share: Limit = Field(
        Levels(warn=0.05, fail=0.5), description="Share of the rows with a customer that may be rejected."
    )
    schema_drift: Literal["fail", "warn"] = Field(
        "fail", description="When the columns of the source differ from those of its last run."
    )
    checks: dict[str, Severity] = Field(default_factory=dict, description="Check to severity.")

    @field_validator("checks", mode="before")
    @classmethod
    def _off_is_a_word(cls, checks: Any) -> Any:
        return off_as_word(checks)

    @model_validator(mode="after")
    def _known(self) -> SubscriptionLimits:
        must_be_known(self.checks, SUBSCRIPTION_CHECKS)
        return self

    @property
    def rejects(self) -> Levels:
        """The limit on rejected rows as its two steps."""
        return levels_of(self.max_reject_share)


class SubscriptionsSource(Where):
    """Subscriptions, one row for each, or for each version of one: another plan, price or status from a day on."""

    came_later = True

    columns: dict[str, str] = Field(description="ours: theirs, a column name or a scalar SQL expression.")
    intervals: dict[str, tuple[str, ...]] = Field(
        default_factory=dict, description="ours: theirs, of billing intervals; common words are known."
    )
    statuses: dict[str, tuple[str, ...]] = Field(
        default_factory=dict, description="running, paused and ended: theirs; common words are known."
    )
    end_is_last_day: bool = Field(
        False, description="Whether a subscription still runs on its end_date; else it is the day after the last."
    )
    simulated: bool = Field(False, description="Invented data; shown everywhere.")
    quality: SubscriptionLimits = SubscriptionLimits()

    @field_validator("intervals", "statuses", mode="before")
    @classmethod
    def _lists(cls, words: Any) -> Any:
        return as_lists(words)

    @model_validator(mode="after")
    def _columns_fit(self) -> SubscriptionsSource:
        found = column_problems(self.columns, SUBSCRIPTION_COLUMNS, ("customer_id", "start_date"), "subscriptions")
        found += word_problems(self.intervals, tuple(INTERVALS), "intervals")
        found += word_problems(self.statuses, (RUNNING, PAUSED, ENDED), "statuses")
        if ("mrr" in self.columns) == ("amount" in self.columns):
            found.append("columns needs either mrr, or amount with its interval")
        if "mrr" in self.columns and "interval" in self.columns:
            found.append("columns.interval goes with amount; mrr is of a month")
        if found:
            raise ValueError("; ".join(found))
        return self

    def schema_rule(self, name: str, config: Any) -> tuple[str, str]:
        """As its own limits say."""
        return self.quality.schema_drift, f"sources.{name}.quality"


OPTIONAL_SOURCES: dict[str, type[Strict]] = {"subscriptions": SubscriptionsSource}
STAGES: dict[str, Callable[[Mapping[str, Any]], bool]] = {
    "subscriptions": lambda document: bool(document["sources"].get("subscriptions"))
}
REMEDIES = {"subscriptions": "give sources.subscriptions"}
