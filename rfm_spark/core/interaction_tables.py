"""The tables of interactions, engagement and tracking, and what of them a customer's row carries."""

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
# Of `engagement`, channel 'all'.
ENGAGEMENT_COLUMNS = (
    ("delivered", "BIGINT", "Messages of all channels delivered in the window"),
    ("open_rate", "DOUBLE", "Share of them opened, over the channels with opens"),
    ("click_rate", "DOUBLE", "Share of them clicked"),
    ("response_rate", "DOUBLE", "Share of them clicked, replied to or redeemed"),
    ("suppressed", "BOOLEAN", "Whether every channel with messages is suppressed"),
    *((f"{name}_tier", "STRING", f"Engagement tier of the channel {name}") for name in
      ("email", "sms", "push", "ad", "coupon")),
)  # fmt: skip
ENGAGEMENT_RFM_COLUMNS = (
    ("engagement_recency_days", "INT", "Days since the last interaction or response; null without one"),
    ("engagement_frequency", "BIGINT", "Days with an interaction, or messages opened or answered"),
    ("engagement_value", "DOUBLE", "Intent score, or weighted responses"),
    ("engagement_r_score", "INT", "Score of engagement_recency_days, highest is most recent"),
    ("engagement_f_score", "INT", "Score of engagement_frequency"),
    ("engagement_m_score", "INT", "Score of engagement_value"),
    ("engagement_rfm_code", "STRING", "The three scores, as 545"),
)
CUSTOMER_COLUMNS = (*INTERACTION_COLUMNS, *ENGAGEMENT_COLUMNS, *ENGAGEMENT_RFM_COLUMNS)

INTERACTIONS = run_table(
    "interactions", "One row per customer with an event in the longest window, and window",
    ("customer_id", "STRING", "Customer"),
    ("window_days", "INT", "Length of the window that ends on as_of_date"),
    *INTERACTION_COLUMNS,
    ("channels", "MAP<STRING,BIGINT>", "Events per channel"),
)  # fmt: skip

ENGAGEMENT = run_table(
    "engagement", "One row per customer and channel with messages in the window or a suppression, and one for all",
    ("customer_id", "STRING", "Customer"),
    ("channel", "STRING", "email, sms, push, ad, coupon, or all"),
    ("delivered", "BIGINT", "Messages delivered (or shown) in the window"),
    ("opened", "BIGINT", "Of these, opened; null in a channel without opens"),
    ("clicked", "BIGINT", "Of these, clicked"),
    ("replied", "BIGINT", "Of these, replied to"),
    ("redeemed", "BIGINT", "Of these, redeemed"),
    ("responded", "BIGINT", "Of these, clicked, replied to or redeemed"),
    ("open_rate", "DOUBLE", "opened ÷ delivered; null in a channel without opens"),
    ("click_rate", "DOUBLE", "clicked ÷ delivered"),
    ("response_rate", "DOUBLE", "responded ÷ delivered"),
    ("tier", "STRING", "highly, moderately, disengaged or insufficient"),
    ("reason", "STRING", "Why suppressed: unsubscribed, complained, bounced or disengaged; or few_messages; else null"),
    ("suppressed", "BOOLEAN", "Whether exports must leave the customer out of this channel"),
    ("suppressed_since", "DATE", "Day of what suppressed the customer"),
    ("quiet_since", "DATE", "Since when they are left alone as disengaged, whatever else suppresses them"),
    ("last_act_date", "DATE", "Latest open, click, reply, redemption, visit or order known, in any channel"),
    ("reactivated_on", "DATE", "Day of the act that last lifted a suppression of the disengaged"),
    ("last_response_date", "DATE", "Latest open, click, reply or redemption that counted"),
    ("action", "STRING", "What to do with the customer in this channel"),
)  # fmt: skip

ENGAGEMENT_SUMMARY = run_table(
    "engagement_summary", "One row per channel and tier",
    ("channel", "STRING", "email, sms, push, ad, coupon, or all"),
    ("tier", "STRING", "highly, moderately, disengaged or insufficient"),
    ("customers", "BIGINT", "Customers in it"),
    ("share", "DOUBLE", "Their share of the channel's customers, 0 to 1"),
    ("share_lower", "DOUBLE", "What the share would be with every threshold 5 points lower"),
    ("share_higher", "DOUBLE", "What the share would be with every threshold 5 points higher"),
    ("suppressed", "BIGINT", "Suppressed customers among them"),
    ("delivered", "BIGINT", "Messages delivered to them"),
    ("opened", "BIGINT", "Of these, opened; null in a channel without opens"),
    ("responded", "BIGINT", "Of these, clicked, replied to or redeemed"),
    ("action", "STRING", "What to do with them"),
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
