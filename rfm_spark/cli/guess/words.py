"""What the names of columns and the words in them mean, in eight languages: `conf/guess`."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import yaml

from rfm_spark.core.resources import shipped_text

# Letters that Unicode doesn't take apart.
_LETTERS = str.maketrans({"ł": "l", "Ł": "L", "ß": "ss", "ø": "o", "Ø": "O", "æ": "ae", "œ": "oe", "đ": "d", "º": "o"})
_NET = frozenset("net netto nett neto netta netas ht".split())
_GROSS = frozenset("gross brutto brut bruto lordo ttc".split())
_TAX = frozenset("tax taxes vat mwst ust tva iva btw gst steuer".split())
# With one of these before it, a tax says how an amount is meant, and is none.
_WITHOUT = frozenset("ex excl excluding exkl exclusive zzgl ohne hors sin senza sem zonder bez before".split())
_WITH = frozenset("inc incl including inkl inclusive mit avec con com met z after".split())


@dataclass(frozen=True)
class Terms:
    """Names of one kind of column, folded to lower case without separators.

    Attributes:
        exact: whole names, the clearest first.
        heads: words that make a name of this kind.
        tails: words that confirm it.
        weak: whole names that may mean it.
        blocked: words that make it something else.
    """

    exact: tuple[str, ...]
    heads: frozenset[str]
    tails: frozenset[str]
    weak: frozenset[str]
    blocked: frozenset[str]


@lru_cache
def vocabulary() -> Mapping[str, Terms]:
    """Our columns, and how people name them."""
    document = yaml.safe_load(shipped_text("guess", "words.yml"))
    found = {}
    for ours, lists in document.items():
        words = {kind: tuple(str(lists.get(kind, "")).split()) for kind in Terms.__dataclass_fields__}
        found[ours] = Terms(words.pop("exact"), **{kind: frozenset(names) for kind, names in words.items()})
    return found


@lru_cache
def meanings() -> Mapping[str, frozenset[str]]:
    """What a status or a type of row may mean, and the words for it, as `folded` gives them."""
    document = yaml.safe_load(shipped_text("guess", "status.yml"))
    return {
        meaning: frozenset(word.strip() for line in lines for word in line.split(","))
        for meaning, lines in document.items()
    }


def plain(text: str) -> str:
    """A text in ASCII, accents and other marks left off."""
    return unicodedata.normalize("NFKD", text.translate(_LETTERS)).encode("ascii", "ignore").decode()


def folded(value: str) -> str:
    """A status as `meanings` has it: wc-on-hold, "On hold" and ON_HOLD are the same."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", plain(value))
    return " ".join(re.findall(r"[a-z0-9]+", spaced.lower().removeprefix("wc-")))


@lru_cache(maxsize=4096)
def words(name: str) -> tuple[str, ...]:
    """The words of a column's name: CustomerID, customer_id and "Customer ID" have the same.

    Without tax and with tax are net and gross.
    """
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", plain(name))
    found = tuple(re.findall(r"[a-z]+|\d+", spaced.lower()))
    for marks, meant in ((_WITHOUT, "net"), (_WITH, "gross")):
        if _TAX & set(found) and marks & set(found):
            return (*(word for word in found if word not in _TAX and word not in marks), meant)
    return found


def score(ours: str, name: str) -> float:
    """How clearly a name means one of our columns, from 0 (not at all) to 1.

    Args:
        ours: one of `vocabulary`.
        name: as it is in the source.
    """
    terms = vocabulary()[ours]
    parts = words(name)
    joined = "".join(parts)
    if joined in terms.exact:
        return 1.0 - 0.2 * terms.exact.index(joined) / len(terms.exact)
    if joined in terms.weak:
        return 0.3
    present = frozenset(parts)
    if present & terms.blocked:
        return 0.0
    if any(joined == head + tail for head in terms.heads for tail in terms.tails):
        return 0.75
    if present & terms.heads:
        return 0.75 if len(present & (terms.heads | terms.tails)) > 1 else 0.5
    return 0.0


def is_net(name: str) -> bool:
    """Whether a name says that tax is not in the amounts."""
    return bool(_NET & set(words(name)))


def is_gross(name: str) -> bool:
    """Whether a name says that tax is in the amounts."""
    return bool(_GROSS & set(words(name)))
