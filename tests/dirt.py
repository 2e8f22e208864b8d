"""A seeded generator of clean purchases and of every kind of dirt, with what each kind must come to."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal

ZONE = "Europe/Berlin"
AS_OF = date(2024, 6, 30)
Row = dict[str, str | None]
COLUMNS = {
    "customer_id": "customer", "order_id": "`order`", "line_id": "line", "order_ts": "at", "quantity": "qty",
    "unit_price": "price", "currency": "cur", "type": "kind", "channel": "channel",
}  # fmt: skip
TYPES = {"sale": ["SALE"], "refund": ["RETURN"]}


@dataclass
class Expected:
    """What must come out: rows by verdict and code, and the money of each side in cents."""

    rows: dict[str, int] = field(default_factory=lambda: {"read": 0, "accepted": 0, "rejected": 0, "duplicates": 0})
    cents: dict[str, int] = field(default_factory=lambda: {"read": 0, "accepted": 0, "rejected": 0, "duplicates": 0})
    codes: dict[str, int] = field(default_factory=dict)

    def book(self, side: str, cents: int, code: str | None = None) -> None:
        for of in ("read", side):
            self.rows[of] += 1
            self.cents[of] += cents
        if code is not None:
            self.codes[code] = self.codes.get(code, 0) + 1


class World:
    """Lines of clean customers, and of dirty ones beside them."""

    def __init__(self, seed: int, customers: int = 40, of_each: int = 7) -> None:
        self.random = random.Random(seed)
        self.of_each = of_each
        self.clean = [line for i in range(customers) for line in self._orders(f"clean-{i:03d}", 1 + i % 6)]
        self.expected = Expected()
        for row in self.clean:
            self.expected.book("accepted", _cents(row))
        self.dirty: list[str] = []
        self.number = 0

    def lines(self) -> list[str]:
        """All lines of the file, shuffled."""
        found = [*(json.dumps(row, ensure_ascii=False) for row in self.clean), *self.dirty]
        self.random.shuffle(found)
        return found

    def plant_everything(self) -> None:
        """N of each kind."""
        for _ in range(self.of_each):
            self._rejected()
            self._accepted()
            self._repeated()
            self._refunds()

    def _orders(self, customer: str, orders: int) -> Iterator[Row]:
        for i in range(orders):
            day = datetime.combine(AS_OF, datetime.min.time()) - timedelta(days=self.random.randrange(0, 300))
            at = day.replace(hour=12, minute=self.random.randrange(60))
            for j in range(self.random.randrange(1, 4)):
                price = Decimal(self.random.randrange(100, 9900)) / 100
                yield _row(customer, f"{customer}-o{i}", f"{j}", at, str(self.random.randrange(1, 5)), f"{price}")

    def _row(self, **changes: str | None) -> Row:
        self.number += 1
        name = f"dirty-{self.number:05d}"
        at = datetime(2024, 5, 1, 10) + timedelta(minutes=self.number)
        return {**_row(name, f"{name}-o", "1", at, "2", "3.50"), **changes}

    def _plant(self, row: Row, side: str, code: str | None, cents: int) -> None:
        self.dirty.append(json.dumps(row, ensure_ascii=False))
        self.expected.book(side, cents, code)

    def _rejected(self) -> None:
        pick, cents = self.random.choice, 700
        self.dirty.append('{"customer": "torn", "order": "line ' + str(self.number))
        self.expected.book("rejected", 0, "rejected.malformed")
        kinds: dict[str, dict[str, str | None]] = {
            "anonymous": {"customer": pick([None, "", "  ", "\t", "\u00a0"])},
            "placeholder_id": {"customer": pick(["NULL", "null", "n/a", "None", "NaN", " undefined "])},
            "bad_date": {"at": pick([None, "", "2024-13-45 10:00:00", "yesterday", "2024-02-30"])},
            "before_1970": {"at": pick(["1969-12-31 10:00:00", "1900-01-01 00:00:00"])},
            "future_date": {"at": pick(["2999-01-01 00:00:00", "9999-12-31 23:59:59"])},
            "missing_order_id": {"order": pick([None, "", " "])},
            "unknown_type": {"kind": pick([None, "GIFT", "", "?"])},
            "unknown_currency": {"cur": pick([None, "", "E", "EURO", "12"])},
        }
        for code, changes in kinds.items():
            # A customer who has a line that can be used is not missed when another one can't.
            self._plant(self._row(**changes), "rejected", f"rejected.{code}", cents)
        for at in ("45292", pick(["12:30", "2024", "202406", "99999-01-01"])):
            self._plant(self._row(at=at), "rejected", "rejected.bad_date", cents)
        self._plant(self._row(price="-3.50"), "rejected", "rejected.negative_price", -cents)
        for price in ("abc", pick(["NaN", "inf", "-Infinity", "", "1,2,3"]), None):
            self._plant(self._row(price=price), "rejected", "rejected.bad_amount", 0)
        for price in ("1e400", pick(["99999999999999", "-1e300", "123456789012345678901234567890"])):
            self._plant(self._row(price=price), "rejected", "rejected.amount_overflow", 0)

    def _accepted(self) -> None:
        pick = self.random.choice
        self._plant(self._row(qty="-2"), "accepted", "repaired.negative_sale", -700)
        # A refund without its sale stands alone in its order.
        self.expected.codes["flagged.refund_without_sale"] = (
            self.expected.codes.get("flagged.refund_without_sale", 0) + 1
        )
        self._plant(self._row(qty="20000"), "accepted", "flagged.absurd_quantity", 7_000_000)
        self._plant(self._row(price=pick(["0", "0.00", "0e3"])), "accepted", "flagged.zero_price", 0)
        self._plant(self._row(price=pick(["0.001", "0.0024"])), "accepted", None, 0)
        self._plant(self._row(at="2023-10-29 02:30:00"), "accepted", "flagged.repeated_hour", 700)
        text = pick(["1.234,50 €", "$1,234.50", "EUR 1234,50", "1 234,50", "1'234.50", "+1,234.50 USD"])
        self._plant(self._row(price=text), "accepted", "repaired.formatted_number", 246_900)
        spaced = self._row()
        spaced["customer"] = pick([" {}", "{} ", "\t{}\n", "\u00a0{}", "{}\u2003"]).format(spaced["customer"])
        self._plant(spaced, "accepted", "repaired.id_whitespace", 700)
        accented = self._row()
        accented["customer"] = f"Rene\u0301-{accented['customer']}"
        self._plant(accented, "accepted", "repaired.id_unicode", 700)
        lower, upper = self._row(), self._row()
        upper["customer"] = str(lower["customer"]).upper()
        self._plant(lower, "accepted", None, 700)
        self._plant(upper, "accepted", "flagged.case_collision", 700)

    def _repeated(self) -> None:
        row = self._row()
        self._plant(row, "accepted", None, 700)
        for _ in range(self.random.randrange(1, 3)):
            self._plant(row, "duplicates", "repaired.exact_duplicate", 700)
        first = self._row()
        later = {**first, "at": "2024-06-01 10:00:00", "price": "9.99"}
        self._plant(first, "duplicates", "repaired.duplicate_line", 700)
        self._plant(later, "accepted", None, 1998)

    def _refunds(self) -> None:
        sale = self._row()
        self._plant(sale, "accepted", None, 700)
        back: Row = {**sale, "line": "2", "kind": "RETURN", "qty": "4"}
        self._plant(back, "accepted", "flagged.refund_exceeds_sale", -1400)
        self._plant(self._row(kind="RETURN"), "accepted", "flagged.refund_without_sale", -700)


def _row(customer: str, order: str, line: str, at: datetime, quantity: str, price: str) -> Row:
    return {
        "customer": customer, "order": order, "line": line, "at": f"{at:%Y-%m-%d %H:%M:%S}", "qty": quantity,
        "price": price, "cur": "EUR", "kind": "SALE", "channel": "web",
    }  # fmt: skip


def _cents(row: Row) -> int:
    return int(Decimal(str(row["qty"])) * Decimal(str(row["price"])) * 100)
