"""A key that another has."""

from __future__ import annotations

from rfm_spark.core.strict import Strict


class Loyalty(Strict):
    """What is made of points."""


SETTINGS = {"loyalty": Loyalty}
