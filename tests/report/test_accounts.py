"""What came in: every number of the account and of the checks is in the report, once, and in its place."""

from __future__ import annotations

import datetime as dt
import html
import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from rfm_spark.capabilities.engagement.checks import MESSAGE_CHECKS
from rfm_spark.capabilities.events.checks import EVENT_CHECKS
from rfm_spark.capabilities.purchases.checks import BY_CODE
from rfm_spark.core.config import DisplayConfig
from rfm_spark.report.build import build_report
from rfm_spark.report.collect import facts_of
from tests.report.example import PLAIN, report_data, run_facts, section, tables
from tests.report.interaction_example import settings, source

GERMAN = DisplayConfig(currency="EUR", locale="de_DE")
ROWS = {
    "customers": 1000,
    "transactions.read": 12345,
    "transactions.accepted": 12100,
    "transactions.rejected": 200,
    "transactions.duplicates": 45,
    "transactions.later": 0,
}
MONEY = {
    "sales": Decimal("9876.54"),
    "transactions.read": Decimal("20000.50"),
    "transactions.accepted": Decimal("20400.75"),
    "transactions.rejected": Decimal("-500.25"),
    "transactions.duplicates": Decimal("100.00"),
}


def page_of(display: DisplayConfig = PLAIN, **changed: Any) -> str:
    return build_report(report_data(run=run_facts(**{"rows": ROWS, "money": MONEY} | changed)), display)


def test_rows_and_money_balance_with_their_shares() -> None:
    assert tables(page_of(), "balance") == [
        [
            ["", "Read", "= Accepted", "+ Rejected", "+ Duplicates"],
            ["Rows", "12,345", "12,100 98.0%", "200 1.6%", "45 0.4%"],
            ["Money", "20,000.50", "20,400.75 102.0%", "-500.25 -2.5%", "100.00 0.5%"],
        ]
    ]


def test_account_follows_locale_and_currency() -> None:
    rows, money = tables(page_of(GERMAN), "balance")[0][1:]
    assert rows == ["Rows", "12.345", "12.100 98,0 %", "200 1,6 %", "45 0,4 %"]
    assert money == ["Money", "20.000,50 €", "20.400,75 € 102,0 %", "-500,25 € -2,5 %", "100,00 € 0,5 %"]


@pytest.mark.parametrize(
    ("changed", "title"),
    [
        ({}, "transactions: 12,100 of 12,345 rows accepted"),
        ({"read": 12100, "rejected": 0, "duplicates": 0}, "transactions: all 12,100 rows accepted"),
        ({"read": 1, "accepted": 1, "rejected": 0, "duplicates": 0}, "transactions: all 1 row accepted"),
        ({"read": 0, "accepted": 0, "rejected": 0, "duplicates": 0}, "transactions: no rows"),
    ],
)
def test_title_says_how_much_was_accepted(changed: Mapping[str, int], title: str) -> None:
    rows = ROWS | {f"transactions.{part}": count for part, count in changed.items()}
    assert f"<h3>{title}</h3>" in page_of(rows=rows)


def test_filtered_rows_are_a_part_where_the_source_has_a_condition() -> None:
    rows = ROWS | {"transactions.read": 12400, "transactions.filtered": 55}
    money = MONEY | {"transactions.read": Decimal("20200.50"), "transactions.filtered": Decimal("200.00")}
    page = page_of(rows=rows, money=money)
    assert tables(page, "balance") == [
        [
            ["", "Read", "= Accepted", "+ Rejected", "+ Duplicates", "+ Filtered"],
            ["Rows", "12,400", "12,100 97.6%", "200 1.6%", "45 0.4%", "55 0.4%"],
            ["Money", "20,200.50", "20,400.75 101.0%", "-500.25 -2.5%", "100.00 0.5%", "200.00 1.0%"],
        ]
    ]
    assert "transactions.filtered" not in page


def test_nothing_read_and_net_refunds_have_no_shares() -> None:
    rows = {name: 0 for name in ROWS}
    money = {name: -amount for name, amount in MONEY.items()}
    found = tables(page_of(rows=rows, money=money), "balance")[0][1:]
    assert found[0] == ["Rows", "0", "0 –", "0 –", "0 –"]
    assert found[1] == ["Money", "-20,000.50", "-20,400.75 –", "500.25 –", "-100.00 –"]


