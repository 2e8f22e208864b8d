"""The runs ledger: which runs are complete, which one is current, which came before.

Of all runs only narrow columns are read; the configuration, columns of sources and counts of a run only where they are
asked for, by its id. These never change once a run is published, so that what was read once is not read again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from rfm_spark.core.digests import digest
from rfm_spark.core.errors import LakeError, RfmSparkError, cause_of
from rfm_spark.core.runs import SHORT, RunDetails, RunRow, short_of
from rfm_spark.core.schemas import RUNS
from rfm_spark.lake.store import Store

_LONG = ("config", "schemas", "rows")


def fingerprint(parts: Sequence[str]) -> str:
    """Hash of everything that shapes a run's results."""
    return digest("\x1f".join(f"{len(part)}:{part}" for part in parts))


class Ledger:
    """Complete runs of a lake."""

    def __init__(self, store: Store) -> None:
        """Bind to a store; the table may not exist yet."""
        self._store = store
        self._details: dict[str, RunDetails] = {}
        self._configs: dict[str, str] = {}

    def complete(self, config_name: str | None = None) -> list[RunRow]:
        """All complete runs, oldest as-of first, newest run of an as-of date last.

        Raises:
            LakeError: the table is there, and can't be read.
        """
        named = {} if config_name is None else {"config_name": config_name}
        found = [RunRow(**short_of(row)) for row in self._rows(SHORT, **named)]
        # A forced repeat within the clock's resolution still comes after what it repeats.
        return sorted(found, key=lambda run: (run.as_of, run.finished_at, len(run.run_id), run.run_id))

    def named(self, *run_ids: str) -> list[RunRow]:
        """Runs with these ids, of any segmentation.

        Raises:
            LakeError: the table is there, and can't be read.
        """
        return [RunRow(**short_of(row)) for row in self._rows(SHORT, run_id=list(run_ids))]

    def details(self, run_ids: Iterable[str]) -> dict[str, RunDetails]:
        """Runs with what is long of them, by id; those that are not known yet are read together.

        Raises:
            LakeError: the table is there, and can't be read.
        """
        asked = set(run_ids)
        for row in self._rows((*SHORT, *_LONG), run_id=sorted(asked - self._details.keys())):
            long = {"config": row["config"], **{name: dict(row[name] or {}) for name in ("schemas", "rows")}}
            found = RunDetails(**short_of(row), **long)
            self._details[found.run_id] = found
            self._configs[_config_key(found)] = found.config
        return {run_id: self._details[run_id] for run_id in asked & self._details.keys()}

    def configs(self, runs: Sequence[RunRow]) -> dict[str, str]:
        """Stored configurations, canonical JSON, by run id: one run of each configuration is read, all together.

        Raises:
            LakeError: the table is there, and can't be read.
        """
        unknown: dict[str, str] = {}
        for run in runs:
            if _config_key(run) not in self._configs:
                unknown.setdefault(_config_key(run), run.run_id)
        keys = {run_id: key for key, run_id in unknown.items()}
        for row in self._rows(("run_id", "config"), run_id=list(keys)):
            self._configs[keys[row["run_id"]]] = row["config"]
        return {run.run_id: self._configs[_config_key(run)] for run in runs}

    def publish(self, row: dict[str, Any], covered: Collection[str] = ()) -> None:
        """Make a run visible; the same run published twice stays one row.

        Args:
            row: of the run.
            covered: as in `must_be_same`.

        Raises:
            LakeError: another run has its id.
        """
        if not self._store.insert_new(RUNS, [{**row, "retired_at": None}], keys=("run_id",)):
            for there in self.named(row["run_id"]):
                must_be_same(there, row, covered)

    def _rows(self, columns: Sequence[str], **where: Any) -> list[dict[str, Any]]:
        try:
            return self._store.rows(RUNS.name, columns=columns, **where)
        except RfmSparkError:
            raise
        except Exception as error:
            # Taken for an empty one, it would make every date a first run.
            raise LakeError(
                f"lake {self._store.location}: the ledger, table {RUNS.name}, can't be read ({cause_of(error)}); check "
                "the right to read it and whether it is whole; nothing was written"
            ) from error


def must_be_same(there: RunRow, row: Mapping[str, Any], covered: Collection[str] = ()) -> None:
    """Compare a published run with one of the same id that is to be published, or was asked for.

    Args:
        there: the published one.
        row: config_name, as_of_date, config_hash, inputs, code_version and previous_run_id of the other.
        covered: sources whose versions tell nothing: the same rows may come by another one.

    Raises:
        LakeError: they are two runs; eight digits of a hash may be the same by chance.
    """
    mine = {"config_name": there.config_name, "as_of_date": there.as_of, "config_hash": there.config_hash,
            "inputs": _of_others(there.inputs, covered), "code_version": there.code_version,
            "previous_run_id": there.previous_run_id}  # fmt: skip
    asked = {**row, "inputs": _of_others(row["inputs"], covered)}
    other = [name for name, value in mine.items() if asked[name] != value]
    if other:
        raise LakeError(
            f"run id {there.run_id} is taken by a run of {there.config_name!r} as of {there.as_of} that differs in "
            f"{', '.join(other)}; change the `name` of this segmentation, which gives its runs other ids"
        )


def _of_others(versions: Mapping[str, str], covered: Collection[str]) -> dict[str, str]:
    """Versions of sources, but for those that are covered and what belongs to them."""
    return {name: version for name, version in versions.items() if not _belongs(name, covered)}


def _belongs(name: str, covered: Collection[str]) -> bool:
    return any(name == one or name.startswith(f"{one}.") for one in covered)


def _config_key(run: RunRow) -> str:
    return run.config_hash or run.run_id
