"""The tables of messages: tiers per customer and channel, and how many have which."""

from __future__ import annotations

from rfm_spark.capabilities.engagement.words import OLDER_TIERS
from rfm_spark.core.renames import Renamed
from rfm_spark.core.table import run_table

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
    ("tier", "STRING", "highly_engaged, moderately, disengaged or insufficient"),
    ("reason", "STRING", "Why suppressed: unsubscribed, complained, bounced or disengaged; or few_messages; else null"),
    ("suppressed", "BOOLEAN", "Whether exports must leave the customer out of this channel"),
    ("suppressed_since", "DATE", "Day of what suppressed the customer"),
    ("sunset_since", "DATE", "Since when they are left alone as disengaged, whatever else suppresses them"),
    ("last_act_date", "DATE", "Latest open, click, reply, redemption, visit or order known, in any channel"),
    ("reactivated_on", "DATE", "Day of the act that last lifted a suppression of the disengaged"),
    ("last_response_date", "DATE", "Latest open, click, reply or redemption that counted"),
    ("action", "STRING", "What to do with the customer in this channel"),
    renames=(Renamed("tier", words=OLDER_TIERS), Renamed("sunset_since", was="quiet_since")),
)  # fmt: skip

ENGAGEMENT_SUMMARY = run_table(
    "engagement_summary", "One row per channel and tier",
    ("channel", "STRING", "email, sms, push, ad, coupon, or all"),
    ("tier", "STRING", "highly_engaged, moderately, disengaged or insufficient"),
    ("customers", "BIGINT", "Customers in it"),
    ("share", "DOUBLE", "Their share of the channel's customers, 0 to 1"),
    ("share_lower", "DOUBLE", "What the share would be with every threshold 5 points lower"),
    ("share_higher", "DOUBLE", "What the share would be with every threshold 5 points higher"),
    ("suppressed", "BIGINT", "Suppressed customers among them"),
    ("delivered", "BIGINT", "Messages delivered to them"),
    ("opened", "BIGINT", "Of these, opened; null in a channel without opens"),
    ("responded", "BIGINT", "Of these, clicked, replied to or redeemed"),
    ("action", "STRING", "What to do with them"),
    renames=(Renamed("tier", words=OLDER_TIERS),),
)  # fmt: skip

_MEASURES = (
    ("engagement_recency_days", "INT", "Days since the last interaction or response; null without one"),
    ("engagement_frequency", "BIGINT", "Days with an interaction, or messages opened or answered"),
    ("engagement_value", "DOUBLE", "Intent score, or weighted responses"),
)

RESPONSES = run_table(
    "responses", "One row per customer with messages: what scores of engagement are made of, for the steps that follow",
    ("customer_id", "STRING", "Customer"),
    *_MEASURES,
)  # fmt: skip

ENGAGEMENT_SCORES = run_table(
    "engagement_scores", "One row per customer with interactions or responses: their scores, for the steps that follow",
    ("customer_id", "STRING", "Customer"),
    *ENGAGEMENT_RFM_COLUMNS,
)  # fmt: skip

TABLES = (ENGAGEMENT, ENGAGEMENT_SUMMARY, RESPONSES, ENGAGEMENT_SCORES)
