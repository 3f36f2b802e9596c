"""A case whose images are in memory, such as those of a Slicer scene. The same checks as on files."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import SimpleITK as sitk

from .case import require
from .checks import check_unit
from .images import checked
from .modality import MASKS, MODALITIES


@dataclass(frozen=True)
class Loaded:
    """The images of one examination, as a :class:`~.case.Source`.

    Attributes
    ----------
    id
        ``sub-XXX`` or ``sub-XXX_ses-YY``.
    images
        Modality to image; only those that are there.
    sidecars
        Modality to what is known of it beside its voxels.
    """

    id: str
    images: Mapping[str, sitk.Image]
    sidecars: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def available(self) -> tuple[str, ...]:
        """The modalities that are there, in the order of the table."""
        return tuple(name for name in MODALITIES if name in self.images)

    def load(self, modality: str) -> sitk.Image:
        """One image, checked as :meth:`.case.Case.load` checks a file.

        Raises
        ------
        InputError
            If the case has none, or it is not usable.
        """
        require(self, modality)
        image = checked(self.images[modality], self.called(modality), may_be_empty=modality in MASKS)
        check_unit(image, modality, self.called(modality))
        return image

    def sidecar(self, modality: str) -> dict[str, Any]:
        """What is known of the image; empty if nothing is."""
        return dict(self.sidecars.get(modality, {}))

    def called(self, modality: str) -> str:
        """The modality: the image has no file, and its name in a scene may be that of a patient."""
        return MODALITIES[modality].label

    def digest(self, modality: str) -> str:
        """SHA-256 of the voxels (float32, little-endian, x fastest) and of where they lie (to 1e-5 mm)."""
        require(self, modality)
        image = self.images[modality]
        place = [image.GetSize(), *np.round([*image.GetSpacing(), *image.GetOrigin(), *image.GetDirection()], 5) + 0.0]
        digest = hashlib.sha256(repr([str(value) for value in place]).encode())
        digest.update(np.ascontiguousarray(sitk.GetArrayViewFromImage(image), dtype="<f4").data)
        return digest.hexdigest()
