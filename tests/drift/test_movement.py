"""Moves between two runs: a hand-made customer for each cause, counts that reconcile, Wilson's interval."""

from __future__ import annotations

import importlib
import json
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from rfm_spark.capabilities.movement.columns import COLUMNS
from rfm_spark.capabilities.movement.comparing import Earlier, Side, changed_between
from rfm_spark.capabilities.movement.moves import (
    WAS,
    changes_of,
    clusters_moved,
    left_moved,
    moves,
    segments_moved,
)
from rfm_spark.capabilities.movement.tables import CAUSES, SEGMENT_CHANGES, SEGMENT_TRANSITIONS
from rfm_spark.capabilities.movement.transitions import Moved, cluster_transitions, segment_transitions, wilson
from rfm_spark.capabilities.rfm.cuts import CutSet, with_scores
from rfm_spark.capabilities.segments.rules import RuleMap, parse_rule_map, segment_column
from rfm_spark.core.config import Config, config_model
from rfm_spark.core.loading import validate

# Without type stubs, so not by an import statement.
binomtest = importlib.import_module("scipy.stats").binomtest

THEN, NOW = date(2024, 2, 29), date(2024, 3, 31)
MEASURES = "customer_id STRING, recency_days INT, frequency BIGINT, monetary DECIMAL(18,2)"
NOBODY = "(none)"
BY_SCORES = ("asleep, when: {r: 1}", "big, when: {f: 3}", "middle, when: {f: 2}")
Measure = tuple[int, int]


@dataclass(frozen=True)
class Customer:
    """Recency and frequency of the two runs, whether lines came or were corrected between, and what should be found."""

    then: Measure | None
    now: Measure | None
    new_line: bool
    moved: tuple[str, str]
    cause: str | None
    is_corrected: bool | None = None


# Cuts: recency 30 then, 60 now; frequency 2 and 4 then, 3 and 6 now.
CUSTOMERS = {
    "stayed": Customer((10, 1), (10, 1), False, ("small", "small"), None),
    "stayed, bought again": Customer((9, 1), (2, 2), True, ("small", "small"), None),
    "silent for too long": Customer((10, 1), (70, 1), False, ("small", "asleep"), "inactivity"),
    "bought a lot": Customer((10, 1), (0, 10), True, ("small", "big"), "behaviour"),
    "an order was taken back": Customer((10, 3), (12, 1), False, ("middle", "small"), "correction", is_corrected=True),
    "bought, and was corrected": Customer((10, 1), (0, 10), True, ("small", "big"), "behaviour", is_corrected=True),
    "corrected, and others too": Customer(
        (10, 3), (12, 3), False, ("middle", "small"), "thresholds", is_corrected=True
    ),
    "everybody else bought more": Customer((10, 3), (12, 3), False, ("middle", "small"), "thresholds"),
    "recency cut moved": Customer((40, 1), (20, 1), True, ("asleep", "small"), "behaviour"),
    "bought a lot as others did": Customer((10, 1), (0, 5), True, ("small", "middle"), "both"),
    "held back by the cuts": Customer((10, 3), (0, 5), True, ("middle", "middle"), "masked"),
    "kept awake by the cuts": Customer((10, 1), (41, 1), False, ("small", "small"), "masked"),
    "first purchase": Customer(None, (1, 1), True, (NOBODY, "small"), "entered"),
    "refunded": Customer((10, 1), None, True, ("small", NOBODY), "left"),
}


def rule_map(*rules: str) -> RuleMap:
    def outcome(text: str) -> str:
        return f"{{label: L, description: D, action: A, colour: '#123456', name: {text}}}"

    listing = ", ".join(outcome(rule) for rule in rules)
    text = f"{{name: own, title: T, description: D, segments: [{listing}], otherwise: {outcome('small')}}}"
    return parse_rule_map(text, "own")


def config_of(**rfm: object) -> Config:
    columns = {"customer_id": "c", "order_ts": "t", "amount": "a"}
    source = {"table": "t", "columns": columns, "order_grain": "row"}
    scoring = {"bins": {"r": 2, "f": 3, "m": 2}}
    return validate(
        config_model(),
        {"lake": {"root": "x"}, "sources": {"transactions": source}, "rfm": {"scoring": scoring, **rfm}},
        "test",
    )


