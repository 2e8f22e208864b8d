"""The models of orders, by their names in a configuration."""

from __future__ import annotations

from rfm_spark.capabilities.clv.buying import BetaGeometric, Buying, ModifiedBetaGeometric, Steady
from rfm_spark.capabilities.clv.pareto import Pareto

MODELS: dict[str, Buying] = {one.name: one for one in (BetaGeometric(), ModifiedBetaGeometric(), Pareto(), Steady())}
