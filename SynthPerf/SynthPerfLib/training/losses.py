"""What training minimises."""

from __future__ import annotations

import torch
from torch.nn import functional

from .recipe import Recipe

SSIM_RANGE = 10.0  # mL/100 g; the data range of the evaluation
_WINDOW = 7


def ssim_map(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Local structural similarity (uniform 7x7 window, sample covariance, K1 0.01, K2 0.03; Wang et al. 2004).

    Parameters
    ----------
    a, b
        (N, 1, H, W) in mL/100 g.

    Returns
    -------
    (N, 1, H - 6, W - 6)
    """
    count = _WINDOW * _WINDOW
    moments = functional.avg_pool2d(torch.cat([a, b, a * a, b * b, a * b], dim=1), _WINDOW, stride=1)
    mean_a, mean_b, aa, bb, ab = moments.split(1, dim=1)
    scale = count / (count - 1)
    var_a, var_b = scale * (aa - mean_a * mean_a), scale * (bb - mean_b * mean_b)
    covariance = scale * (ab - mean_a * mean_b)
    c1, c2 = (0.01 * SSIM_RANGE) ** 2, (0.03 * SSIM_RANGE) ** 2
    return ((2 * mean_a * mean_b + c1) * (2 * covariance + c2)) / (
        (mean_a * mean_a + mean_b * mean_b + c1) * (var_a + var_b + c2)
    )


def map_loss(
    map_: torch.Tensor, target: torch.Tensor, brain: torch.Tensor, lesion: torch.Tensor, recipe: Recipe
) -> torch.Tensor:
    """Absolute and squared error (lesions weighted) and 1 - SSIM, over the brain; each sample counts the same.

    The squared error, on maps cut at the top of the evaluation's range as PSNR is, keeps vessels and hot lesions from
    being given up as outliers, which the absolute error alone does.

    Parameters
    ----------
    map_, target
        (N, 1, H, W), mL/100 g.
    brain, lesion
        (N, 1, H, W), 0 or 1.
    """
    weight = brain * (1.0 + (recipe.lesion_weight - 1.0) * lesion)
    shown, real = (map_ * brain).clamp(max=SSIM_RANGE), target.clamp(max=SSIM_RANGE)
    error = _mean((map_ - target).abs(), weight) + recipe.squared_weight * _mean((shown - real).square(), weight)
    inside = brain[:, :, 3:-3, 3:-3]
    similarity = _mean(ssim_map(shown, real), inside)
    return (error + recipe.ssim_weight * (1.0 - similarity)).mean()


def _mean(values: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Weighted mean of every sample, (N,)."""
    return (values * weight).sum(dim=(1, 2, 3)) / weight.sum(dim=(1, 2, 3)).clamp_min(1.0)
