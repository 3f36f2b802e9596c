"""Regions of interest: drawn on the acquisition plane, copied to every map in physical space, measured, checked.

Physical points are LPS in mm. A region is a set of voxels of one grid; nothing is interpolated.
"""

from .copying import copy_to
from .drawing import WANG_AREA, disc, free_hand, from_mask
from .grid import Grid
from .measuring import Measurement, burden, mean_of_means, measure, tumour_to_white_matter
from .region import Provenance, Roi
from .table import BURDENS, COLUMNS, COMMON, INDEPENDENT, LESION, NAWM, rows
from .white_matter import Surroundings, check_nawm

__all__ = [
    "BURDENS",
    "COLUMNS",
    "COMMON",
    "INDEPENDENT",
    "LESION",
    "NAWM",
    "WANG_AREA",
    "Grid",
    "Measurement",
    "Provenance",
    "Roi",
    "Surroundings",
    "burden",
    "check_nawm",
    "copy_to",
    "disc",
    "free_hand",
    "from_mask",
    "mean_of_means",
    "measure",
    "rows",
    "tumour_to_white_matter",
]
