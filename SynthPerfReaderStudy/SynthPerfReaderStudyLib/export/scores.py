"""The scores of one item with the truth: what the programs for MRMC analysis take in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from SynthPerfLib.errors import InputError

from ..ratings import Ratings, Truth


@dataclass(frozen=True)
class Scores:
    """The scores of one item.

    Attributes
    ----------
    item
        The question.
    values
        (reader, arm, case) to score; what is missing or not assessable is not there.
    truth
        Case to 0 (without the condition) or 1 (with it); only cases that have a score.
    """

    item: str
    values: Mapping[tuple[str, str, str], float]
    truth: Mapping[str, int]

    @property
    def readers(self) -> list[str]:
        """In text order."""
        return sorted({reader for reader, _, _ in self.values})

    @property
    def arms(self) -> list[str]:
        """In text order."""
        return sorted({arm for _, arm, _ in self.values})

    @property
    def cases(self) -> list[str]:
        """Those without the condition first, each in text order."""
        return sorted(self.truth, key=lambda case: (self.truth[case], case))

    @property
    def complete_cases(self) -> list[str]:
        """The cases with a score by every reader in every arm, ordered as :attr:`cases`."""
        pairs = [(reader, arm) for reader in self.readers for arm in self.arms]
        return [case for case in self.cases if all((*pair, case) in self.values for pair in pairs)]

    @classmethod
    def of(cls, ratings: Ratings, truth: Truth, item: str | None = None) -> Scores:
        """The scores of an item; of repeated reads the first counts. Cases whose truth is missing are left out.

        Parameters
        ----------
        item
            May be left away if there is only one whose answers are numbers.

        Raises
        ------
        InputError
            If there is no such item, it has words for answers, or more than one could be meant.
        """
        numeric = [name for name, content in ratings.items.items() if not content.words]
        if item is None:
            if len(numeric) != 1:
                raise InputError(
                    f"{ratings.path}: which item is the score? Choose from {', '.join(numeric) or 'none'}."
                )
            item = numeric[0]
        if item not in numeric:
            raise InputError(
                f"{ratings.path}: {item} is no item with numbers, choose from {', '.join(numeric) or 'none'}."
            )
        first = ratings.items[item].first
        values = {}
        for reader, case, arm in np.argwhere(~np.isnan(first)):
            name = ratings.cases[case]
            if truth.positive.get(name) is not None:
                values[ratings.readers[reader], ratings.arms[arm], name] = float(first[reader, case, arm])
        if not values:
            raise InputError(f"{ratings.path}: no case with a score of {item} has a truth in {truth.path}.")
        cases = {case for _, _, case in values}
        return cls(item, values, {case: int(bool(truth.positive[case])) for case in cases})


def written(score: float) -> str:
    """The shortest text that is read as the same number."""
    return str(int(score)) if score == int(score) and abs(score) < 1e15 else repr(score)
