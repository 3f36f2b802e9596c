"""The check of a whole study: record, receipts, protocol, code book, stimuli."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from SynthPerfLib.errors import InputError
from SynthPerfLib.jobs import Progress, Steps, part

from .records import Receipt, Verification
from .study import Study


def verify_study(study: Study, receipts: Sequence[Receipt] = ()) -> Steps[Verification]:
    """Check that nothing of a study was changed since it was written; nothing is repaired.

    A reader's copy has no protocol and no code book; what it has is checked.

    Parameters
    ----------
    receipts
        Those of the reading sessions, whoever kept them.
    """
    with study.records() as log:
        found = yield from part(log.verify(receipts), 0.0, 0.6)
        shown: dict[str, tuple[int, str]] = {}
        if found.ok:
            for event in log.events():
                if event.stimulus and event.stimulus_sha256:
                    shown.setdefault(event.stimulus, (event.seq, event.stimulus_sha256))
    for words in _sealed(study):
        found.problem(0, words)
    if not (study.folder / "stimuli").is_dir():
        return found
    codes = sorted({row.stimulus for row in study.allocation.rows})
    for number, code in enumerate(codes):
        yield Progress(0.6 + 0.4 * number / len(codes), f"stimulus {number + 1} of {len(codes)}")
        try:
            stimulus = study.stimulus(code)
            for image in stimulus.images.values():
                image.load()
            stimulus.brain()
        except InputError as error:
            found.problem(0, str(error).partition(":")[0])
            continue
        seq, sha256 = shown.get(code, (0, stimulus.sha256))
        if sha256 != stimulus.sha256:
            found.problem(seq, f"stimulus {code} is not the one that was shown at event {seq}")
    return found


def _sealed(study: Study) -> Iterator[str]:
    """What is wrong with the parts that only the coordinator has."""
    if not (study.folder / "sealed").is_dir():
        return
    for look in (lambda: study.protocol, study.code_book):
        try:
            look()
        except InputError as error:
            yield str(error).partition(":")[0]
