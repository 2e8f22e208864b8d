"""The user's own tables, and how their columns map to ours."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from rfm_spark.capabilities.purchases.quality import QualityConfig
from rfm_spark.core.reading.places import Where, unread_column
from rfm_spark.core.strict import Strict

REQUIRED_COLUMNS = ("customer_id", "order_ts")
OPTIONAL_COLUMNS = ("order_id", "amount", "quantity", "unit_price", "line_id", "product_id", "currency", "channel",
                    "discount", "is_return", "type")  # fmt: skip


class LineTypes(Strict):
    """Which values of the type column are sales and which are refunds; another value rejects its row."""

    sale: tuple[str, ...] = Field(min_length=1)
    refund: tuple[str, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _apart(self) -> LineTypes:
        both = sorted({value.upper() for value in self.sale} & {value.upper() for value in self.refund})
        if both:
            raise ValueError(f"{both[0]} can't be both a sale and a refund")
        return self


class RatesSource(Where):
    """Exchange rates: one unit of `currency` is worth `rate` units of `to`, from `valid_from` until the next one."""

    to: str = Field(pattern=r"^[A-Z]{3}$", description="Currency all amounts are converted to.")
    columns: dict[str, str] = Field(description="currency, rate, and valid_from where rates change.")

    @model_validator(mode="after")
    def _rate_columns(self) -> RatesSource:
        have = set(self.columns)
        if not {"currency", "rate"} <= have or not have <= {"currency", "rate", "valid_from"}:
            raise ValueError("columns needs currency and rate, and takes valid_from")
        return self


class TransactionsSource(Where):
    """The purchases: where they are, and how their columns map to ours.

    `discount` is money that is taken off the line's amount; its sign doesn't matter, and blank is none.
    """

    columns: dict[str, str] = Field(description="ours: theirs, a column name or a scalar SQL expression.")
    order_grain: Literal["row", "day"] | None = Field(
        None, description="What is one order where there is no order_id: each row, or all rows of a customer's day."
    )
    decimal: Literal[".", ","] = Field(
        ".", description="Decimal sign of amounts that come as text, where 1,234 is unclear."
    )
    types: LineTypes | None = Field(None, description="What the values of columns.type mean.")
    rates: RatesSource | None = Field(None, description="Exchange rates; without them several currencies stop a run.")
    quality: QualityConfig | None = Field(None, description="Limits of this source; what is left out is as in quality.")

    @model_validator(mode="after")
    def _columns_fit(self) -> TransactionsSource:
        problems = self._column_problems()
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def _column_problems(self) -> list[str]:
        have = set(self.columns)
        problems = [f"columns.{name} is missing" for name in REQUIRED_COLUMNS if name not in have]
        unknown = sorted(have - {*REQUIRED_COLUMNS, *OPTIONAL_COLUMNS})
        known = (*REQUIRED_COLUMNS, *OPTIONAL_COLUMNS)
        problems += [unread_column(name, "transactions", known) for name in unknown]
        if ("amount" in have) == bool({"quantity", "unit_price"} & have):
            problems.append("columns needs amount, or quantity and unit_price, and not both")
        elif "amount" not in have and not {"quantity", "unit_price"} <= have:
            problems.append("columns needs quantity and unit_price together")
        if ("order_id" in have) == (self.order_grain is not None):
            problems.append("give columns.order_id, or order_grain: row or day where there is none")
        if ("type" in have) != (self.types is not None):
            problems.append("columns.type and types go together")
        if {"type", "is_return"} <= have:
            problems.append("columns needs type or is_return, not both")
        if self.rates is not None and "currency" not in have:
            problems.append("rates needs columns.currency")
        return problems

    def as_read(self) -> dict[str, Any]:
        """What decides how its rows become lines, as JSON: neither limits nor where copies are kept."""
        return self.model_dump(mode="json", exclude={"quality": True, "land": True, "rates": {"land"}})

    def within(self) -> dict[str, Where]:
        """Its exchange rates."""
        return {} if self.rates is None else {"rates": self.rates}

    def schema_rule(self, name: str, config: Any) -> tuple[str, str]:
        """As the general limits say, where it has none of its own."""
        return config.part(QualityConfig).with_own(self.quality).schema_drift, "quality"

    def stored(self) -> dict[str, Any]:
        """Of its own limits only what they say: what they leave out is the general ones' business."""
        document = super().stored()
        document["quality"] = None if self.quality is None else self.quality.model_dump(mode="json", exclude_unset=True)
        document["rates"] = None if self.rates is None else self.rates.stored()
        return document

    def stored_beside(self) -> dict[str, Any]:
        """Runs of before a mapped discount was taken off are others."""
        return {"discount": "taken off"} if "discount" in self.columns else {}


OPTIONAL_SOURCES: dict[str, type[Strict]] = {"transactions": TransactionsSource}
SETTINGS = {"quality": QualityConfig}
