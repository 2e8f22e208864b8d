"""Distributions of samples, made by numpy as `drift.distributions` defines them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rfm_spark.capabilities.drift.distributions import Distribution


def distribution_of(name: str, values: NDArray[np.float64], missing: int = 0) -> Distribution:
    """Customers per cell."""
    cells = np.sign(values) * np.floor(np.log1p(np.abs(values)) * 256 + 0.5)
    there, counts = np.unique(cells.astype(np.int64), return_counts=True)
    return Distribution(name, tuple(int(n) for n in counts), tuple(int(cell) for cell in there), missing=missing)
