"""What the numbers of an amount are worth: less what was paid back of the same row, and in whole units."""

from __future__ import annotations

from rfm_spark.cli.guess.questions import Open, Reading, exact, total_of
from rfm_spark.cli.guess.table import Table
from rfm_spark.cli.guess.values import NumberForm, Profile
from rfm_spark.cli.guess.words import words

_REFUNDS = frozenset("refund refunded erstattet rembourse reembolsado rimborsato terugbetaald zwrocone".split())
_NO_MONEY = frozenset(
    "id number no nr date at status reason count quantity qty fee tax shipping items converted".split()
)
_HUNDREDTHS = frozenset("cents cent centimes centimos centesimi centavos pence grosze rappen minor".split())
_CENT = 0.011


def money_of(table: Table, amount: Profile) -> tuple[str, str]:
    """The expression of an amount as money, and how it came about; what is not sure is asked.

    Args:
        table: the free columns; its `open` gets the question.
        amount: the column.
    """
    form, back = form_of(amount), _refunded(table, amount)
    if back is not None:
        text = f"{exact(form.sql)} - abs(coalesce({exact(form_of(back).sql)}, 0))"
        what, done, otherwise = f"Is {back.name} to be taken off {amount.name}?", "taken off", "not taken off"
        more = f", less {back.name}"
    elif _HUNDREDTHS & set(words(amount.name)):
        text = f"{exact(form.sql)} / 100"
        what, done, otherwise = f"Are the numbers of {amount.name} hundredths?", "as hundredths", "as whole units"
        more = ", in hundredths"
    else:
        return form.text, ""
    asked = (Reading(f"amount: {text}", f"{done}: {{}}", total_of(text)),
             Reading(f"amount: {form.text}", f"{otherwise}: {{}}", total_of(form.sql)))  # fmt: skip
    table.open.append(Open("amount", what, asked))
    return text, more


def form_of(profile: Profile) -> NumberForm:
    """How a column writes its numbers."""
    return profile.number or NumberForm(profile.text, profile.sql, ())


def _refunded(table: Table, amount: Profile) -> Profile | None:
    """A column of what was paid back of the same row; never more than its amount."""
    for profile in table.free:
        named = set(words(profile.name))
        if profile is amount or not _REFUNDS & named or _NO_MONEY & named or profile.number is None:
            continue
        pairs = zip(form_of(profile).values, form_of(amount).values, strict=True)
        paid = [(abs(back), whole) for back, whole in pairs if back and whole is not None]
        if paid and all(back <= abs(whole) + _CENT for back, whole in paid):
            return profile
    return None
