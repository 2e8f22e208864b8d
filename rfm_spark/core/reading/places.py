"""Where a source is: a catalog table, files, or a database."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field, model_validator

from rfm_spark.core.strict import Strict

# Columns that sources often have and nothing here reads: to map one would promise what is not done. Transactions have
# a product_id that is read.
UNREAD = ("campaign_id", "category", "page", "product_id", "properties", "query", "value")
# Readers of text keep a line they can't parse in this column.
CORRUPT = "_corrupt_record"
_SECRET = re.compile(
    r"pass(word|wd|phrase)?$|^pwd$|secret|token|credential|(access|account|private|api)[._-]?key|\.sas\.", re.IGNORECASE
)
_PLACEHOLDER_ONLY = re.compile(r"\$\{env:[A-Za-z_][A-Za-z0-9_]*\}")
_PLACEHOLDER = re.compile(r"\$\{env:[^}]*\}")
# Looked for once each placeholder is one NUL; whatever else stands beside it is written in the open.
_SECRET_IN_URL = re.compile(
    r"(?:password|passwd|pwd|secret|token|api[._-]?key|access[._-]?key|account[._-]?key|\b_?pass)=\0*[^&;\0]"
    r"|//[^/@:]+:[^/@]*[^/@\0][^/@]*@|:[^:/@]+/[^/@]*[^/@\0][^/@]*@",
    re.IGNORECASE,
)


def unread_column(column: str, name: str, known: Sequence[str]) -> str:
    """What is wrong with mapping a column that a source does not have.

    Args:
        column: of ours.
        name: of the source.
        known: columns it has.
    """
    if column in UNREAD:
        return f"columns.{column} is read by nothing; leave it out"
    return f"columns.{column} is not a column of {name} (known: {', '.join(known)})"


class Where(Strict):
    """One place of rows: `table`; or `path` and `format`; or `format: jdbc` and `options`."""

    table: str | None = Field(None, description="Catalog table or view, as catalog.schema.table.")
    path: str | None = Field(None, description="File or folder, relative to this file.")
    format: Literal["delta", "parquet", "csv", "json", "jdbc"] | None = Field(
        None, description="Format of `path`, or jdbc."
    )
    options: dict[str, str | int | float | bool] = Field(
        default_factory=dict, description="Options of Spark's reader; a secret is written ${env:NAME}."
    )
    where: str | None = Field(
        None,
        description="Rows that count: a scalar SQL condition on the source's own columns; others are counted as "
        "filtered.",
    )
    land: bool = Field(
        False,
        description="Copy the rows of `table` into the lake, as a view needs; row filters and masks don't hold there.",
    )

    @model_validator(mode="after")
    def _one_place(self) -> Where:
        problems = [*self._place_problems(), *self._secret_problems()]
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def within(self) -> dict[str, Where]:
        """Further sources that belong to this one, by the key they are under."""
        return {}

    def schema_rule(self, name: str, config: Any) -> tuple[str, str]:
        """Whether changed columns fail a run or make it warn, and the group of keys that says so.

        Args:
            name: of the source.
            config: the whole, a `core.config.Config`.
        """
        return "warn", f"sources.{name}"

    def stored(self) -> dict[str, Any]:
        """The source without where copies of its rows are; without a condition as it was before there were any."""
        document = super().stored()
        del document["land"]
        if document["where"] is None:
            del document["where"]
        return document

    @property
    def shown(self) -> str:
        """The place as a person knows it, without secrets."""
        return self.table or self.path or str(self.options.get("dbtable") or "the query")

    def _place_problems(self) -> list[str]:
        if self.land and self.table is None:
            return ["land goes with table: files are read where they are, and a database is always landed"]
        if self.format == "jdbc":
            return self._jdbc_problems()
        if (self.table is None) == (self.path is None):
            return ["give either table, or path and format, or format: jdbc and options"]
        if self.path is not None and self.format is None:
            return ["path needs format (delta, parquet, csv or json)"]
        if self.table is not None and (self.format is not None or self.options):
            return ["format and options go with path, not with table"]
        return self._loss_problems()

    def _loss_problems(self) -> list[str]:
        # What a reader leaves out nobody can count: every row read must end somewhere.
        given = {key.lower(): str(value).upper() for key, value in self.options.items()}
        problems = []
        if given.get("mode", "PERMISSIVE") not in ("PERMISSIVE", "FAILFAST"):
            problems.append(
                "options.mode would lose the lines that can't be parsed; leave it out to have them in rejects as "
                "malformed, or set FAILFAST to stop at the first"
            )
        if given.get("ignorecorruptfiles", "FALSE") != "FALSE":
            problems.append("options.ignoreCorruptFiles would lose rows without a word; leave it out")
        return problems

    def _jdbc_problems(self) -> list[str]:
        if self.table is not None or self.path is not None:
            return ["format: jdbc takes options (url, and dbtable or query), not table or path"]
        problems = [] if "url" in self.options else ["options.url is missing"]
        if ("dbtable" in self.options) == ("query" in self.options):
            problems.append("options needs dbtable or query, and not both")
        split = {"partitionColumn", "numPartitions"} & set(self.options)
        if len(split) == 1:
            problems.append("options.partitionColumn and options.numPartitions go together")
        if "partitionColumn" in self.options and "query" in self.options:
            problems.append("options.partitionColumn goes with dbtable (a query in brackets with a name is one too)")
        if ("lowerBound" in self.options) != ("upperBound" in self.options):
            problems.append("options.lowerBound and options.upperBound go together; without them the column is asked")
        return problems

    def _secret_problems(self) -> list[str]:
        # The configuration is stored with each run, so a secret in it would be readable by everybody.
        problems = [
            f"options.{key} must be written ${{env:NAME}}, so that the secret stays in the environment"
            for key, value in self.options.items()
            if _SECRET.search(key) and not _PLACEHOLDER_ONLY.fullmatch(str(value))
        ]
        for key, text in (("options.url", str(self.options.get("url", ""))), ("path", self.path or "")):
            if _SECRET_IN_URL.search(_PLACEHOLDER.sub("\0", text)):
                problems.append(f"{key} holds a secret; write it ${{env:NAME}}")
        return problems
