"""Where the brain is: by fitting an atlas, or by HD-BET where that is installed."""

from __future__ import annotations

import itertools
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from ..images import like, resample, write_image
from ..jobs import Progress, Steps, part
from ..similarity import Field, coarse, physical
from .atlas import read_atlas
from .atlasfit import fit_atlas


@dataclass(frozen=True)
class BrainMask:
    """A brain mask and how it came about.

    Attributes
    ----------
    image
        uint8, 0 or 1, on the grid of the image it was found in.
    record
        Method and its numbers, for the sidecar.
    """

    image: sitk.Image
    record: dict[str, Any]


def find_brain(image: sitk.Image, modality: str) -> Steps[BrainMask]:
    """Find the brain in ``image`` (a whole head or a brain, any contrast).

    HD-BET is used for T1, T1C, T2 and FLAIR where its command is installed and works (its weights are there); else
    the atlas is fitted (:mod:`.atlasfit`). The record says which.
    """
    if shutil.which("hd-bet") and modality in ("T1", "T1C", "T2", "FLAIR"):
        yield Progress(0.1, "brain mask by HD-BET")
        found = _by_hd_bet(image)
        if found is not None:
            return found
    return (yield from _by_atlas(image, modality))


def _by_hd_bet(image: sitk.Image) -> BrainMask | None:
    """The mask of HD-BET 2 (Isensee et al. 2019), or None if its command fails."""
    with tempfile.TemporaryDirectory() as place:
        source, out = Path(place) / "head.nii.gz", Path(place) / "brain.nii.gz"
        write_image(image, source)
        options = ["-device", "cpu", "--disable_tta", "--save_bet_mask", "--no_bet_image"]
        done = subprocess.run(["hd-bet", "-i", str(source), "-o", str(out), *options], check=False, capture_output=True)
        mask = Path(place) / "brain_bet.nii.gz"
        if done.returncode != 0 or not mask.is_file():
            return None
        brain = sitk.GetArrayFromImage(sitk.ReadImage(str(mask))) > 0
    return BrainMask(like(brain.astype(np.uint8), image), {"method": "HD-BET"})


def _by_atlas(image: sitk.Image, modality: str) -> Steps[BrainMask]:
    """The brain of the atlas, carried along by its fit to the image."""
    atlas = read_atlas()
    fit = yield from part(fit_atlas(atlas, coarse(image, 4.0)), 0.0, 0.9, "brain mask by the atlas: ")
    yield Progress(0.9, "brain mask: carrying it over")
    depth = Field.of(atlas.depth)
    box = _box(image)
    places = physical(box, np.ones(box.GetSize()[::-1], bool))
    carried = np.nan_to_num(depth.at(fit(places)), nan=-10.0).reshape(box.GetSize()[::-1])
    brain = resample(like(carried.astype(np.float32), box), image, outside=-10.0) > 0
    record = {"method": "atlas fit", "image": modality, "explained": round(fit.explained, 3)}
    return BrainMask(sitk.Cast(brain, sitk.sitkUInt8), record)


def _box(image: sitk.Image) -> sitk.Image:
    """An empty grid of 3 mm around ``image``, along the patient's axes."""
    corners = [[0, n - 1] for n in image.GetSize()]
    points = np.array([image.TransformIndexToPhysicalPoint(index) for index in itertools.product(*corners)])
    low, high = points.min(axis=0) - 3.0, points.max(axis=0) + 3.0
    box = sitk.Image([int(n) for n in np.ceil((high - low) / 3.0) + 1], sitk.sitkUInt8)
    box.SetSpacing((3.0, 3.0, 3.0))
    box.SetOrigin(low.tolist())
    return box
