"""How the reading mode looks: dark and quiet, one accent colour; the colours are those of every seat."""

from __future__ import annotations

from typing import Any

import qt

GROUND, PANEL, LINE, TEXT, SOFT, ACCENT, WARN = (
    "#0c0e10",
    "#15181b",
    "#363c42",
    "#e8eaed",
    "#a9b1b9",
    "#7cc4ff",
    "#ffb86b",
)

SHEET = f"""
QWidget {{ background: {PANEL}; color: {TEXT}; font-size: 14px; }}
QLabel {{ background: transparent; }}
QPushButton, QLineEdit, QPlainTextEdit {{ background: #22272c; border: 1px solid #5c656d; border-radius: 4px;
  padding: 4px 8px; }}
QPushButton:hover {{ background: #2f363d; }}
QSlider {{ background: transparent; }}
QPushButton:focus, QLineEdit:focus, QPlainTextEdit:focus, QRadioButton:focus {{ border: 1px solid {ACCENT}; }}
QPushButton:checked {{ border-color: {ACCENT}; background: #1d3a52; }}
QPushButton:disabled {{ color: #7a828a; }}
QPushButton#main {{ background: #1c5d92; border-color: #3f8cc9; font-weight: 600; padding: 8px; }}
QPushButton#main:hover {{ background: #2470ad; }}
QRadioButton::indicator {{ width: 12px; height: 12px; border-radius: 8px; border: 2px solid #8d97a0;
  background: {GROUND}; }}
QRadioButton::indicator:checked {{ border: 5px solid {ACCENT}; width: 6px; height: 6px; background: {GROUND}; }}
QSlider::groove:horizontal {{ height: 6px; border-radius: 3px; background: {LINE}; }}
QSlider::handle:horizontal {{ width: 16px; margin: -6px 0; border-radius: 8px; background: {TEXT}; }}
QSlider::handle:horizontal:focus {{ background: {ACCENT}; }}
QSlider#unset::handle:horizontal {{ background: {PANEL}; border: 2px solid #8d97a0; }}
QToolBar {{ border: 0; spacing: 0; }}
QRadioButton {{ background: transparent; padding: 2px; border: 1px solid transparent; border-radius: 3px; }}
QScrollBar:vertical {{ background: {PANEL}; width: 12px; }}
QScrollBar::handle:vertical {{ background: #5c656d; border-radius: 5px; min-height: 30px; margin: 1px; }}
QScrollBar::add-line:vertical, QScrollBar::sub-line:vertical {{ height: 0; }}
QFrame#question {{ border: 1px solid {LINE}; border-left: 4px solid {LINE}; border-radius: 4px; }}
QFrame#marked {{ border: 1px solid {LINE}; border-left: 4px solid {ACCENT}; border-radius: 4px; background: #1d2226; }}
QLabel#soft {{ color: {SOFT}; }}
QLabel#warn {{ color: {WARN}; }}
QLabel#title {{ font-size: 20px; font-weight: 600; }}
QLabel#legend {{ font-weight: 600; }}
QScrollArea {{ border: 0; }}
QToolTip {{ color: {TEXT}; background: {PANEL}; }}
"""


def ground() -> Any:
    """A widget that others stand on, in the colours of the reading mode."""
    made = qt.QWidget()
    made.setAttribute(qt.Qt.WA_StyledBackground, True)
    made.setStyleSheet(SHEET)
    return made


def label(text: str = "", name: str = "", wraps: bool = True) -> Any:
    """A text; ``name`` says how it looks (``soft``, ``warn``, ``title``, ``legend``). Never read as HTML."""
    made = qt.QLabel()
    made.setObjectName(name)
    made.setTextFormat(qt.Qt.PlainText)
    made.setWordWrap(wraps)
    made.setText(text)
    return made


def button(text: str, does: Any, tip: str = "", name: str = "") -> Any:
    """A button that keeps the keyboard where it is."""
    made = qt.QPushButton(text)
    made.setObjectName(name)
    made.setToolTip(tip)
    made.setAutoDefault(False)
    made.connect("clicked()", does)
    return made


def restyle(widget: Any, name: str) -> None:
    """Let a widget look as its new name says."""
    if widget.objectName != name:
        widget.setObjectName(name)
        widget.style().unpolish(widget)
        widget.style().polish(widget)


def row(*widgets: Any) -> Any:
    """Widgets side by side; None pushes those after it to the right."""
    made = qt.QHBoxLayout()
    made.setContentsMargins(0, 0, 0, 0)
    for widget in widgets:
        if widget is None:
            made.addStretch(1)
        else:
            made.addWidget(widget)
    return made


def empty(layout: Any) -> None:
    """Take everything out of a layout."""
    while layout.count():
        item = layout.takeAt(0)
        if item.widget() is not None:
            item.widget().hide()
            item.widget().deleteLater()
        elif item.layout() is not None:
            empty(item.layout())
