"""The section on tracking: whether events and messages still arrive as they used to."""

from __future__ import annotations

from dataclasses import dataclass

from rfm_spark.capabilities.drift.figures import PAST, RATE
from rfm_spark.capabilities.drift.section.drift import ALARMS
from rfm_spark.capabilities.drift.section.drift_data import DriftFacts, DriftLine
from rfm_spark.capabilities.drift.section.tracking_data import TrackingData, TrackingLine
from rfm_spark.report.badges import ABSENT, Badge, channel_badge, source_badge
from rfm_spark.report.section import Drawn, Facts
from rfm_spark.report.wording import Numbers, day

# Streams named in the warning.
NAMED = 5

# Sources that tell of their volumes day by day, and that may be invented.
_TRACKED = ("events", "messages")


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
        title: the finding.
        stopped: a warning; empty where everything still arrives.
        lines: the most severe first.
        rates: of messages and visits against the weeks before; a slow change where there is one.
    """

    title: str = ""
    stopped: str = ""
    lines: tuple[StreamLine, ...] = ()
    rates: tuple[RateLine, ...] = ()


def draw_tracking(data: TrackingData, facts: Facts, say: Numbers) -> Drawn:
    """Everything the section on tracking says; off the page where no source is connected: others say how to.

    Args:
        data: volumes of the run.
        facts: of the run, with its figures of drift.
        say: how numbers are written.
    """
    sources = {name: source_badge(facts.settings, name) for name in _TRACKED}
    connected = {name: badge for name, badge in sources.items() if badge.kind != "absent"}
    if not connected:
        return Drawn(ABSENT, None)
    stopped = [line for line in data.lines if line.status == "stopped"]
    figures = (facts.find(DriftFacts) or DriftFacts()).lines
    part = TrackingPart(
        title=_title(data.lines, stopped, say),
        stopped=_stopped(facts, stopped, say),
        lines=tuple(_stream(facts, line, say) for line in data.lines),
        rates=tuple(_rate(line, say) for line in figures if line.metric == RATE and _is_shown(line)),
    )
    return Drawn(_badge(connected), part)


def _is_shown(line: DriftLine) -> bool:
    return line.against == PAST or line.severity in ALARMS


def _rate(line: DriftLine, say: Numbers) -> RateLine:
    of, _, name = line.subject.partition(".")
    return RateLine(f"{of}: {name.replace('_', ' ')}", line.severity, say.decimal(line.value, 2), line.detail)


def _badge(connected: dict[str, Badge]) -> Badge:
    kinds = {badge.kind for badge in connected.values()}
    if len(kinds) <= 1 and "partly" not in kinds:
        return next(iter(connected.values()), ABSENT)
    names = []
    for name, badge in connected.items():
        if badge.kind == "simulated":
            names.append(name)
        elif badge.kind == "partly":
            names.append(f"{name} ({badge.text.partition(': ')[2]})")
    return Badge("partly", f"partly simulated: {', '.join(names)}")


def _title(lines: tuple[TrackingLine, ...], stopped: list[TrackingLine], say: Numbers) -> str:
    if not lines:
        return ""
    usual = sum(line.status == "ok" for line in lines)
    return f"{say.count(usual)} of {say.count(len(lines))} streams are as usual, {say.count(len(stopped))} stopped"


def _stopped(facts: Facts, stopped: list[TrackingLine], say: Numbers) -> str:
    if not stopped:
        return ""
    names = [f"{_name(line)} ({_source(facts, line)}{_last(line)})" for line in stopped[:NAMED]]
    rest = len(stopped) - len(names)
    more = f"; and {say.count(rest)} more" if rest else ""
    return f"Stopped: {'; '.join(names)}{more}. Is the tracking broken?"


def _last(line: TrackingLine) -> str:
    return "" if line.last_day is None else f", last on {day(line.last_day)}"


def _source(facts: Facts, line: TrackingLine) -> str:
    badge = channel_badge(facts.settings, line.source, line.channel)
    return f"{line.source}, {badge.text}" if badge.suffix else line.source


def _stream(facts: Facts, line: TrackingLine, say: Numbers) -> StreamLine:
    cells = (
        say.count(line.recent),
        say.decimal(line.weekly_mean),
        say.decimal(line.ratio, 2),
        "–" if line.last_day is None else line.last_day.isoformat(),
        "–" if line.silent_days is None else say.count(line.silent_days),
    )
    return StreamLine(_name(line), _source(facts, line), line.status, cells, line.detail)


def _name(line: TrackingLine) -> str:
    return f"{line.channel}: {line.event_type.replace('_', ' ')}"
