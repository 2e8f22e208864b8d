"""`rfm-spark explain`: why a customer is where they are."""

from __future__ import annotations

import argparse
import json
import re

from pyspark.sql import functions as F

from rfm_spark.core.columns import CUSTOMERS
from rfm_spark.core.desk import Desk
from rfm_spark.core.errors import ConfigError
from rfm_spark.core.explaining import PublishedCustomer
from rfm_spark.core.registry import given
from rfm_spark.core.runs import RunDetails, current_runs


def explain_command(options: argparse.Namespace, desk: Desk) -> int:
    """Print what each capability has to say of one customer."""
    for line in explanation(desk, desk.run(options.run), options.customer_id):
        print(line)
    return 0


def explanation(desk: Desk, run: RunDetails, customer_id: str) -> list[str]:
    """The lines `explain` prints.

    Raises:
        ConfigError: the run has no such customer.
    """
    customer = published_customer(desk, run, customer_id)
    return [
        line
        for name in ("HEADLINE", "EXPLAIN")
        for _, functions in given("explain", name)
        for explains in functions
        for line in explains(customer)
    ]


def published_customer(desk: Desk, run: RunDetails, customer_id: str) -> PublishedCustomer:
    """One customer of a run.

    Raises:
        ConfigError: the run has no such customer.
    """
    spelled = spellings(customer_id)
    rows = desk.tables.of_runs(CUSTOMERS, [run.run_id])
    found = rows.where(F.col("customer_id").isin(*spelled)).limit(2).collect()
    if not found:
        raise ConfigError("explain", [f"run {run.run_id} has no customer {customer_id!r}; ids are compared exactly"])
    row = min((one.asDict() for one in found), key=lambda one: spelled.index(one["customer_id"]))
    current = current_runs(desk.complete(run.config_name), run.config_name)
    return PublishedCustomer(row, run, json.loads(run.config), tuple(current.values()), desk.tables)


def spellings(customer_id: str) -> list[str]:
    """An id as it was typed, then as a whole number that went through floating point is written elsewhere."""
    whole = re.sub(r"^(-?[0-9]+)\.0+$", r"\1", customer_id)
    # Runs of earlier versions kept the point.
    return list(dict.fromkeys((customer_id, whole, f"{whole}.0" if whole.lstrip("-").isdigit() else customer_id)))
