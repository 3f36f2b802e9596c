"""Studies on tiny patients: an ellipsoid with a lesion on one side, made in milliseconds, for tests of the reading."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
import yaml
from SynthPerfLib.case import Case, sidecar_of
from SynthPerfLib.cohort import Cohort
from SynthPerfLib.images import write_image, write_json
from SynthPerfLib.jobs import Job
from SynthPerfReaderStudyLib.protocol import shipped_protocols
from SynthPerfReaderStudyLib.records import Clock
from SynthPerfReaderStudyLib.study import Study
from SynthPerfReaderStudyLib.view import Experience, Monitor, Setting

BUNDLE = "tinymodel"
SETTING = Setting("rehearsal", (Monitor(1600, 1200),), "dimmed", brightness=350.0, test_pattern=True)
EXPERIENCE = Experience(9, "neuroradiology", instructions_read=True)
LESION = (24.0, 0.0, 0.0)
"""Its centre in every patient: on the left (LPS)."""

_LEVELS = {"T1": (500, 300), "T2": (200, 450), "FLAIR": (200, 500), "T1C": (500, 900), "ADC": (800, 1100)}


class Calendar(Clock):
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = datetime(2031, 5, 4, 8, 0, tzinfo=timezone.utc)
        self.seconds = 1000.0

    def utc(self) -> datetime:
        return self.now

    def monotonic(self) -> float:
        return self.seconds

    def wait(self, seconds: float = 0.0, days: float = 0.0) -> None:
        self.now += timedelta(seconds=seconds, days=days)
        self.seconds += seconds + 86400 * days


def tiny_cohort(folder: Path, cases: int) -> Path:
    """A prepared cohort with synthetic maps; every other patient has a recurrence, with a higher CBV."""
    cohort = Cohort.create(folder, "tiny")
    size, spacing = (40, 44, 6), (4.0, 4.0, 6.0)
    k, j, i = np.meshgrid(*(np.arange(n) for n in size[::-1]), indexing="ij")
    x, y, z = ((n - (size[a] - 1) / 2) * spacing[a] for a, n in enumerate((i, j, k)))
    brain = (x / 66) ** 2 + (y / 78) ** 2 + (z / 60) ** 2 < 1
    lesion = (x - LESION[0]) ** 2 + (y - LESION[1]) ** 2 + (z - LESION[2]) ** 2 < 14**2
    grid = sitk.Image(size, sitk.sitkFloat32)
    grid.SetSpacing(spacing)
    grid.SetOrigin([-(n - 1) * s / 2 for n, s in zip(size, spacing, strict=True)])
    participants = {}
    for number in range(1, cases + 1):
        id = f"sub-Tiny{number:03d}"
        positive = number % 2 == 1
        participants[id] = {"diagnosis": "recurrence" if positive else "treatment_response", "split": "test"}
        noise = np.random.default_rng(number).normal(0, 0.05, brain.shape)

        def save(values: np.ndarray, modality: str, desc: str | None = None, id: str = id) -> Path:
            image = sitk.GetImageFromArray((values * brain).astype(np.float32))
            image.CopyInformation(grid)
            path = Case.path_for(folder, id, modality, desc)
            write_image(image, path)
            return path

        cbv = 2.0 + noise + lesion * ((4.0 if positive else 1.0) + 0.01 * number)
        for modality, (inside, ill) in _LEVELS.items():
            save(inside * (1 + noise) + lesion * (ill - inside), modality)
        save(brain.astype(float), "BRAIN")
        save(15 * cbv, "ASL")
        save(cbv, "CBV")
        synthetic = save(0.9 * cbv + 0.1, "CBV", BUNDLE)
        write_json({"Description": "Synthetic map", "Units": "mL/100 g"}, sidecar_of(synthetic))
    cohort.write_participants(participants)
    return folder


def changed_protocol(path: Path, name: str, **keys: Any) -> Path:
    """A shipped protocol with some keys replaced (None: left out), as a file."""
    content = yaml.safe_load(shipped_protocols()[name].read_text(encoding="utf-8"))
    for key, value in keys.items():
        if value is None:
            content.pop(key, None)
        else:
            content[key] = value
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return path


def tiny_study(protocol: str | Path, cohort: Path, out: Path, clock: Clock | None = None, **options: Any) -> Study:
    """A study of it, with the seed 5."""
    return Job(Study.create(protocol, cohort, out, seed=5, clock=clock, **options)).run()
