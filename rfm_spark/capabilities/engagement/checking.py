"""What a look without a run says of messages."""

from __future__ import annotations

from rfm_spark.capabilities.drift.artefacts import TrackedVolumes, health_warnings
from rfm_spark.capabilities.engagement.look import MESSAGES, MessageLook, look_at_messages, message_warnings
from rfm_spark.capabilities.engagement.settings import MessageSettings
from rfm_spark.core.config import Config
from rfm_spark.core.reading.balance import account_line
from rfm_spark.pipeline.environment import MANY, Environment
from rfm_spark.pipeline.findings import Findings


def look_ahead(environment: Environment, config: Config, found: Findings) -> None:
    """Look at the messages as a run would."""
    as_of, settings = environment.run.as_of, MessageSettings.of(config)
    if settings is None:
        return
    judging = settings.judging(as_of)
    look = MessageLook(environment.source(MESSAGES), settings.source, judging, environment.frames, MANY)
    seen = look_at_messages(look)
    found.lines.append(account_line(MESSAGES, seen.rows))
    try:
        found.warnings += message_warnings(look, seen)
    finally:
        volumes = TrackedVolumes(source=MESSAGES, volumes=seen.volumes, first_day=seen.first_day)
        found.warnings += health_warnings(volumes.health(as_of))


LOOKS = {MESSAGES: look_ahead}
