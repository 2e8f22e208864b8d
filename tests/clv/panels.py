"""Simulated customers, event by event, and the published sample; nothing here knows the formulas under test."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from rfm_spark.capabilities.clv.buying import Array, Histories

DATA = Path(__file__).parents[1] / "data"
CALIBRATION, END = date(1997, 9, 30), date(1998, 6, 30)


@dataclass(frozen=True)
class Panel:
    """Customers whose whole life is known.

    Attributes:
        x: repeat orders up to now.
        t_x: time of the last one since the first.
        age: of each customer.
        later: orders after now, within `ahead`.
        alive: who has not stopped.
    """

    x: Array
    t_x: Array
    age: Array
    later: Array
    alive: Array

    @property
    def histories(self) -> Histories:
        """What models see of them."""
        return Histories(self.x, self.t_x, self.age, np.ones_like(self.x))


def bg_nbd_panel(
    customers: int, parameters: tuple[float, float, float, float], seed: int, ahead: float = 39.0,
    *, at_first: bool = False,
) -> Panel:  # fmt: skip
    """Customers who order at a rate of their own, and stop after an order with a probability of their own.

    Args:
        customers: how many.
        parameters: r, alpha, a, b; with a of 0 nobody stops.
        seed: of all that is drawn.
        ahead: how long they are watched after now.
        at_first: whether they may stop after the first order.
    """
    r, alpha, a, b = parameters
    rng = np.random.default_rng(seed)
    rates = rng.gamma(r, 1 / alpha, customers)
    stops = rng.beta(a, b, customers) if a else np.zeros(customers)
    age = rng.uniform(26.0, 52.0, customers)
    time, x, t_x, later = (np.zeros(customers) for _ in range(4))
    goes_on = rng.random(customers) >= stops if at_first else np.ones(customers, dtype=bool)
    alive = goes_on.copy()
    while goes_on.any():
        time = time + rng.exponential(1.0, customers) / np.maximum(rates, 1e-12)
        now, ahead_of = goes_on & (time <= age), goes_on & (time > age) & (time <= age + ahead)
        x += now
        t_x = np.where(now, time, t_x)
        later += ahead_of
        stays = rng.random(customers) >= stops
        alive &= ~(now & ~stays)
        goes_on &= (now | ahead_of) & stays
    return Panel(x, t_x, age, later, alive.astype(np.float64))


def cdnow(as_of: date = CALIBRATION) -> pd.DataFrame:
    """Of each customer of the CDNOW sample: x, t_x, age in weeks, and the mean of repeat days in dollars."""
    days = cdnow_days()
    until = days[days["day"] <= pd.Timestamp(as_of)]
    grouped = until.groupby("customer")["day"]
    found = pd.DataFrame({"x": grouped.size() - 1, "first": grouped.min(), "last": grouped.max()})
    found["t_x"] = (found["last"] - found["first"]).dt.days / 7
    found["age"] = (pd.Timestamp(as_of) - found["first"]).dt.days / 7
    repeat = until[until["day"] > until["customer"].map(found["first"])]
    found["mean"] = repeat.groupby("customer")["dollars"].sum() / found["x"]
    return found


def cdnow_days() -> pd.DataFrame:
    """Days with an order: customer, day, dollars."""
    with gzip.open(DATA / "cdnow_sample.csv.gz", "rt", encoding="ascii") as file:
        orders = pd.read_csv(file, parse_dates=["date"], date_format="%Y%m%d")
    renamed = orders.rename(columns={"date": "day"})
    return renamed.groupby(["customer", "day"])["dollars"].sum().reset_index()


def as_histories(found: pd.DataFrame) -> Histories:
    """Of `cdnow`, each customer a history of their own."""
    x, t_x, age = (found[name].to_numpy(np.float64) for name in ("x", "t_x", "age"))
    return Histories(x, t_x, age, np.ones(len(found)))
