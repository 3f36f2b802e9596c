"""How precisely IVIM parameters can be known at all: the Cramér-Rao lower bound."""

from __future__ import annotations

import numpy as np


def cramer_rao(
    b: np.ndarray,
    s0: np.ndarray | float,
    f: np.ndarray | float,
    d: np.ndarray | float,
    d_star: np.ndarray | float,
    sigma: np.ndarray | float,
) -> np.ndarray:
    """Least standard deviation that an unbiased estimate of each parameter can have.

    Square roots of the diagonal of sigma^2 (J'J)^-1, J the derivatives of the biexponential model. For Gaussian noise;
    for the Rician noise of magnitude images it holds while every volume's signal is above some 3 sigma.

    Parameters
    ----------
    b
        (volume,), s/mm2.
    s0, f, d, d_star
        Numbers or (voxel,); D and D* in mm2/s.
    sigma
        Standard deviation of the noise of one volume, in the unit of ``s0``.

    Returns
    -------
    numpy.ndarray
        (voxel, 4), or (4,) for numbers: S0, f, D, D*, in their units. Infinite where nothing can be known (D* for
        f = 0, D for f = 1).
    """
    s0, f, d, d_star, sigma = np.broadcast_arrays(s0, f, d, d_star, np.asarray(sigma, float))
    u, v = np.exp(-b * d[..., None]), np.exp(-b * d_star[..., None])
    amplitude, fraction = s0[..., None].astype(float), f[..., None]
    slopes = np.stack(
        [
            (1 - fraction) * u + fraction * v,
            amplitude * (v - u),
            -amplitude * (1 - fraction) * b * u,
            -amplitude * fraction * b * v,
        ],
        axis=-1,
    )
    # Each slope is brought to length 1 first: the parameters differ by six orders of magnitude.
    length = np.sqrt(np.sum(slopes**2, axis=-2))
    unit = slopes / np.where(length > 0, length, 1)[..., None, :]
    known = np.where(length > 0, 1.0, 0.0)
    information = np.swapaxes(unit, -1, -2) @ unit + (1 - known)[..., None] * np.eye(4)
    covariance = np.linalg.inv(information)
    spread = sigma[..., None] * np.sqrt(np.diagonal(covariance, axis1=-2, axis2=-1))
    return np.asarray(np.divide(spread, length, out=np.full_like(spread, np.inf), where=length > 0))
