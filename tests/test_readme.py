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
