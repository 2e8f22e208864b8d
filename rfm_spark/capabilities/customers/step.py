"""The step of records of customers: who is known, and what parts them into scopes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from rfm_spark.capabilities.customers.artefacts import CustomerAttributes, CustomerRecords
from rfm_spark.capabilities.customers.config import CustomersSource
from rfm_spark.capabilities.customers.records import attributes_of, records_seen, validated_customers
from rfm_spark.capabilities.rfm.config import RfmConfig
from rfm_spark.core.config import Config
from rfm_spark.core.runs import Configs, RunRow
from rfm_spark.pipeline.artefact import Account
from rfm_spark.pipeline.environment import Environment, Source
from rfm_spark.pipeline.step import aside, step

SOURCE = "customers"


@dataclass(frozen=True)
class RecordSettings:
    """Who is on record, and which attributes part customers.

    Attributes:
        source: records of customers.
        names: of the attributes; none where records only say who there is.
        tells_who: whether somebody asks who is on record, be they a customer or not.
    """

    source: CustomersSource
    names: tuple[str, ...]
    tells_who: bool = aside(default=False)

    @classmethod
    def of(cls, config: Config) -> RecordSettings | None:
        """As configured; None where no attribute parts customers, and those without an order are nobody's question."""
        asked = "lifecycle" in config.stages or not config.part(RfmConfig).measures.of_purchases
        source, rfm = config.find(CustomersSource), config.part(RfmConfig)
        if source is None:
            return None
        names = tuple(name for name in rfm.scope or () if name in source.attributes)
        return cls(source, names, asked) if names or asked else None


@step("Records of customers", "records of customers are read", sources=(SOURCE,), lasts=False)
def read(environment: Environment, settings: RecordSettings) -> CustomerRecords:
    """Who is on record, and which market, or other group, is each of them of?"""
    read = validated_customers(environment.source(SOURCE).frame, settings.source, environment.run.as_of)
    records = environment.frames.persist(read)
    seen = records_seen(records, settings.names, SOURCE)
    account = Account(
        rows=seen.rows, source_fingerprints={SOURCE: seen.fingerprint}, dealt_with=seen.rows[f"{SOURCE}.read"]
    )
    found = attributes_of(records.where("reason IS NULL"), settings.names)
    twice = bool(settings.names) and settings.tells_who
    return CustomerRecords(account=account, frame=environment.frames.persist(found) if twice else found)


@dataclass(frozen=True)
class AttributeSettings:
    """Which attributes part customers.

    Attributes:
        names: of the attributes, at least one.
    """

    names: tuple[str, ...]

    @classmethod
    def of(cls, config: Config) -> AttributeSettings | None:
        """As configured; None where none does."""
        found = RecordSettings.of(config)
        return None if found is None or not found.names else cls(found.names)


@step("Attributes of customers", "they part customers", lasts=False)
def part(environment: Environment, records: CustomerRecords, settings: AttributeSettings) -> CustomerAttributes:
    """Which market, or other group, is each customer of?"""
    del environment, settings
    return CustomerAttributes(frame=records.made)


class RecordRows:
    """Whether published runs have looked at just the records that are there now."""

    sources = (SOURCE,)

    def __init__(self, config: Config, pinned: Mapping[str, Source]) -> None:
        """Remember what to look at; nothing is read yet."""
        self._settings, self._pinned = RecordSettings.of(config), pinned

    def same(self, run: RunRow, canonical: str) -> bool:
        """Whether a published run has the same records up to its date."""
        settings = self._settings
        if settings is None or run.inputs.get(SOURCE) == self._pinned[SOURCE].version:
            return True
        records = validated_customers(self._pinned[SOURCE].frame, settings.source, run.as_of)
        return run.source_fingerprints.get(SOURCE) == records_seen(records, settings.names, SOURCE).fingerprint

    def touched(self, earlier: Mapping[date, RunRow], canonical: str, configs: Configs) -> list[date]:
        """None: records change no order."""
        return []


STEPS = (read, part)
ROWS = RecordRows
