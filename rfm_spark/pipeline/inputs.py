"""Opening what a run reads: its sources, pinned, and how their lines are read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from pyspark.sql import DataFrame, SparkSession

from rfm_spark.capabilities.engagement.config import MessagesSource
from rfm_spark.capabilities.events.config import EventsSource
from rfm_spark.capabilities.purchases.config import TransactionsSource
from rfm_spark.capabilities.purchases.exchange_rates import daily_rates
from rfm_spark.capabilities.purchases.lines import Intake
from rfm_spark.capabilities.purchases.quality import QualityConfig
from rfm_spark.core.config import Config
from rfm_spark.core.errors import GateError, RfmSparkError
from rfm_spark.core.reading.places import Where
from rfm_spark.core.reading.schema_drift import schema_changes
from rfm_spark.core.runs import RunRow
from rfm_spark.lake.sources import Inspect, PinnedSource, columns_of, pin
from rfm_spark.lake.store import Store

SOURCE = "transactions"
RATES = "transactions.rates"
# Days beyond the newest row that may need a rate, where nobody knows when the source was written.
_FAR = date(2100, 1, 1)


@dataclass(frozen=True)
class PinnedRates:
    """Exchange rates, where a source has them.

    Attributes:
        source: pinned.
        by_day: of `purchases.exchange_rates.daily_rates`.
    """

    source: PinnedSource | None
    by_day: DataFrame | None


@dataclass(frozen=True)
class Inputs:
    """The sources of a run.

    Attributes:
        pinned: by name.
        intake: how lines are read.
        quality: limits and checks of the transactions.
        drift: a sentence for each source whose columns differ from the last run's.
    """

    pinned: dict[str, PinnedSource]
    intake: Intake
    quality: QualityConfig
    drift: tuple[str, ...] = ()

    @property
    def transactions(self) -> PinnedSource:
        """The purchases."""
        return self.pinned[SOURCE]

    def recheck(self) -> None:
        """Look at every source again, at the end of a run.

        Raises:
            GateError: files changed while they were read.
        """
        for source in self.pinned.values():
            source.recheck()

    def told(self) -> list[str]:
        """What a reader of the run should know of its sources."""
        return list(self.drift)

    @property
    def versions(self) -> dict[str, str]:
        """Source to version, as the ledger keeps it."""
        return {name: source.version for name, source in self.pinned.items()}


def open_rates(store: Store | None, spark: SparkSession, config: Config, written: datetime | None) -> PinnedRates:
    """The exchange rates of the transactions, pinned and by day; nothing where there are none.

    Args:
        store: where views are landed; None only looks.
        spark: the session.
        config: names the rates' place.
        written: when the transactions were written: no later day needs a rate.
    """
    source = config.part(TransactionsSource).rates
    if source is None:
        return PinnedRates(None, None)
    pinned = pin(store, spark, config, RATES)
    last = _FAR if written is None else written.date() + timedelta(days=2)
    return PinnedRates(pinned, daily_rates(pinned.frame, source, last))


def open_inputs(store: Store, config: Config, complete: Sequence[RunRow], look: list[str] | None = None) -> Inputs:
    """Pin every source of a configuration.

    Args:
        store: the lake.
        config: names the sources.
        complete: runs of the lake; the columns of the last one with these sources are what is expected.
        look: to only look: nothing is landed, and sentences on columns that would stop a run are added here.

    Raises:
        SourceError: nothing there, or not of the format that was given.
        GateError: the columns of a source are not what they were.
    """
    landing = store if look is None else None
    source = config.part(TransactionsSource)
    quality = config.part(QualityConfig).with_own(source.quality)
    drift: list[str] = []
    pinned = {}
    for name, place, rule in _places(config, quality):
        told: list[str] = []
        inspect = _inspector(config, (name, place, rule), complete, told, look)
        pinned[name] = pin(landing, store.spark, config, name, inspect)
        drift += [f"sources.{name}: its columns changed: {'; '.join(told)}"] if told else []
    rates = open_rates(landing, store.spark, config, pinned[SOURCE].written)
    if rates.source is not None:
        pinned[RATES] = rates.source
    intake = Intake(quality, pinned[SOURCE].written, config.timezone, rates.by_day)
    return Inputs(pinned, intake, quality, tuple(drift))


@contextmanager
def readable(name: str) -> Iterator[None]:
    """Turn what Spark says of files that don't fit together, and of sums that don't fit, into one sentence.

    Raises:
        GateError: files of one source differ in their header or their types; amounts add up to more than a sum holds.
    """
    try:
        yield
    except RfmSparkError:
        raise
    except Exception as error:
        said = str(error)
        if "CSV header does not conform" in said:
            parts = [line.strip() for line in said.splitlines() if line.strip().startswith(("Header:", "Schema:"))]
            raise GateError(
                f"sources.{name}: a file has another header than the first one ({'; '.join(parts[:2])}); deliver it "
                "with the same columns in the same order; nothing was published"
            ) from error
        if "ARITHMETIC_OVERFLOW" in said:
            raise GateError(
                f"sources.{name}: its amounts add up to more than a sum of cents can hold (9·10¹⁶ in whole units); "
                "look for absurd ones and reject them in the mapping or a view; nothing was published"
            ) from error
        if "FAILED_READ_FILE" in said:
            first = next(line for line in said.splitlines() if "FAILED_READ_FILE" in line)
            raise GateError(
                f"sources.{name}: a file can't be read ({first.strip()}); mend or remove it; nothing was published"
            ) from error
        raise


# A source's name, its place, and whether changed columns stop a run.
_Place = tuple[str, Where, str]


def _places(config: Config, quality: QualityConfig) -> list[_Place]:
    found: list[_Place] = [(SOURCE, config.part(TransactionsSource), quality.schema_drift)]
    for name, source in (("events", config.find(EventsSource)), ("messages", config.find(MessagesSource))):
        if source is not None:
            found.append((name, source, source.quality.schema_drift))
    return found


def _inspector(
    config: Config, place: _Place, complete: Sequence[RunRow], drift: list[str], look: list[str] | None
) -> Inspect:
    name, source, on_drift = place
    wanted = source.model_dump(mode="json", include={"table", "path", "format", "options"})
    known = [
        run
        for run in complete
        if run.config_name == config.name and name in run.schemas and run.place_of(name) == wanted
    ]
    last = max(known, key=lambda run: run.finished_at, default=None)
    switch = "quality" if name == SOURCE else f"sources.{name}.quality"

    def inspect(rows: DataFrame) -> None:
        if last is None:
            return
        changes = schema_changes(last.schemas[name], columns_of(rows), source.format)
        drift.extend(changes)
        if changes and on_drift == "fail":
            says = (
                f"sources.{name}: its columns are not those of run {last.run_id}: {'; '.join(changes)}; if that is "
                f"meant, run once with --set {switch}.schema_drift=warn"
            )
            if look is None:
                raise GateError(f"{says}; nothing was written")
            look.append(says)

    return inspect
