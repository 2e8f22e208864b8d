"""The configuration a user writes, as typed models; unknown keys are refused.

Paths in a model stay as they were written; `Config.resolve` makes them absolute at the last moment, so that
the stored configuration and its hash don't depend on the machine.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import ConfigDict, Field, PrivateAttr, field_validator, model_validator

from rfm_spark.core.clustering import FEATURE_STAGES, ClustersConfig
from rfm_spark.core.drifting import DriftConfig, RatesConfig
from rfm_spark.core.engagement import EngagementConfig
from rfm_spark.core.errors import ConfigError
from rfm_spark.core.inputs import Sources
from rfm_spark.core.interactions import InteractionsConfig
from rfm_spark.core.quality import QualityConfig
from rfm_spark.core.strict import Strict

NAME_PATTERN = r"^[A-Za-z0-9_][A-Za-z0-9_-]{0,62}$"
IDENTIFIER_PATTERN = r"^[A-Za-z_][A-Za-z0-9_]{0,127}$"
MEASURES = ("r", "f", "m")
_PLACEHOLDER = re.compile(r"\$\{env:([A-Za-z_][A-Za-z0-9_]*)\}")
_SCHEME = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*:/")


class LakeConfig(Strict):
    """Where the tables live: `root` for a folder of Delta tables, or `catalog` and `schema`."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, protected_namespaces=())

    root: str | None = Field(None, description="Folder of Delta tables (path mode).")
    catalog: str | None = Field(None, pattern=IDENTIFIER_PATTERN, description="Catalog (catalog mode).")
    schema_name: str | None = Field(
        None, alias="schema", pattern=IDENTIFIER_PATTERN, description="Schema in the catalog."
    )

    @model_validator(mode="after")
    def _one_mode(self) -> LakeConfig:
        if (self.root is None) == (self.schema_name is None):
            raise ValueError("give either root, or catalog and schema")
        if self.catalog is not None and self.schema_name is None:
            raise ValueError("catalog needs schema beside it")
        return self


class Bins(Strict):
    """Number of scores per measure, 2 to 10."""

    r: int = Field(5, ge=2, le=10)
    f: int = Field(5, ge=2, le=10)
    m: int = Field(5, ge=2, le=10)

    @model_validator(mode="before")
    @classmethod
    def _one_number(cls, value: Any) -> Any:
        return dict.fromkeys(MEASURES, value) if isinstance(value, int) else value


class Weights(Strict):
    """Weights of the three scores in `rfm_weighted`."""

    r: float = Field(1, ge=0, allow_inf_nan=False)
    f: float = Field(1, ge=0, allow_inf_nan=False)
    m: float = Field(1, ge=0, allow_inf_nan=False)

    @model_validator(mode="after")
    def _some_weight(self) -> Weights:
        if self.r + self.f + self.m <= 0:
            raise ValueError("at least one weight must be above 0")
        return self


class Cuts(Strict):
    """Business cut points, ascending, one fewer than bins; in days, purchases and money."""

    r: tuple[float, ...]
    f: tuple[float, ...]
    m: tuple[float, ...]

    @field_validator("r", "f", "m")
    @classmethod
    def _ascending(cls, cuts: tuple[float, ...]) -> tuple[float, ...]:
        if list(cuts) != sorted(cuts):
            raise ValueError("cut points must ascend")
        return cuts


class Scoring(Strict):
    """How measures become scores: `quantile`, `fixed` (own cuts) or `frozen` (the cuts of a named run)."""

    method: Literal["quantile", "fixed", "frozen"] = "quantile"
    bins: Bins = Bins()
    relative_error: float = Field(
        0.001, gt=0, le=0.1, description="Rank error of the sketch; results are exact anyway."
    )
    nested: bool = Field(False, description="Cut F within R, and M within R and F.")
    cuts: Cuts | None = Field(None, description="With method fixed.")
    run: str | None = Field(None, description="With method frozen: the run whose cuts are used.")

    @model_validator(mode="after")
    def _fits_method(self) -> Scoring:
        if (self.method == "fixed") != (self.cuts is not None):
            raise ValueError("cuts goes with method: fixed")
        if (self.method == "frozen") != (self.run is not None):
            raise ValueError("run goes with method: frozen")
        if self.nested and self.method == "fixed":
            raise ValueError("nested can't be combined with method: fixed")
        if self.cuts is not None:
            for measure in MEASURES:
                wanted, given = getattr(self.bins, measure) - 1, len(getattr(self.cuts, measure))
                if given != wanted:
                    raise ValueError(f"cuts.{measure} needs {wanted} cut points for {wanted + 1} bins, not {given}")
        return self


class RfmConfig(Strict):
    """Recency, frequency, monetary value and their scores."""

    window_days: int | None = Field(None, ge=1, description="Days counted for F and M; null is all history.")
    refunds: Literal["net", "ignore"] = "net"
    weights: Weights = Weights()
    scoring: Scoring = Scoring()
    value_tier_on: Literal["monetary", "weighted"] = Field("monetary", description="What the value tiers rank.")
    z_log: bool = Field(False, description="z-scores of log1p of the measures.")


class SegmentsConfig(Strict):
    """The rule map: the name of a shipped one, or the path of a YAML file."""

    rules: str = "rf_grid"
    new_within_days: int = Field(90, ge=1)
    confirm_runs: int = Field(
        1, ge=1, le=60, description="confirmed_segment changes when a segment has held for so many runs."
    )


