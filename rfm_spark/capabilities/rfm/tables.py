"""The table of cut points."""

from __future__ import annotations

from rfm_spark.core.table import SCOPE, run_table

SEGMENT_CUTS = run_table(
    "segment_cuts", "One row per measure (and outer score when nested): the cut points scores were made with",
    SCOPE,
    ("cuts_of", "STRING", "Scope whose customers the cuts were taken of: all where those of scope are too few"),
    ("measure", "STRING", "recency_days, frequency or monetary"),
    ("among", "STRING", "Column that is above 0 for whom cuts of F and M were taken over; all others score 1"),
    ("within", "STRING", "Outer scores when nested, as r=3; empty otherwise"),
    ("method", "STRING", "quantile, fixed or frozen"),
    ("bins", "INT", "Number of scores asked for"),
    ("cuts", "ARRAY<DOUBLE>", "Cut points: score = 1 + cuts strictly below the value, reversed for recency"),
    ("distinct_scores", "INT", "Scores that can occur; fewer than bins when cuts coincide"),
)  # fmt: skip

TABLES = (SEGMENT_CUTS,)
