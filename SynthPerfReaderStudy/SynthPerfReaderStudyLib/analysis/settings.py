"""What an analysis is told before it sees the data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from SynthPerfLib.errors import InputError


@dataclass(frozen=True)
class Settings:
    """Choices that are fixed beforehand.

    Attributes
    ----------
    level
        Coverage of every interval, (0, 1).
    seed
        Start of the random numbers of every bootstrap.
    thresholds
        Item to its cut-off: a score at or above it is called positive. Other items take Youden's.
    scales
        Item to the lowest and highest point of its scale, for r_wg; other items take what was observed.
    margin
        Non-inferiority margin of the AUC, above 0; None for no such test.
    reference
        The arm that the other one must not be inferior to; None for the later one in text order.
    pooled
        Whether the reads of all readers are also taken together.
    """

    level: float = 0.95
    seed: int = 0
    thresholds: Mapping[str, float] = field(default_factory=dict)
    scales: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    margin: float | None = None
    reference: str | None = None
    pooled: bool = False

    def __post_init__(self) -> None:
        """Refuse what no analysis can use."""
        if not 0.5 <= self.level < 1:
            raise InputError(f"--level {self.level:g}: give the coverage of the intervals as a share, such as 0.95.")
        if self.margin is not None and not 0 < self.margin < 1:
            raise InputError(f"--margin {self.margin:g}: give the largest tolerable loss of AUC, such as 0.05.")
        for item, (low, high) in self.scales.items():
            if not low < high:
                raise InputError(f"The scale of {item} runs from {low:g} to {high:g}: the first must be the lower.")
