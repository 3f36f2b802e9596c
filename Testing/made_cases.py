"""Small cases and bundles for tests, made in a moment."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import SimpleITK as sitk
import torch
from SynthPerfLib.bundle import Bundle, write_bundle
from SynthPerfLib.images import like
from SynthPerfLib.networks import build
from SynthPerfLib.preprocessing import Prepared

NAMES = ("ASL", "T1", "T2", "ADC", "T1C")


def smooth_case(names: tuple[str, ...], seed: int = 1, size: tuple[int, int, int] = (60, 72, 10)) -> Prepared:
    """An ellipsoid with smooth grey levels, asymmetric in every direction; 2.5 x 2.5 x 6 mm."""
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(seed)
    reference = sitk.Image(size, sitk.sitkFloat32)
    reference.SetSpacing((2.5, 2.5, 6.0))
    reference.SetOrigin((-70.0, -85.0, -20.0))
    z, y, x = np.meshgrid(*(np.linspace(-1, 1, n) for n in size[::-1]), indexing="ij")
    inside = (x / 0.9) ** 2 + (y / 0.8) ** 2 + (z / 0.95) ** 2 < 1
    images = {}
    for name in names:
        values = gaussian_filter(rng.normal(size=inside.shape), (1, 3, 3)) * 8 + 1 + 0.3 * x
        scale = {"ADC": 900.0, "ASL": 50.0, "CBV": 3.0}.get(name, 300.0)
        images[name] = like((np.clip(values, 0.05, 4) * scale * inside).astype(np.float32), reference)
    return Prepared(
        f"sub-{seed:02d}", images, like(inside.astype(np.uint8), reference), None, {"flags": [], "inputs": {}}
    )


def a_bundle(folder: Path, network: str = "iedn", names: tuple[str, ...] = NAMES) -> Bundle:
    """A network with random weights whose maps differ everywhere."""
    torch.manual_seed(5)
    options = {"modalities": list(names), "slices": 3, "channels": [16, 16, 32], "context": 16}
    made = build(network, options)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
        made.get_parameter("decoder.head.bias").fill_(3.0)
    return write_bundle(
        folder,
        weights=made.state_dict(),
        network=network,
        options=options,
        modalities=names,
        any_subset=network == "iedn",
        grid={"in_plane_mm": 1.6, "thinnest_mm": 3.0, "thickest_mm": 8.0},
        about={"version": "0.0.1"},
    )
