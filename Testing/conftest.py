"""What several tests need: a small cohort as files, and the same prepared. Made once, by the code under test."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import torch
from SynthPerfLib.cohort import Cohort
from SynthPerfLib.images import like
from SynthPerfLib.jobs import Job
from SynthPerfLib.phantom import make_cohort
from SynthPerfLib.preprocessing import Prepared, prepare_cohort

torch.set_num_threads(1)  # two threads on a busy machine wait for one another


@pytest.fixture(scope="session")
def cohort_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four phantom patients, every one with all inputs that its site makes; T1 of 2.5 x 2.5 x 5 mm."""
    folder = tmp_path_factory.mktemp("phantom") / "cohort"
    names = ("ASL", "T1", "T2", "FLAIR", "ADC", "T1C", "CBV")
    Job(make_cohort(folder, cases=4, seed=11, spacing=(2.5, 2.5, 5.0), modalities=names)).run()
    return folder


@pytest.fixture(scope="session")
def prepared_folder(cohort_folder: Path) -> Path:
    """The same, prepared."""
    folder = cohort_folder.parent / "prepared"
    Job(prepare_cohort(Cohort.open(cohort_folder), folder)).run()
    return folder


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
