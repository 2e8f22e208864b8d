"""What became of the clusters of the model before, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rfm_spark.capabilities.clusters.section.data import LineageEvent, ModelFacts
from rfm_spark.report.wording import Numbers, day


@dataclass(frozen=True)
class Lineage:
    """Title, remark on what is compared, and one event and its sentence per line."""

    title: str
    intro: str
    lines: tuple[tuple[str, str], ...]


def lineage_part(model: ModelFacts, say: Numbers) -> Lineage | None:
    """The lineage of a model; None where it has no parent or nothing is known.

    Args:
        model: with its lineage.
        say: how numbers are written.
    """
    if model.parent_version is None or not model.lineage:
        return None
    since = "" if model.parent_as_of is None else f", trained as of {day(model.parent_as_of)}"
    intro = (
        f"Model {model.version} against the one before, {model.parent_version}{since}: the same customers under both. "
        "A cluster that survives keeps its number and its name."
    )
    lines = tuple((event.event.capitalize(), _sentence(event, model, say)) for event in model.lineage)
    return Lineage(_title(model.lineage), intro, lines)


def _title(events: Sequence[LineageEvent]) -> str:
    counts: dict[str, int] = {}
    for event in events:
        counts[event.event] = counts.get(event.event, 0) + 1
    if set(counts) == {"survived"}:
        return "Every cluster of the model before survived"
    return f"What became of the clusters before: {', '.join(f'{count} {event}' for event, count in counts.items())}"


def _sentence(event: LineageEvent, model: ModelFacts, say: Numbers) -> str:
    old = _named(event.old_ids, model.parent_names)
    new = _named(event.new_ids, model.names)
    share = say.percent(event.overlap, 0)
    same = say.decimal(event.overlap, 2)
    sentences = {
        "survived": f"{new}; the Jaccard similarity of its customers then and now is {same}.",
        "split": f"{old}: {share} of its customers are now in {new}.",
        "absorbed": f"{old}: {share} of its customers are now in {new}, together with others.",
        "disappeared": f"{old}: none took it over; the largest part that stayed together is {share} of it.",
        "emerged": f"{new}: it continues none of those before; no more than {share} of any of them went there.",
    }
    # A later version may know other events.
    text = sentences.get(event.event, f"{old or 'nothing'} to {new or 'nothing'}, overlap {share}.")
    return text[:1].upper() + text[1:]


def _named(ids: Sequence[int], names: Mapping[int, str]) -> str:
    found = [f"cluster {one}" + (f" “{names[one]}”" if names.get(one) else "") for one in ids]
    return " and ".join([", ".join(found[:-1]), found[-1]] if len(found) > 1 else found)
