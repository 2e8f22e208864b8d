"""The tables of predictions of orders."""

from __future__ import annotations

from rfm_spark.core.table import SCOPE, Table, run_table

FORECASTS = "ARRAY<STRUCT<horizon: INT, orders: DOUBLE, low: DOUBLE, high: DOUBLE>>"

CLV_MODELS = run_table(
    "clv_models", "One row per fitted model: of orders, and of spend (of each scope, where amounts are apart)",
    SCOPE,
    ("kind", "STRING", "orders or spend"),
    ("model", "STRING", "bg_nbd, mbg_nbd, pareto_nbd or nbd; gamma_gamma or own_mean"),
    ("is_used", "BOOLEAN", "Whether forecasts are made by it; a model that is asked for and no good has a row, too"),
    ("params", "MAP<STRING,DOUBLE>", "Parameters; times in days ÷ period_days, v and mean in money"),
    ("standard_errors", "MAP<STRING,DOUBLE>", "Of the parameters, by the curvature at the optimum; empty at a border"),
    ("log_likelihood", "DOUBLE", "At the optimum, of all customers"),
    ("customers", "BIGINT", "Customers it was fitted on; of spend those who ordered on two days"),
    ("cells", "BIGINT", "Different histories among them"),
    ("grain_days", "INT", "Days that histories are put together by; 1 for none"),
    ("period_days", "DOUBLE", "Days of a period"),
    ("converged", "BOOLEAN", "Whether the slope is flat at the optimum"),
    ("boundary", "STRING", "What it ran to, such as no_dropout; null where it stayed inside"),
    ("correlation", "DOUBLE", "Of spend: rank correlation with the number of orders"),
    ("clv_cuts", "MAP<STRING,ARRAY<DOUBLE>>", "Of spend, by scope: clv above the first scores 2, above the fourth 5"),
)  # fmt: skip

CLV_CELLS = run_table(
    "clv_cells", "One row per different history of orders, with what is expected of a customer who has it",
    ("repeat_days", "INT", "Days with an order after the first one, x"),
    ("last_days", "INT", "Days from the first order to the last, t_x"),
    ("age_days", "INT", "Days from the first order to as_of_date, T"),
    ("customers", "BIGINT", "Customers who have it"),
    ("p_alive", "DOUBLE", "Probability that they still order"),
    ("forecasts", FORECASTS, "Days with an order expected per horizon, with a 95 % interval of that if it is known"),
    ("discounted_orders", "DOUBLE", "Those of the last horizon, each discounted from its time to as_of_date"),
)  # fmt: skip

CLV_TOTALS = run_table(
    "clv_totals", "One row per horizon: what all customers together are expected to do",
    ("horizon", "INT", "Periods ahead"),
    ("until", "DATE", "Last day of it"),
    ("customers", "BIGINT", "Customers"),
    ("expected_orders", "DOUBLE", "Days with an order"),
    ("low", "DOUBLE", "Lower end of the interval that 95 % of outcomes are in, if the model is right"),
    ("high", "DOUBLE", "Its upper end"),
)  # fmt: skip

BACKTESTS = Table("backtests", "ledger", "One row per group of customers in a test of forecasts against what came", (
    ("backtest_id", "STRING", "Names the test by what was tested: the same test again replaces it"),
    ("config_name", "STRING", "Segmentation"),
    ("run_id", "STRING", "Run whose rows were read"),
    ("calibrated_until", "DATE", "Last day of what the model was fitted on"),
    ("until", "DATE", "Last day of what was forecast"),
    ("model", "STRING", "Model of orders that was used"),
    ("wanted", "STRING", "Model that was asked for"),
    ("notes", "ARRAY<STRING>", "What a reader should know of the fits, such as why another model was used"),
    ("kind", "STRING", "total, segment, decile or week"),
    ("name", "STRING", "Segment as of calibrated_until; decile of what is expected, 10 is most; last day of a week"),
    ("customers", "BIGINT", "Customers who had ordered by then"),
    ("predicted_orders", "DOUBLE", "Days with an order expected; of a week up to its end"),
    ("low", "DOUBLE", "Lower end of the 95 % interval of total; null of others"),
    ("high", "DOUBLE", "Its upper end"),
    ("actual_orders", "BIGINT", "Days with an order there were"),
    ("predicted_spend", "DOUBLE", "Money expected; null of weeks and of amounts in several currencies"),
    ("actual_spend", "DECIMAL(28,2)", "Money there was; likewise"),
    ("tested_at", "TIMESTAMP", "When"),
))  # fmt: skip


def cells_schema() -> str:
    """The columns of `clv_cells` without the keys of a run, as Spark's DDL text."""
    return ", ".join(f"`{name}` {kind}" for name, kind, _ in CLV_CELLS.columns[2:])


TABLES = (CLV_MODELS, CLV_CELLS, CLV_TOTALS, BACKTESTS)