@pytest.mark.parametrize(
    ("later", "said"),
    [
        (1234, "<p>1,234 of the accepted rows are dated after 31 December 2017, not counted yet.</p>"),
        (1, "<p>1 of the accepted rows is dated after 31 December 2017, not counted yet.</p>"),
    ],
)
def test_rows_dated_later_are_remarked(later: int, said: str) -> None:
    assert said in section(page_of(rows=ROWS | {"transactions.later": later}), "sources")
    assert "dated after" not in page_of()


def test_checks_are_listed_by_what_was_done_then_by_count() -> None:
    found = {
        "flagged.case_collision": 1,
        "flagged.refund_without_sale": 31,
        "flagged.zero_price": 5000,
        "rejected.bad_date": 80,
        "rejected.anonymous": 119,
        "rejected.placeholder_id": 1,
        "repaired.duplicate_line": 0,
        "repaired.exact_duplicate": 45,
    }
    listed = tables(page_of(rows=ROWS | {f"transactions.{name}": count for name, count in found.items()}), "found")
    expected = [
        ("Rejected", "anonymous", "119 rows"),
        ("Rejected", "bad_date", "80 rows"),
        ("Rejected", "placeholder_id", "1 row"),
        ("Repaired", "exact_duplicate", "45 rows"),
        ("Flagged", "zero_price", "5,000 rows"),
        ("Flagged", "refund_without_sale", "31 orders"),
        ("Flagged", "case_collision", "1 id"),
    ]
    assert listed == [
        [
            ["Done", "Check and what it means", "Found"],
            *([done, code + BY_CODE[code].message, count] for done, code, count in expected),
        ]
    ]
    assert listed[0][2][1] == "bad_dateno date, or one that can't be read"


def test_equal_counts_are_listed_by_name() -> None:
    rows = ROWS | {"transactions.flagged.zero_price": 3, "transactions.flagged.absurd_quantity": 3}
    assert [row[1][:10] for row in tables(page_of(rows=rows), "found")[0][1:]] == ["absurd_qua", "zero_price"]


def test_a_check_of_another_version_shows_just_its_name() -> None:
    rows = ROWS | {"transactions.flagged.<b>odd": 1234}
    page = page_of(rows=rows)
    assert tables(page, "found")[0][1:] == [["Flagged", "<b>odd", "1,234"]]
    assert html.escape("<b>odd") in page


def test_when_no_check_found_anything_a_sentence_says_so() -> None:
    page = page_of()
    assert "The checks found nothing to reject, repair or flag." in section(page, "sources")
    assert tables(page, "found") == []
    assert "found nothing" not in page_of(rows=ROWS | {"transactions.flagged.zero_price": 1})


def test_every_source_has_its_account() -> None:
    other = {"web.shop.read": 5, "web.shop.accepted": 4, "web.shop.rejected": 1, "web.shop.duplicates": 0}
    money = MONEY | {"web.shop.read": Decimal("0.75")}
    page = page_of(rows=ROWS | other | {"web.shop.rejected.malformed": 1}, money=money)
    titles = re.findall("<h3>(.*?)</h3>", section(page, "sources"))
    assert titles == ["transactions: 12,100 of 12,345 rows accepted", "web.shop: 4 of 5 rows accepted"]
    # What is known of its money is no account, and stays among the facts.
    assert tables(page, "balance")[1][1:] == [["Rows", "5", "4 80.0%", "1 20.0%", "0 0.0%"]]
    assert [["Money", "Amount"], ["sales", "9,876.54"], ["web.shop.read", "0.75"]] in tables(page, "pairs")
    assert len(tables(page, "found")) == 1


def test_numbers_of_the_account_are_not_repeated_among_the_facts() -> None:
    rows = ROWS | {"transactions.later": 7, "transactions.flagged.zero_price": 1, "transactions.else": 77}
    pairs = tables(section(page_of(rows=rows), "run"), "pairs")
    assert [["Rows", "Number"], ["customers", "1,000"], ["transactions.else", "77"]] in pairs
    assert [["Money", "Amount"], ["sales", "9,876.54"]] in pairs


def test_a_run_of_an_older_version_has_no_such_section() -> None:
    older = {"customers": 1000, "transactions.read": 12345, "transactions.rejected.no_amount": 12}
    page = page_of(rows=older, money={"transactions.read": Decimal("1.25")})
    assert "What came in" not in page
    pairs = tables(section(page, "run"), "pairs")
    assert [["Rows", "Number"], *([name, f"{count:,}"] for name, count in sorted(older.items()))] in pairs
    assert [["Money", "Amount"], ["transactions.read", "1.25"]] in pairs


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ("thin", ["Too little data for scores to mean much."]),
        ("empty", ["Nobody bought anything up to this date."]),
        ("ok", []),
        (None, []),
    ],
)
def test_status_is_told_above_the_headline_unless_ok(status: str | None, said: list[str]) -> None:
    top = page_of(status=status).split('<ul class="key">')[0]
    assert re.findall('<p class="warning">(.*?)</p>', top) == said


