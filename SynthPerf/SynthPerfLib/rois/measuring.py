"""What a region measures on a map, and tumour against white matter."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import SimpleITK as sitk

from ..errors import InputError
from .copying import copy_to
from .region import Roi


@dataclass(frozen=True)
class Measurement:
    """One region on one map, in the map's unit.

    Attributes
    ----------
    voxels, area, volume
        Count, mm2, mm3, on the map's own grid.
    mean, median, max
        Of the voxel values.
    p95
        95th percentile, interpolated linearly (type 7 of Hyndman and Fan 1996).
    sd
        Standard deviation with n - 1; None for one voxel.
    """

    roi: str
    map: str
    voxels: int
    area: float
    volume: float
    mean: float
    median: float
    p95: float
    max: float
    sd: float | None

    def payload(self) -> dict[str, Any]:
        """The numbers as a JSON object; area and volume carry their unit in the key, as in ``rois.csv``."""
        content = asdict(self)
        del content["roi"], content["map"]
        return {{"area": "area_mm2", "volume": "volume_mm3"}.get(key, key): value for key, value in content.items()}


def measure(roi: Roi, map: sitk.Image, name: str) -> Measurement:
    """Measure a region on a map; on another grid it is copied there first (:func:`copy_to`).

    Parameters
    ----------
    name
        The map's name, written with the numbers.
    """
    here = copy_to(roi, map, name)
    values = here.values(map)
    return Measurement(
        roi.name,
        name,
        here.count,
        here.area,
        here.volume,
        float(values.mean()),
        float(np.median(values)),
        float(np.percentile(values, 95)),
        float(values.max()),
        float(values.std(ddof=1)) if here.count > 1 else None,
    )


def mean_of_means(measurements: Iterable[Measurement]) -> float:
    """The mean of the regions' means: every region counts the same, whatever its size."""
    return float(np.mean([m.mean for m in measurements]))


def tumour_to_white_matter(tumour: Sequence[Measurement], nawm: Sequence[Measurement]) -> float | None:
    """T/WM ratio of Wang et al.: mean of the tumour regions' means over mean of the NAWM regions' means (three of each
    there). None without a region of either kind or where the white matter's mean is not above 0."""
    if not tumour or not nawm:
        return None
    reference = mean_of_means(nawm)
    return mean_of_means(tumour) / reference if reference > 0 else None


def burden(tumour: Iterable[Roi], map: sitk.Image, nawm_mean: float, threshold: float) -> float:
    """Fractional tumour burden: share of the tumour's voxels whose value exceeds ``threshold`` times the mean of the
    white matter (Hu et al. 2015). A voxel in two regions counts once.

    Raises
    ------
    InputError
        If ``nawm_mean`` is not above 0.
    """
    if not nawm_mean > 0:
        raise InputError(f"The mean of the white matter is {nawm_mean:g}: a burden needs one above 0.")
    here = [copy_to(roi, map) for roi in tumour]
    voxels = np.unique(np.concatenate([roi.voxels for roi in here]), axis=0)
    values = Roi("tumour", here[0].grid, voxels).values(map)
    return float(np.mean(values > threshold * nawm_mean))
