"""The model's card: what it needs, what it was trained with, how good it is."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any

import qt
from slicer.i18n import tr as _

from ..bundle import CARD, Bundle
from ..modality import MODALITIES


def card_html(bundle: Bundle) -> str:
    """The card as HTML."""
    about = bundle.metadata
    need = _("any of them") if bundle.any_subset else _("all of them")
    inputs = [(MODALITIES[name].label, MODALITIES[name].unit or _("any scale")) for name in bundle.modalities]
    grid = bundle.inference["grid"]
    training = about.get("training")
    facts = [
        (_("Version"), str(about.get("version", _("not told")))),
        (_("Network"), bundle.network_name),
        (_("Output"), f"{MODALITIES['CBV'].label}, {MODALITIES['CBV'].unit}"),
        (
            _("Slices"),
            _("{plane} mm in plane, {thin} to {thick} mm apart; other images are resliced").format(
                plane=grid["in_plane_mm"], thin=grid["thinnest_mm"], thick=grid["thickest_mm"]
            ),
        ),
        (_("Training"), _training(training if isinstance(training, Mapping) else {})),
        *((_metric(name), str(value)) for name, value in dict(about.get("eval_metrics", {})).items()),
    ]
    rows = "".join(f"<tr><td>{html.escape(a)}&nbsp;&nbsp;</td><td>{html.escape(b)}</td></tr>" for a, b in facts)
    images = "".join(f"<tr><td>{html.escape(a)}&nbsp;&nbsp;</td><td>{html.escape(b)}</td></tr>" for a, b in inputs)
    return (
        f"<h2>{html.escape(bundle.name)}</h2>"
        f"<p><b>{html.escape(str(about.get('intended_use') or _('Research use only.')))}</b></p>"
        f"<p>{html.escape(str(about.get('description', '')))}</p>"
        f"<h3>{html.escape(_('Images ({need})').format(need=need))}</h3><table>{images}</table>"
        f"<h3>{html.escape(_('Facts'))}</h3><table>{rows}</table>"
    )


def _metric(name: str) -> str:
    """What a number is called that tells how good the model is."""
    words = {
        "mae": _("mean absolute error, mL/100 g"),
        "rmse": _("root mean square error, mL/100 g"),
        "ssim": _("structural similarity (SSIM), 0 to 1"),
    }
    where, _sep, short = name.rpartition("_")
    return f"{words.get(short, short)} ({where})" if where else words.get(short, short)


def _training(training: Mapping[str, Any]) -> str:
    if "cases" not in training:
        return _("not told")
    words = _("{cases} cases").format(cases=training["cases"])
    if training.get("phantoms"):
        words += _(
            ", all simulated: the model has seen no patient and shows that the software works, not what a patient has"
        )
    return words


def make_card(bundle: Bundle, parent: Any) -> Any:
    """The card's window."""
    window = qt.QDialog(parent)
    window.windowTitle = _("Model card")
    window.resize(640, 560)
    text = qt.QTextBrowser()
    text.openExternalLinks = True
    card = bundle.folder / CARD
    text.setHtml(card_html(bundle))
    text.toolTip = _("The whole card is the file {file} of the model's folder.").format(file=card.name)
    close = qt.QPushButton(_("Close"))
    close.connect("clicked()", window.accept)
    layout = qt.QVBoxLayout(window)
    layout.addWidget(text)
    layout.addWidget(close)
    return window


def show_card(bundle: Bundle, parent: Any) -> None:
    """Show the card until it is closed."""
    make_card(bundle, parent).exec_()