class DisplayConfig(Strict):
    """How money and numbers are shown; it changes no result."""

    currency: str | None = Field(None, pattern=r"^[A-Z]{3}$", description="ISO 4217 code, such as EUR.")
    locale: str = Field("en_US", pattern=r"^[a-z]{2,3}(_[A-Za-z]{2,4})*$")


class Config(Strict):
    """One segmentation in one lake."""

    name: str = Field("default", pattern=NAME_PATTERN, description="Identifies this segmentation in a lake.")
    lake: LakeConfig
    timezone: str = "UTC"
    sources: Sources
    rfm: RfmConfig = RfmConfig()
    segments: SegmentsConfig = SegmentsConfig()
    clusters: ClustersConfig = ClustersConfig()
    quality: QualityConfig = QualityConfig()
    interactions: InteractionsConfig = InteractionsConfig()
    engagement: EngagementConfig = EngagementConfig()
    drift: DriftConfig = DriftConfig()
    display: DisplayConfig = DisplayConfig()
    _base_dir: Path = PrivateAttr(default_factory=Path.cwd)

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"unknown time zone {name!r}; use a name such as Europe/Berlin") from None
        return name

    @property
    def base_dir(self) -> Path:
        """Folder of the file it was read from; relative paths start there."""
        return self._base_dir

    @property
    def stages(self) -> frozenset[str]:
        """Those of clusters, interactions, engagement and engagement.rfm that run."""
        return stages_of(self.model_dump(mode="json", include={"clusters", "sources", "engagement"}))

    @model_validator(mode="after")
    def _sources_for_all(self) -> Config:
        problems = self._missing_sources()
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def _missing_sources(self) -> list[str]:
        found = []
        needs = {"interactions": "sources.events", "responses": "sources.messages"}
        rfm = self.engagement.rfm
        stage_of = {"interactions": "interactions", "responses": "engagement"}
        if rfm is not None and stage_of[rfm.of] not in self.stages:
            found.append(f"engagement.rfm is of {rfm.of}, which needs {needs[rfm.of]}")
        if self.clusters.enabled:
            for column in self.clusters.columns:
                stage = FEATURE_STAGES.get(column)
                if stage is not None and stage not in self.stages:
                    found.append(f"clusters.features: {column} comes from the stage {stage}, which is off")
        return found

    def resolve(self, path: str) -> str:
        """Absolute form of a path written in the file, with `${env:NAME}` filled in.

        Raises:
            ConfigError: an environment variable is not set.
        """
        return absolute(fill_placeholders(path, "config"), self._base_dir)

    def canonical(self, rule_map: Mapping[str, Any]) -> str:
        """JSON with sorted keys of all that shapes results: no secrets, no lake location, no display."""
        document = self.model_dump(mode="json", by_alias=True, exclude={"lake", "display"})
        own, own_columns = self.sources.transactions.quality, self.sources.transactions.columns
        # Only what a source's own limits say: what they leave out is the general ones' business.
        said = None if own is None else own.model_dump(mode="json", exclude_unset=True)
        document["sources"]["transactions"]["quality"] = said
        # Runs of before a mapped discount was taken off are others.
        document |= {"discount": "taken off"} if "discount" in own_columns else {}
        messages = document["sources"]["messages"]
        if messages is not None and messages["preset"] is None:
            # A key that came later and is not set: runs of earlier versions stay the same.
            del messages["preset"]
        if self.drift.rates == RatesConfig():
            del document["drift"]["rates"]
        for source in (*document["sources"].values(), document["sources"]["transactions"]["rates"]):
            if source is None:
                continue
            # Where rows are read changes none; and without a condition the text is as it was before there were any.
            del source["land"]
            if source["where"] is None:
                del source["where"]
        document["segments"]["rule_map"] = rule_map
        return json.dumps(document, sort_keys=True, separators=(",", ":"))


def stages_of(document: Mapping[str, Any]) -> frozenset[str]:
    """Those of clusters, interactions, engagement and engagement.rfm that run, by a configuration as it is stored."""
    running = {
        "clusters": document["clusters"]["enabled"],
        "interactions": document["sources"].get("events"),
        "engagement": document["sources"].get("messages"),
        "engagement.rfm": (document.get("engagement") or {}).get("rfm"),
    }
    return frozenset(stage for stage, runs in running.items() if runs)


ALL_STAGES = frozenset({"clusters", "interactions", "engagement", "engagement.rfm"})


def fill_placeholders(text: str, where: str) -> str:
    """Replace each `${env:NAME}` by the environment's value.

    Raises:
        ConfigError: the variable is not set.
    """

    def value(match: re.Match[str]) -> str:
        found = os.environ.get(match[1])
        if found is None:
            raise ConfigError(where, [f"environment variable {match[1]} is not set"])
        return found

    return _PLACEHOLDER.sub(value, text)


def absolute(path: str, base: Path | None = None) -> str:
    """A path from the base folder (the working directory for None); URIs stay as they are."""
    return path if _SCHEME.match(path) else str(((base or Path.cwd()) / path).resolve())


def digest(text: str) -> str:
    """SHA-256 of a text, in hex."""
    return hashlib.sha256(text.encode()).hexdigest()
