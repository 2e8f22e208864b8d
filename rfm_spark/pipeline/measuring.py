"""The first stage of a run: rows become measures of customers, every row is accounted for, and the gates decide."""

from __future__ import annotations

from rfm_spark.capabilities.purchases.config import TransactionsSource
from rfm_spark.capabilities.purchases.gates import MINIMUM_GATES
from rfm_spark.capabilities.purchases.lines import accepted_until, rejects, superseded_lines
from rfm_spark.capabilities.rfm.config import RfmConfig
from rfm_spark.capabilities.rfm.scores import z_values
from rfm_spark.core.errors import GateError
from rfm_spark.core.schemas import REJECTS
from rfm_spark.core.stats import exact_moments
from rfm_spark.pipeline.context import RunContext
from rfm_spark.pipeline.late import SOURCE
from rfm_spark.pipeline.looking import broadcast, line_findings, line_warnings, look_at_lines
from rfm_spark.pipeline.rejecting import first_seen


def measure(run: RunContext) -> int:
    """Fill `measures`, `moments`, `counts`, and what the ledger says of the rows; stop where a gate fails."""
    look_at_lines(run)
    _write_rejects(run)
    _gate(run)
    run.moments = exact_moments(run.known_measures, z_values(run.config.part(RfmConfig).z_log))
    return run.known_counts.read


def _write_rejects(run: RunContext) -> None:
    source, judged = run.config.part(TransactionsSource), run.known_judged
    frames = []
    if run.known_counts.rejected:
        frames.append(rejects(judged.lines, source))
    if run.rows.get(f"{SOURCE}.repaired.duplicate_line"):
        lines = accepted_until(judged.lines, run.as_of)
        if run.suspects is not None:
            lines = lines.join(broadcast(run.suspects, run.suspect_count), "customer_id", "left_semi")
        frames.append(superseded_lines(lines, source, run.quality))
    if not frames:
        return
    found = frames[0] if len(frames) == 1 else frames[0].unionByName(frames[1])
    run.writer.write_part(REJECTS.name, first_seen(run, found), SOURCE)


def _gate(run: RunContext) -> None:
    found = line_findings(run)
    failed = [finding.says for finding in found if finding.level == "fail"]
    if failed:
        look = f"; see them with `rfm-spark rejects --run {run.run_id}`" if run.known_counts.rejected else ""
        raise GateError("; ".join(failed) + look + "; nothing was published")
    run.warnings += line_warnings(run, found)
    run.status = "ok"
    if any(finding.gate in MINIMUM_GATES for finding in found):
        run.status = "thin"
    if not run.rows["customers"]:
        run.status = "empty"
