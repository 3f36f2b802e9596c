"""Patients and their lesions: who has recurrence, what a lesion is made of, and how far the two classes overlap.

Every distribution of the digital cohort that separates recurrence from treatment response, and every one that must
not, is in this file.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from .anatomy import Head
from .fields import COARSE, head_field, refine, step, stream, tiled_field

RECURRENCE, TREATMENT = "recurrence", "treatment_response"

CBV_MEDIAN = {RECURRENCE: 5.5, TREATMENT: 2.2}
"""Median CBV of the enhancing part, mL/100 g."""
CBV_LOG_SD = 0.50
"""With the medians above an analytic AUC of 0.902: Phi(ln(5.5 / 2.2) / (0.50 sqrt 2)); blur, noise and motion cost the
measured map little of it."""
CBF_PER_CBV = 80 / 5.5
"""Blood flow that goes with a blood volume in lesions, per min (an inverse mean transit time)."""
CBF_LOG_SD = 0.22
ADC_MEAN = {RECURRENCE: 1.05, TREATMENT: 1.30}
"""Mean ADC of the enhancing part, 1e-3 mm2/s."""
ADC_SD = 0.25
ADC_CBV_CORRELATION = -0.45
"""Within a class: cells and vessels grow together."""
UPTAKE_CBV_CORRELATION = 0.40
"""Within a class; gadolinium uptake itself has one distribution for both."""
LATE_SHARE_DEEP, LATE_SHARE_OTHER = 0.42, 0.10
"""Lesions whose blood arrives too late for ASL: near the ventricles in deep white matter, and elsewhere."""
INTRAVASCULAR_SHARE = 0.10
"""Lesions that look hot on ASL because of a feeding vessel that is still full of labelled blood."""


@dataclass(frozen=True)
class Patient:
    """What is known before any image.

    Attributes
    ----------
    site
        Index into ``acquisition.SITES``.
    cbv_factor, asl_factor
        This patient's blood volume, and the calibration of the ASL scan, relative to the cohort.
    slow_side
        Side whose blood comes 0.55 s late because of a narrowed artery: 1 right, -1 left, 0 none.
    """

    case: int
    diagnosis: str
    split: str
    age: float
    sex: str
    site: int
    lesions: int
    cbv_factor: float
    asl_factor: float
    slow_side: int
    has_asl: bool


@dataclass
class Lesion:
    """One lesion; LPS mm in the upright head, native units.

    Attributes
    ----------
    cbv, cbf, adc
        Means of the enhancing part: mL/100 g, mL/100 g/min, 1e-3 mm2/s.
    necrosis
        Radius of the necrotic core relative to the lesion's; 0 = solid.
    delay
        Arrival of blood later than in the tissue around, s.
    intravascular
        Extra apparent flow from a feeding vessel, mL/100 g/min.
    uptake
        Gadolinium in the enhancing part, mmol/L.
    t1, t2
        Relaxation times of the enhancing part before contrast, ms.
    """

    label: int
    diagnosis: str
    centre: tuple[float, float, float]
    diameter: float
    cbv: float
    cbf: float
    adc: float
    uptake: float
    t1: float
    t2: float
    necrosis: float
    oedema_mm: float
    delay: float
    intravascular: float
    deep: bool
    cavity: bool
    bleed: bool

    def record(self) -> dict[str, object]:
        """JSON-able truth."""
        return asdict(self)


@dataclass
class Damage:
    """Lesions painted into a head; shares are over the voxels of the head.

    Attributes
    ----------
    enhancing, necrosis, oedema
        Share of each voxel, one array for each lesion.
    cavity, bleed
        Resection cavities and calcified or haemorrhagic spots, all lesions together.
    uneven
        Relative perfusion inside the enhancing part of each lesion, mean one.
    """

    lesions: list[Lesion]
    enhancing: list[np.ndarray]
    necrosis: list[np.ndarray]
    oedema: list[np.ndarray]
    uneven: list[np.ndarray]
    cavity: np.ndarray
    bleed: np.ndarray


def draw_patient(seed: int, case: int, test_share: float) -> Patient:
    """Draw patient ``case`` (1, 2, ...); classes and splits are balanced in every eight patients, in random order."""
    block, place = divmod(case - 1, 8)
    order = stream(seed, block, "diagnosis").permutation(8)
    slot = int(order[place])
    diagnosis = RECURRENCE if slot < 4 else TREATMENT
    rank = block * 4 + slot % 4  # counts the patients of this class
    offset = float(stream(seed, 0, f"split of {diagnosis}").uniform())
    is_test = np.floor((rank + 1) * test_share + offset) > np.floor(rank * test_share + offset)
    rng = stream(seed, case, "patient")
    age = float(np.clip(rng.normal(58, 12), 25, 85))
    slow = rng.uniform() < 0.10 + 0.10 * (age > 65)
    return Patient(
        case=case,
        diagnosis=diagnosis,
        split="test" if is_test else "train",
        age=round(age, 1),
        sex="FM"[int(rng.integers(2))],
        site=int(rng.choice(4, p=(0.35, 0.3, 0.2, 0.15))),
        lesions=int(rng.choice((1, 2, 3), p=(0.75, 0.18, 0.07))),
        cbv_factor=float(rng.lognormal(0, 0.12)),
        asl_factor=float(rng.lognormal(0, 0.10)),
        slow_side=int(rng.choice((-1, 1))) if slow else 0,
        has_asl=bool(rng.uniform() >= 0.25),
    )


def _draw_lesion(
    rng: np.random.Generator, label: int, diagnosis: str, centre: tuple[float, float, float], deep: bool
) -> Lesion:
    diameter = float(np.clip(rng.lognormal(np.log(21), 0.42), 8, 45))
    vessels = rng.standard_normal()
    cells = ADC_CBV_CORRELATION * vessels + np.sqrt(1 - ADC_CBV_CORRELATION**2) * rng.standard_normal()
    leak = UPTAKE_CBV_CORRELATION * vessels + np.sqrt(1 - UPTAKE_CBV_CORRELATION**2) * rng.standard_normal()
    cbv = CBV_MEDIAN[diagnosis] * float(np.exp(CBV_LOG_SD * vessels))
    late = rng.uniform() < (LATE_SHARE_DEEP if deep else LATE_SHARE_OTHER)
    hot = rng.uniform() < INTRAVASCULAR_SHARE
    return Lesion(
        label=label,
        diagnosis=diagnosis,
        centre=centre,
        diameter=diameter,
        cbv=cbv,
        cbf=CBF_PER_CBV * cbv * float(rng.lognormal(0, CBF_LOG_SD)),
        adc=float(np.clip(ADC_MEAN[diagnosis] + ADC_SD * cells, 0.5, 2.2)),
        uptake=float(np.clip(0.30 * np.exp(0.40 * leak), 0.08, 1.2)),
        t1=float(np.clip(rng.normal(1450, 170), 1000, 2000)),
        t2=float(np.clip(rng.normal(118, 18), 75, 180)),
        necrosis=float(rng.uniform(0.45, 0.8)) if diameter > 14 and rng.uniform() < 0.55 else 0.0,
        oedema_mm=float(rng.uniform(2, 20)),
        delay=float(rng.uniform(1.0, 2.0) if late else rng.normal(0, 0.12)),
        intravascular=float(rng.uniform(25, 60)) if hot else 0.0,
        deep=deep,
        cavity=bool(label == 1 and diameter > 12 and rng.uniform() < 0.3),
        bleed=bool(rng.uniform() < 0.25),
    )


def add_lesions(head: Head, patient: Patient, seed: int) -> Damage:
    """Place the patient's lesions in white matter, deep or at the junction, and paint what belongs to them.

    The tissue shares of ``head`` are reduced where the lesions lie.
    """
    rng = stream(seed, patient.case, "pathology")
    points = np.stack(head.points())
    tissue = head.tissue
    white = tissue["white"] + tissue["hyperintensity"]
    possible = (white + 0.3 * tissue["grey"] > 0.45) & (head.depth > 7) & (head.ventricle > 3)
    possible &= np.abs(points[2] - 18) < 40  # above the tentorium, below the vertex
    damage = Damage([], [], [], [], [], np.zeros_like(white), np.zeros_like(white))
    texture = tiled_field(rng, 2.2)[head.inside]
    shape = refine(head_field(rng, 16, COARSE)).ravel()[head.inside]
    for label in range(1, patient.lesions + 1):
        wants_deep = rng.uniform() < 0.33
        deep_zone = possible & (head.ventricle < 14) & (head.depth > 16)
        zone = np.flatnonzero(deep_zone if wants_deep and deep_zone.any() else possible & (head.ventricle > 10))
        centre_at = int(zone[rng.integers(len(zone))])
        x, y, z = (float(p) for p in points[:, centre_at])
        lesion = _draw_lesion(rng, label, patient.diagnosis, (x, y, z), wants_deep)
        _paint(damage, lesion, head, points, texture, shape, rng)
        distance = np.linalg.norm(points - points[:, centre_at, None], axis=0)
        possible &= distance > 0.5 * lesion.diameter + 25  # lesions keep apart
    return damage


def _paint(
    damage: Damage,
    lesion: Lesion,
    head: Head,
    points: np.ndarray,
    texture: np.ndarray,
    shape: np.ndarray,
    rng: np.random.Generator,
) -> None:
    """Add one lesion: irregular, uneven, ring or solid, with oedema along the white matter."""
    n = len(head.inside)
    radius = lesion.diameter / 2
    reach = radius * 1.6 + lesion.oedema_mm * 1.8 + 6
    offset = points - np.array(lesion.centre, np.float32)[:, None]
    near = np.flatnonzero(np.max(np.abs(offset), axis=0) < reach)
    turn = np.linalg.qr(rng.standard_normal((3, 3)))[0] * rng.uniform(0.85, 1.2, (3, 1))
    distance = np.linalg.norm(turn.astype(np.float32) @ offset[:, near], axis=0)
    rough, bumps = texture[near], shape[near]
    tissue = {name: values[near] for name, values in head.tissue.items()}
    parenchyma = tissue["grey"] + tissue["deep_grey"] + tissue["white"] + tissue["hyperintensity"]
    room = head.brain[near] * step(parenchyma - 0.25, 0.5) * step(head.depth[near] - 1, 2.0)

    level = radius - distance + 0.22 * radius * bumps + 0.9 * rough  # mm inside the surface
    body = step(level, 2.0) * room
    enhancing, necrosis, oedema = np.zeros((3, n), np.float32)
    core = np.zeros_like(body)
    if lesion.necrosis:
        core = step(lesion.necrosis * radius - distance + 0.16 * radius * bumps - 1.2 * rough, 2.0) * body
    hole = np.zeros_like(body)
    if lesion.cavity:
        direction = rng.standard_normal(3)
        middle = direction / np.linalg.norm(direction) * radius * 0.9
        size = rng.uniform(0.6, 1.0) * radius
        hole = step(size - np.linalg.norm(offset[:, near] - middle[:, None], axis=0) + 0.2 * size * bumps, 2.0)
        hole = hole * step(head.depth[near] - 1, 2.0) * head.brain[near]
    spot = np.zeros_like(body)
    if lesion.bleed:
        place = offset[:, near] - rng.uniform(-0.6, 0.6, (3, 1)) * radius
        spot = step(rng.uniform(1.8, 3.5) - np.linalg.norm(place, axis=0) + 0.5 * rough, 1.5) * room
    enhancing[near] = (body - core) * (1 - hole) * (1 - spot)
    necrosis[near] = core * (1 - hole) * (1 - spot)
    spread = step(radius + lesion.oedema_mm * (1 + 0.45 * bumps) - distance + 1.5 * rough, 5.0)
    swollen = spread * np.clip(tissue["white"] + tissue["hyperintensity"] + 0.25 * tissue["grey"], 0, 1)
    oedema[near] = swollen * step(head.depth[near] - 1, 2.0) * (1 - body) * (1 - hole) * (1 - spot)
    left = 1 - enhancing[near] - necrosis[near] - oedema[near] - hole - spot
    head.shares[:, near] *= np.maximum(left, 0)
    for values in (damage.cavity, damage.bleed, *damage.enhancing, *damage.necrosis, *damage.oedema):
        values[near] *= np.maximum(left, 0)
    damage.cavity[near] += hole * (1 - spot)
    damage.bleed[near] += spot
    uneven = np.ones(n, np.float32)
    uneven[near] = np.exp(0.28 * rough + 0.18 * bumps)
    uneven /= np.average(uneven[near], weights=enhancing[near] + 1e-6)
    damage.lesions.append(lesion)
    damage.enhancing.append(enhancing)
    damage.necrosis.append(necrosis)
    damage.oedema.append(oedema)
    damage.uneven.append(uneven)
