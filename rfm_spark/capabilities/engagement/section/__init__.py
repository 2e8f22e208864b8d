"""The section of the report on engagement: per channel its tiers, rates and trend; nothing is computed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from rfm_spark.capabilities.engagement.config import EngagementConfig
from rfm_spark.capabilities.engagement.section.data import (
    BINS,
    MESSAGES,
    EngagementFacts,
    TierLine,
    TierShare,
    badge_of,
    read_engagement,
)
from rfm_spark.capabilities.engagement.words import ALL_CHANNELS, MESSAGE_CHANNELS, TIERS
from rfm_spark.report.badges import Badge, source_badge
from rfm_spark.report.drawing import as_svg
from rfm_spark.report.figures import Figure
from rfm_spark.report.rates import Stack, Threshold, count_ticks, rate_bars, stacked_columns
from rfm_spark.report.section import Drawn, Facts, Section, template_text
from rfm_spark.report.wording import Numbers, day

EXAMPLE = """\
sources:
  messages:                # a row per message and event
    path: data/messages    # or table: catalog.schema.table
    format: delta
    columns:               # ours: theirs
      customer_id: customer_id
      message_id: message_id
      event_ts: event_ts
      event: event
      channel: channel     # email, sms, push, ad, coupon
    events:                # ours: theirs, where they differ
      delivered: [delivery]
      opened: [open]
      clicked: [click]
    # simulated: [sms]     # labels invented data as such
"""
NAMES = {
    ALL_CHANNELS: "All channels",
    "email": "E-mail",
    "sms": "SMS replies",
    "push": "Push",
    "ad": "Ad clicks",
    "coupon": "Coupon response",
}
TIER_COLOURS = {
    "highly_engaged": "#0072b2",
    "moderately": "#8ecaf0",
    "disengaged": "#d55e00",
    "insufficient": "#b9c2cb",
}
RATE_NAMES = {"open_rate": "open rate", "click_rate": "click rate", "response_rate": "response rate"}
TERMS = {
    "Open, click and response rate": "Messages opened, clicked and answered (clicked, replied to or redeemed), each as "
    "a share of those delivered to the customer.",
    "Engagement tier": "Highly engaged: above the upper thresholds; disengaged: below the lower ones; moderately "
    "engaged: between them; insufficient: too few messages to tell.",
    "Suppressed": "Exports must leave the customer out of the channel.",
}
_OTHER_COLOUR = "#8c8c8c"


@dataclass(frozen=True)
class TierRow:
    """One tier of a channel, ready to print; the cells in the order of the table's columns."""

    name: str
    colour: str
    cells: tuple[str, ...]
    action: str


@dataclass(frozen=True)
class ChannelBlock:
    """One channel, ready to print.

    Attributes:
        title: the finding.
        badge: of the channel.
        thresholds: in words.
        keys: of the configuration that move them.
        rows: its tiers.
        figures: spread of its rates, and its tiers over time.
    """

    title: str
    badge: Badge
    thresholds: str
    keys: str
    rows: tuple[TierRow, ...]
    figures: tuple[Figure, ...]


@dataclass(frozen=True)
class EngagementPart:
    """The section, ready to print.

    Attributes:
        example: configuration that connects them; empty where they are.
        window: days of which the messages are judged.
        least: messages below which a customer is not judged.
        channels: all together first.
    """

    example: str = ""
    window: str = ""
    least: str = ""
    channels: tuple[ChannelBlock, ...] = ()


def draw_engagement(data: EngagementFacts, facts: Facts, say: Numbers) -> Drawn:
    """Everything the section says.

    Args:
        data: engagement of the run.
        facts: of the run.
        say: how numbers are written.
    """
    badge = source_badge(facts.settings, MESSAGES)
    if badge.kind == "absent":
        return Drawn(badge, EngagementPart(EXAMPLE))
    config = EngagementConfig.model_validate(facts.settings.get("engagement") or {})
    found = {line.channel for line in data.lines}
    known = [name for name in (ALL_CHANNELS, *MESSAGE_CHANNELS) if name in found]
    part = EngagementPart(
        window="last day" if config.window_days == 1 else f"last {say.count(config.window_days)} days",
        least=say.count(config.min_messages),
        channels=tuple(_block(data, config, name, badge_of(facts.settings, name), say) for name in known),
    )
    return Drawn(badge, part, TERMS)


def _block(data: EngagementFacts, config: EngagementConfig, channel: str, badge: Badge, say: Numbers) -> ChannelBlock:
    lines = [line for line in data.lines if line.channel == channel]
    rates = _rates_of(config, channel, {line.channel for line in data.lines})
    spread = data.rates.get(channel, {})
    figures = [_rate_figure(spread.get(rate, {}), config, channel, rate, rates, badge, say) for rate in rates]
    trend = _trend(data, channel, badge, say)
    return ChannelBlock(
        title=_title(channel, lines, say),
        badge=badge,
        thresholds=_in_words(config, channel, rates, say),
        keys=f"engagement.channels.{channel}.{'tiers' if len(rates) > 1 else 'response'}",
        rows=tuple(_row(line, say) for line in lines),
        figures=tuple(figure for figure in (*figures, trend) if figure is not None),
    )


def _title(channel: str, lines: Sequence[TierLine], say: Numbers) -> str:
    total = sum(line.customers for line in lines)
    of = {line.tier: line.customers for line in lines}
    customers = f"{say.count(total)} customer{'' if total == 1 else 's'}"
    if of.get("insufficient", 0) == total:
        return f"{NAMES[channel]}: too few messages to judge any of {customers}"
    shares = {tier: say.percent(of.get(tier, 0) / total, 0) for tier in TIERS}
    return (
        f"{NAMES[channel]}: {shares['highly_engaged']} of {customers} highly engaged, {shares['disengaged']} disengaged"
    )


