"""Where the brain is: by fitting an atlas, or by HD-BET where that is installed."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from ..images import like, resample, write_image
from ..jobs import Progress, Steps
from ..resources import resource
from ..similarity import Field, coarse, physical
from .atlasfit import fit_atlas

ATLAS = "Atlas/tpl-MNI152NLin2009aSym_res-2_"


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

    HD-BET is used for T1, T1C, T2 and FLAIR where its command is installed; else the atlas is fitted
    (:mod:`.atlasfit`).
    """
    if shutil.which("hd-bet") and modality in ("T1", "T1C", "T2", "FLAIR"):
        yield Progress(0.1, "brain mask by HD-BET")
        return _by_hd_bet(image)
    return (yield from _by_atlas(image, modality))


def _by_hd_bet(image: sitk.Image) -> BrainMask:
    with tempfile.TemporaryDirectory() as place:
        source, out = Path(place) / "head.nii.gz", Path(place) / "brain.nii.gz"
        write_image(image, source)
        command = ["hd-bet", "-i", str(source), "-o", str(out), "-device", "cpu", "--disable_tta", "--save_bet_mask"]
        subprocess.run(command, check=True, capture_output=True)
        mask = sitk.ReadImage(str(next(Path(place).glob("brain*bet*mask*.nii.gz"), out)), sitk.sitkUInt8)
    return BrainMask(like((sitk.GetArrayFromImage(mask) > 0).astype(np.uint8), image), {"method": "HD-BET"})


def _by_atlas(image: sitk.Image, modality: str) -> Steps[BrainMask]:
    """The mask of the atlas, carried along by its fit to the image."""
    from scipy.ndimage import distance_transform_edt

    yield Progress(0.1, "brain mask: fitting the atlas")
    atlas = sitk.ReadImage(str(resource(ATLAS + "T1w.nii.gz")), sitk.sitkFloat32)
    atlas_brain = sitk.ReadImage(str(resource(ATLAS + "desc-brain_mask.nii.gz")), sitk.sitkUInt8)
    fit = fit_atlas(atlas, atlas_brain, coarse(image, 2.0))
    yield Progress(0.8, "brain mask: carrying it over")
    inside = sitk.GetArrayFromImage(atlas_brain) > 0
    spacing = atlas_brain.GetSpacing()[::-1]
    # Half a voxel: the surface lies between the last voxel inside and the first outside.
    depth = distance_transform_edt(inside, sampling=spacing) - distance_transform_edt(~inside, sampling=spacing)
    surface = Field.of(like(depth.astype(np.float32), atlas_brain))
    box = _box(fit(physical(atlas_brain, inside)))
    places = physical(box, np.ones(box.GetSize()[::-1], bool))
    carried = np.nan_to_num(surface.at(fit.inverse(places)), nan=-10.0).reshape(box.GetSize()[::-1])
    brain = resample(like(carried.astype(np.float32), box), image, outside=-10.0) > 0
    record = {"method": "atlas fit", "image": modality, "explained": round(fit.explained, 3)}
    return BrainMask(sitk.Cast(brain, sitk.sitkUInt8), record)


def _box(points: np.ndarray) -> sitk.Image:
    """An empty grid of 3 mm around ``points``, along the patient's axes."""
    low, high = points.min(axis=0) - 9.0, points.max(axis=0) + 9.0
    box = sitk.Image([int(n) for n in np.ceil((high - low) / 3.0)], sitk.sitkUInt8)
    box.SetSpacing((3.0, 3.0, 3.0))
    box.SetOrigin(low.tolist())
    return box
