"""What a configuration says of drift: of the cluster model, and of rates."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from rfm_spark.core.strict import Strict


class RatesConfig(Strict):
    """When a rate, such as clicks per message, has changed."""

    smallest_fall: float = Field(
        0.2, gt=0, lt=1, description="A smaller fall, as a share of the rate, or as small a rise, is no alarm."
    )
    wait_days: int = Field(3, ge=0, le=30, description="Days that a message has for being opened and answered.")


class DriftConfig(Strict):
    """What a run does when the cluster model no longer fits, and which changes of rates it warns of."""

    policy: Literal["monitor", "refit_when_major", "promote"] = Field(
        "monitor",
        description="monitor: only say so; refit_when_major: the run after a major verdict trains anew; promote: the "
        "run after the one that trained a challenger is assigned by it.",
    )
    rates: RatesConfig = RatesConfig()

    def stored(self) -> dict[str, Any]:
        """Without rates that are as they were before they could be set: runs of earlier versions stay the same."""
        document = super().stored()
        if self.rates == RatesConfig():
            del document["rates"]
        return document


SETTINGS = {"drift": DriftConfig}
