"""What was planted in the simulated company beside what the run found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rfm_spark.cli import console
from rfm_spark.demo.saas import NOTE
from rfm_spark.demo.saas_company import Leaving, Planted
from rfm_spark.demo.walk import Results

_NOT_LOOKED_AT = "–"
Line = tuple[str, str, str]


def show_truth(results: Results, planted: Planted, differences: Sequence[Any]) -> None:
    """Print both, line by line.

    Args:
        results: of the run.
        planted: what is known beforehand.
        differences: of At Risk against Champions within the plan, the clearest first.
    """
    console.heading(f"Planted truth beside what was found{NOTE}")
    lines = [*_why(planted, differences), *_money(results, planted), *_faults(results, planted)]
    console.table((NOTE.strip(" ()"), "planted", "found"), lines)


def _why(planted: Planted, differences: Sequence[Any]) -> list[Line]:
    plan = planted.plan
    features = {row["value"]: row for row in differences if row["column_name"] == "feature"}
    cause, decoy = features.get(planted.feature), features.get(planted.decoy)
    found = ", ".join(str(name) for name, row in features.items() if row["differs"]) or "none"
    shares, decoys = _NOT_LOOKED_AT, _NOT_LOOKED_AT
    if cause is not None:
        shares = f"champions {cause['second_typical']:.1%}, at risk {cause['first_typical']:.1%}"
    if decoy is not None:
        differs = "differs" if decoy["differs"] else "does not differ"
        decoys = f"{differs}, effect {decoy['effect']:+.2f}, q {decoy['q_value']:.2g}"
    mine, other = (planted.leaving[plan, feature] for feature in (planted.feature, planted.decoy))
    stay = f"stay {planted.adoption_of_stayers:.1%}, leave {planted.adoption_of_leavers:.1%}"
    return [
        (f"features that keep accounts of plan {plan}; that differ", planted.feature, found),
        (f"accounts of plan {plan} that adopt it", stay, shares),
        (f"leave plan {plan} a month: with it, without", _rates(mine), "not measured: groups are compared on a day"),
        (f"the decoy {planted.decoy}: with it, without", _rates(other), decoys),
    ]


def _rates(leaving: Leaving) -> str:
    return f"{leaving.rate:.1%}, {leaving.other_rate:.1%}"


def _money(results: Results, planted: Planted) -> list[Line]:
    moved = results.rows("mrr_movement")
    total = sum(row["mrr_now"] for row in moved)
    money = results.numbers.money
    running = sum(row["customers"] for row in moved if row["mrr_now"])
    return [
        ("accounts that pay", f"{planted.running:,}", f"{running:,}"),
        ("MRR", money(planted.mrr), money(total)),
    ]


def _faults(results: Results, planted: Planted) -> list[Line]:
    dirt = planted.dirt
    known = (
        ("rows of subscriptions there twice", dirt.repeated_rows, "flagged.duplicate_subscription"),
        ("subscriptions that end before they start", dirt.ends_before_start, "rejected.end_before_start"),
        ("changes of plan taken back on their day", dirt.same_day_changes, "flagged.same_day_change"),
        ("accounts with usage before their subscription only", dirt.usage_before_start, "flagged.usage_before_start"),
        ("accounts that pay and do not use it", dirt.without_usage, "flagged.subscription_without_usage"),
        (f"accounts that use it without a subscription, {dirt.unknown_accounts} of them unknown",
         dirt.without_subscription, "flagged.usage_without_subscription"),
    )  # fmt: skip
    return [
        (name, f"{count:,}", f"{results.run.rows.get(f'subscriptions.{code}', 0):,}") for name, count, code in known
    ]
