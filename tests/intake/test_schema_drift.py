"""Columns of a source against those of its last run."""

from __future__ import annotations

import json

import pytest

from rfm_spark.core.reading.schema_drift import schema_changes

BEFORE = {"id": "string", "Amount": "decimal(12,2)", "at": "timestamp"}


@pytest.mark.parametrize(
    ("changes", "form", "message"),
    [
        ({}, "delta", []),
        ({"id": None}, "delta", ["id is missing"]),
        ({"new": "int"}, "delta", ["new is new (int)"]),
        ({"at": "string"}, "delta", ["at was timestamp and is string"]),
        ({"Amount": None, "amount": "decimal(12,2)"}, "delta", ["Amount is now spelled amount"]),
        ({"Amount": "double"}, "delta", ["Amount was decimal(12,2) and is double"]),
        ({"Amount": "bigint"}, "json", []),
        ({"Amount": "string"}, "json", ["Amount was decimal(12,2) and is string"]),
    ],
)
def test_every_change_is_named(changes: dict[str, str | None], form: str, message: list[str]) -> None:
    now = {name: kind for name, kind in {**BEFORE, **changes}.items() if kind is not None}
    assert schema_changes(json.dumps(BEFORE), json.dumps(now), form) == message
