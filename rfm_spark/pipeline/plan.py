"""What a run would be: its id, whether it has been done, and which of its steps are up to date."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import rfm_spark
from rfm_spark.core.access import TableReader
from rfm_spark.core.config import Config
from rfm_spark.core.digests import digest
from rfm_spark.core.registry import given
from rfm_spark.core.runs import RunRow, previous_of, with_rows
from rfm_spark.lake.ledger import Ledger, fingerprint, must_be_same
from rfm_spark.pipeline.arrivals import TakenIn
from rfm_spark.pipeline.fingerprints import fingerprint_of, parts_of, why_due
from rfm_spark.pipeline.inputs import Inputs
from rfm_spark.pipeline.order import Chosen
from rfm_spark.pipeline.prepared import Prepared
from rfm_spark.pipeline.records import Record, Records

NOTHING_LATE = "the source has a newer version, but no row dated up to this day changed: the same input"


@dataclass(frozen=True)
class Planned:
    """A step of a run that is to come.

    Attributes:
        chosen: the step with its settings.
        fingerprint: of all that shapes its result.
        parts: what that is made of.
        record: what it gave before under the same fingerprint; None where it is due.
        why: in words, why it is due; empty where it is up to date.
    """

    chosen: Chosen
    fingerprint: str
    parts: Mapping[str, Any]
    record: Record | None = None
    why: str = ""


@dataclass(frozen=True)
class Outlook:
    """A run that is to come, or is complete.

    Attributes:
        run_id: it has or would have.
        is_done: whether nothing is to do.
        steps: in their order.
    """

    run_id: str
    is_done: bool
    steps: tuple[Planned, ...]


def planned_steps(
    order: Sequence[Chosen], as_of: date, inputs: Inputs, earlier: Sequence[RunRow], decisions: Sequence[Prepared],
    known: Sequence[Record], records: Records,
) -> list[Planned]:  # fmt: skip
    """The steps of a run, with what is known of each.

    Args:
        order: of `order.ordered`.
        as_of: last day that counts.
        inputs: pinned.
        earlier: current runs of earlier dates.
        decisions: of before the run.
        known: records that may be used, those to be preferred first.
        records: says whether their rows are still there.
    """
    fingerprints: dict[str, str] = {}
    found = []
    for chosen in order:
        name = chosen.step.name
        parts = parts_of(chosen, as_of, inputs.pinned, earlier, fingerprints, decisions)
        fingerprints[name] = fingerprint_of(parts)
        mine = [record for record in known if record.step == name]
        same = (record for record in mine if record.fingerprint == fingerprints[name] and records.usable(record))
        record = next(same, None) if chosen.step.lasts else None
        why = "" if record else why_due(parts, mine[0].parts if mine else None) if chosen.step.lasts else "in every run"
        found.append(Planned(chosen, fingerprints[name], parts, record, why))
    return found


class Plan:
    """What a run would be, and whether it needs to be."""

    def __init__(
        self, config: Config, as_of: date, inputs: Inputs, previous: RunRow | None, current: Mapping[date, RunRow],
        decisions: Sequence[Prepared], ledger: Ledger,
    ) -> None:  # fmt: skip
        """Compare what is asked for with what is there.

        Args:
            config: of the run.
            as_of: last day that counts.
            inputs: pinned.
            previous: run that changes are against.
            current: the current run of each as-of date.
            decisions: of before the run.
            ledger: of the lake, for configurations of runs that have to be looked at, and runs of others.
        """
        self.config, self.as_of, self.inputs, self.previous, self.current = config, as_of, inputs, previous, current
        self.decisions, self._ledger = tuple(decisions), ledger
        self.canonical = config.canonical()
        self.config_hash = digest(self.canonical)
        taken = [one for one in decisions if isinstance(one, TakenIn)]
        self.covered = {name for one in taken for name in one.covers}
        self.is_pending = any(one.pending for one in taken)
        kinds = [kind for _, kind in given("step", "ROWS")]
        self._rows = [kind(config, inputs.pinned) for kind in kinds]
        self._looked_at = {name for kind in kinds for name in kind.sources} | self.covered
        versions = {name: version for name, version in inputs.versions.items() if name not in self.covered}
        self.inputs_row = {**inputs.versions, **{name: told for one in taken for name, told in one.inputs.items()}}
        self._content = {
            "config_name": config.name, "as_of_date": as_of, "config_hash": self.config_hash,
            "inputs": versions, "code_version": rfm_spark.__version__,
            "previous_run_id": previous.run_id if previous else None,
        }  # fmt: skip
        parts = (
            config.name,
            as_of.isoformat(),
            self.canonical,
            json.dumps(versions, sort_keys=True),
            rfm_spark.__version__,
            previous.run_id if previous else "",
            *(decision.fingerprint for decision in decisions if decision.fingerprint is not None),
        )
        self.run_id = f"{as_of.isoformat()}-{fingerprint(parts)[:8]}"

    def done(self, complete: Sequence[RunRow]) -> list[RunRow]:
        """Complete runs of this plan, forced ones last.

        Raises:
            LakeError: another run has the id.
        """
        found = [run for run in complete if run.run_id == self.run_id or run.run_id.startswith(f"{self.run_id}-")]
        for run in found:
            must_be_same(run, self._content, self.covered)
        return found

    def newer_than(self, run: RunRow) -> tuple[str, ...]:
        """A sentence, where a run of this plan read an older version of a source whose rows are the same."""
        versions = self.inputs.versions
        return (NOTHING_LATE,) if any(run.inputs.get(name) != versions[name] for name in versions) else ()

    def next_id(self, complete: Sequence[RunRow]) -> str:
        """Id of the run that is to come: a plan that was done before gets a number.

        Raises:
            LakeError: another run has the id, be it of another segmentation.
        """
        again = len(self.done(complete)) + 1
        run_id = self.run_id if again == 1 else f"{self.run_id}-{again}"
        for there in self._ledger.named(run_id):
            must_be_same(there, self._content, self.covered)
        return run_id

    def changes_nothing(self) -> bool:
        """Whether the current run of this date has the same rows, though its source is at a newer version."""
        run = self.current.get(self.as_of)
        if run is None or run.config_hash != self.config_hash or run.code_version != rfm_spark.__version__:
            return False
        if run.previous_run_id != (self.previous.run_id if self.previous else None):
            return False
        if not all(decision.made(run) for decision in self.decisions):
            return False
        versions = self.inputs.versions
        if any(run.inputs.get(name) != versions[name] for name in versions.keys() - self._looked_at):
            # Nobody can tell whether its rows are the same.
            return False
        return all(rows.same(run, self.canonical) for rows in self._rows)

    def rows_stand(self, tables: TableReader) -> bool:
        """Whether the rows that were taken in are where they were."""
        return all(one.stands(tables) for one in self.decisions if isinstance(one, TakenIn))

    def stands(self, complete: Sequence[RunRow]) -> list[RunRow]:
        """Complete runs of this plan; none where another run of the date was published after them."""
        found, here = self.done(complete), self.current.get(self.as_of)
        return found if here is not None and here.run_id in {run.run_id for run in found} else []

    def comparable(self, complete: Sequence[RunRow], *, force: bool) -> Plan:
        """The plan, or where it is to be done, and rows of the run before are gone: against the last that has some."""
        if self.previous is None or self.previous.has_rows:
            return self
        if not force and (self.stands(complete) or self.changes_nothing()):
            return self
        previous = previous_of(with_rows(self.current), self.as_of)
        return Plan(self.config, self.as_of, self.inputs, previous, self.current, self.decisions, self._ledger)

    def earlier(self) -> list[RunRow]:
        """The current runs of earlier dates."""
        return [run for day, run in sorted(self.current.items()) if day < self.as_of]

    def touched(self) -> list[date]:
        """Earlier published dates whose rows are others by now."""
        # What nobody can look at any more needs no correction.
        earlier = {run.as_of: run for run in self.earlier() if run.has_rows}
        looks, configs = (*self._rows, *self.decisions), self._ledger.configs
        return sorted({day for one in looks for day in one.touched(earlier, self.canonical, configs)})
