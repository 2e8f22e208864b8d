"""The README is executed: every `rfm-spark` command in it, and its configuration."""

from __future__ import annotations

import csv
import re
import shlex
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import yaml
from pyspark.sql import SparkSession

from rfm_spark.cli.main import main
from rfm_spark.core.config import config_model
from rfm_spark.core.loading import validate
from rfm_spark.core.resources import shipped_text
from rfm_spark.lake.ledger import Ledger
from rfm_spark.lake.location import LakeLocation
from rfm_spark.lake.store import Store

README = Path(__file__).resolve().parents[1] / "README.md"
# In a block a command has its own line; in a sentence it stands between backticks.
COMMAND = re.compile(r"(?:^|`)(rfm-spark [a-z][^`\n]*?)(?=`|$)", re.MULTILINE)


def commands() -> list[list[str]]:
    return [shlex.split(found)[1:] for found in COMMAND.findall(README.read_text(encoding="utf-8"))]


def test_the_commands_are_found() -> None:
    assert {"runs", "show", "explain", "rules", "report", "init", "check", "run"} <= {words[0] for words in commands()}


def test_every_command_of_the_readme_works(
    spark: SparkSession, demo: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lake").mkdir()
    (tmp_path / "lake" / "demo").symlink_to(demo[0])
    (tmp_path / "my_map.yml").write_text(shipped_text("segments", "classic.yml"), encoding="utf-8")
    with (tmp_path / "my_orders.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["customer_id", "order_id", "order_date", "amount"])
        for i in range(200):
            day = datetime(2024, 6, 30) - timedelta(days=i)
            writer.writerow([f"c{i % 17}", f"o{i}", day.date().isoformat(), f"{i}.50"])
    done: set[tuple[str, ...]] = set()
    # First what makes files and runs, in the order a reader would: previews and reports need them.
    order = {"init": 0, "check": 1, "run": 2}
    for words in sorted(commands(), key=lambda words: order.get(words[0], 3)):
        # test_demo.py runs the demo.
        if tuple(words) in done or words[0] == "demo" or (len(words) == 1 and words[0] not in ("doctor",)):
            continue
        done.add(tuple(words))
        assert main(words) == 0, words
    assert len(done) >= 10


def test_the_configuration_of_the_readme_is_valid() -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert blocks
    for block in blocks:
        assert validate(config_model(), yaml.safe_load(block), "README.md").name == "retail"


def test_figures_of_forecasts_are_those_of_the_demo(spark: SparkSession, demo: tuple[Path, str]) -> None:
    """To the printed digit, of README.md and of docs/predict.md."""
    assert main(["backtest", "--calibrate-until", "2017-09-30", "--lake", str(demo[0])]) == 0
    store = Store(spark, LakeLocation(root=str(demo[0])))
    newest = max(Ledger(store).complete("demo"), key=lambda run: run.as_of)
    models = {row["model"]: row for row in store.rows("churn_models", run_id=newest.run_id)}
    assert [name for name, row in models.items() if row["is_chosen"]] == ["logistic"]
    figures = {name: dict(row["metrics"]) for name, row in models.items()}
    told = " ".join(README.read_text(encoding="utf-8").split())
    best, rule, alive = (figures[name] for name in ("logistic", "recency", "p_alive"))
    assert (
        f"AUC of {best['auc']:.3f} ({best['auc_low']:.3f} to {best['auc_high']:.3f}), where the days since the last "
        f"order reach {rule['auc']:.3f} and the model of orders {alive['auc']:.3f}"
    ) in told
    (total,) = (row for row in store.rows("backtests") if row["kind"] == "total")
    assert f"expected {total['predicted_orders']:,.0f} days" in told
    assert f"and {total['actual_orders']:,} came" in told
    docs = (README.parent / "docs" / "predict.md").read_text(encoding="utf-8")
    for name, metrics in figures.items():
        cells = (
            f"{metrics[one]:.3f} ({metrics[f'{one}_low']:.3f} – {metrics[f'{one}_high']:.3f})"
            for one in ("auc", "pr_auc", "brier")
        )
        assert f"| `{name}` | {' | '.join(cells)} |" in docs
