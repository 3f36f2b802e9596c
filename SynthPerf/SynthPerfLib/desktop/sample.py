"""The simulated patient, in the scene."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import slicer

from ..jobs import Steps, part
from ..phantom.sample import sample_apart
from .dependencies import python
from .reading import read_case


def read_sample(scene: Any) -> Steps[dict[str, Any]]:
    """Make the simulated patient, the first time, and read it into ``scene``.

    Returns
    -------
    Modality to node.
    """
    case = yield from part(sample_apart(store(), python()), 0.0, 0.9, "simulating a patient: ")
    return (yield from part(read_case(case, scene), 0.9, 1.0))


def store() -> Path:
    """Where the patient is kept between sessions: Slicer's folder for sample data."""
    return Path(slicer.app.cachePath) / "SynthPerf"
