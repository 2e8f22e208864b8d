"""What a customer's row says of where they were in the run before, and why they are elsewhere now."""

from __future__ import annotations

from rfm_spark.core.columns import CustomerColumn

COLUMNS = (
    CustomerColumn("previous_segment", "STRING", "Segment in the previous run; null for a customer who was not in it"),
    CustomerColumn("previous_cluster_id", "INT", "Cluster in the previous run, under the ids of its model"),
    CustomerColumn(
        "move_cause", "STRING", "Why the segment is another than in the previous run, as in segment_transitions"
    ),
    CustomerColumn(
        "cluster_move_cause", "STRING", "Why the cluster is another than in the previous run, as in cluster_transitions"
    ),
    CustomerColumn("moved_back", "BOOLEAN", "Whether they are back in the segment that they left a run ago"),
    CustomerColumn("confirmed_moved", "BOOLEAN", "Whether confirmed_segment is another than in the previous run"),
)
