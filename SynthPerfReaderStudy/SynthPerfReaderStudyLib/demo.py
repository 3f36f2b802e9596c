"""The demonstration's reader study: a blinded study of its maps, and what its analysis would look like."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from SynthPerfLib.jobs import Progress, Steps, part

PROTOCOL = "wu2025_diagnosis"
READER = "R1"
_SEED = 20261127
_AUC = {"mri_asl": 0.76, "mri_synthetic_cbv": 0.87}  # of the readers of Wu et al. 2025


@dataclass(frozen=True)
class DemoStudy:
    """Folder of the study, which nobody has read yet, and the report on its rehearsal by simulated readers."""

    study: Path
    report: Path


def demo_study(prepared: Path, out: Path) -> Steps[DemoStudy]:
    """Make the study in ``out/study``, rehearse it in ``out/rehearsal``, analyse that in ``out/rehearsal-results``.

    A study that is there already is kept, with what was read in it.

    Parameters
    ----------
    prepared
        Cohort with synthetic maps of one model.
    """
    from .analysis import analyse_study, write_analysis
    from .rehearsal import Ability, rehearse
    from .report import write_report
    from .study import Study

    folder, rehearsal, results = out / "study", out / "rehearsal", out / "rehearsal-results"
    if not (folder / "study.yaml").is_file():
        yield from part(Study.create(PROTOCOL, prepared, folder, seed=_SEED), 0.0, 0.7, "blinding: ")
    if not (rehearsal / "study.yaml").is_file():
        steps = rehearse(Study.open(folder), rehearsal, seed=_SEED, ability=Ability(by_arm=_AUC))
        yield from part(steps, 0.7, 0.8, "rehearsal: ")
    done = yield from part(analyse_study(rehearsal, results), 0.8, 0.95, "analysis: ")
    write_analysis(done, results)
    yield Progress(0.95, "report")
    return DemoStudy(folder, write_report(done, results))
