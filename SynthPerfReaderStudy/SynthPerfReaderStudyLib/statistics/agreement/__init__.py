"""Agreement between readers: intraclass correlation, chance-corrected coefficients, concordance, r_wg.

Ratings are arrays (cases, readers) with NaN where a reader gave no rating. Categories are the values that the caller
names, in rising order.
"""

from .bands import band
from .coefficients import (
    WEIGHTS,
    brennan_prediger,
    conger,
    counts,
    fleiss,
    fleiss_by_category,
    gwet,
    percent_agreement,
    share_unanimous,
    weight_matrix,
)
from .concordance import a_wg, kendall_w, r_wg, r_wg_j, r_wg_j_lindell
from .icc import icc, icc_one_way, measurement_error, two_way
from .kappa import cohen, crosstable, light
from .krippendorff import krippendorff

__all__ = [
    "WEIGHTS",
    "a_wg",
    "band",
    "brennan_prediger",
    "cohen",
    "conger",
    "counts",
    "crosstable",
    "fleiss",
    "fleiss_by_category",
    "gwet",
    "icc",
    "icc_one_way",
    "kendall_w",
    "krippendorff",
    "light",
    "measurement_error",
    "percent_agreement",
    "r_wg",
    "r_wg_j",
    "r_wg_j_lindell",
    "share_unanimous",
    "two_way",
    "weight_matrix",
]
