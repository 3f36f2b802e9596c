"""Inputs: a row for each modality, filled by hand, by names, or from a folder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from ..modality import INPUTS, MODALITIES
from .reading import READ, Guess, guess, title, volumes
from .workspace import Workspace


class InputsSection:
    """The rows of the section.

    Parameters
    ----------
    ui
        The panel's named widgets.
    """

    def __init__(self, ui: Any, workspace: Workspace) -> None:
        self.workspace = workspace
        self.selectors: dict[str, Any] = {}
        self.marks: dict[str, Any] = {}
        self._why: dict[str, str] = {}
        self._known: tuple[str, ...] = INPUTS
        self._any_subset = True
        self._refreshing = False
        grid = qt.QGridLayout(ui.inputsRows)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setColumnStretch(1, 1)
        for row, name in enumerate(READ):
            self._add_row(grid, row, name)
        ui.guessButton.connect("clicked()", self.guess)

    def _add_row(self, grid: Any, row: int, name: str) -> None:
        selector = slicer.qMRMLNodeComboBox()
        masks = ["vtkMRMLLabelMapVolumeNode", "vtkMRMLScalarVolumeNode"]
        selector.nodeTypes = masks if name == "BRAIN" else ["vtkMRMLScalarVolumeNode"]
        selector.showChildNodeTypes = False
        selector.noneEnabled = True
        selector.noneDisplay = _("none")
        selector.addEnabled = selector.removeEnabled = selector.renameEnabled = False
        selector.objectName = f"{name}Selector"
        selector.accessibleName = title(name)
        selector.setMRMLScene(self.workspace.scene)
        selector.connect("currentNodeChanged(vtkMRMLNode*)", lambda node: self._choose(name, node))
        label, mark = qt.QLabel(title(name)), qt.QLabel()
        label.setBuddy(selector)
        for column, widget in enumerate((label, selector, mark)):
            grid.addWidget(widget, row, column)
        self.selectors[name], self.marks[name] = selector, mark

    def fill(self, found: Mapping[str, Any], why: Mapping[str, str]) -> None:
        """Choose images; the reasons go into the tool tips.

        Parameters
        ----------
        found
            Modality to node.
        """
        self._why.update(why)
        parameters = self.workspace.parameters
        was = parameters.StartModify()
        for name, node in found.items():
            setattr(parameters, name, node)
        parameters.EndModify(was)
        self.refresh()

    def clear(self) -> None:
        """Choose nothing."""
        self.fill(dict.fromkeys(READ), dict.fromkeys(READ, ""))

    def guess(self) -> None:
        """Choose by names what is not chosen yet, and say what was found."""
        parameters = self.workspace.parameters
        empty = [name for name in READ if getattr(parameters, name) is None]
        taken = {node.GetID() for name in READ if (node := getattr(parameters, name)) is not None}
        candidates = [node for node in volumes(self.workspace.scene) if node.GetID() not in taken]
        sure, doubts = guess(candidates)
        new: dict[str, Guess] = {name: one for name, one in sure.items() if name in empty}
        doubts = {name: words for name, words in doubts.items() if name in empty}
        self.fill(
            {name: one.node for name, one in new.items()},
            {**{name: _("Chosen by its name: {why}.").format(why=one.why) for name, one in new.items()}, **doubts},
        )
        titles = ", ".join(title(name) for name in new)
        found = _("Found: {images}.").format(images=titles) if new else _("No further image was found by its name.")
        self.workspace.said.emit(" ".join([found, *doubts.values()]))

    def for_model(self, known: tuple[str, ...], any_subset: bool) -> None:
        """Mark the rows for a model.

        Parameters
        ----------
        known
            The modalities it was trained with.
        any_subset
            Whether it works on any of them, or on all only.
        """
        self._known, self._any_subset = known, any_subset
        self.refresh()

    def refresh(self) -> None:
        """Show what the workspace holds."""
        self._refreshing = True
        for name, selector in self.selectors.items():
            node = getattr(self.workspace.parameters, name)
            selector.setCurrentNode(node)
            word, words = self._mark(name, node is not None)
            self.marks[name].text = word
            why = self._why.get(name, "")
            selector.toolTip = self.marks[name].toolTip = " ".join(filter(None, (words, why)))
        self._refreshing = False

    def _choose(self, name: str, node: Any) -> None:
        # While a scene is loaded or closed the selectors follow it, not the user.
        if self._refreshing or self.workspace.scene.IsBatchProcessing():
            return
        if getattr(self.workspace.parameters, name) is not node:
            self._why.pop(name, None)
            setattr(self.workspace.parameters, name, node)

    def _mark(self, name: str, chosen: bool) -> tuple[str, str]:
        """A word for the end of the row, and a sentence for its tool tip."""
        unit = MODALITIES[name].unit
        due = _("Values in {unit}.").format(unit=unit) if unit else ""
        if name == "CBV":
            words = _("Measured blood volume, shown beside the synthetic map. It is not used to make the map.")
            return (_("compared") if chosen else _("optional")), f"{words} {due}"
        if name == "BRAIN":
            words = _("Without a mask the brain is found in the reference image (T1 where there is one).")
            return (_("in use") if chosen else _("optional")), words
        if name not in self._known:
            return _("not used by this model"), _("The chosen model was not trained with this image.")
        if chosen:
            return _("in use"), due
        if self._any_subset:
            words = _("The map can be made without it, from the images that are there.")
            return _("optional"), f"{words} {due}"
        return _("missing"), _("The chosen model needs this image. {due}").format(due=due)
