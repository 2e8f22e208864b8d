"""The documents are checked against the code: configurations, checks, limits and commands in them."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from rfm_spark.capabilities.engagement.checks import MESSAGE_CHECKS
from rfm_spark.capabilities.events.checks import EVENT_CHECKS
from rfm_spark.capabilities.purchases.checks import BY_CODE, LINE_CHECKS
from rfm_spark.capabilities.purchases.quality import QualityConfig
from rfm_spark.capabilities.subscriptions.checks import SUBSCRIPTION_CHECKS
from rfm_spark.cli.parser import build_parser
from rfm_spark.core.config import config_model
from rfm_spark.core.loading import validate
from rfm_spark.core.reading.checks import Check
from rfm_spark.core.reading.presets import Kind, presets
from scripts.build_tables import reference

DOCS = Path(__file__).resolve().parents[1] / "docs"
NAMES = (
    "quality.md",
    "landing.md",
    "clusters.md",
    "drift.md",
    "interactions.md",
    "maintenance.md",
    "lifecycle.md",
    "predict.md",
    "scopes.md",
    "saas.md",
)


def text(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def blocks(language: str) -> list[tuple[str, str]]:
    """Name of the document and content of every fenced block of a language."""
    fenced = re.compile(rf"^```{language}\n(.*?)^```$", re.DOTALL | re.MULTILINE)
    return [(name, block) for name in NAMES for block in fenced.findall(text(name))]


def commands() -> list[tuple[str, str]]:
    whole = [(name, block.replace("\\\n", " ")) for name, block in blocks("sh")]
    return [(name, line) for name, block in whole for line in block.splitlines() if line.startswith("rfm-spark")]


def rows(name: str) -> list[list[str]]:
    """Cells of every row of the tables in a document."""
    lines = (line for line in text(name).splitlines() if line.startswith("|"))
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def parts(cell: str) -> list[str]:
    """What stands between backticks in a cell."""
    return re.findall(r"`([^`]+)`", cell)


def test_every_document_has_configurations_and_commands() -> None:
    assert {name for name, _ in blocks("yaml")} == {name for name, _ in commands()} == set(NAMES)


@pytest.mark.parametrize(("name", "block"), blocks("yaml"))
def test_every_configuration_loads_and_every_fragment_parses(name: str, block: str) -> None:
    document: Any = yaml.safe_load(block)
    assert isinstance(document, dict)
    if "sources" in document:
        assert validate(config_model(), document, name).name == "shop"


def test_whole_configurations_are_among_them() -> None:
    documents = [(name, yaml.safe_load(block)) for name, block in blocks("yaml")]
    sources = [(name, document["sources"]) for name, document in documents if "sources" in document]
    # A business of subscriptions needs no transactions.
    whole = [(name, found["transactions"]) for name, found in sources if "transactions" in found]
    assert {name for name, _ in whole} == set(NAMES)
    assert {source.get("format") for _, source in whole} >= {None, "csv", "jdbc"}


@pytest.mark.parametrize("check", LINE_CHECKS, ids=lambda check: check.code)
def test_every_check_is_in_the_table_as_the_catalogue_has_it(check: Check) -> None:
    found = [row for row in rows("quality.md") if row[0] == f"`{check.code}`"]
    assert len(found) == 1
    assert found[0][2:] == [check.default, ", ".join(check.choices)]


def test_the_table_has_the_order_of_the_catalogue_and_no_other_check() -> None:
    listed = [row[0].strip("`") for row in rows("quality.md") if len(row) == 4 and row[0].startswith("`")]
    assert listed == list(BY_CODE)


def test_every_limit_is_named_with_its_default() -> None:
    limits: dict[str, str] = {}
    for row in rows("quality.md"):
        named = parts(row[0])
        if named and set(named) <= set(QualityConfig.model_fields):
            limits |= dict(zip(named, parts(row[-1]), strict=True))
    assert set(limits) == set(QualityConfig.model_fields)
    given = {name: yaml.safe_load(default) for name, default in limits.items()}
    assert validate(QualityConfig, given, "quality.md") == QualityConfig()


@pytest.mark.parametrize(
    ("place", "checks"), list(enumerate((EVENT_CHECKS, MESSAGE_CHECKS))), ids=("events", "messages")
)
def test_checks_of_interactions_are_in_their_tables(place: int, checks: tuple[Check, ...]) -> None:
    tables = text("interactions.md").split("| check of ")[1:]
    listed: dict[str, str] = {}
    for line in tables[place].splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        listed |= {code: cells[1] for code in parts(cells[0])} if line.startswith("| `") else {}
    assert listed == {check.code: check.default for check in checks}


def test_checks_of_subscriptions_are_in_their_table() -> None:
    listed = {code: row[1] for row in rows("saas.md") if len(row) == 3 for code in parts(row[0]) if row[1] != "means"}
    checks = {check.code: check.default for check in SUBSCRIPTION_CHECKS}
    assert {code: default for code, default in listed.items() if code in checks} == checks


@pytest.mark.parametrize("kind", ["events", "messages"])
def test_every_preset_is_in_its_table(kind: Kind) -> None:
    table = text("interactions.md").split(f"| preset of {kind} ")[1].split("\n\n")[0]
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == list(presets(kind))


@pytest.mark.parametrize(("name", "line"), commands())
def test_every_command_is_one(name: str, line: str) -> None:
    words = shlex.split(line, comments=True)
    options = build_parser().parse_args(words[1:])
    assert options.command == words[1], name
    assert getattr(options, "reason", None) in (None, *BY_CODE)


@pytest.mark.parametrize("name", NAMES)
def test_every_link_leads_somewhere(name: str) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", text(name)):
        assert (DOCS / target).exists(), target


def test_the_reference_of_tables_is_what_the_capabilities_declare() -> None:
    assert text("tables.md") == reference(), "python -m scripts.build_tables writes it"
