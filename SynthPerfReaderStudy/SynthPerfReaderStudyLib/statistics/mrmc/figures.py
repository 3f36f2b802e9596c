"""Figures of merit of every arm and reader, with the sums over cases that all variance estimates are made of.

A figure of merit is the mean of a kernel over what a reader read: over pairs of a positive and a negative case for the
AUC (1 if the positive case has the higher score, one half for a tie), over the cases of one class for sensitivity and
specificity. Arms and readers are flattened to "cells" (arm * readers + reader).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray
from SynthPerfLib.errors import InputError

from ..roc import placements

FIGURES = ("auc", "sensitivity", "specificity")
_BLOCK = 4_000_000  # kernel values held at once; sums of up to 4 * 2**22 stay exact in float32


@dataclass(frozen=True)
class Figures:
    """Sums of the kernel.

    Attributes
    ----------
    fom
        ``auc``, ``sensitivity`` or ``specificity``.
    shape
        Arms and readers.
    sums, counts
        For each class of cases that is random in the kernel, shape (cells, cases of that class): the kernel summed over
        the other class, and the number of terms; 0 where the case was not read.
    scores
        Scores of the same classes, shape (cells, cases of that class), NaN where not read.
    n_pos, n_neg
        Cases with at least one score.
    """

    fom: str
    shape: tuple[int, int]
    sums: tuple[NDArray, ...]
    counts: tuple[NDArray, ...]
    scores: tuple[NDArray, ...]
    n_pos: int
    n_neg: int

    @cached_property
    def totals(self) -> NDArray:
        """Kernel terms of each cell."""
        return self.counts[0].sum(axis=1)

    @cached_property
    def values(self) -> NDArray:
        """Figures of merit, shape (cells,); NaN where a reader did not read an arm."""
        with np.errstate(invalid="ignore"):
            return np.where(self.totals > 0, self.sums[0].sum(axis=1) / self.totals, np.nan)

    @property
    def table(self) -> NDArray:
        """Figures of merit, shape (arms, readers)."""
        return self.values.reshape(self.shape)

    @cached_property
    def read(self) -> tuple[NDArray, ...]:
        """Which cases of each class each cell has read."""
        return tuple(~np.isnan(scores) for scores in self.scores)

    @property
    def complete(self) -> bool:
        """Every reader read every case in every arm."""
        return all(bool(read.all()) for read in self.read)

    @property
    def missing(self) -> int:
        """Readings that a complete study would have and this one has not."""
        return sum(int((~read).sum()) for read in self.read)

    @cached_property
    def deviations(self) -> tuple[NDArray, ...]:
        """Case-wise kernel means minus the figure of merit for each class, 0 where not read."""
        return tuple(
            np.where(read, sums / np.maximum(counts, 1) - self.values[:, None], 0.0)
            for read, sums, counts in zip(self.read, self.sums, self.counts, strict=True)
        )

    @cached_property
    def jackknife(self) -> NDArray:
        """Figure of merit without each case, minus the one with all: shape (cells, cases), in closed form.

        Without positive case k the AUC is (m AUC - V_k) / (m - 1), V_k being the case's mean kernel; likewise for
        negative cases and for shares. A case that the reader did not read changes nothing.
        """
        return np.concatenate(
            [-d / (read.sum(axis=1, keepdims=True) - 1) for d, read in zip(self.deviations, self.read, strict=True)],
            axis=1,
        )

    @cached_property
    def distinct(self) -> tuple[NDArray, NDArray]:
        """Kernel products of two cells summed over terms that share no case, and their number: shape (cells, cells).

        Their ratio estimates the product of two figures of merit without bias (Gallas 2006, Academic Radiology 13:353).
        """
        total = self.sums[0].sum(axis=1)
        sums, counts = np.outer(total, total), np.outer(self.totals, self.totals)
        for class_sums, class_counts in zip(self.sums, self.counts, strict=True):
            sums = sums - class_sums @ class_sums.T
            counts = counts - class_counts @ class_counts.T
        if self.fom == "auc":
            sums = sums + self._shared_pairs()
            both = [read.astype(float) for read in self.read]
            counts = counts + (both[0] @ both[0].T) * (both[1] @ both[1].T)
        return sums, counts

    def _shared_pairs(self) -> NDArray:
        """Kernel products of two cells summed over the case pairs that both have read."""
        positive, negative = self.scores
        cells, n = negative.shape
        step = max(1, _BLOCK // (cells * n))
        products = np.zeros((cells, cells))
        for start in range(0, positive.shape[1], step):
            block = positive[:, start : start + step, None]
            doubled = (block > negative[:, None]).astype(np.float32) + (block >= negative[:, None])
            flat = doubled.reshape(cells, -1)
            products += (flat @ flat.T).astype(float)
        return products / 4


def figures(
    scores: ArrayLike, truth: ArrayLike, fom: str = "auc", threshold: float | ArrayLike | None = None
) -> Figures:
    """Sums of the kernel of one figure of merit.

    Parameters
    ----------
    scores
        Shape (arms, readers, cases); NaN where a case was not read.
    truth
        Shape (cases,), True for positive cases.
    fom
        ``auc``, ``sensitivity`` or ``specificity``.
    threshold
        For the last two: a score at or above it is called positive; one for all arms, or one per arm.

    Raises
    ------
    InputError
        Shapes do not fit; fewer than two arms or readers; a reader has fewer than two cases of a class in an arm.
    """
    values, positive = np.asarray(scores, float), np.asarray(truth, bool)
    if values.ndim != 3 or positive.shape != values.shape[2:]:
        raise InputError(f"Scores must be (arms, readers, cases) with one truth per case; they are {values.shape}.")
    if fom not in FIGURES:
        raise InputError(f"Unknown figure of merit {fom!r}; choose {', '.join(FIGURES)}.")
    arms, readers, _ = values.shape
    if arms < 2 or readers < 2:
        raise InputError(
            f"A multi-reader multi-case analysis needs two arms and two readers; there are {arms} and {readers}. "
            "Compare the arms of one reader by its own AUC difference."
        )
    read = ~np.isnan(values)
    n_pos, n_neg = (int(read[:, :, side].any(axis=(0, 1)).sum()) for side in (positive, ~positive))
    cells = values.reshape(arms * readers, -1)
    classes: tuple[NDArray, ...] = (cells[:, positive], cells[:, ~positive])
    sums: tuple[NDArray, ...]
    counts: tuple[NDArray, ...]
    if fom == "auc":
        sums, counts = _auc_sums(classes[0], classes[1])
    else:
        if threshold is None:
            raise InputError(f"The {fom} needs a threshold.")
        kept = classes[FIGURES.index(fom) - 1]
        cut = np.repeat(np.broadcast_to(np.asarray(threshold, float), (arms,)), readers)[:, None]
        right = kept >= cut if fom == "sensitivity" else kept < cut
        classes, sums, counts = (kept,), (right.astype(float),), ((~np.isnan(kept)).astype(float),)
    used = Figures(fom, (arms, readers), sums, counts, classes, n_pos, n_neg)
    _enough(used)
    return used


def _auc_sums(positive: NDArray, negative: NDArray) -> tuple[tuple[NDArray, NDArray], tuple[NDArray, NDArray]]:
    sums = np.zeros_like(positive), np.zeros_like(negative)
    given = ~np.isnan(positive), ~np.isnan(negative)
    read = [g.sum(axis=1, keepdims=True) for g in given]
    for cell in range(positive.shape[0]):
        if read[0][cell, 0] and read[1][cell, 0]:
            p, q = given[0][cell], given[1][cell]
            below, above = placements(positive[cell, p], negative[cell, q])
            sums[0][cell, p], sums[1][cell, q] = below * q.sum(), above * p.sum()
    return sums, (given[0] * read[1].astype(float), given[1] * read[0].astype(float))


def _enough(used: Figures) -> None:
    """Every cell that was read at all has two cases of each class that counts, and every arm was read."""
    fewest = np.min([read.sum(axis=1) for read in used.read], axis=0)
    most = np.max([read.sum(axis=1) for read in used.read], axis=0)
    poor = (most > 0) & (fewest < 2)
    needs = {
        "auc": "AUC needs two positive and two negative cases",
        "sensitivity": "sensitivity needs two positive cases",
        "specificity": "specificity needs two negative cases",
    }
    if poor.any() or not most.any():
        arm, reader = divmod(int(np.flatnonzero(poor if poor.any() else most == 0)[0]), used.shape[1])
        raise InputError(
            f"The {needs[used.fom]} for every reader in every arm; arm {arm + 1}, reader {reader + 1} has fewer."
        )
    empty = np.flatnonzero(most.reshape(used.shape).sum(axis=1) == 0)
    if empty.size:
        raise InputError(f"Arm {int(empty[0]) + 1} has no score.")
