"""Engagement tiers per channel and over all, and whom campaigns must leave out until they stir again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from rfm_spark.capabilities.engagement.config import EngagementConfig, OpenTiers, ResponseTiers
from rfm_spark.capabilities.engagement.messages import Judging
from rfm_spark.capabilities.engagement.tables import ENGAGEMENT
from rfm_spark.capabilities.engagement.words import ALL_CHANNELS, MESSAGE_CHANNELS, TIERS

# Points by which thresholds are moved to see what hangs on them.
SHIFT = 0.05
_COUNTS = ("delivered", "opened", "clicked", "replied", "redeemed", "responded", "reacted")
_KEPT = (
    "customer_id", "channel", *_COUNTS, "open_base", "tier", "tier_lower", "tier_higher", "reason", "suppressed",
    "suppressed_since", "reactivated_on", "last_response_date", "sunset_since", "last_act_date",
)  # fmt: skip


@dataclass(frozen=True)
class Rates:
    """What a tier is judged by: columns of counts, in one row.

    Attributes:
        delivered: messages.
        open_base: messages of channels with opens; equal to delivered within such a channel.
        opened: of these, opened.
        clicked: of delivered, clicked; responded for all channels together.
        responded: of delivered, answered.
    """

    delivered: Column
    open_base: Column
    opened: Column
    clicked: Column
    responded: Column


def tier(channel: str, config: EngagementConfig, rates: Rates, shift: float = 0.0) -> Column:
    """The tier of a row of one channel: above both thresholds highly_engaged, below both disengaged, else moderately.

    Args:
        channel: its name, or all.
        config: thresholds and min_messages.
        rates: the counts.
        shift: added to every threshold.
    """
    by_response = _by_response(config.response_tiers(channel), rates, shift)
    by_both = _by_opens(config.open_tiers(channel), rates, shift)
    if channel == ALL_CHANNELS:
        validated = F.when(rates.open_base > 0, by_both).otherwise(by_response)
    else:
        validated = by_both if config.has_opens(channel) else by_response
    return F.when(rates.delivered < config.min_messages, F.lit("insufficient")).otherwise(validated)


def engagement(
    channels: DataFrame, judging: Judging, before: DataFrame | None, last_activity: DataFrame | None
) -> DataFrame:
    """Rows of table `engagement`, with `tier_lower` and `tier_higher` beside.

    Args:
        channels: of `messages.channel_counts`.
        judging: the settings.
        before: rows of the previous run: customer_id, channel, suppressed, sunset_since, last_act_date, reactivated_on.
        last_activity: customer_id, last_activity_date DATE: the latest visit or order of a customer.

    Returns:
        One row per customer and channel with messages in the window or a suppression, and one row `all` for each
        customer; the columns of `engagement`, tier_lower and tier_higher STRING (with thresholds 5 points lower and
        higher).
    """
    config = judging.config
    validated = _with_tiers(channels, config)
    known = _with_history(validated, before, last_activity)
    suppressed = _suppressed(known, config, judging.as_of)
    there = (F.col("delivered") > 0) | F.col("suppressed") | F.col("reactivated_on").isNotNull()
    kept = suppressed.where(there).withColumn("open_base", F.col("delivered")).select(*_KEPT)
    return _finished(kept.unionByName(_over_all(kept, config)), config)


def engagement_summary(rows: DataFrame, config: EngagementConfig) -> DataFrame:
    """Rows of table `engagement_summary`.

    Args:
        rows: of `engagement`.
        config: for the actions.
    """
    tiers = F.array(*(F.lit(name) for name in TIERS))
    each = rows.select("*", F.explode(tiers).alias("one"))
    mine = F.col("tier") == F.col("one")
    counts = each.groupBy("channel", "one").agg(
        F.count(F.when(mine, 1)).alias("customers"),
        F.count(F.when(F.col("tier_lower") == F.col("one"), 1)).alias("lower"),
        F.count(F.when(F.col("tier_higher") == F.col("one"), 1)).alias("higher"),
        F.count(F.when(mine & F.col("suppressed"), 1)).alias("suppressed"),
        F.count(F.lit(1)).alias("everyone"),
        *(F.sum(F.when(mine, F.col(name))).alias(name) for name in ("delivered", "opened", "responded")),
    )
    share = {"share": "customers", "share_lower": "lower", "share_higher": "higher"}
    return counts.select(
        "channel",
        F.col("one").alias("tier"),
        "customers",
        *((F.col(count) / F.col("everyone")).alias(name) for name, count in share.items()),
        "suppressed",
        F.coalesce("delivered", F.lit(0)).alias("delivered"),
        "opened",
        F.coalesce("responded", F.lit(0)).alias("responded"),
        _action(F.col("one"), config).alias("action"),
    )


def _with_tiers(channels: DataFrame, config: EngagementConfig) -> DataFrame:
    rates = Rates(*(F.col(name) for name in ("delivered", "delivered", "opened", "clicked", "responded")))
    shifts = {"tier": 0.0, "tier_lower": -SHIFT, "tier_higher": SHIFT}
    cases = {
        name: F.coalesce(
            *(F.when(F.col("channel") == one, tier(one, config, rates, shift)) for one in MESSAGE_CHANNELS)
        )
        for name, shift in shifts.items()
    }
    return channels.withColumns(cases)


def _by_opens(tiers: OpenTiers, rates: Rates, shift: float) -> Column:
    opened, clicked = F.try_divide(rates.opened, rates.open_base), F.try_divide(rates.clicked, rates.delivered)
    high = (opened > _moved(tiers.highly_engaged.open, shift)) & (clicked > _moved(tiers.highly_engaged.click, shift))
    low = (opened < _moved(tiers.disengaged.open, shift)) & (clicked < _moved(tiers.disengaged.click, shift))
    return F.when(high, F.lit("highly_engaged")).when(low, F.lit("disengaged")).otherwise(F.lit("moderately"))


def _by_response(tiers: ResponseTiers, rates: Rates, shift: float) -> Column:
    rate = F.try_divide(rates.responded, rates.delivered)
    high, low = rate > _moved(tiers.highly_engaged, shift), rate < _moved(tiers.disengaged, shift)
    return F.when(high, F.lit("highly_engaged")).when(low, F.lit("disengaged")).otherwise(F.lit("moderately"))


def _moved(threshold: float, shift: float) -> Column:
    # Rounded: 0.30 + 0.05 is to be the same double as 0.35.
    return F.lit(min(max(round(threshold + shift, 9), 0.0), 1.0))


def _with_history(validated: DataFrame, before: DataFrame | None, last_activity: DataFrame | None) -> DataFrame:
    """What the previous run knew, and the customer's latest act of any kind."""
    known = validated
    if before is not None:
        held = before.where(F.col("channel") != ALL_CHANNELS).select(
            "customer_id",
            "channel",
            F.col("sunset_since").alias("was_since"),
            F.col("last_act_date").alias("was_act"),
            F.col("reactivated_on").alias("was_reactivated"),
        )
        kept = held.where(F.col("was_since").isNotNull() | F.col("was_reactivated").isNotNull())
        known = known.join(kept, ["customer_id", "channel"], "full_outer")
    else:
        known = known.withColumns(
            {name: F.lit(None).cast("date") for name in ("was_since", "was_act", "was_reactivated")}
        )
    of_customer = Window.partitionBy("customer_id")
    known = known.withColumn("last_acted_on", F.max("acted_on").over(of_customer))
    if last_activity is None:
        return known.withColumn("act_on", F.col("last_acted_on"))
    joined = known.join(last_activity, "customer_id", "left")
    return joined.withColumn("act_on", F.greatest("last_acted_on", "last_activity_date")).drop("last_activity_date")


