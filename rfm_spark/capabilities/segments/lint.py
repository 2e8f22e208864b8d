"""The linter: which customers each rule of a map reaches, and whether the examples of a rule are among them.

It is exact. Limits cut every column into pieces within which no condition changes, so one value of each
piece stands for all of it; the r x f x m cells times those pieces are all the kinds of customer a map can tell
apart. Columns other than the scores are taken as independent of them and of each other, and as never NULL.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import compress, pairwise, product
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from rfm_spark.capabilities.rfm.config import MEASURES, Bins
from rfm_spark.capabilities.segments.conditions import Condition, Range, condition_text, meets
from rfm_spark.core.columns import customer_columns
from rfm_spark.core.errors import ConfigError

if TYPE_CHECKING:
    from rfm_spark.capabilities.segments.rules import Rule, RuleMap

MAX_POINTS = 500_000
OTHER_TEXT = "(any other)"
Cell: TypeAlias = tuple[int, int, int]
Mask: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True)
class Overlap:
    """Two rules that hold for the same customers; the first takes them. `cells` of r x f x m are concerned."""

    first: str
    second: str
    cells: int
    example: str


@dataclass(frozen=True)
class Unreachable:
    """A rule that is never the first to match, and why."""

    rule: str
    sentence: str


@dataclass(frozen=True)
class Misplaced:
    """A rule with an example of a customer who falls to another one."""

    rule: str
    sentence: str


@dataclass(frozen=True)
class LintReport:
    """What a map leaves over, decides twice or never decides.

    `cells` counts the r x f x m cells, `points` the combinations looked at. The customers of `uncovered` cells all
    fall to `otherwise`, those of `partly_uncovered` cells only with some values of the other columns.
    """

    cells: int
    points: int
    uncovered: tuple[Cell, ...]
    partly_uncovered: tuple[Cell, ...]
    uncovered_example: str | None
    overlaps: tuple[Overlap, ...]
    unreachable: tuple[Unreachable, ...]
    misplaced: tuple[Misplaced, ...] = ()

    def sentences(self) -> tuple[str, ...]:
        """Every finding in one sentence each, errors first."""
        lines = [item.sentence for item in self.unreachable] + [item.sentence for item in self.misplaced]
        if self.uncovered_example:
            partly = f", and in part {len(self.partly_uncovered)}," if self.partly_uncovered else ""
            count = f"{len(self.uncovered)} of {self.cells} cells{partly}"
            lines.append(f"{count} fall to otherwise; for example {self.uncovered_example}")
        lines += [
            f"{item.first} and {item.second} both hold in {item.cells} of {self.cells} cells, and {item.first} comes "
            f"first; for example {item.example}"
            for item in self.overlaps
        ]
        return tuple(lines)


def lint(rule_map: RuleMap, bins: Bins, params: Mapping[str, float]) -> LintReport:
    """Find uncovered and overlapping cells, unreachable rules, and examples that fall elsewhere.

    Args:
        rule_map: the parsed map.
        bins: scores per measure.
        params: values of the parameters a limit may name.

    Raises:
        ConfigError: a parameter has no value, or the columns make more than `MAX_POINTS` combinations.
    """
    axes = _axes(rule_map, bins, params)
    shape = tuple(len(values) for values in axes.values())
    points = math.prod(shape)
    if points > MAX_POINTS:
        names = ", ".join(column for column in axes if column not in MEASURES)
        sentence = (
            f"{points:,} combinations are too many to check (at most {MAX_POINTS:,}); use fewer limits on {names}"
        )
        raise ConfigError(f"rule map {rule_map.name}", [sentence])
    cells = math.prod(shape[:3])
    holds = [_mask(rule, axes, params).reshape(cells, -1) for rule in rule_map.segments]
    unreachable, left = _walk(rule_map, holds, axes)
    wholly: Mask = np.asarray(left.all(axis=1))
    partly: Mask = np.asarray(left.any(axis=1)) & ~wholly
    example = np.flatnonzero(left & wholly[:, None]) if wholly.any() else np.flatnonzero(left)
    every_cell = list(product(*(axes[measure] for measure in MEASURES)))
    return LintReport(
        cells=cells,
        points=points,
        uncovered=tuple(compress(every_cell, wholly)),
        partly_uncovered=tuple(compress(every_cell, partly)),
        uncovered_example=_customer(axes, int(example[0])) if example.size else None,
        overlaps=_overlaps(rule_map, holds, axes),
        unreachable=unreachable,
        misplaced=_misplaced(rule_map, params),
    )


def _walk(
    rule_map: RuleMap, holds: Sequence[Mask], axes: Mapping[str, Sequence[Any]]
) -> tuple[tuple[Unreachable, ...], Mask]:
    """Let the rules pick in order: those that get nobody, and the points nobody picked."""
    unreachable = []
    winner = np.full(holds[0].shape, -1)
    for number, (rule, mask) in enumerate(zip(rule_map.segments, holds, strict=True)):
        mine = mask & (winner < 0)
        if not mask.any():
            unreachable.append(Unreachable(rule.name, f"{rule.name} holds for nobody; change its conditions"))
        elif not mine.any():
            takers = ", ".join(rule_map.segments[taker].name for taker in np.unique(winner[mask]))
            example = _customer(axes, int(np.flatnonzero(mask)[0]))
            reason = f"all its customers, for example {example}, already fit {takers}"
            unreachable.append(Unreachable(rule.name, f"{rule.name} is never reached: {reason}; move it up"))
        winner[mine] = number
    return tuple(unreachable), winner < 0


def _misplaced(rule_map: RuleMap, params: Mapping[str, float]) -> tuple[Misplaced, ...]:
    found = []
    for outcome in rule_map.all_outcomes():
        for example in outcome.examples:
            taker = _taker(rule_map, example, params)
            if taker != outcome.name:
                shown = ", ".join(_value_text(column, value) for column, value in example.items())
                sentence = f"{outcome.name} lets its example ({shown}) fall to {taker}; correct the rule or the example"
                found.append(Misplaced(outcome.name, sentence))
    return tuple(found)


def _taker(rule_map: RuleMap, example: Mapping[str, Any], params: Mapping[str, float]) -> str:
    """The segment of a customer of whom only the example is known."""
    known = dict(example)
    if "f" in known and "m" in known:
        known.setdefault("fm", (known["f"] + known["m"]) / 2)
    for rule in rule_map.segments:
        for alternative in rule.when:
            if all(meets(column, condition, known.get(column), params) for column, condition in alternative.items()):
                return rule.name
    return rule_map.otherwise.name


def _value_text(column: str, value: Any) -> str:
    return condition_text(column, (value,) if isinstance(value, str) else Range(min=value, max=value), {})


def _overlaps(rule_map: RuleMap, holds: Sequence[Mask], axes: Mapping[str, Sequence[Any]]) -> tuple[Overlap, ...]:
    touched = [mask.any(axis=1) for mask in holds]
    found = []
    for second in range(1, len(holds)):
        for first in range(second):
            cells = np.flatnonzero(touched[first] & touched[second])
            both = holds[first][cells] & holds[second][cells]
            count = int(both.any(axis=1).sum())
            if count:
                row, column = divmod(int(np.flatnonzero(both)[0]), both.shape[1])
                example = _customer(axes, int(cells[row]) * both.shape[1] + column)
                names = (rule_map.segments[first].name, rule_map.segments[second].name)
                found.append(Overlap(*names, count, example))
    return tuple(found)


def _axes(rule_map: RuleMap, bins: Bins, params: Mapping[str, float]) -> dict[str, tuple[Any, ...]]:
    """The values to try: all scores, and one value of each piece of every other column."""
    axes: dict[str, tuple[Any, ...]] = {m: tuple(range(1, getattr(bins, m) + 1)) for m in MEASURES}
    for column in sorted(rule_map.columns() - {*MEASURES, "fm"}):
        used = [each[column] for rule in rule_map.segments for each in rule.when if column in each]
        top = max(bins.r, bins.f, bins.m) if column == "rfm_weighted" else customer_columns()[column].high
        pieces: dict[tuple[bool, ...], Any] = {}
        for value in _candidates(column, used, params, top):
            pieces.setdefault(tuple(meets(column, condition, value, params) for condition in used), value)
        axes[column] = tuple(pieces.values())
    return axes


def _candidates(column: str, used: Iterable[Condition], params: Mapping[str, float], top: float) -> list[Any]:
    kind, low = customer_columns()[column].values, customer_columns()[column].low
    if kind == "text":
        return [*dict.fromkeys(word for each in used if isinstance(each, tuple) for word in each), OTHER_TEXT]
    limits = sorted(
        {limit for each in used if isinstance(each, Range) for limit in each.limits(params) if limit is not None}
    )
    if kind == "real":
        between = [(a + b) / 2 for a, b in pairwise(limits)]
        values = {*limits, *between, limits[0] - 1, limits[-1] + 1}
    else:
        # On a grid of days, orders or cents the neighbours of a limit are the nearest values beyond it.
        step = Decimal("0.01") if kind == "cents" else Decimal(1)
        below = [Decimal(str(limit)) // step * step for limit in limits]
        values = {float(value + shift) for value in below for shift in (-step, Decimal(0), step)}
    ends = {end for end in (low, top) if math.isfinite(end)}
    return sorted(value for value in values | ends if low <= value <= top)


def _mask(rule: Rule, axes: Mapping[str, Sequence[Any]], params: Mapping[str, float]) -> Mask:
    """Where the rule holds, over all axes."""
    shape = tuple(len(values) for values in axes.values())
    result: Mask = np.zeros(shape, dtype=bool)
    for alternative in rule.when:
        mask: Mask = np.ones(shape, dtype=bool)
        for column, condition in alternative.items():
            mask &= _truth(column, condition, axes, params)
        result |= mask
    return result


def _truth(column: str, condition: Condition, axes: Mapping[str, Sequence[Any]], params: Mapping[str, float]) -> Mask:
    """One condition, shaped to broadcast over all axes."""
    names = list(axes)
    if column == "fm":
        truth = np.array([[meets("fm", condition, (f + m) / 2, params) for m in axes["m"]] for f in axes["f"]])
        return truth.reshape(1, *truth.shape, *[1] * (len(names) - 3))
    truth = np.array([meets(column, condition, value, params) for value in axes[column]])
    return truth.reshape([-1 if name == column else 1 for name in names])


def _customer(axes: Mapping[str, Sequence[Any]], point: int) -> str:
    """A combination in the field's words, such as "R 5, F 1, M 1, tenure 91 days"."""
    at = np.unravel_index(point, tuple(len(values) for values in axes.values()))
    chosen = ((column, axes[column][int(i)]) for column, i in zip(axes, at, strict=True))
    return ", ".join(_value_text(column, value) for column, value in chosen)
