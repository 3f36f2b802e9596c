"""What an image shows, told by its names: a file's, a series' description, what a sidecar says."""

from __future__ import annotations

import re
from collections.abc import Sequence

# Words of a file or series name, first rule that fits. Word by word: "t1" must not be found in "t1map" or "post1".
_CONTRAST = r"(c|ce|gd|gad|gado|gadolinium|post|postcontrast|contrast|km|postgd|pc)"
_T1 = r"(t1|t1w|t1n|mprage|mpr|bravo|spgr|fspgr|tfl|vibe|mp2rage)"
RULES: dict[str, str] = {
    "BRAIN": r"\bbrain ?mask\b|\bbrain\b.*\bmask\b|\bbet\b.*\bmask\b",
    "LESION": r"\b(lesions?|tumou?r|seg|segmentation|roi)\b",
    "T1MAP": r"\bt1 ?map\b|\bt1mrf\b",
    "T2MAP": r"\bt2 ?map\b|\bt2mrf\b",
    "IVIM": r"\bivim\b",
    "ADC": r"\be?adc\b|\bapparent diffusion\b",
    "TMAX": r"\bt ?max\b",
    "CBV": r"\b[nr]?cbv\b",
    "ASL": r"\br?cbf\b|\b(pc|pc3d|3d)?p?asl\b",
    "FLAIR": r"\b(flair|t2f|t2flair|tirm|darkfluid|dark fluid)\b",
    "T1C": rf"\bt1w? ?{_CONTRAST}\b|\b{_T1}\b.*\b{_CONTRAST}\b|\b{_CONTRAST}\b.*\b{_T1}\b",
    "T1": rf"\b{_T1}\b",
    "T2": r"\b(t2|t2w|t2tse)\b",
}
"""Modality to the pattern of its words (:func:`words_of`); the first that fits decides."""

_NOT_WANTED = r"\b(localizer|localiser|scout|survey|swi|t2star|flow|calibration|m0|tof|mip|phase|mag)\b"


def recognise(names: Sequence[tuple[str, str]], *, contrast_agent: bool = False) -> tuple[str, str]:
    """The modality that names tell, and why.

    Parameters
    ----------
    names
        Pairs of a text and what it is ("file name"); the first that tells something decides.
    contrast_agent
        Whether a contrast agent is on record: then a T1 is a post-contrast T1.

    Returns
    -------
    tuple of str
        A word of :data:`~.modality.MODALITIES`, or nothing; and the reason in words.
    """
    where = [what for _, what in names]
    for text, what in names:
        words = words_of(text)
        if re.search(_NOT_WANTED, words):
            return "", f"not a kind of image that is used ({what})"
        for modality, rule in RULES.items():
            found = re.search(rule, words)
            if found and modality == "T1" and contrast_agent:
                return "T1C", "contrast agent on record"
            if found:
                return modality, f"'{found.group().strip()}' in the {what}"
    return "", f"no known word in its {' or '.join(where)}"


def words_of(text: str) -> str:
    """``text`` in lower case, words apart: at separators and where a small letter meets a capital."""
    text = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text).replace("+", " ")
    return re.sub(r"[^a-z0-9]+", " ", text.lower()).strip()
