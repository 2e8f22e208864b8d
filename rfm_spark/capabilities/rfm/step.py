"""The steps of scoring: cut points, ranks and moments of the measures, and the table of cut points."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rfm_spark.capabilities.purchases.artefacts import Measures
from rfm_spark.capabilities.rfm.artefacts import CutPoints, KeptCuts, Scores
from rfm_spark.capabilities.rfm.config import RfmConfig
from rfm_spark.capabilities.rfm.cuts import (
    BOUGHT,
    PAYS,
    CutSet,
    cuts_from,
    fixed_cuts,
    from_rows,
    rank_requests,
    unseen_groups,
)
from rfm_spark.capabilities.rfm.scope_cuts import few_scopes, scoped_cuts, small_scopes, unseen_scopes
from rfm_spark.capabilities.rfm.scores import within, z_values
from rfm_spark.capabilities.rfm.tables import SEGMENT_CUTS
from rfm_spark.core.config import Config
from rfm_spark.core.distribution import ranks_and_moments
from rfm_spark.core.errors import ConfigError
from rfm_spark.core.runs import RunRow, short_of
from rfm_spark.core.schemas import RUNS
from rfm_spark.core.table import ALL
from rfm_spark.pipeline.artefact import Account
from rfm_spark.pipeline.environment import Environment
from rfm_spark.pipeline.prepared import Ahead, Prepared
from rfm_spark.pipeline.step import step


@dataclass(frozen=True)
class ScoreSettings:
    """How measures become scores.

    Attributes:
        rfm: as configured.
    """

    rfm: RfmConfig

    @classmethod
    def of(cls, config: Config) -> ScoreSettings:
        """As configured."""
        return cls(config.part(RfmConfig))


@dataclass(frozen=True, kw_only=True)
class FrozenRun(Prepared):
    """The run whose cut points are taken is one of the lake."""


def frozen_run(ahead: Ahead) -> FrozenRun:
    """Look for the run whose cut points are to be taken.

    Raises:
        ConfigError: it is not complete, not in this lake, or its rows are gone.
    """
    rfm = ahead.config.part(RfmConfig)
    run_id = rfm.scoring.run
    # It may be of another segmentation.
    found = [RunRow(**short_of(row)) for row in ahead.lake.rows(RUNS.name, run_id=run_id)] if run_id else []
    if run_id and not found:
        raise ConfigError("rfm.scoring.run", [f"no complete run {run_id} in the lake; `rfm-spark runs` lists them"])
    if found and not found[0].has_rows:
        raise ConfigError("rfm.scoring.run", [found[0].retirement])
    if found:
        stored = ahead.configs(found)[found[0].run_id]
        _must_measure_alike(found[0].run_id, RfmConfig.model_validate(json.loads(stored)["rfm"]), rfm)
    return FrozenRun()


def _must_measure_alike(run_id: str, theirs: RfmConfig, ours: RfmConfig) -> None:
    """Cut points of days, sessions or markets say nothing of others.

    Raises:
        ConfigError: another scope, or other measures.
    """
    wrong = [name for name in ("scope", "measures") if getattr(theirs, name) != getattr(ours, name)]
    if wrong:
        named = " and ".join(f"rfm.{name}" for name in wrong)
        raise ConfigError(
            "rfm.scoring.run", [f"run {run_id} has another {named}; set it as it has, or name another run"]
        )


@step("Cut points", "exact quantiles of all customers", reads=(SEGMENT_CUTS,))
def score(environment: Environment, measures: Measures, settings: ScoreSettings) -> Scores:
    """Which values part the scores, and where does each value stand among all?"""
    rfm, purchased = settings.rfm, measures.purchased
    scoring, warnings = rfm.scoring, list[str]()
    among = BOUGHT if rfm.measures.of_purchases else PAYS
    requests = rank_requests(scoring, within(rfm), among)
    scopes = few_scopes(purchased) if rfm.scope else []
    ranks, moments = ranks_and_moments(purchased, requests, z_values(rfm.z_log), whole=bool(rfm.scope))
    if scoring.method == "quantile" and rfm.scope:
        scoped = scoped_cuts(scoring, ranks, rfm.smallest_scope, money_is_mixed=rfm.amounts_apart, among=among)
        cut_sets, warnings = list(scoped.cut_sets), small_scopes(scoped, rfm.smallest_scope)
    elif scoring.method == "quantile":
        cut_sets = cuts_from(purchased, scoring, ranks, among)
    elif scoring.method == "fixed":
        cut_sets = fixed_cuts(scoring, among)
    else:
        cut_sets = _frozen_cuts(environment, rfm, scoring.run or "")
        warnings = unseen_scopes(scopes, cut_sets, scoring.run or "")
    found = Scores(cut_sets=tuple(cut_sets), ranks={name: tuple(kept) for name, kept in ranks.items()}, moments=moments)
    warnings += _coincide(cut_sets)
    if scoring.method == "frozen":
        warnings += _unseen(found, measures, rfm)
    account = Account(warnings=tuple(warnings), dealt_with=len(cut_sets))
    return replace(found, account=account)


@step("Cut points kept", "they are written", writes=(SEGMENT_CUTS,))
def keep_cuts(environment: Environment, cut_points: tuple[CutPoints, ...]) -> KeptCuts:
    """Which cut points were scores made with?"""
    environment.write(SEGMENT_CUTS, [row for one in cut_points for row in one.as_rows()])
    return KeptCuts()


def _coincide(cut_sets: Sequence[CutSet]) -> list[str]:
    found = []
    for cut_set in cut_sets:
        if cut_set.distinct_scores < cut_set.bins and cut_set.cuts:
            if cut_set.cuts_of != cut_set.scope:
                continue
            place = f" within {cut_set.within}" if cut_set.within else ""
            place += f" in {cut_set.scope}" if cut_set.scope != ALL else ""
            found.append(
                f"{cut_set.measure.upper()}{place}: cut points coincide, {cut_set.distinct_scores} of {cut_set.bins} "
                "scores occur"
            )
    return found


def _unseen(found: Scores, measures: Measures, rfm: RfmConfig) -> list[str]:
    if not any(cut_set.within for cut_set in found.cut_sets):
        return []
    unseen = unseen_groups(found.scored(measures.purchased, rfm), found.cut_sets)
    if not unseen:
        return []
    groups = ", ".join(f"{count:,} in {within}" for within, count in unseen.items())
    return [
        f"run {rfm.scoring.run} had no buyers in some groups of its nested cuts; customers there were scored by the "
        f"cuts of the nearest group: {groups}"
    ]


def _frozen_cuts(environment: Environment, rfm: RfmConfig, frozen: str) -> list[CutSet]:
    cut_sets = from_rows(environment.rows(SEGMENT_CUTS.name, run_id=frozen), method="frozen")
    wrong = sorted({c.measure for c in cut_sets if c.bins != getattr(rfm.scoring.bins, c.measure)})
    if not cut_sets or wrong:
        problem = f"has other bins for {', '.join(wrong)}; set rfm.scoring.bins as it has" if wrong else "has no cuts"
        raise ConfigError("rfm.scoring.run", [f"run {frozen} {problem}"])
    return cut_sets


PREPARES = (frozen_run,)
PREPARED = (FrozenRun,)
STEPS = (score, keep_cuts)
