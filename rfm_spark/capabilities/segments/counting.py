"""What is counted of the customers of a run: all that summaries, profiles, moves and distributions are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pyspark.sql import Column
from pyspark.sql import functions as F

from rfm_spark.capabilities.clusters.artefacts import WholeModel, feature_sums
from rfm_spark.core.columns import Tracked
from rfm_spark.core.counting import Wanted
from rfm_spark.core.scopes import CURRENCY
from rfm_spark.core.table import SCOPE_COLUMN
from rfm_spark.core.typical import MEASURED_AS, measure_sums

SEGMENT_MOVES, CLUSTER_MOVES = "moves between segments", "moves between clusters"
_MEASURES = tuple(MEASURED_AS.values())
# What has no sum, and no middle, over several currencies.
_AMOUNTS = ("revenue", "of_monetary", "monetary")


def moves_of(column: str) -> str:
    """Under which name moves between values of a tracked column are counted."""
    return f"moves of {column}"


def wanted_counts(
    categories: Sequence[str],
    model: WholeModel | None,
    *,
    moves: bool,
    tracked: Mapping[str, Tracked] | None = None,
    scope: Sequence[str] = (),
    watched: Sequence[str] = (),
) -> Wanted:
    """What is asked of rows of `segments`.

    Args:
        categories: columns with few values, the segment among them.
        model: that assigned them.
        moves: whether there is a run before.
        tracked: columns of stages that run whose moves are told.
        scope: what parts customers into scopes, which are counted apart.
        watched: numbers whose spread is watched.
    """
    sums: dict[str, Column] = {"revenue": F.col("monetary"), **measure_sums()}
    crossed: dict[str, Sequence[str]] = {}
    quarters = {"segment": _MEASURES}
    if model is not None:
        crossed["cluster and segment"] = ("cluster_id", "segment")
        quarters["cluster_id"] = tuple(dict.fromkeys([*_MEASURES, *model.columns]))
        sums |= feature_sums(model)
    if moves:
        crossed[SEGMENT_MOVES] = ("previous_segment", "segment", "move_cause")
        crossed[CLUSTER_MOVES] = ("previous_cluster_id", "cluster_id", "cluster_move_cause")
        crossed |= {moves_of(name): (one.previous, name, one.cause) for name, one in (tracked or {}).items()}
    kept = [*categories, *(["cluster_id"] if model is not None else [])]
    kept += ["moved_back", "confirmed_moved"] if moves else []
    numbers = tuple(dict.fromkeys([*quarters.get("cluster_id", _MEASURES), *watched]))
    apart = frozenset(_AMOUNTS if CURRENCY in scope else ())
    return Wanted(tuple(dict.fromkeys(kept)), crossed, numbers, quarters, sums, SCOPE_COLUMN if scope else None, apart)
