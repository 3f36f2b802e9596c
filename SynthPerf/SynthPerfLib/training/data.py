"""Training slices: prepared cases on the working grid, and what is drawn from them at a given step.

The draw depends on (seed, step, place in the batch) alone, so that a run taken up after a kill, or spread over several
devices, sees the same samples.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..case import Case
from ..errors import InputError
from ..images import written_whole
from ..jobs import Progress, Steps
from ..preprocessing import Prepared, load_prepared, normalise
from ..working_grid import WorkingGrid, axial_array
from .recipe import Recipe


@dataclass(frozen=True)
class WorkingCase:
    """One case on the working grid; arrays (z, y, x), half precision where they are images."""

    id: str
    inputs: Mapping[str, np.ndarray]
    target: np.ndarray
    brain: np.ndarray
    lesion: np.ndarray


def on_working_grid(prepared: Prepared, recipe: Recipe) -> WorkingCase:
    """Normalise a prepared case and bring it to the recipe's grid.

    Raises
    ------
    InputError
        If the case has no CBV map to learn from, or none of the inputs.
    """
    if "CBV" not in prepared.images:
        raise InputError(f"{prepared.id} has no CBV map: it cannot be trained or validated on.")
    names = [name for name in recipe.modalities if name in prepared.images]
    if not names:
        raise InputError(f"{prepared.id} has none of the inputs {', '.join(recipe.modalities)}.")
    grid = WorkingGrid.around(prepared.brain, recipe.in_plane_mm, recipe.thinnest_mm, recipe.thickest_mm)
    brain = axial_array(prepared.brain) > 0
    inputs = {n: grid.down(normalise(axial_array(prepared.images[n]), brain, n)).astype(np.float16) for n in names}
    small_brain = grid.down(brain) > 0.5
    target = np.clip(grid.down(axial_array(prepared.images["CBV"]) * brain), 0.0, None) * small_brain
    lesion = np.zeros(grid.shape, bool)
    if prepared.lesion is not None:
        lesion = grid.down(axial_array(prepared.lesion) > 0) > 0.5
    return WorkingCase(prepared.id, inputs, target.astype(np.float16), small_brain, lesion & small_brain)


def load_working_cases(cases: Sequence[Case], recipe: Recipe, cache: Path) -> Steps[list[WorkingCase]]:
    """Read cases onto the working grid, through a cache so that a run taken up again starts at once."""
    result = []
    for done, case in enumerate(cases):
        yield Progress(done / len(cases), f"reading {case.id}")
        if "CBV" in case.files and case.is_relative("CBV"):
            raise InputError(
                f"The CBV map of {case.id} is relative, not in mL/100 g: leave the case out of the cohort."
            )
        key = [str(case.folder), f"{recipe.in_plane_mm} {recipe.thinnest_mm} {recipe.thickest_mm} {recipe.modalities}"]
        key += [f"{name} {path.stat().st_size} {path.stat().st_mtime_ns}" for name, path in sorted(case.files.items())]
        file = cache / f"{case.id}-{hashlib.sha256(' '.join(key).encode()).hexdigest()[:12]}.npz"
        if not file.is_file():
            _store(on_working_grid(load_prepared(case), recipe), file)
        result.append(_restore(case.id, file))
    return result


def _store(case: WorkingCase, file: Path) -> None:
    with written_whole(file) as temporary, temporary.open("wb") as stream:
        arrays = {f"input_{name}": values for name, values in case.inputs.items()}
        np.savez(stream, target=case.target, brain=case.brain, lesion=case.lesion, **arrays)  # type: ignore[arg-type]


def _restore(name: str, file: Path) -> WorkingCase:
    with np.load(file, allow_pickle=False) as stored:
        inputs = {key.removeprefix("input_"): stored[key] for key in stored.files if key.startswith("input_")}
        return WorkingCase(name, inputs, stored["target"], stored["brain"], stored["lesion"])


@dataclass(frozen=True)
class Batch:
    """Slices of one step: inputs (N, slices, y, x), ``present`` (N,) by modality, target/brain/lesion (N, 1, y, x)."""

    inputs: dict[str, np.ndarray]
    present: dict[str, np.ndarray]
    target: np.ndarray
    brain: np.ndarray
    lesion: np.ndarray


class Sampler:
    """Draws training batches.

    Parameters
    ----------
    cases
        The training cases.
    slices
        Neighbouring slices a network sees.
    """

    def __init__(self, cases: Sequence[WorkingCase], recipe: Recipe, slices: int) -> None:
        self.recipe, self.slices = recipe, slices
        # A network for one fixed combination can learn only from cases that have all of it.
        self.cases = [c for c in cases if recipe.any_subset or set(recipe.modalities) <= set(c.inputs)]
        if not self.cases:
            raise InputError(f"No training case has all of {', '.join(recipe.modalities)}.")
        self._with_brain = [np.flatnonzero(c.brain.sum(axis=(1, 2)) > 50) for c in self.cases]
        self._with_lesion = [np.flatnonzero(c.lesion.sum(axis=(1, 2)) > 3) for c in self.cases]

    def batch(self, step: int, places: range) -> Batch:
        """The samples ``places`` of the batch of ``step``."""
        shared = np.random.default_rng([self.recipe.seed, step])
        kept = self._kept(shared)
        drawn = [self._draw(np.random.default_rng([self.recipe.seed, step, place]), kept) for place in places]
        inputs, target, brain, lesion = zip(*drawn, strict=True)
        names = [n for n in self.recipe.modalities if any(n in sample for sample in inputs)]
        empty = np.zeros((self.slices, *self.recipe.patch), np.float32)
        return Batch(
            {n: np.stack([sample.get(n, empty) for sample in inputs]) for n in names},
            {n: np.array([n in sample for sample in inputs]) for n in names},
            np.stack(target)[:, None],
            np.stack(brain)[:, None],
            np.stack(lesion)[:, None],
        )

    def _kept(self, rng: np.random.Generator) -> set[str]:
        recipe = self.recipe
        chances = rng.random(len(recipe.modalities))
        if not recipe.any_subset or rng.random() < recipe.full_share:
            return set(recipe.modalities)
        limits = [recipe.keep_asl if name == "ASL" else recipe.keep for name in recipe.modalities]
        return {n for n, chance, limit in zip(recipe.modalities, chances, limits, strict=True) if chance < limit}

    def _draw(
        self, rng: np.random.Generator, kept: set[str]
    ) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray, np.ndarray]:
        recipe = self.recipe
        index = int(rng.integers(len(self.cases)))
        case, lesions = self.cases[index], self._with_lesion[index]
        rows = lesions if len(lesions) and rng.random() < recipe.lesion_share else self._with_brain[index]
        z = int(rows[rng.integers(len(rows))])
        corner = [_corner(rng, have, want) for have, want in zip(case.brain.shape[1:], recipe.patch, strict=True)]
        flip = bool(rng.random() < 0.5)
        # A sample that has none of the modalities kept for this batch shows what it has.
        names = [n for n in recipe.modalities if n in case.inputs and n in kept] or list(case.inputs)
        stack = range(z - self.slices // 2, z + self.slices // 2 + 1)
        brain = np.stack([self._cut(case.brain, row, corner, flip) for row in stack])
        inputs = {}
        for name in recipe.modalities:
            gain, offset = rng.normal(0.0, 1.0, 2)
            if name in names:
                values = np.stack([self._cut(case.inputs[name], row, corner, flip) for row in stack])
                offset = 0.0 if name in ("ASL", "ADC") else offset * recipe.offset_jitter
                inputs[name] = values * np.float32(np.exp(gain * recipe.gain_jitter)) + np.float32(offset) * brain
        target = np.minimum(self._cut(case.target, z, corner, flip), recipe.target_limit)
        return inputs, target, brain[self.slices // 2], self._cut(case.lesion, z, corner, flip)

    def _cut(self, volume: np.ndarray, z: int, corner: list[tuple[int, int]], flip: bool) -> np.ndarray:
        """One slice of the patch's size, zero outside the volume."""
        patch = np.zeros(self.recipe.patch, np.float32)
        if 0 <= z < len(volume):
            (y0, py), (x0, px) = corner
            piece = volume[z, y0 : y0 + patch.shape[0], x0 : x0 + patch.shape[1]]
            patch[py : py + piece.shape[0], px : px + piece.shape[1]] = piece
        return patch[:, ::-1] if flip else patch


def _corner(rng: np.random.Generator, have: int, want: int) -> tuple[int, int]:
    """(start in the volume, start in the patch) along one axis: a random cut, or the middle of a larger patch."""
    if have > want:
        return int(rng.integers(have - want + 1)), 0
    return 0, (want - have) // 2
