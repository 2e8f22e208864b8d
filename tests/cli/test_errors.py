"""Errors are part of the interface: one sentence with what, where and what to do, and the right exit code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from rfm_spark.cli.main import main
from tests.helpers import purchases, write_source

GOOD = """
lake: {root: lake}
sources:
  transactions:
    path: source
    format: delta
    columns: {customer_id: customer, order_id: order, order_ts: at, amount: amount}
"""


def said(capsys: pytest.CaptureFixture[str]) -> str:
    text = capsys.readouterr().err
    assert "Traceback" not in text
    assert "rfm-spark: " in text
    return text


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    file = tmp_path / "conf.yml"
    file.write_text(GOOD, encoding="utf-8")
    return file


def test_every_problem_of_a_config_is_named_with_its_place(conf: Path, capsys: pytest.CaptureFixture[str]) -> None:
    conf.write_text(GOOD + "rfm: {windows_days: 3, scoring: {bins: {r: 11}}}\ntimezone: Mars/Base\n", encoding="utf-8")
    assert main(["run", "-c", str(conf)]) == 2
    text = said(capsys)
    for part in ("3 problems", "rfm.windows_days: unknown key", "rfm.scoring.bins.r", "timezone: unknown time zone"):
        assert part in text


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["run", "-c", "nowhere.yml"], "can't be read"),
        (["run", "-c", "CONF", "--set", "rfm"], "key.path=value"),
        (["run", "-c", "CONF", "--as-of", "2024-01-01", "--from", "2024-01-01"], "--as-of, or --from"),
        (["run", "-c", "CONF", "--from", "2024-01-01"], "go together"),
        (["run", "-c", "CONF", "--every", "1mo"], "--every goes with"),
        (["run", "-c", "CONF", "--set", "segments.rules=nowhere.yml"], "rule map nowhere.yml can't be read"),
        (["show", "segmentz", "--lake", "x"], "no table segmentz"),
        (["runs"], "-c CONF or --lake DIR"),
        (["check"], "-c CONF"),
        (["rules", "lint", "nowhere.yml"], "can't be read"),
        (["run", "-c", "CONF", "--set", "lake.root=${env:RFM_SPARK_NOT_SET}"], "RFM_SPARK_NOT_SET is not set"),
    ],
)
def test_wrong_options_are_one_sentence(
    arguments: list[str], part: str, conf: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(conf) if argument == "CONF" else argument for argument in arguments]) == 2
    assert part in said(capsys)


def test_an_unreachable_rule_stops_the_run(conf: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rules = conf.parent / "rules.yml"
    outcome = "label: A, description: A., action: A., colour: '#112233'"
    rules.write_text(
        f"name: mine\ntitle: Mine\ndescription: Mine.\nsegments:\n"
        f"  - {{name: everyone, {outcome}, when: {{r: [1, 5]}}}}\n  - {{name: nobody, {outcome}, when: {{r: 5}}}}\n"
        f"otherwise: {{name: other, {outcome}}}\n",
        encoding="utf-8",
    )
    assert main(["run", "-c", str(conf), "--set", "segments.rules=rules.yml"]) == 2
    assert "nobody" in said(capsys)
    assert main(["rules", "lint", str(rules)]) == 2


def test_sources_that_do_not_fit_are_said_all_at_once(
    spark: SparkSession, conf: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "-c", str(conf), "--as-of", "2024-06-30"]) == 2
    assert "nothing at source" in said(capsys)
    write_source(spark, conf.parent / "source", purchases(3))
    renamed = [
        "--set",
        "sources.transactions.columns.amount=price",
        "--set",
        "sources.transactions.columns.order_ts=tme",
    ]
    assert main(["check", "-c", str(conf), *renamed]) == 2
    text = said(capsys)
    for part in ("no column price", "no column tme", "the source has: customer, order, at, amount"):
        assert part in text
    assert not (conf.parent / "lake").exists()
    assert main(["show", "segments", "-c", str(conf)]) == 2
    assert "no complete run" in said(capsys)


def test_the_schema_for_editors_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    assert schema["properties"]["rfm"]
    assert schema["additionalProperties"] is False


def test_shipped_rule_maps_have_no_unreachable_rule(capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("rf_grid", "essential", "classic", "tercile"):
        assert main(["rules", "lint", name]) == 0
    assert "rules on 3 × 3 × 3 scores" in capsys.readouterr().out


def test_no_java_is_one_sentence(tmp_path: Path) -> None:
    environment = {"PATH": str(tmp_path), "HOME": str(tmp_path)}
    command = [sys.executable, "-m", "rfm_spark", "doctor"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 2
    assert "no Java on this machine; install Java 17" in done.stdout
    assert "Traceback" not in done.stderr


def test_a_job_imports_nothing_a_cluster_lacks() -> None:
    code = (
        "import sys\n"
        "class Refuse:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] in {'rich', 'altair', 'vl_convert', 'jinja2', 'babel', 'delta', 'typer'}:\n"
        "            raise ModuleNotFoundError(name, name=name)\n"
        "sys.meta_path.insert(0, Refuse())\n"
        "import rfm_spark.cli.running, rfm_spark.cli.parser, rfm_spark.cli.main, rfm_spark.pipeline\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=os.environ, check=False)
    assert done.returncode == 0, done.stderr


def test_check_says_which_file_does_not_fit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "a.csv").write_text("customer,order,at,amount\na,1,2024-05-01,5\n", encoding="utf-8")
    (tmp_path / "source" / "b.csv").write_text("order,customer,at,amount\n2,a,2024-05-01,5\n", encoding="utf-8")
    conf = tmp_path / "conf.yml"
    conf.write_text(GOOD.replace("format: delta", "format: csv\n    options: {header: true}"), encoding="utf-8")
    assert main(["check", "-c", str(conf)]) == 3
    assert "a file has another header than the first one" in said(capsys)
