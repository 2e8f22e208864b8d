"""Which rows of a source count, by the words of its status columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rfm_spark.cli.guess.questions import Open, Reading
from rfm_spark.cli.guess.values import Profile
from rfm_spark.cli.guess.words import folded, meanings, score, words

# Meanings of a status whose rows don't count.
_DROPPED = ("cancelled", "failed", "pending", "on hold", "refunded", "voided")
# A parcel that is not yet on its way was bought all the same.
_OF_PARCELS = frozenset(
    "fulfillment fulfilment shipping shipment delivery versand liefer livraison envio entrega spedizione verzend "
    "wysylki item lineitem".split()
)
_FINAL = ("cancelled", "refunded", "voided")
_FEW = 100
_FEW_CODES = 20
_MOST = 0.5
# Of a column whose name says nothing.
_NEARLY_ALL = 0.9
_ENDED = frozenset(
    "cancelled canceled voided storniert annule annulee cancelado annullato geannuleerd anulowano".split()
)
# What a flag of rows that don't count is named after, and one of those that do.
_FLAGS = _ENDED | frozenset("deleted removed geloscht supprime eliminado eliminato verwijderd usuniete".split())
_PAID = frozenset("paid bezahlt paye pagado pagato pago betaald oplacone".split())
_YES = frozenset("true t y yes 1 ja j oui si sim s tak".split())
_NO = frozenset("false f n no 0 nein non nao nee nie".split())
_IS = frozenset("is was flag ist est es e yn".split())
# A part of a phrase says nothing beside one of these.
_NOT = frozenset("not no non nicht kein ne pas sin senza sem niet nie un reversal".split())
_PARTLY = frozenset(
    "partial partially partly teilweise partiellement parcialmente parzialmente gedeeltelijk czesciowo".split()
)
_AT = frozenset("at on date datetime ts time timestamp am datum".split())
_TESTS = frozenset({"test", "istest", "testorder", "istestorder"})


@dataclass(frozen=True)
class Filter:
    """A condition on rows that count, from one column.

    Attributes:
        column: whose values it goes by.
        sql: the condition.
        note: what was seen, with numbers of rows.
        dropped: values of rows that don't count, in lower case, and what they mean; "" stands for a blank.
        kept: values of rows that do.
        open: what is not sure.
    """

    column: Profile
    sql: str
    note: str
    dropped: Mapping[str, str]
    kept: tuple[str, ...]
    open: tuple[Open, ...] = field(default=())

    def keeps(self, value: str | None) -> bool:
        """Whether rows with a value count."""
        return (value or "").lower() not in self.dropped


def status_columns(profiles: Sequence[Profile]) -> list[Profile]:
    """Columns whose values are mostly words of a status, or of a type of row."""
    return [profile for profile in profiles if _is_status(profile) or _is_kind(profile)]


def filter_of(profile: Profile, seen: Mapping[str, int]) -> Filter | None:
    """The condition that a status column makes; None where all of its rows count.

    Args:
        profile: the column.
        seen: numbers of all rows by value, lower case and stripped; "" for blanks.
    """
    meant = {value: _meaning(value, profile) for value in seen}
    dropped = {value: meaning for value, meaning in meant.items() if meaning in _wanted(profile) and value}
    kept = [value for value in seen if value not in dropped and value]
    if not dropped:
        return None
    sql = f"lower({_trimmed(profile)})"
    condition = _one_of(sql, kept, blank="" in seen)
    parts = [f"{value or '(blank)'} {count:,}{_left_out(value, dropped)}" for value, count in _by_count(seen)]
    unsure = [value for value in kept if meant[value] is None] + [value for value in dropped if not _is_known(value)]
    questions = tuple(_whether_counts(profile, sql, value, kept=value in kept) for value in unsure)
    if score("status", profile.name) == 0 and not _is_kind(profile):
        questions = (_whether_status(profile, condition), *questions)
    return Filter(profile, condition, f"{profile.name}: {'; '.join(parts)}", dropped, tuple(kept), questions)


def unknown_statuses(profiles: Sequence[Profile]) -> list[Profile]:
    """Columns that are named after a status, and hold codes or words that nobody knows."""
    return [
        profile
        for profile in profiles
        if score("status", profile.name) > _MOST and 1 < profile.distinct <= _FEW_CODES and not _is_status(profile)
        and profile.distinct < len(profile.filled)
    ]  # fmt: skip


def flag_filters(profiles: Sequence[Profile]) -> list[Filter]:
    """Conditions of columns that say when an order was cancelled, or whether it was, was paid, or is a test."""
    found = []
    for profile in profiles:
        parts = set(words(profile.name))
        if profile.filled and len(parts) == 2 and parts & _ENDED and parts & _AT and len(profile.steps) < 2:
            rows = len(profile.filled)
            blank = f"coalesce(trim({profile.sql}), '') = ''"
            sql = blank if profile.type_name == "string" else f"{profile.sql} IS NULL"
            dropped = {value.lower(): "cancelled" for value in profile.filled}
            found.append(Filter(profile, sql, f"{profile.name}: filled in {rows:,} of the rows looked at", dropped, ()))
        elif (drops := _flag(profile)) is not None:
            rows = sum(value.lower() in drops for value in profile.filled)
            listed = ", ".join(map(_literal, sorted(drops)))
            sql = f"coalesce(lower({_trimmed(profile)}), '') NOT IN ({listed})"
            if profile.type_name == "boolean":
                sql = f"NOT coalesce({profile.sql}, false)" if drops & _YES else f"coalesce({profile.sql}, true)"
            note = f"{profile.name}: left out in {rows:,} of the rows looked at"
            found.append(Filter(profile, sql, note, dict.fromkeys(drops, "cancelled"), ()))
    return found


def kept_rows(filters: Sequence[Filter], rows: int) -> list[int]:
    """Which of the rows that were looked at count."""
    return [row for row in range(rows) if all(one.keeps(one.column.values[row]) for one in filters)]


def rows_meaning(filters: Sequence[Filter], meaning: str) -> list[int]:
    """Which of the rows that were looked at don't count for one reason."""
    return [
        row
        for one in filters
        for row, value in enumerate(one.column.values)
        if one.dropped.get((value or "").lower()) == meaning
    ]


