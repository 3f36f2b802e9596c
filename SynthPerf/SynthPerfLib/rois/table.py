"""The table ``rois.csv``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import SimpleITK as sitk

from .measuring import burden, mean_of_means, measure
from .region import Roi

BURDENS = {"burden_above_1.0": 1.0, "burden_above_1.75": 1.75}
"""Column to normalised value above which a tumour voxel counts (Hu et al., AJNR 2015;36:2242)."""

COMMON, INDEPENDENT = "common", "independent"
"""Conditions: one region drawn once and copied to every map, or one drawn anew on each map. Together they keep the
variance of the regions and of the maps apart."""

COLUMNS = (
    "reader",
    "case",
    "arm",
    "repeat",
    "roi",
    "kind",
    "map",
    "drawn_on",
    "condition",
    "voxels",
    "area_mm2",
    "volume_mm3",
    "mean",
    "median",
    "p95",
    "max",
    "sd",
    "nawm_ratio",
    *BURDENS,
    "warnings",
)
"""Columns of ``rois.csv``: one row for each region on each map. Outside a study ``reader``, ``arm``, ``repeat`` stay
empty."""

LESION, NAWM = "lesion", "nawm"
"""Kinds of region. NAWM: normal-appearing white matter, the reference tissue."""


def rows(
    regions: Mapping[Roi, str],
    map: sitk.Image,
    name: str,
    condition: str = COMMON,
    warnings: Mapping[str, Sequence[str]] | None = None,
) -> list[dict[str, Any]]:
    """The rows of ``rois.csv`` (:data:`COLUMNS` from ``roi`` on) of one map.

    Parameters
    ----------
    regions
        Region to kind (:data:`LESION`, :data:`NAWM` or any other word), on any grid.
    name
        The map's name.
    condition
        :data:`COMMON` or :data:`INDEPENDENT`.
    warnings
        Region's name to sentences (:func:`.white_matter.check_nawm`).

    Returns
    -------
    list of dict
        ``nawm_ratio`` is the region's mean over the mean of the NAWM regions' means, so that the mean of the tumour
        regions' ratios is the T/WM of Wang et al.; the burdens are of tumour regions only. None where there is no white
        matter.
    """
    measured = {roi: measure(roi, map, name) for roi in regions}
    white = [measured[roi] for roi, kind in regions.items() if kind == NAWM]
    reference = mean_of_means(white) if white else 0.0
    table = []
    for roi, kind in regions.items():
        usable = reference > 0 and kind != NAWM
        burdens = {
            column: burden([roi], map, reference, threshold) if usable and kind == LESION else None
            for column, threshold in BURDENS.items()
        }
        table.append(
            {
                "roi": roi.name,
                "kind": kind,
                "map": name,
                "drawn_on": roi.provenance.drawn_on,
                "condition": condition,
                **measured[roi].payload(),
                "nawm_ratio": measured[roi].mean / reference if usable else None,
                **burdens,
                "warnings": " ".join((warnings or {}).get(roi.name, ())),
            }
        )
    return table
