"""The section on interactions: what people do before they buy, per window."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from rfm_spark.capabilities.events.config import InteractionsConfig
from rfm_spark.report import charts
from rfm_spark.report.badges import EVENTS, Badge, channel_badge, source_badge
from rfm_spark.report.data import ReportData
from rfm_spark.report.drawing import as_svg
from rfm_spark.report.figures import Figure
from rfm_spark.report.interaction_data import WindowTotals
from rfm_spark.report.wording import Numbers, bin_words

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
        badge: of the events.
        example: configuration that connects them; empty where they are.
        main: length of the main window.
        title: the finding, above the table.
        heads: of the table's windows.
        lines: rows of the table; empty without an event.
        figures: events per channel, and the spread of the intent score.
        terms: for the glossary.
    """

    badge: Badge
    example: str = ""
    main: str = ""
    title: str = ""
    heads: tuple[str, ...] = ()
    lines: tuple[WindowLine, ...] = ()
    figures: tuple[Figure, ...] = ()
    terms: Mapping[str, str] = field(default_factory=dict)


def interactions_part(data: ReportData, say: Numbers) -> InteractionsPart:
    """Everything the section on interactions says.

    Args:
        data: of the run.
        say: how numbers are written.
    """
    badge = source_badge(data.settings, EVENTS)
    if badge.kind == "absent":
        return InteractionsPart(badge, EXAMPLE)
    config = InteractionsConfig.model_validate(data.settings.get("interactions") or {})
    windows = data.interactions.windows
    figures = (_channels_figure(data, config, say), _intent_figure(data, config, say))
    return InteractionsPart(
        badge=badge,
        main=_last_days(config.main_window, say),
        title=f"{_title(windows, config, say)}{badge.suffix}",
        heads=tuple(_last_days(window.window_days, say).capitalize() for window in windows),
        lines=_lines(windows, say) if windows else (),
        figures=tuple(figure for figure in figures if figure is not None),
        terms=_terms(config, say),
    )


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


def _channels_figure(data: ReportData, config: InteractionsConfig, say: Numbers) -> Figure | None:
    channels = data.interactions.channels
    total = sum(channels.values())
    if not total:
        return None
    # The title says it where all of them are.
    partly = source_badge(data.settings, EVENTS).kind == "partly"
    names = {name: f"{name}{channel_badge(data.settings, EVENTS, name).suffix if partly else ''}" for name in channels}
    most = max(channels, key=lambda channel: (channels[channel], channel))
    title = (
        f"Events by channel: {most} has {say.percent(channels[most] / total, 0)} of "
        f"{say.count(total)} in the {_last_days(config.main_window, say)}{source_badge(data.settings, EVENTS).suffix}"
    )
    drawn = charts.histogram(
        list(names.values()), list(channels.values()), [say.count(count) for count in channels.values()]
    )
    return Figure(title, as_svg(drawn, "event-channels", title), "")


def _intent_figure(data: ReportData, config: InteractionsConfig, say: Numbers) -> Figure | None:
    counts = data.interactions.intent
    if not counts:
        return None
    inside = range(min(counts), max(counts) + 1)
    drawn = charts.histogram(
        [bin_words(at, say, money=False) for at in inside],
        [counts.get(at, 0) for at in inside],
        [say.count(counts.get(at, 0)) for at in inside],
    )
    days = _last_days(config.main_window, say)
    title = f"Customers by intent score in the {days}{source_badge(data.settings, EVENTS).suffix}"
    return Figure(title, as_svg(drawn, "intent", title), "Customers with an event in the window, by whole points.")


def _terms(config: InteractionsConfig, say: Numbers) -> dict[str, str]:
    weights = sorted(
        ((kind, weight) for kind, weight in config.intent_weights.items() if weight), key=lambda one: -one[1]
    )
    told = ", ".join(
        f"{kind.replace('_', ' ')} {say.decimal(weight, 0 if weight == int(weight) else 2)}" for kind, weight in weights
    )
    words = {
        "channels": " and ".join(config.session_channels),
        "gap": say.count(config.session_gap_minutes),
        "weights": told or "none",
    }
    return {term: meaning.format(**words) for term, meaning in TERMS.items()}