def _suppressed(known: DataFrame, config: EngagementConfig, as_of: date) -> DataFrame:
    """Add suppressed, reason, suppressed_since and reactivated_on."""
    filled = known.withColumns(
        {
            **{
                name: F.coalesce(name, F.lit(0))
                for name in ("delivered", "clicked", "replied", "redeemed", "responded")
            },
            **{name: F.coalesce(name, F.lit("insufficient")) for name in ("tier", "tier_lower", "tier_higher")},
            "delivered_days": F.coalesce("delivered_days", F.array().cast("array<date>")),
        }
    )
    if config.actions.disengaged == "suppress":
        was = F.col("was_since").isNotNull()
        # An act of the very day may have come after the run of that day: what counts is whether it was known then.
        known_act = F.coalesce("was_act", F.lit("1900-01-01").cast("date"))
        lifted = was & F.coalesce(F.col("act_on") > known_act, F.lit(False))
        again = F.when(lifted, F.col("act_on")).otherwise(F.col("was_reactivated"))
        since_then = F.size(F.filter("delivered_days", lambda day: day > F.col("reactivated_on")))
        fresh = F.col("reactivated_on").isNull() | (since_then >= config.min_messages)
        held = was & ~lifted
        begins = (F.col("tier") == "disengaged") & fresh
        filled = filled.withColumn("reactivated_on", again).withColumns(
            {"quiet": held | begins, "sunset_since": F.when(held, F.col("was_since")).when(begins, F.lit(as_of))}
        )
    else:
        nothing = F.lit(None).cast("date")
        filled = filled.withColumns({"reactivated_on": nothing, "quiet": F.lit(False), "sunset_since": nothing})
    few = F.when(F.col("tier") == "insufficient", F.lit("few_messages"))
    return filled.withColumns(
        {
            "suppressed": F.col("hard_reason").isNotNull() | F.col("quiet"),
            "reason": F.coalesce("hard_reason", F.when(F.col("quiet"), F.lit("disengaged")), few),
            "suppressed_since": F.coalesce("hard_since", "sunset_since"),
            "last_response_date": F.col("answered_on"),
            "last_act_date": F.col("act_on"),
        }
    )


