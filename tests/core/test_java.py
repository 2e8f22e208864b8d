"""Which Java will do, and what a session starts it with."""

from __future__ import annotations

from pathlib import Path

import pytest

from rfm_spark.core.errors import EnvironmentSetupError
from rfm_spark.core.java import Java, Prepared, java_settings, usable


@pytest.mark.parametrize("number", [(17,), (17, 0, 15), (21, 0, 4), (25, 0, 3), (25, 1)])
def test_long_term_versions_will_do(number: tuple[int, ...]) -> None:
    assert usable("java", number).major in (17, 21, 25)


@pytest.mark.parametrize("number", [(25,), (25, 0), (25, 0, 2), (25, 0, 2, 1)])
def test_the_first_ones_of_25_are_refused_with_the_reason(number: tuple[int, ...]) -> None:
    with pytest.raises(EnvironmentSetupError, match=r"garbage collector corrupts data; use 25\.0\.3 or newer"):
        usable("java", number)


@pytest.mark.parametrize("number", [(0,), (11, 0, 2), (1, 8), (24,), (26,)])
def test_others_are_refused(number: tuple[int, ...]) -> None:
    with pytest.raises(EnvironmentSetupError, match="needs 17, 21 or 25"):
        usable("java", number)


def test_an_archive_is_used_where_there_is_one_and_not_while_one_is_made() -> None:
    prepared = Prepared((Path("a.jar"), Path("b.jar")), Path("classes.jsa"))
    used = java_settings(Java("java", (17, 0, 15)), prepared)
    assert used["spark.driver.extraClassPath"] == "a.jar:b.jar"
    assert "-XX:SharedArchiveFile=classes.jsa" in used["spark.driver.extraJavaOptions"]
    assert (
        "-XX:AOTCache=classes.jsa" in java_settings(Java("java", (25, 0, 3)), prepared)["spark.driver.extraJavaOptions"]
    )
    making = java_settings(Java("java", (17,)), prepared, ("-XX:ArchiveClassesAtExit=x",))
    assert "SharedArchiveFile" not in making["spark.driver.extraJavaOptions"]
    assert "spark.driver.extraClassPath" not in java_settings(Java("java", (17,)), None)
