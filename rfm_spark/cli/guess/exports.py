"""Exports of known systems: recognised by their headers, with a mapping that is known to be right (`conf/exports`)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Literal

import yaml
from pydantic import Field, field_validator

from rfm_spark.cli.guess.draft import Counting, Draft, joined
from rfm_spark.cli.guess.events import with_words
from rfm_spark.cli.guess.found import Events, Found
from rfm_spark.cli.guess.questions import exact
from rfm_spark.cli.guess.values import Profile
from rfm_spark.core.errors import SourceError
from rfm_spark.core.resources import shipped_names, shipped_text
from rfm_spark.core.strict import Strict

# A header in backticks stands for the column; in braces too, for its numbers, however they are written.
_HEADER = re.compile(r"\{`([^`]+)`\}|`([^`]+)`")
_CALLED = re.compile(r"`([^`]+)`")
_ALONE = re.compile(r"`[^`]+`")


class ExportEvents(Strict):
    """The `events` source of a log: columns beside customer_id and event_ts."""

    preset: str | None = None
    columns: dict[str, str]
    types: dict[str, tuple[str, ...]] = Field(default_factory=dict)


class Export(Strict):
    """One kind of export.

    A header is written in backticks, with | between spellings of other versions. Of several expressions for one column
    the first counts whose headers are there; a condition whose headers are missing is left out.
    """

    title: str = Field(description="What it is, for people.")
    headers: tuple[str, ...] = Field(min_length=3, description="Headers that tell it from others.")
    columns: dict[str, tuple[str, ...]] = Field(description="ours: expressions.")
    where: tuple[str, ...] = Field((), description="Conditions on rows that count.")
    status: tuple[str, ...] = Field((), description="Headers whose values are counted, beside the conditions.")
    order_grain: Literal["row", "day"] | None = None
    events: ExportEvents | None = None
    notes: tuple[str, ...] = ()

    @field_validator("columns", mode="before")
    @classmethod
    def _lists(cls, columns: Mapping[str, str | Sequence[str]]) -> dict[str, Sequence[str]]:
        return {ours: [theirs] if isinstance(theirs, str) else theirs for ours, theirs in columns.items()}


@lru_cache
def known_exports() -> Mapping[str, Export]:
    """All exports by the names of their files."""
    return {
        name: Export.model_validate(yaml.safe_load(shipped_text("exports", f"{name}.yml")))
        for name in shipped_names("exports")
    }


def recognised(headers: Sequence[str]) -> Export | None:
    """The export that has these headers; of several the one that asks for the most.

    Args:
        headers: as they are in the source, with blanks and marks around them.
    """
    have = {bare(header) for header in headers}
    found = [
        export
        for export in known_exports().values()
        if all(any(bare(name) in have for name in header.split("|")) for header in export.headers)
    ]
    return max(found, key=lambda export: len(export.headers)) if found else None


def bare(header: str) -> str:
    """A header without byte-order marks, and with single blanks, in lower case."""
    return " ".join(header.replace("\ufeff", " ").split()).lower()


def export_date(export: Export, look: Sequence[Profile]) -> Profile | None:
    """The column of the dates, where the export maps a column and no expression."""
    return _alone(_first(export.columns["order_ts"], _columns(look)) or "", _columns(look))


def export_draft(export: Export, look: Sequence[Profile], counting: Counting, where: str) -> Draft:
    """The mapping of a known export.

    Raises:
        SourceError: a column that is needed has no values that can be read.
    """
    columns = _columns(look)
    chosen = {ours: _first(texts, columns) for ours, texts in export.columns.items()}
    dated = export_date(export, look)
    missing = [ours for ours in ("customer_id", "order_ts", "amount") if chosen.get(ours) is None]
    if missing or dated is None or not dated.dates:
        raise SourceError(
            f"{where} looks like {export.title}, but has no {', no '.join(missing) or 'dates that can be read'}; write "
            "the mapping by hand, starting from a copy of conf/simple.yml"
        )
    written = {ours: _written(text, columns, money=ours == "amount") for ours, text in chosen.items() if text}
    conditions = [_written(text, columns) for text in export.where if _resolves(text, columns)]
    counted = [columns[bare(name)] for name in export.status if bare(name) in columns]
    notes = tuple(f"{profile.name}: {_counted(counting(profile))}" for profile in counted)
    why = f"known of {export.title}"
    currency = chosen.get("currency")
    return Draft(
        dates=dated.dates,
        date=dated.sql,
        date_why=why,
        date_score=1.0,
        found=tuple(Found(ours, text, why, "sure") for ours, text in written.items() if ours != "order_ts"),
        customer=_sql(chosen["customer_id"] or "", columns),
        order=_sql(chosen["order_id"] or "", columns) if chosen.get("order_id") else None,
        amounts=(_sql(chosen["amount"] or "", columns, money=True),),
        currency=_sql(currency, columns) if currency else None,
        order_grain=export.order_grain,
        where=joined(conditions),
        counts=notes,
        remarks=export.notes,
        events=_events(export, columns, counting),
        export=export.title,
    )


def _events(export: Export, columns: Mapping[str, Profile], counting: Counting) -> Events | None:
    if export.events is None:
        return None
    mapped = {ours: _written(text, columns) for ours, text in export.events.columns.items() if _resolves(text, columns)}
    kind = _alone(export.events.columns["event_type"], columns)
    source = Events(mapped, export.events.preset, export.events.types)
    return source if kind is None else with_words(source, kind.name, counting(kind))


def _columns(look: Sequence[Profile]) -> dict[str, Profile]:
    return {bare(profile.name): profile for profile in reversed(look)}


def _first(texts: Sequence[str], columns: Mapping[str, Profile]) -> str | None:
    return next((text for text in texts if _resolves(text, columns)), None)


def _resolves(text: str, columns: Mapping[str, Profile]) -> bool:
    return all(_column(names, columns) is not None for names in _CALLED.findall(text))


def _column(names: str, columns: Mapping[str, Profile]) -> Profile | None:
    return next((columns[bare(name)] for name in names.split("|") if bare(name) in columns), None)


def _alone(text: str, columns: Mapping[str, Profile]) -> Profile | None:
    return _column(text.strip("`"), columns) if _ALONE.fullmatch(text) else None


def _written(text: str, columns: Mapping[str, Profile], *, money: bool = False) -> str:
    """An expression over the source's own columns; a column alone stays a name."""
    profile = _alone(text, columns)
    if profile is None:
        return _sql(text, columns)
    return profile.number.text if money and profile.number else profile.text


def _sql(text: str, columns: Mapping[str, Profile], *, money: bool = False) -> str:
    alone = _alone(text, columns)
    if alone is not None and money and alone.number:
        return alone.number.sql

    def named(found: re.Match[str]) -> str:
        profile = _column(found[1] or found[2], columns)
        if profile is None:
            return found[0]
        if found[1] is None:
            return profile.sql
        return exact(profile.number.sql if profile.number else profile.sql)

    return _HEADER.sub(named, text)


def _counted(seen: Mapping[str, int]) -> str:
    ordered = sorted(seen.items(), key=lambda pair: -pair[1])
    return "; ".join(f"{value or '(blank)'} {count:,}" for value, count in ordered)
