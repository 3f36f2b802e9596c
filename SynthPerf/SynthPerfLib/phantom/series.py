"""The series of one visit: which are taken, on which grid, and what ends up in each file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

import numpy as np
import SimpleITK as sitk

from .acquisition import SITES, Pose, Scanner, Vector, make_grid, rician, shade, t1_grid, to_int16
from .anatomy import CENTRE, Head
from .fields import fine_field, stream
from .pathology import Damage, Patient
from .signal import B_VALUES, TISSUES, Mixture

SERIES = ("T1", "T2", "FLAIR", "ADC", "T1C", "ASL", "CBV", "IVIM", "T1MAP", "T2MAP")
"""What can be written, in the order of a visit."""

PSEUDODIFFUSION = 12.0
"""D* of blood in capillaries, 1e-3 mm2/s."""


@dataclass(frozen=True)
class Protocol:
    """Geometry of one series: voxel and field of view (mm, along x, y, z of the head), obliqueness, blur (FWHM, mm)."""

    voxel: Vector
    field_of_view: Vector
    oblique: bool = False
    blur: float = 0.0


PROTOCOLS = {
    "T2": Protocol((0.7, 0.7, 5.5), (201.6, 224.0, 159.5), True),
    "FLAIR": Protocol((0.9, 0.9, 5.0), (201.6, 230.4, 160.0), True),
    "ADC": Protocol((1.8, 1.8, 5.0), (216.0, 230.4, 155.0), False, 2.2),
    "ASL": Protocol((3.4, 3.4, 4.0), (217.6, 217.6, 160.0), False, 4.2),
    "CBV": Protocol((1.8, 1.8, 5.0), (216.0, 230.4, 155.0), False, 2.2),
    "IVIM": Protocol((2.0, 2.0, 5.0), (216.0, 232.0, 150.0), False, 2.4),
    "T1MAP": Protocol((1.0, 1.0, 5.0), (208.0, 232.0, 150.0)),
    "T2MAP": Protocol((1.0, 1.0, 5.0), (208.0, 232.0, 150.0)),
}


@dataclass(frozen=True)
class File:
    """What goes into one file: stored voxels, their grid, scale, sidecar."""

    stored: np.ndarray
    grid: sitk.Image
    slope: float = 1.0
    inter: float = 0.0
    sidecar: Mapping[str, object] = field(default_factory=dict)


class Visit:
    """One patient in one scanner; :meth:`take` makes a series, :meth:`masks` the truth on the T1 grid.

    Parameters
    ----------
    spacing
        T1 voxel along x, y, z of the head (mm); None is 1 mm. Other series are never finer in plane than the T1.
    """

    def __init__(
        self, head: Head, damage: Damage, mixture: Mixture, patient: Patient, seed: int, spacing: Vector | None
    ) -> None:
        self._head, self._damage, self._mixture = head, damage, mixture
        self._patient, self._seed, self._spacing = patient, seed, spacing
        self.site = SITES[patient.site]
        rng = stream(seed, patient.case, "visit")
        degrees = np.clip(rng.normal(0, (3.0, 2.5, 3.0)), -8, 8)
        shift = np.clip(rng.normal(0, (3.0, 5.0, 5.0)), -12, 12)
        self.pose = Pose(tuple(float(d) for d in degrees), tuple(float(s) for s in shift))  # type: ignore[arg-type]
        self._scanner = Scanner(self.pose)
        self._middle = CENTRE + shift
        self.motion = {"T1": Pose((0, 0, 0), (0, 0, 0))}
        moving = [name for name in SERIES if name != "T1"]
        for name in moving:
            self.motion[name] = Pose.draw(rng, rng.uniform(0, 0.4), rng.uniform(0, 0.6))
        if rng.uniform() < 0.15:
            for name in rng.choice(moving[:6], int(rng.integers(1, 3)), replace=False):
                self.motion[str(name)] = Pose.draw(rng, rng.uniform(2, 5), rng.uniform(2, 6))
        self.motion["T2MAP"] = self.motion["T1MAP"]  # one acquisition
        self.facts: dict[str, dict[str, object]] = {}
        middle = tuple(float(m) for m in self._middle + rng.normal(0, 2, 3) + (0, 0, 4))
        self.t1 = t1_grid(spacing, self.site, middle)  # type: ignore[arg-type]

    def _grid(self, name: str, rng: np.random.Generator) -> sitk.Image:
        """The grid of a series: slices sometimes miss the vertex or the base."""
        post_contrast = Protocol(self.site.t1c_voxel, (208.0, 236.4, 165.0), self.site.t1c_voxel[2] > 3)
        protocol = PROTOCOLS.get(name, post_contrast)
        floor = min(self._spacing) if self._spacing else 0.0
        x, y = (max(v, floor) for v in protocol.voxel[:2])
        z = max(protocol.voxel[2], floor)
        slices = round(protocol.field_of_view[2] / z)
        centre = self._middle + rng.normal(0, 1.5, 3) + (0, 0, 4.0)
        if rng.uniform() < 0.2:
            missed = int(rng.integers(1, 1 + max(1, round(18 / z))))
            slices -= missed
            centre[2] += 0.5 * missed * z * (1 if rng.uniform() < 0.5 else -1)
        tilt = (0.0, 0.0, 0.0)
        if protocol.oblique:
            tilt = (float(rng.choice((-1, 1)) * rng.uniform(5, 20)), float(rng.normal(0, 2)), float(rng.normal(0, 2)))
        size = (2 * round(protocol.field_of_view[0] / x / 2), 2 * round(protocol.field_of_view[1] / y / 2), slices)
        return make_grid(size, (x, y, z), self.site.slice_axes, tilt, tuple(float(c) for c in centre))  # type: ignore[arg-type]

    def take(self, name: str) -> File:
        """Scan one series of ``SERIES``. The same numbers come out whatever else is taken."""
        rng = stream(self._seed, self._patient.case, "series", name)
        grid = self.t1 if name == "T1" else self._grid("T1MAP" if name == "T2MAP" else name, self._grid_stream(name))
        facts: dict[str, object] = {"motion": asdict(self.motion[name])}
        self.facts[name] = facts
        if name in ("T1", "T2", "FLAIR", "T1C"):
            return self._structural(name, grid, rng, facts)
        return getattr(self, f"_{'map' if name in ('T1MAP', 'T2MAP') else name.lower()}")(name, grid, rng)

    def _grid_stream(self, name: str) -> np.random.Generator:
        return stream(self._seed, self._patient.case, "grid", "T1MAP" if name == "T2MAP" else name)

    def _scan(self, values: np.ndarray, name: str, grid: sitk.Image) -> np.ndarray:
        blur = PROTOCOLS[name].blur if name in PROTOCOLS else 0.0
        return self._scanner.scan(self._head.volume(values), grid, self.motion[name], blur)

    def _sidecar(self, name: str, **more: object) -> dict[str, object]:
        return {
            "Simulated": True,
            "Manufacturer": "SynthPerf digital cohort",
            "InstitutionName": f"Site {self.site.name}",
            "SeriesDescription": name,
            **more,
        }

    def _structural(self, name: str, grid: sitk.Image, rng: np.random.Generator, facts: dict[str, object]) -> File:
        site = self.site
        sequence = {"T1": site.t1, "T1C": site.t1c, "T2": site.t2, "FLAIR": site.flair}[name]
        signal = self._scan(self._mixture.weighted(sequence, 1.0 if name == "T1C" else 0.0), name, grid)
        coil = shade(rng, signal.shape, site.shading)
        facts["shading"] = {"min": float(coil.min()), "max": float(coil.max())}
        reference = sequence.signal(TISSUES["grey"], 0.0)
        scaled = signal * coil * np.float32(site.gain * rng.lognormal(0, 0.1) / reference)
        noisy = rician(rng, scaled, 0.022 * site.noise * site.gain)
        times = {
            "RepetitionTime": sequence.repetition / 1000,
            "EchoTime": sequence.echo / 1000,
            **({"InversionTime": sequence.inversion / 1000} if sequence.inversion else {}),
        }
        return File(to_int16(noisy), grid, sidecar=self._sidecar(name, Units="arbitrary", **times))

    def _covered(self, grid: sitk.Image, name: str) -> np.ndarray:
        """Where a scanner computes a map at all: there is signal."""
        return self._scanner.scan(self._head.volume(self._mixture.matter()), grid, self.motion[name]) > 0.5

    def _adc(self, name: str, grid: sitk.Image, rng: np.random.Generator) -> File:
        adc = self._scan(self._mixture.diffusion(), name, grid)
        adc += np.float32(28 * self.site.noise) * rng.standard_normal(adc.shape, dtype=np.float32)
        adc = np.maximum(adc, 0) * self._covered(grid, name)
        slope = 4000 / 4095
        more = {"Units": "1e-6 mm2/s", "RepetitionTime": 4.6, "EchoTime": 0.076}
        return File(to_int16(adc, slope), grid, slope, sidecar=self._sidecar(name, **more))

    def _asl(self, name: str, grid: sitk.Image, rng: np.random.Generator) -> File:
        flow = self._scan(self._mixture.flow(self.site.post_label_delay), name, grid)
        sigma = np.where(self._covered(grid, name), np.float32(4.5), np.float32(1.5)) * np.float32(self.site.noise)
        flow += sigma * fine_field(rng, flow.shape, 0.55)
        slope = 0.05
        more = {
            "Units": "mL/100 g/min",
            "ArterialSpinLabelingType": "PCASL",
            "PostLabelingDelay": self.site.post_label_delay,
            "LabelingDuration": 1.8,
        }
        return File(to_int16(flow, slope), grid, slope, sidecar=self._sidecar(name, **more))

    def _cbv(self, name: str, grid: sitk.Image, rng: np.random.Generator) -> File:
        volume = self._scan(self._mixture.blood_volume(), name, grid)
        volume += np.float32(0.26 * self.site.noise) * rng.standard_normal(volume.shape, dtype=np.float32)
        volume = np.maximum(volume, 0) * self._covered(grid, name)
        slope = 0.005
        more = {"Units": "mL/100 g", "RepetitionTime": 1.6, "EchoTime": 0.030}
        return File(to_int16(volume, slope), grid, slope, sidecar=self._sidecar(name, **more))

    def _ivim(self, name: str, grid: sitk.Image, rng: np.random.Generator) -> File:
        base, fraction, diffusion = (self._scan(m, name, grid) for m in self._mixture.ivim())
        base *= np.float32(1000 / 0.25)
        images = []
        for b in B_VALUES:
            decay = fraction * np.exp(-b * PSEUDODIFFUSION / 1000) + (1 - fraction) * np.exp(-b * diffusion / 1000)
            images.append(to_int16(rician(rng, base * decay.astype(np.float32), 11 * self.site.noise)))
        more = {"Units": "arbitrary", "RepetitionTime": 4.1, "EchoTime": 0.068}
        return File(np.stack(images), grid, sidecar=self._sidecar(name, **more))

    def _map(self, name: str, grid: sitk.Image, rng: np.random.Generator) -> File:
        which = "t1" if name == "T1MAP" else "t2"
        values = self._scan(self._mixture.relaxation(which), name, grid)
        values *= 1 + np.float32(0.03 * self.site.noise) * rng.standard_normal(values.shape, dtype=np.float32)
        values = np.maximum(values, 0) * self._covered(grid, name)
        return File(to_int16(values), grid, sidecar=self._sidecar(name, Units="ms"))

    def masks(self) -> tuple[np.ndarray, np.ndarray]:
        """Brain (0, 1) and lesion labels (0, 1..n; the enhancing part) on the T1 grid, uint8.

        A voxel belongs where half of it does; a lesion thinner than the slices keeps the voxels it fills most.
        """
        still = self.motion["T1"]
        brain = self._scanner.scan(self._head.volume(self._head.brain), self.t1, still) > 0.5
        labels = np.zeros(brain.shape, np.uint8)
        best = np.zeros(brain.shape, np.float32)
        for lesion, share in zip(self._damage.lesions, self._damage.enhancing, strict=True):
            here = self._scanner.scan(self._head.volume(share), self.t1, still)
            here *= brain
            threshold = min(0.5, 0.6 * float(here.max()))
            chosen = (here > threshold) & (here > best)
            labels[chosen] = lesion.label
            best[chosen] = here[chosen]
        return brain.astype(np.uint8), labels

    def lesion_truth(self) -> list[dict[str, object]]:
        """The lesions with their centre where the T1 shows it (LPS mm), and what ASL shows of them."""
        move = self.pose.transform()
        shown = self._mixture.lesion_flow(self.site.post_label_delay)
        rows = []
        for lesion, asl in zip(self._damage.lesions, shown, strict=True):
            row = lesion.record()
            row["centre"] = [float(c) for c in move.TransformPoint(lesion.centre)]
            rows.append(row | {"asl": asl})
        return rows