def with_refunds(one: Filter, seen: Mapping[str, int]) -> Filter | None:
    """The filter that keeps the refunds: they are lines of their own, which pay back."""
    refunds = [value for value, meaning in one.dropped.items() if meaning == "refunded"]
    others = {value: meaning for value, meaning in one.dropped.items() if value not in refunds}
    if not others:
        return None
    sql = _one_of(f"lower({_trimmed(one.column)})", [*one.kept, *refunds], blank="" in seen)
    parts = [f"{value or '(blank)'} {count:,}{_left_out(value, others)}" for value, count in _by_count(seen)]
    return Filter(one.column, sql, f"{one.column.name}: {'; '.join(parts)}", others, (*one.kept, *refunds), one.open)


def _flag(profile: Profile) -> frozenset[str] | None:
    """Values of a yes or no whose rows don't count; None for other columns, and where none are there."""
    values = {value.lower() for value in profile.filled}
    if not values or not values <= _YES | _NO:
        return None
    named = set(words(profile.name)) - _IS
    if "".join(words(profile.name)) in _TESTS or (len(named) == 1 and named <= _FLAGS):
        drops = values & _YES
    else:
        drops = values & _NO if len(named) == 1 and named <= _PAID else set()
    return frozenset(drops) or None


def _is_status(profile: Profile) -> bool:
    if not profile.filled or profile.distinct > _FEW:
        return False
    meant = [_known(value) for value in profile.filled]
    if score("status", profile.name) > 0:
        return sum(kind is not None for kind in meant) >= _MOST * len(meant)
    found = set(meant) - {None}
    known = sum(kind is not None for kind in meant)
    return known >= _NEARLY_ALL * len(meant) and "counts" in found and len(found) > 1


def _is_kind(profile: Profile) -> bool:
    if not profile.filled or profile.distinct > _FEW or score("is_return", profile.name) != 0.3:
        return False
    known = sum(any(folded(value) in meanings()[kind] for kind in ("sale", "refund", "neither"))
                for value in profile.filled)  # fmt: skip
    return known >= _MOST * len(profile.filled)


def _meaning(value: str, profile: Profile) -> str | None:
    if _is_kind(profile) and not _is_status(profile):
        word = folded(value)
        return next((kind for kind in ("sale", "refund", "neither") if word in meanings()[kind]), None)
    return _known(value)


def _known(value: str) -> str | None:
    """What a status means: the whole of it, or else a part, such as `cancelled` in a phrase."""
    kinds = ("counts", *_DROPPED)
    whole, parts = folded(value), frozenset(folded(value).split())
    exact = next((kind for kind in kinds if whole in meanings()[kind]), None)
    if exact is not None or parts & _NOT:
        return exact
    if parts & _PARTLY:
        return "counts"
    return next((kind for kind in (*_DROPPED, "counts") if parts & meanings()[kind]), None)


def _is_known(value: str) -> bool:
    return any(folded(value) in words for words in meanings().values())


def _wanted(profile: Profile) -> tuple[str, ...]:
    if not _is_status(profile):
        return ("neither",)
    return _FINAL if _OF_PARCELS & set(words(profile.name)) else _DROPPED


def _whether_counts(profile: Profile, sql: str, value: str, *, kept: bool) -> Open:
    rows = f"count_if({sql} = {_literal(value)})"
    with_them = Reading("as it is" if kept else f"with {_literal(value)} in where", "they count: {} rows", rows)
    words = f"without {_literal(value)} in where" if kept else "as it is"
    without = Reading(words, "they don't: {} rows", f"{rows} * 0")
    both = (with_them, without) if kept else (without, with_them)
    return Open("where", f"Do rows count whose {profile.name} is {value}?", both)


def _whether_status(profile: Profile, condition: str) -> Open:
    return Open(
        "where",
        f"Does {profile.name} say which rows count?",
        (Reading("as it is", "rows that count: {}", f"count_if({condition})"),
         Reading(f"no {profile.name} in where", "rows that count: {}", "count(1)")),
    )  # fmt: skip


def _one_of(sql: str, kept: Sequence[str], *, blank: bool) -> str:
    """A condition that keeps these values, and rows without one where there are any."""
    if not kept:
        return f"coalesce({sql}, '') = ''" if blank else "false"
    listed = ", ".join(map(_literal, kept))
    return f"coalesce({sql}, '') IN ({listed}, '')" if blank else f"{sql} IN ({listed})"


def _left_out(value: str, dropped: Mapping[str, str]) -> str:
    return " (left out)" if value in dropped else ""


def _by_count(seen: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(seen.items(), key=lambda pair: (-pair[1], pair[0]))


def _trimmed(profile: Profile) -> str:
    return f"trim({profile.sql})" if profile.type_name == "string" else f"cast({profile.sql} as string)"


def _literal(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
