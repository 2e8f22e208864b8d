"""Build the archive for `spark-submit --py-files`: the package with its configurations inside."""

import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def build(target: Path) -> None:
    """Write the archive; the same sources give the same bytes."""
    target.parent.mkdir(parents=True, exist_ok=True)
    files = {path.relative_to(ROOT): path for path in (ROOT / "rfm_spark").rglob("*") if _wanted(path)}
    files |= {Path("rfm_spark", path.relative_to(ROOT)): path for path in (ROOT / "conf").rglob("*.yml")}
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, path in sorted(files.items()):
            archive.writestr(zipfile.ZipInfo(name.as_posix()), path.read_bytes(), zipfile.ZIP_DEFLATED)


def _wanted(path: Path) -> bool:
    return path.is_file() and "__pycache__" not in path.parts


if __name__ == "__main__":
    build(Path(sys.argv[1]))
    print(sys.argv[1])
