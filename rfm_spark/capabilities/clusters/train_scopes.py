"""Training a model whose parts are of the scopes of customers: all of them from the same passes over these."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from pyspark.sql import DataFrame

from rfm_spark.capabilities.clusters.assign import crossed_models, crossed_since
from rfm_spark.capabilities.clusters.config import ClustersConfig
from rfm_spark.capabilities.clusters.identity import Event, inherited_ids, lineage, overlap_of
from rfm_spark.capabilities.clusters.model import ClusterModel
from rfm_spark.capabilities.clusters.scoped_cells import cells_by_scope
from rfm_spark.capabilities.clusters.scoped_features import feature_spaces
from rfm_spark.capabilities.clusters.scoped_quality import measured_parts
from rfm_spark.capabilities.clusters.scoped_space import among
from rfm_spark.capabilities.clusters.scoping import Scoping, listed
from rfm_spark.capabilities.clusters.train import (
    ONE_POINT,
    Stamp,
    Training,
    drafted,
    feature_warnings,
    first_ids,
    measured,
    named,
    shaped,
    train,
)
from rfm_spark.capabilities.clusters.whole import WholeModel
from rfm_spark.core.table import ALL


@dataclass(frozen=True)
class WholeTraining:
    """A new model with all its parts.

    Attributes:
        parts: one each; none where no scope has customers enough.
        gone: by scope, what became of clusters of scopes that have none of their own any more.
        warnings: what a reader should know.
    """

    parts: tuple[Training, ...]
    gone: Mapping[str, tuple[Event, ...]] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    @property
    def model(self) -> WholeModel | None:
        """The model."""
        return WholeModel(tuple(part.model for part in self.parts)) if self.parts else None


def train_whole(
    customers: DataFrame,
    config: ClustersConfig,
    stamp: Stamp,
    scoping: Scoping | None = None,
    parent: WholeModel | None = None,
    before: DataFrame | None = None,
) -> WholeTraining:
    """A model of these customers, with a part for each scope where scopes part them; see `train.train`.

    Args:
        customers: customer_id, the features' columns and, where scopes part them, scope; read several times.
        config: features, k, seed.
        stamp: whose it is.
        scoping: which scopes there are; None where nothing parts customers.
        parent: model whose ids and names live on, by scope.
        before: customer_id and cluster_id under the parent's ids, at the previous run.
    """
    if scoping is not None:
        return _train_scopes(customers, config, stamp, scoping, parent, before)
    everybody = None if parent is None else parent.part(ALL)
    # Ids of scopes tell nothing of those of everybody.
    labels = None if parent is None or parent.is_parted else before
    made = train(customers, config, stamp, everybody, labels)
    if parent is not None:
        made = replace(made, model=replace(made.model, parent_version=parent.version))
    return WholeTraining((made,), _gone(parent, [ALL]), made.warnings)


def _train_scopes(
    customers: DataFrame,
    config: ClustersConfig,
    stamp: Stamp,
    scoping: Scoping,
    parent: WholeModel | None,
    before: DataFrame | None,
) -> WholeTraining:
    scopes = scoping.scopes
    if not scopes:
        return WholeTraining((), warnings=tuple(scoping.warnings(None)))
    people = among(customers, scopes)
    spaces = feature_spaces(people, config.features, scopes)
    shapes = {scope: ONE_POINT for scope in scopes}
    parted = {scope: space for scope, space in spaces.items() if space.features}
    for scope, cells in cells_by_scope(people, parted, scoping.totals):
        shapes[scope] = shaped(cells, spaces[scope], config, None if parent is None else parent.part(scope))
    drafts = _drafts(scopes, {scope: drafted(spaces[scope], shapes[scope], stamp) for scope in scopes}, scoping, parent)
    counts, kept = _overlaps(customers, people, drafts, parent, before)
    last_id = stamp.last_id if parent is None else max(stamp.last_id, parent.last_id)
    found, events = [], []
    for draft in drafts.parts:
        old = None if parent is None else parent.part(draft.scope)
        ids, last_id, became = _numbered(draft, old, counts, kept, last_id)
        found.append(named(draft, ids, old))
        events.append(became)
    whole = WholeModel(tuple(replace(part, last_id=last_id) for part in found))
    models = [measured(*pair) for pair in zip(whole.parts, measured_parts(people, whole), strict=True)]
    parts = tuple(
        Training(model, shapes[model.scope].scan, became) for model, became in zip(models, events, strict=True)
    )
    said = {scope: [*feature_warnings(spaces[scope]), *shapes[scope].warnings] for scope in scopes}
    return WholeTraining(parts, _gone(parent, scopes), (*scoping.warnings(whole), *_of_scopes(said)))


def _drafts(
    scopes: Sequence[str], drafts: Mapping[str, ClusterModel], scoping: Scoping, parent: WholeModel | None
) -> WholeModel:
    """The drafts as one model, whose clusters have the places from 0 as ids, counted on from part to part."""
    parts, first = [], 0
    for scope in scopes:
        ids = tuple(range(first, first + drafts[scope].k))
        also_of = tuple(scoping.small) if scope == ALL else ()
        version = None if parent is None else parent.version
        parts.append(replace(drafts[scope], scope=scope, ids=ids, also_of=also_of, parent_version=version))
        first += drafts[scope].k
    return WholeModel(tuple(parts))


def _overlaps(
    customers: DataFrame, people: DataFrame, drafts: WholeModel, parent: WholeModel | None, before: DataFrame | None
) -> tuple[dict[tuple[int, int], int], Mapping[int, float]]:
    """Customers by cluster of the parent and of the drafts, and of the parent's clusters the share still there."""
    if parent is None or not any(parent.part(part.scope) for part in drafts.parts):
        return {}, {}
    if before is None:
        return crossed_models(people, parent, drafts), {}
    counts, kept = crossed_since(before, customers, parent, drafts, within=_scopes_of(parent))
    everybody = parent.part(ALL)
    if everybody is not None and drafts.part(ALL) is not None:
        # Its clusters are of all customers, though only those of small scopes were in them.
        shared = crossed_models(people, parent, drafts)
        counts = {pair: n for pair, n in counts.items() if pair[0] not in everybody.ids}
        counts |= {pair: n for pair, n in shared.items() if pair[0] in everybody.ids}
        kept = {old: share for old, share in kept.items() if old not in everybody.ids}
    return counts, kept


