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
    """Slices of one step.

    ``inputs`` (N, slices, y, x) and ``present`` (V, N) by modality; target, brain, lesion (N, 1, y, x). A network for
    every subset sees, from some step on, two views of each sample: all that it has, and a random choice of that.
    """

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
        self._with_asl = [i for i, c in enumerate(self.cases) if "ASL" in c.inputs]
        self._with_brain = [np.flatnonzero(c.brain.sum(axis=(1, 2)) > 50) for c in self.cases]
        self._with_lesion = [np.flatnonzero(c.lesion.sum(axis=(1, 2)) > 3) for c in self.cases]

    def batch(self, step: int, places: range) -> Batch:
        """The samples ``places`` of the batch of ``step``."""
        drawn = [self._draw(np.random.default_rng([self.recipe.seed, step, place])) for place in places]
        inputs, kept, target, brain, lesion = zip(*drawn, strict=True)
        names = [n for n in self.recipe.modalities if any(n in sample for sample in inputs)]
        empty = np.zeros((self.slices, *self.recipe.patch), np.float32)
        subsets = self.recipe.any_subset and step >= self.recipe.subsets_from * self.recipe.steps
        views = (inputs, kept) if subsets else (inputs,)
        return Batch(
            {n: np.stack([sample.get(n, empty) for sample in inputs]) for n in names},
            {n: np.array([[n in sample for sample in view] for view in views]) for n in names},
            np.stack(target)[:, None],
            np.stack(brain)[:, None],
            np.stack(lesion)[:, None],
        )

    def _draw(
        self, rng: np.random.Generator
    ) -> tuple[dict[str, np.ndarray], set[str], np.ndarray, np.ndarray, np.ndarray]:
        """Inputs of one sample, those of them that its second view shows, target, brain, lesion."""
        recipe = self.recipe
        # Without ASL no input tells a lesion's blood volume: such samples are noise to all others, and are kept few.
        pool = self._with_asl if self._with_asl and rng.random() < recipe.keep_asl else range(len(self.cases))
        index = pool[int(rng.integers(len(pool)))]
        case, lesions = self.cases[index], self._with_lesion[index]
        rows = lesions if len(lesions) and rng.random() < recipe.lesion_share else self._with_brain[index]
        z = int(rows[rng.integers(len(rows))])
        corner = [_corner(rng, have, want) for have, want in zip(case.brain.shape[1:], recipe.patch, strict=True)]
        flip = bool(rng.random() < 0.5)
        stack = range(z - self.slices // 2, z + self.slices // 2 + 1)
        brain = np.stack([self._cut(case.brain, row, corner, flip) for row in stack])
        inputs = {}
        for name in recipe.modalities:
            gain, offset = rng.normal(0.0, 1.0, 2)
            if name in case.inputs:
                values = np.stack([self._cut(case.inputs[name], row, corner, flip) for row in stack])
                offset = 0.0 if name in ("ASL", "ADC") else offset * recipe.offset_jitter
                inputs[name] = values * np.float32(np.exp(gain * recipe.gain_jitter)) + np.float32(offset) * brain
        target = np.minimum(self._cut(case.target, z, corner, flip), recipe.target_limit)
        lesion = self._cut(case.lesion, z, corner, flip)
        return inputs, self._kept(rng, list(inputs)), target, brain[self.slices // 2], lesion

    def _kept(self, rng: np.random.Generator, names: list[str]) -> set[str]:
        """A choice of ``names``: ASL with its own chance, of the others any number alike; never nothing."""
        others = [name for name in names if name != "ASL"]
        number = int(rng.integers(len(others) + 1))
        kept = {others[i] for i in rng.permutation(len(others))[:number]}
        if "ASL" in names and (not kept or rng.random() < self.recipe.keep_asl):
            kept.add("ASL")
        return kept or set(names)

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
