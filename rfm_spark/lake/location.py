"""Where a lake is, and how its tables are named in SQL without a way to inject anything."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from rfm_spark.core.config import Config
from rfm_spark.core.errors import ConfigError, LakeError

_TABLE_NAME = re.compile(r"^[A-Za-z_][A-Za-z0-9_-]*(\.[A-Za-z_][A-Za-z0-9_-]*){0,2}$")
_BATCH_ID = re.compile(r"^([0-9]{5,}-){1,2}[0-9a-f]{8}$")
_RUN_ID = re.compile(r"^\d{4}-\d{2}-\d{2}-[0-9a-f]{8}(-\d+)?$")
LOCAL = re.compile(r"^(file:/{1,3}|/)")


def quoted(name: str) -> str:
    """One identifier in backticks, backticks in it doubled."""
    return "`" + name.replace("`", "``") + "`"


def quoted_table(name: str, where: str) -> str:
    """A catalog name of one to three parts, each in backticks.

    Raises:
        ConfigError: anything else than letters, digits, hyphens and underscores between the dots.
    """
    if not _TABLE_NAME.match(name):
        raise ConfigError(where, [f"{name!r} is not a table name; write catalog.schema.table"])
    return ".".join(quoted(part) for part in name.split("."))


def checked_run_id(run_id: str) -> str:
    """The run id itself, once it is known to be one and may enter a predicate.

    Raises:
        ConfigError: it isn't of the form 2017-12-31-0a1b2c3d.
    """
    if not _RUN_ID.match(run_id):
        raise ConfigError("run", [f"{run_id!r} is not a run id; `rfm-spark runs` lists them"])
    return run_id


def checked_slice_id(key: str) -> str:
    """The id of a run or of a batch itself, once it is known to be one and may enter a predicate.

    Raises:
        ConfigError: it is neither.
    """
    return key if _BATCH_ID.match(key) else checked_run_id(key)


@dataclass(frozen=True)
class LakeLocation:
    """A folder of Delta tables, or a schema of a catalog.

    Attributes:
        root: absolute path or URI of the folder; None in catalog mode.
        schema: schema in catalog mode, with its catalog where one was given.
    """

    root: str | None = None
    schema: tuple[str, ...] = ()

    @classmethod
    def of(cls, config: Config) -> LakeLocation:
        """The place a configuration names."""
        lake = config.lake
        if lake.root is not None:
            return cls(root=config.resolve(lake.root))
        return cls(schema=tuple(part for part in (lake.catalog, lake.schema_name) if part))

    @property
    def is_catalog(self) -> bool:
        """Whether tables are registered in a catalog."""
        return self.root is None

    def table(self, name: str) -> str:
        """A table's identifier in SQL."""
        if self.root is not None:
            return f"delta.{quoted(f'{self.root}/{name}')}"
        return ".".join(quoted(part) for part in (*self.schema, name))

    def __str__(self) -> str:
        """What a person recognises it by."""
        return self.root if self.root is not None else ".".join(self.schema)

    def make_folder(self) -> None:
        """Create a local root, so that a lake one may not write to is found before any work.

        Raises:
            LakeError: it can't be created or written.
        """
        if self.root is None or not LOCAL.match(self.root):
            return
        folder = Path(re.sub(r"^file:/{1,3}", "/", self.root))
        probe = folder / ".writable"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise LakeError(
                f"lake {self.root}: can't be written ({error.strerror}); choose another lake.root or --lake, "
                "or change the folder's permissions"
            ) from None
