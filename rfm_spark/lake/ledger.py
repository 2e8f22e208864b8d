"""The runs ledger: which runs are complete, which one is current, which came before."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from rfm_spark.core.config import digest
from rfm_spark.core.errors import LakeError, RfmSparkError, cause_of
from rfm_spark.core.moments import to_micros
from rfm_spark.core.runs import RunRow
from rfm_spark.core.schemas import RUNS
from rfm_spark.lake.store import Store


def fingerprint(parts: Sequence[str]) -> str:
    """Hash of everything that shapes a run's results."""
    return digest("\x1f".join(f"{len(part)}:{part}" for part in parts))


class Ledger:
    """Complete runs of a lake."""

    def __init__(self, store: Store) -> None:
        """Bind to a store; the table may not exist yet."""
        self._store = store

    def complete(self, config_name: str | None = None) -> list[RunRow]:
        """All complete runs, oldest as-of first, newest run of an as-of date last.

        Raises:
            LakeError: the table is there, and can't be read.
        """
        named = {} if config_name is None else {"config_name": config_name}
        try:
            rows = self._store.rows(RUNS.name, **named)
        except RfmSparkError:
            raise
        except Exception as error:
            # Taken for an empty one, it would make every date a first run.
            raise LakeError(
                f"lake {self._store.location}: the ledger, table {RUNS.name}, can't be read ({cause_of(error)}); check "
                "the right to read it and whether it is whole; nothing was written"
            ) from error
        found = [_run_row(row) for row in rows]
        # A forced repeat within the clock's resolution still comes after what it repeats.
        return sorted(found, key=lambda run: (run.as_of, run.finished_at, len(run.run_id), run.run_id))

    def publish(self, row: dict[str, Any], covered: Collection[str] = ()) -> None:
        """Make a run visible; the same run published twice stays one row.

        Args:
            row: of the run.
            covered: as in `must_be_same`.

        Raises:
            LakeError: another run has its id.
        """
        for there in self._store.rows(RUNS.name, run_id=row["run_id"]):
            must_be_same(_run_row(there), row, covered)
        self._store.insert_new(RUNS, [{**row, "retired_at": None}], keys=("run_id",))


def must_be_same(there: RunRow, row: Mapping[str, Any], covered: Collection[str] = ()) -> None:
    """Compare a published run with one of the same id that is to be published, or was asked for.

    Args:
        there: the published one.
        row: config_name, as_of_date, config, inputs, code_version and previous_run_id of the other.
        covered: sources whose versions tell nothing: the same rows may come by another one.

    Raises:
        LakeError: they are two runs; eight digits of a hash may be the same by chance.
    """
    mine = {"config_name": there.config_name, "as_of_date": there.as_of, "config": there.config,
            "inputs": of_others(there.inputs, covered), "code_version": there.code_version,
            "previous_run_id": there.previous_run_id}  # fmt: skip
    asked = {**row, "inputs": of_others(row["inputs"], covered)}
    other = [name for name, value in mine.items() if asked[name] != value]
    if other:
        raise LakeError(
            f"run id {there.run_id} is taken by a run of {there.config_name!r} as of {there.as_of} that differs in "
            f"{', '.join(other)}; change the `name` of this segmentation, which gives its runs other ids"
        )


def of_others(versions: Mapping[str, str], covered: Collection[str]) -> dict[str, str]:
    """Versions of sources, but for those that are covered and what belongs to them."""
    return {name: version for name, version in versions.items() if not _belongs(name, covered)}


def _belongs(name: str, covered: Collection[str]) -> bool:
    return any(name == one or name.startswith(f"{one}.") for one in covered)


def _run_row(row: Mapping[str, Any]) -> RunRow:
    plain: dict[str, Any] = {
        name: row[name]
        for name in ("run_id", "config_name", "config", "previous_run_id", "exit_code", "code_version", "model_version",
                     "drift_verdict")
    }  # fmt: skip
    maps: dict[str, Any] = {
        name: dict(row[name] or {}) for name in ("inputs", "source_fingerprints", "schemas", "rows")
    }
    finished_at, retired_at = to_micros(row["finished_at"]), row["retired_at"]
    plain["retired_at"] = None if retired_at is None else to_micros(retired_at)
    return RunRow(as_of=row["as_of_date"], finished_at=finished_at, **plain, **maps)
