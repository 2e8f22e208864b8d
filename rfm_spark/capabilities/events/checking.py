"""What a look without a run says of events."""

from __future__ import annotations

from rfm_spark.capabilities.drift.artefacts import TrackedVolumes, health_warnings
from rfm_spark.capabilities.events.config import EventsSource, InteractionsConfig
from rfm_spark.capabilities.events.look import EVENTS, EventLook, event_warnings, look_at_events
from rfm_spark.core.config import Config
from rfm_spark.core.reading.balance import account_line
from rfm_spark.pipeline.environment import MANY, Environment
from rfm_spark.pipeline.findings import Findings


def look_ahead(environment: Environment, config: Config, found: Findings) -> None:
    """Look at the events as a run would."""
    as_of = environment.run.as_of
    look = EventLook(
        as_of, environment.source(EVENTS), config.part(EventsSource), config.part(InteractionsConfig),
        environment.frames, MANY,
    )  # fmt: skip
    seen = look_at_events(look)
    found.lines.append(account_line(EVENTS, seen.rows))
    try:
        found.warnings += event_warnings(look, seen)
    finally:
        volumes = TrackedVolumes(source=EVENTS, volumes=seen.volumes, first_day=seen.first_day)
        found.warnings += health_warnings(volumes.health(as_of))


LOOKS = {EVENTS: look_ahead}
