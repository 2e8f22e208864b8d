"""The section on tracking: whether events and messages still arrive as they used to."""

from __future__ import annotations

from dataclasses import dataclass

from rfm_spark.capabilities.drift.figures import PAST, RATE
from rfm_spark.report.badges import ABSENT, EVENTS, MESSAGES, Badge, channel_badge, source_badge
from rfm_spark.report.data import ReportData
from rfm_spark.report.drift import ALARMS
from rfm_spark.report.drift_data import DriftLine
from rfm_spark.report.interaction_data import TrackingLine
from rfm_spark.report.wording import Numbers, day

# Streams named in the warning.
NAMED = 5


@dataclass(frozen=True)
class StreamLine:
    """The volume of one source, channel and event type, ready to print.

    Attributes:
        name: channel and event type.
        source: events or messages, and whether they are simulated.
        status: ok, stopped, low, high, new or sparse.
        cells: last 7 days, weekly mean, ratio, last day and silent days.
        detail: in words.
    """

    name: str
    source: str
    status: str
    cells: tuple[str, ...]
    detail: str


@dataclass(frozen=True)
class RateLine:
    """A watched rate, ready to print.

    Attributes:
        name: channel and rate.
        severity: none, insufficient, changed, moderate or major.
        ratio: now over before.
        detail: in words.
    """

    name: str
    severity: str
    ratio: str
    detail: str


@dataclass(frozen=True)
class TrackingPart:
    """The section, ready to print.

    Attributes:
        badge: of what is tracked.
        shown: whether a source is connected at all; otherwise the sections before say how to.
        title: the finding.
        stopped: a warning; empty where everything still arrives.
        lines: the gravest first.
        rates: of messages and visits against the weeks before; a slow change where there is one.
    """

    badge: Badge
    shown: bool
    title: str = ""
    stopped: str = ""
    lines: tuple[StreamLine, ...] = ()
    rates: tuple[RateLine, ...] = ()


def tracking_part(data: ReportData, say: Numbers) -> TrackingPart:
    """Everything the section on tracking says.

    Args:
        data: of the run.
        say: how numbers are written.
    """
    sources = {name: source_badge(data.settings, name) for name in (EVENTS, MESSAGES)}
    connected = {name: badge for name, badge in sources.items() if badge.kind != "absent"}
    lines = data.interactions.tracking
    stopped = [line for line in lines if line.status == "stopped"]
    return TrackingPart(
        badge=_badge(connected),
        shown=bool(connected),
        title=_title(lines, stopped, say),
        stopped=_stopped(data, stopped, say),
        lines=tuple(_stream(data, line, say) for line in lines),
        rates=tuple(_rate(line, say) for line in data.drift.lines if line.metric == RATE and _is_shown(line)),
    )


def _is_shown(line: DriftLine) -> bool:
    return line.against == PAST or line.severity in ALARMS


def _rate(line: DriftLine, say: Numbers) -> RateLine:
    of, _, name = line.subject.partition(".")
    return RateLine(f"{of}: {name.replace('_', ' ')}", line.severity, say.decimal(line.value, 2), line.detail)


def _badge(connected: dict[str, Badge]) -> Badge:
    kinds = {badge.kind for badge in connected.values()}
    if len(kinds) <= 1 and "partly" not in kinds:
        return next(iter(connected.values()), ABSENT)
    told = []
    for name, badge in connected.items():
        if badge.kind == "simulated":
            told.append(name)
        elif badge.kind == "partly":
            told.append(f"{name} ({badge.text.partition(': ')[2]})")
    return Badge("partly", f"partly simulated: {', '.join(told)}")


def _title(lines: tuple[TrackingLine, ...], stopped: list[TrackingLine], say: Numbers) -> str:
    if not lines:
        return ""
    usual = sum(line.status == "ok" for line in lines)
    return f"{say.count(usual)} of {say.count(len(lines))} streams are as usual, {say.count(len(stopped))} stopped"


def _stopped(data: ReportData, stopped: list[TrackingLine], say: Numbers) -> str:
    if not stopped:
        return ""
    told = [f"{_name(line)} ({_source(data, line)}{_last(line)})" for line in stopped[:NAMED]]
    rest = len(stopped) - len(told)
    more = f"; and {say.count(rest)} more" if rest else ""
    return f"Stopped: {'; '.join(told)}{more}. Is the tracking broken?"


def _last(line: TrackingLine) -> str:
    return "" if line.last_day is None else f", last on {day(line.last_day)}"


def _source(data: ReportData, line: TrackingLine) -> str:
    badge = channel_badge(data.settings, line.source, line.channel)
    return f"{line.source}, {badge.text}" if badge.suffix else line.source


def _stream(data: ReportData, line: TrackingLine, say: Numbers) -> StreamLine:
    cells = (
        say.count(line.recent),
        say.decimal(line.weekly_mean),
        say.decimal(line.ratio, 2),
        "–" if line.last_day is None else line.last_day.isoformat(),
        "–" if line.silent_days is None else say.count(line.silent_days),
    )
    return StreamLine(_name(line), _source(data, line), line.status, cells, line.detail)


def _name(line: TrackingLine) -> str:
    return f"{line.channel}: {line.event_type.replace('_', ' ')}"
