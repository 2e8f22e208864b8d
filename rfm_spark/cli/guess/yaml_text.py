"""A guess as a configuration file that runs as it is, with the reasons beside it."""

from __future__ import annotations

import json
import re
import shlex
import textwrap
from collections.abc import Mapping
from datetime import date

import yaml

from rfm_spark.cli.guess.found import Guess

# A source whose newest row is older than this isn't fed any more, so its age is no reason to stop a run.
LIVE_DAYS = 30
_WIDTH = 118
# Half a year shows who comes again; churn takes two horizons of 90 days, a gap of 7, and a quarter before them.
_CLV_DAYS, _CHURN_DAYS = 180, 277


def render(
    found: Guess,
    *,
    name: str,
    file: str,
    path: str,
    source_format: str,
    options: Mapping[str, str | int | float | bool],
    today: date,
) -> str:
    """The text of a configuration.

    Args:
        found: the mapping.
        name: of the segmentation; what can't be in a name becomes an underscore.
        file: the configuration file, as it is to be typed after -c.
        path: the source, relative to that file's folder.
        source_format: delta, parquet, csv or json.
        options: of Spark's reader.
        today: decides whether the source is still fed.
    """
    lines = [
        *_header(found, file, path),
        f"name: {scalar(config_name(name))}  # identifies this segmentation in the lake",
        "lake: {root: ./lake}  # a folder of Delta tables, made by the first run; or {catalog: main, schema: rfm}",
        "timezone: UTC  # of the dates; a name such as Europe/Berlin",
        "sources:",
        "  transactions:",
        f"    path: {scalar(path)}  # relative to the folder of this file",
        f"    format: {source_format}",
    ]
    lines += _options(options)
    lines += ["    columns:  # ours: theirs, a column's name or an SQL expression"]
    for column in found.found:
        lines += _comment(f"{column.how_sure}: {column.why}", "      ")
        lines.append(f"      {column.ours}: {scalar(column.text)}")
        lines += _asked(found, column.ours, "      ")
    if found.order_grain:
        lines += ["    # There are no order ids: `day` makes one order of a customer's day, `row` one of each row."]
        lines += _asked(found, "order_grain", "    ")
        lines.append(f"    order_grain: {found.order_grain}")
    lines += [
        *_where(found),
        *_events(found, path, source_format, options),
        "rfm:",
        "  window_days: 365  # days that count for frequency and monetary value; null is all history",
        "segments:",
        "  rules: rf_grid  # or essential, classic, tercile, or the path of a rule map of your own",
        *_forecasts(found),
        "quality:",
        *_staleness(found, file, today),
    ]
    if found.currency:
        lines += ["display:", f"  currency: {scalar(found.currency)}  # that of all rows; only shown"]
    return "\n".join(lines) + "\n"


def _options(options: Mapping[str, str | int | float | bool]) -> list[str]:
    return ["    options:", *(f"      {key}: {scalar(value)}" for key, value in options.items())] if options else []


def _asked(found: Guess, ours: str, indent: str) -> list[str]:
    """The questions about one key, with what each answer gives."""
    lines = []
    for question in found.questions:
        if question.ours == ours:
            lines += _comment(f"not sure: {question.what}", indent)
            first, *others = question.answers
            lines += _comment(f"as written, {first.gives}", indent)
            # On one line however long, to be copied from there.
            lines += [f"{indent}# {_clean(f'or {other.gives}; write {other.text}')}" for other in others]
    return lines


def _where(found: Guess) -> list[str]:
    if found.where is None:
        return []
    lines = _comment("Rows that count; a run counts the others as filtered.", "    ")
    for counts in found.counts:
        lines += _comment(counts, "    ")
    return [*lines, *_asked(found, "where", "    "), f"    where: {scalar(found.where)}"]


