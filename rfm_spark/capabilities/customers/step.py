"""The step of records of customers: what parts them into scopes."""

from __future__ import annotations

from dataclasses import dataclass

from rfm_spark.capabilities.customers.artefacts import CustomerAttributes
from rfm_spark.capabilities.customers.config import CustomersSource
from rfm_spark.capabilities.customers.records import attributes_of, records_counted, validated_customers
from rfm_spark.capabilities.rfm.config import RfmConfig
from rfm_spark.core.config import Config
from rfm_spark.pipeline.artefact import Account
from rfm_spark.pipeline.environment import Environment
from rfm_spark.pipeline.step import step

SOURCE = "customers"


@dataclass(frozen=True)
class AttributeSettings:
    """Who is on record, and which attributes part customers.

    Attributes:
        source: records of customers.
        names: of the attributes; none where records only say who there is.
    """

    source: CustomersSource
    names: tuple[str, ...]

    @classmethod
    def of(cls, config: Config) -> AttributeSettings | None:
        """As configured; None where no attribute parts customers, and those without an order are nobody's question."""
        source, rfm = config.find(CustomersSource), config.part(RfmConfig)
        if source is None:
            return None
        names = tuple(name for name in rfm.scope or () if name in source.attributes)
        return None if not names and rfm.measures.of_purchases else cls(source, names)


@step("Records of customers", "records of customers are read", sources=(SOURCE,), lasts=False)
def read(environment: Environment, settings: AttributeSettings) -> CustomerAttributes:
    """Who is on record, and which market, or other group, is each of them of?"""
    records = validated_customers(environment.source(SOURCE).frame, settings.source, environment.run.as_of)
    found, rows = attributes_of(records.where("reason IS NULL"), settings.names), records_counted(records, SOURCE)
    account = Account(rows=rows, dealt_with=rows[f"{SOURCE}.read"])
    return CustomerAttributes(account=account, names=settings.names, frame=found)


STEPS = (read,)
