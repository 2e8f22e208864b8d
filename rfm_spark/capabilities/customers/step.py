"""The step of records of customers: what parts them into scopes."""

from __future__ import annotations

from dataclasses import dataclass

from rfm_spark.capabilities.customers.artefacts import CustomerAttributes
from rfm_spark.capabilities.customers.config import CustomersSource
from rfm_spark.capabilities.customers.records import attributes_of, validated_customers
from rfm_spark.capabilities.rfm.config import RfmConfig
from rfm_spark.core.config import Config
from rfm_spark.pipeline.environment import Environment
from rfm_spark.pipeline.step import step

SOURCE = "customers"


@dataclass(frozen=True)
class AttributeSettings:
    """Which attributes part customers.

    Attributes:
        source: records of customers.
        names: of the attributes.
    """

    source: CustomersSource
    names: tuple[str, ...]

    @classmethod
    def of(cls, config: Config) -> AttributeSettings | None:
        """As configured; None where no attribute parts customers."""
        source, scope = config.find(CustomersSource), config.part(RfmConfig).scope or ()
        names = () if source is None else tuple(name for name in scope if name in source.attributes)
        return None if source is None or not names else cls(source, names)


@step("Attributes of customers", "records of customers are read", sources=(SOURCE,), lasts=False)
def read(environment: Environment, settings: AttributeSettings) -> CustomerAttributes:
    """Which market, or other group, is each customer of?"""
    records = validated_customers(environment.source(SOURCE).frame, settings.source, environment.run.as_of)
    found = attributes_of(records.where("reason IS NULL"), settings.names)
    return CustomerAttributes(names=settings.names, frame=found)


STEPS = (read,)
