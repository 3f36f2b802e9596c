"""What was read and what is missing."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ratings import EMPTY, NOT_ASSESSABLE, RATED, Ratings, Truth

MISSING_COLUMNS = ("item", "reader", "arm", "cases", "rated", "empty", "not_assessable", "absent")


def missing_cells(ratings: Ratings) -> list[dict[str, Any]]:
    """How many of the cases each reader rated in each arm, left empty, called not assessable, or has no row for."""
    found = []
    for name, item in ratings.items.items():
        # The best that happened to a cell in any repeat: a value, else a reason, else an empty answer.
        status = {state: (item.status == state).any(axis=-1) for state in (RATED, NOT_ASSESSABLE, EMPTY)}
        status[NOT_ASSESSABLE] &= ~status[RATED]
        status[EMPTY] &= ~status[RATED] & ~status[NOT_ASSESSABLE]
        for reader, who in enumerate(ratings.readers):
            for arm, label in enumerate(ratings.arms):
                counts = {state: int(cells[reader, :, arm].sum()) for state, cells in status.items()}
                found.append(
                    {
                        "item": name,
                        "reader": who,
                        "arm": label,
                        "cases": len(ratings.cases),
                        "rated": counts[RATED],
                        "empty": counts[EMPTY],
                        "not_assessable": counts[NOT_ASSESSABLE],
                        "absent": len(ratings.cases) - sum(counts.values()),
                    }
                )
    return found


def design(ratings: Ratings, truth: Truth | None) -> dict[str, Any]:
    """Numbers of readers, cases, arms, repeats, clusters; positive and negative cases; reasons of missing answers."""
    found: dict[str, Any] = {
        "readers": list(ratings.readers),
        "arms": list(ratings.arms),
        "items": list(ratings.items),
        "cases": len(ratings.cases),
        "repeats": len(ratings.repeats),
        "answers": int(sum((item.status == RATED).sum() for item in ratings.items.values())),
        "not_assessable": {
            name: dict(sorted(item.reasons.items())) for name, item in ratings.items.items() if item.reasons
        },
    }
    if ratings.clusters:
        found["clusters"] = len(set(ratings.clusters.values()))
    if truth is not None:
        of_cases = [truth.positive[case] for case in ratings.cases]
        found["positive"] = sum(value is True for value in of_cases)
        found["negative"] = sum(value is False for value in of_cases)
        found["truth_missing"] = sum(value is None for value in of_cases)
        found["cases_never_read"] = len(set(truth.positive) - set(ratings.cases))
    return found


def positives(ratings: Ratings, truth: Truth) -> np.ndarray:
    """(cases,) 1, 0, or NaN where the truth is missing."""
    code = {True: 1.0, False: 0.0, None: np.nan}
    return np.array([code[truth.positive[case]] for case in ratings.cases])
