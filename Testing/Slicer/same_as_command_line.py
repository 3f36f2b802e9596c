"""The map made in Slicer is the command line's, for images as scanners store them: straight, oblique, left-handed.

A head is written as NIfTI in each way; the command line (a process of its own) and the panel make its map, the panel
from the case folder and from what Slicer's own reader made of the files. Prints the largest difference of each.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import SimpleITK as sitk
import slicer
from digital_head import head, turned, write
from driving import click, open_panel, run, wait_until
from SynthPerfLib.desktop import nodes
from SynthPerfLib.desktop.dependencies import python
from SynthPerfLib.desktop.model_section import SHIPPED
from SynthPerfLib.resources import resource

NAMES = ("T1", "ASL", "ADC", "FLAIR")
WAYS = {
    "straight": (False, ()),
    "oblique": (True, ()),
    "left-handed": (False, NAMES),
    "both, mixed": (True, ("ASL", "ADC")),
}
TOLERANCE = 1e-4  # mL/100 g


def stored(image: sitk.Image, oblique: bool, left_handed: bool) -> sitk.Image:
    """``image``, its tissue turned with it if ``oblique``, its last axis reversed if ``left_handed``."""
    if left_handed:
        image = sitk.Flip(image, (False, False, True))
    return turned(image) if oblique else image


def by_command_line(case: Path, out: Path) -> sitk.Image:
    """The map that the command line makes."""
    words = ["-m", "SynthPerfLib", "synthesize", str(case), "--model", str(resource(SHIPPED)), "--out", str(out)]
    checkout = Path(__file__).resolve().parents[2]
    libraries = [str(checkout / "SynthPerf"), str(checkout / "SynthPerfReaderStudy"), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(libraries)}
    program = [python(), *words, "--device", "cpu"]
    done = subprocess.run(program, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (path,) = out.rglob("*_cbv.nii.gz")
    return sitk.ReadImage(str(path))


def by_panel(panel: Any) -> sitk.Image:
    """The map that the panel makes of what is chosen."""
    wait_until(lambda: not panel.runner.busy)
    assert len(panel.workspace.inputs) == len(NAMES), panel.ui.messageLabel.text
    click(panel.ui.applyButton)
    wait_until(lambda: not panel.runner.busy)
    assert panel.workspace.map is not None, panel.ui.messageLabel.text
    return nodes.to_image(panel.workspace.map)


def difference(one: sitk.Image, other: sitk.Image) -> float:
    """The largest difference, by place: a reader may have reversed the axis along which the slices are stacked."""
    a, b = (sitk.DICOMOrient(image, "LPS") for image in (one, other))
    assert np.allclose(a.GetOrigin(), b.GetOrigin(), atol=1e-3), "the maps lie in different places"
    assert np.allclose(a.GetDirection(), b.GetDirection(), atol=1e-6), "the maps are turned differently"
    assert sitk.GetArrayFromImage(b).max() > 1.0, "the map is empty"
    return float(np.abs(sitk.GetArrayFromImage(a) - sitk.GetArrayFromImage(b)).max())


def main() -> bool:
    panel = open_panel()
    images = {name: image for name, image in head(seed=4).items() if name in NAMES}
    good = True
    for way, (oblique, left_handed) in WAYS.items():
        with tempfile.TemporaryDirectory() as place:
            turned = {name: stored(image, oblique, name in left_handed) for name, image in images.items()}
            case = write(turned, Path(place) / "cohort")
            expected = by_command_line(case.folder, Path(place) / "maps")
            panel.load_case(case.folder)
            found = {"case folder": difference(by_panel(panel), expected)}
            slicer.mrmlScene.Clear(False)
            for path in case.files.values():
                slicer.util.loadVolume(str(path))
            click(panel.ui.guessButton)
            found["Slicer's reader"] = difference(by_panel(panel), expected)
            slicer.mrmlScene.Clear(False)
        for source, value in found.items():
            good &= value < TOLERANCE
            print(f"{way:<12} {source:<16} largest difference {value:.2e} mL/100 g", flush=True)
    return good


run(main)
