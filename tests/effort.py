"""How much the tests do: enough for every change, or all that the proofs ask for (`make proofs`)."""

from __future__ import annotations

import os
from typing import TypeVar

import pytest

FULL = os.environ.get("RFM_SPARK_PROOFS") == "1"
Amount = TypeVar("Amount")

# Minutes for one case whose kin is tested all the same.
only_in_full = pytest.mark.skipif(not FULL, reason="runs with make proofs")


def amount(short: Amount, full: Amount) -> Amount:
    """The one that fits."""
    return full if FULL else short
