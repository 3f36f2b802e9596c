"""A prepared cohort with every map that a shipped protocol needs, made in a moment."""

from __future__ import annotations

import shutil
from pathlib import Path

from SynthPerfLib.case import Case, sidecar_of
from SynthPerfLib.cohort import Cohort
from SynthPerfLib.images import read_image, write_image, write_json

BUNDLE = "iednsmall"


def cohort_with_maps(prepared: Path, out: Path) -> Path:
    """A copy of ``prepared`` with Tmax and synthetic maps: the real CBV, shifted and scaled, stands for all of them."""
    shutil.copytree(prepared, out)
    for case in Cohort.open(out).cases:
        cbv = read_image(case.file("CBV"))
        write_image(2.0 * cbv, Case.path_for(out, case.id, "TMAX"))
        for modality, factor in (("CBV", 1.1), ("TMAX", 2.2)):
            path = Case.path_for(out, case.id, modality, desc=BUNDLE)
            write_image(factor * cbv + 0.05, path)
            write_json(
                {"Description": "Synthetic map", "Units": "s" if modality == "TMAX" else "mL/100 g"}, sidecar_of(path)
            )
    return out