def cuts_of(recency: float, *frequency: float) -> list[CutSet]:
    return [
        CutSet("r", "", "quantile", 2, (recency,), 2),
        CutSet("f", "", "quantile", 3, frequency, 3),
        CutSet("m", "", "quantile", 2, (1.0,), 2),
    ]


def run_of(
    spark: SparkSession, measures: dict[str, Measure], cut_sets: list[CutSet], rules: RuleMap, day: date
) -> DataFrame:
    rows = [(name, r, f, Decimal(f)) for name, (r, f) in measures.items()]
    frame = spark.createDataFrame(rows, MEASURES)
    scored = with_scores(frame, cut_sets).withColumn(
        "rfm_weighted", (F.col("r_score") + F.col("f_score") + F.col("m_score")) / 3
    )
    dated = scored.withColumns(
        {
            "scope": F.lit("all"),
            "as_of_date": F.lit(day),
            "first_order_date": F.lit(date(2020, 1, 1)),
            "tenure_days": F.lit(None).cast("int"),
        }
    )
    named = dated.withColumn("segment", segment_column(rules, {"new_within_days": 90.0}))
    unused = {"last_order_date": "date", "segment_before": "string", "cluster_id": "int", "segment_runs": "int"}
    return named.withColumns(
        {"confirmed_segment": F.col("segment"), **{name: F.lit(None).cast(kind) for name, kind in unused.items()}}
    )


def side(run_id: str, config: Config, rules: RuleMap, segments: DataFrame) -> Side:
    document = json.loads(json.dumps(config.stored()))
    document["segments"]["rule_map"] = rules.model_dump(mode="json")
    return Side(run_id, document, None, segments)


def earlier_of(now: Side, before: Side, old_cuts: list[CutSet]) -> Earlier:
    same_model = before.model_version in (None, now.model_version)
    return Earlier(before, old_cuts, None, same_model=same_model, definition_changed=changed_between(now, before))


def moved_of(
    spark: SparkSession, rules: RuleMap, customers: dict[str, Customer] = CUSTOMERS, before: Config | None = None
) -> DataFrame:
    """The pipeline's own comparison of two runs whose rows are made here."""
    now, was = rows_of_both(spark, rules, customers, before)
    return earlier_of(now, was, cuts_of(30.0, 2.0, 4.0)).moves(now.segments)


def rows_of_both(
    spark: SparkSession, rules: RuleMap, customers: dict[str, Customer] = CUSTOMERS, before: Config | None = None
) -> tuple[Side, Side]:
    """The later run and the earlier one."""
    was = run_of(spark, {n: c.then for n, c in customers.items() if c.then}, cuts_of(30.0, 2.0, 4.0), rules, THEN)
    now = run_of(spark, {n: c.now for n, c in customers.items() if c.now}, cuts_of(60.0, 3.0, 6.0), rules, NOW)
    new_line = [name for name, c in customers.items() if c.new_line]
    counted = now.withColumn("lines", F.lit(7) + F.col("customer_id").isin(new_line).cast("bigint"))
    corrected = [name for name, c in customers.items() if c.is_corrected]
    counted = counted.withColumn("is_corrected", F.when(F.col("customer_id").isin(corrected), F.lit(True)))
    earlier = was.withColumn("lines", F.lit(7).cast("bigint"))
    return side("now", config_of(), rules, counted), side("before", before or config_of(), rules, earlier)


def found_in(moved: DataFrame) -> dict[str, tuple[str, str, str | None]]:
    rows = moved.collect()
    assert len({row["customer_id"] for row in rows}) == len(rows)
    return {row["customer_id"]: (row["from_segment"], row["to_segment"], row["cause"]) for row in rows}


def test_each_move_has_its_cause(spark: SparkSession) -> None:
    moved = moved_of(spark, rule_map(*BY_SCORES)).persist()
    assert found_in(moved) == {name: (*c.moved, c.cause) for name, c in CUSTOMERS.items()}
    assert {c.cause for c in CUSTOMERS.values()} == {*CAUSES, None} - {"definition"}


