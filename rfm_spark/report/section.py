"""What a section of the report is: a place on the page, how its data are read, how they are drawn, and a template.

A capability has its sections as `SECTIONS` in the module `section` of its folder, and the page finds them there. Its
template shows `part`, what the section drew, beside `badge`, `as_of` and the macros of `parts.html.j2`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any, Generic, TypeVar

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from rfm_spark.core.access import TableReader
from rfm_spark.core.errors import PlanError
from rfm_spark.core.registry import given
from rfm_spark.core.runs import Configs, RunRow
from rfm_spark.core.scopes import amounts_apart
from rfm_spark.core.table import ALL, SCOPE_COLUMN
from rfm_spark.report.badges import Badge
from rfm_spark.report.data import RunFacts
from rfm_spark.report.wording import Numbers

Data = TypeVar("Data")
Shared = TypeVar("Shared")


def _no_configs(runs: Sequence[RunRow]) -> Mapping[str, str]:
    return {}


@dataclass(frozen=True)
class Reader:
    """What a section may read of a run.

    Attributes:
        tables: of the lake.
        run: facts of the run, its stored configuration among them.
        complete: complete runs of its segmentation that have their rows, oldest as-of date first.
        configs: reads their configurations, where a section needs them.
        scope: whose figures are shown: those of all customers, or of a scope that they are parted into.
    """

    tables: TableReader
    run: RunFacts
    complete: tuple[RunRow, ...] = ()
    configs: Configs = _no_configs
    scope: str = ALL

    def wrote(self, table: str) -> bool:
        """Whether the run wrote a table; one that no run wrote may not exist at all."""
        return table in self.run.outputs

    def rows(self, table: str) -> list[dict[str, Any]]:
        """The run's rows of a table that has few, of the scope; none of a table that it did not write."""
        return self.of_scope(self.of_all_scopes(table))

    def of_all_scopes(self, table: str) -> list[dict[str, Any]]:
        """The same of every scope."""
        return self.tables.rows(table, run_id=self.run.run_id) if self.wrote(table) else []

    def of_scope(self, rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        """Those of rows of a table that are of the scope; a table without scopes has none."""
        return [row for row in rows if (row.get(SCOPE_COLUMN) or self.scope) == self.scope]

    def frame(self, table: str) -> DataFrame:
        """The run's rows of a table of customers that it wrote, to be summed up before they come to the driver.

        Those of the scope; where amounts are of several currencies, of all customers without them.
        """
        rows = self.tables.of_runs(table, [self.run.run_id])
        if self.scope != ALL and SCOPE_COLUMN in rows.columns:
            return rows.where(F.col(SCOPE_COLUMN) == self.scope)
        if self.scope == ALL and "monetary" in rows.columns and amounts_apart(self.run.settings):
            return rows.withColumn("monetary", F.lit(None).cast("decimal(18,2)"))
        return rows


@dataclass(frozen=True)
class Facts:
    """What every section knows when it draws: the run, and what sections share with each other."""

    run: RunFacts
    shared: tuple[object, ...] = ()

    @property
    def settings(self) -> dict[str, Any]:
        """The configuration of the run, parsed."""
        return self.run.settings

    def find(self, kind: type[Shared]) -> Shared | None:
        """What a section shares of a type; None where none does, as its capability may not be there."""
        return next((one for one in self.shared if isinstance(one, kind)), None)


@dataclass(frozen=True)
class KeyFigure:
    """A number of the headline, what it is, and a remark."""

    value: str
    name: str
    remark: str


@dataclass(frozen=True)
class Drawn:
    """What a section says.

    Attributes:
        badge: whether its data are real.
        content: what its template shows, as `part`; None leaves it off the page.
        terms: for the glossary.
        key_figures: for the headline.
        subtitle: said above the headline, beside the name of the segmentation; empty for nothing.
        made_with: what the run was made with, by name, for the facts about it.
    """

    badge: Badge
    content: object | None
    terms: Mapping[str, str] = field(default_factory=dict)
    key_figures: tuple[KeyFigure, ...] = ()
    subtitle: str = ""
    made_with: Mapping[str, str] = field(default_factory=dict)


def template_text(package: str, file: str) -> str:
    """The text of a template that lies in a package."""
    return files(package).joinpath(file).read_text(encoding="utf-8")


def _nothing(_: object) -> tuple[object, ...]:
    return ()


@dataclass(frozen=True)
class Section(Generic[Data]):
    """One section of the page.

    Attributes:
        name: unique on the page.
        place: on the page, ascending; leave gaps for others.
        template: its text, as `template_text` finds it.
        read: its own data of a run, as a frozen value; whatever the run did not write is empty.
        draw: from these, and the facts all sections have, what its template shows.
        shares: of its data, values that other sections find by their type.
        glossary: place of its terms in the glossary; None for that of the section.
    """

    name: str
    place: int
    template: str
    read: Callable[[Reader], Data]
    draw: Callable[[Data, Facts, Numbers], Drawn]
    shares: Callable[[Data], tuple[object, ...]] = _nothing
    glossary: int | None = None

    @property
    def place_of_terms(self) -> int:
        """Place of its terms in the glossary."""
        return self.place if self.glossary is None else self.glossary


def sections() -> tuple[Section[Any], ...]:
    """The sections of all capabilities, in the order of the page.

    Raises:
        PlanError: two sections have the same name.
    """
    found: list[Section[Any]] = []
    whose: dict[str, str] = {}
    for capability, theirs in given("section", "SECTIONS"):
        for section in theirs:
            if section.name in whose:
                raise PlanError(
                    f"capabilities {whose[section.name]} and {capability} both have a section {section.name} of the "
                    "report; rename one"
                )
            whose[section.name] = capability
            found.append(section)
    return tuple(sorted(found, key=lambda section: section.place))
