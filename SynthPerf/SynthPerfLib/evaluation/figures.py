"""The report's figures, each as bytes; readable in print without colour."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from ..colours import DIFFERENCE, table
from .metrics import DATA_RANGE
from .picture import Picture
from .statistics import agreement
from .tables import Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

ACCENT = "#0b5cad"
"""The one accent colour: the first model."""

GREYS = ("#5a5a5a", "#b0b0b0", "#858585", "#d5d5d5")
HATCHES = ("", "///", "...", "xxx")
MARKERS = {
    "recurrence": ("o", "recurrence"),
    "treatment_response": ("^", "treatment response"),
    "n/a": ("s", "no diagnosis"),
}

MAP_COLOURS = "inferno"
DIFFERENCE_LIMIT = 5.0
"""mL/100 g; the difference bar runs from minus to plus this."""

_WIDTH = 12.0  # inches, shown 1160 px wide: 10 pt is then 13.4 px
_STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.titlesize": 10.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.hashsalt": "synthperf",
}


def box_plots(metrics: Sequence[Row], models: Sequence[str], combinations: Sequence[str]) -> bytes:
    """SSIM and PSNR of every case as boxes (median, quartiles, 1.5 x IQR whiskers), a group a combination; SVG."""
    height = max(2.6, 0.9 + len(combinations) * (0.17 * len(models) + 0.16))
    with _figure((_WIDTH, height)) as figure:
        panels = figure.subplots(1, 2, sharey=True)
        kinds = (("ssim", "SSIM (%)", 100), ("psnr", "PSNR (dB)", 1))
        for axes, (metric, unit, scale) in zip(panels, kinds, strict=True):
            for number, model in enumerate(models):
                shown = [
                    (place, [scale * row[metric] for row in metrics if _is(row, model, c) and row[metric] is not None])
                    for place, c in enumerate(combinations)
                ]
                shown = [(place, values) for place, values in shown if values]
                if not shown:
                    continue
                width = 0.8 / len(models)
                boxes = axes.boxplot(
                    [values for _, values in shown],
                    positions=[place + (number - (len(models) - 1) / 2) * width for place, _ in shown],
                    widths=0.8 * width,
                    orientation="horizontal",
                    patch_artist=True,
                    manage_ticks=False,
                    medianprops={"color": "white" if _is_dark(number) else "black", "linewidth": 1.6},
                    flierprops={"markersize": 3, "markeredgecolor": "#555555"},
                )
                for patch in boxes["boxes"]:
                    patch.set(facecolor=_fill(number), hatch=_hatch(number), edgecolor="black", linewidth=0.7)
            axes.set_xlabel(unit)
            axes.grid(axis="x", color="#dddddd", linewidth=0.7)
            axes.set_axisbelow(True)
        panels[0].set_yticks(range(len(combinations)), combinations)
        panels[0].set_ylim(len(combinations) - 0.5, -0.5)
        _model_legend(figure, models)
        return _bytes(figure, "svg")


def lesion_scatter(lesions: Sequence[Row], runs: Sequence[tuple[str, str]]) -> bytes:
    """Lesion means, map against real, a panel for each (model, combination), with identity and fitted line; SVG."""
    columns = len(runs) if len(runs) <= 4 else 3
    rows = -(-len(runs) // columns)
    side = _WIDTH / max(columns, 3)
    shown = [row for row in lesions if (row["model"], row["combination"]) in runs]
    limit = 1.05 * max(row[key] for row in shown for key in ("real", "map"))
    with _figure((side * columns, (side + 0.6) * rows)) as figure:
        panels = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
        for axes, run in zip(panels.flat, runs, strict=False):
            own = [row for row in lesions if (row["model"], row["combination"]) == run]
            for diagnosis, (marker, label) in MARKERS.items():
                points = np.array([(row["real"], row["map"]) for row in own if row["diagnosis"] == diagnosis])
                if len(points):
                    fill = ACCENT if diagnosis == "recurrence" else "none"
                    axes.scatter(
                        *points.T, s=26, marker=marker, facecolor=fill, edgecolor=ACCENT, label=label, zorder=3
                    )
            axes.plot([0, limit], [0, limit], color="#888888", linestyle=(0, (4, 3)), linewidth=1, label="identity")
            real, synthetic = np.array([(row["real"], row["map"]) for row in own]).T
            fit = agreement(list(real), list(synthetic))
            words = [f"n = {fit.n}"]
            if fit.slope is not None:
                ends = np.array([real.min(), real.max()])
                line = synthetic.mean() + fit.slope * (ends - real.mean())
                axes.plot(ends, line, color="black", linewidth=1.6, label="fit")
                words.append(f"slope {fit.slope:.2f}")
            if fit.r is not None:
                words.append(f"r {fit.r:.2f}")
            axes.tick_params(labelbottom=True)
            axes.set_title(f"{run[0]}\n{run[1]}\n{', '.join(words)}")
            axes.set(xlim=(0, limit), ylim=(0, limit), aspect="equal")
        for axes in panels.flat[len(runs) :]:
            axes.axis("off")
        handles, labels = panels.flat[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=len(labels), frameon=False)
        figure.supxlabel("Real CBV (mL/100 g)", fontsize=10)
        figure.supylabel("Map (mL/100 g)", fontsize=10)
        return _bytes(figure, "svg")


def case_picture(picture: Picture, used: Sequence[str], labels: dict[str, str]) -> bytes:
    """One case: its inputs above; synthetic, real and their difference below, with their bars; PNG.

    Parameters
    ----------
    used
        The modalities the map was made from; the others are marked.
    labels
        The radiologist's word for each modality.
    """
    rows, columns = picture.real.shape
    aspect = rows * picture.spacing[0] / (columns * picture.spacing[1])
    inputs = list(picture.inputs.items())
    across = _WIDTH - 2.2  # two bars and their labels stand at the right
    tops, bottoms = across / 6 * aspect, across / 3 * aspect
    with _figure((_WIDTH, tops + bottoms + 0.9), layout=None) as figure:
        height = tops + bottoms + 0.9

        def place(left: float, bottom: float, wide: float, tall: float) -> Axes:
            return figure.add_axes((left / _WIDTH, bottom / height, wide / _WIDTH, tall / height))

        for number, (name, values) in enumerate(inputs):
            axes = place(number * across / 6, bottoms + 0.4, across / 6 - 0.06, tops)
            inside = values[picture.real > 0] if (picture.real > 0).any() else values
            low, high = np.percentile(inside, [0.5, 99.5])
            low = min(0.0, float(low)) if name in ("ASL", "ADC") else float(values.min())
            _show(axes, values, picture, "gray", low, max(float(high), low + 1e-6))
            if picture.lesion.any():
                axes.contour(picture.lesion, levels=[0.5], colors="white", linewidths=0.7)
            axes.set_title(labels[name] + ("" if name in used else "\n(not used)"), fontsize=10, pad=4)
        difference = picture.synthetic - picture.real
        shown: list[tuple[str, np.ndarray, Colormap, float, float]] = [
            ("Synthetic CBV", picture.synthetic, _colours(MAP_COLOURS), *DATA_RANGE),
            ("Real CBV", picture.real, _colours(MAP_COLOURS), *DATA_RANGE),
            ("Synthetic \N{MINUS SIGN} real", difference, _colours(DIFFERENCE), -DIFFERENCE_LIMIT, DIFFERENCE_LIMIT),
        ]
        drawn = []
        for number, (title, values, colours, low, high) in enumerate(shown):
            axes = place(number * across / 3, 0.05, across / 3 - 0.06, bottoms)
            drawn.append(_show(axes, values, picture, colours, low, high))
            axes.set_title(title, fontsize=10.5, pad=4)
        for number, (image, title, extend) in enumerate(((drawn[1], "CBV", "max"), (drawn[2], "Difference", "both"))):
            axes = place(across + 0.2 + number * 1.05, 0.35, 0.2, bottoms - 0.75)
            bar = figure.colorbar(image, cax=axes, extend=extend)
            bar.ax.set_title(f"{title}\nmL/100 g", fontsize=10, loc="left")
        words = f"Axial\nz = {picture.position:.0f} mm"
        figure.text((across + 0.2) / _WIDTH, (bottoms + 0.4 + tops / 2) / height, words, fontsize=10)
        return _bytes(figure, "png")


def _show(axes: Axes, values: np.ndarray, picture: Picture, colours: Any, low: float, high: float) -> Any:
    image = axes.imshow(
        values,
        cmap=colours,
        vmin=low,
        vmax=high,
        aspect=picture.spacing[0] / picture.spacing[1],
        interpolation="nearest",
    )
    axes.axis("off")
    for x, y, across, along, letter in (
        (0.03, 0.5, "left", "center", "R"),
        (0.97, 0.5, "right", "center", "L"),
        (0.5, 0.97, "center", "top", "A"),
        (0.5, 0.03, "center", "bottom", "P"),
    ):
        axes.text(
            x,
            y,
            letter,
            transform=axes.transAxes,
            ha=across,
            va=along,
            color="white",
            fontsize=10,
            bbox={"facecolor": "black", "alpha": 0.55, "edgecolor": "none", "pad": 1.5},
        )
    return image


def _colours(name: str) -> Colormap:
    from matplotlib.colors import ListedColormap

    return ListedColormap(table(name) / 255, name)


def _model_legend(figure: Figure, models: Sequence[str]) -> None:
    from matplotlib.patches import Patch

    handles = [
        Patch(facecolor=_fill(n), hatch=_hatch(n), edgecolor="black", label=model) for n, model in enumerate(models)
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=min(6, len(models)), frameon=False)


def _fill(number: int) -> str:
    return ACCENT if number == 0 else GREYS[(number - 1) % len(GREYS)]


def _is_dark(number: int) -> bool:
    return number == 0 or _fill(number) == GREYS[0]


def _hatch(number: int) -> str:
    return "" if number == 0 else HATCHES[(number - 1) % len(HATCHES)]


def _is(row: Row, model: str, combination: str) -> bool:
    return row["model"] == model and row["combination"] == combination


@contextmanager
def _figure(size: tuple[float, float], layout: Any = "constrained") -> Iterator[Figure]:
    """A figure on no screen; it needs no display and leaves no global state."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with rc_context(_STYLE):
        figure = Figure(figsize=size, layout=layout)
        FigureCanvasAgg(figure)
        yield figure


def _bytes(figure: Figure, kind: str) -> bytes:
    target = io.BytesIO()
    figure.savefig(target, format=kind, dpi=160, metadata={"Date": None} if kind == "svg" else None)
    return target.getvalue()
