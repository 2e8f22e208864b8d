"""Whether rows bear out a column's name; pure, on columns written by hand."""

import pytest

from rfm_spark.cli.guess.checks import (
    agreement,
    is_price_of_line,
    is_unique_within,
    keeps_together,
    numbers_lines,
    of_order,
    products,
)
from rfm_spark.cli.guess.dates import text_dates
from rfm_spark.cli.guess.values import Profile
from rfm_spark.cli.guess.words import folded, score

DAY = 86_400


def column(text: str) -> Profile:
    """Values with blanks between; a hyphen is none."""
    return Profile("c", "string", tuple(None if value == "-" else value for value in text.split()))


def test_rows_of_an_order_lie_within_a_day_and_those_of_a_card_do_not() -> None:
    order = column("a a b b c")
    assert keeps_together(order, [0, 60, 5 * DAY, 5 * DAY + 600, None])
    assert not keeps_together(order, [0, 40 * DAY, 5 * DAY, 90 * DAY, 0])


def test_a_quantity_is_no_line_id() -> None:
    order = column("1001 1001 1001 1002 1002")
    assert not is_unique_within(column("1 1 2 1 1"), order)
    assert is_unique_within(column("1 2 3 1 2"), order)
    # Without orders, a number that starts again is none either.
    assert not is_unique_within(column("1 2 3 1 2"), None)


def test_lines_are_numbered_where_each_order_has_one_first_line() -> None:
    order = column("a a b b")
    assert numbers_lines(column("1 2 1 2"), order)
    assert not numbers_lines(column("1 1 1 2"), order)
    assert not numbers_lines(column("2 3 2 3"), order)


@pytest.mark.parametrize(
    ("amounts", "found"),
    [("9 9 7 7 5", ("repeated", 2)), ("9 - - 7 5", ("first", 2)), ("9 3 7 7 5", (None, 0)), ("9 3 7 1 5", (None, 0))],
)
def test_totals_that_are_repeated_or_blank_are_those_of_the_order(amounts: str, found: tuple[str | None, int]) -> None:
    assert of_order(column(amounts), column("a a b b c")) == found


def test_a_price_that_grows_with_the_quantity_is_that_of_the_line() -> None:
    product, quantity = column("s s s t t"), [1.0, 2.0, 5.0, 1.0, 3.0]
    assert is_price_of_line([7.5, 15.0, 37.5, 2.0, 6.0], quantity, product) is True
    assert is_price_of_line([7.5, 7.5, 7.5, 2.0, 2.0], quantity, product) is False
    assert is_price_of_line([7.5, 8.5, 9.1, 2.0, 2.3], quantity, product) is None
    assert is_price_of_line([7.5, 7.5], [1.0, 1.0], column("s s")) is None


def test_rounding_is_no_difference() -> None:
    assert agreement(products([3.0, 2.0], [3.333, 5.0]), [10.0, 12.0]) == 0.5
    assert agreement([None], [1.0]) is None


@pytest.mark.parametrize(
    ("ours", "name"),
    [("line_id", "Lineitem quantity"), ("line_id", "line_discount"), ("order_id", "order_sku"),
     ("order_id", "order_tax"), ("order_id", "order status"), ("customer_id", "customer_discount"),
     ("customer_id", "Customer Note"), ("amount", "Order Total Tax Amount"), ("order_ts", "customer.created_at")],
)  # fmt: skip
def test_quantities_discounts_taxes_and_statuses_are_no_ids(ours: str, name: str) -> None:
    assert score(ours, name) == 0


@pytest.mark.parametrize(
    ("ours", "names"),
    [("customer_id", "Kundennummer|Code client|Cliente|Codice cliente|Código cliente|Klantnummer|Nr klienta"),
     ("order_id", "Bestellnummer|Numéro de commande|Número pedido|Numero ordine|Bestelnummer|Numer zamówienia"),
     ("order_ts", "Bestelldatum|Date de commande|Fecha pedido|Data ordine|Data do pedido|Orderdatum|Data zamówienia"),
     ("amount", "Gesamtbetrag|Montant total|Importe total|Importo totale|Valor total|Totaalbedrag|Wartość brutto"),
     ("quantity", "Menge|Quantité|Cantidad|Quantità|Quantidade|Aantal|Ilość"),
     ("unit_price", "Einzelpreis|Prix unitaire|Precio unitario|Prezzo unitario|Preço|Stukprijs|Cena jednostkowa"),
     ("status", "Bestellstatus|Statut|Estado|Stato ordine|Situação|Status|Status zamówienia")],
)  # fmt: skip
def test_headers_of_eight_languages_are_known(ours: str, names: str) -> None:
    assert {name: score(ours, name) >= 0.5 for name in names.split("|")} == dict.fromkeys(names.split("|"), True)


def test_a_status_is_the_same_in_any_spelling() -> None:
    assert {folded(value) for value in ("wc-on-hold", "On hold", "ON_HOLD", "onHold")} == {"on hold"}


@pytest.mark.parametrize(
    ("value", "pattern"),
    [("2018-04-24  7:19:25 PM", "yyyy-M-d h:mm:ss a"), ("4/24/2018, 7:19 PM", "M/d/yyyy, h:mm a"),
     ("24.04.2018 19:19", "d.M.yyyy H:mm")],
)  # fmt: skip
def test_clocks_of_twelve_hours_and_aligned_hours_are_read(value: str, pattern: str) -> None:
    assert text_dates([value], "at", "at")[0].label == f"dates of the form {pattern}"
