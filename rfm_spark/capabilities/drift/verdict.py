"""The verdict: which alarms fired, in a sentence a manager understands, and what to do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from rfm_spark.capabilities.drift.figures import PREVIOUS, RATE, TRAINING, Figure, is_alarm
from rfm_spark.capabilities.drift.psi import CHANGED, FALSE_DISCOVERIES, INSUFFICIENT, MAJOR, MODERATE, NONE, worst
from rfm_spark.core.columns import customer_columns
from rfm_spark.core.table import ALL

KEEP, REFIT, SOURCE = "keep", "refit", "look at the source"
CLUSTER_SHARES = "cluster_id"
# Columns whose shares come from rules and cuts, not from customers directly.
SHARES = ("segment", "value_tier", "r_score", "f_score", "m_score")
# Tenths by their making: only customers who are tied, such as accounts that pay nothing, move them, and all at once.
# What happened to these shows in the measure itself.
_NO_NEWS = "value_tier"
_SEVERE = (MODERATE, MAJOR)
_SHOWN = 3


@dataclass(frozen=True)
class Verdict:
    """What the figures come to.

    Attributes:
        severity: of the most severe one.
        fired: of source, rates, population, shares, boundaries, cluster: those with a moderate or major figure.
        advice: keep, refit or look at the source.
        sentence: in words.
    """

    severity: str
    fired: tuple[str, ...]
    advice: str
    sentence: str

    def as_figure(self, scope: str = ALL) -> Figure:
        """Its row of table `drift`."""
        return Figure("verdict", "all", PREVIOUS, None, None, self.severity, detail=self.sentence, scope=scope)


def verdict(figures: Sequence[Figure]) -> Verdict:
    """Sum up the figures of a run.

    Args:
        figures: of columns, volumes and clusters.
    """
    groups = {group: [f for f in figures if _group(f) == group] for group in _WORDS}
    fired = tuple(group for group, mine in groups.items() if any(f.severity in _SEVERE for f in mine))
    severities = [f.severity for mine in groups.values() for f in mine]
    severity = worst([s for s in severities if s != INSUFFICIENT])
    # Where some figures can tell and see nothing, the others' silence is no news.
    if severity == NONE and INSUFFICIENT in severities and _tells_little(groups["population"]):
        severity = INSUFFICIENT
    advice = _advice(fired)
    parts = [f"{_WORDS[group]}: {_named(groups[group])}" for group in fired]
    if not parts:
        parts = [_quiet(severity, figures)]
    if any(figure.metric == "definition" for figure in figures):
        parts.insert(0, "the segments are defined otherwise, so columns are not compared with the previous run")
    compared = len({(f.subject, f.against) for f in figures if f.metric in ("psi", RATE)})
    rate = f"{compared} comparisons at a false discovery rate of {FALSE_DISCOVERIES:.1%}"
    return Verdict(severity, fired, advice, f"{'; '.join(parts)}. {_ADVICE[advice]} ({rate})")


def of_all_scopes(whole: Verdict, scopes: Mapping[str, Verdict]) -> Verdict:
    """The verdict of a run whose customers are parted: a market that changed counts where the whole hides it.

    Args:
        whole: of all customers.
        scopes: of those of each scope.
    """
    severity = worst([whole.severity, *(one.severity for one in scopes.values() if one.severity != INSUFFICIENT)])
    if severity == whole.severity:
        return whole
    named = [scope for scope, one in sorted(scopes.items()) if one.severity == severity]
    more = f" (likewise {', '.join(named[1:_SHOWN])}{', …' if len(named) > _SHOWN else ''})" if named[1:] else ""
    first = scopes[named[0]]
    return replace(first, sentence=f"{named[0]}{more}: {first.sentence} All together: {whole.severity}.")


def asks_for_a_refit(rows: Iterable[tuple[str, str]]) -> bool:
    """Whether stored figures come to the advice refit.

    Args:
        rows: metric and severity, of table `drift`.
    """
    severe = [Figure(metric, "all", PREVIOUS, None, None, severity) for metric, severity in rows if severity in _SEVERE]
    return _advice([group for group in map(_group, severe) if group is not None]) == REFIT


_WORDS = {
    "source": "the source data changed",
    "rates": "people answer otherwise",
    "population": "the customers changed",
    "shares": "the shares of segments moved",
    "boundaries": "the borders between clusters moved",
    "cluster": "single clusters changed",
}
_ADVICE = {
    KEEP: "Keep the model",
    REFIT: "Refit the clusters (run --refit) and compare",
    SOURCE: "Look at the source before anything else",
}


def _tells_little(figures: Sequence[Figure]) -> bool:
    indices = [figure.severity for figure in figures if figure.metric == "psi"]
    return bool(indices) and all(severity == INSUFFICIENT for severity in indices)


def _group(figure: Figure) -> str | None:
    if figure.metric in ("missing_rate", "volume"):
        return "source"
    if figure.metric == RATE:
        return "rates"
    if figure.metric in ("regret", "ari"):
        return "boundaries"
    if figure.metric == "spread":
        return "cluster"
    if figure.metric in ("psi", "zero_rate") and figure.subject != _NO_NEWS:
        return "shares" if figure.subject in SHARES or _is_watched(figure.subject) else "population"
    return None


def _is_watched(name: str) -> bool:
    column = customer_columns().get(name)
    return column is not None and column.is_watched


def _advice(fired: Sequence[str]) -> str:
    if "source" in fired:
        return SOURCE
    return REFIT if "boundaries" in fired or "cluster" in fired else KEEP


def _named(figures: Sequence[Figure]) -> str:
    severe = sorted((f for f in figures if f.severity in _SEVERE), key=lambda f: (f.severity != MAJOR, f.subject))
    # One column may have moved against both references; of a rate it is told once.
    rates: dict[str, Figure] = {}
    phrases = [
        _phrase(rates.setdefault(figure.subject, figure) if figure.metric == RATE else figure) for figure in severe
    ]
    distinct = list(dict.fromkeys(phrases))
    more = f" and {len(distinct) - _SHOWN} more" if len(distinct) > _SHOWN else ""
    return ", ".join(distinct[:_SHOWN]) + more


def _phrase(figure: Figure) -> str:
    value = figure.value or 0.0
    since = "since the training" if figure.against == TRAINING else "since the previous run"
    if figure.metric == "psi":
        name = "shares of clusters" if figure.subject == CLUSTER_SHARES else figure.subject
        return f"{name} ({figure.severity}, PSI {value:.2f} {since})"
    if figure.metric in ("missing_rate", "zero_rate"):
        what = "no value" if figure.metric == "missing_rate" else "the value 0"
        return f"{value:.1%} of {figure.subject} have {what} ({figure.severity}, {figure.detail})"
    if figure.metric in ("volume", RATE):
        of_rate = figure.detail.partition(", from ")[0]
        phrase = of_rate if figure.metric == RATE else f"{figure.subject}, {figure.detail}"
        return f"{phrase} ({figure.severity})"
    if figure.metric == "regret":
        return f"{figure.detail} ({figure.severity})"
    if figure.metric == "ari":
        return f"agreement with it is {value:.2f} where chance gives {figure.threshold or 0:.2f}"
    return f"cluster {figure.subject}, {value:.2f} times as wide as in training ({figure.severity})"


def _quiet(severity: str, figures: Sequence[Figure]) -> str:
    if severity == INSUFFICIENT:
        return "too few customers to tell a change"
    if severity == CHANGED:
        names = list(dict.fromkeys(f.subject for f in figures if f.severity == CHANGED and is_alarm(f)))
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        return f"small changes that are no chance in {', '.join(names[:_SHOWN])}{more}, none of weight"
    return "nothing drifted"
