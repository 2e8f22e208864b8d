"""What `explain` says of a customer's cluster, and how sure it is."""

from __future__ import annotations

from math import inf

from rfm_spark.core.explaining import PublishedCustomer
from rfm_spark.core.table import ALL

# Ratios of the two distances below which a customer's cluster is called so.
_SURENESS = (
    (0.5, "clearly in their cluster"),
    (0.8, "in their cluster, with a second one in sight"),
    (0.95, "between two clusters"),
    (inf, "on the border, a small change moves them"),
)


def cluster_lines(customer: PublishedCustomer) -> list[str]:
    """Their cluster, its distances, and what was missing for it; nothing of runs without clusters."""
    row = customer.row
    if row["cluster_id"] is None:
        scope = row.get("scope") or ALL
        without = customer.run.model_version is not None and scope != ALL
        return [f"  cluster    none: the model has no clusters for customers of {scope}"] if without else []
    second = row["second_distance"]
    other = f", second nearest at {second:.2f}" if second is not None else ""
    lines = [f"  cluster    {row['cluster_id']} {row['cluster_name']}, centre at {row['cluster_distance']:.2f}{other}"]
    if second is not None:
        lines.append(f"  ambiguity  {ambiguity(row['cluster_distance'], second)}")
    if row["cluster_imputed"]:
        lines.append(f"  imputed    {', '.join(row['cluster_imputed'])}: without a value, a stand-in was taken")
    return lines


def ambiguity(nearest: float, second: float) -> str:
    """How sure a cluster is, from the distances to the two nearest centres: their ratio, and what it means."""
    ratio = nearest / second if second > 0 else 1.0
    words = next(words for limit, words in _SURENESS if ratio < limit)
    return f"their centre is at {ratio:.2f} of the distance to the second nearest (1 is the border): {words}"


EXPLAIN = (cluster_lines,)
