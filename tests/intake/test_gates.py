"""Gates: each limit at its boundary, in two levels."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from rfm_spark.capabilities.purchases.config import TransactionsSource
from rfm_spark.capabilities.purchases.counts import DELIVERED, LineCounts
from rfm_spark.capabilities.purchases.gates import Buyers, batch_findings, findings, mixed_currencies, usual_reads
from rfm_spark.capabilities.purchases.quality import BatchLimits, QualityConfig
from rfm_spark.core.batches import Batch, Batches
from rfm_spark.core.config import config_model
from rfm_spark.core.errors import ConfigError
from rfm_spark.core.loading import validate
from rfm_spark.core.reading.limits import Levels
from tests.helpers import COLUMNS

AS_OF = date(2024, 3, 31)
USUAL = LineCounts(1000, newest=AS_OF, oldest=date(2023, 1, 1), recent=100, trailing=400)
MANY = Buyers(10_000, 5_000)
RATES = {"path": "r", "format": "csv", "to": "EUR", "columns": {"currency": "c", "rate": "r"}}


def gates(quality: QualityConfig, buyers: Buyers = MANY, **changes: Any) -> list[tuple[str, str]]:
    found = findings(replace(USUAL, **changes), quality, AS_OF, buyers)
    return [(finding.level, finding.gate) for finding in found]


def test_usual_data_pass_every_gate() -> None:
    assert gates(QualityConfig()) == []


@pytest.mark.parametrize(
    ("gate", "limit", "inside", "outside"),
    [
        ("max_reject_share", 0.05, {"rejected": {"anonymous": 500, "bad_date": 25}}, {"rejected": {"bad_date": 51}}),
        ("max_staleness_days", 3, {"newest": date(2024, 3, 28)}, {"newest": date(2024, 3, 27)}),
        ("min_volume_ratio", 0.5, {"recent": 50}, {"recent": 49}),
        ("max_volume_ratio", 3, {"recent": 300}, {"recent": 301}),
        ("min_buyers", 500, {"buyers": Buyers(500, 500)}, {"buyers": Buyers(499, 499)}),
        ("min_history_days", 180, {"oldest": date(2023, 10, 4)}, {"oldest": date(2023, 10, 5)}),
    ],
)
def test_a_gate_breaks_beyond_its_limit_at_its_level(gate: str, limit: float, inside: Any, outside: Any) -> None:
    for level in ("warn", "fail"):
        for quality in (
            QualityConfig(**{gate: Levels(**{level: limit})}),
            QualityConfig(**{gate: limit, "on_breach": level}),
        ):
            others = {name: None for name in QualityConfig.model_fields if name.startswith(("min_", "max_"))}
            alone = quality.model_copy(update={**{k: None for k in others if k not in (gate, "max_quantity")}})
            assert gates(alone, **inside) == []
            assert gates(alone, **outside) == [(level, gate)]
            assert gates(alone.model_copy(update={gate: None}), **outside) == []


def delivery(number: int, kind: str, came: int, read: int) -> Batch:
    """A batch of which so many rows came, and took the place of others."""
    rows, facts = {"transactions.read": read}, {DELIVERED: str(came)}
    return Batch("r", number, f"{number:05d}-0", "transactions", None, "v", kind, rows=rows, facts=facts)


def test_a_small_delivery_is_found_among_corrections_too() -> None:
    quality = QualityConfig(batch=BatchLimits(min_volume_ratio=0.5))
    kinds = ["rebuild", "append", "correction", "correction", "append"]
    before = Batches(
        tuple(delivery(at, kind, 100, 60 if kind == "correction" else 100) for at, kind in enumerate(kinds))
    )
    for kind in ("append", "correction"):
        assert batch_findings(delivery(9, kind, 50, 20), before, quality) == []
        (found,) = batch_findings(delivery(9, kind, 49, 49), before, quality)
        assert (found.gate, "49 new rows, 0.49 times" in found.message) == ("batch.min_volume_ratio", True)
    # Rows that are only removed are no small delivery, and show nothing of what is usual.
    removal = delivery(9, "correction", 0, -40)
    assert batch_findings(removal, before, quality) == []
    assert usual_reads(before.with_one(removal)) == [100] * 4


def test_the_worse_level_is_told() -> None:
    both = QualityConfig(max_reject_share=Levels(warn=0.01, fail=0.1))
    assert gates(both, rejected={"bad_date": 20}) == [("warn", "max_reject_share")]
    assert gates(both, rejected={"bad_date": 200}) == [("fail", "max_reject_share")]


def test_customers_with_enough_orders() -> None:
    quality = QualityConfig.model_validate({"min_repeat_buyers": {"orders": 3, "fail": 100}})
    assert gates(quality, buyers=Buyers(1000, 100)) == []
    assert gates(quality, buyers=Buyers(1000, 99)) == [("fail", "min_repeat_buyers")]


def test_a_quiet_shop_has_no_volume_to_judge() -> None:
    assert gates(QualityConfig(), recent=0, trailing=0) == []
    assert gates(QualityConfig(), recent=0, trailing=39) == []


def test_nothing_at_all_fails_only_where_freshness_is_asked_for() -> None:
    nothing: dict[str, Any] = {"read": 0, "newest": None, "oldest": None, "recent": 0, "trailing": 0}
    assert gates(QualityConfig(), **nothing) == [("fail", "max_staleness_days")]
    relaxed = QualityConfig(max_staleness_days=None)
    assert gates(relaxed, **nothing) == [("warn", "max_staleness_days")]
    later = {**nothing, "read": 5, "later": 5}
    assert "5 are later" in findings(replace(USUAL, **later), relaxed, AS_OF)[0].message


def test_currencies_are_never_added_up() -> None:
    assert mixed_currencies(replace(USUAL, currencies=("GBP", "GBP"))) is None
    assert "EUR and GBP" in str(mixed_currencies(replace(USUAL, currencies=("EUR", "GBP"))))
    assert mixed_currencies(replace(USUAL, currencies=("", ""))) is None
    assert "in EUR and amounts without a currency" in str(mixed_currencies(replace(USUAL, currencies=("", "EUR"))))


def test_a_source_has_limits_and_checks_of_its_own() -> None:
    own = QualityConfig(max_reject_share=0.5, checks={"zero_price": "reject"})
    merged = QualityConfig(max_staleness_days=9, checks={"absurd_quantity": "off"}).with_own(own)
    assert (merged.max_reject_share, merged.max_staleness_days) == (0.5, 9)
    assert merged.checks == {"zero_price": "reject", "absurd_quantity": "off"}
    assert QualityConfig().with_own(None) == QualityConfig()


@pytest.mark.parametrize(
    ("quality", "message"),
    [
        ({"checks": {"no_such": "flag"}}, "checks.no_such is unknown"),
        ({"checks": {"anonymous": "flag"}}, "checks.anonymous can be reject, not flag"),
        ({"max_reject_share": 1.5}, "1 or less"),
        ({"min_buyers": {"warn": -1}}, "min_buyers"),
        ({"max_reject_share": {"fail": 2}}, "1 or less"),
    ],
)
def test_wrong_limits_are_a_configuration_error(quality: Any, message: str) -> None:
    source = {"path": "x", "format": "delta", "columns": COLUMNS}
    with pytest.raises(ConfigError, match=message):
        validate(
            config_model(), {"lake": {"root": "x"}, "sources": {"transactions": source}, "quality": quality}, "c.yml"
        )


OPEN_URLS = (
    "x://h/d?user=a&pass=open", "x://h/d?apikey=open", "x://h/d;api_key=open", "x://h/d?password=${env:A}open",
    "x://h/d?password=open${env:A}", "x://${env:U}:open@h/d", "x://u:${env:A}open@h/d", "oracle:thin:${env:U}/open@h",
)  # fmt: skip
CLOSED_URLS = (
    "x://h/d?user=a&pass=${env:A}", "x://h/d?apikey=${env:A}&ssl=true", "x://${env:U}:${env:A}@h/d?bypass=true",
    "oracle:thin:${env:U}/${env:A}@h", "x://h/d?password=${env:A}${env:B};x=1",
)  # fmt: skip


@pytest.mark.parametrize("url", CLOSED_URLS)
def test_secrets_of_the_environment_are_no_open_ones(url: str) -> None:
    place = {"format": "jdbc", "options": {"url": f"jdbc:{url}", "dbtable": "t"}}
    document = {"lake": {"root": "x"}, "sources": {"transactions": {"columns": COLUMNS, **place}}}
    # As it was written: it is filled in when the source is opened.
    assert validate(config_model(), document, "c.yml").part(TransactionsSource).options["url"] == f"jdbc:{url}"


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ({"format": "jdbc", "options": {"dbtable": "t"}}, "options.url is missing"),
        ({"format": "jdbc", "options": {"url": "jdbc:x:y"}}, "dbtable or query"),
        ({"format": "jdbc", "path": "p", "options": {"url": "u", "dbtable": "t"}}, "not table or path"),
        ({"format": "jdbc", "options": {"url": "u", "dbtable": "t", "password": "open"}}, "secret stays"),
        ({"format": "jdbc", "options": {"url": "jdbc:postgresql://u:open@h/d", "dbtable": "t"}}, "holds a secret"),
        ({"format": "jdbc", "options": {"url": "u", "dbtable": "t", "partitionColumn": "c"}}, "numPartitions go"),
        ({"path": "p", "format": "csv", "options": {"Mode": "DropMalformed"}}, "options.mode would lose"),
        ({"path": "p", "format": "json", "options": {"mode": "lenient"}}, "options.mode would lose"),
        ({"path": "p", "format": "parquet", "options": {"ignorecorruptfiles": True}}, "ignoreCorruptFiles would lose"),
        *(({"format": "jdbc", "options": {"url": f"jdbc:{url}", "dbtable": "t"}}, "a secret") for url in OPEN_URLS),
        ({"path": "p", "format": "csv", "types": {"sale": ["A"], "refund": ["B"]}}, "columns.type and types"),
        ({"path": "p", "format": "csv", "rates": RATES}, "rates needs columns.currency"),
    ],
)  # fmt: skip
def test_wrong_places_are_a_configuration_error(place: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        validate(
            config_model(), {"lake": {"root": "x"}, "sources": {"transactions": {"columns": COLUMNS, **place}}}, "c.yml"
        )
