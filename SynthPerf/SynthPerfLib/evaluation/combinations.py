"""Which sets of input modalities are evaluated."""

from __future__ import annotations

from itertools import combinations as subsets

from ..modality import INPUTS, combination

Combination = tuple[str, ...]
"""Input modalities in the written order."""

TABLE2: tuple[Combination, ...] = tuple(
    combination(name.split("+"))
    for name in (
        "ASL",
        "ASL+T2",
        "ASL+T1",
        "ASL+FLAIR",
        "ASL+ADC",
        "ASL+T1+T2",
        "ASL+T1+FLAIR",
        "ASL+T1+ADC",
        "ASL+FLAIR+ADC",
        "ASL+T2+FLAIR",
        "ASL+T2+ADC",
        "ASL+T1+T2+FLAIR",
        "ASL+T1+T2+ADC",
        "ASL+T2+FLAIR+ADC",
        "ASL+T1+FLAIR+ADC",
        "ASL+T1+T2+FLAIR+ADC",
        "ASL+T1+T2+ADC+T1C",
    )
)
"""The 17 combinations of Table 2 of Wu et al. 2025, in its order."""

ALL: tuple[Combination, ...] = tuple(chosen for size in range(1, len(INPUTS) + 1) for chosen in subsets(INPUTS, size))
"""Every non-empty set of the six inputs, small ones first."""


def name(modalities: Combination) -> str:
    """How a combination is written in tables: its modalities joined by ``+``."""
    return "+".join(modalities)


def parse(text: str) -> tuple[Combination, ...]:
    """Read ``table2``, ``all``, or a list such as ``ASL+T1,ASL`` (any order and case; repeats are dropped).

    Raises
    ------
    InputError
        If a modality is unknown or a combination is empty.
    """
    word = text.strip().lower()
    if word in ("table2", "all"):
        return TABLE2 if word == "table2" else ALL
    return tuple(dict.fromkeys(combination(item.split("+")) for item in text.split(",")))
