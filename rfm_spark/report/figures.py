"""What each chart shows of a run, with a title that states what the numbers say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import wrap

from rfm_spark.capabilities.movement.tables import NO_SEGMENT
from rfm_spark.capabilities.rfm.cuts import COLUMN_OF
from rfm_spark.report import charts
from rfm_spark.report.charts import Pair, Part
from rfm_spark.report.colours import CAUSE_COLOURS, category
from rfm_spark.report.data import Profile, ReportData, Transition
from rfm_spark.report.drawing import as_svg
from rfm_spark.report.matrix import LINE_BREAK, Cell, Matrix, column_letters, matrix
from rfm_spark.report.wording import CAUSE_NOUNS, Numbers, bands, bin_words

ENTERED, LEFT = "New customers", "Left"
# More scores than this leave no room for a third line in a cell.
ROOMY_BINS = 6
_UNITS = {"recency_days": "days since the last purchase", "frequency": "number of purchases", "monetary": "money spent"}


@dataclass(frozen=True)
class Figure:
    """A chart with its title and how to read it.

    Attributes:
        title: the finding.
        svg: the drawing.
        caption: how to read it.
        narrow: the same for a telephone, where the wide one would be too small to read; empty to scroll instead.
    """

    title: str
    svg: str
    caption: str
    narrow: str = ""


def leader(rows: Sequence[Profile]) -> Profile | None:
    """The group with the most revenue, if any revenue is above zero."""
    best = max(rows, key=lambda row: row.revenue, default=None)
    return best if best is not None and best.revenue > 0 else None


def shares_figure(data: ReportData, say: Numbers) -> Figure:
    """Share of customers against share of revenue, per segment."""
    names = _unique([data.label(row.name) for row in data.segments])
    looks = [(name, data.colour(row.name)) for name, row in zip(names, data.segments, strict=True)]
    title = _bring(data, data.segments, names, say)
    return _pairs_figure(data, data.segments, looks, title, "shares", say)


def clusters_figure(data: ReportData, say: Numbers) -> Figure:
    """Share of customers against share of revenue, per cluster."""
    names = _unique([row.name for row in data.clusters])
    looks = [(name, category(at)) for at, name in enumerate(names)]
    title = _bring(data, data.clusters, [f"Cluster “{name}”" for name in names], say)
    return _pairs_figure(data, data.clusters, looks, title, "clusters", say)


def grid_figure(data: ReportData, say: Numbers) -> Figure:
    """Customers by recency score (across) and frequency score (up)."""
    best_r = max([cell.r for cell in data.grid] + [cut.bins for cut in data.cuts if cut.measure == "r"])
    best_f = max([cell.f for cell in data.grid] + [cut.bins for cut in data.cuts if cut.measure == "f"])
    across, up = _score_labels(data, "r", best_r, say), _score_labels(data, "f", best_f, say)
    most = max((cell.customers for cell in data.grid), default=1)
    roomy = len(across) <= ROOMY_BINS
    room = column_letters(len(across))
    names = {one.segment: wrap(data.label(one.segment), room, break_long_words=False) for one in data.grid}
    cells = [
        Cell(
            column=across[cell.r],
            row=up[cell.f],
            heat=cell.customers / most,
            lines=(
                say.count(cell.customers),
                *names[cell.segment],
                *([f"{say.whole_money(cell.monetary / cell.customers)} each"] if roomy else []),
            ),
            strip=data.colour(cell.segment),
        )
        for cell in data.grid
    ]
    top = sum(c.customers for c in data.grid if (c.r, c.f) == (best_r, best_f))
    title = (
        f"{say.count(top)} customers ({say.percent(data.customer_share(top))}) "
        f"{'has' if top == 1 else 'have'} the best score in both recency and frequency"
    )
    window = f"in the last {say.count(data.window_days)} days" if data.window_days else "in all history"
    drawn = Matrix(
        columns=tuple(across[score] for score in sorted(across)),
        rows=tuple(up[score] for score in sorted(up, reverse=True)),
        cells=tuple(cells),
        column_title="Days since the last purchase: long ago at the left, recent at the right",
        row_title=f"Purchases {window}",
        cell_height=(56 if roomy else 32) + 16 * max((len(lines) for lines in names.values()), default=1),
    )
    caption = (
        "Each cell: number of customers (the darker, the more) and the segment most of them are in, with its colour at "
        f"the left edge{'; below, their mean spend' if roomy else ''}."
    )
    return Figure(title, as_svg(matrix(drawn), "grid", title), caption)


def transitions_figure(data: ReportData, say: Numbers) -> Figure:
    """Where the customers of each segment of the previous run are now."""
    rows, columns = _ends(data)
    room = max(column_letters(len(columns)), 6)
    titles = {name: LINE_BREAK.join(wrap(label, room, break_long_words=False)) for name, label in columns.items()}
    cells = [
        Cell(
            column=titles[move.to_segment],
            row=rows[move.from_segment],
            heat=move.share,
            lines=(say.percent(move.share, 0), say.count(move.customers)),
            framed=move.stayed,
        )
        for move in data.transitions
    ]
    drawn = Matrix(
        columns=tuple(titles.values()),
        rows=tuple(rows.values()),
        cells=tuple(cells),
        column_title="Segment now",
        row_title="Segment in the previous run",
        cell_height=46,
        columns_on_top=True,
    )
    title = _movement_title(data, say)
    caption = (
        "Read along a row: of the customers who were in that segment, the share (and number) now in each column. "
        "Framed cells are those who stayed."
    )
    return Figure(title, as_svg(matrix(drawn), "moves", title), caption)


def causes_figure(data: ReportData, say: Numbers) -> Figure:
    """The causes of the moves, as one bar."""
    counts = data.cause_counts()
    total = sum(counts.values())
    parts = [
        Part(count / total, CAUSE_COLOURS[cause], f"{cause} {say.count(count)}") for cause, count in counts.items()
    ]
    # Who is masked did not move.
    moves = {cause: count for cause, count in counts.items() if cause != "masked"}
    if moves:
        largest = max(moves, key=lambda cause: moves[cause])
        share = say.percent(moves[largest] / sum(moves.values()), 0)
        title = f"Why they moved: {CAUSE_NOUNS[largest]} in {share} of {say.count(sum(moves.values()))} moves"
    else:
        title = "Nobody changed segment, but the cut points moved"
    wide, narrow = charts.stacked_bar(parts), charts.stacked_bar(parts, charts.NARROW_WIDTH)
    return Figure(title, as_svg(wide, "causes", title), "", as_svg(narrow, "causes-narrow", title))


def histogram_figures(data: ReportData, say: Numbers) -> list[Figure]:
    """How the customers spread over each measure, in doubling bins."""
    found = []
    for measure, column in COLUMN_OF.items():
        counts = data.histograms.get(column, {})
        if not counts:
            continue
        inside = range(min(counts), max(counts) + 1)
        money = measure == "m"
        drawn = charts.histogram(
            [bin_words(at, say, money=money) for at in inside],
            [counts.get(at, 0) for at in inside],
            [say.count(counts.get(at, 0)) for at in inside],
        )
        title = f"Customers by {_UNITS[column]}"
        found.append(Figure(title, as_svg(drawn, f"spread-{measure}", title), ""))
    return found


def _pairs_figure(
    data: ReportData, rows: Sequence[Profile], looks: Sequence[tuple[str, str]], title: str, name: str, say: Numbers
) -> Figure:
    pairs = []
    for row, (label, colour) in zip(rows, looks, strict=True):
        shares = data.customer_share(row.customers), data.revenue_share(row.revenue)
        texts = f"{say.percent(shares[0])} of customers", f"{say.percent(shares[1])} of revenue"
        pairs.append(Pair(label, colour, shares, texts))
    caption = "Upper bar, pale: share of customers. Lower bar, full colour: share of revenue."
    if data.revenue <= 0:
        caption = "Share of customers only: revenue in the window is not above zero, so it has no shares."
    wide, narrow = charts.paired_bars(pairs), charts.paired_bars(pairs, charts.NARROW_WIDTH)
    drawings = as_svg(wide, name, title), as_svg(narrow, f"{name}-narrow", title)
    return Figure(title, drawings[0], caption, drawings[1])


def _bring(data: ReportData, rows: Sequence[Profile], names: Sequence[str], say: Numbers) -> str:
    best = leader(rows)
    if best is None or data.revenue <= 0:
        return f"{say.count(data.customers)} customers, and no revenue above zero in the window"
    label = names[list(rows).index(best)]
    if len(rows) == 1:
        return f"{label}: all customers and all revenue"
    customers, revenue = data.customer_share(best.customers), data.revenue_share(best.revenue)
    return f"{label}: {say.percent(customers, 0)} of customers bring {say.percent(revenue, 0)} of revenue"


def _movement_title(data: ReportData, say: Numbers) -> str:
    kept, before = data.kept_and_before()
    moved = [t for t in data.transitions if not t.stayed and NO_SEGMENT not in (t.from_segment, t.to_segment)]
    stayed = f"{say.percent(kept / before if before else None, 0)} of customers kept their segment"
    if not moved:
        return stayed

    def size(move: Transition) -> tuple[int, str, str]:
        return -move.customers, move.from_segment, move.to_segment

    largest = min(moved, key=size)
    ends = f"{data.label(largest.from_segment)} to {data.label(largest.to_segment)}"
    return f"{stayed}; the largest move is {ends} ({say.count(largest.customers)})"


def _ends(data: ReportData) -> tuple[dict[str, str], dict[str, str]]:
    order = [*data.outcomes, *sorted({t.from_segment for t in data.transitions} - {NO_SEGMENT, *data.outcomes})]
    befores, nows = ({getattr(t, end) for t in data.transitions} for end in ("from_segment", "to_segment"))
    labels = dict(zip(order, _unique([data.label(name) for name in order]), strict=True))
    # The same order on both sides keeps those who stayed on the diagonal.
    shown = [name for name in order if name in befores | nows]
    rows = {name: labels[name] for name in shown} | ({NO_SEGMENT: ENTERED} if NO_SEGMENT in befores else {})
    columns = {name: labels[name] for name in shown} | ({NO_SEGMENT: LEFT} if NO_SEGMENT in nows else {})
    return rows, columns


def _score_labels(data: ReportData, measure: str, bins: int, say: Numbers) -> dict[int, str]:
    # Nested cut points differ from group to group, so that a score alone has no one range of values.
    sets = [cut for cut in data.cuts if cut.measure == measure]
    words = {band.score: band.text.partition(" = ")[2] for band in bands(sets[0], say)} if len(sets) == 1 else {}
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


def _unique(labels: Sequence[str]) -> list[str]:
    # Two rules may carry one label; in a chart they would fall on one row.
    seen: dict[str, int] = {}
    found = []
    for label in labels:
        seen[label] = seen.get(label, 0) + 1
        found.append(label if seen[label] == 1 else f"{label} ({seen[label]})")
    return found
