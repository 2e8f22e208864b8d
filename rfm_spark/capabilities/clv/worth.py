"""What a day with an order is worth, as a column."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import Column
from pyspark.sql import functions as F

from rfm_spark.capabilities.clv.spending import GAMMA_GAMMA


@dataclass(frozen=True)
class SpendModel:
    """What a day with an order is worth.

    Attributes:
        scope: whose; all for everybody.
        method: gamma_gamma, or own_mean where that model does not hold.
        p: parameter of Gamma–Gamma; 0 with own_mean, as q and v.
        q: likewise.
        v: likewise, in money.
        mean: money of such a day of a customer of whom no repeat order is known.
    """

    scope: str
    method: str
    mean: float
    p: float = 0.0
    q: float = 0.0
    v: float = 0.0

    @property
    def value(self) -> Column:
        """Money that a day with an order of a customer is expected to bring; equation 5 of Fader and Hardie (2013)."""
        x, repeat = F.col("purchase_days") - F.lit(1), F.col("repeat_cents") / F.lit(100.0)
        has_some = (x > 0) & (repeat > 0)
        if self.method == GAMMA_GAMMA:
            own = F.lit(self.p) * (F.lit(self.v) + repeat) / (F.lit(self.p) * x + F.lit(self.q - 1))
        else:
            own = repeat / x
        return F.when(has_some, own).otherwise(F.lit(self.mean))
