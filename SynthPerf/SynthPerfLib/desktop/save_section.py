"""Save: the map as a file with its sidecar, or the scene as a whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from ..case import sidecar_of
from ..errors import InputError
from ..headers import IMAGE_ENDINGS
from ..images import write_image, write_json
from . import nodes
from .sentences import sentence
from .workspace import Workspace


class SaveSection:
    """The section's two buttons."""

    def __init__(self, ui: Any, workspace: Workspace) -> None:
        self.ui, self.workspace = ui, workspace
        ui.saveMapButton.connect("clicked()", self._ask)
        ui.saveSceneButton.connect("clicked()", self._save_scene)

    def refresh(self) -> None:
        """Show whether there is something to save."""
        there = self.workspace.map is not None
        self.ui.saveMapButton.enabled = there
        self.ui.saveMapButton.toolTip = (
            _("Write the map as a NIfTI file, and beside it how it was made.") if there else _("Make a map first.")
        )

    def save(self, path: Path) -> None:
        """Write the map and its sidecar; says what was done or why not."""
        try:
            save_map(self.workspace.map, path)
        except Exception as error:  # shown here, once
            self.workspace.said.emit(sentence(error))
        else:
            self.workspace.said.emit(_("The map is saved in {path}.").format(path=path))

    def _ask(self) -> None:
        start = str(Path.home() / default_name(self.workspace))
        found = qt.QFileDialog.getSaveFileName(self.ui.saveMapButton, _("Save map"), start, "NIfTI (*.nii.gz *.nii)")
        path = found[0] if isinstance(found, tuple) else found
        if path:
            self.save(Path(path))

    def _save_scene(self) -> None:
        slicer.util.openSaveDataDialog()


def default_name(workspace: Workspace) -> str:
    """The name that the command line gives a map; the case is known if it was read from a folder."""
    cases = {(node.GetAttribute(nodes.CASE) or "").partition(" ")[0] for node in workspace.inputs.values()}
    case = cases.pop() if len(cases) == 1 else ""
    bundle = (workspace.map.GetAttribute(nodes.BUNDLE) or "").partition(" ")[0] if workspace.map is not None else ""
    return f"{case or 'sub-01'}_desc-{bundle or 'synthetic'}_cbv.nii.gz"


def save_map(node: Any, path: Path) -> None:
    """Write a map with its sidecar; both are there or none is.

    Raises
    ------
    InputError
        If the name has no known ending, or the folder cannot be written to.
    """
    if not path.name.lower().endswith(IMAGE_ENDINGS):
        path = path.with_name(f"{path.name}.nii.gz")
    image = nodes.to_image(node)
    try:
        sidecar_of(path).unlink(missing_ok=True)
        write_image(image, path)
        write_json(nodes.sidecar(node), sidecar_of(path))  # last: it says that the map is complete
    except (RuntimeError, OSError) as error:
        raise InputError(
            _("{folder} cannot be written to: choose another folder, or free some space.").format(folder=path.parent)
        ) from error
