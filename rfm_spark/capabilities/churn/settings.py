"""The parts of a configuration that churn is told from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rfm_spark.capabilities.churn.config import ChurnConfig, learns_from_subscriptions
from rfm_spark.capabilities.churn.features import Feature, of_orders, of_subscriptions
from rfm_spark.capabilities.clv.config import PredictConfig
from rfm_spark.capabilities.events.config import EventsSource
from rfm_spark.capabilities.purchases.artefacts import WindowSettings, reading
from rfm_spark.capabilities.purchases.config import TransactionsSource
from rfm_spark.capabilities.rfm.config import RfmConfig
from rfm_spark.capabilities.subscriptions.config import SubscriptionsSource
from rfm_spark.core.config import Config
from rfm_spark.core.digests import digest
from rfm_spark.core.errors import ConfigError

# Tables may move without their rows meaning something else.
_PLACE = {"table", "path", "format", "options"}


def _reading(config: Config) -> dict[str, Any]:
    read = reading(config.document())
    return {**read, "source": {name: value for name, value in read["source"].items() if name not in _PLACE}}


@dataclass(frozen=True)
class ChurnSettings:
    """What stopping is, and what it is told from.

    Attributes:
        config: as configured.
        by_subscription: whether it is the end of a subscription.
        amounts_apart: whether amounts are of several currencies.
        model: of orders, whose p_alive is a baseline; None where there is none.
        smallest_of_orders: customers who ordered on two days that it needs.
        timezone: of days.
        window: which purchases count.
        transactions: mapping of the lines; None where they tell nothing.
        subscriptions: mapping; likewise.
        events: mapping; likewise.
        reading: what decides how lines are read; nothing where they tell nothing.
    """

    config: ChurnConfig
    by_subscription: bool
    amounts_apart: bool
    model: str | None
    window: WindowSettings
    transactions: TransactionsSource | None
    subscriptions: SubscriptionsSource | None
    events: EventsSource | None
    reading: Mapping[str, Any]
    smallest_of_orders: int = 0
    timezone: str = "UTC"

    @classmethod
    def of(cls, config: Config) -> ChurnSettings | None:
        """As configured; None where it is off."""
        predict, connected = config.part(PredictConfig), config.connected()
        if not predict.churn.enabled:
            return None
        ended = learns_from_subscriptions(predict.churn, {name: True for name in connected})
        rfm = config.part(RfmConfig)
        if not ended and not rfm.measures.of_purchases:
            problem = "orders are those of purchases, which rfm.measures is not all made of; take label: subscriptions"
            raise ConfigError("predict.churn", [problem])
        model = predict.clv.model if predict.clv.enabled and not ended else None
        return cls(
            predict.churn, ended, rfm.amounts_apart, model, WindowSettings.of(config),
            None if ended else config.find(TransactionsSource),
            config.find(SubscriptionsSource) if ended else None, config.find(EventsSource) if ended else None,
            {} if ended else _reading(config), predict.clv.smallest, config.timezone,
        )  # fmt: skip

    @property
    def features(self) -> tuple[Feature, ...]:
        """What customers are told by."""
        if self.by_subscription:
            return of_subscriptions(has_events=self.events is not None)
        return of_orders(amounts_apart=self.amounts_apart)

    @property
    def definition(self) -> str:
        """Hash of what a model is learnt for: another one asks for a new model."""
        config = self.config.model_dump(mode="json", exclude={"enabled", "retrain_days", "smallest"})
        window = None if self.by_subscription else [self.window.window_days, self.window.refunds, self.window.scope]
        read = [
            None if one is None else one.model_dump(mode="json", exclude=_PLACE)
            for one in (self.subscriptions, self.events)
        ]
        names = [one.name for one in self.features]
        document = [config, self.by_subscription, self.model, window, names, read, self.timezone, self.reading]
        return digest(json.dumps(document, sort_keys=True))[:16]
