"""The honest floors: gradient-boosted trees on voxels, with and without their surroundings, and ASL times one gain.

A network that does not beat these has learnt no more than a look-up table of intensities.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import SimpleITK as sitk

from ..errors import InputError, ModelError
from ..images import like
from ..jobs import Job, Progress, Steps, part
from ..modality import INPUTS, combination
from ..preprocessing import Prepared, normalise
from ..working_grid import WorkingGrid, axial_array

if TYPE_CHECKING:
    from sklearn.ensemble import HistGradientBoostingRegressor

TARGET_LIMIT = 25.0
"""CBV in mL/100 g at which the training target is cut: beyond lie large vessels and noise."""

SURROUNDINGS_MM = (4.0, 12.0)
"""Full widths at half maximum of the Gaussians whose local means ``context_trees`` sees."""

VOXELS = 300_000
"""Training voxels over all cases."""

LESION_SHARE = 0.15
"""Share of a case's training voxels that is drawn from its lesions (they hold less than 1 % of the brain)."""

BOOSTING: Mapping[str, Any] = {
    "max_iter": 250,
    "max_leaf_nodes": 31,
    "learning_rate": 0.1,
    "min_samples_leaf": 40,
    "l2_regularization": 1.0,
    "early_stopping": False,
}

GRID_MM = (1.6, 3.0, 15.0)
"""The working grid of the trees, that of the networks' recipes: in plane, thinnest and thickest slice, mm."""

_LEAST_SHARE = 0.1
_FWHM_PER_SIGMA = 2.354820045
_CHUNK = 1 << 14


@dataclass(frozen=True)
class Samples:
    """Training voxels drawn once, from which the trees of every combination are fitted.

    Attributes
    ----------
    features
        Modality to (voxels, 1 + scales): its normalised value, then its local means; NaN in cases without it.
    asl
        (voxels,) ASL in mL/100 g/min, NaN in cases without it.
    target
        (voxels,) CBV in mL/100 g, each case voxel at most :data:`TARGET_LIMIT`.
    seed
        What the voxels were drawn with.
    cases
        The ids of the cases they were drawn from.
    """

    features: Mapping[str, np.ndarray]
    asl: np.ndarray
    target: np.ndarray
    seed: int
    cases: tuple[str, ...]


@dataclass
class TreeModel:
    """Trees fitted for exactly one combination; a :class:`~SynthPerfLib.synthesis.MapModel`.

    Attributes
    ----------
    name
        ``voxel_trees`` or ``context_trees``.
    modalities
        The combination.
    sha256
        Of the training data and the settings.
    """

    name: str
    modalities: tuple[str, ...]
    sha256: str
    regressor: HistGradientBoostingRegressor
    scales: tuple[float, ...]
    any_subset: bool = False

    def map(self, prepared: Prepared, modalities: Sequence[str]) -> Steps[sitk.Image]:
        """CBV in mL/100 g on the prepared grid, 0 outside the brain.

        Raises
        ------
        ModelError
            If ``modalities`` is not the combination it was fitted for, or the case lacks one of them.
        """
        _check_modalities(self.name, self.modalities, modalities, prepared)
        brain = _Brain.of(prepared)
        columns = []
        for number, modality in enumerate(self.modalities):
            yield Progress(0.5 * number / len(self.modalities), f"looking at {modality}")
            columns.append(brain.features(prepared, modality, self.scales))
        features = np.hstack(columns)
        predicted = np.empty(len(features), np.float32)
        for start in range(0, len(features), _CHUNK):
            yield Progress(0.5 + 0.5 * start / len(features), "applying the trees")
            predicted[start : start + _CHUNK] = self.regressor.predict(features[start : start + _CHUNK])
        return brain.image(np.maximum(predicted, 0.0), prepared)


@dataclass
class AslScaled:
    """ASL times one gain; a :class:`~SynthPerfLib.synthesis.MapModel`.

    Attributes
    ----------
    gain
        Least squares of CBV (mL/100 g) on ASL (mL/100 g/min) through the origin, in min.
    sha256
        Of the training data and the gain.
    """

    gain: float
    sha256: str
    name: str = "asl_scaled"
    modalities: tuple[str, ...] = ("ASL",)
    any_subset: bool = False

    def map(self, prepared: Prepared, modalities: Sequence[str]) -> Steps[sitk.Image]:
        """CBV in mL/100 g on the prepared grid, 0 outside the brain.

        Raises
        ------
        ModelError
            If ``modalities`` is not ASL, or the case has none.
        """
        _check_modalities(self.name, self.modalities, modalities, prepared)
        yield Progress(0.0, "scaling ASL")
        inside = sitk.GetArrayViewFromImage(prepared.brain) > 0
        values = np.where(inside, np.maximum(prepared.values("ASL"), 0.0) * self.gain, 0.0)
        return like(values.astype(np.float32), prepared.brain)


