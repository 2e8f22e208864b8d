"""The stages of a customer."""

from __future__ import annotations

PROSPECT = "prospect"
# In the order in which customers go through them.
STAGES_OF_CUSTOMERS = (PROSPECT, "new", "repeat", "loyal", "reactivated", "lapsing", "lapsed")
STAGE_MEANINGS = {
    "prospect": "known, and without an order",
    "new": "one order so far",
    "repeat": "orders again and again, not yet loyal",
    "loyal": "many orders, for longer than a few of their own gaps",
    "reactivated": "came back after a long silence",
    "lapsing": "silent for longer than is usual for them",
    "lapsed": "silent for much longer than is usual for them",
}
