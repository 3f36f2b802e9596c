"""One digital patient to try things with, made where it is needed: nothing is downloaded."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from ..case import Case
from ..child import in_child, serve
from ..errors import SynthPerfError
from ..jobs import Steps
from .cohort import GENERATOR, make_cohort

_SEED = 8
_SPACING = (1.6, 1.6, 6.0)
_SERIES = ("ASL", "T1", "T2", "FLAIR", "ADC", "T1C", "CBV")


def sample_apart(store: Path, python: str) -> Steps[Case]:
    """The sample case; made in a child process if ``store`` has none yet.

    Parameters
    ----------
    store
        Folder in which it is kept.
    python
        As :func:`~SynthPerfLib.child.in_child`.

    Raises
    ------
    SynthPerfError
        As :func:`~SynthPerfLib.child.in_child`; also if ``store`` cannot be written to.
    """
    place = store / f"sample-{GENERATOR}"
    if not place.is_dir():
        try:
            store.mkdir(parents=True, exist_ok=True)
            work = Path(tempfile.mkdtemp(prefix=".making-", dir=store))
        except OSError as error:
            raise SynthPerfError(f"{store} cannot be written to: free some space there, or allow it.") from error
        try:
            yield from in_child(__name__, work, python)
            if not place.is_dir():
                (work / "cohort").replace(place)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    return Case.open(place / "sub-001")


def _work(folder: Path) -> Steps[dict[str, Any]]:
    yield from make_cohort(
        folder / "cohort", cases=1, seed=_SEED, spacing=_SPACING, modalities=_SERIES, test_share=0.0, coarse=True
    )
    return {}


if __name__ == "__main__":
    serve(Path(sys.argv[1]), lambda: _work(Path(sys.argv[1])))