def test_changes_and_the_diagonal_are_all_customers_of_either_run(spark: SparkSession) -> None:
    moved = moved_of(spark, rule_map(*BY_SCORES)).persist()
    movers = {name: (*c.moved, c.cause) for name, c in CUSTOMERS.items() if c.moved[0] != c.moved[1]}
    table = segment_transitions(segments_moved(moved), "before")
    assert {frozenset(row) for row in table} == {frozenset(SEGMENT_TRANSITIONS.names) - {"run_id", "as_of_date"}}
    rows = {(row["from_segment"], row["to_segment"]): row for row in table}
    assert sum(row["customers"] for row in rows.values()) == len(CUSTOMERS)
    diagonal = sum(row["customers"] for pair, row in rows.items() if pair[0] == pair[1])
    assert diagonal == len(CUSTOMERS) - len(movers)
    for pair, row in rows.items():
        group = [c for c in CUSTOMERS.values() if c.moved == pair]
        total = sum(c.moved[0] == pair[0] for c in CUSTOMERS.values())
        interval = binomtest(len(group), total).proportion_ci(method="wilson")
        assert row["customers"] == len(group)
        wanted = (len(group) / total, interval.low, interval.high)
        assert (row["share"], row["low"], row["high"]) == pytest.approx(wanted)
        assert {cause: row[cause] for cause in CAUSES} == {c: sum(x.cause == c for x in group) for c in CAUSES}
        assert row["revenue"] == sum((c.now or c.then or (0, 0))[1] for c in group)


def test_a_row_that_is_joined_with_the_one_before_tells_the_same_moves(spark: SparkSession) -> None:
    rules, old_cuts = rule_map(*BY_SCORES), cuts_of(30.0, 2.0, 4.0)
    now, was = rows_of_both(spark, rules)
    earlier = earlier_of(now, was, old_cuts)
    moved = earlier.moves(now.segments).persist()
    rows = earlier.with_moves(now.segments.join(earlier.rows, "customer_id", "left")).persist()
    assert set(rows.columns) == {*now.segments.columns, "rfm_code", *(column.name for column in COLUMNS)}
    assert sorted(rows.select(*now.segments.columns).collect()) == sorted(now.segments.collect())
    left = earlier.rows.join(now.segments, "customer_id", "left_anti")
    movers = {name: (*c.moved, c.cause) for name, c in CUSTOMERS.items() if c.moved[0] != c.moved[1]}
    assert found_in(changes_of(rows, left, "before")) == movers
    assert set(changes_of(rows, left, "before").columns) <= set(SEGMENT_CHANGES.names)
    kept = {row["customer_id"]: row for row in rows.collect()}
    for row in moved.where("to_segment <> '(none)'").collect():
        mine = kept[row["customer_id"]]
        assert (mine["move_cause"], mine["moved_back"]) == (row["cause"], row["returned"])
        assert (mine["previous_segment"] or NOBODY, mine["confirmed_moved"]) == (
            row["from_segment"], row["confirmed_moved"],
        )  # fmt: skip
    assert left_moved(left, "was_segment") == {"all": [Moved("small", None, "left", 1, Decimal("1.00"))]}


def test_changed_windows_are_the_cause_of_all_moves(spark: SparkSession) -> None:
    found = found_in(moved_of(spark, rule_map(*BY_SCORES), before=config_of(window_days=365)))
    for name, customer in CUSTOMERS.items():
        inside = customer.then is not None and customer.now is not None
        moved = customer.moved[0] != customer.moved[1]
        assert found[name][2] == (("definition" if moved else None) if inside else customer.cause), name


def test_settings_that_no_segment_depends_on_are_no_new_definition(spark: SparkSession) -> None:
    coarser: dict[str, object] = {"scoring": {"bins": {"r": 2, "f": 3, "m": 2}, "relative_error": 0.01}}
    found = found_in(moved_of(spark, rule_map(*BY_SCORES), before=config_of(**coarser)))
    assert found == {name: (*c.moved, c.cause) for name, c in CUSTOMERS.items()}


