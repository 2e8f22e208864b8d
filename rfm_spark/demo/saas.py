"""The demo of a simulated company that sells software: from its tables to why accounts of the mid plan leave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F

from rfm_spark.cli import console
from rfm_spark.core.printing import Shown
from rfm_spark.demo.walk import Demo, Results, Titles, show_clusters, show_drift, show_explanation, show_segments
from rfm_spark.lake.readers import of_run

if TYPE_CHECKING:
    from rfm_spark.demo.saas_company import Planted

CONFIG = "saas.yml"
AS_OF = (date(2024, 3, 31), date(2024, 6, 30))
FIRST, SECOND = "at_risk", "champions"
NOTE = " (simulated data)"
TITLES = Titles("days since login", "sessions in 4 weeks", "mean MRR", "MRR", NOTE)
_READ = ("subscriptions", "events", "customers")
_MOST_DIFFERENCES = 6
_FEATURE = "feature"


def saas_demo() -> Demo[Planted]:
    """The demo on simulated subscriptions and usage."""
    return Demo(CONFIG, AS_OF, land_company, _show, _next_lines)


def land_company(folder: Path) -> tuple[int, Planted]:
    """Invent the company and make Delta tables of it; tables that are there stay.

    Returns:
        Rows landed, and what was planted.
    """
    import pyarrow as pa

    # Here, since pandas and what the pipeline needs take as long to import as Java takes to start.
    from rfm_spark.demo.saas_company import simulated_company
    from rfm_spark.lake.landing import land_locally

    text, day = pa.string(), pa.date32()
    schemas = {
        "subscriptions": {
            "account_id": text, "subscription_id": text, "plan": text, "started_on": day, "ended_on": day,
            "price": pa.decimal128(10, 2), "billing": text,
        },
        "events": {
            "account_id": text, "ts": pa.timestamp("us", tz="UTC"), "action": text, "feature": text, "session": text,
        },
        "customers": {"account_id": text, "signed_up_on": day, "plan": text, "industry": text},
    }  # fmt: skip
    company = simulated_company()
    frames = {"subscriptions": company.subscriptions, "events": company.events, "customers": company.customers}
    rows = 0
    for name, schema in schemas.items():
        table = pa.Table.from_pandas(frames[name], schema=pa.schema(list(schema.items())), preserve_index=False)
        rows += land_locally(table, folder / "sources" / name)
    return rows, company.planted


def _show(results: Results, planted: Planted) -> None:
    from rfm_spark.demo.saas_truth import show_truth

    differences = compared(results)
    _show_integration(results)
    show_segments(results, TITLES)
    show_clusters(results, TITLES, "days since login, sessions, MRR and features used")
    _show_movement(results)
    _show_features(results)
    _show_differences(results, differences)
    _show_hypothesis(differences)
    show_truth(results, planted, differences)
    show_drift(results, TITLES)
    show_explanation(results, TITLES)


def compared(results: Results) -> list[Any]:
    """Rows of `group_differences` of At Risk against Champions within the mid plan, the clearest first."""
    rows = results.rows("group_differences", first_group=FIRST, second_group=SECOND)
    return sorted((row for row in rows if row["condition"]), key=lambda row: int(row["place"]))


def top_feature(differences: Sequence[Any]) -> Any | None:
    """The feature in whose adoption the groups differ most."""
    return next((row for row in differences if row["column_name"] == _FEATURE and row["differs"]), None)


def _show_integration(results: Results) -> None:
    console.heading(f"Integration: rows of each source as of {results.run.as_of}{NOTE}")
    header = ("source", "read", "accepted", "rejected", "why", "flagged")
    console.table(header, [_of_source(results.run.rows, source) for source in _READ])
    print("Of events the last 90 days are counted here; the last login is looked for in all of them.")
    console.heading(f"Who is there{NOTE}")
    console.table(("accounts", "how many"), _kinds_of_accounts(results))


def _kinds_of_accounts(results: Results) -> list[tuple[str, int]]:
    """Who pays, who paid, and whom only records of customers know: prospects."""
    spark, run = results.spark, results.run
    folder = results.config_file.parent / "sources" / "customers"
    records = spark.read.format("delta").load(str(folder.resolve())).where(F.col("signed_up_on") <= F.lit(run.as_of))
    mrr = of_run(spark, results.location, "mrr", run.run_id).select("customer_id", "mrr")
    joined = records.select(F.col("account_id").alias("customer_id"), F.lit(True).alias("known"))
    row = joined.join(mrr, "customer_id", "full_outer").agg(
        F.count_if(F.col("mrr") > 0), F.count_if(F.col("mrr") == 0), F.count_if(F.col("mrr").isNull())
    )
    pay, paid, prospects = row.collect()[0]
    return [
        ("pay", pay),
        ("subscribed, and pay nothing now", paid),
        ("prospects: signed up, and never subscribed", prospects),
    ]


def _of_source(rows: Mapping[str, int], source: str) -> tuple[object, ...]:
    read = rows.get(f"{source}.read", 0)
    rejected = rows.get(f"{source}.rejected", 0)
    return (
        source, read, rows.get(f"{source}.accepted", read - rejected), rejected, _codes(rows, f"{source}.rejected."),
        _codes(rows, f"{source}.flagged."),
    )  # fmt: skip


def _codes(rows: Mapping[str, int], start: str) -> str:
    found = {name.removeprefix(start): count for name, count in rows.items() if name.startswith(start) and count}
    return ", ".join(f"{code} {count:,}" for code, count in found.items()) or "none"


def _show_movement(results: Results) -> None:
    rows = results.rows("mrr_movement")
    money = results.numbers.money
    console.heading(f"MRR movement since run {results.run.previous_run_id}{NOTE}")
    header = ("movement", "customers", "MRR before", "MRR now", "change")
    names = ("mrr_before", "mrr_now", "change")
    lines = [(row["movement"], row["customers"], *(Shown(money(row[name])) for name in names)) for row in rows]
    sums = (Shown(money(sum(row[name] for row in rows))) for name in names)
    console.table(header, [*lines, ("all", sum(row["customers"] for row in rows), *sums)])


def _show_features(results: Results) -> None:
    console.heading(f"Features used in the last 30 days{NOTE}")
    rows = sorted(results.rows("feature_summary"), key=lambda row: -row["customers"])
    lines = [
        (row["feature"], row["customers"], Shown(f"{100 * row['share']:.1f} %"), row["uses"], row["days"])
        for row in rows
    ]
    console.table(("feature", "customers", "of active customers", "uses", "days"), lines)


def _show_differences(results: Results, differences: Sequence[Any]) -> None:
    features = [row for row in differences if row["column_name"] == _FEATURE]
    doings = [row for row in differences if row["column_name"] != _FEATURE and row["differs"]]
    console.heading(f"At Risk against Champions within the mid plan{NOTE}")
    if not differences:
        print("too few accounts are in one of the groups to compare them")
        return
    first, second = (differences[0][f"{side}_customers"] for side in ("first", "second"))
    differing = sum(bool(row["differs"]) for row in differences)
    print(
        f"{first:,} accounts against {second:,}: {differing} of {len(differences)} columns and features differ, at a "
        f"false discovery rate of 5 %; the {_MOST_DIFFERENCES} columns that differ most, and all features"
    )
    header = ("place", "column", "value", "at risk", "champions", "effect", "95 % interval", "q", "differs")
    console.table(header, [_difference(row) for row in [*doings[:_MOST_DIFFERENCES], *features]])


def _difference(row: Any) -> tuple[object, ...]:
    shares = row["measure"] == "risk_difference"
    ends = [f"{row[name]:.1%}" if shares else f"{row[name]:,.2f}" for name in ("first_typical", "second_typical")]
    return (
        row["place"], row["column_name"], row["value"] or "median", *map(Shown, ends), Shown(f"{row['effect']:+.2f}"),
        Shown(f"{row['low']:+.2f} – {row['high']:+.2f}"), Shown(f"{row['q_value']:.2g}"),
        "yes" if row["differs"] else "no",
    )  # fmt: skip


def _show_hypothesis(differences: Sequence[Any]) -> None:
    console.heading(f"The hypothesis{NOTE}")
    top = top_feature(differences)
    print("no feature differs" if top is None else top["hypothesis"])
    print("Groups that differ tell of no cause: whether a change helps, only an experiment can tell.")


def _next_lines(folder: Path, config_file: Path) -> Sequence[str]:
    return (
        f"rfm-spark show mrr_movement -c {config_file}",
        f"rfm-spark show feature_summary -c {config_file}",
        f"rfm-spark compare groups {FIRST} {SECOND} -c {config_file} --where \"plan = 'mid'\"",
        f"rfm-spark show segments --lake {folder} --where \"segment = '{FIRST}' AND plan = 'mid'\" --format csv",
    )
