"""Grey values as the networks see them."""

from __future__ import annotations

import numpy as np

_STRUCTURAL = ("T1", "T2", "FLAIR", "T1C")
_SCALES: dict[str, tuple[float, float, float]] = {
    # unit of the table per unit of the network, lowest, highest
    "ADC": (1000.0, 0.0, 4.0),
    "ASL": (50.0, -0.5, 6.0),
}


def normalise(values: np.ndarray, brain: np.ndarray, modality: str) -> np.ndarray:
    """Bring an image to a scale that does not depend on the scanner's gain.

    Parameters
    ----------
    values
        (z, y, x) in the modality's unit (:mod:`~SynthPerfLib.modality`).
    brain
        bool, (z, y, x).
    modality
        An input modality. ADC and ASL keep their physical scale (1 is 1000e-6 mm2/s, or 50 mL/100 g/min, clipped to
        [0, 4] and [-0.5, 6]); the others are (x - median) / (95th - 5th percentile) * 2 of the brain, clipped to
        [-4, 8].

    Returns
    -------
    numpy.ndarray
        float32, (z, y, x), 0 outside the brain.

    Raises
    ------
    ValueError
        If the modality is not an input.
    """
    inside = values[brain].astype(np.float32)
    result = np.zeros(values.shape, np.float32)
    if modality in _SCALES:
        unit, low, high = _SCALES[modality]
        result[brain] = np.clip(inside / unit, low, high)
    elif modality in _STRUCTURAL:
        if inside.size:
            p5, median, p95 = np.percentile(inside, (5, 50, 95))
            spread = float(p95 - p5)
            if spread > 0:
                result[brain] = np.clip((inside - median) / spread * 2.0, -4.0, 8.0)
    else:
        raise ValueError(f"{modality} is not an input")
    return result