def _scopes_of(model: WholeModel) -> dict[int, str]:
    return {cluster: part.scope for part in model.parts for cluster in part.ids}


def _numbered(
    draft: ClusterModel,
    old: ClusterModel | None,
    counts: Mapping[tuple[int, int], int],
    kept: Mapping[int, float],
    last_id: int,
) -> tuple[tuple[int, ...], int, tuple[Event, ...]]:
    if old is None:
        return (*first_ids(draft, last_id), ())
    mine = {
        (was, place - draft.ids[0]): n
        for (was, place), n in counts.items()
        if was in old.ids and place in draft.ids
    }  # fmt: skip
    overlap = overlap_of(old.ids, mine, draft.k, kept)
    ids, last_id = inherited_ids(overlap, last_id)
    return ids, last_id, lineage(overlap, ids)


def _gone(parent: WholeModel | None, scopes: Sequence[str]) -> dict[str, tuple[Event, ...]]:
    over = [] if parent is None else [part for part in parent.parts if part.scope not in scopes]
    return {part.scope: tuple(Event("disappeared", (old,), (), 0.0) for old in part.ids) for part in over}


def _of_scopes(said: Mapping[str, Iterable[str]]) -> list[str]:
    """Sentences with the scopes that each is true of."""
    found: dict[str, list[str]] = {}
    for scope, sentences in said.items():
        for sentence in sentences:
            found.setdefault(sentence, []).append("the small ones" if scope == ALL else scope)
    told = []
    for sentence, scopes in found.items():
        what, _, rest = sentence.partition(": ")
        told.append(f"{what} of {listed(scopes)}: {rest}")
    return told
