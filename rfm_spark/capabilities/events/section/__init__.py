"""The section of the report on interactions: what people do before they buy, per window; nothing is computed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rfm_spark.capabilities.events.config import InteractionsConfig
from rfm_spark.capabilities.events.section.data import InteractionFacts, WindowTotals, read_interactions
from rfm_spark.report import charts
from rfm_spark.report.badges import channel_badge, source_badge
from rfm_spark.report.drawing import as_svg
from rfm_spark.report.figures import Figure, spread_figure
from rfm_spark.report.section import Drawn, Facts, Section, template_text
from rfm_spark.report.wording import Numbers

EVENTS = "events"
EXAMPLE = """\
sources:
  events:
    path: data/events      # or table: catalog.schema.table
    format: delta
    preset: segment        # or the name of another tracker
    columns:               # ours: theirs
      customer_id: user_id
      event_ts: timestamp
      event_type: event
      channel: channel     # web, app, social, store ...
    # simulated: true      # labels invented data as such
"""
TERMS = {
    "Session": "Events of one customer on {channels} without a silence of over {gap} minutes between them, unless the "
    "source names its sessions.",
    "Bounce rate": "Sessions of a single event, as a share of all sessions.",
    "Active day": "A day on which the customer did something.",
    "Intent score": "Points for what the customer did in the window, summed up: {weights}.",
}


@dataclass(frozen=True)
class WindowLine:
    """One row of the table of windows, a cell per window."""

    name: str
    cells: tuple[str, ...]


@dataclass(frozen=True)
class InteractionsPart:
    """The section, ready to print.

    Attributes:
        example: configuration that connects them; empty where they are.
        main: length of the main window.
        title: the finding, above the table.
        heads: of the table's windows.
        lines: rows of the table; empty without an event.
        figures: events per channel, and the spread of the intent score.
    """

    example: str = ""
    main: str = ""
    title: str = ""
    heads: tuple[str, ...] = ()
    lines: tuple[WindowLine, ...] = ()
    figures: tuple[Figure, ...] = ()


def draw_interactions(data: InteractionFacts, facts: Facts, say: Numbers) -> Drawn:
    """Everything the section says.

    Args:
        data: interactions of the run.
        facts: of the run.
        say: how numbers are written.
    """
    badge = source_badge(facts.settings, EVENTS)
    if badge.kind == "absent":
        return Drawn(badge, InteractionsPart(EXAMPLE))
    config = InteractionsConfig.model_validate(facts.settings.get("interactions") or {})
    figures = (_channels_figure(data, facts, config, say), _intent_figure(data, config, badge.suffix, say))
    part = InteractionsPart(
        main=_last_days(config.main_window, say),
        title=f"{_title(data.windows, config, say)}{badge.suffix}",
        heads=tuple(_last_days(window.window_days, say).capitalize() for window in data.windows),
        lines=_lines(data.windows, say) if data.windows else (),
        figures=tuple(figure for figure in figures if figure is not None),
    )
    return Drawn(badge, part, _terms(config, say))


def _last_days(days: int, say: Numbers) -> str:
    return "last day" if days == 1 else f"last {say.count(days)} days"


def _title(windows: tuple[WindowTotals, ...], config: InteractionsConfig, say: Numbers) -> str:
    main = next((window for window in windows if window.window_days == config.main_window), None)
    days = _last_days(config.main_window, say)
    if main is None:
        return f"Nobody did anything in the {days}"
    carts = say.count(main.counts["add_to_carts"])
    return (
        f"{say.count(main.customers)} customers did something in the {days}: {say.count(main.counts['product_views'])} "
        f"product views, {carts} add to carts"
    )


def _lines(windows: tuple[WindowTotals, ...], say: Numbers) -> tuple[WindowLine, ...]:
    def summed(name: str) -> Callable[[WindowTotals], str]:
        return lambda window: say.count(window.counts[name])

    rows: dict[str, Callable[[WindowTotals], str]] = {
        "Customers with events": lambda window: say.count(window.customers),
        "Customers with sessions": lambda window: say.count(window.with_sessions),
        "Sessions": summed("sessions"),
        "Events": summed("events"),
        "Product views": summed("product_views"),
        "Searches": summed("searches"),
        "Filter uses": summed("filter_uses"),
        "Add to carts": summed("add_to_carts"),
        "Video plays": summed("video_plays"),
        "Bounce rate": lambda window: say.percent(window.bounce_rate),
        "Minutes per session": lambda window: say.decimal(window.session_minutes),
        "Active days per customer": lambda window: say.decimal(window.mean_active_days),
        "From view to cart": lambda window: say.percent(window.view_to_cart),
        "From cart to order": lambda window: say.percent(window.cart_to_order),
    }
    return tuple(WindowLine(name, tuple(cell(window) for window in windows)) for name, cell in rows.items())


def _channels_figure(data: InteractionFacts, facts: Facts, config: InteractionsConfig, say: Numbers) -> Figure | None:
    channels = data.channels
    total = sum(channels.values())
    if not total:
        return None
    # The title says it where all of them are.
    badge = source_badge(facts.settings, EVENTS)
    partly = badge.kind == "partly"
    names = [f"{name}{channel_badge(facts.settings, EVENTS, name).suffix if partly else ''}" for name in channels]
    most = max(channels, key=lambda channel: (channels[channel], channel))
    title = (
        f"Events by channel: {most} has {say.percent(channels[most] / total, 0)} of "
        f"{say.count(total)} in the {_last_days(config.main_window, say)}{badge.suffix}"
    )
    drawn = charts.histogram(names, list(channels.values()), [say.count(count) for count in channels.values()])
    return Figure(title, as_svg(drawn, "event-channels", title), "")


def _intent_figure(data: InteractionFacts, config: InteractionsConfig, suffix: str, say: Numbers) -> Figure | None:
    if not data.intent:
        return None
    title = f"Customers by intent score in the {_last_days(config.main_window, say)}{suffix}"
    caption = "Customers with an event in the window, by whole points."
    return spread_figure("intent", data.intent, title, say, caption=caption)


def _terms(config: InteractionsConfig, say: Numbers) -> dict[str, str]:
    weights = sorted(
        ((kind, weight) for kind, weight in config.intent_weights.items() if weight), key=lambda one: -one[1]
    )
    shown = ", ".join(
        f"{kind.replace('_', ' ')} {say.decimal(weight, 0 if weight == int(weight) else 2)}" for kind, weight in weights
    )
    words = {
        "channels": " and ".join(config.session_channels),
        "gap": say.count(config.session_gap_minutes),
        "weights": shown or "none",
    }
    return {term: meaning.format(**words) for term, meaning in TERMS.items()}


SECTIONS = (
    Section(
        name="interactions",
        place=50,
        template=template_text("rfm_spark.capabilities.events.section", "interactions.html.j2"),
        read=read_interactions,
        draw=draw_interactions,
    ),
)
