"""What the walks of all demos share: what a demo is made of, and the tables that each of them shows."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Generic, TypeVar

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from rfm_spark.cli import console
from rfm_spark.cli.desk import LakeDesk
from rfm_spark.cli.explain import explanation
from rfm_spark.core.errors import LakeError
from rfm_spark.core.printing import Shown
from rfm_spark.core.resources import shipped_text
from rfm_spark.core.runs import RunDetails
from rfm_spark.lake.location import LakeLocation
from rfm_spark.lake.readers import of_run
from rfm_spark.lake.store import Store
from rfm_spark.report.wording import Numbers

Truth = TypeVar("Truth")
_CONF_LAKES = "../lake/"


@dataclass(frozen=True)
class Results:
    """A finished run, to be shown.

    Attributes:
        spark: the session.
        location: the lake.
        run: the newest one.
        numbers: how money is written.
        options: of the command line.
        config_file: the configuration that was run.
    """

    spark: SparkSession
    location: LakeLocation
    run: RunDetails
    numbers: Numbers
    options: argparse.Namespace
    config_file: Path

    def rows(self, table: str, **where: Any) -> list[Any]:
        """Rows of the run in a table that has few."""
        return list(Store(self.spark, self.location).rows(table, run_id=self.run.run_id, **where))


@dataclass(frozen=True)
class Demo(Generic[Truth]):
    """One of the demos.

    Attributes:
        config: name of the shipped configuration.
        dates: as-of dates, oldest first.
        land: makes the source tables in a folder; gives how many rows, and what is known of them beforehand.
        show: prints what came out, given what is known.
        next_lines: commands to try, given the folder and the configuration's file.
    """

    config: str
    dates: tuple[date, ...]
    land: Callable[[Path], tuple[int, Truth]]
    show: Callable[[Results, Truth], None]
    next_lines: Callable[[Path, Path], Sequence[str]]


@dataclass(frozen=True)
class Titles:
    """How a demo calls the measures.

    Attributes:
        recency: of the mean of recency.
        frequency: of the mean of frequency.
        monetary: of the mean of monetary value.
        value: of what the customers of a group come to together.
        note: behind headings, such as that the data is simulated.
    """

    recency: str = "mean R"
    frequency: str = "mean F"
    monetary: str = "mean M"
    value: str = "revenue"
    note: str = ""


def write_config(folder: Path, name: str, others: Sequence[str]) -> Path:
    """A shipped configuration with its paths inside the folder, for the commands that follow.

    Args:
        folder: of the lake.
        name: of the configuration.
        others: configurations of demos whose source tables have the same names.

    Raises:
        LakeError: another demo is in the folder, or it can't be written.
    """
    there = next((other for other in others if (folder / other).exists()), None)
    if there is not None:
        raise LakeError(f"{folder / there}: another demo is in this folder; choose another --lake")
    file = folder / name
    lake = f"{_CONF_LAKES}{'saas' if name == 'saas.yml' else 'demo'}"
    text = shipped_text(name).replace(f"{lake}/", "./").replace(lake, ".")
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise LakeError(f"{file}: can't be written ({error.strerror}); choose another --lake") from None
    return file


def show_segments(results: Results, titles: Titles) -> None:
    """Segments with what their customers come to, the largest first."""
    rows = sorted(results.rows("segment_summary"), key=lambda row: -(row["revenue"] or 0))
    console.heading(f"Segments as of {results.run.as_of} (run {results.run.run_id}){titles.note}")
    header = ("segment", "customers", "share", titles.value, f"of {titles.value}", titles.recency, titles.frequency,
              titles.monetary, "action")  # fmt: skip
    console.table(header, [_summary_row(row, results.numbers) for row in rows])


def _summary_row(row: Any, numbers: Numbers) -> list[Any]:
    return [
        row["label"],
        row["customers"],
        Shown(f"{row['customers_pct']:.1f} %"),
        Shown(numbers.money(row["revenue"])),
        Shown(f"{row['revenue_pct']:.1f} %"),
        Shown(f"{row['mean_recency']:.1f}"),
        Shown(f"{row['mean_frequency']:.1f}"),
        Shown(numbers.money(row["mean_monetary"])),
        row["action"],
    ]


def show_clusters(results: Results, titles: Titles, features: str) -> None:
    """Clusters with their profiles."""
    rows = sorted(results.rows("cluster_profiles"), key=lambda row: int(row["cluster_id"]))
    console.heading(f"Clusters (KMeans on {features}){titles.note}")
    header = ("id", "name", "customers", f"of {titles.value}", titles.recency, titles.frequency, titles.monetary,
              "insight")  # fmt: skip
    console.table(header, [_cluster_row(row, results.numbers) for row in rows])


def _cluster_row(row: Any, numbers: Numbers) -> list[Any]:
    return [
        row["cluster_id"],
        row["name"],
        row["customers"],
        Shown(f"{100 * row['revenue_share']:.1f} %"),
        Shown(f"{row['mean_recency']:.1f}"),
        Shown(f"{row['mean_frequency']:.1f}"),
        Shown(numbers.money(row["mean_monetary"])),
        row["insight"],
    ]


def show_drift(results: Results, titles: Titles) -> None:
    """The verdict on what drifted."""
    console.heading(f"What drifted since run {results.run.previous_run_id}{titles.note}")
    for row in results.rows("drift", metric="verdict"):
        print(f"{row['severity']}: {row['detail']}")


def show_explanation(results: Results, titles: Titles) -> None:
    """Why somebody is in their segment: the customer worth most of those who left the champions, or else anybody."""
    customer = _someone_to_explain(results)
    if customer is None:
        return
    console.heading(f"Why? rfm-spark explain {customer}{titles.note}")
    options = results.options
    options.config, options.lake, options.run = str(results.config_file), None, results.run.run_id
    for line in explanation(LakeDesk(options), results.run, customer):
        print(line)


def _someone_to_explain(results: Results) -> str | None:
    run_id = results.run.run_id
    segments = of_run(results.spark, results.location, "segments", run_id)
    changes = of_run(results.spark, results.location, "segment_changes", run_id)
    left = changes.where(F.col("from_segment") == "champions").select("customer_id")
    lost = segments.join(left, "customer_id", "left_semi")
    best = lost.orderBy(F.desc("monetary"), "customer_id").limit(1).collect() or segments.limit(1).collect()
    return str(best[0]["customer_id"]) if best else None
