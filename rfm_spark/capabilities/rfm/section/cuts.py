"""How the scores are made: the cut points in words, and how the customers spread over each measure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from markupsafe import Markup
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from rfm_spark.capabilities.rfm.cuts import COLUMN_OF, CutSet, from_rows
from rfm_spark.capabilities.rfm.section.bands import MEASURE_TITLES, Band, bands, cut_warning, within_words
from rfm_spark.capabilities.rfm.tables import SEGMENT_CUTS
from rfm_spark.capabilities.rfm.words import MeasureWords, measure_words, window_days
from rfm_spark.core.columns import CUSTOMERS
from rfm_spark.core.table import ALL
from rfm_spark.report.badges import REAL
from rfm_spark.report.bins import doubling_bin
from rfm_spark.report.figures import Figure, spread_figure
from rfm_spark.report.section import Drawn, Facts, Reader
from rfm_spark.report.wording import Numbers, day, window_words

_TERMS = {
    "Recency (R)": Markup(
        "Days from the customer's last purchase, over all history, to {as_of}. Fewer days, higher score."
    ),
    "Frequency (F)": Markup(
        "Number of purchases in {window}. A fully refunded purchase does not count unless refunds are ignored."
    ),
    "Monetary value (M)": Markup(
        "Money spent in {window}, refunds taken off unless the configuration ignores them. “Revenue” is its sum."
    ),
    "Score": Markup("The place of a value between the cut points, from 1 (worst) to the number of scores (best)."),
}


@dataclass(frozen=True)
class CutData:
    """Scores of a run.

    Attributes:
        cuts: cut points, outer measures first.
        histograms: per measure, customers by doubling bin: bin b holds whole values v with 2^b - 1 <= v < 2^(b+1) - 1,
            and -1 the negative ones.
    """

    cuts: tuple[CutSet, ...] = ()
    histograms: Mapping[str, Mapping[int, int]] = field(default_factory=dict)


@dataclass(frozen=True)
class CutList:
    """The cut points of one measure, or of one group of it when nested."""

    title: str
    group: str
    bands: tuple[Band, ...]
    warning: str | None


@dataclass(frozen=True)
class CutPart:
    """The section, ready to print.

    Attributes:
        lists: by measure, one list, or several of which the page shows a summary when nested.
        histograms: of the measures.
    """

    lists: Mapping[str, list[CutList]]
    histograms: list[Figure]


def read_cuts(reader: Reader) -> CutData:
    """Cut points and measures of a run."""
    every = reader.of_all_scopes(SEGMENT_CUTS.name)
    # A scope without cut points of its own is scored by those of all.
    cuts = tuple(from_rows(reader.of_scope(every) or [row for row in every if row["scope"] == ALL]))
    return CutData(cuts, _histograms(reader.frame(CUSTOMERS)) if reader.wrote(CUSTOMERS) else {})


def _histograms(segments: DataFrame) -> dict[str, dict[int, int]]:
    whole = {column: F.floor(F.col(column)).cast("bigint") for column in COLUMN_OF.values()}
    bins = [
        F.struct(F.lit(column).alias("measure"), doubling_bin(value).alias("bin")) for column, value in whole.items()
    ]
    rows = (
        segments.select(F.explode(F.array(*bins)).alias("one"))
        .groupBy("one.measure", "one.bin")
        .agg(F.count(F.lit(1)).alias("customers"))
        .where(F.col("bin").isNotNull())
        .collect()
    )
    found: dict[str, dict[int, int]] = {column: {} for column in COLUMN_OF.values()}
    for row in sorted(rows, key=lambda row: (row["measure"], row["bin"])):
        found[row["measure"]][row["bin"]] = row["customers"]
    return found


def draw_cuts(data: CutData, facts: Facts, say: Numbers) -> Drawn:
    """Everything the section says.

    Args:
        data: cut points and measures of the run.
        facts: of the run.
        say: how numbers are written.
    """
    words = measure_words(facts.settings)
    filled = {
        "as_of": day(facts.run.as_of), "window": window_words(window_days(facts.settings), say), "event": words.event,
        "counted_in": words.counted_in,
    }  # fmt: skip
    terms = {term: meaning.format(**filled) for term, meaning in (_TERMS | _own_terms(words)).items()}
    return Drawn(REAL, CutPart(_cut_lists(data, words, say), _histogram_figures(data, words, say)), terms)


def _own_terms(words: MeasureWords) -> dict[str, Markup]:
    """What measures mean that are not of purchases."""
    found = {}
    if words.event != "purchase":
        found["Recency (R)"] = Markup(
            "Days from the customer's last {event}, over all history, to {as_of}; of who had none, from the day they "
            "subscribed. Fewer days, higher score."
        )
    if words.counted_in is not None:
        found["Frequency (F)"] = Markup(
            "Sessions on web and app that ended in the last {counted_in} days. Who had none scores 1."
        )
    if words.money == "MRR":
        found["Monetary value (M)"] = Markup(
            "Monthly recurring revenue (MRR) on {as_of}: what the customer's running subscriptions cost a month. Who "
            "pays nothing scores 1."
        )
    return found


def _cut_lists(data: CutData, words: MeasureWords, say: Numbers) -> dict[str, list[CutList]]:
    found: dict[str, list[CutList]] = {}
    for cut in data.cuts:
        title = MEASURE_TITLES[cut.measure]
        group = within_words(cut.within)
        mine = CutList(title, group, tuple(bands(cut, say, words)), cut_warning(cut, words))
        found.setdefault(title, []).append(mine)
    return found


def _histogram_figures(data: CutData, words: MeasureWords, say: Numbers) -> list[Figure]:
    units = {"recency_days": words.since, "frequency": words.frequency, "monetary": words.monetary}
    return [
        spread_figure(f"spread-{measure}", counts, f"Customers by {units[column]}", say, money=measure == "m")
        for measure, column in COLUMN_OF.items()
        if (counts := data.histograms.get(column, {}))
    ]