def _row(line: TierLine, say: Numbers) -> TierRow:
    cells = (
        say.count(line.customers),
        say.percent(line.share),
        say.percent(line.share_lower),
        say.percent(line.share_higher),
        say.count(line.suppressed),
        say.count(line.delivered),
    )
    return TierRow(
        line.tier.replace("_", " ").capitalize(), TIER_COLOURS.get(line.tier, _OTHER_COLOUR), cells, line.action or "–"
    )


def _rates_of(config: EngagementConfig, channel: str, there: Collection[str]) -> tuple[str, ...]:
    """The rates that make a channel's tiers; over all, answers stand for clicks, beside opens where there are any."""
    if channel != ALL_CHANNELS:
        return ("open_rate", "click_rate") if config.has_opens(channel) else ("response_rate",)
    opens = any(config.has_opens(name) for name in there if name != ALL_CHANNELS)
    return ("open_rate", "response_rate") if opens else ("response_rate",)


def _limits(config: EngagementConfig, channel: str, rate: str, rates: Sequence[str]) -> tuple[float, float]:
    """The thresholds of a rate: disengaged below the first, highly engaged above the second."""
    if len(rates) == 1:
        response = config.response_tiers(channel)
        return response.disengaged, response.highly_engaged
    tiers = config.open_tiers(channel)
    part = "open" if rate == "open_rate" else "click"
    return getattr(tiers.disengaged, part), getattr(tiers.highly_engaged, part)


def _points(rate: float, say: Numbers) -> str:
    digits = next((digits for digits in (0, 1) if abs(rate * 100 - round(rate * 100, digits)) < 1e-9), 2)
    return say.percent(rate, digits)


def _in_words(config: EngagementConfig, channel: str, rates: Sequence[str], say: Numbers) -> str:
    response = config.response_tiers(channel)
    low, high = _points(response.disengaged, say), _points(response.highly_engaged, say)
    if len(rates) == 1:
        return f"Highly engaged: over {high} answered. Disengaged: under {low}."
    opens, second = ([_points(rate, say) for rate in _limits(config, channel, name, rates)] for name in rates)
    done = "clicked" if rates[1] == "click_rate" else "answered"
    text = (
        f"Highly engaged: over {opens[1]} opened and over {second[1]} {done}. "
        f"Disengaged: under {opens[0]} opened and under {second[0]} {done}."
    )
    if channel != ALL_CHANNELS:
        return text
    return f"{text} Who got nothing that tells of opens: over {high} and under {low} answered."


def _rate_figure(
    bins: Mapping[int, int],
    config: EngagementConfig,
    channel: str,
    rate: str,
    rates: Sequence[str],
    badge: Badge,
    say: Numbers,
) -> Figure | None:
    customers = sum(bins.values())
    if not customers:
        return None
    low, high = _limits(config, channel, rate, rates)
    thresholds = [
        Threshold(low, f"disengaged: below {_points(low, say)}"),
        Threshold(high, f"highly engaged: above {_points(high, say)}"),
    ]
    ticks = count_ticks(max(bins.values()))
    drawn = rate_bars(
        [bins.get(at, 0) for at in range(BINS)],
        thresholds,
        {tick: say.count(tick) for tick in ticks},
        [say.percent(at / 4, 0) for at in range(5)],
    )
    name = RATE_NAMES[rate]
    title = f"{NAMES[channel]}: {say.count(customers)} customers by {name}{badge.suffix}"
    caption = f"Customers with at least {say.count(config.min_messages)} messages, in steps of 5 points."
    return Figure(title, as_svg(drawn, f"{channel}-{rate.replace('_', '-')}", title), caption)


def _trend(data: EngagementFacts, channel: str, badge: Badge, say: Numbers) -> Figure | None:
    shares = [one for one in data.history if one.channel == channel]
    days = sorted({one.as_of for one in shares})
    if len(days) < 2:
        return None
    stacks = []
    for at in days:
        of = {one.tier: one.share for one in shares if one.as_of == at}
        stacks.append(Stack(at.isoformat(), tuple((of.get(tier, 0.0), TIER_COLOURS[tier]) for tier in TIERS)))
    drawn = stacked_columns(stacks, [say.percent(at / 2, 0) for at in range(3)])
    title = f"{NAMES[channel]}: {_change(shares, say)}{_invented(shares, len(days), badge, say)}"
    caption = "Shares of the tiers per run. From the bottom: highly engaged, moderately, disengaged, insufficient."
    return Figure(title, as_svg(drawn, f"{channel}-tiers", title), caption)


def _change(shares: Sequence[TierShare], say: Numbers) -> str:
    days = sorted({one.as_of for one in shares})
    first, last = (
        sum(one.share for one in shares if one.as_of == at and one.tier == "highly_engaged")
        for at in (days[0], days[-1])
    )
    return f"highly engaged {say.percent(last, 0)} now, {say.percent(first, 0)} on {day(days[0])}"


def _invented(shares: Sequence[TierShare], days: int, badge: Badge, say: Numbers) -> str:
    invented = {one.as_of for one in shares if one.simulated}
    if not invented:
        return ""
    # All channels together are mixed, unless all of them are simulated.
    word = "partly simulated" if shares[0].channel == ALL_CHANNELS and badge.kind != "simulated" else "simulated"
    return (
        f" ({word})" if len(invented) == days else f" ({word} in {say.count(len(invented))} of {say.count(days)} runs)"
    )


SECTIONS = (
    Section(
        name="engagement",
        place=60,
        template=template_text("rfm_spark.capabilities.engagement.section", "engagement.html.j2"),
        read=read_engagement,
        draw=draw_engagement,
    ),
)
