"""What a table of the lake is: its name, kind, and columns with types and comments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["run", "kept", "ledger"]
RUN_KEYS = (
    ("run_id", "STRING", "Run that wrote the row"),
    ("as_of_date", "DATE", "Last day that counts, inclusive"),
)
SCOPE = ("scope", "STRING", "Group the customer is scored in; all when there is one")


@dataclass(frozen=True)
class Table:
    """One table of the lake.

    Attributes:
        name: as users read it.
        kind: run (replaced by run_id), kept (maintained in place) or ledger (only grows).
        comment: one row per what.
        columns: name, SQL type and comment of each, keys first.
        partitioned: whether it is partitioned by run_id.
    """

    name: str
    kind: Kind
    comment: str
    columns: tuple[tuple[str, str, str], ...]
    partitioned: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """Column names in order."""
        return tuple(name for name, _, _ in self.columns)

    @property
    def ddl(self) -> str:
        """The columns as Spark's DDL text, which createDataFrame takes as a schema."""
        return ", ".join(f"`{name}` {kind}" for name, kind, _ in self.columns)


def run_table(name: str, comment: str, *columns: tuple[str, str, str]) -> Table:
    """A table whose rows are replaced run by run."""
    return Table(name, "run", comment, (*RUN_KEYS, *columns), partitioned=True)
