"""The steps of drift: how customers are spread, what changed, and whether trackers work."""

from __future__ import annotations

from dataclasses import dataclass, replace

from rfm_spark.capabilities.clusters.artefacts import Clusters, PlannedModel
from rfm_spark.capabilities.clusters.tables import CLUSTER_MODELS
from rfm_spark.capabilities.drift.artefacts import (
    Distributions,
    Drift,
    Rate,
    TrackedVolumes,
    Tracking,
    WatchedRates,
)
from rfm_spark.capabilities.drift.clusters import cluster_figures
from rfm_spark.capabilities.drift.comparing import (
    cluster_stability,
    compare_columns,
    compare_scopes,
    movement_figures,
)
from rfm_spark.capabilities.drift.config import DriftConfig
from rfm_spark.capabilities.drift.distributions import as_rows, distributions, from_rows
from rfm_spark.capabilities.drift.figures import (
    RATE,
    TRAINING,
    Figure,
    all_at_once,
    column_figures,
    is_alarm,
    volume_figure,
)
from rfm_spark.capabilities.drift.rates import rate_figures, rate_warnings
from rfm_spark.capabilities.drift.tables import DISTRIBUTIONS, DRIFT, TRACKING
from rfm_spark.capabilities.drift.tracking import warnings
from rfm_spark.capabilities.drift.verdict import CLUSTER_SHARES, SHARES, Verdict, of_all_scopes, verdict
from rfm_spark.capabilities.movement.artefacts import Movement
from rfm_spark.capabilities.purchases.artefacts import Measures
from rfm_spark.capabilities.rfm.config import RfmConfig
from rfm_spark.capabilities.segments.artefacts import CustomerCounts, Segments
from rfm_spark.core.columns import customer_columns
from rfm_spark.core.config import Config
from rfm_spark.core.table import ALL
from rfm_spark.pipeline.artefact import Account
from rfm_spark.pipeline.environment import Environment
from rfm_spark.pipeline.step import step

MEASURES = ("recency_days", "frequency", "monetary")


@dataclass(frozen=True)
class DriftSettings:
    """Which changes count.

    Attributes:
        smallest_fall: of a rate, as a share of it.
        shares: columns of capabilities that run, whose values customers are counted by.
        of_all: columns that customers of all scopes are compared by: of several currencies no amounts.
        numbers: columns of capabilities that run, whose spread is compared.
    """

    smallest_fall: float
    shares: tuple[str, ...]
    of_all: tuple[str, ...] = MEASURES
    numbers: tuple[str, ...] = ()

    @classmethod
    def of(cls, config: Config) -> DriftSettings:
        """As configured."""
        running = config.stages
        watched = [one for one in customer_columns().values() if one.is_watched and one.stage in running]
        shares = tuple(column.name for column in watched if not column.is_number)
        numbers = tuple(column.name for column in watched if column.is_number)
        apart = config.part(RfmConfig).amounts_apart
        of_all = tuple(name for name in MEASURES if not apart or name != "monetary")
        return cls(config.part(DriftConfig).rates.smallest_fall, shares, of_all, numbers)


@step("Trackers", "volumes are compared with their own past", writes=(TRACKING,))
def track(environment: Environment, volumes: tuple[TrackedVolumes, ...]) -> Tracking:
    """Do the trackers still work?"""
    health = [one for volume in volumes for one in volume.health(environment.run.as_of)]
    if health:
        environment.write(TRACKING, [one.as_row() for one in health])
    return Tracking(account=Account(warnings=tuple(warnings(health)), dealt_with=len(health) or None))


@step("Distributions", "customers are counted by the values of their columns", writes=(DISTRIBUTIONS,))
def spread(
    environment: Environment, measures: Measures, counts: CustomerCounts, clusters: Clusters | None,
    settings: DriftSettings,
) -> Distributions:  # fmt: skip
    """How are customers spread over their columns?"""
    if not measures.buyers:
        return Distributions()
    model = None if clusters is None else clusters.assigns
    features = model.columns if model is not None else ()
    others = dict.fromkeys((*features, *settings.numbers))
    numbers = [*MEASURES, *(name for name in others if name not in (*MEASURES, *SHARES))]
    categories = [*SHARES, *([CLUSTER_SHARES] if model is not None else []), *settings.shares]
    made = counts.made
    found = distributions(
        made, [name for name in numbers if name in settings.of_all or name not in MEASURES], categories
    )
    scopes = {scope: tuple(distributions(made.of(scope), numbers, categories)) for scope in made.scopes[1:]}
    rows = [row for scope, mine in {ALL: found, **scopes}.items() for row in as_rows(mine, scope)]
    environment.write(DISTRIBUTIONS, rows)
    return Distributions(account=Account(dealt_with=len(found)), found=tuple(found), of_scopes=scopes)


