"""The tables of drift: distributions, figures, and the health of trackers."""

from __future__ import annotations

from rfm_spark.core.renames import Renamed
from rfm_spark.core.table import SCOPE, run_table

DISTRIBUTIONS = run_table(
    "distributions", "One row per column looked at for drift: how the customers are spread over its values",
    SCOPE,
    ("feature", "STRING", "Column of segments"),
    ("cells", "ARRAY<INT>", "Ascending cells of a number x: sign(x) · round(256 · log(1 + |x|)); null for a category"),
    ("labels", "ARRAY<STRING>", "Values of a category, in order; null for a number"),
    ("counts", "ARRAY<BIGINT>", "Customers per cell or label"),
    ("missing", "BIGINT", "Customers without a value"),
)  # fmt: skip

DRIFT = run_table(
    "drift", "One row per figure that tells whether something drifted",
    SCOPE,
    ("metric", "STRING", "psi, w1, missing_rate, zero_rate, volume, rate, regret, ari, spread, …; or verdict"),
    ("subject", "STRING", "A column, a cluster (as its id) or all"),
    ("against", "STRING", "previous (run), training (of the champion), or past or earlier (weeks of the same rate)"),
    ("value", "DOUBLE", "The figure"),
    ("threshold", "DOUBLE", "From here on it counts; null where it is only told"),
    ("severity", "STRING", "none, insufficient, changed, moderate or major"),
    ("p_value", "DOUBLE", "Of so large a figure without a change; null where none is taken"),
    ("previous_run_id", "STRING", "Run compared with"),
    ("detail", "STRING", "In words"),
    renames=(Renamed("metric", words=(("flicker", "flapping"),)),),
)  # fmt: skip

TRACKING = run_table(
    "tracking", "One row per source, channel and event type: its volume against its own past",
    ("source", "STRING", "events or messages"),
    ("channel", "STRING", "Channel"),
    ("event_type", "STRING", "Event type, or event of a message"),
    ("recent", "BIGINT", "Rows of the last 7 days up to as_of_date"),
    ("weekly_mean", "DOUBLE", "Mean of the four weeks before; null where the source does not reach back so far"),
    ("ratio", "DOUBLE", "recent ÷ weekly_mean"),
    ("first_day", "DATE", "First day with a row, of the days looked at"),
    ("last_day", "DATE", "Last day with a row"),
    ("silent_days", "INT", "Days without a row, up to as_of_date"),
    ("usual_silence", "INT", "Longest run of days without a row before"),
    ("status", "STRING", "ok, stopped, low, high, new, paused (nothing was sent), or sparse (too little to tell)"),
    ("detail", "STRING", "In words"),
)  # fmt: skip

TABLES = (DISTRIBUTIONS, DRIFT, TRACKING)
