"""Arterial spin labelling: from control minus label to cerebral blood flow.

Times in s, flow in mL/100 g/min. ``delay`` is BIDS' PostLabelingDelay: for (P)CASL from the end of labelling to the
readout, for PASL from the labelling pulse to the readout (TI). ``duration`` is the length of the bolus: the labelling
duration of (P)CASL, the bolus cut-off (TI1) of PASL.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .search import golden

KINDS = ("PCASL", "CASL", "PASL")

EFFICIENCY = {"PCASL": 0.85, "CASL": 0.68, "PASL": 0.98}
"""Labelling efficiency: PCASL and PASL from Alsop et al. 2015, CASL from Wang et al. 2005."""

BACKGROUND_PULSE = 0.95
"""What each inversion pulse of background suppression leaves of the label (Garcia et al. 2005)."""

BLOOD_T1 = {1.5: 1.35, 3.0: 1.65, 7.0: 2.1}
"""Field strength (T) to T1 of arterial blood, s (Alsop et al. 2015; 7 T: Zhang et al. 2013)."""

PARTITION = 0.9
"""Blood-brain partition coefficient, mL/g (Alsop et al. 2015)."""

TISSUE_T1 = 1.3
"""T1 of tissue, s, where the kinetic model and the recovery of M0 need one (Chappell et al. 2009)."""

ARRIVAL = (0.1, 4.0)
"""Where the arterial transit time may lie, s; never later than the last readout."""

_PER_MINUTE = 6000.0  # mL/g/s to mL/100 g/min
_MOST = 1000.0  # mL/100 g/min; what noise outside the brain may give is not carried into 1/T1'


@dataclass(frozen=True)
class Constants:
    """What the formulas take for granted: efficiency, T1 of blood and tissue (s), partition coefficient (mL/g)."""

    efficiency: float
    blood_t1: float = BLOOD_T1[3.0]
    tissue_t1: float = TISSUE_T1
    partition: float = PARTITION


def single_delay(
    difference: np.ndarray, m0: np.ndarray | float, kind: str, delay: np.ndarray | float, duration: float, c: Constants
) -> np.ndarray:
    """CBF of one delay by the formulas of the white paper (Alsop et al., Magn Reson Med 2015;73:102, eq. 1 and 2).

    (P)CASL: 6000 lambda dM exp(PLD / T1b) / (2 alpha T1b M0 (1 - exp(-tau / T1b)));
    PASL: 6000 lambda dM exp(TI / T1b) / (2 alpha TI1 M0).

    Parameters
    ----------
    difference
        Control minus label, any shape.
    m0
        Equilibrium signal of tissue in the same unit; a voxel where it is 0 gets 0.
    delay
        One for all voxels, or one for each (2D readout).
    """
    bolus = duration if kind == "PASL" else c.blood_t1 * (1 - np.exp(-duration / c.blood_t1))
    top = _PER_MINUTE * c.partition * np.asarray(difference, float) * np.exp(np.asarray(delay) / c.blood_t1)
    bottom = np.broadcast_to(2 * c.efficiency * bolus * np.asarray(m0, float), top.shape)
    return np.asarray(np.divide(top, bottom, out=np.zeros_like(top), where=bottom > 0))


def kinetic(
    kind: str,
    flow: np.ndarray,
    arrival: np.ndarray,
    delays: np.ndarray,
    durations: np.ndarray,
    c: Constants,
) -> np.ndarray:
    """Control minus label over M0 by the general kinetic model (Buxton et al., Magn Reson Med 1998;40:383).

    Parameters
    ----------
    flow
        mL/100 g/min, (voxel,).
    arrival
        Arterial transit time, s, (voxel,).
    delays, durations
        s, (delay,).

    Returns
    -------
    numpy.ndarray
        (voxel, delay).
    """
    f, arrived = np.asarray(flow, float)[:, None] / _PER_MINUTE, np.asarray(arrival, float)[:, None]
    rate = 1 / c.tissue_t1 + f / c.partition  # 1 / T1'
    amount = 2 * c.efficiency * f / c.partition
    if kind == "PASL":
        time = delays
        k = 1 / c.blood_t1 - rate
        reached = np.clip(time - arrived, 0, durations)
        # The bolus that is there, each part of it decayed as blood until it arrived and as tissue since.
        return np.asarray(amount * np.exp(-time * rate - k * arrived) * -np.expm1(-k * reached) / k)
    time = delays + durations
    reached = np.clip(time - arrived, 0, durations)
    since = np.maximum(time - arrived - durations, 0)
    return np.asarray(amount / rate * np.exp(-arrived / c.blood_t1 - since * rate) * -np.expm1(-reached * rate))


@dataclass(frozen=True)
class Flow:
    """Fit of several delays: CBF (mL/100 g/min), arterial transit time (s; 0 without flow), and the standard deviation
    of the residuals (n - 2 degrees of freedom) over M0, each (voxel,)."""

    cbf: np.ndarray
    arrival: np.ndarray
    residual: np.ndarray


def several_delays(
    difference: np.ndarray,
    m0: np.ndarray,
    kind: str,
    delays: np.ndarray,
    durations: np.ndarray,
    c: Constants,
    weights: np.ndarray | None = None,
) -> Flow:
    """CBF >= 0 and arterial transit time by least squares of :func:`kinetic`.

    For any transit time the flow is solved for (the model is linear in it but for the little that flow adds to 1/T1');
    the transit time is searched on a grid of 0.01 s over :data:`ARRIVAL` and then by golden sections.

    Parameters
    ----------
    difference
        Control minus label, (voxel, delay).
    m0
        (voxel,), above 0.
    delays, durations
        s, (delay,).
    weights
        Number of repeats of each delay, (delay,).
    """
    root = np.sqrt(np.ones(len(delays)) if weights is None else np.asarray(weights, float))
    y = np.asarray(difference, float) / np.asarray(m0, float)[:, None] * root
    latest = float(np.max(delays if kind == "PASL" else delays + durations))
    low, high = ARRIVAL[0], min(ARRIVAL[1], latest)
    grid = np.linspace(low, high, 1 + round((high - low) / 0.01))
    arrival, flow = np.empty(len(y)), np.full(len(y), 50.0)
    for _ in range(3):  # the flow that adds to 1/T1' is that of the round before, to 10 mL/100 g/min
        levels = np.maximum(10, 10 * np.round(flow / 10))
        for level in np.unique(levels):
            here = levels == level
            shapes = kinetic(kind, np.full(len(grid), level), grid, delays, durations, c) * root / level
            sizes = np.sum(shapes**2, axis=1)
            sizes = np.where(sizes > 0, sizes, np.inf)
            explained = np.maximum(y[here] @ shapes.T, 0)
            best = (explained**2 / sizes).argmax(axis=1)
            arrival[here] = grid[best]
            flow[here] = np.clip(explained[np.arange(len(best)), best] / sizes[best], 1e-3, _MOST)

    def solved(at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Flow and sum of squares at these transit times, 1/T1' taken from the flow known so far."""
        shape = kinetic(kind, flow, at, delays, durations, c) / flow[:, None] * root
        size = np.einsum("ij,ij->i", shape, shape)
        best = np.maximum(np.einsum("ij,ij->i", shape, y), 0) / np.where(size > 0, size, np.inf)
        return best, np.sum((y - best[:, None] * shape) ** 2, axis=1)

    step = float(grid[1] - grid[0])
    for _ in range(4):
        arrival = golden(
            lambda at: solved(at)[1], np.maximum(arrival - step, low), np.minimum(arrival + step, high), 1e-6
        )
        cbf, misfit = solved(arrival)
        flow = np.clip(cbf, 1e-3, _MOST)
    residual = np.sqrt(misfit / max(1, len(delays) - 2))
    return Flow(cbf, np.where(cbf > 0, arrival, 0), residual)
