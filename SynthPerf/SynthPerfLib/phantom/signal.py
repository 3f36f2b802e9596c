"""From tissue to contrast: relaxation, diffusion and perfusion of every tissue, and what a sequence makes of them.

Values at 3 T, order of magnitude after Stanisz 2005 (relaxation) and Leenders 1990 (blood volume and flow); uptake of
contrast agent about five minutes after a single dose.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .anatomy import NORMAL_TISSUES, Head
from .fields import COARSE, head_field, refine, step, stream
from .pathology import Damage, Patient

RELAXIVITY = 4.5e-3
"""r1 of a gadolinium chelate, 1/(mmol/L)/ms."""

B_VALUES = (0, 50, 100, 150, 200, 300, 400, 600, 800, 1000)
"""s/mm2, the protocol of Wang et al. for IVIM to rCBV."""


@dataclass(frozen=True)
class Tissue:
    """One tissue: proton density (water = 1), T1 and T2 (ms), gadolinium (mmol/L), ADC (1e-3 mm2/s).

    CBV in mL/100 g, CBF in mL/100 g/min.
    """

    density: float
    t1: float
    t2: float
    gadolinium: float
    adc: float
    cbv: float
    cbf: float


TISSUES = {
    "grey": Tissue(0.82, 1450, 92, 0.015, 0.85, 4.3, 56),
    "deep_grey": Tissue(0.80, 1250, 78, 0.012, 0.78, 3.8, 50),
    "white": Tissue(0.70, 880, 70, 0.006, 0.74, 2.0, 21),
    "hyperintensity": Tissue(0.76, 1150, 115, 0.006, 1.10, 1.5, 14),
    "csf": Tissue(1.00, 4200, 1500, 0.004, 3.00, 0.0, 0),
    "choroid": Tissue(0.90, 2000, 250, 0.45, 2.00, 10.0, 60),
    "artery": Tissue(0.30, 1700, 60, 0.70, 1.50, 38.0, 150),
    "vein": Tissue(0.55, 1700, 45, 0.70, 1.50, 40.0, 45),
    "bone": Tissue(0.08, 900, 2, 0.0, 0.10, 0.1, 0),
    "marrow": Tissue(0.55, 420, 45, 0.01, 0.30, 0.6, 3),
    "fat": Tissue(0.70, 360, 68, 0.0, 0.10, 0.3, 1),
    "muscle": Tissue(0.75, 1350, 36, 0.04, 1.30, 1.4, 6),
    "skin": Tissue(0.70, 900, 40, 0.08, 0.90, 1.5, 8),
    "mucosa": Tissue(0.88, 1500, 130, 0.45, 1.60, 4.0, 20),
    "eye": Tissue(0.99, 3900, 900, 0.0, 2.80, 0.0, 0),
    "necrosis": Tissue(0.95, 2400, 320, 0.03, 2.10, 0.4, 3),
    "cavity": Tissue(1.00, 3800, 1100, 0.01, 2.80, 0.0, 0),
    "bleed": Tissue(0.35, 1100, 14, 0.02, 0.40, 0.3, 2),
}
OEDEMA = Tissue(0.80, 1280, 128, 0.015, 1.45, 1.6, 15)


@dataclass(frozen=True)
class Sequence:
    """A sequence's times in ms; ``inversion`` 0 = none; ``fat`` = share of fat signal that is left."""

    repetition: float
    echo: float
    inversion: float = 0.0
    fat: float = 1.0

    def signal(self, tissue: Tissue, contrast: float) -> float:
        """Magnitude of a spin echo, with inversion PD |1 - 2 exp(-TI/T1) + exp(-TR/T1)| exp(-TE/T2).

        Without inversion PD (1 - exp(-TR/T1)) exp(-TE/T2); ``contrast`` scales the gadolinium.
        """
        t1 = 1 / (1 / tissue.t1 + contrast * RELAXIVITY * tissue.gadolinium)
        if self.inversion:
            recovery = abs(1 - 2 * np.exp(-self.inversion / t1) + np.exp(-self.repetition / t1))
        else:
            recovery = 1 - np.exp(-self.repetition / t1)
        return float(tissue.density * recovery * np.exp(-self.echo / tissue.t2))


def _kept(arrival: np.ndarray, post_label_delay: float) -> np.ndarray:
    """Share of the flow that ASL still sees of blood arriving at ``arrival`` (s)."""
    return np.exp(-np.maximum(arrival - post_label_delay + 0.25, 0) / 0.8)


