"""What must be there to run, at the floor that is promised."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from unittest.mock import MagicMock, PropertyMock

import pytest

from rfm_spark.core import session
from rfm_spark.core.errors import EnvironmentSetupError
from rfm_spark.core.session import DELTA_VERSION
from rfm_spark.core.versions import DELTA_FLOOR, PYTHON_FLOOR, SPARK_FLOOR, delta_version, must_suffice

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("python", [(3, 10), (3, 10, 0), (3, 14, 1)])
@pytest.mark.parametrize("spark", [None, "4.2", "4.2.0", "4.2.0-amzn-1", "4.2.1.dev0", "4.10.0", "5.0.0-SNAPSHOT"])
@pytest.mark.parametrize("delta", [None, "4.4.0", "4.10.1"])
def test_the_floor_and_what_is_newer_will_do(python: tuple[int, ...], spark: str | None, delta: str | None) -> None:
    must_suffice(python, spark, delta)


@pytest.mark.parametrize(
    ("python", "spark", "delta", "found", "needed"),
    [
        ((3, 9, 18), "4.2.0", None, "Python 3.9.18", "Python 3.10"),
        ((3, 10), "4.1.9", None, "Spark 4.1.9", "Spark 4.2"),
        ((3, 10), "3.5.1-amzn-0", "4.4.0", "Spark 3.5.1-amzn-0", "Spark 4.2"),
        ((3, 10), "4", "4.4.0", "Spark 4", "Spark 4.2"),
        ((3, 10), "unknown", None, "Spark unknown", "Spark 4.2"),
        ((3, 10), "4.2.0", "4.3.2", "Delta Lake 4.3.2", "Delta Lake 4.4"),
        ((2, 7), "3.5.1", "3.2.0", "Python 2.7 and Spark 3.5.1 and Delta Lake 3.2.0",
         "Python 3.10 and Spark 4.2 and Delta Lake 4.4"),
    ],
)  # fmt: skip
def test_what_is_older_is_said_in_one_sentence(
    python: tuple[int, ...], spark: str, delta: str | None, found: str, needed: str
) -> None:
    with pytest.raises(EnvironmentSetupError) as caught:
        must_suffice(python, spark, delta)
    said = f"this session runs on {found}, but rfm-spark needs {needed} or newer: choose"
    assert str(caught.value).startswith(said)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("jars", "version"),
    [
        ("io.delta:delta-spark_4.2_2.13:4.4.0", "4.4.0"),
        ("org.postgresql:postgresql:42.7.8,io.delta:delta-spark_2.13:4.0.1", "4.0.1"),
        ("/opt/jars/other.jar,/opt/jars/delta-spark_4.2_2.13-4.4.0.jar", "4.4.0"),
        ("/opt/jars/delta-storage-4.4.0.jar", None),
        ("", None),
    ],
)
def test_the_version_of_delta_is_read_where_it_is_told(jars: str, version: str | None) -> None:
    assert delta_version(jars) == version


def test_the_floor_is_what_is_promised_elsewhere() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert f'requires-python = ">={PYTHON_FLOOR[0]}.{PYTHON_FLOOR[1]}"' in project
    pinned = dict(re.findall(r'"(pyspark|delta-spark)==(\d+\.\d+)\.', project))
    floors = {"pyspark": SPARK_FLOOR, "delta-spark": DELTA_FLOOR}
    assert pinned == {name: f"{floor[0]}.{floor[1]}" for name, floor in floors.items()}
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"Python {PYTHON_FLOOR[0]}.{PYTHON_FLOOR[1]} or newer" in readme
    (package,) = re.findall(r"io\.delta:(\S+)", readme)
    assert package == f"delta-spark_{SPARK_FLOOR[0]}.{SPARK_FLOOR[1]}_2.13:{DELTA_VERSION}"


def served(version: str, error: str, *, active: bool) -> MagicMock:
    """Stands for pyspark's session class: a session of some Spark, with or without Delta."""
    one = MagicMock(version=version)
    type(one.read.format.return_value.load.return_value).schema = PropertyMock(side_effect=RuntimeError(error))
    kind = MagicMock()
    kind.getActiveSession.return_value = one if active else None
    kind.builder.appName.return_value.getOrCreate.return_value = one
    return kind


@pytest.mark.parametrize("active", [True, False])
def test_a_session_is_looked_at_when_it_starts(monkeypatch: pytest.MonkeyPatch, active: bool) -> None:
    monkeypatch.setenv("SPARK_REMOTE", "sc://somewhere")
    monkeypatch.setattr(session, "SparkSession", served("4.1.0", "", active=active))
    with pytest.raises(EnvironmentSetupError, match=r"runs on Spark 4\.1\.0, but rfm-spark needs Spark 4\.2"):
        session.get_session("test")
    monkeypatch.setattr(session, "SparkSession", served("4.2.0", "[DELTA_PATH_DOES_NOT_EXIST]", active=active))
    assert session.get_session("test").version == "4.2.0"


def test_a_server_without_delta_is_told_apart_from_a_table_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARK_REMOTE", "sc://somewhere")
    monkeypatch.setattr(session, "SparkSession", served("4.2.0", "[DATA_SOURCE_NOT_FOUND] delta", active=False))
    with pytest.raises(EnvironmentSetupError, match=r"does not know Delta Lake: .*delta-spark_4\.2_2\.13:4\.4\.0"):
        session.get_session("test")


@pytest.mark.parametrize("file", ["__init__.py", "core/__init__.py", "core/errors.py", "core/versions.py"])
def test_an_older_python_can_read_what_refuses_it(file: str) -> None:
    ast.parse((ROOT / "rfm_spark" / file).read_text(encoding="utf-8"), feature_version=(3, 7))
