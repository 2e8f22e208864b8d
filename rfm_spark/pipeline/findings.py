"""What a look without a run finds."""

from __future__ import annotations

from dataclasses import dataclass, field

from rfm_spark.core.errors import GateError, RfmSparkError

_NOTHING = "; nothing was published"


@dataclass
class Findings:
    """What a look found.

    Attributes:
        lines: figures, for people.
        warnings: those that the run would have.
        stops: a sentence for each gate that would stop it.
        errors: what can't be opened, mapped or added up.
    """

    lines: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    stops: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def note(self, error: RfmSparkError) -> None:
        """Keep an error as a sentence where it belongs."""
        kept = self.stops if isinstance(error, GateError) else self.errors
        kept.append(str(error).removesuffix(_NOTHING))
