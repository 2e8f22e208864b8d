"""Write docs/tables.md: every table and customer column, from their declarations in the capabilities."""

import math
from pathlib import Path

from rfm_spark.core.columns import CUSTOMERS, CustomerColumn, customer_columns
from rfm_spark.core.registry import capabilities, given
from rfm_spark.core.schemas import tables
from rfm_spark.core.table import Table

TARGET = Path(__file__).resolve().parents[1] / "docs" / "tables.md"
INTRO = """# Tables

Written by `python -m scripts.build_tables` from what capabilities declare. A **run** table has the rows of each run
under its `run_id` (of the current runs: `<table>_current` in a catalog, `readers.current` in Python); a **kept**
table is maintained in place; a **ledger** only grows. Columns are added by later versions; where one got another
name, the next run copies what the older one had, and until then both are read.
"""
TITLES = {"core": "Runs", "rfm": "RFM"}
KINDS = {
    "score": "score", "mean": "number", "whole": "whole number", "cents": "amount", "real": "number", "text": "text",
}  # fmt: skip


def reference() -> str:
    """The document."""
    owners = {table.name: name for name, declared in given("tables", "TABLES") for table in declared}
    groups = {name: [table for table in tables().values() if owners.get(table.name, "core") == name] for name in
              ("core", *(path.rpartition(".")[2] for path in capabilities()))}  # fmt: skip
    parts = [INTRO]
    for name, found in groups.items():
        parts += [f"## {TITLES.get(name, name.capitalize())}\n", *(_table(table) for table in found)] if found else []
    return "\n".join([*parts, _customers()])


def _table(table: Table) -> str:
    lines = [f"### `{table.name}`\n", f"{table.comment}. *{table.kind.capitalize()}.*\n"]
    lines += ["| column | type | what it holds |", "| --- | --- | --- |"]
    lines += [f"| `{name}` | `{kind}` | {comment} |" for name, kind, comment in table.own]
    if table.of_customers:
        lines.append("\nThe columns of customers come after these.")
    return "\n".join([*lines, ""])


def _customers() -> str:
    lines = [
        "## Columns of customers\n",
        f"What a row of `{CUSTOMERS}` has beside its keys, who fills it, and what may use it.\n",
    ]
    lines += [
        "| column | type | what it holds | filled by | in rules | as a feature |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    lines += [_customer(column) for column in customer_columns().values()]
    return "\n".join([*lines, ""])


def _customer(column: CustomerColumn) -> str:
    limits = [f"{limit:g}" for limit in (column.low, column.high) if math.isfinite(limit)]
    allowed = f", {' to '.join(limits)}" if len(limits) == 2 else f", from {limits[0]}" if limits else ""
    rules = "–" if column.values is None else f"{KINDS[column.values]}{allowed}"
    name = column.name if column.stored else f"{column.name} (in rules alone)"
    feature = {None: "–", "none": "as it is", "log1p": "log(1 + x)"}[column.transform]
    cells = (f"`{name}`", f"`{column.kind}`", column.comment, column.stage or "every run", rules, feature)
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    TARGET.write_text(reference(), encoding="utf-8")
    print(TARGET)
