"""Mappings of sources whose headers nobody knows, drafted from rows written by hand; pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import pytest

from rfm_spark.cli.explain import spellings
from rfm_spark.cli.guess.draft import Draft, drafted
from rfm_spark.cli.guess.roles import date_column
from rfm_spark.cli.guess.values import Profile
from rfm_spark.core.errors import SourceError

DAY = 86_400


def table(text: str) -> list[Profile]:
    """Columns of a small table; the first line is the header, a hyphen is a blank."""
    header, *rows = [line.split("|") for line in text.strip().splitlines()]
    cells = [[None if cell.strip() == "-" else cell.strip() for cell in row] for row in rows]
    return [
        Profile(name.strip(), "string", tuple(row[at] for row in cells)) for at, name in enumerate(header)
    ]  # fmt: skip


def draft(text: str) -> Draft:
    """Of a table whose dates are of May 2024."""
    look = table(text)
    dated = date_column(look)
    days = dated[0].values if dated else look[0].values
    moments = [DAY * int(day[8:10]) if day is not None and len(day) >= 10 else None for day in days]

    def counting(profile: Profile) -> Mapping[str, int]:
        return Counter((value or "").lower() for value in profile.values)

    return drafted(look, moments, counting, "x.csv")


def columns(found: Draft) -> dict[str, str]:
    return {column.ours: column.text for column in found.found}


SOLD = """
order no|buyer|sold on|pieces|sku|item price|state of order
1|ann|2024-05-01|1|A|7.50|shipped
2|bob|2024-05-02|5|A|37.50|shipped
3|ann|2024-05-03|2|B|39.98|shipped
4|cat|2024-05-04|1|B|19.99|cancelled
4|cat|2024-05-04|4|B|79.96|shipped
"""


def test_a_price_of_the_whole_line_is_not_multiplied_and_asked_about() -> None:
    found = draft(SOLD)
    assert columns(found)["amount"] == "item price"
    assert "quantity" not in columns(found)
    assert [reading.text for reading in found.open[0].readings] == [
        "amount: item price", "quantity: pieces, unit_price: item price",
    ]  # fmt: skip


REPEATED = """
order_id|customer_id|date|{line}|item|order_total
1|ann|2024-05-01|1|Mug|30.00
1|ann|2024-05-01|2|Cup|{first}
2|bob|2024-05-02|1|Mug|20.00
2|bob|2024-05-02|2|Pot|{second}
3|ann|2024-05-03|1|Cup|10.00
"""


def test_a_total_on_every_line_counts_once_per_order() -> None:
    unnumbered = draft(REPEATED.format(line="shelf", first="30.00", second="20.00").replace("|2|", "|1|"))
    assert columns(unnumbered)["line_id"] == "order_id"
    assert [reading.gives for reading in unnumbered.open[0].readings] == ["as order totals: {}", "as line totals: {}"]
    numbered = draft(REPEATED.format(line="line_no", first="30.00", second="20.00"))
    assert numbered.where == "trim(line_no) = '1'"


def test_a_total_on_the_first_line_only_makes_rows_with_one_count() -> None:
    found = draft(REPEATED.format(line="line_no", first="-", second="-"))
    assert (found.where, columns(found)["amount"], found.open) == ("trim(order_total) <> ''", "order_total", ())


def test_money_without_tax_comes_first_and_the_other_is_offered() -> None:
    found = draft(
        "order_id|customer|date|gross amount|net amount\n1|a|2024-05-01|11.90|10.00\n2|b|2024-05-02|2.38|2.00"
    )
    assert columns(found)["amount"] == "net amount"
    assert [reading.gives for reading in found.open[0].readings] == ["without tax: {}", "with tax: {}"]


def test_quantity_times_price_that_is_not_the_total_is_a_question() -> None:
    rows = "order_id|customer|date|quantity|unit price|total\n"
    agreeing = draft(rows + "1|a|2024-05-01|2|5.00|10.00\n2|b|2024-05-02|3|1.50|4.50")
    assert agreeing.open == ()
    differing = draft(rows + "1|a|2024-05-01|2|5.00|11.90\n2|b|2024-05-02|3|1.50|5.36")
    assert differing.open[0].what == (
        "quantity × unit price is total in 0% of rows only: which one is the money of a line?"
    )


STATUS = """
order_id|customer|date|status|total
1|ann|2024-05-01|completed|100.00
{second}|ann|2024-05-10|refunded|{money}
3|bob|2024-05-03|cancelled|50.00
"""


def test_an_order_that_is_refunded_is_worth_nothing_and_a_refund_line_is_minus() -> None:
    order = draft(STATUS.format(second=2, money="40.00"))
    assert (order.where, columns(order).get("is_return")) == ("lower(trim(status)) IN ('completed')", None)
    line = draft(STATUS.format(second=1, money="40.00"))
    assert line.where == "lower(trim(status)) IN ('completed', 'refunded')"
    assert columns(line)["is_return"] == "coalesce(lower(trim(status)) IN ('refunded'), false)"
    negative = draft(STATUS.format(second=2, money="-40.00"))
    assert (negative.where, columns(negative).get("is_return")) == (
        "lower(trim(status)) IN ('completed', 'refunded')", None,
    )  # fmt: skip


def test_a_log_of_events_has_its_purchases_by_session() -> None:
    found = draft(
        "when|who|action|visit_id|revenue\n2024-05-01|u1|view|v1|-\n2024-05-01|u1|cart|v1|-\n"
        "2024-05-01|u1|buy|v1|5.00\n2024-05-01|u1|buy|v1|7.00\n2024-05-09|u1|buy|v2|3.00"
    )
    assert found.where == "action = 'buy'"
    assert columns(found) == {"customer_id": "who", "order_id": "visit_id", "amount": "revenue"}


def test_a_number_that_lasts_for_months_is_no_order() -> None:
    rows = "\n".join(f"c{n % 3}|k{n % 3}|2024-05-{n:02d}|5.00" for n in range(1, 29))
    found = draft(f"customer|order ref|date|amount\n{rows}")
    assert (found.order, found.order_grain) == (None, "day")
    assert any("order ref is no order id" in remark for remark in found.remarks)
    assert [reading.text for reading in found.open[0].readings] == ["order_grain: day", "order_grain: row"]


def test_as_many_orders_as_customers_is_a_question() -> None:
    rows = "\n".join(f"c{n // 2}|k{n // 2}|2024-05-{n // 2 + 1:02d}|5.00" for n in range(24))
    found = draft(f"customer|order_id|date|amount\n{rows}")
    # All amounts are equal, so that those of one order are says nothing; it is asked.
    assert [(question.ours, question.readings[0].text) for question in found.open] == [
        ("order_id", "order_id: order_id"), ("amount", "amount: amount"),
    ]  # fmt: skip


def test_without_a_row_that_counts_nothing_is_guessed() -> None:
    with pytest.raises(SourceError, match=r"no row counts as a purchase \(status: cancelled 1 \(left out\); failed 1"):
        draft("order_id|customer|date|status|total\n1|a|2024-05-01|cancelled|1\n2|b|2024-05-01|failed|2")


def test_an_explain_of_an_id_with_a_point_finds_the_whole_one() -> None:
    assert spellings("13085") == ["13085", "13085.0"]
    assert spellings("13085.0") == ["13085.0", "13085"]
    assert spellings("K-1.0") == ["K-1.0"]


def where_of(found: Draft) -> str:
    return found.where or ""


def test_a_status_is_known_by_its_words_whatever_its_column_is_called() -> None:
    rows = ["Awaiting check payment", "Payment accepted", "Canceled", "Delivered", "Payment accepted"]
    lines = "\n".join(f"{n}|k{n}|2024-05-0{n + 1}|10.00|{state}" for n, state in enumerate(rows))
    found = draft(f"order_id|customer|date|total|osname\n{lines}")
    assert where_of(found) == "lower(trim(osname)) IN ('payment accepted', 'delivered')"
    # A name that says nothing, and a phrase that is known by a part of it: both are asked about.
    assert [(question.ours, question.what) for question in found.open] == [
        ("where", "Does osname say which rows count?"),
        ("where", "Do rows count whose osname is awaiting check payment?"),
    ]
    # New and returning customers are no status, and neither is what became of parcels.
    kinds = "\n".join(f"{n}|k{n}|2024-05-0{n + 1}|10.00|{('new', 'returning')[n % 2]}" for n in range(4))
    assert where_of(draft(f"order_id|customer|date|total|customer_type\n{kinds}")) == ""


@pytest.mark.parametrize(
    ("name", "values", "where"),
    [
        ("voided", "NNYN", "coalesce(lower(trim(voided)), '') NOT IN ('y')"),
        ("is_deleted", "0010", "coalesce(lower(trim(is_deleted)), '') NOT IN ('1')"),
        ("is_paid", "1101", "coalesce(lower(trim(is_paid)), '') NOT IN ('0')"),
        ("is_member", "0010", ""),
        ("voided", "NNNN", ""),
    ],
)
def test_flags_of_rows_that_do_not_count(name: str, values: str, where: str) -> None:
    rows = "\n".join(f"{n}|k{n}|2024-05-0{n + 1}|1{n}.00|{value}" for n, value in enumerate(values))
    assert where_of(draft(f"order_id|customer|date|total|{name}\n{rows}")) == where


def test_what_was_paid_back_is_taken_off_and_asked_about() -> None:
    found = draft(
        "order_id|customer|date|Amount Refunded|total\n1|ann|2024-05-01|0.00|35.00\n2|bob|2024-05-02|5.00|15.00"
    )
    less = "try_cast(total as decimal(20, 6)) - abs(coalesce(try_cast(`Amount Refunded` as decimal(20, 6)), 0))"
    assert columns(found)["amount"] == less
    assert [reading.text for reading in found.open[-1].readings] == [f"amount: {less}", "amount: total"]
    # More than the amount: not of the same row.
    other = draft("order_id|customer|date|refunded|total\n1|ann|2024-05-01|90.00|35.00\n2|bob|2024-05-02|5.00|15.00")
    assert columns(other)["amount"] == "total"


def test_small_whole_numbers_beside_prices_are_pieces_even_when_they_are_called_amount() -> None:
    rows = "\n".join(f"{n}|k{n % 3}|2024-05-0{n + 1}|p{n}|{1 + n % 2}|{30 + 16 * n}" for n in range(5))
    found = draft(f"order_id|customer|date|product_id|amount|sales_price\n{rows}")
    assert (columns(found)["quantity"], columns(found)["unit_price"]) == ("amount", "sales_price")
    assert "Does amount count pieces?" in [question.what for question in found.open]


def test_a_price_of_one_piece_is_no_total() -> None:
    rows = [(2, "10.00", "23.80"), (1, "5.00", "5.95"), (3, "10.00", "35.70")]
    lines = "\n".join(f"{n}|k{n}|2024-05-0{n + 1}|{q}|{net}|{gross}" for n, (q, net, gross) in enumerate(rows))
    found = draft(f"Bestellnr|Kundennr|Datum|Menge|Einzelpreis (netto)|Gesamtpreis (brutto)\n{lines}")
    assert columns(found)["amount"] == "Gesamtpreis (brutto)"
    assert [reading.text for reading in found.open[0].readings] == [
        "amount: Gesamtpreis (brutto)", "quantity: Menge, unit_price: Einzelpreis (netto)",
    ]  # fmt: skip


def test_cents_are_hundredths_and_asked_about() -> None:
    found = draft("order_id|customer|date|total_cents\n1|ann|2024-05-01|3500\n2|bob|2024-05-02|1550")
    assert columns(found)["amount"] == "try_cast(total_cents as decimal(20, 6)) / 100"
    assert [reading.text for reading in found.open[-1].readings][1] == "amount: total_cents"
