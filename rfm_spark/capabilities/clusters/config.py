"""How customers are clustered, as a user writes it: features with their transforms, and the number of clusters."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from rfm_spark.core.columns import CustomerColumn, Transform, customer_columns
from rfm_spark.core.strict import Strict

MEASURED = ("recency_days", "frequency", "monetary", "tenure_days")
# Quantiles are taken in thousandths of the customers.
THOUSAND = 1000


def feature_columns() -> dict[str, CustomerColumn]:
    """Columns of customers that can be features."""
    return {name: column for name, column in customer_columns().items() if column.transform is not None}


def _transform_of(column: str) -> Transform:
    known = feature_columns().get(column)
    return "none" if known is None or known.transform is None else known.transform


class FeatureConfig(Strict):
    """One feature; a bare column name takes the defaults."""

    column: str
    transform: Transform
    winsorise: tuple[float, float] | None = Field(
        None, description="Shares of customers, such as [0.01, 0.99], beyond whose values a value is clipped."
    )
    weight: float = Field(1.0, gt=0, le=1000, allow_inf_nan=False, description="Business weight; scales by its root.")
    missing: Literal["mean", "median", "zero"] = Field("mean", description="What stands for a missing value.")

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        given = {"column": value} if isinstance(value, str) else value
        if isinstance(given, dict) and "transform" not in given:
            given = {**given, "transform": _transform_of(str(given.get("column")))}
        return given

    @field_validator("column")
    @classmethod
    def _known(cls, column: str) -> str:
        if column not in feature_columns():
            raise ValueError(
                f"{column!r} is no numeric column of a customer; take one of {', '.join(feature_columns())}"
            )
        return column

    @field_validator("winsorise")
    @classmethod
    def _shares(cls, shares: tuple[float, float] | None) -> tuple[float, float] | None:
        if shares is None:
            return None
        if not 0 <= shares[0] < shares[1] <= 1:
            raise ValueError("winsorise takes two ascending shares between 0 and 1")
        if any(abs(share * THOUSAND - round(share * THOUSAND)) > 1e-9 for share in shares):
            raise ValueError("winsorise takes shares of whole thousandths, such as 0.005")
        return shares


class ClustersConfig(Strict):
    """KMeans on standardised features."""

    enabled: bool = True
    k: Literal["auto"] | int = Field("auto", description="Number of clusters: auto, or 2 to 50.")
    k_range: tuple[int, int] = Field((2, 10), description="What auto chooses from, both ends included.")
    fallback_k: int = Field(5, ge=2, le=50, description="Taken by auto where no k is stable.")
    features: tuple[FeatureConfig, ...] = Field(
        tuple(FeatureConfig.model_validate(name) for name in MEASURED[:3]), min_length=1, max_length=20
    )
    seed: int = Field(42, ge=0, le=2**31 - 1)

    @field_validator("k")
    @classmethod
    def _in_reach(cls, k: Literal["auto"] | int) -> Literal["auto"] | int:
        if k != "auto" and not 2 <= k <= 50:
            raise ValueError("k is auto, or a number from 2 to 50")
        return k

    @field_validator("k_range")
    @classmethod
    def _ascending(cls, ends: tuple[int, int]) -> tuple[int, int]:
        if not 2 <= ends[0] <= ends[1] <= 50:
            raise ValueError("k_range takes two ascending numbers from 2 to 50")
        return ends

    @field_validator("features")
    @classmethod
    def _distinct(cls, features: tuple[FeatureConfig, ...]) -> tuple[FeatureConfig, ...]:
        names = [feature.column for feature in features]
        if len(set(names)) != len(names):
            raise ValueError("name each feature once")
        return features

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns the features are made of."""
        return tuple(feature.column for feature in self.features)

    @property
    def ks(self) -> tuple[int, ...]:
        """Numbers of clusters to look at."""
        return tuple(range(self.k_range[0], self.k_range[1] + 1)) if self.k == "auto" else (self.k,)

    def problems(self, stages: Collection[str]) -> list[str]:
        """Features of stages that are off."""
        found = []
        for column in self.columns if self.enabled else ():
            stage = customer_columns()[column].stage
            if stage is not None and stage not in stages:
                found.append(f"clusters.features: {column} comes from the stage {stage}, which is off")
        return found


SETTINGS = {"clusters": ClustersConfig}
STAGES: dict[str, Callable[[Mapping[str, Any]], bool]] = {
    "clusters": lambda document: bool(document["clusters"]["enabled"])
}
REMEDIES = {"clusters": "set clusters.enabled: true"}
