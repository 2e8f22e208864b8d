"""Customers by recency and frequency score, and the segment most of each cell are in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from textwrap import wrap

from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F

from rfm_spark.capabilities.rfm.cuts import CutSet
from rfm_spark.capabilities.rfm.section.bands import bands
from rfm_spark.capabilities.rfm.section.cuts import CutData
from rfm_spark.capabilities.rfm.words import MeasureWords, first_capital, measure_words, window_days
from rfm_spark.capabilities.segments.words import SegmentNames, rule_columns, segment_names
from rfm_spark.core.columns import CUSTOMERS
from rfm_spark.report.badges import columns_badge
from rfm_spark.report.drawing import as_svg
from rfm_spark.report.figures import Figure
from rfm_spark.report.matrix import LINE_BREAK, Cell, Matrix, column_letters, matrix
from rfm_spark.report.profiles import Totals
from rfm_spark.report.section import Drawn, Facts, Reader
from rfm_spark.report.wording import Numbers, window_words

# More scores than this leave no room for a third line in a cell.
ROOMY_BINS = 6


@dataclass(frozen=True)
class GridCell:
    """Customers of one recency and one frequency score.

    Attributes:
        segment: the one most of them are in; the first by name of equals.
        monetary: sum over them.
    """

    r: int
    f: int
    customers: int
    monetary: Decimal
    segment: str


@dataclass(frozen=True)
class GridData:
    """Cells of recency by frequency score that occur."""

    cells: tuple[GridCell, ...] = ()


def read_grid(reader: Reader) -> GridData:
    """Cells of a run."""
    return GridData(_cells(reader.frame(CUSTOMERS)) if reader.wrote(CUSTOMERS) else ())


def _cells(segments: DataFrame) -> tuple[GridCell, ...]:
    rows = (
        segments.groupBy("r_score", "f_score", "segment")
        .agg(F.count(F.lit(1)).alias("customers"), F.sum("monetary").alias("monetary"))
        .collect()
    )
    cells: dict[tuple[int, int], list[Row]] = {}
    for row in rows:
        cells.setdefault((row["r_score"], row["f_score"]), []).append(row)
    return tuple(
        GridCell(
            r=r,
            f=f,
            customers=sum(row["customers"] for row in inside),
            monetary=sum((row["monetary"] or Decimal(0) for row in inside), Decimal(0)),
            segment=min(inside, key=lambda row: (-row["customers"], row["segment"]))["segment"],
        )
        for (r, f), inside in sorted(cells.items())
    )


def draw_grid(data: GridData, facts: Facts, say: Numbers) -> Drawn:
    """The grid; off the page without customers.

    Args:
        data: cells of the run.
        facts: of the run, with its cut points and totals.
        say: how numbers are written.
    """
    return Drawn(
        badge=columns_badge(facts.settings, rule_columns(facts.settings)),
        content=_grid_part(data.cells, facts, say) if data.cells else None,
    )


@dataclass(frozen=True)
class GridPart:
    """The section, ready to print.

    Attributes:
        heading: of the section.
        figure: the grid.
    """

    heading: str
    figure: Figure


def _grid_part(cells: Sequence[GridCell], facts: Facts, say: Numbers) -> GridPart:
    does = "buy" if measure_words(facts.settings).is_usual else "come"
    return GridPart(f"How recently and how often they {does}", _grid_figure(cells, facts, say))


def _grid_figure(cells: Sequence[GridCell], facts: Facts, say: Numbers) -> Figure:
    names, totals = segment_names(facts.settings), facts.find(Totals) or Totals()
    cuts, words = (facts.find(CutData) or CutData()).cuts, measure_words(facts.settings)
    best_r = max([cell.r for cell in cells] + [cut.bins for cut in cuts if cut.measure == "r"])
    best_f = max([cell.f for cell in cells] + [cut.bins for cut in cuts if cut.measure == "f"])
    across, up = _score_labels(cuts, "r", best_r, words, say), _score_labels(cuts, "f", best_f, words, say)
    top = sum(cell.customers for cell in cells if (cell.r, cell.f) == (best_r, best_f))
    title = (
        f"{say.count(top)} customers ({say.percent(totals.customer_share(top))}) "
        f"{'has' if top == 1 else 'have'} the best score in both recency and frequency"
    )
    roomy = len(across) <= ROOMY_BINS
    drawn = _matrix(cells, across, up, names, _titles(facts, words, say), say)
    caption = (
        "Each cell: number of customers (the darker, the more) and the segment most of them are in, with its colour at "
        f"the left edge{f'; below, their mean {words.money}' if roomy else ''}."
    )
    return Figure(title, as_svg(matrix(drawn), "grid", title), caption)


def _titles(facts: Facts, words: MeasureWords, say: Numbers) -> tuple[str, str]:
    """Of columns and of rows."""
    window = window_words(words.counted_in or window_days(facts.settings), say)
    across = f"{first_capital(words.since)}: long ago at the left, recent at the right"
    return across, f"{first_capital(words.counts[1])} in {window}"


def _matrix(
    cells: Sequence[GridCell],
    across: dict[int, str],
    up: dict[int, str],
    names: SegmentNames,
    titles: tuple[str, str],
    say: Numbers,
) -> Matrix:
    most = max((cell.customers for cell in cells), default=1)
    roomy, room = len(across) <= ROOMY_BINS, column_letters(len(across))
    labels = {one.segment: wrap(names.label(one.segment), room, break_long_words=False) for one in cells}
    drawn = [
        Cell(
            column=across[cell.r],
            row=up[cell.f],
            heat=cell.customers / most,
            lines=(
                say.count(cell.customers),
                *labels[cell.segment],
                *([f"{say.whole_money(cell.monetary / cell.customers)} each"] if roomy else []),
            ),
            strip=names.colour(cell.segment),
        )
        for cell in cells
    ]
    return Matrix(
        columns=tuple(across[score] for score in sorted(across)),
        rows=tuple(up[score] for score in sorted(up, reverse=True)),
        cells=tuple(drawn),
        column_title=titles[0],
        row_title=titles[1],
        cell_height=(56 if roomy else 32) + 16 * max((len(lines) for lines in labels.values()), default=1),
    )


def _score_labels(cuts: Sequence[CutSet], measure: str, bins: int, names: MeasureWords, say: Numbers) -> dict[int, str]:
    # Nested cut points differ from group to group, so that a score alone has no one range of values.
    sets = [cut for cut in cuts if cut.measure == measure]
    words = {band.score: band.text.partition(" = ")[2] for band in bands(sets[0], say, names)} if len(sets) == 1 else {}
    ends = {1: " (worst)", bins: " (best)"}
    roomy = bins <= ROOMY_BINS
    labels = {}
    for score in range(1, bins + 1):
        values = [words[score]] if score in words else []
        # Only labels below narrow columns have to be broken; beside a row there is room.
        if values and measure == "r" and not roomy:
            values = wrap(values[0], column_letters(bins), break_long_words=False)
        labels[score] = LINE_BREAK.join([f"{'Score ' if roomy else ''}{score}{ends.get(score, '')}", *values])
    return labels
