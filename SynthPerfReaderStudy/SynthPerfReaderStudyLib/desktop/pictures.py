"""The images of stimuli as nodes of the scene: under their codes, without a file, seen by nothing but our views.

They are read by the stimulus itself, which checks that they are the ones that were made with the study; no node that
stores a file name, no entry among the recent files and no line in the error log comes of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import SimpleITK as sitk
from SynthPerfLib.desktop.nodes import to_node

from ..stimuli import StimulusImage


class Pictures:
    """The images that are in the scene: those on the screen, and those that come next.

    Parameters
    ----------
    scene
        The MRML scene.
    """

    def __init__(self, scene: Any) -> None:
        self._scene = scene
        self._nodes: dict[tuple[str, str], Any] = {}

    def node(self, code: str, image: StimulusImage) -> Any:
        """The node of an image; read if it is not there yet.

        Raises
        ------
        InputError
            If the file is not the one that was made with the study.
        """
        node = self._nodes.get((code, image.name))
        if node is None or node.GetScene() is None:
            node = self._nodes[code, image.name] = self._made(image.load(), f"{code} {image.name}")
        return node

    def nothing(self) -> Any:
        """The node of an image with nothing on it."""
        if ("", "") not in self._nodes:
            self._nodes["", ""] = self._made(sitk.Image(2, 2, 2, sitk.sitkFloat32), "Nothing")
        return self._nodes["", ""]

    def next_missing(self, code: str, images: Mapping[str, StimulusImage]) -> StimulusImage | None:
        """An image that is not in the scene yet; None if all are."""
        return next((image for name, image in images.items() if (code, name) not in self._nodes), None)

    def _made(self, voxels: sitk.Image, name: str) -> Any:
        node = to_node(voxels, self._scene, name)
        for hidden in (node, node.GetDisplayNode()):
            hidden.SetHideFromEditors(True)
            hidden.SetSaveWithScene(False)
            hidden.SetUndoEnabled(False)
        return node

    def keep_only(self, *codes: str) -> None:
        """Remove the images of all other stimuli."""
        for key in [key for key in self._nodes if key[0] not in codes]:
            node = self._nodes.pop(key)
            if node.GetScene() is not None:
                display = node.GetDisplayNode()
                self._scene.RemoveNode(node)
                if display is not None and display.GetScene() is not None:
                    self._scene.RemoveNode(display)