def _over_all(rows: DataFrame, config: EngagementConfig) -> DataFrame:
    """One row per customer: responses of all channels, opens where they exist."""
    with_opens = F.col("channel").isin(*(name for name in MESSAGE_CHANNELS if config.has_opens(name)))
    every = F.min("suppressed")
    pooled = rows.groupBy("customer_id").agg(
        F.lit(ALL_CHANNELS).alias("channel"),
        *(F.sum(name).alias(name) for name in _COUNTS),
        F.sum(F.when(with_opens, F.col("delivered")).otherwise(F.lit(0))).alias("open_base"),
        every.alias("suppressed"),
        F.when(every, F.max("suppressed_since")).alias("suppressed_since"),
        F.when(every, F.min("reason")).alias("why"),
        F.max("reactivated_on").alias("reactivated_on"),
        *(F.max(name).alias(name) for name in ("last_response_date", "sunset_since", "last_act_date")),
    )
    rates = Rates(*(F.col(name) for name in ("delivered", "open_base", "opened", "responded", "responded")))
    shifts = {"tier": 0.0, "tier_lower": -SHIFT, "tier_higher": SHIFT}
    tiered = pooled.withColumns({name: tier(ALL_CHANNELS, config, rates, shift) for name, shift in shifts.items()})
    few = F.when(F.col("tier") == "insufficient", F.lit("few_messages"))
    reasoned = tiered.withColumn("reason", F.coalesce("why", few))
    return reasoned.select(*_KEPT)


def _finished(rows: DataFrame, config: EngagementConfig) -> DataFrame:
    made = {
        "open_rate": _rate(F.col("opened"), F.col("open_base")),
        "click_rate": _rate(F.col("clicked"), F.col("delivered")),
        "response_rate": _rate(F.col("responded"), F.col("delivered")),
        "action": _action(F.col("tier"), config),
    }
    names = [name for name in ENGAGEMENT.names if name not in ("run_id", "as_of_date")]
    return rows.select(
        *(made.get(name, F.col(name)).alias(name) for name in names), "tier_lower", "tier_higher", "reacted"
    )


def _rate(part: Column, whole: Column) -> Column:
    return F.try_divide(part.cast("double"), whole.cast("double"))


def _action(tiers: Column, config: EngagementConfig) -> Column:
    actions = config.actions
    quiet = (
        "suppress until the next open, click, reply, visit or order"
        if actions.disengaged == "suppress"
        else ("re-engage")
    )
    texts = {"highly_engaged": actions.highly_engaged, "moderately": actions.moderately, "disengaged": quiet}
    texts["insufficient"] = "too few messages to tell"
    return F.coalesce(*(F.when(tiers == name, F.lit(text)) for name, text in texts.items()))


def engaged_rows(rows: DataFrame) -> DataFrame:
    """Rows of `engagement` as the table has them."""
    return rows.drop("tier_lower", "tier_higher", "reacted")
