"""Plain words for methods and analyses, and the last touch to numbers."""

from __future__ import annotations

import math

from SynthPerfLib.evaluation.report import number, p_value

MINUS = "\N{MINUS SIGN}"
NBSP = "\N{NO-BREAK SPACE}"

ANALYSES = {
    "agreement.icc": "Intraclass correlation (ICC)",
    "agreement.sem": "Standard error of measurement",
    "agreement.sdc": "Smallest detectable change",
    "agreement.rwg": "Within-group agreement (r_wg)",
    "agreement.awg": "Within-group agreement (a_wg)",
    "agreement.kappa": "Kappa",
    "agreement.gwet": "Gwet's AC1 and AC2",
    "agreement.krippendorff": "Krippendorff's alpha",
    "agreement.kendall_w": "Kendall's W",
    "agreement.percent": "Percent agreement",
    "roc.auc": "ROC area (AUC)",
    "roc.auc_difference": "Difference of the AUC of one reader",
    "roc.sensitivity": "Sensitivity",
    "roc.specificity": "Specificity",
    "roc.sensitivity_difference": "Difference of the sensitivity of one reader",
    "roc.specificity_difference": "Difference of the specificity of one reader",
    "mrmc.test": "Multi-reader test",
    "mrmc.auc": "AUC of the average reader",
    "mrmc.auc_difference": "Difference of the AUC of the average reader",
    "mrmc.component": "Variance components",
    "mrmc.sensitivity": "Sensitivity of the average reader",
    "mrmc.sensitivity_difference": "Difference of the sensitivity of the average reader",
    "mrmc.specificity": "Specificity of the average reader",
    "mrmc.specificity_difference": "Difference of the specificity of the average reader",
    "mrmc.noninferiority": "Non-inferiority",
    "comparison": "Comparison of the arms",
    "comparison.ordinal_mixed": "Ordinal mixed model",
    "bland_altman.percent": "Bland-Altman in per cent",
    "bland_altman.ratio": "Bland-Altman of the ratio",
    "paired": "Method comparison",
}

_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_COVARIANCES = {"jackknife": "jackknife", "delong": "DeLong", "unbiased": "unbiased"}
_MODELS = {
    "rrrc": "readers and cases random",
    "frrc": "readers fixed, cases random",
    "rrfc": "readers random, cases fixed",
}


def analysis_words(key: str) -> str:
    """What an analysis is called."""
    return ANALYSES.get(key, key.replace(".", ": ").replace("_", " "))


def mrmc_words(method: str) -> str:
    """What a method for several readers is called."""
    if method == "ustatistic":
        return "U-statistic (Gallas); readers and cases random"
    name, *rest = method.split("_")
    if name == "dbm":
        return f"Dorfman-Berbaum-Metz; {_MODELS[rest[0]]}"
    return f"Obuchowski-Rockette, {_COVARIANCES[rest[0]]}; {_MODELS[rest[1]]}"


def p_words(p: float) -> str:
    """``p = 0.012`` or ``p < 0.001``."""
    text = p_value(p)
    return f"p {text}".replace(" ", NBSP) if text.startswith("<") else f"p{NBSP}={NBSP}{text}"


def measured(value: float) -> str:
    """A measurement of unknown unit: three significant digits."""
    if value == 0:
        return "0"
    if 1e-4 <= abs(value) < 1e4:
        decimals = max(0, 2 - math.floor(math.log10(abs(value))))
        return number(value, decimals)
    mantissa, _, exponent = f"{value:.2e}".partition("e")
    return f"{mantissa} \N{MULTIPLICATION SIGN} 10{str(int(exponent)).translate(_RAISED)}".replace("-", MINUS)


def counted(count: int, one: str) -> str:
    """``1 reader``, ``5 readers``."""
    return f"{count:,} {one}{'' if count == 1 else 's'}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def mean_sd(mean: float, sd: float) -> str:
    """``4.05 ± 0.48``."""
    return f"{number(mean)} ± {number(sd)}"


def listed(words: list[str]) -> str:
    """``a, b and c``."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
