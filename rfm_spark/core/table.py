"""What a table of the lake is: its name, kind, and columns with types and comments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from rfm_spark.core.columns import customer_columns, customer_ddl
from rfm_spark.core.renames import Renamed

Kind = Literal["run", "kept", "ledger"]
RUN_KEYS = (
    ("run_id", "STRING", "Run that wrote the row"),
    ("as_of_date", "DATE", "Last day that counts, inclusive"),
)
# The scope of everybody, where customers are not parted, and of figures over all scopes.
ALL = "all"
SCOPE_COLUMN = "scope"
SCOPE = (SCOPE_COLUMN, "STRING", "Group customers are scored in (rfm.scope); all for everybody")


@dataclass(frozen=True)
class Table:
    """One table of the lake.

    Attributes:
        name: as users read it.
        kind: run (replaced by run_id), kept (maintained in place) or ledger (only grows).
        comment: one row per what.
        own: name, SQL type and comment of its own columns, keys first.
        partitioned: whether it is partitioned by `slice_key`.
        slice_key: the column whose values are written, and replaced, at once: run_id, or that of batches.
        run_columns: columns beside run_id that name a run, which may be the one that wrote the row.
        first_run: the column that names the run which had the row first, published or not.
        run_key: of a ledger, the column that names the run of a row; the row is removed with a run that died.
        part: the column that says which step wrote a row, where several do.
        of_customers: whether the columns of customers that capabilities give come after its own.
        own_renames: those of its own columns that older versions named, or filled, otherwise.
    """

    name: str
    kind: Kind
    comment: str
    own: tuple[tuple[str, str, str], ...]
    partitioned: bool = False
    of_customers: bool = False
    run_columns: tuple[str, ...] = ()
    first_run: str = ""
    run_key: str = ""
    part: str = ""
    slice_key: str = "run_id"
    own_renames: tuple[Renamed, ...] = ()

    @property
    def columns(self) -> tuple[tuple[str, str, str], ...]:
        """Name, SQL type and comment of each column, keys first."""
        return (*self.own, *customer_ddl()) if self.of_customers else self.own

    @property
    def names(self) -> tuple[str, ...]:
        """Column names in order."""
        return tuple(name for name, _, _ in self.columns)

    @property
    def renames(self) -> tuple[Renamed, ...]:
        """What older versions named or filled otherwise, the columns of customers among it."""
        if not self.of_customers:
            return self.own_renames
        given = (Renamed(column.name, words=column.older_words) for column in customer_columns().values())
        return (*self.own_renames, *(one for one in given if one.words))

    @property
    def ddl(self) -> str:
        """The columns as Spark's DDL text, which createDataFrame takes as a schema."""
        return ", ".join(f"`{name}` {kind}" for name, kind, _ in self.columns)


def run_table(
    name: str, comment: str, *columns: tuple[str, str, str], of_customers: bool = False,
    run_columns: tuple[str, ...] = (), renames: tuple[Renamed, ...] = (),
) -> Table:  # fmt: skip
    """A table whose rows are replaced run by run."""
    own = (*RUN_KEYS, *columns)
    return Table(
        name, "run", comment, own, partitioned=True, of_customers=of_customers, run_columns=run_columns,
        own_renames=renames,
    )  # fmt: skip
