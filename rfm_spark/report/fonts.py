"""The font of the report: charts are measured with it, and the page brings it along, so that both are as wide."""

from __future__ import annotations

import atexit
from base64 import b64encode
from functools import cache
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory

import vl_convert

# Arial and Liberation Sans are as wide, for letters that Arimo's part here lacks and for drawings taken off the page.
FONT = "Arimo, Arial, Liberation Sans, Helvetica, sans-serif"
_WEIGHTS = {"Regular": 400, "Bold": 700}
_FILES = files("rfm_spark.report").joinpath("fonts")


@cache
def measure_with_it() -> None:
    """Make the font known to the renderer of the charts, once per process."""
    # Copied out of the package, which may be an archive; the renderer reads the files whenever it draws.
    folder = TemporaryDirectory(prefix="rfm-spark-fonts-")
    atexit.register(folder.cleanup)
    for name in _WEIGHTS:
        file = f"Arimo-{name}.ttf"
        Path(folder.name, file).write_bytes(_FILES.joinpath(file).read_bytes())
    vl_convert.register_font_directory(folder.name)


def font_faces() -> str:
    """Style rules that hold the font itself."""
    return "\n".join(
        f'@font-face {{ font-family: "Arimo"; font-weight: {weight}; font-display: block; '
        f'src: url(data:font/woff2;base64,{_base64(name)}) format("woff2"); }}'
        for name, weight in _WEIGHTS.items()
    )


def _base64(name: str) -> str:
    return b64encode(_FILES.joinpath(f"Arimo-{name}.woff2").read_bytes()).decode("ascii")
