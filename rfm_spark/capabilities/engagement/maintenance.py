"""What engagement needs of runs that are over: who was suppressed when messages were last known."""

from __future__ import annotations

from collections.abc import Mapping

from rfm_spark.capabilities.engagement.look import MESSAGES
from rfm_spark.core.runs import current_runs
from rfm_spark.core.upkeep import Upkeep


def last_with_messages(upkeep: Upkeep) -> Mapping[str, str]:
    """The last current run that had messages: the next one with messages goes on from it."""
    current = current_runs(upkeep.complete, upkeep.config.name)
    with_messages = [run for _, run in sorted(current.items()) if MESSAGES in run.source_fingerprints]
    return {with_messages[-1].run_id: "it has the last suppressions of messages"} if with_messages else {}


NEEDED_RUNS = (last_with_messages,)
