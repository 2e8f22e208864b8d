"""What no transform may use: things that fail over Spark Connect, clocks, and Python row functions."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "rfm_spark"
# The one place that asks a clock: the command line hands its answer on.
CLOCK = {"cli/clock.py"}
BANNED = {
    "sparkContext": r"\bsparkContext\b",
    "RDD": r"\.rdd\b",
    "JVM gateway": r"\b_jvm\b",
    "JVM frame": r"\b_jdf\b",
    "checkpoint": r"\.checkpoint\(",
    "DeltaTable": r"\bDeltaTable\s*\.",
    "SQL clock": r"(?i)\bcurrent_?(date|timestamp)\b",
    "Python row function": r"(?<!pandas_)\budf\b",
}
CLOCKS = {
    "datetime clock": r"\bdatetime\.(now|utcnow|today)\b",
    "date clock": r"\bdate\.today\b",
    "time": r"\btime\.time\b",
}


def sources() -> dict[str, str]:
    return {file.relative_to(PACKAGE).as_posix(): file.read_text("utf-8") for file in PACKAGE.rglob("*.py")}


def offenders(pattern: str, texts: dict[str, str]) -> list[str]:
    return [
        f"{name}:{number}: {line.strip()}"
        for name, text in sorted(texts.items())
        for number, line in enumerate(text.splitlines(), 1)
        if re.search(pattern, line)
    ]


def test_the_scan_sees_the_whole_package() -> None:
    found = sources()
    assert len(found) > 40
    assert {"core/money.py", "capabilities/purchases/lines.py", "capabilities/rfm/cuts.py", "lake/store.py"} <= set(
        found
    )


@pytest.mark.parametrize("name", BANNED)
def test_nothing_that_fails_over_connect_or_row_by_row(name: str) -> None:
    assert offenders(BANNED[name], sources()) == []


@pytest.mark.parametrize("name", CLOCKS)
def test_nobody_but_the_command_line_asks_a_clock(name: str) -> None:
    texts = sources()
    assert set(texts) >= CLOCK
    assert offenders(CLOCKS[name], {file: text for file, text in texts.items() if file not in CLOCK}) == []


@pytest.mark.parametrize(
    "line",
    ["spark.sparkContext.x", "df.rdd", "df._jdf", "spark._jvm.x", "df.checkpoint()", "DeltaTable.forPath", "F.udf(f)",
     "F.current_date()", "SELECT CURRENT_TIMESTAMP", "@udf", "datetime.now()", "date.today()"],
)  # fmt: skip
def test_the_scan_knows_each_of_them(line: str) -> None:
    assert any(offenders(pattern, {"x.py": line}) for pattern in (*BANNED.values(), *CLOCKS.values()))


def test_windows_over_customers_are_partitioned() -> None:
    windows = [
        (name, call)
        for name, text in sources().items()
        for call in re.findall(r"\bWindow\s*\.\s*(\w+)", text)
        if call not in ("unboundedPreceding", "unboundedFollowing", "currentRow")
    ]
    assert windows
    assert [item for item in windows if item[1] != "partitionBy"] == []
