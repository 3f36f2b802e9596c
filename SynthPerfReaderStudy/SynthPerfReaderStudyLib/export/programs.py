"""Files for the programs for MRMC analysis: iMRMC (FDA), MRMCaov (University of Iowa), RJafroc (Chakraborty).

What each reads was taken from its sources: iMRMC's ``InputFile.java`` and ``dfMRMC_example``, MRMCaov's ``VanDyke``,
RJafroc's ``DfReadDataFile``.
"""

from __future__ import annotations

from pathlib import Path

from SynthPerfLib.errors import InputError
from SynthPerfLib.images import written_whole

from ..libraries import WORKBOOK, require
from .scores import Scores, written
from .tables import write_csv

_TRUTH = "truth"  # iMRMC's reader and modality of the rows that hold the truth


def write_imrmc(scores: Scores, table: Path, file: Path) -> None:
    """Write the two files of iMRMC.

    ``table`` (``imrmc.csv``) is the data frame of the R package: columns readerID, caseID, modalityID, score; the truth
    first, as rows of the reader and the modality ``truth``. ``file`` (``imrmc.imrmc``) is the same for the Java
    application: its header says how many cases without (N0) and with (N1) the condition, readers (NR) and modalities
    (NM) there are, its data follow ``BEGIN DATA:`` without column names.

    Raises
    ------
    InputError
        If iMRMC would take a reader for the truth, or two names for one (it drops blanks and splits at commas).
    """
    names = {"reader": scores.readers, "case": scores.cases, "arm": scores.arms}
    for kind, members in names.items():
        seen: dict[str, str] = {}
        for name in members:
            short = "".join(name.split())
            if "," in name or short in (_TRUTH, "-1", ""):
                raise InputError(f"iMRMC does not accept the {kind} {name!r}: give it another name, without commas.")
            if short in seen:
                raise InputError(
                    f"iMRMC drops blanks, so it would take the {kind}s {seen[short]!r} and {name!r} for one."
                )
            seen[short] = name
    rows = [(_TRUTH, case, _TRUTH, str(scores.truth[case])) for case in scores.cases]
    rows += [(reader, case, arm, score) for reader, arm, case, score in _long(scores)]
    write_csv(table, ("readerID", "caseID", "modalityID", "score"), rows)
    counts = {
        "N0": sum(value == 0 for value in scores.truth.values()),
        "N1": sum(value == 1 for value in scores.truth.values()),
        "NR": len(scores.readers),
        "NM": len(scores.arms),
    }
    head = [f"Item {scores.item}", *(f"{name}: {count}" for name, count in counts.items()), "BEGIN DATA:"]
    with written_whole(file) as temporary:
        temporary.write_text("\n".join([*head, *map(",".join, rows)]) + "\n", encoding="utf-8")


def write_mrmcaov(scores: Scores, path: Path) -> None:
    """Write the data frame of MRMCaov: reader, treatment, case, truth (1 = with the condition), rating."""
    rows = [(reader, arm, case, str(scores.truth[case]), score) for reader, arm, case, score in _long(scores)]
    write_csv(path, ("reader", "treatment", "case", "truth", "rating"), rows)


def write_rjafroc(scores: Scores, workbook: Path, key: Path) -> list[str]:
    """Write the workbook of RJafroc for the ROC paradigm, and what its numbers stand for.

    ``DfReadDataFile`` wants whole numbers for cases (in its older form for readers, too), and it names arms and readers
    wrongly where their text order is not that of the sheet TRUTH; so all three are numbered from 1, the cases without
    the condition first, and ``key`` (columns kind, number, name) says which is which. Sheets: TRUTH (CaseID, LesionID
    0 or 1, Weight 0 or 1, the lists of readers and modalities, Paradigm ROC and FCTRL), FP (the ratings of cases
    without the condition), TP (those with it).

    Returns
    -------
    list of str
        The cases that were left out because a reader has not rated them in every arm: RJafroc takes complete data only.

    Raises
    ------
    InputError
        If what remains lacks cases with or without the condition.
    """
    require(*WORKBOOK)
    from openpyxl import Workbook

    cases = scores.complete_cases
    if {scores.truth[case] for case in cases} != {0, 1}:
        raise InputError(
            "RJafroc needs cases with and without the condition that every reader has rated in every arm, "
            "there are none: no workbook was written."
        )
    numbers = {
        "case": {name: number for number, name in enumerate(cases, 1)},
        "reader": {name: number for number, name in enumerate(scores.readers, 1)},
        "modality": {name: number for number, name in enumerate(scores.arms, 1)},
    }
    readers, arms = (",".join(map(str, numbers[kind].values())) for kind in ("reader", "modality"))
    book = Workbook()
    truth = book.active
    truth.title = "TRUTH"
    truth.append(["CaseID", "LesionID", "Weight", "ReaderID", "ModalityID", "Paradigm"])
    for case, number in numbers["case"].items():
        positive = scores.truth[case]
        truth.append([number, positive, positive, readers, arms, {1: "ROC", 2: "FCTRL"}.get(number)])
    false, true = book.create_sheet("FP"), book.create_sheet("TP")
    false.append(["ReaderID", "ModalityID", "CaseID", "FP_Rating"])
    true.append(["ReaderID", "ModalityID", "CaseID", "LesionID", "TP_Rating"])
    for arm, modality in numbers["modality"].items():
        for reader, reader_number in numbers["reader"].items():
            for case, number in numbers["case"].items():
                start, score = [reader_number, modality, number], scores.values[reader, arm, case]
                if scores.truth[case]:
                    true.append([*start, 1, score])
                else:
                    false.append([*start, score])
    with written_whole(workbook) as temporary:
        book.save(temporary)
    write_csv(
        key,
        ("kind", "number", "name"),
        [(kind, str(number), name) for kind, members in numbers.items() for name, number in members.items()],
    )
    return [case for case in scores.cases if case not in numbers["case"]]


def _long(scores: Scores) -> list[tuple[str, str, str, str]]:
    """Reader, arm, case, score; ordered so."""
    order = {case: place for place, case in enumerate(scores.cases)}
    cells = sorted(scores.values, key=lambda cell: (cell[0], cell[1], order[cell[2]]))
    return [(*cell, written(scores.values[cell])) for cell in cells]
