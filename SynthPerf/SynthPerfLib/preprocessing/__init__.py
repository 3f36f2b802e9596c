"""From files as scanners write them to images that can be compared voxel by voxel: align, reslice, mask, normalise."""

from __future__ import annotations

from .alignment import Alignment, align
from .brainmask import BrainMask, find_brain
from .normalisation import normalise
from .prepare import Prepared, prepare
from .storage import as_prepared, is_prepared, load_prepared, prepare_cohort, write_prepared

__all__ = [
    "Alignment",
    "BrainMask",
    "Prepared",
    "align",
    "as_prepared",
    "find_brain",
    "is_prepared",
    "load_prepared",
    "normalise",
    "prepare",
    "prepare_cohort",
    "write_prepared",
]
