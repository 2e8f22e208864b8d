"""Commands come from the capabilities: those of a toy are listed and run, and all hooks speak in their order."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rfm_spark.capabilities.movement import explain as movement_explain
from rfm_spark.capabilities.segments.load import load_rule_map
from rfm_spark.cli import check, explain
from rfm_spark.cli import desk as cli_desk
from rfm_spark.cli.main import main
from rfm_spark.core.comparison import ComparedRuns, print_what_others_know
from rfm_spark.core.explaining import PublishedCustomer
from rfm_spark.core.printing import cell
from rfm_spark.core.registry import with_capability
from rfm_spark.core.runs import RunDetails
from rfm_spark.pipeline import checking
from rfm_spark.pipeline.findings import Findings
from tests.cli.test_errors import GOOD
from tests.helpers import ROOT


@pytest.fixture
def toy() -> Iterator[None]:
    with with_capability("tests.cli.toy"):
        yield


def listed(capsys: pytest.CaptureFixture[str]) -> list[str]:
    assert main(["--help"]) == 0
    return re.findall(r"^    (\w+) ", capsys.readouterr().out, re.MULTILINE)


def test_a_command_of_a_toy_is_listed_in_its_place(toy: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert listed(capsys) == [
        "demo", "run", "check", "runs", "show", "rejects", "compare", "value", "backtest", "greet", "animals",
        "explain", "report", "rules", "clusters", "maintain", "init", "doctor",
    ]  # fmt: skip
    assert main(["greet", "--help"]) == 0
    told = capsys.readouterr().out
    assert "Say hello." in told
    for line in ("--run ID  as in this run (default: the newest)", "the configuration whose lake to read", "--debug"):
        assert line in re.sub(r" {2,}", "  ", told.replace("\n", " ")), told


def test_a_command_of_a_toy_runs_with_a_desk_and_its_exit_code_is_the_programs(
    toy: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["greet", "ann", "--lake", str(tmp_path), "--on", "2024-02-29", "--format", "csv"]) == 4
    assert capsys.readouterr().out == (
        f"csv of {tmp_path}, 2024-02-29, run None, config None\n\nHello\nwho     times\nann       3 ×\nothers   12 ×\n"
    )
    assert main(["greet", "ann"]) == 2
    assert capsys.readouterr().err == "rfm-spark: greet: needs -c CONF or --lake DIR\n"
    assert main(["greet", "ann", "--on", "tomorrow"]) == 2
    assert "'tomorrow' is not a date such as 2017-12-31" in capsys.readouterr().err


def test_a_desk_has_the_configuration_that_was_named(
    toy: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    conf = tmp_path / "conf.yml"
    conf.write_text(GOOD, encoding="utf-8")
    assert main(["greet", "ann", "-c", str(conf)]) == 4
    told = capsys.readouterr().out
    assert told.startswith(f"table of {tmp_path / 'lake'}, ")
    assert "config name='default'" in told


def test_options_stand_before_an_action_or_after_it(toy: None, capsys: pytest.CaptureFixture[str]) -> None:
    for words, told in (
        (["--lake", "/x"], "all /x table False"),
        (["all", "--lake", "/x"], "all /x table False"),
        (["--lake", "/x", "--format", "csv", "all"], "all /x csv False"),
        (["--lake", "/x", "all", "--format", "json"], "all /x json False"),
        (["--debug", "--lake", "/x", "none"], "none /x table True"),
        (["--lake", "/x", "none", "--lake", "/y"], "none /y table False"),
    ):
        assert main(["animals", *words]) == 0
        assert capsys.readouterr().out == f"{told}\n"


def test_without_the_toy_there_is_no_such_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["greet", "ann"]) == 2
    assert "invalid choice: 'greet'" in capsys.readouterr().err


def test_two_commands_of_one_name_are_refused_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    with with_capability("tests.cli.toy_twin"):
        assert main(["runs"]) == 2
    assert capsys.readouterr().err == (
        "rfm-spark: capability segments and capability toy_twin both have the command rules; rename one\n"
    )


def test_the_help_page_loads_neither_spark_nor_what_commands_do() -> None:
    code = (
        "import sys\nfrom rfm_spark.cli.main import main\nassert main(['clusters', '--help']) == 0\n"
        "heavy = {'pyspark', 'numpy', 'pandas', 'pydantic', 'rfm_spark.capabilities.clusters.model'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_run_stops_where_a_capability_can_not_work_with_the_configuration(
    toy: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    conf = tmp_path / "conf.yml"
    conf.write_text(f"name: toyless\n{GOOD}", encoding="utf-8")
    assert main(["run", "-c", str(conf)]) == 2
    assert capsys.readouterr().err == "rfm-spark: toy: a segmentation without a toy; give it another name\n"


@pytest.fixture
def ahead(monkeypatch: pytest.MonkeyPatch) -> Findings:
    """What a look at the sources would find."""
    found = Findings(lines=["transactions: 3 read"], warnings=["few"])
    monkeypatch.setattr(check, "session", lambda *_: None)
    monkeypatch.setattr(checking, "look_ahead", lambda *_: found)
    return found


def test_check_says_what_capabilities_find_after_what_is_in_the_sources(
    toy: None, ahead: Findings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    conf = tmp_path / "conf.yml"
    conf.write_text(GOOD, encoding="utf-8")
    assert main(["check", "-c", str(conf)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "transactions: 3 read", "rule map rf_grid: 11 rules, 0 unreachable", "toy: default will do", "warning: few",
        f"{conf} is ready: rfm-spark run -c {conf}",
    ]  # fmt: skip


def test_check_lists_the_problems_of_capabilities_with_those_of_the_sources(
    toy: None, ahead: Findings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    conf = tmp_path / "conf.yml"
    conf.write_text(f"name: toyless\n{GOOD}segments: {{rules: nowhere.yml}}\n", encoding="utf-8")
    ahead.errors.append("no column price")
    assert main(["check", "-c", str(conf)]) == 2
    out, error = capsys.readouterr()
    first, *problems = error.splitlines()
    assert (out, first) == ("", f"rfm-spark: {conf}: 3 problems")
    assert [re.sub(r" \(.*", "", line) for line in problems] == [
        "  - segments.rules: rule map nowhere.yml can't be read",
        "  - toy: a segmentation without a toy; give it another name",
        "  - no column price",
    ]


@pytest.mark.parametrize(
    "words",
    [
        ["explain", "c1", "--run", "last"],
        ["clusters", "rescore", "last"],
        ["rules", "preview", "classic", "--run", "last"],
    ],
)
def test_what_is_no_run_id_is_refused_before_spark_starts(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli_desk, "session", lambda *_: pytest.fail("a session was started"))
    assert main([*words, "--lake", "/nowhere"]) == 2
    assert capsys.readouterr().err == "rfm-spark: run: 'last' is not a run id; `rfm-spark runs` lists them\n"


class Tables:
    """A lake with three cut points."""

    def rows(self, name: str, **where: Any) -> list[dict[str, Any]]:
        assert (name, where) == ("segment_cuts", {"run_id": "2024-06-30-00000000"})
        cuts = {"recency_days": [1, 3, 9, 25], "frequency": [16, 32, 55], "monetary": []}
        shared = {"within": "", "method": "quantile", "bins": 5, "distinct_scores": 5}
        return [{"measure": measure, "cuts": at, **shared} for measure, at in cuts.items()]


def customer(**more: Any) -> PublishedCustomer:
    rule_map = load_rule_map("rf_grid").model_dump(mode="json")
    row = {
        "customer_id": "5", "segment": "hibernating", "recency_days": 59, "frequency": 1020,
        "monetary": Decimal("299.67"), "last_order_date": date(2024, 5, 2), "r_score": 1, "f_score": 2, "m_score": 1,
        "r_pct": 9.04, "f_pct": 25.2, "m_pct": 17.1, "r_z": 0.851, "f_z": -0.62, "m_z": -0.77, "rfm_code": "121",
        "rfm_weighted": 4 / 3, "value_tier": "top_90", "outliers": ["frequency"], "tenure_days": 400,
        "cluster_id": 4, "cluster_name": "lapsed", "cluster_distance": 0.65, "second_distance": 1.83,
        "cluster_imputed": ["open_rate"], **more,
    }  # fmt: skip
    run = RunDetails("2024-06-30-00000000", date(2024, 6, 30), "shop", "{}", None, 0, 0)
    # As it is stored, keys in alphabetical order.
    document = json.loads(json.dumps({"segments": {"rule_map": rule_map, "new_within_days": 90}}, sort_keys=True))
    tables: Any = Tables()
    return PublishedCustomer(row, run, document, (run,), tables)


def test_an_explanation_is_put_together_from_the_capabilities_in_their_order(
    toy: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = customer()
    monkeypatch.setattr(explain, "published_customer", lambda *_: found)
    monkeypatch.setattr(movement_explain, "EXPLAIN", (lambda one: [f"  history    of {one.run.run_id}"],))
    desk: Any = None
    assert explain.explanation(desk, found.run, "5") == [
        "Customer 5 is in Hibernating (hibernating) as of 2024-06-30",
        "  Bought seldom, and long ago. Try one low-cost campaign before leaving them in peace.",
        "  recency    59 days since 2024-05-02         score 1, percentile 9.0, z +0.85; cuts 1, 3, 9, 25 (quantile)",
        "  frequency  1,020 purchases                  score 2, percentile 25.2, z -0.62; cuts 16, 32, 55 (quantile)",
        "  monetary   299.67                           score 1, percentile 17.1, z -0.77; cuts none (quantile)",
        "  code 121, weighted score 1.33, value tier top_90, outlier in frequency",
        "  rule       hibernating, the first of rf_grid that fits: F 1 to 2 and R 1 to 2",
        "  cluster    4 lapsed, centre at 0.65, second nearest at 1.83",
        "  ambiguity  their centre is at 0.36 of the distance to the second nearest (1 is the border): clearly in "
        "their cluster",
        "  imputed    open_rate: without a value, a stand-in was taken",
        "  history    of 2024-06-30-00000000",
        "  toy        of 5",
    ]


def test_a_customer_without_a_cluster_has_no_line_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    found = customer(cluster_id=None)
    monkeypatch.setattr(explain, "published_customer", lambda *_: found)
    monkeypatch.setattr(movement_explain, "EXPLAIN", ())
    desk: Any = None
    lines = explain.explanation(desk, found.run, "5")
    assert lines[-1].startswith("  rule ")
    assert not [line for line in lines if "cluster" in line]


class Nothing:
    """A lake without tables."""

    def exists(self, _: str) -> bool:
        return False


def test_a_comparison_has_what_other_capabilities_know_in_their_order(
    toy: None, capsys: pytest.CaptureFixture[str]
) -> None:
    before, now = (RunDetails(f"2024-0{m}-01-00000000", date(2024, m, 1), "shop", "{}", None, 0, 0) for m in (5, 6))
    desk: Any = SimpleNamespace(tables=Nothing(), heading=print)
    print_what_others_know(ComparedRuns(before, now, definition_changed=False), desk)
    assert capsys.readouterr().out.splitlines() == [
        "Drift", "not known: neither run kept how its customers are spread", "Toys",
        "2024-05-01-00000000, 2024-06-01-00000000",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"), (True, "True"), (1234, "1,234"), (0.12345, "0.1235"), (1234.56, "1,234.6"),
        (Decimal("1234.5"), "1,234.50"), ([1, None, 2000], "1, –, 2,000"), ([], ""), ({"b": 1, "a": 2}, "a=2, b=1"),
    ],
)  # fmt: skip
def test_values_in_tables_are_written_as_people_read_them(value: Any, text: str) -> None:
    assert cell(value) == text
