"""`rfm-spark demo`: the whole job, from source tables to a report, on the real or the simulated data of a demo."""

from __future__ import annotations

import argparse
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from rfm_spark.cli import console, reading
from rfm_spark.cli.places import run_of, session
from rfm_spark.cli.running import run_once
from rfm_spark.core.errors import ConfigError
from rfm_spark.core.loading import load_config
from rfm_spark.demo.grocery import CONFIGS, grocery_demo
from rfm_spark.demo.saas import CONFIG, saas_demo
from rfm_spark.demo.walk import Demo, Results, Truth, write_config
from rfm_spark.lake.location import LakeLocation
from rfm_spark.report.wording import Numbers

_START = "Starting Spark"
_LAKES = {False: "lake/demo", True: "lake/saas"}


def demo_command(options: argparse.Namespace) -> int:
    """Land the data, run two as-of dates, show what came out.

    Raises:
        ConfigError: two demos were asked for.
    """
    if options.full and options.saas:
        raise ConfigError("demo", ["--full and --saas are two demos; ask for one of them"])
    folder = Path(options.lake or _LAKES[options.saas])
    demo: Demo[Any] = saas_demo() if options.saas else grocery_demo(full=options.full)
    return _walk(demo, folder, options)


def _walk(demo: Demo[Truth], folder: Path, options: argparse.Namespace) -> int:
    lines = console.StageLines()
    LakeLocation(root=str(folder.resolve())).make_folder()
    config_file = write_config(folder, demo.config, CONFIGS if demo.config == CONFIG else (CONFIG,))
    config = load_config(config_file)
    begun = time.perf_counter()
    lines.started(_START, "a Java process begins, and the data is made ready beside it")
    try:
        with ThreadPoolExecutor(max_workers=1) as beside:
            landing = beside.submit(_land, lines, demo, folder)
            spark = session(options)
            lines.finished(_START, None, time.perf_counter() - begun)
            truth = landing.result()
    finally:
        lines.stop()
    threading.Thread(target=_read_report_modules, daemon=True).start()
    for as_of in demo.dates:
        run_once(spark, config, as_of)
    location = LakeLocation.of(config)
    run = run_of(spark, location, config.name, None)
    demo.show(Results(spark, location, run, Numbers(config.display), options, config_file), truth)
    console.heading("Where it is")
    print(f"lake    {folder}\nreport  ", end="", flush=True)
    options.config, options.lake, options.run = str(config_file), None, run.run_id
    options.output = str(folder / "reports" / "latest.html")
    reading.report_command(options)
    console.heading("Try next")
    for line in demo.next_lines(folder, config_file):
        print(line)
    return 0


def _land(lines: console.StageLines, demo: Demo[Truth], folder: Path) -> Truth:
    begun = time.perf_counter()
    rows, truth = demo.land(folder)
    lines.finished("Landing source tables", rows or None, time.perf_counter() - begun)
    import_module("rfm_spark.pipeline")
    return truth


def _read_report_modules() -> None:
    """Import what draws the report while Spark is at work; where it is not installed the report says so."""
    with suppress(ImportError):
        import_module("rfm_spark.report.build")
        import_module("rfm_spark.report.section").sections()
