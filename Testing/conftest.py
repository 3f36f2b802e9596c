"""What several tests need: a small cohort as files, and the same prepared. Made once, by the code under test."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from SynthPerfLib.cohort import Cohort
from SynthPerfLib.jobs import Job
from SynthPerfLib.phantom import make_cohort
from SynthPerfLib.preprocessing import prepare_cohort

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
