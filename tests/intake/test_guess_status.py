"""Which rows count by the words of a status; pure."""

import duckdb
import pytest

from rfm_spark.cli.guess.status import filter_of, flag_filters, kept_rows, status_columns, with_refunds
from rfm_spark.cli.guess.values import Profile

SEEN = {"completed": 23, "processing": 9, "cancelled": 3, "refunded": 3, "on-hold": 1, "failed": 1}


def column(name: str, *values: str | None, kind: str = "string") -> Profile:
    return Profile(name, kind, values)


def test_cancelled_failed_held_and_refunded_orders_are_left_out_with_their_counts() -> None:
    found = filter_of(column("Status", *SEEN), SEEN)
    assert found is not None
    assert found.sql == "lower(trim(Status)) IN ('completed', 'processing')"
    assert found.note == (
        "Status: completed 23; processing 9; cancelled 3 (left out); refunded 3 (left out); failed 1 (left out); "
        "on-hold 1 (left out)"
    )
    assert found.open == ()


def test_words_of_other_languages_are_known() -> None:
    seen = {"abgeschlossen": 4, "storniert": 1, "annulée": 1, "pendiente": 1, "rimborsato": 1, "geannuleerd": 1,
            "cancelado": 1, "nieopłacone": 1, "in de wacht": 1}  # fmt: skip
    found = filter_of(column("Bestellstatus", *seen), seen)
    assert found is not None
    assert found.kept == ("abgeschlossen",)


def test_a_payment_that_paypal_took_back_is_refunded_and_one_that_came_back_is_a_question() -> None:
    seen = {"Complete": 6, "Processed": 2, "PayPal Reversed": 1, "pending_paypal": 1, "PayPal Canceled Reversal": 1}
    found = filter_of(column("Status", *seen), {value.lower(): count for value, count in seen.items()})
    assert found is not None
    assert found.dropped == {"paypal reversed": "refunded", "pending_paypal": "pending"}
    assert [question.what for question in found.open] == ["Do rows count whose Status is paypal canceled reversal?"]


def test_an_unknown_word_counts_and_is_a_question() -> None:
    seen = {"paid": 8, "cancelled": 1, "laid away": 2}
    found = filter_of(column("order_status", "paid", "cancelled", "laid away"), seen)
    assert found is not None
    assert "'laid away'" in found.sql
    assert [question.what for question in found.open] == ["Do rows count whose order_status is laid away?"]


def test_a_parcel_that_waits_was_bought() -> None:
    seen = {"unfulfilled": 3, "pending": 1, "on hold": 1}
    assert filter_of(column("Fulfillment Status", *seen), seen) is None


def test_only_columns_of_statuses_are_taken_for_them() -> None:
    columns = [column("state", "CA", "NY"), column("Customer status", "paid"),
               column("payment_status", "Paid", "Failed"),
               column("type", "charge", "payout")]  # fmt: skip
    assert [profile.name for profile in status_columns(columns)] == ["payment_status", "type"]


def test_payouts_and_fees_are_no_purchases() -> None:
    found = filter_of(column("Type", "charge", "refund", "payout"), {"charge": 5, "refund": 1, "payout": 2})
    assert found is not None
    assert found.sql == "lower(trim(Type)) IN ('charge', 'refund')"


def test_dates_of_cancellation_and_marks_of_tests_leave_rows_out() -> None:
    columns = [column("cancelled_at", None, "2024-05-05", None),
               column("test", "false", "false", "true", kind="boolean"),
               column("test_score", "1", "2", "3")]  # fmt: skip
    found = flag_filters(columns)
    assert [one.sql for one in found] == ["coalesce(trim(cancelled_at), '') = ''", "NOT coalesce(test, false)"]
    assert kept_rows(found, 3) == [0]


@pytest.mark.parametrize("words", [
    {"": 190, "cancelled": 10}, {"": 20, "completed": 156, "cancelled": 4}, {"completed": 5, "cancelled": 1},
    {"cancelled": 3}, {"": 5, "refunded": 2},
])  # fmt: skip
def test_the_condition_keeps_just_what_the_filter_says(words: dict[str, int]) -> None:
    found = filter_of(column("status", *(word or None for word in words)), words)
    assert found is not None
    with duckdb.connect() as database:
        for word in words:
            for value in (word, word.upper(), f" {word} ", *((None,) if not word else ())):
                said = database.execute(f"SELECT coalesce({found.sql}, false) FROM (SELECT ? AS status)", [value])
                (kept,) = said.fetchone() or (None,)
                assert kept == found.keeps((value or "").strip() or None), (found.sql, value)


def test_refunds_of_their_own_keep_rows_without_a_status() -> None:
    seen = {"completed": 156, "": 20, "refunded": 20, "cancelled": 4}
    found = filter_of(column("status", *(word or None for word in seen)), seen)
    assert found is not None
    kept = with_refunds(found, seen)
    assert kept is not None
    assert kept.sql == "coalesce(lower(trim(status)), '') IN ('completed', 'refunded', '')"
