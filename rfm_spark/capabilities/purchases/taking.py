"""Taking in transactions: what arrived since the last batch is read once, and kept as days of orders."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import date, datetime

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from rfm_spark.capabilities.purchases.batches import OrderDays, known_batches, live_rows, reading_hash
from rfm_spark.capabilities.purchases.counts import (
    CURRENCIES,
    DELIVERED,
    DUE,
    currencies_text,
    first_due,
    rejected_by_reason,
)
from rfm_spark.capabilities.purchases.duplicates import looks_for_duplicates
from rfm_spark.capabilities.purchases.exchange_rates import rates_fingerprint
from rfm_spark.capabilities.purchases.gates import batch_findings
from rfm_spark.capabilities.purchases.intake import SOURCE, LineIntake, Replaced, Taken, broadcast
from rfm_spark.capabilities.purchases.lines import ReadOptions
from rfm_spark.capabilities.purchases.options import RATES, read_options
from rfm_spark.capabilities.purchases.settings import LineSettings
from rfm_spark.capabilities.purchases.tables import ORDER_DAYS
from rfm_spark.core.batches import Batch, Batches, date_of
from rfm_spark.core.digests import digest
from rfm_spark.core.errors import BalanceError, GateError, LakeError
from rfm_spark.core.reading.delivery import Delivery, Seen
from rfm_spark.core.reading.rejects import with_first_seen
from rfm_spark.core.reading.typed import FUTURE_TOLERANCE
from rfm_spark.core.schemas import BATCHES, REJECTS
from rfm_spark.pipeline.arrivals import Arrivals
from rfm_spark.pipeline.environment import Source

_RATES, _RATES_UNTIL, _RATES_PRINT = "rates", "rates_until", "rates_fingerprint"
_TRIES = 5
# What taking in is called, beside the steps of a run.
NEW_LINES = "New lines"
_LARGEST = (1 << 63) - 1


def take_transactions(arrivals: Arrivals) -> OrderDays | None:
    """Read what arrived since the last batch, once, and keep it; None without transactions.

    Raises:
        GateError: the batch is beyond its limits; nothing of it is kept but rejected rows.
        BalanceError: a row or a cent is missing, or there twice.
    """
    settings, document = LineSettings.of(arrivals.config), arrivals.config.document()
    if settings is None:
        return None
    mine = reading_hash(document)
    for _ in range(_TRIES):
        known = known_batches(arrivals.lake, mine)
        delivery = _delivery(arrivals, settings, known)
        if delivery.kind == "nothing":
            return _order_days(arrivals, mine, known)
        if not arrivals.writes:
            return _order_days(arrivals, mine, known, pending=True)
        batch = _Taking(arrivals, settings, mine, known, delivery).taken()
        if batch is not None:
            return _order_days(arrivals, mine, known.with_one(batch), arrived=batch.rows[f"{SOURCE}.read"])
    raise LakeError(
        f"batches of sources.{SOURCE}: other runs in this lake were faster {_TRIES} times; start this one again"
    )


def _order_days(
    arrivals: Arrivals, mine: str, batches: Batches, *, pending: bool = False, arrived: int | None = None
) -> OrderDays:
    found = batches.fingerprint(arrivals.as_of) + (" and more" if pending else "")
    return OrderDays(
        fingerprint=found, basis=f"{mine} {found}", covers=(SOURCE, RATES), pending=pending, reading=mine,
        batches=batches, arrived=arrived,
        versions={name: arrivals.sources[name].version for name in (SOURCE, RATES) if name in arrivals.sources},
    )  # fmt: skip


def _delivery(arrivals: Arrivals, settings: LineSettings, known: Batches) -> Delivery:
    source, last = arrivals.sources[SOURCE], known.last
    if last is None:
        found = source.since(None)
        return found if arrivals.is_first else _again(source, "the lake has no batches of it yet")
    found = source.since(Seen(last.to_version, last.files))
    if found.kind in ("append", "correction") and _is_due(first_due(known.live), found.written):
        return _again(source, "rows that were dated ahead are due by now")
    rates, mapped = arrivals.sources.get(RATES), settings.source.rates
    if rates is not None and mapped is not None and last.facts.get(_RATES) != rates.version:
        until = date.fromisoformat(last.facts[_RATES_UNTIL])
        if rates_fingerprint(rates.frame, mapped, until) != last.facts[_RATES_PRINT]:
            return _again(source, f"exchange rates of days up to {until} are others by now")
    return found


def _is_due(moment: int | None, written: datetime | None) -> bool:
    """Whether rows of a moment, in microseconds, were not dated ahead any more when the source was written."""
    return moment is not None and written is not None and moment <= (written + FUTURE_TOLERANCE).timestamp() * 1e6


def _again(source: Source, why: str) -> Delivery:
    whole = source.since(None)
    return Delivery("rebuild", whole.frame, whole.version, whole.files, whole.written, why)


class _Taking:
    """One batch on its way into the lake."""

    def __init__(
        self, arrivals: Arrivals, settings: LineSettings, mine: str, known: Batches, delivery: Delivery
    ) -> None:
        self._arrivals, self._settings, self._reading = arrivals, settings, mine
        self._known, self._delivery = known, delivery
        last = known.last
        self._number = known.next_number
        self._from = None if last is None or delivery.kind == "rebuild" else last.to_version
        # Unlike any other's: of two who take the same rows, none writes or drops where the other one did.
        self.batch_id = f"{self._number:05d}-{digest(uuid.uuid4().hex)[:8]}"
        self._intake = LineIntake(settings, arrivals.frames, self)

    def days(self, rows: DataFrame, *, more: bool) -> DataFrame:
        """Write rows of the batch, and read them back."""
        lake = self._arrivals.lake
        lake.write_slice(ORDER_DAYS, rows.withColumn("reading", F.lit(self._reading)), self.batch_id, more=more)
        return lake.of_runs(ORDER_DAYS.name, [self.batch_id])

    def rejects(self, rows: DataFrame) -> None:
        """Write rejected rows of the batch."""
        lake, before = self._arrivals.lake, [one.batch_id for one in self._known.held]
        # What is read again whole was mostly rejected before.
        known = (
            lake.of_runs(REJECTS.name, before) if self._from is None and before and lake.exists(REJECTS.name) else None
        )
        found = with_first_seen(rows, known, self.batch_id, None)
        lake.write_slice(REJECTS, found.withColumn("as_of_date", F.lit(self._arrivals.as_of)), self.batch_id)

    def taken(self) -> Batch | None:
        """The batch, once it is in the ledger; None where another one of the same number was faster."""
        arrivals, delivery = self._arrivals, self._delivery
        arrivals.tell(NEW_LINES, "Spark reads every line that arrived, checks it and adds it up by order and day")
        options = self._options(delivery.written)
        if delivery.kind != "rebuild":
            both = delivery.frame if delivery.gone is None else delivery.frame.unionByName(delivery.gone)
            options = self._intake.with_known_ids(both, options)
        replaced = self._replaced(options)
        try:
            found = self._intake.take(delivery.frame, options, replaced, delivery.gone)
        except BalanceError:
            self._leave_nothing()
            if self._is_overtaken():
                return None
            raise
        kind = "correction" if replaced is not None else delivery.kind
        batch = Batch(
            self._reading, self._number, self.batch_id, SOURCE, self._from, delivery.version, kind, delivery.why,
            found.rows, found.money, found.days, delivery.files, self._facts(found),
        )  # fmt: skip
        self._must_pass(batch)
        self._must_be_as_read()
        if self._noted(batch):
            self._drop_superseded(kind)
            return batch
        self._leave_nothing()
        return None

    def _leave_nothing(self) -> None:
        self._drop([self.batch_id])
        self._arrivals.lake.drop_slices(REJECTS, [self.batch_id])

    def _is_overtaken(self) -> bool:
        """Whether another batch has the number: what this one wrote may be gone then."""
        return bool(self._arrivals.lake.rows(BATCHES.name, reading=self._reading, number=self._number))

    def _noted(self, batch: Batch) -> bool:
        """Put the batch into the ledger; whether it is that of its number."""
        lake = self._arrivals.lake
        if lake.insert_new(BATCHES, [batch.as_row()], keys=("reading", "number")):
            return True
        there = lake.rows(BATCHES.name, reading=self._reading, number=self._number)
        return all(row["batch_id"] == self.batch_id for row in there)

    def _options(self, written: datetime | None) -> ReadOptions:
        sources = self._arrivals.sources
        return read_options(sources[SOURCE], sources.get(RATES), self._settings, written)

    def _replaced(self, options: ReadOptions) -> Replaced | None:
        """Customers of whom rows may be there twice, now and in an earlier batch: they are read again whole."""
        if self._delivery.kind == "rebuild" or not self._known.live:
            return None
        arrivals, frames = self._arrivals, self._arrivals.frames
        there = live_rows(arrivals.lake.of_runs(ORDER_DAYS.name, self._known.ids), self._known)
        found = self._concerned(options, there)
        if found is None:
            return None
        customers = frames.persist(found)
        count = customers.count()
        if not count:
            return None
        source = arrivals.sources[SOURCE].frame
        whole = self._intake.lines(source, self._intake.with_known_ids(source, options))
        before = there.join(broadcast(customers, count), "customer_id", "left_semi")
        return Replaced(customers, count, whole, before)

    def _concerned(self, options: ReadOptions, there: DataFrame) -> DataFrame | None:
        """Customers of rows that changed or are gone, and of rows that may be there twice; None for nobody."""
        source, quality = self._settings.source, self._settings.quality
        lines = self._intake.lines(self._delivery.frame, options)
        if self._delivery.gone is not None:
            gone = self._intake.lines(self._delivery.gone, options)
            return lines.select("customer_id").unionByName(gone.select("customer_id")).distinct()
        if not looks_for_duplicates(source, quality):
            return None
        keys = _shared_keys(self._settings)
        new = lines.select(*(value.alias(name) for name, value in keys.items())).distinct()
        new = self._arrivals.frames.persist(new)
        count = new.count()
        return (
            there.join(broadcast(new, count), list(keys), "left_semi").select("customer_id").distinct()
            if count
            else None
        )

    def _facts(self, found: Taken) -> dict[str, str]:
        facts = {CURRENCIES: currencies_text(found.currencies), DELIVERED: str(found.delivered)}
        if found.due is not None:
            facts[DUE] = str(found.due)
        rates, mapped = self._arrivals.sources.get(RATES), self._settings.source.rates
        if rates is not None and mapped is not None:
            until = max([*self._known.days(), *found.days], default=None)
            day = self._arrivals.as_of if until is None else date_of(until)
            facts |= {
                _RATES: rates.version, _RATES_UNTIL: day.isoformat(),
                _RATES_PRINT: rates_fingerprint(rates.frame, mapped, day),
            }  # fmt: skip
        return facts

    def _must_pass(self, batch: Batch) -> None:
        if any(abs(value) > _LARGEST for day in batch.days.values() for value in day):
            self._drop([self.batch_id])
            raise GateError(
                f"sources.{SOURCE}: its amounts add up to more than a sum of cents can hold (9·10¹⁶ in whole units) on "
                "one day; look for absurd ones and reject them in the mapping or a view; nothing was published"
            )
        found = batch_findings(batch, self._known, self._settings.quality)
        failed = [one for one in found if one.level == "fail"]
        if failed:
            self._drop([self.batch_id])
            rejected = rejected_by_reason(batch.rows, SOURCE)
            look = f"; see them with `rfm-spark rejects --run {self.batch_id}`" if rejected else ""
            raise GateError("; ".join(one.message for one in failed) + look + "; nothing was read in or published")

    def _must_be_as_read(self) -> None:
        try:
            for name in (SOURCE, RATES):
                if name in self._arrivals.sources:
                    self._arrivals.sources[name].recheck()
        except GateError:
            self._drop([self.batch_id])
            raise

    def _drop(self, batch_ids: Sequence[str]) -> None:
        self._arrivals.lake.drop_slices(ORDER_DAYS, batch_ids)

    def _drop_superseded(self, kind: str) -> None:
        """What an earlier rebuild took the place of: what this one does is still asked by the next run."""
        if kind == "rebuild":
            self._drop([batch.batch_id for batch in self._known.before])


def _shared_keys(settings: LineSettings) -> dict[str, Column]:
    """What lines that may be the same share, as columns of `order_days`: each with what it is of a line."""
    day = F.col("order_date")
    if "line_id" in settings.source.columns:
        order = {"order_id": F.col("order_id")} if "order_id" in settings.source.columns else {}
        return {"customer_id": F.col("customer_id"), **order}
    more = {None: {"order_id": F.col("order_id")}, "day": {}, "row": {"last_line_ts": F.col("order_ts")}}
    return {"customer_id": F.col("customer_id"), "day": day, **more[settings.source.order_grain]}