def test_words_and_places_are_no_new_definition(spark: SparkSession) -> None:
    frame, config, rules = spark.range(1).toDF("customer_id"), config_of(), rule_map(*BY_SCORES)
    plain = side("now", config, rules, frame)
    first = rules.segments[0].model_copy(update={"label": "Sleepers", "action": "wake", "colour": "#654321"})
    reworded = rules.model_copy(update={"title": "Other", "segments": (first, *rules.segments[1:])})
    then = side("then", config, reworded, frame)

    def reads(**changes: object) -> Side:
        sources = {"transactions": {**then.document["sources"]["transactions"], **changes}}
        return replace(then, document={**then.document, "sources": sources})

    assert not changed_between(plain, reads(table="elsewhere"))
    assert changed_between(plain, reads(columns={"customer_id": "c", "order_ts": "t", "amount": "net"}))
    fewer = rules.model_copy(update={"segments": rules.segments[1:]})
    assert changed_between(plain, side("then", config, fewer, frame))


def test_of_a_model_that_is_gone_no_move_is_blamed_on_customers(spark: SparkSession) -> None:
    config, rules = config_of(), rule_map(*BY_SCORES)
    cut_sets = cuts_of(60, 3, 6)
    more = {"lines": F.lit(1), "is_corrected": F.lit(False)}
    frames = [run_of(spark, {"c": (10, 1)}, cut_sets, rules, day).withColumns(more) for day in (THEN, NOW)]
    then, now = (frame.withColumn("cluster_id", F.lit(at)) for at, frame in enumerate(frames))
    before = replace(side("then", config, rules, then), model_version="gone")
    after = replace(side("now", config, rules, now), model_version="new")
    assert [row["cluster_cause"] for row in earlier_of(after, before, cut_sets).moves(after.segments).collect()] == [
        "both"
    ]


def test_rules_on_what_scores_make_see_yesterdays_cuts_too(spark: SparkSession) -> None:
    # Frequency 3 scores 2 then and 1 now: the weighted score falls from 2 to 5/3 by the cuts alone.
    weighted = Customer((10, 3), (10, 3), False, ("big", "small"), "thresholds")
    found = found_in(moved_of(spark, rule_map("big, when: {rfm_weighted: {min: 2}}"), {"c": weighted}))
    assert found == {"c": ("big", "small", "thresholds")}


def test_moves_of_empty_runs_are_entries_and_exits(spark: SparkSession) -> None:
    now = spark.createDataFrame(
        [("a", "x", "x", "x", 1, "x", 3, Decimal(1), date(2024, 3, 1), 4, 4, False)],
        "customer_id STRING, segment STRING, confirmed_segment STRING, segment_before_cuts STRING, segment_runs INT, "
        "segment_before STRING, lines BIGINT, monetary DECIMAL(18,2), last_order_date DATE, cluster_id INT, "
        "cluster_before_model INT, is_corrected BOOLEAN",
    )
    none = now.where("false")
    was = {name: f"{WAS}{name}" for name in now.columns if name != "customer_id"}
    entered = moves(now, none.withColumnsRenamed(was), "p", definition_changed=True)
    assert found_in(entered) == {"a": (NOBODY, "x", "entered")}
    left = moves(none, now.withColumnsRenamed(was), "p", definition_changed=False)
    assert found_in(left) == {"a": ("x", NOBODY, "left")}
    assert [row["cluster_cause"] for row in entered.union(left).collect()] == ["entered", "left"]
    rows = cluster_transitions(clusters_moved(left), "p")
    assert [(row["from_cluster"], row["to_cluster"], row["customers"], row["share"]) for row in rows] == [
        (4, None, 1, 1.0)
    ]


def test_intervals_are_wilsons() -> None:
    cases = [(k, n) for n in (1, 2, 7, 50, 1000) for k in sorted({0, 1, n // 3, n - 1, n})]
    for k, n in cases:
        found_low, found_high = wilson(k, n)
        interval = binomtest(k, n).proportion_ci(confidence_level=0.95, method="wilson")
        assert (found_low, found_high) == pytest.approx((interval.low, interval.high), abs=1e-12)
        assert 0 <= found_low <= found_high <= 1
