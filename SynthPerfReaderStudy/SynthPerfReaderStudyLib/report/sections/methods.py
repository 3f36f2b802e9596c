"""The methods text: every convention behind the numbers of this report, and what it takes to make it again."""

from __future__ import annotations

from collections.abc import Callable

from ...analysis.run import software
from ..blocks import Cell, Heading, Section, Table, Words, name_cell
from ..blocks import Row as Line
from ..context import Context
from ..found import Found


def methods(context: Context) -> Section:
    """Text for the methods part of a paper, software versions, hashes and the seed."""
    section = Section("Methods and conventions")
    section.blocks += [Words(text) for text in paragraphs(context)]
    section.blocks += [Heading("To make this report again"), _provenance(context)]
    return section


def paragraphs(context: Context) -> list[str]:
    """One paragraph for each family of methods that was used."""
    found, level = context.found, context.level
    chosen = [text for used, text in _texts(context) if used(found)]
    general = (
        f"All intervals are two-sided {level} % confidence intervals, all p values two-sided unless said otherwise, "
        "and not adjusted for the number of items, readers and methods unless an adjusted p is named. Missing and "
        "not assessable answers were left out, never filled in. Where a case was read more than once by a reader in "
        "an arm, the first read that has a value counts, except for the agreement of repeated reads."
    )
    last = (
        "Statistics were computed with SynthPerf, whose results are checked against published reference values (for "
        "example of R's pROC, MRMCaov, irr, irrCAC, ordinal, mcr). Every estimate of this report, and many more, stand "
        "in results.json and tables/."
    )
    return [general, *chosen, last]


def _texts(context: Context) -> list[tuple[Callable[[Found], bool], str]]:
    settings = context.done.settings
    thresholds = (
        "pre-specified thresholds where they are given ("
        + ", ".join(f"{context.names.item(item)}: {value:g}" for item, value in settings.thresholds.items())
        + "), otherwise "
        if settings.thresholds
        else ""
    )
    margin = (
        f" Non-inferiority of the AUC was tested with a margin of {settings.margin:g}: the new arm is not inferior if "
        f"the two-sided {context.level} % interval of new minus reference lies above minus the margin."
        if settings.margin is not None
        else ""
    )
    return [
        (
            lambda found: found.has("roc.auc"),
            "ROC curves are empirical; a higher score means more suspicion, ties count one half. A reader's AUC has "
            "DeLong's variance and a normal interval cut at 0 and 1, and beside it a percentile interval of 2,000 "
            "bootstrap samples drawn within each class; two AUCs of the same cases were compared by DeLong's paired "
            f"test. Sensitivity, specificity and predictive values were taken at {thresholds}the threshold with the "
            "largest Youden index (midway between two observed scores, the lowest of equally good ones), with Wilson "
            "intervals; differences by the exact McNemar test with Tango's score interval.",
        ),
        (
            lambda found: found.has("mrmc.test"),
            "The average reader's AUC in the arms was compared by the method of Obuchowski and Rockette with "
            "jackknife covariances, readers and cases random, and Hillis' degrees of freedom; the interval of one "
            "arm's AUC uses that arm's data alone and is not cut at 1. The difference of the covariances Cov2 and "
            "Cov3 was set to 0 where it was negative; the variance components are reported as estimated. The same "
            "question was answered by DeLong and unbiased covariances, with readers or cases fixed, by the method of "
            "Dorfman, Berbaum and Metz, and by the "
            "U-statistics of Gallas." + margin,
        ),
        (
            lambda found: found.has("comparison"),
            "Scores of two arms were compared case by case, for each reader and for the mean of the readers who read "
            "the case in both arms: paired t test, and Wilcoxon's signed-rank test without the pairs that do not "
            "differ (exact without ties, otherwise normal with the variance corrected for ties and without "
            "continuity correction). Arms without a common case: Welch's and Student's t test and the Mann-Whitney "
            "test. From three arms on, Friedman's test with cases as blocks; p values of pairs of arms adjusted "
            "after Holm and after Benjamini and Hochberg.",
        ),
        (
            lambda found: bool(found.of("comparison", method="ordinal_mixed")),
            "Grades were also compared by an ordinal mixed model: cumulative logit link, arms as fixed effects, "
            "cases and readers as crossed random intercepts, Laplace approximation, Wald tests.",
        ),
        (
            lambda found: found.has("agreement.icc"),
            "Intraclass correlations: the six forms of Shrout and Fleiss with the F tests and intervals of McGraw "
            "and Wong 1996, on the cases that all readers rated. Smallest detectable change: 1.96 times the square "
            "root of 2 times the standard error of measurement.",
        ),
        (
            lambda found: found.has("agreement.rwg"),
            "Within-group agreement r_wg: uniform null distribution over all points of the scale (that of the "
            "protocol, else from the lowest to the highest observed), negative values set to 0, mean over the cases.",
        ),
        (
            lambda found: found.has("agreement.kappa"),
            "Kappa: Cohen for each pair of readers on their common cases, unweighted and with linear and quadratic "
            "weights by the distance of the observed values; Fleiss on the cases that all readers rated; Light as "
            "the mean of the pairs; intervals from the asymptotic standard error under the alternative. Gwet's AC1 "
            "and AC2: marginal shares of every rated case, agreement of the cases with two ratings or more. "
            "Krippendorff's alpha: all ratings that can be paired. Kendall's W: corrected for ties, complete cases. "
            "Categorical coefficients were computed up to 20 distinct values.",
        ),
        (
            lambda found: found.has("bland_altman"),
            "Two measurements: Bland-Altman differences first minus second, limits of agreement bias ± 1.96 SD with "
            "t intervals (standard error the square root of 3/n times SD; exact and bootstrap intervals in the "
            "tables), proportional bias as the regression of the difference on the mean. Regression of the second on "
            "the first: least squares; Deming with an error ratio of 1 and jackknife intervals; Passing-Bablok with "
            "slopes taken as angles. Pearson's r with Fisher's z interval, Spearman's rho, Lin's concordance "
            "coefficient with 1/n moments.",
        ),
        (
            lambda found: found.has("reading_time"),
            "Reading time is the time from the first sight of a case to its submission, without the time in which "
            "nothing was touched for longer than the protocol allows. Learning: least squares of the logarithm of "
            "the time on the number of the read; sessions: ratio of geometric means with Welch's interval.",
        ),
        (
            lambda found: found.has("blinding"),
            "Blinding was tested with the readers' guesses of the arm: Bang's and James' indices with normal "
            "intervals from the delta method, guesses taken as independent.",
        ),
    ]


def _provenance(context: Context) -> Table:
    done = context.done
    versions = ", ".join(f"{name} {version}" for name, version in software().items())
    lines = [("Software", versions), ("Seed of every random number", str(done.settings.seed))]
    study = done.facts.get("study")
    if study is not None:
        lines.append(("Study", study["id"]))
        lines.append(("Record", f"{study['log']['events']} events, last hash {study['log']['hash']}"))
    lines += [(f"SHA-256 of {name}", digest) for name, digest in done.inputs.items()]
    body: list[Line] = [[name_cell(words), Cell(text, row_head=True)] for words, text in lines]
    return Table("provenance", "Software, inputs, seed", [], body)