@step("Drift", "distributions are compared with earlier ones", reads=(DISTRIBUTIONS, CLUSTER_MODELS), writes=(DRIFT,))
def judge(
    environment: Environment, measures: Measures, segments: Segments, spreads: Distributions, movement: Movement,
    clusters: Clusters | None, plan: PlannedModel, rates: tuple[WatchedRates, ...], settings: DriftSettings,
) -> Drift:  # fmt: skip
    """Which changes are more than chance, and what follows from them?"""
    watched = [rate for one in rates for rate in one.rates]
    figures = rate_figures(watched, settings.smallest_fall)
    if measures.buyers:
        figures += _against_previous(environment, segments, spreads, movement, clusters)
        figures += _against_training(spreads, clusters, plan)
    else:
        # A source that became empty is the most severe drift of all.
        before = environment.run.previous.rows.get("customers", 0) if environment.run.previous is not None else 0
        figures = ([volume_figure("customers", before, 0)] if before else []) + figures
    return _outcome(environment, all_at_once(figures), watched)


def _outcome(environment: Environment, figures: list[Figure], watched: list[Rate]) -> Drift:
    parted = {scope: [one for one in figures if one.scope == scope] for scope in sorted({f.scope for f in figures})}
    verdicts = {scope: told for scope, mine in parted.items() if (told := _verdict(mine)) is not None}
    rows = [*figures, *(told.as_figure(scope) for scope, told in verdicts.items())]
    whole = verdicts.pop(ALL, None)
    found = whole if whole is None else of_all_scopes(whole, verdicts)
    previous = environment.run.previous
    if rows:
        previous_id = previous.run_id if previous is not None else None
        environment.write(DRIFT, [figure.as_row(previous_id) for figure in rows])
    facts = {} if found is None else {"drift_verdict": found.severity, "verdict": found.sentence}
    return Drift(
        account=Account(warnings=tuple(rate_warnings(figures, watched)), facts=facts, dealt_with=len(figures) or None)
    )


def _verdict(figures: list[Figure]) -> Verdict | None:
    # Quiet rates alone are nothing to sum up: nothing else was compared.
    if any(figure.metric != RATE or is_alarm(figure) for figure in figures):
        return verdict(figures)
    return None


def _against_previous(
    environment: Environment, segments: Segments, spreads: Distributions, movement: Movement, clusters: Clusters | None
) -> list[Figure]:
    run, model = environment.run, None if clusters is None else clusters.assigns
    if run.previous is None:
        return []
    today = {one.feature: one for one in spreads.found}
    same_model = model is not None and run.previous.model_version == model.version
    figures = compare_columns(
        environment, run.previous, today, same_model=same_model, same_definition=not segments.definition_changed
    )
    scopes = {scope: {one.feature: one for one in mine} for scope, mine in spreads.of_scopes.items()}
    if scopes:
        figures += compare_scopes(
            environment, run.previous, scopes, same_model=same_model, same_definition=not segments.definition_changed
        )
    if movement.flapping is not None:
        figures += movement_figures(movement.flapping)
        figures += cluster_stability(environment, run.config_name, model, run.previous, movement.flapping)
    return figures


def _against_training(spreads: Distributions, clusters: Clusters | None, plan: PlannedModel) -> list[Figure]:
    # Under other features, or windows of theirs, today's customers lie elsewhere by definition.
    if plan.champion is None or clusters is None or not clusters.checks or not clusters.is_known:
        return []
    checks = {check.scope: check for check in clusters.checks}
    found: list[Figure] = []
    for part in plan.champion.parts:
        if part.scope in checks:
            mine = spreads.found if part.scope == ALL else spreads.of_scopes.get(part.scope, ())
            today = {one.feature: one for one in mine}
            figures = column_figures(from_rows(part.reference), today, TRAINING) if part.reference else []
            figures += cluster_figures(part, checks[part.scope])
            found += [replace(figure, scope=part.scope) for figure in figures]
    return found


STEPS = (track, spread, judge)
