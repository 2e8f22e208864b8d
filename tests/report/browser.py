"""A headless Chromium, driven over a pipe, and what it tells of a page it has laid out."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
_OPTIONS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe")
# Chromium reads from descriptor 3 and writes to 4, whatever numbers the pipes have.
_START = """
import fcntl, os, sys
reads, writes = (fcntl.fcntl(int(one), fcntl.F_DUPFD, 10) for one in sys.argv[1:3])
os.dup2(reads, 3)
os.dup2(writes, 4)
os.execv(sys.argv[3], sys.argv[3:])
"""
# Keeps the fonts that the renderer of the charts and the style sheet name out of a machine that has them, and the
# family that stands for Arial where none of them is installed.
_OTHER_FONTS = """<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><include ignore_missing="yes">/etc/fonts/fonts.conf</include><cachedir>{cache}</cachedir><selectfont>
<rejectfont><glob>*/liberation*/*</glob></rejectfont><rejectfont><glob>*[Aa]rimo*</glob></rejectfont>
<rejectfont><glob>*[Aa]rial*</glob></rejectfont><rejectfont><glob>*[Hh]elvetica*</glob></rejectfont>
<rejectfont><pattern><patelt name="family"><string>{family}</string></patelt></pattern></rejectfont>
</selectfont></fontconfig>
"""


class Browser:
    """A running Chromium with one page."""

    def __init__(self, process: subprocess.Popen[bytes], to: int, back: int) -> None:
        self._process, self._to, self._back = process, to, back
        self._pending, self._sent, self._session = b"", 0, ""
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self._call("Page.enable")

    def open(self, page: Path, width: int) -> None:
        """Lay out a page in a window of that many pixels, and wait for its fonts."""
        self._call("Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=False)
        self._call("Page.navigate", url=page.as_uri())
        while self._read().get("method") != "Page.loadEventFired":
            pass
        self.run("document.fonts.ready.then(() => true)")

    def run(self, script: str) -> Any:
        """The value of an expression in the page; promises are waited for."""
        found = self._call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def _call(self, method: str, **given: Any) -> dict[str, Any]:
        self._sent += 1
        session = {"sessionId": self._session} if self._session else {}
        message = {"id": self._sent, "method": method, "params": given, **session}
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == self._sent:
                assert "error" not in answer, answer
                result: dict[str, Any] = answer["result"]
                return result

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._pending:
            read = os.read(self._back, 1 << 16)
            assert read, f"Chromium ended with exit code {self._process.wait()}"
            self._pending += read
        message, _, self._pending = self._pending.partition(b"\0")
        parsed: dict[str, Any] = json.loads(message)
        return parsed


@contextmanager
def chromium(folder: Path, *, other_fonts: bool = False) -> Iterator[Browser]:
    """A Chromium; the test is skipped where none is installed.

    Args:
        folder: for what it keeps.
        other_fonts: without Arial and what has its widths, as on a machine that lacks them.
    """
    found = next((path for path in map(shutil.which, NAMES) if path), None)
    if found is None and not os.environ.get("CI_NEEDS_CHROMIUM"):
        pytest.skip("no Chromium on this machine: pages are not laid out")
    assert found, "no Chromium on this machine"
    if other_fonts and not shutil.which("fc-match") and not os.environ.get("CI_NEEDS_CHROMIUM"):
        pytest.skip("no fontconfig on this machine: fonts cannot be taken away")
    environment = {**os.environ, **(_without_arial(folder) if other_fonts else {})}
    (reads, to), (back, writes) = os.pipe(), os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-c", _START, str(reads), str(writes), found, *_OPTIONS, f"--user-data-dir={folder}/profile"],
        pass_fds=(reads, writes), env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(reads)
    os.close(writes)
    try:
        yield Browser(process, to, back)
    finally:
        os.close(to)
        process.terminate()
        process.wait(timeout=30)
        os.close(back)


def _without_arial(folder: Path) -> dict[str, str]:
    asked = subprocess.run(["fc-match", "--format=%{family[0]}", "Arial"], check=True, capture_output=True, text=True)
    file = folder / "fonts.conf"
    file.write_text(_OTHER_FONTS.format(cache=folder / "fonts", family=asked.stdout), encoding="utf-8")
    return {"FONTCONFIG_FILE": str(file)}
