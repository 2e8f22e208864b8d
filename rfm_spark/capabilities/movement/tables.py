"""The tables of moves between two runs."""

from __future__ import annotations

from rfm_spark.core.table import SCOPE, run_table

NO_SEGMENT = "(none)"
CAUSES = (
    "inactivity", "behaviour", "correction", "thresholds", "both", "definition", "entered", "left", "masked",
)  # fmt: skip

SEGMENT_CHANGES = run_table(
    "segment_changes", "One row per customer whose segment differs from the previous run's",
    SCOPE,
    ("customer_id", "STRING", "Customer"),
    ("previous_run_id", "STRING", "Run compared with"),
    ("from_segment", "STRING", f"Segment before; {NO_SEGMENT} for a customer who entered"),
    ("to_segment", "STRING", f"Segment now; {NO_SEGMENT} for a customer who left"),
    ("cause", "STRING", "Why: " + ", ".join(CAUSES[:-1])),
)  # fmt: skip

SEGMENT_TRANSITIONS = run_table(
    "segment_transitions", "One row per pair of segments between the previous run and this one, with the diagonal",
    SCOPE,
    ("previous_run_id", "STRING", "Run compared with"),
    ("from_segment", "STRING", f"Segment before; {NO_SEGMENT} for customers who entered"),
    ("to_segment", "STRING", f"Segment now; {NO_SEGMENT} for customers who left"),
    ("customers", "BIGINT", "Customers who went this way"),
    ("share", "DOUBLE", "Their share of from_segment, 0 to 1"),
    ("low", "DOUBLE", "Lower end of the 95 % Wilson interval of share"),
    ("high", "DOUBLE", "Upper end of it"),
    ("revenue", "DECIMAL(28,2)", "Their monetary now (before, for those who left)"),
    *((cause, "BIGINT", f"Customers with cause {cause}") for cause in CAUSES),
    ("small", "BOOLEAN", "Fewer than 30 customers in from_segment: the share says little"),
)  # fmt: skip

CLUSTER_CAUSES = ("migration", "relabelling", "both", "entered", "left")

CLUSTER_TRANSITIONS = run_table(
    "cluster_transitions", "One row per pair of clusters between the previous run and this one, with the diagonal",
    SCOPE,
    ("previous_run_id", "STRING", "Run compared with"),
    ("from_cluster", "INT", "Cluster before; null for customers who entered"),
    ("to_cluster", "INT", "Cluster now; null for customers who left"),
    ("customers", "BIGINT", "Customers who went this way"),
    ("share", "DOUBLE", "Their share of from_cluster, 0 to 1"),
    ("low", "DOUBLE", "Lower end of the 95 % Wilson interval of share"),
    ("high", "DOUBLE", "Upper end of it"),
    ("revenue", "DECIMAL(28,2)", "Their monetary now (before, for those who left)"),
    *((cause, "BIGINT", f"Customers with cause {cause}") for cause in CLUSTER_CAUSES),
    ("small", "BOOLEAN", "Fewer than 30 customers in from_cluster: the share says little"),
)  # fmt: skip

TABLES = (SEGMENT_CHANGES, SEGMENT_TRANSITIONS, CLUSTER_TRANSITIONS)
