"""What an error says: that nothing is there, or only that it can't be read."""

from __future__ import annotations

from pyspark.errors import PySparkException

# Conditions of Spark and Delta. Whatever else goes wrong with a table, it is there.
_MISSING = frozenset(
    {
        "TABLE_OR_VIEW_NOT_FOUND",
        "SCHEMA_NOT_FOUND",
        "PATH_NOT_FOUND",
        "DELTA_TABLE_NOT_FOUND",
        "DELTA_MISSING_DELTA_TABLE",
        "DELTA_PATH_DOES_NOT_EXIST",
    }
)
_NO_VERSIONS = frozenset({"EXPECT_TABLE_NOT_VIEW", "DELTA_TABLE_ONLY_OPERATION", "DELTA_ONLY_OPERATION"})


def is_missing(error: PySparkException) -> bool:
    """Whether there is no such table or path; every other error is about one that is there."""
    return _condition(error) in _MISSING


def has_no_versions(error: PySparkException) -> bool:
    """Whether what is there is a view, or a table that keeps no versions."""
    return _condition(error) in _NO_VERSIONS


def _condition(error: PySparkException) -> str:
    return (error.getCondition() or "").partition(".")[0]
