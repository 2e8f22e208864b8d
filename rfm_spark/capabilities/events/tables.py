"""The table of what customers do before they buy, per window."""

from __future__ import annotations

from rfm_spark.core.table import run_table

# Of `interactions`, for one window.
INTERACTION_COLUMNS = (
    ("sessions", "BIGINT", "Sessions on web and app (session_channels) that ended in the window"),
    ("events", "BIGINT", "Events in the window, technical ones left out"),
    ("clicks", "BIGINT", "Events of type click"),
    ("page_views", "BIGINT", "Events of type page_view"),
    ("product_views", "BIGINT", "Events of type product_view"),
    ("searches", "BIGINT", "Events of type search"),
    ("filter_uses", "BIGINT", "Events of type filter_use"),
    ("add_to_carts", "BIGINT", "Events of type add_to_cart"),
    ("video_plays", "BIGINT", "Events of type video_play"),
    ("bounce_rate", "DOUBLE", "Sessions of one event, as a share of the sessions; null without a session"),
    ("mean_session_seconds", "DOUBLE", "Mean time from the first to the last event of a session; null without one"),
    ("active_days", "INT", "Days with an event"),
    (
        "view_to_cart_rate",
        "DOUBLE",
        "Of the sessions with a product view, the share with an add to cart; null where the source has none",
    ),
    (
        "cart_to_order_rate",
        "DOUBLE",
        "Of the sessions with an add to cart, the share with an order; null where the source has none",
    ),
    ("intent_score", "DOUBLE", "Sum of interactions.intent_weights over the events"),
    ("last_event_ts", "TIMESTAMP", "Latest event in the window"),
)
INTERACTIONS = run_table(
    "interactions", "One row per customer with an event in the longest window, and window",
    ("customer_id", "STRING", "Customer"),
    ("window_days", "INT", "Length of the window that ends on as_of_date"),
    *INTERACTION_COLUMNS,
    ("channels", "MAP<STRING,BIGINT>", "Events per channel"),
)  # fmt: skip

VISITS = run_table(
    "visits", "One row per customer with an event in the days that were read: for the steps that follow",
    ("customer_id", "STRING", "Customer"),
    ("last_event_date", "DATE", "Date of their latest event"),
)  # fmt: skip

LAST_EVENTS = run_table(
    "last_events", "One row per customer who ever did what rfm.measures.recency is of: for the steps that follow",
    ("customer_id", "STRING", "Customer"),
    ("last_date", "DATE", "Date of the latest such event, over all history"),
)  # fmt: skip

FEATURE_ADOPTION = run_table(
    "feature_adoption", "One row per customer and feature used in the main window",
    ("customer_id", "STRING", "Customer"),
    ("feature", "STRING", "As the source names it"),
    ("uses", "BIGINT", "Events of it in the window"),
    ("days", "INT", "Days with one"),
    ("share_of_days", "DOUBLE", "Of the customer's active days in the window, the share with one, 0 to 1"),
    ("first_used", "DATE", "First use in the window"),
    ("last_used", "DATE", "Last use in the window"),
)  # fmt: skip

FEATURE_SUMMARY = run_table(
    "feature_summary", "One row per feature used in the main window",
    ("feature", "STRING", "As the source names it"),
    ("customers", "BIGINT", "Customers who used it"),
    ("share", "DOUBLE", "Their share of customers with an event in the window, 0 to 1"),
    ("uses", "BIGINT", "Events of it"),
    ("days", "BIGINT", "Days of customers with one"),
)  # fmt: skip

TABLES = (INTERACTIONS, VISITS, LAST_EVENTS, FEATURE_ADOPTION, FEATURE_SUMMARY)