class Mixture:
    """All tissues of one patient with their shares of every voxel of the head; makes any map by linear mixing."""

    def __init__(self, head: Head, damage: Damage, patient: Patient, seed: int) -> None:
        self._head, self._damage, self._patient = head, damage, patient
        rows = [("cavity", TISSUES["cavity"], damage.cavity), ("bleed", TISSUES["bleed"], damage.bleed)]
        for i, lesion in enumerate(damage.lesions):
            own = Tissue(0.85, lesion.t1, lesion.t2, lesion.uptake, lesion.adc, lesion.cbv, lesion.cbf)
            rows += [
                ("lesion", own, damage.enhancing[i]),
                ("necrosis", TISSUES["necrosis"], damage.necrosis[i]),
                ("oedema", OEDEMA, damage.oedema[i]),
            ]
        self._names = [*NORMAL_TISSUES, *(name for name, _, _ in rows)]
        self._tissues = [*(TISSUES[name] for name in NORMAL_TISSUES), *(tissue for _, tissue, _ in rows)]
        self._sick = np.stack([share for _, _, share in rows])
        rng = stream(seed, patient.case, "flow")
        one, two, three = (refine(head_field(rng, 28, COARSE)).ravel()[head.inside] for _ in range(3))
        # regional blood volume and flow go together, but not all the way (correlation 0.7)
        self._volume_field = np.exp(0.13 * one)
        self._flow_field = np.exp(0.13 * (0.7 * one + 0.71 * two))
        side = refine(step(-patient.slow_side * COARSE.axes()[0] * np.ones(COARSE.shape, np.float32), 30.0))
        slow = 0.55 * side.ravel()[head.inside] if patient.slow_side else 0.0
        general = float(rng.normal(0.006 * (patient.age - 58), 0.10))
        self.arrival = np.clip(head.arrival + general + slow + 0.12 * three, 0.4, 4.0)
        self.general_delay = general

    def _mix(self, values: list[float]) -> np.ndarray:
        weights = np.array(values, np.float32)
        normal = len(NORMAL_TISSUES)
        return weights[:normal] @ self._head.shares + weights[normal:] @ self._sick

    def weighted(self, sequence: Sequence, contrast: float = 0.0) -> np.ndarray:
        """Signal of a structural sequence, before (``contrast`` 0) or after (1) the contrast agent."""
        values = []
        for name, tissue in zip(self._names, self._tissues, strict=True):
            fat = sequence.fat if name in ("fat", "marrow") else 1.0
            values.append(fat * sequence.signal(tissue, contrast))
        signal = self._mix(values)
        myelin = 0.5 if sequence.repetition < 2500 else -0.25  # the template's texture, inverted where T2 dominates
        signal *= 1 + myelin * self._head.texture
        for share, uneven in zip(self._damage.enhancing, self._damage.uneven, strict=True):
            patchy = np.clip(uneven, 0.5, 1.6) ** (0.5 if contrast else 0.2) - 1
            signal *= 1 + share * patchy
        return signal

    def matter(self) -> np.ndarray:
        """Share of each voxel that is not air."""
        return self._mix([1.0] * len(self._tissues))

    def relaxation(self, which: str) -> np.ndarray:
        """T1 or T2 map (``which`` = "t1" or "t2"), ms; nothing where there is no water."""
        return self._mix([getattr(t, which) if t.density > 0.1 else 0.0 for t in self._tissues])

    def diffusion(self) -> np.ndarray:
        """ADC, 1e-6 mm2/s."""
        adc = self._mix([1000 * t.adc for t in self._tissues])
        for share, uneven in zip(self._damage.enhancing, self._damage.uneven, strict=True):
            adc *= 1 - share * 0.25 * np.clip(uneven - 1, -0.8, 0.8)
        return adc

    def blood_volume(self) -> np.ndarray:
        """CBV, mL/100 g."""
        normal = [0.0 if name == "lesion" else t.cbv for name, t in zip(self._names, self._tissues, strict=True)]
        volume = self._mix(normal) * self._volume_field * np.float32(self._patient.cbv_factor)
        return volume + self._in_lesions([lesion.cbv for lesion in self._damage.lesions])

    def flow(self, post_label_delay: float) -> np.ndarray:
        """What ASL shows of CBF, mL/100 g/min.

        Of blood that comes late the label has decayed or has not arrived: flow is lost exponentially beyond
        ``post_label_delay`` (s). Labelled blood that is still in arteries counts as flow.
        """
        excluded = ("lesion", "artery")
        normal = [0.0 if name in excluded else t.cbf for name, t in zip(self._names, self._tissues, strict=True)]
        perfusion = self._mix(normal) * self._flow_field * _kept(self.arrival, post_label_delay)
        transit = step(self.arrival - 1.0, 1.2)
        vascular = self._head.tissue["artery"] * (40 + 380 * transit)
        lesions = [fact["shown_cbf"] for fact in self.lesion_flow(post_label_delay)]
        return (perfusion + vascular + self._in_lesions(lesions)) * np.float32(self._patient.asl_factor)

    def lesion_flow(self, post_label_delay: float) -> list[dict[str, float]]:
        """For each lesion the arrival time (s), the share of its flow that is kept, and the CBF that ASL shows."""
        facts = []
        for lesion, share in zip(self._damage.lesions, self._damage.enhancing, strict=True):
            arrival = float(np.average(self.arrival, weights=share + 1e-9)) + lesion.delay
            kept = float(_kept(np.array(arrival), post_label_delay))
            shown = kept * lesion.cbf + lesion.intravascular
            facts.append({"arrival_s": arrival, "kept": kept, "shown_cbf": shown})
        return facts

    def _in_lesions(self, means: list[float]) -> np.ndarray:
        total = np.zeros(len(self._head.inside), np.float32)
        for mean, share, uneven in zip(means, self._damage.enhancing, self._damage.uneven, strict=True):
            total += mean * share * uneven
        return total

    def ivim(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """S0 (arbitrary), perfusion fraction and tissue diffusion (1e-3 mm2/s).

        The fraction is the blood volume over the visible water, f = CBV / (100 water content) (Le Bihan and Turner
        1992), times 1.3 because IVIM also sees what a bolus does not.
        """
        base = self.weighted(Sequence(4100, 68, fat=0.1))
        fraction = np.clip(1.3 * self.blood_volume() / 78, 0, 0.45)
        return base, fraction, self.diffusion() / 1000
