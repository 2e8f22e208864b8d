"""The table of differences between groups."""

from __future__ import annotations

from rfm_spark.core.table import run_table

GROUP_DIFFERENCES = run_table(
    "group_differences", "One row per pair of groups and column of behaviour, the clearest difference first",
    ("first_group", "STRING", "As configured: a segment, cluster or stage, or a condition"),
    ("second_group", "STRING", "What it is compared with"),
    ("condition", "STRING", "That customers of both meet; null for none"),
    ("place", "INT", "1 for the largest difference of those that count, then the others"),
    ("column_name", "STRING", "Column of segments; or feature, whose use is compared"),
    ("value", "STRING", "Of a column of texts, or of yes and no, the value whose shares are compared; else null"),
    ("measure", "STRING", "cliffs_delta for numbers, risk_difference for shares"),
    ("first_customers", "BIGINT", "Customers of the first group with a value"),
    ("second_customers", "BIGINT", "Customers of the second with one"),
    ("first_typical", "DOUBLE", "Median of the first group, to within 0.4 %; of a value its share, 0 to 1"),
    ("second_typical", "DOUBLE", "The same of the second group"),
    ("effect", "DOUBLE", "-1 to 1, above 0 where the first group is higher"),
    ("low", "DOUBLE", "Lower end of its 95 % interval"),
    ("high", "DOUBLE", "Upper end of it"),
    ("p_value", "DOUBLE", "Two-sided, of no difference"),
    ("q_value", "DOUBLE", "The same, adjusted for all columns of the pair (Benjamini and Hochberg 1995)"),
    ("differs", "BOOLEAN", "Whether q_value is at most 0.05"),
    ("hypothesis", "STRING", "What the difference suggests to try; it is an association, no cause"),
)  # fmt: skip

TABLES = (GROUP_DIFFERENCES,)
