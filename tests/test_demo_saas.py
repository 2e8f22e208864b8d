"""The demo of the simulated company end to end: what was planted is found, and the money is that of pandas."""

from __future__ import annotations

import io
from contextlib import redirect_stdout
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pyspark.sql import SparkSession

from rfm_spark.cli.main import main
from rfm_spark.core.session import session_settings
from rfm_spark.demo.saas_company import Company, simulated_company
from tests.conftest import COMPILED

AS_OF = ("2024-03-31", "2024-06-30")
CENT = Decimal("0.01")


@pytest.fixture(scope="module")
def saas(session: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder of the finished demo, and what it printed."""
    folder, said = tmp_path_factory.mktemp("saas"), io.StringIO()
    with session_settings(session, COMPILED), redirect_stdout(said):
        assert main(["demo", "--saas", "--lake", str(folder)]) == 0
    return folder, said.getvalue()


@pytest.fixture(scope="module")
def company() -> Company:
    return simulated_company()


def rows_of(session: SparkSession, folder: Path, table: str, as_of: str) -> list[dict[str, Any]]:
    found = session.read.format("delta").load(f"{folder}/{table}").where(f"as_of_date = DATE'{as_of}'")
    return [row.asDict() for row in found.collect()]


def revenue(company: Company, as_of: str) -> dict[str, Decimal]:
    """What each account pays a month, by pandas: a row gives way to the next one of its subscription."""
    today = pd.Timestamp(as_of)
    rows = company.subscriptions.drop_duplicates()
    rows = rows[rows["ended_on"].isna() | (rows["ended_on"] > rows["started_on"])]
    rows = rows[(rows["started_on"] <= today) & (rows["ended_on"].isna() | (rows["ended_on"] > today))]
    months = rows["billing"].map({"month": 1, "year": 12})
    parts = [(p / n).quantize(CENT, ROUND_HALF_UP) for p, n in zip(rows["price"], months, strict=True)]
    return {
        str(name): sum(part, Decimal(0)) for name, part in pd.Series(parts, index=rows["account_id"]).groupby(level=0)
    }


@pytest.mark.parametrize("as_of", AS_OF)
def test_revenue_is_that_of_pandas(session: SparkSession, saas: tuple[Path, str], company: Company, as_of: str) -> None:
    expected = revenue(company, as_of)
    found = {row["customer_id"]: row["mrr"] for row in rows_of(session, saas[0], "mrr", as_of) if row["mrr"]}
    assert found == expected
    if as_of == AS_OF[-1]:
        assert sum(found.values()) == company.planted.mrr
    measured = {row["customer_id"]: row["monetary"] for row in rows_of(session, saas[0], "segments", as_of)}
    assert {name: value for name, value in measured.items() if value} == {
        name: value for name, value in expected.items() if name in measured
    }


def test_recency_and_frequency_are_those_of_pandas(
    session: SparkSession, saas: tuple[Path, str], company: Company
) -> None:
    today = pd.Timestamp(AS_OF[-1])
    logins = company.events[company.events["action"] == "login"]
    days = logins["ts"].dt.tz_localize(None).dt.normalize()
    recency = (today - days.groupby(logins["account_id"]).max()).dt.days
    every = company.events["ts"].dt.tz_localize(None).dt.normalize()
    recent = company.events[every > today - pd.Timedelta(days=28)]
    weekly = recent.groupby("account_id")["session"].nunique() / 4
    rows = rows_of(session, saas[0], "segments", AS_OF[-1])
    assert len(rows) > 2000
    started = company.subscriptions[
        company.subscriptions["ended_on"].isna()
        | (company.subscriptions["ended_on"] >= company.subscriptions["started_on"])
    ]
    since = (today - started.groupby("account_id")["started_on"].min()).dt.days
    for row in rows:
        name = row["customer_id"]
        # Who never logged in is counted from the beginning of their first subscription.
        assert row["recency_days"] == (recency[name] if name in recency else since[name])
        assert row["weekly_sessions"] == pytest.approx(weekly.get(name, 0.0))


def test_movements_add_up_to_the_cent(session: SparkSession, saas: tuple[Path, str], company: Company) -> None:
    before, now = (sum(revenue(company, as_of).values()) for as_of in AS_OF)
    moved = rows_of(session, saas[0], "mrr_movement", AS_OF[-1])
    assert {"new", "expansion", "contraction", "churn", "reactivation", "unchanged"} == {
        row["movement"] for row in moved
    }
    assert sum(row["mrr_before"] for row in moved) == before
    assert sum(row["mrr_now"] for row in moved) == now
    assert sum(row["change"] for row in moved) == now - before


def test_the_planted_feature_is_found_and_the_decoy_is_not(
    session: SparkSession, saas: tuple[Path, str], company: Company
) -> None:
    planted = company.planted
    rows = rows_of(session, saas[0], "group_differences", AS_OF[-1])
    mine = [row for row in rows if row["first_group"] == "at_risk" and row["second_group"] == "champions"]
    features = sorted((row for row in mine if row["column_name"] == "feature"), key=lambda row: row["place"])
    assert features[0]["value"] == planted.feature
    assert features[0]["differs"]
    assert features[0]["effect"] < -0.15
    assert not next(row["differs"] for row in features if row["value"] == planted.decoy)
    assert f"at_risk adopt `{planted.feature}`" in saas[1]


def test_prospects_are_those_of_pandas(saas: tuple[Path, str], company: Company) -> None:
    line = next(line for line in saas[1].splitlines() if line.startswith("prospects:"))
    assert int(line.split()[-1]) == company.planted.accounts - company.planted.subscribers


def test_planted_faults_are_counted(saas: tuple[Path, str]) -> None:
    said = saas[1]
    table = said[said.index("Planted truth beside what was found") : said.index("What drifted")]
    lines = [line for line in table.splitlines() if line[-1:].isdigit() and "  " in line]
    counted = [line for line in lines if any(line.startswith(word) for word in ("accounts that", "accounts with", "MRR",
               "rows of", "subscriptions that", "changes of")) and "%" not in line]  # fmt: skip
    assert len(counted) == 8
    for line in counted:
        planted, found = line.split()[-2:]
        assert planted == found, line


def test_everything_is_said_to_be_simulated(saas: tuple[Path, str]) -> None:
    folder, said = saas
    titles = (
        "Integration", "Who is there", "Segments as of", "Clusters", "MRR movement", "Features used",
        "At Risk against Champions", "The hypothesis", "Planted truth", "What drifted", "Why?",
    )  # fmt: skip
    places = [said.index(f"\n{title}") for title in titles]
    assert places == sorted(places)
    for place in places:
        assert "simulated" in said[place + 1 :].splitlines()[0]
    page = (folder / "reports" / "latest.html").read_text(encoding="utf-8")
    assert "Simulated data: customers, events, subscriptions." in page
    assert "Try next" in said


def test_two_demos_at_once_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--full", "--saas", "--lake", str(tmp_path / "lake")]) == 2
    assert "ask for one of them" in capsys.readouterr().err
    assert not (tmp_path / "lake").exists()


def test_another_demo_in_the_folder_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "omnichannel.yml").write_text("name: omnichannel", encoding="utf-8")
    assert main(["demo", "--saas", "--lake", str(tmp_path)]) != 0
    assert "choose another --lake" in capsys.readouterr().err
    assert not (tmp_path / "sources").exists()
