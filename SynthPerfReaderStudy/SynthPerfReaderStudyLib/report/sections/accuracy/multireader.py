"""The multi-reader test by every method, and its variance components."""

from __future__ import annotations

from SynthPerfLib.evaluation.report import number, p_value

from ...blocks import Cell, Table, missing, name_cell
from ...blocks import Row as Line
from ...context import Context
from ...endpoint import AREA_METHODS
from ...found import cell_of
from ...words import mrmc_words


def methods(context: Context, item: str, arms: list[str]) -> Table:
    """The same question by every multi-reader method."""
    body: list[Line] = []
    for row in context.found.of("mrmc.test", item=item):
        line: list[Cell | str] = [name_cell(mrmc_words(row["method"]))]
        if row.get("statistic") is None:
            line += [missing(row.get("note") or "no test")] * 2
        else:
            letter = "F" if row.get("df2") is not None else "χ²"
            df = ", ".join(number(row[key], 0 if key == "df1" else 1) for key in ("df1", "df2") if key in row)
            line += [f"{letter}({df}) = {number(row['statistic'])}", p_value(row["p"])]
        if len(arms) == 2:
            found = context.found.pair("mrmc.auc_difference", row["method"], *arms, item=item, reader="average")
            line.append(missing("not computed") if found is None else cell_of(found, 3))
        body.append(line)
    head: list[Cell | str] = [Cell("Method", row_head=True), "Test of equal AUC", "p"]
    if len(arms) == 2:
        head.append(f"Difference ({context.level} % CI)")
    return Table(
        f"multireader_{context.slug(item)}",
        "The multi-reader test by every method (the first is the one that counts)",
        [head],
        body,
        ["Degrees of freedom after Hillis. The other methods show how far the answer depends on the method."],
    )


def components(context: Context, item: str) -> Table:
    """Obuchowski-Rockette variance components."""
    names = {
        "VarR": "readers",
        "VarTR": "arm by reader",
        "Cov1": "same reader, other arm",
        "Cov2": "other reader, same arm",
        "Cov3": "other reader, other arm",
        "Var": "error of one reader in one arm",
    }
    rows = [row for row in context.found.of("mrmc.component", method=AREA_METHODS[0]) if row.get("note") == item]
    body: list[Line] = [
        [
            name_cell(row["item"], below=names.get(row["item"], "")),
            f"{row['estimate']:.3e}".replace("-", "\N{MINUS SIGN}"),
        ]
        for row in rows
    ]
    if not body:
        body = [[name_cell("all"), missing(context.found.why("mrmc.component", item=item, method=AREA_METHODS[0]))]]
    return Table(
        f"components_{context.slug(item)}",
        "Variance components of the AUC",
        [[Cell("Component", row_head=True), "Variance or covariance"]],
        body,
        [
            "Obuchowski-Rockette with jackknife covariances; the numbers from which the size of the next study is "
            "planned."
        ],
    )