def sample(training: Iterable[Prepared], count: int, seed: int, voxels: int = VOXELS) -> Steps[Samples]:
    """Draw the training voxels of ``count`` cases (as many from each case), lesions more often than they occur.

    Parameters
    ----------
    training
        Prepared cases with a real CBV map; taken one at a time, so that they need not all be in memory.
    voxels
        Over all cases.

    Raises
    ------
    InputError
        If there is no case, or one has no CBV or an empty brain mask.
    """
    random = np.random.default_rng(seed)
    blocks: list[dict[str, np.ndarray]] = []
    ids: list[str] = []
    for prepared in training:
        yield Progress(min(1.0, len(ids) / max(count, 1)), f"voxels of {prepared.id}")
        if "CBV" not in prepared.images:
            raise InputError(f"{prepared.id} has no real CBV map: trees cannot be fitted to it, leave it out.")
        brain = _Brain.of(prepared)
        chosen = _draw(prepared, brain, max(1, voxels // max(count, 1)), random)
        block = {"target": brain.values(np.clip(axial_array(prepared.images["CBV"]), 0.0, TARGET_LIMIT))[chosen]}
        absent = np.full((len(chosen), 1 + len(SURROUNDINGS_MM)), np.nan, np.float32)
        for modality in INPUTS:
            has = modality in prepared.images
            block[modality] = brain.features(prepared, modality, SURROUNDINGS_MM)[chosen] if has else absent
        has = "ASL" in prepared.images
        block["asl_native"] = brain.values(axial_array(prepared.images["ASL"]))[chosen] if has else absent[:, 0]
        blocks.append(block)
        ids.append(prepared.id)
    if not blocks:
        raise InputError("No training case was given: trees need cases with a real CBV map.")
    joined = {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}
    features = {modality: joined[modality] for modality in INPUTS}
    return Samples(features, joined["asl_native"], joined["target"].astype(np.float32), seed, tuple(ids))


def fit_samples(samples: Samples, modalities: Sequence[str], *, context: bool) -> TreeModel:
    """Fit the trees of one combination on the voxels of the cases that have all of it.

    Parameters
    ----------
    context
        With the local means at :data:`SURROUNDINGS_MM` (``context_trees``) or without (``voxel_trees``).

    Raises
    ------
    InputError
        If no training case has all of ``modalities``.
    """
    from sklearn.ensemble import HistGradientBoostingRegressor

    chosen = combination(modalities)
    scales = SURROUNDINGS_MM if context else ()
    features = np.hstack([samples.features[modality][:, : 1 + len(scales)] for modality in chosen])
    complete = np.isfinite(features).all(axis=1)
    if not complete.any():
        raise InputError(f"No training case has all of {'+'.join(chosen)}: choose another combination or other cases.")
    regressor = HistGradientBoostingRegressor(**BOOSTING, random_state=samples.seed)
    regressor.fit(features[complete], samples.target[complete])
    name = "context_trees" if context else "voxel_trees"
    digest = _digest(features[complete], samples.target[complete], {"name": name, "scales": scales, **BOOSTING})
    return TreeModel(name, chosen, digest, regressor, scales)


def fit_asl(samples: Samples) -> AslScaled:
    """Fit the one gain of :class:`AslScaled`.

    Raises
    ------
    InputError
        If no training case has ASL.
    """
    has = np.isfinite(samples.asl)
    asl, target = np.maximum(samples.asl[has], 0.0).astype(np.float64), samples.target[has].astype(np.float64)
    if not asl.any():
        raise InputError("No training case has ASL: the scaled ASL map cannot be fitted.")
    gain = float(asl @ target / (asl @ asl))
    return AslScaled(gain, _digest(asl, target, {"name": "asl_scaled"}))


def fit(training: Sequence[Prepared], modalities: Sequence[str], seed: int = 0, *, context: bool = True) -> TreeModel:
    """Trees of one combination from prepared cases: :func:`sample` and :func:`fit_samples` in one call."""
    chosen = combination(modalities)
    complete = [prepared for prepared in training if set(chosen) <= set(prepared.images)]
    return fit_samples(Job(sample(complete, len(complete), seed)).run(), chosen, context=context)


def fit_floors(
    training: Iterable[Prepared], count: int, combinations: Sequence[tuple[str, ...]], seed: int = 0
) -> Steps[list[TreeModel | AslScaled]]:
    """Every floor for every combination: voxel trees, context trees, scaled ASL (a combination that no training case
    has is left out).

    Parameters
    ----------
    training, count
        ``count`` prepared cases with a real CBV map, taken one at a time.
    """
    samples = yield from part(sample(training, count, seed), 0.0, 0.4)
    has = {m: np.isfinite(samples.features[m][:, 0]) for m in INPUTS}
    possible = [c for c in combinations if np.logical_and.reduce([has[m] for m in c]).any()]
    models: list[TreeModel | AslScaled] = []
    for number, (context, chosen) in enumerate((context, c) for context in (False, True) for c in possible):
        yield Progress(0.4 + 0.6 * number / (2 * len(possible)), f"fitting trees to {'+'.join(chosen)}")
        models.append(fit_samples(samples, chosen, context=context))
    if ("ASL",) in possible:
        models.append(fit_asl(samples))
    return models


@dataclass(frozen=True)
class _Brain:
    """The brain of a case on the working grid.

    Attributes
    ----------
    inside
        bool, (z, y, x) in axial order on the case's grid.
    share
        How much of each working voxel is brain, [0, 1].
    mask
        The working voxels that are used.
    """

    grid: WorkingGrid
    inside: np.ndarray
    share: np.ndarray
    mask: np.ndarray

    @classmethod
    def of(cls, prepared: Prepared) -> _Brain:
        grid = WorkingGrid.around(prepared.brain, *GRID_MM)
        inside = axial_array(prepared.brain) > 0
        share = grid.down(inside)
        return cls(grid, inside, share, share > _LEAST_SHARE)

    def values(self, values: np.ndarray) -> np.ndarray:
        """(used working voxels,): mean of case voxels (axial order), the brain's alone."""
        return self.grid.down(np.where(self.inside, values, 0))[self.mask] / self.share[self.mask]

    def features(self, prepared: Prepared, modality: str, scales: Sequence[float]) -> np.ndarray:
        """(used working voxels, 1 + scales): normalised value and its Gaussian means over the brain, widths in mm."""
        from scipy.ndimage import gaussian_filter

        sums = self.grid.down(normalise(axial_array(prepared.images[modality]), self.inside, modality))
        columns = [sums[self.mask] / self.share[self.mask]]
        for width in scales:
            sigma = [width / _FWHM_PER_SIGMA / step for step in self.grid.spacing]
            blurred, share = (gaussian_filter(v, sigma, mode="constant", truncate=2.5) for v in (sums, self.share))
            columns.append(blurred[self.mask] / share[self.mask])
        return np.stack(columns, axis=1)

    def image(self, values: np.ndarray, prepared: Prepared) -> sitk.Image:
        """Values of the used working voxels -> map on the case's grid, 0 outside the brain."""
        work = np.zeros(self.mask.shape, np.float32)
        work[self.mask] = values
        reached = self.grid.up(self.mask)
        spread = np.divide(self.grid.up(work), reached, out=np.zeros_like(reached), where=reached > 0)
        return self.grid.image(np.where(self.inside, spread, 0).astype(np.float32), prepared.brain)


def _draw(prepared: Prepared, brain: _Brain, count: int, random: np.random.Generator) -> np.ndarray:
    """Which working voxels to learn from: ``LESION_SHARE`` of them in lesions, the others anywhere, none twice."""
    total = int(brain.mask.sum())
    in_lesion = np.zeros(0, int)
    if prepared.lesion is not None:
        in_lesion = np.flatnonzero(brain.values(axial_array(prepared.lesion) > 0) > 0.5)
    wanted = min(len(in_lesion), round(LESION_SHARE * count))
    first = random.choice(in_lesion, wanted, replace=False)
    others = np.setdiff1d(np.arange(total), first)
    rest = random.choice(others, min(len(others), count - wanted), replace=False)
    return np.sort(np.concatenate([first, rest]))


def _check_modalities(name: str, own: tuple[str, ...], asked: Sequence[str], prepared: Prepared) -> None:
    if combination(asked) != own:
        raise ModelError(f"{name} was fitted for {'+'.join(own)} and takes nothing else: fit it for {'+'.join(asked)}.")
    missing = [modality for modality in own if modality not in prepared.images]
    if missing:
        raise ModelError(f"{prepared.id} has no {', '.join(missing)}, which {name} needs: choose another combination.")


def _digest(features: np.ndarray, target: np.ndarray, settings: Mapping[str, Any]) -> str:
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    digest.update(np.ascontiguousarray(features).tobytes())
    digest.update(np.ascontiguousarray(target).tobytes())
    return digest.hexdigest()
