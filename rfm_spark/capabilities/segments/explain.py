"""What `explain` says of a customer's segment, and of the rule that put them there."""

from __future__ import annotations

from typing import Any

from rfm_spark.capabilities.segments.rules import RuleMap, first_match, rule_text
from rfm_spark.core.explaining import PublishedCustomer


def headline(customer: PublishedCustomer) -> list[str]:
    """Their segment in the words of the rule map, and its action."""
    labels = {outcome.name: outcome for outcome in _rule_map(customer).all_outcomes()}
    outcome = labels[customer.row["segment"]]
    return [
        f"Customer {customer.row['customer_id']} is in {outcome.label} ({outcome.name}) as of {customer.run.as_of}",
        f"  {outcome.description} {outcome.action}",
    ]


def rule_lines(customer: PublishedCustomer) -> list[str]:
    """The first rule of the map that fits them."""
    rule_map = _rule_map(customer)
    params = {"new_within_days": float(customer.document["segments"]["new_within_days"])}
    fired = first_match(rule_map, customer.row, params)
    rules: dict[str, Any] = {outcome.name: outcome for outcome in rule_map.all_outcomes()}
    return [f"  rule       {fired}, the first of {rule_map.name} that fits: {rule_text(rules[fired], params)}"]


def _rule_map(customer: PublishedCustomer) -> RuleMap:
    return RuleMap.model_validate(customer.document["segments"]["rule_map"])


HEADLINE = (headline,)
EXPLAIN = (rule_lines,)