def ledger_row(**more: Any) -> dict[str, Any]:
    texts = ("config_name", "code_version", "spark_version", "previous_run_id", "model_version", "drift_verdict")
    maps: dict[str, Any] = {"inputs": None, "outputs": {"segments": 3}, "rows": ROWS, "money": None, "warnings": None}
    began = dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)
    times = {
        "as_of_date": dt.date(2017, 12, 31), "started_at": began,
        "finished_at": began + dt.timedelta(milliseconds=1500),
    }  # fmt: skip
    config = json.dumps({"timezone": "Europe/Berlin"})
    return {"run_id": "2017-12-31-0123abcd", "config": config, **dict.fromkeys(texts, "x"), **maps, **times, **more}


@pytest.mark.parametrize(("column", "status"), [({"status": "thin"}, "thin"), ({"status": None}, None)])
def test_a_lake_of_an_older_version_may_lack_the_status(column: Mapping[str, Any], status: str | None) -> None:
    facts = facts_of(ledger_row(**column))
    assert facts.status == status
    assert (facts.run_id, facts.rows["transactions.read"]) == ("2017-12-31-0123abcd", 12345)
    assert facts.finished_at.isoformat() == "1970-01-01T01:00:01.500000+01:00"


INTERACTIONS = {
    "events.read": 500, "events.accepted": 480, "events.rejected": 15, "events.duplicates": 5, "events.later": 2,
    "events.rejected.bot": 9, "events.rejected.unknown_type": 6, "events.flagged.technical": 1,
    "messages.read": 90, "messages.accepted": 90, "messages.rejected": 0, "messages.duplicates": 0,
    "messages.later": 0, "messages.flagged.orphan_response": 1, "messages.repaired.exact_duplicate": 4,
}  # fmt: skip


def test_events_and_messages_have_accounts_after_the_transactions_and_no_money() -> None:
    page = page_of(rows=ROWS | INTERACTIONS)
    assert re.findall("<h3>(.*?)</h3>", section(page, "sources")) == [
        "transactions: 12,100 of 12,345 rows accepted", "events: 480 of 500 rows accepted",
        "messages: all 90 rows accepted",
    ]  # fmt: skip
    assert tables(page, "balance")[1][1:] == [["Rows", "500", "480 96.0%", "15 3.0%", "5 1.0%"]]
    assert "2 of the accepted rows are dated after" in section(page, "sources")
    pairs = tables(section(page, "run"), "pairs")
    assert [["Rows", "Number"], ["customers", "1,000"]] in pairs


def test_checks_of_events_and_messages_are_told_in_their_own_words() -> None:
    events = {check.code: check for check in EVENT_CHECKS}
    messages = {check.code: check for check in MESSAGE_CHECKS}
    assert messages["exact_duplicate"].message != BY_CODE["exact_duplicate"].message
    listed = tables(page_of(rows=ROWS | INTERACTIONS | {"transactions.repaired.exact_duplicate": 2}), "found")
    assert [table[1:] for table in listed] == [
        [["Repaired", "exact_duplicate" + BY_CODE["exact_duplicate"].message, "2 rows"]],
        [
            ["Rejected", "bot" + events["bot"].message, "9 rows"],
            ["Rejected", "unknown_type" + events["unknown_type"].message, "6 rows"],
            ["Flagged", "technical" + events["technical"].message, "1 row"],
        ],
        [
            ["Repaired", "exact_duplicate" + messages["exact_duplicate"].message, "4 rows"],
            ["Flagged", "orphan_response" + messages["orphan_response"].message, "1 message"],
        ],
    ]


def test_accounts_of_simulated_sources_say_so() -> None:
    config = settings(events=source(True), messages=source(["sms"]))
    titles = re.findall("<h3>(.*?)</h3>", section(page_of(rows=ROWS | INTERACTIONS, config=config), "sources"))
    assert titles[0] == "transactions: 12,100 of 12,345 rows accepted"
    assert titles[1] == "events (simulated): 480 of 500 rows accepted"
    assert titles[2] == "messages (partly simulated: sms): all 90 rows accepted"
