"""The tables of churn."""

from __future__ import annotations

from rfm_spark.core.table import run_table

NODES = "ARRAY<STRUCT<tree: INT, node: INT, feature: STRING, threshold: DOUBLE, below: INT, above: INT, value: DOUBLE>>"

CHURN_MODELS = run_table(
    "churn_models", "One row per model that was compared: all that it takes to score customers by it again",
    ("model", "STRING", "recency or p_alive, the baselines; logistic; or trees"),
    ("is_chosen", "BOOLEAN", "Whether churn_probability is told by it"),
    ("label", "STRING", "What stopping is: no order, or no subscription, within horizon_days"),
    ("horizon_days", "INT", "Days within which a customer stops"),
    ("learnt_as_of", "DATE", "Last day of what it was learnt from; whether they stopped is of the days after it"),
    ("tested_as_of", "DATE", "The same of what it was tested on"),
    ("definition", "STRING", "Hash of what it was learnt for"),
    ("params", "MAP<STRING,DOUBLE>", "Weights by feature, intercept; slope and shift turn a score into log-odds"),
    ("nodes", NODES, "Of trees: below leads on where the feature is at most the threshold; leaves have a value"),
    ("orders_model", "STRUCT<model: STRING, params: MAP<STRING,DOUBLE>>", "Of p_alive, the model of orders; in days"),
    ("metrics", "MAP<STRING,DOUBLE>", "On customers tested: auc, pr_auc, brier, log_loss, each with _low and _high"),
    ("learnt_from", "BIGINT", "Customers it was fitted on"),
    ("tested_on", "BIGINT", "Customers it was tested on"),
    ("stopped", "BIGINT", "Those of them who stopped"),
    ("drivers", "ARRAY<STRING>", "What counts most, in words"),
)  # fmt: skip

CHURN_CALIBRATION = run_table(
    "churn_calibration", "One row per tenth of the customers tested, those likeliest to stop last, by the chosen model",
    ("decile", "INT", "1 to 10"),
    ("customers", "BIGINT", "Customers"),
    ("predicted", "DOUBLE", "Mean probability told of them"),
    ("stopped", "DOUBLE", "Share of them who stopped"),
    ("low", "DOUBLE", "Lower end of Wilson's 95 % interval of that share"),
    ("high", "DOUBLE", "Its upper end"),
    ("lift", "DOUBLE", "The share by that of all customers tested"),
)  # fmt: skip

TABLES = (CHURN_MODELS, CHURN_CALIBRATION)
