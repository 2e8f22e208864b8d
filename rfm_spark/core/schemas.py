"""The tables of every lake, and those of the capabilities.

Other programs read them: columns are added, and renamed only where a migration copies what the older one had.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from rfm_spark.core.errors import PlanError
from rfm_spark.core.registry import capabilities, given
from rfm_spark.core.renames import Renamed
from rfm_spark.core.table import RUN_KEYS, Table, run_table

SCHEMA_VERSION = 11

RUNS = Table("runs", "ledger", "One row per complete run, written last", (
    *RUN_KEYS,
    ("config_name", "STRING", "Name of the segmentation"),
    ("config", "STRING", "Canonical JSON of the configuration with the rule map, without secrets"),
    ("config_hash", "STRING", "SHA-256 of config"),
    ("code_version", "STRING", "Version of rfm-spark"),
    ("spark_version", "STRING", "Version of Spark"),
    ("previous_run_id", "STRING", "Current run of the nearest earlier as-of date"),
    ("model_version", "STRING", "Cluster model the customers were assigned by"),
    ("started_at", "TIMESTAMP", "Start of the run"),
    ("finished_at", "TIMESTAMP", "When the run became visible"),
    ("exit_code", "INT", "0, or 4 where drift was at or above --fail-on"),
    ("inputs", "MAP<STRING,STRING>", "Source to Delta version or content fingerprint"),
    ("outputs", "MAP<STRING,BIGINT>", "Table to the Delta version that holds the run"),
    ("rows", "MAP<STRING,BIGINT>", "Counts of rows read, rejected and written"),
    ("money", "MAP<STRING,DECIMAL(28,2)>", "Sums of money read and published"),
    ("warnings", "ARRAY<STRING>", "What a reader of the figures should know"),
    ("drift_verdict", "STRING", "Most severe drift found: none, insufficient, changed, moderate or major"),
    ("status", "STRING", "ok; thin, when there was too little data for RFM to mean much; empty, without customers"),
    ("source_fingerprints", "MAP<STRING,STRING>", "Source to a fingerprint of its rows dated up to as_of_date"),
    ("schemas", "MAP<STRING,STRING>", "Source to the names and types of its columns"),
    ("places", "MAP<STRING,STRING>", "Source to a hash of where it was: its table, path, format and options"),
    ("stages", "ARRAY<STRING>", "Stages that were on, such as clusters and engagement"),
    (
        "steps",
        "ARRAY<STRUCT<step:STRING,seconds:DOUBLE,rows:BIGINT,reads:ARRAY<STRING>,writes:MAP<STRING,BIGINT>>>",
        "Each step of the run: seconds, rows dealt with, sources and tables read, tables written with their rows",
    ),
    ("retired_at", "TIMESTAMP", "When maintain dropped its rows from run tables; null while they are there"),
), own_renames=(
    Renamed("source_fingerprints", was="contents"),
    Renamed("rows", words=(("transactions.suspects", "transactions.possible_duplicates"),)),
))  # fmt: skip

CLAIMS = Table("claims", "ledger", "One row per slot (config_name, as_of_date), held by one run at a time", (
    ("config_name", "STRING", "Name of the segmentation"),
    ("as_of_date", "DATE", "As-of date of the slot"),
    ("run_id", "STRING", "Run that holds or last held the slot"),
    ("token", "STRING", "Identifies the process that holds it, and its last renewal; empty when it was released"),
    ("host", "STRING", "Machine of that process"),
    ("pid", "BIGINT", "Process id on that machine"),
    ("expires_at", "TIMESTAMP", "After this a holder that does not renew it any more is taken for gone"),
))  # fmt: skip

BATCHES = Table("batches", "ledger", "One row per batch: rows of a source that were read at once, written last", (
    ("reading", "STRING", "Hash of all that shapes how rows are read"),
    ("number", "INT", "In which order batches of the reading were written, from 1"),
    ("batch_id", "STRING", "Number and the start of a hash of what was read; of a fold after the number it ends with"),
    ("source", "STRING", "Name of the source"),
    ("from_version", "STRING", "Version of the source up to which rows had been read; null for all of them"),
    ("to_version", "STRING", "Version of the source that was read"),
    ("kind", "STRING", "append, correction (of some customers' rows), rebuild (of all) or fold (of batches)"),
    ("why", "STRING", "Why everything was read again, where that is not always so"),
    ("rows", "MAP<STRING,BIGINT>", "Rows by what became of them, and by check; less what the batch takes the place of"),
    ("money", "MAP<STRING,DECIMAL(28,2)>", "Money by what became of its rows"),
    (
        "days", "ARRAY<STRUCT<day:INT,rows:BIGINT,sale_cents:BIGINT,refund_cents:BIGINT,low:BIGINT,high:BIGINT>>",
        "Per day (since 1970-01-01): its lines, money that counts from it on less what ended, and a fingerprint",
    ),
    ("files", "ARRAY<STRING>", "Files of the source that were read by now: path, length and time"),
    ("facts", "MAP<STRING,STRING>", "What else is asked later: currencies, exchange rates, batches in a fold (taken)"),
))  # fmt: skip

REJECTS = Table("rejects", "run", "One row per rejected input row; also of runs that failed their gate", (
    *RUN_KEYS,
    ("source", "STRING", "Source of the row"),
    ("reason", "STRING", "Code of the rule that rejected it"),
    ("detail", "STRING", "The value that was not usable"),
    ("record", "STRING", "JSON of the row as it was read; a line that could not be parsed is in it as raw text"),
    ("first_seen_run", "STRING", "Run that first rejected this row for this reason"),
), partitioned=True, first_run="first_seen_run", part="source")  # fmt: skip

RUN_STEPS = run_table(
    "run_steps", "One row per step of an attempt at a run: what it gave, so that it is not computed again",
    ("config_name", "STRING", "Name of the segmentation"),
    ("step", "STRING", "Capability and name of the step"),
    ("fingerprint", "STRING", "Hash of all that shapes its result"),
    ("parts", "STRING", "JSON of what the fingerprint is made of"),
    ("artefact", "STRING", "JSON of what it gave, beside its rows in tables"),
    ("slices", "STRING", "JSON of the rows it wrote: table, part, rows, version, run_id"),
)  # fmt: skip


def tables() -> Mapping[str, Table]:
    """Every table of a lake, by name.

    Raises:
        PlanError: two capabilities declare a table of the same name.
    """
    return _gathered(capabilities())


def slice_key_of(name: str) -> str:
    """The column whose values are written at once in a table; run_id for one that nobody declares."""
    table = tables().get(name)
    return "run_id" if table is None else table.slice_key


@lru_cache
def _gathered(_: tuple[str, ...]) -> Mapping[str, Table]:
    found = {table.name: table for table in (RUNS, CLAIMS, BATCHES, REJECTS, RUN_STEPS)}
    whose = dict.fromkeys(found, "core")
    for capability, declared in given("tables", "TABLES"):
        for table in declared:
            if table.name in found:
                raise PlanError(
                    f"capabilities {whose[table.name]} and {capability} both declare the table {table.name}; rename one"
                )
            found[table.name], whose[table.name] = table, capability
    return found
