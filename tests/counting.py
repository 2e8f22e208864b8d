"""What a piece of work cost Spark, counted: queries, jobs, exchanges, scans, statements about tables, commits."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from tests.helpers import commits

# First lines of the plans of statements that ask about tables or define them.
_STATEMENT = re.compile(
    r"\b(Create\w*Table|Create\w*View|Create\w*Schema|CreateNamespace|Show\w+|Describe\w+|Alter\w+)\b"
)
_EXCHANGE = re.compile(r"^\(\d+\) Exchange\b", re.MULTILINE)
_SCAN = re.compile(r"^\(\d+\) Scan [^\n]*\n(?:[^\n]+\n)*?Location: \S+ ?\[?(?P<place>[^\]\n]*)", re.MULTILINE)


@dataclass(frozen=True)
class Cost:
    """Counts of one piece of work; `scans` by source, `commits` by table."""

    executions: int
    jobs: int
    exchanges: int
    statements: int
    scans: Mapping[str, int]
    commits: Mapping[str, int]

    def as_json(self) -> dict[str, Any]:
        """For the committed file."""
        return {
            "executions": self.executions,
            "jobs": self.jobs,
            "exchanges": self.exchanges,
            "statements": self.statements,
            "scans": dict(sorted(self.scans.items())),
            "commits": sum(self.commits.values()),
        }


def cost_of(spark: SparkSession, work: Callable[[], object], sources: Mapping[str, Path], lake: Path) -> Cost:
    """Do the work, and count what it made Spark do.

    Args:
        spark: a classic session; its status store keeps the last 1,000 executions and jobs.
        work: to be counted.
        sources: name to folder; scans of these are counted.
        lake: folder of tables; commits to these are counted.
    """
    first_execution, first_job = _newest(spark)
    before = commits(lake)
    work()
    last_execution, last_job = _newest(spark)
    plans = _plans(spark, first_execution)
    assert len(plans) == last_execution - first_execution, "the status store forgot some executions"
    places = Counter(
        name
        for plan in plans
        for found in _SCAN.finditer(plan)
        for name, folder in sources.items()
        # A folder, or its first file.
        if f"{found['place'].removeprefix('file:').rstrip('/')}/".startswith(f"{folder}/")
    )
    return Cost(
        last_execution - first_execution,
        last_job - first_job,
        sum(len(_EXCHANGE.findall(plan)) for plan in plans),
        sum(bool(_STATEMENT.search(_head(plan))) for plan in plans),
        places,
        {name: n - before.get(name, 0) for name, n in commits(lake).items() if n > before.get(name, 0)},
    )


def _newest(spark: SparkSession) -> tuple[int, int]:
    """Highest id of an execution and of a job so far, once the listeners have seen everything."""
    context = spark._jsparkSession.sparkContext()
    context.listenerBus().waitUntilEmpty(60_000)
    executions = spark._jsparkSession.sharedState().statusStore().executionsList()
    jobs = context.statusStore().jobsList(None)
    newest = max((executions.apply(at).executionId() for at in range(executions.size())), default=-1)
    return newest, max((jobs.apply(at).jobId() for at in range(jobs.size())), default=-1)


def _plans(spark: SparkSession, after: int) -> list[str]:
    executions = spark._jsparkSession.sharedState().statusStore().executionsList()
    every = (executions.apply(at) for at in range(executions.size()))
    return [str(one.physicalPlanDescription()) for one in every if one.executionId() > after]


def _head(plan: str) -> str:
    return "\n".join(plan.splitlines()[:3])
