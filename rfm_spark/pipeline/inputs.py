"""Opening what a run reads: its sources, pinned."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pyspark.sql import DataFrame

from rfm_spark.core.config import Config
from rfm_spark.core.errors import GateError, RfmSparkError
from rfm_spark.core.reading.places import Where
from rfm_spark.core.reading.schema_drift import schema_changes
from rfm_spark.core.runs import RunDetails, RunRow, place_hash, place_in
from rfm_spark.lake.ledger import Ledger
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


def open_inputs(store: Store, config: Config, last: Mapping[str, RunDetails], look: list[str] | None = None) -> Inputs:
    """Pin every source of a configuration.

    Args:
        store: the lake.
        config: names the sources.
        last: of `last_with`; their columns are what is expected.
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
        inspect = _inspector(config, name, place, last.get(name), changes, look)
        pinned[name] = pin(landing, store.spark, config, name, inspect)
        drift += [f"sources.{name}: its columns changed: {'; '.join(changes)}"] if changes else []
        within += [f"{name}.{inner}" for inner in place.within()]
    pinned |= {name: pin(landing, store.spark, config, name) for name in within}
    return Inputs(pinned, tuple(drift))


def last_with(ledger: Ledger, config: Config, complete: Sequence[RunRow]) -> dict[str, RunDetails]:
    """The last run with each source, at the place where it is now; without those that no run had there.

    Args:
        ledger: of the lake.
        config: names the sources.
        complete: runs of the segmentation.
    """
    newest = sorted(complete, key=lambda run: run.finished_at, reverse=True)
    found = {name: _last_at(ledger, name, _place(place), newest) for name, place in config.places().items()}
    details = ledger.details(run.run_id for run in found.values() if run is not None)
    last = {name: details[run.run_id] for name, run in found.items() if run is not None}
    return {name: run for name, run in last.items() if name in run.schemas}


def _last_at(ledger: Ledger, name: str, place: Mapping[str, Any], newest: Sequence[RunRow]) -> RunRow | None:
    having, wanted = [run for run in newest if name in run.inputs], place_hash(place)
    known = next((run for run in having if run.places.get(name) == wanted), None)
    if known is not None:
        return known
    # Older versions did not note the places of their sources.
    older = [run for run in having if not run.places]
    configs = ledger.configs(older)
    return next((run for run in older if place_in(json.loads(configs[run.run_id]), name) == place), None)


def _place(place: Where) -> dict[str, Any]:
    return place.model_dump(mode="json", include={"table", "path", "format", "options"})


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
    config: Config, name: str, place: Where, last: RunDetails | None, drift: list[str], look: list[str] | None
) -> Inspect:
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