def _events(found: Guess, path: str, source_format: str, options: Mapping[str, str | int | float | bool]) -> list[str]:
    if found.events is None:
        return []
    lines = ["  events:  # the same rows, as what people did; see docs/interactions.md"]
    for note in found.events.notes:
        lines += _comment(note, "    ")
    lines += [f"    path: {scalar(path)}", f"    format: {source_format}", *_options(options), "    columns:"]
    lines += [f"      {ours}: {scalar(theirs)}" for ours, theirs in found.events.columns.items()]
    if found.events.preset:
        lines.append(f"    preset: {found.events.preset}")
    if found.events.types:
        lines.append("    types:")
        lines += [f"      {ours}: {json.dumps(theirs)}" for ours, theirs in found.events.types.items()]
    return lines


def config_name(text: str) -> str:
    """A name that a configuration may have, near to the text."""
    return re.sub(r"[^A-Za-z0-9_-]+", "_", text).strip("_-")[:63] or "customers"


def scalar(value: str | int | float | bool) -> str:
    """A value as YAML that is read back as the same value, quoted only where it must be."""
    if not isinstance(value, str):
        return json.dumps(value)
    try:
        plain = yaml.safe_load(f"k: {value}  # c")
    except yaml.YAMLError:
        plain = None
    return value if plain == {"k": value} and value.isprintable() else json.dumps(value)


def run_command(found: Guess, file: str) -> str:
    """The command that makes the first run, as of the newest row."""
    as_of = f" --as-of {found.newest}" if found.newest else ""
    return f"rfm-spark run -c {shlex.quote(file)}{as_of}"


def _header(found: Guess, file: str, path: str) -> list[str]:
    span = f", dated {found.oldest} to {found.newest}" if found.newest else ", none with a date that can be read"
    known = f", which is {found.export}" if found.export else ""
    lines = [
        *_comment(f"Guessed by `rfm-spark init` from {path}{known}: {found.rows:,} rows{span}."),
        *_comment("Read the comment of each column, correct what is wrong, then:"),
        "#",
        f"#   rfm-spark check -c {shlex.quote(file)}",
        f"#   {run_command(found, file)}",
    ]
    unsure = [f"Not sure, see {question.ours}: {question.what}" for question in found.questions]
    if found.remarks or unsure:
        lines += ["#", "# What to look at first:"]
    for remark in (*unsure, *found.remarks):
        first, *rest = _comment(remark)
        lines += [f"# - {first[2:]}", *(f"#   {line[2:]}" for line in rest)]
    return [*lines, ""]


def _forecasts(found: Guess) -> list[str]:
    """Forecasts, churn and value where the rows reach back far enough; said either way."""
    days = (found.newest - found.oldest).days if found.newest and found.oldest else 0
    lines = ["predict:  # see docs/predict.md"]
    for name, needed, what in (
        ("clv", _CLV_DAYS, "orders and spend to come, and who is still a customer"),
        ("churn", _CHURN_DAYS, "who is likely to stop"),
    ):
        enough = days >= needed
        why = f"{what}; the rows reach back {days:,} days, and {needed} are {'enough' if enough else 'needed'}"
        lines.append(f"  {name}: {{enabled: {scalar(enough)}}}  # {why}")
    return [
        *lines,
        f"value: {{enabled: {scalar(days >= _CLV_DAYS)}}}  # concentration of revenue, and what may be lost",
    ]


def _staleness(found: Guess, file: str, today: date) -> list[str]:
    if found.newest and (today - found.newest).days <= LIVE_DAYS:
        return ["  max_staleness_days: 3  # a run stops when the newest row is older than this against its as-of date"]
    why = f"Off, because the newest row is of {found.newest}. Run as of that date: {run_command(found, file)}"
    return [
        *_comment(why, "  "),
        "  max_staleness_days: null",
    ]


def _comment(text: str, indent: str = "") -> list[str]:
    lines = textwrap.wrap(_clean(text), _WIDTH - len(indent), break_on_hyphens=False)
    return [f"{indent}# {line}" for line in lines]


def _clean(text: str) -> str:
    # A column's name may hold anything, line breaks too, which would end the comment.
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
