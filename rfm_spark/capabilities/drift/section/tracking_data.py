"""What the report shows of tracking: the volumes of events and of messages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from rfm_spark.capabilities.drift.tables import TRACKING
from rfm_spark.capabilities.drift.tracking import MOST_SEVERE
from rfm_spark.report.section import Reader


@dataclass(frozen=True)
class TrackingLine:
    """The volume of one source, channel and event type, as table `tracking` has it."""

    source: str
    channel: str
    event_type: str
    recent: int
    weekly_mean: float | None
    ratio: float | None
    last_day: date | None
    silent_days: int | None
    status: str
    detail: str = ""


@dataclass(frozen=True)
class TrackingData:
    """The volumes that were tracked, the most severe first; of events and of messages."""

    lines: tuple[TrackingLine, ...] = ()


def read_tracking(reader: Reader) -> TrackingData:
    """Volumes of a run."""
    return TrackingData(most_severe_first(tracking_line(row) for row in reader.rows(TRACKING.name)))


def tracking_line(row: Mapping[str, Any]) -> TrackingLine:
    """One volume from a row of table `tracking`."""
    return TrackingLine(
        row["source"],
        row["channel"],
        row["event_type"],
        row["recent"] or 0,
        row["weekly_mean"],
        row["ratio"],
        row["last_day"],
        row["silent_days"],
        row["status"],
        row["detail"] or "",
    )


def most_severe_first(lines: Iterable[TrackingLine]) -> tuple[TrackingLine, ...]:
    """By status, then by name; a status of another version comes last."""
    order = {status: at for at, status in enumerate(MOST_SEVERE)}

    def place(line: TrackingLine) -> tuple[int, str, str, str]:
        return order.get(line.status, len(order)), line.source, line.channel, line.event_type

    return tuple(sorted(lines, key=place))
