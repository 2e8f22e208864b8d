"""Opening what a run reads: its sources, pinned."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from pyspark.sql import DataFrame

from rfm_spark.core.config import Config
from rfm_spark.core.errors import GateError, RfmSparkError
from rfm_spark.core.reading.places import Where
from rfm_spark.core.reading.schema_drift import schema_changes
from rfm_spark.core.runs import RunRow
from rfm_spark.lake.sources import Inspect, PinnedSource, columns_of, pin
from rfm_spark.lake.store import Store


@dataclass(frozen=True)
class Inputs:
    """The sources of a run.

    Attributes:
        pinned: by name; what lies within a source, such as its exchange rates, is source.rates.
        drift: a sentence for each source whose columns differ from the last run's.
    """

    pinned: dict[str, PinnedSource]
    drift: tuple[str, ...] = ()

    def recheck(self, covered: Collection[str] = ()) -> None:
        """Look at every source again, at the end of a run.

        Args:
            covered: sources of which the run read nothing itself.

        Raises:
            GateError: files changed while they were read.
        """
        for name, source in self.pinned.items():
            if name not in covered:
                source.recheck()

    @property
    def versions(self) -> dict[str, str]:
        """Source to version, as the ledger keeps it."""
        return {name: source.version for name, source in self.pinned.items()}


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
    drift: list[str] = []
    pinned: dict[str, PinnedSource] = {}
    within: list[str] = []
    for name, place in config.places().items():
        changes: list[str] = []
        inspect = _inspector(config, name, place, complete, changes, look)
        pinned[name] = pin(landing, store.spark, config, name, inspect)
        drift += [f"sources.{name}: its columns changed: {'; '.join(changes)}"] if changes else []
        within += [f"{name}.{inner}" for inner in place.within()]
    pinned |= {name: pin(landing, store.spark, config, name) for name in within}
    return Inputs(pinned, tuple(drift))


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
        text = str(error)
        if "CSV header does not conform" in text:
            parts = [line.strip() for line in text.splitlines() if line.strip().startswith(("Header:", "Schema:"))]
            raise GateError(
                f"sources.{name}: a file has another header than the first one ({'; '.join(parts[:2])}); deliver it "
                "with the same columns in the same order; nothing was published"
            ) from error
        if "ARITHMETIC_OVERFLOW" in text:
            raise GateError(
                f"sources.{name}: its amounts add up to more than a sum of cents can hold (9·10¹⁶ in whole units); "
                "look for absurd ones and reject them in the mapping or a view; nothing was published"
            ) from error
        if "FAILED_READ_FILE" in text:
            first = next(line for line in text.splitlines() if "FAILED_READ_FILE" in line)
            raise GateError(
                f"sources.{name}: a file can't be read ({first.strip()}); correct or remove it; nothing was published"
            ) from error
        raise


def _inspector(
    config: Config, name: str, place: Where, complete: Sequence[RunRow], drift: list[str], look: list[str] | None
) -> Inspect:
    wanted = place.model_dump(mode="json", include={"table", "path", "format", "options"})
    known = [
        run
        for run in complete
        if run.config_name == config.name and name in run.schemas and run.place_of(name) == wanted
    ]
    last = max(known, key=lambda run: run.finished_at, default=None)
    rule, switch = place.schema_rule(name, config)

    def inspect(rows: DataFrame) -> None:
        if last is None:
            return
        changes = schema_changes(last.schemas[name], columns_of(rows), place.format)
        drift.extend(changes)
        if changes and rule == "fail":
            message = (
                f"sources.{name}: its columns are not those of run {last.run_id}: {'; '.join(changes)}; if that is "
                f"meant, run once with --set {switch}.schema_drift=warn"
            )
            if look is None:
                raise GateError(f"{message}; nothing was written")
            look.append(message)

    return inspect
