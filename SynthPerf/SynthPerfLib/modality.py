"""The one table of images that SynthPerf knows: names, BIDS places, units, plausible values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .errors import InputError


@dataclass(frozen=True)
class Modality:
    """One kind of image.

    Attributes
    ----------
    name
        The word used everywhere: options, tables, panels, code.
    label
        The radiologist's words.
    folder, suffix
        Place in a BIDS subject: ``<folder>/sub-XXX_<suffix>.nii.gz``.
    unit
        Physical unit; empty where the scale is arbitrary.
    typical
        Range in which the median of the positive voxels inside the head of a real image lies (in ``unit``), or None
        where the scale is arbitrary. Outside it the unit is wrong.
    dimensions
        3 for a volume, 4 for a series.
    """

    name: str
    label: str
    folder: str
    suffix: str
    unit: str = ""
    typical: tuple[float, float] | None = None
    dimensions: int = 3


_TABLE = (
    Modality("ASL", "ASL cerebral blood flow", "perf", "cbf", "mL/100 g/min", (2.0, 200.0)),
    Modality("T1", "T1", "anat", "T1w"),
    Modality("T2", "T2", "anat", "T2w"),
    Modality("FLAIR", "FLAIR", "anat", "FLAIR"),
    Modality("ADC", "ADC", "dwi", "adc", "1e-6 mm2/s", (100.0, 4000.0)),
    Modality("T1C", "Post-contrast T1", "anat", "ce-gadolinium_T1w"),
    Modality("CBV", "Cerebral blood volume", "perf", "cbv", "mL/100 g", (0.2, 20.0)),
    Modality("TMAX", "Tmax", "perf", "tmax", "s", (0.0, 30.0)),
    Modality("IVIM", "IVIM diffusion series", "dwi", "dwi", dimensions=4),
    Modality("T1MAP", "T1 map", "anat", "T1map", "ms", (200.0, 5000.0)),
    Modality("T2MAP", "T2 map", "anat", "T2map", "ms", (10.0, 2500.0)),
    Modality("BRAIN", "Brain mask", "anat", "desc-brain_mask"),
    Modality("LESION", "Lesion mask", "anat", "desc-lesion_mask"),
)

MODALITIES: dict[str, Modality] = {m.name: m for m in _TABLE}
"""Every modality by name."""

INPUTS: tuple[str, ...] = ("ASL", "T1", "T2", "FLAIR", "ADC", "T1C")
"""What a CBV map is made from, in the order in which a combination is written."""

MASKS: tuple[str, ...] = ("BRAIN", "LESION")
"""Images that hold labels: resampled by nearest neighbour, never normalised."""


def combination(names: Iterable[str]) -> tuple[str, ...]:
    """Put input modalities in the written order, without repeats.

    Raises
    ------
    InputError
        If a name is not an input modality, or none is given.
    """
    wanted = {name.strip().upper() for name in names if name.strip()}
    unknown = sorted(wanted - set(INPUTS))
    if unknown:
        raise InputError(f"Unknown modality {', '.join(unknown)}: choose from {', '.join(INPUTS)}.")
    if not wanted:
        raise InputError(f"No modality given: choose at least one of {', '.join(INPUTS)}.")
    return tuple(name for name in INPUTS if name in wanted)
